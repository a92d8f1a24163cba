%% Workers that need nothing of each other: the time until the last one is done.
-module(show_fib).
-export([main/1]).

main([Workers, Size]) ->
    W = list_to_integer(Workers),
    N = list_to_integer(Size),
    T0 = erlang:monotonic_time(microsecond),
    Refs = [spawn_monitor(fun() -> exit(fib(N)) end) || _ <- lists:seq(1, W)],
    [F] = lists:usort([receive {'DOWN', R, _, _, V} -> V end || {_, R} <- Refs]),
    T1 = erlang:monotonic_time(microsecond),
    io:format("FIGURE fib ~w~nFIGURE wall_us ~w~n", [F, T1 - T0]).

fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).
