%% ring: a token goes round a ring of processes; sends, receives and switches.
-module(ring).
-export([start/0]).
-ifndef(SIZE).
-define(SIZE, 20000).
-endif.
start() ->
    Self = self(),
    Last = lists:foldl(fun(_, Next) -> spawn(fun() -> node_loop(Next) end) end, Self,
                       lists:seq(1, 100)),
    io:format("RESULT ring ~w ~w~n", [?SIZE, turns(?SIZE, Last, 0)]).
node_loop(Next) -> receive T -> Next ! T + 1, node_loop(Next) end.
turns(0, _, Acc) -> Acc;
turns(N, Last, Acc) -> Last ! 0, receive T -> turns(N - 1, Last, Acc + T) end.
