%% selective: calls answered past a mailbox of a hundred thousand other messages.
-module(selective).
-export([start/0]).
-ifndef(SIZE).
-define(SIZE, 100000).
-endif.
start() ->
    [self() ! {noise, N} || N <- lists:seq(1, ?SIZE)],
    Server = spawn(fun server/0),
    io:format("RESULT selective ~w ~w~n", [?SIZE, calls(?SIZE, Server, 0)]).
server() -> receive {From, Ref, N} -> From ! {Ref, N + 1}, server() end.
calls(0, _, Acc) -> Acc;
calls(N, Server, Acc) ->
    Ref = make_ref(),
    Server ! {self(), Ref, N},
    receive {Ref, M} -> calls(N - 1, Server, (Acc + M) band 16#FFFFFF) end.
