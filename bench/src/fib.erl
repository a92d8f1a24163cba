%% fib: calls, comparisons and small integer arithmetic.
-module(fib).
-export([start/0]).
-ifndef(SIZE).
-define(SIZE, 34).
-endif.
start() -> io:format("RESULT fib ~w ~w~n", [?SIZE, fib(?SIZE)]).
fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).
