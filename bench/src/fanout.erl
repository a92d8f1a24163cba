%% fanout: workers that compute on their own; two schedulers should take half the wall time.
-module(fanout).
-export([start/0]).
-ifndef(SIZE).
-define(SIZE, 27).
-endif.
start() ->
    Self = self(),
    N = 16,
    [spawn(fun() -> Self ! {result, fib(?SIZE)} end) || _ <- lists:seq(1, N)],
    Sum = lists:sum([receive {result, R} -> R end || _ <- lists:seq(1, N)]),
    io:format("RESULT fanout ~w ~w~n", [?SIZE, Sum]).
fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).
