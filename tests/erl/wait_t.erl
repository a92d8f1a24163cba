%% wait_t: receives without clauses, while other signals keep coming.
-module(wait_t).
-export([start/0]).

start() ->
    Self = self(),
    Noise = spawn(fun() -> noise(Self, 200) end),
    receive after 50 -> ok end,
    io:format("slept~n"),
    T0 = erlang:monotonic_time(millisecond),
    timer_loop(20, 5),
    io:format("slept often: ~p~n", [erlang:monotonic_time(millisecond) - T0 >= 100]),
    receive after 0 -> ok end,
    R = monitor(process, Noise),
    %% It may have ended before.
    receive {'DOWN', R, process, Noise, Why1} when Why1 =:= normal; Why1 =:= noproc -> ok end,
    io:format("messages: ~p~n", [count(0)]),
    P = spawn(fun() -> receive after infinity -> ok end end),
    Info = process_info(P, [links]),
    exit(P, stop),
    R2 = monitor(process, P),
    io:format("~p ~p~n", [Info, receive {'DOWN', R2, process, P, Why} -> Why =:= stop orelse Why end]).

timer_loop(0, _) -> ok;
timer_loop(N, Ms) -> receive after Ms -> timer_loop(N - 1, Ms) end.

noise(_, 0) -> ok;
noise(To, N) -> To ! N, receive after 1 -> noise(To, N - 1) end.

count(N) -> receive I when is_integer(I) -> count(N + 1) after 0 -> N end.
