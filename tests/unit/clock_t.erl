%% clock_t: Erlang half of test_clock.c. The wall clock is set while it waits; see there.
-module(clock_t).
-export([multi/0, single/0, slow/0, quiet/0]).

%% +3600 s at 10 s, -10 s at 20 s. What two processes, one of them without memory of the second change, hear.
multi() ->
    Self = self(),
    O0 = erlang:time_offset(second),
    R = erlang:monitor(time_offset, clock_service),
    T = erlang:monitor(time_offset, clock_service, [{tag, {my, "tag"}}]),
    A = erlang:monitor(time_offset, clock_service, [{alias, explicit_unalias}]),
    Gone = spawn(fun() -> erlang:monitor(time_offset, clock_service), Self ! ready, receive never -> ok end end),
    receive ready -> ok end,
    exit(Gone, kill),
    M0 = erlang:monotonic_time(second),
    {'CHANGE', R, time_offset, clock_service, O1} = receive X1 when element(2, X1) =:= R -> X1 end,
    {{my, "tag"}, T, time_offset, clock_service, O1} = receive X2 when element(2, X2) =:= T -> X2 end,
    {'CHANGE', A, time_offset, clock_service, O1} = receive X3 when element(2, X3) =:= A -> X3 end,
    O1 = erlang:time_offset(),
    M1 = erlang:monotonic_time(second),
    {monitors, Ms} = process_info(self(), monitors),
    true = erlang:demonitor(A, [info]),
    false = erlang:demonitor(A, [info]),
    A ! still_an_alias,
    receive still_an_alias -> ok end,
    {'CHANGE', R, _, _, O2} = receive X4 when element(2, X4) =:= R -> X4 end,
    true = erlang:demonitor(T, [flush]),
    true = erlang:demonitor(R),
    receive More -> exit({more, More}) after 0 -> ok end,
    {second(O1) - O0, second(O2) - O0, M1 - M0, Ms, erlang:system_info(time_offset)}.

%% +3600 s at 10 s: nothing changes until it is said.
single() ->
    O0 = erlang:time_offset(second),
    R = erlang:monitor(time_offset, clock_service),
    receive X -> exit(X) after 20000 -> ok end,
    O0 = erlang:time_offset(second),
    preliminary = erlang:system_info(time_offset),
    preliminary = erlang:system_flag(time_offset, finalize),
    final = erlang:system_flag(time_offset, finalize),
    {'CHANGE', R, time_offset, clock_service, O1} = receive Y -> Y end,
    final = erlang:system_info(time_offset),
    second(O1) - O0.

%% +20 s at 1 s: for 2000 s by the host's clock ours runs 1 % faster, timers included.
slow() ->
    O0 = erlang:time_offset(),
    receive after 2000 -> ok end,
    T0 = erlang:system_time(millisecond),
    W0 = os:system_time(millisecond),
    Begin = erlang:monotonic_time(millisecond),
    erlang:start_timer(Begin + 1000000, self(), abs, [{abs, true}]),
    R = erlang:start_timer(1000000, self(), relative),
    receive {timeout, _, abs} -> ok end,
    receive {timeout, R, relative} -> ok end,
    T1 = erlang:system_time(millisecond),
    W1 = os:system_time(millisecond),
    receive after 2000000 -> ok end,
    T2 = erlang:system_time(millisecond),
    W2 = os:system_time(millisecond),
    O0 = erlang:time_offset(),
    {(T1 - T0) div 1000, (W1 - W0) div 100, (W2 - T2) div 10}.

%% Who no longer watches keeps nothing going.
quiet() ->
    R = erlang:monitor(time_offset, clock_service),
    erlang:demonitor(R),
    spawn_monitor(fun() -> erlang:monitor(time_offset, clock_service) end),
    receive {'DOWN', _, _, _, normal} -> ok end.

second(Native) -> erlang:convert_time_unit(Native, native, second).
