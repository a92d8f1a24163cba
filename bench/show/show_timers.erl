%% N timers of different times are started, then all are cancelled.
-module(show_timers).
-export([main/1]).

main([Text]) ->
    N = list_to_integer(Text),
    T0 = erlang:monotonic_time(microsecond),
    Refs = start(N, []),
    T1 = erlang:monotonic_time(microsecond),
    N = cancel(Refs, 0),
    T2 = erlang:monotonic_time(microsecond),
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
