%% N timers of different times are started, then all are cancelled.
-module(show_timers).
-export([main/1]).

main([Text]) ->
    N = list_to_integer(Text),
    T0 = cpu_us(),
    Refs = start(N, []),
    T1 = cpu_us(),
    N = cancel(Refs, 0),
    T2 = cpu_us(),
    receive Any -> exit({unexpected, Any}) after 0 -> ok end,
    io:format("FIGURE start_ns ~w~nFIGURE cancel_ns ~w~n",
              [(T1 - T0) * 1000 div N, (T2 - T1) * 1000 div N]).

start(0, Refs) -> Refs;
start(N, Refs) ->
    start(N - 1, [erlang:start_timer(60000 + N rem 3600000, self(), N) | Refs]).

cancel([], N) -> N;
cancel([Ref | Refs], N) ->
    Left = erlang:cancel_timer(Ref),
    true = is_integer(Left),
    cancel(Refs, N + 1).

%% CPU time, so that other programs on the machine do not count.
cpu_us() -> element(1, statistics(runtime)) * 1000.
