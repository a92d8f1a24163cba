%% What boot_debugger.erl interprets.
-module(boot_debugged).
-export([fact/1, boom/1, catches/1, funs/1, bytes/1, wait/1]).

fact(0) ->
    1;
fact(N) ->
    X = N - 1,
    Y = fact(X),
    N * Y.

boom(X) ->
    Y = X + 1,
    error({boom, Y}).

catches(X) ->
    try boom(X)
    catch error:{boom, Y} -> {caught, Y}
    after put(done, yes)
    end.

funs(L) ->
    Add = fun(E, S) -> E + S end,
    {lists:foldl(Add, 0, L), [E * 2 || E <- L, E > 1], lists:map(fun fact/1, L)}.

bytes(<<>>) -> [];
bytes(<<A, Rest/binary>>) -> [A | bytes(Rest)].

wait(From) ->
    receive
        {add, N} ->
            From ! {self(), N + 1},
            wait(From);
        stop ->
            stopped
    end.
