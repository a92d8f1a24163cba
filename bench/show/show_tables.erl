%% One table used by one process and by two at once, without and with the concurrency options: the
%% least time of an operation (picoseconds) over many short rounds.
-module(show_tables).
-export([main/1]).

-define(EACH, 20000).

main([Rounds]) ->
    N = list_to_integer(Rounds),
    [io:format("FIGURE ~s_~s_~w ~w~n",
               [Work, Name, Processes, lists:min([round(Fun, Options, Processes) || _ <- lists:seq(1, N)])])
     || {Work, Fun} <- works(), {Name, Options} <- options(), Processes <- [1, 2]].

options() ->
    [{plain, []}, {read, [{read_concurrency, true}]}, {write, [{write_concurrency, true}]},
     {both, [{write_concurrency, true}, {read_concurrency, true}]}].

works() ->
    [{lookup, fun(T, _, I) -> ets:lookup(T, I band 4095) end},
     {insert, fun(T, P, I) -> ets:insert(T, {{P, I band 4095}, I}) end},
     {counter, fun(T, P, _) -> ets:update_counter(T, P, 1) end},
     {mixed, fun(T, P, I) when I band 7 =:= 0 -> ets:insert(T, {P * 4096 + (I band 4095), I});
                (T, _, I) -> ets:lookup(T, I * 7 band 4095)
             end}].

round(Fun, Options, Processes) ->
    T = ets:new(t, [public | Options]),
    ets:insert(T, [{I, I} || I <- lists:seq(0, 8191)]),
    Refs = [spawn_monitor(fun() -> receive go -> loop(Fun, T, P, ?EACH) end end)
            || P <- lists:seq(1, Processes)],
    T0 = erlang:monotonic_time(nanosecond),
    [Pid ! go || {Pid, _} <- Refs],
    [receive {'DOWN', R, _, _, normal} -> ok end || {_, R} <- Refs],
    T1 = erlang:monotonic_time(nanosecond),
    ets:delete(T),
    (T1 - T0) * 1000 div (?EACH * Processes).

loop(_, _, _, 0) -> ok;
loop(Fun, T, P, I) -> Fun(T, P, I), loop(Fun, T, P, I - 1).
