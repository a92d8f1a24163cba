%% time_t: clocks, the time offset and who watches it, in the default mode; dates and the environment of
%% time. Both machines print the same.
-module(time_t).
-export([start/0]).
-compile(nowarn_deprecated_function).

start() ->
    [begin io:format("-- ~s~n", [N]), F() end || {N, F} <- [
        {"items", fun items/0}, {"monotonic", fun monotonic/0}, {"system time", fun system/0},
        {"now", fun now_/0}, {"monitor", fun monitor_/0}, {"flag", fun flag/0},
        {"timers", fun timers/0}, {"dates", fun dates/0}, {"units", fun units/0}]],
    ok.

-define(p(E), io:format("~s: ~p~n", [??E, E])).
-define(c(E), io:format("~s: ~p~n", [??E, caught(fun() -> E end)])).

caught(F) ->
    try F() of V -> {value, V}
    catch C:R:St -> {M, N, A, I} = hd(St), {C, R, {M, N, A}, proplists:get_value(error_info, I)}
    end.

items() ->
    [?p({I, erlang:system_info(I)}) || I <- [time_correction, time_offset, time_warp_mode, tolerant_timeofday]],
    [?p({I, [case T of {time, N} when is_integer(N) -> time; _ -> T end || T <- erlang:system_info(I)]})
     || I <- [os_monotonic_time_source, os_system_time_source]],
    S = erlang:system_info(start_time), E = erlang:system_info(end_time),
    M = erlang:monotonic_time(),
    ?p(is_integer(S) andalso is_integer(E) andalso S < M andalso M < E),
    %% more than a hundred years
    ?p(E - S > erlang:convert_time_unit(100 * 365 * 86400, second, native)),
    {time, T1} = lists:keyfind(time, 1, erlang:system_info(os_system_time_source)),
    ?p(abs(T1 - os:system_time()) < erlang:convert_time_unit(60, second, native)).

%% Never back, whoever looks.
monotonic() ->
    Self = self(),
    Relay = fun Relay(0, T) -> Self ! {done, T};
                Relay(N, T) ->
                    Now = erlang:monotonic_time(),
                    true = Now >= T,
                    spawn(fun() -> Relay(N - 1, Now) end)
            end,
    T0 = erlang:monotonic_time(),
    [spawn(fun() -> Relay(2000, erlang:monotonic_time()) end) || _ <- [1, 2, 3, 4]],
    Ts = [receive {done, T} -> T end || _ <- [1, 2, 3, 4]],
    ?p(lists:all(fun(T) -> T > T0 end, Ts)),
    Many = [erlang:monotonic_time() || _ <- lists:seq(1, 1000)],
    ?p(Many =:= lists:sort(Many)).

system() ->
    O = erlang:time_offset(),
    A = erlang:monotonic_time() + O,
    B = erlang:system_time(),
    C = erlang:monotonic_time() + erlang:time_offset(),
    ?p(A =< B andalso B =< C),
    ?p(O =:= erlang:time_offset()),
    {Mega, S, Us} = erlang:timestamp(),
    ?p(abs((Mega * 1000000 + S) * 1000000 + Us - erlang:system_time(microsecond)) < 60000000),
    ?p(abs(os:system_time(second) - erlang:system_time(second)) < 60),
    {M2, S2, U2} = os:timestamp(),
    ?p(abs((M2 * 1000000 + S2) * 1000000 + U2 - os:system_time(microsecond)) < 60000000),
    P = os:perf_counter(),
    ?p(os:perf_counter() >= P),
    ?p(os:perf_counter(second) >= erlang:convert_time_unit(P, perf_counter, second)).

%% Strictly later with every call, whoever calls.
now_() ->
    Self = self(),
    [spawn(fun() -> Self ! {nows, [erlang:now() || _ <- lists:seq(1, 2000)]} end) || _ <- [1, 2, 3, 4]],
    Lists = [receive {nows, L} -> L end || _ <- [1, 2, 3, 4]],
    ?p(lists:all(fun(L) -> L =:= lists:usort(L) end, Lists)),
    All = lists:append(Lists),
    ?p(length(lists:usort(All)) =:= length(All)),
    {Mega, S, Us} = erlang:now(),
    ?p(is_integer(Mega) andalso S < 1000000 andalso Us < 1000000).

monitor_() ->
    R = erlang:monitor(time_offset, clock_service),
    ?p(is_reference(R)),
    ?p(process_info(self(), monitors)),
    R2 = erlang:monitor(time_offset, clock_service, [{tag, {a, tag}}]),
    R3 = erlang:monitor(time_offset, clock_service, [{alias, explicit_unalias}]),
    R4 = erlang:monitor(time_offset, clock_service, [{alias, demonitor}]),
    ?p(process_info(self(), monitors)),
    R3 ! by_alias, R4 ! by_the_other,
    ?p(receive by_alias -> yes after 60000 -> no end),
    ?p(receive by_the_other -> yes after 60000 -> no end),
    ?p([erlang:demonitor(X, [info]) || X <- [R, R, R2, R2]]),
    ?p([erlang:demonitor(X, [flush, info]) || X <- [R3, R4, R3, R4]]),
    R3 ! by_alias, R4 ! by_the_other,
    ?p(receive by_alias -> yes after 60000 -> no end),
    ?p(erlang:unalias(R3)),
    ?p(erlang:unalias(R4)),
    ?p(process_info(self(), monitors)),
    %% One that never changes says nothing, and whoever ends takes its monitors along.
    {P, D} = spawn_monitor(fun() -> [erlang:monitor(time_offset, clock_service) || _ <- lists:seq(1, 100)] end),
    ?p(receive {'DOWN', D, process, P, Why} -> Why end),
    ?p(receive M -> M after 0 -> nothing end),
    ?c(erlang:monitor(time_offset, other_service)),
    ?c(erlang:monitor(time_offset, {clock_service, node()})),
    ?c(erlang:monitor(time_offset, 1)),
    ?c(erlang:monitor(time_offsets, clock_service)),
    ?c(erlang:monitor(time_offset, clock_service, [{tag}])),
    ?c(erlang:monitor(time_offset, clock_service, no_list)).

flag() ->
    ?c(erlang:system_flag(time_offset, finalize)),
    ?c(erlang:system_flag(time_offset, finalise)),
    ?c(erlang:system_info(time_offset)).

timers() ->
    Now = erlang:monotonic_time(millisecond),
    Start = erlang:convert_time_unit(erlang:system_info(start_time), native, millisecond),
    T1 = erlang:start_timer(Now - 1, self(), past, [{abs, true}]),
    ?p(receive {timeout, T1, past} -> true end),
    T2 = erlang:start_timer(Now + 20, self(), soon, [{abs, true}]),
    receive {timeout, T2, soon} -> ok end,
    ?p(erlang:monotonic_time(millisecond) >= Now + 20),
    erlang:send_after(Now + 10, self(), sent, [{abs, true}]),
    ?p(receive sent -> true end),
    T3 = erlang:start_timer(Now + 3600000, self(), late, [{abs, true}]),
    ?p(erlang:read_timer(T3) > 3500000),
    ?p(erlang:cancel_timer(T3) =< 3600000),
    ?p(erlang:read_timer(T3)),
    ?p(is_reference(erlang:start_timer(Start + 1, self(), x, [{abs, true}]))),
    ?p(receive {timeout, _, x} -> true end),
    Error = fun(F) -> try F(), none catch error:E -> E end end,
    ?p(Error(fun() -> erlang:start_timer(Start - 1000, self(), x, [{abs, true}]) end)),
    ?p(Error(fun() -> erlang:start_timer(-1, self(), x) end)),
    ?p(Error(fun() -> erlang:start_timer(-1, self(), x, [{abs, false}]) end)),
    ?p(Error(fun() -> erlang:start_timer(1 bsl 64, self(), x, [{abs, true}]) end)).

dates() ->
    Near = fun(A, B) ->
               abs(calendar:datetime_to_gregorian_seconds(A) - calendar:datetime_to_gregorian_seconds(B)) < 60 end,
    ?p(Near(erlang:localtime(), {erlang:date(), erlang:time()})),
    ?p(Near(erlang:universaltime(), calendar:system_time_to_universal_time(os:system_time(), native))),
    ?p(Near(erlang:localtime_to_universaltime(erlang:localtime()), erlang:universaltime())),
    ?p(Near(erlang:universaltime_to_localtime(erlang:universaltime()), erlang:localtime())),
    ?c(erlang:universaltime_to_localtime({{2023, 2, 29}, {0, 0, 0}})),
    ?c(erlang:localtime_to_universaltime({{2023, 13, 1}, {0, 0, 0}})),
    ?c(erlang:localtime_to_universaltime({{2023, 1, 1}, {0, 0, 0}}, maybe)),
    ?p(erlang:posixtime_to_universaltime(0)),
    ?p(erlang:universaltime_to_posixtime({{2038, 1, 19}, {3, 14, 8}})).

units() ->
    ?p([erlang:convert_time_unit(1, second, U) || U <- [native, nanosecond, microsecond, millisecond, second, 7, perf_counter]]),
    ?p([erlang:convert_time_unit(-1, nanosecond, U) || U <- [second, millisecond, 3]]),
    ?p([erlang:monotonic_time(U) div 1 =< erlang:monotonic_time(U) || U <- [second, 1, 1000, 1 bsl 70]]),
    [?c(erlang:F(U)) || F <- [monotonic_time, system_time, time_offset], U <- [years, 0, -1, 1.0]].
