%% only: uv
%% erlang:system_monitor and erlang:system_profile: what they accept and show, and the events.
%% LING_TEST_NIFS names the folder of a native library that holds its scheduler up.
-module(sysmon_t).
-export([main/1]).

main(_) ->
    ok = tracer_two_aux:load(),
    monitor_options(),
    profile_options(),
    large_heap(),
    long_gc(),
    long_schedule(),
    busy_port(),
    monitor_gone(),
    runnable(),
    ports(),
    schedulers(),
    exclusive().

out(F, A) -> io:format(F ++ "~n", A).
try_(F) -> try norm(F()) catch C:R -> {C, R} end.
norm({P, L}) when P =:= self() -> {self, L};
norm(X) -> X.
dead() ->
    {D, M} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', M, _, _, _} -> D end.

monitor_options() ->
    S = self(),
    D = dead(),
    out("~p", [erlang:system_monitor()]),
    [out("~p: ~p ~p", [O, try_(fun() -> erlang:system_monitor(S, O) end), try_(fun() -> erlang:system_monitor() end)]) ||
        O <- [[], [busy_port], [busy_port, busy_dist_port], [{long_gc, 0}], [{long_gc, 10}], [{long_gc, foo}],
              [{long_gc, -1}], [{large_heap, 100}], [{large_heap, 100000}], [{long_schedule, 5}],
              [{long_schedule, 0}], [foo], foo, [busy_port | x],
              [{long_gc, 100}, {large_heap, 10000000}, {long_schedule, 300}, busy_port, busy_dist_port],
              [{long_gc, 100}, {long_gc, 700}], [{long_gc, 1 bsl 70}], [busy_port, {foo, 1}]]],
    out("~p", [try_(fun() -> erlang:system_monitor({S, [busy_port]}) end)]),
    [out("~p", [try_(fun() -> erlang:system_monitor(O) end)])
     || O <- [undefined, foo, {S, foo}, {D, [busy_port]}, {foo, [busy_port]}, {undefined, []}, {S}, {S, [], 1}]],
    [out("~p", [try_(fun() -> erlang:system_monitor(undefined, O) end)]) || O <- [[], [busy_port], foo]],
    erlang:system_monitor(S, [busy_port]),
    out("~p ~p", [try_(fun() -> erlang:system_monitor(S, []) end), erlang:system_monitor()]).

profile_options() ->
    S = self(),
    D = dead(),
    out("~p", [erlang:system_profile()]),
    [out("~p: ~p ~p", [O, try_(fun() -> erlang:system_profile(S, O) end), try_(fun() -> erlang:system_profile() end)]) ||
        O <- [[], [runnable_procs], [runnable_ports, runnable_procs], [scheduler], [exclusive],
              [timestamp, scheduler], [monotonic_timestamp, scheduler], [strict_monotonic_timestamp, scheduler],
              [cpu_timestamp, scheduler], foo, [foo], [scheduler | x],
              [exclusive, scheduler, runnable_procs, runnable_ports, strict_monotonic_timestamp]]],
    [out("~p", [try_(fun() -> erlang:system_profile(O, L) end)]) ||
        {O, L} <- [{undefined, []}, {undefined, [scheduler]}, {foo, [scheduler]}, {D, [scheduler]}, {S, []}]],
    out("~p", [erlang:system_profile()]),
    erlang:system_profile(undefined, []),
    flush().

flush() -> receive _ -> flush() after 0 -> ok end.

%% The keys of the event, all with integers.
shape(L) -> [K || {K, V} <- L, is_integer(V)].

%% A process that works until it is told to stop; the first event of it.
event(Kind, F) ->
    P = spawn(fun() -> work(F) end),
    receive {monitor, P, Kind, Info} -> P ! stop, Info end.
work(F) ->
    F(),
    receive stop -> ok after 0 -> work(F) end.

large_heap() ->
    erlang:system_monitor(self(), [{large_heap, 20000}]),
    out("~p", [shape(event(large_heap, fun() -> length(lists:seq(1, 200000)) end))]),
    off().
long_gc() ->
    erlang:system_monitor(self(), [{long_gc, 1}]),
    Info = event(long_gc, fun() -> L = lists:seq(1, 1000000), erlang:garbage_collect(), hd(L) end),
    out("~p ~p", [shape(Info), proplists:get_value(timeout, Info) >= 1]),
    off().
long_schedule() ->
    erlang:system_monitor(self(), [{long_schedule, 5}]),
    Info = event(long_schedule, fun() -> tracer_two_aux:nap(20), erlang:yield() end),
    out("~p ~p", [[K || {K, _} <- Info], proplists:get_value(timeout, Info) >= 5]),
    [out("~p", [is_place(proplists:get_value(K, Info))]) || K <- [in, out]],
    off().

is_place(undefined) -> true;
is_place({M, F, A}) -> is_atom(M) andalso is_atom(F) andalso is_integer(A).

busy_port() ->
    S = self(),
    Port = open_port({spawn_executable, "/bin/sleep"}, [{args, ["1000"]}, binary]),
    {os_pid, Os} = erlang:port_info(Port, os_pid),
    erlang:system_monitor(S, [busy_port]),
    P = spawn(fun() -> [catch port_command(Port, binary:copy(<<0>>, 5000000)) || _ <- [1, 2, 3]] end),
    M = monitor(process, P),
    receive {monitor, P, busy_port, Port} -> out("busy", []) end,
    port_close(Port),
    receive {'DOWN', M, _, _, _} -> ok end,
    os:cmd("kill " ++ integer_to_list(Os)),
    off().

off() ->
    out("~p", [element(2, erlang:system_monitor(undefined))]),
    flush().

monitor_gone() ->
    P = spawn(fun() -> receive stop -> ok end end),
    undefined = erlang:system_monitor(P, [busy_port]),
    out("~p", [erlang:system_monitor() =:= {P, [busy_port]}]),
    exit(P, kill),
    gone().
gone() ->
    case erlang:system_monitor() of
        undefined -> out("gone", []);
        _ -> erlang:yield(), gone()
    end.

runnable() ->
    [begin
         undefined = erlang:system_profile(self(), [runnable_procs | O]),
         P = spawn(fun() -> receive go -> ok end end),
         [profile(P, W) || W <- [active, inactive]],
         P ! go,
         [profile(P, W) || W <- [active, inactive]],
         erlang:system_profile(undefined, []),
         flush()
     end || O <- [[], [timestamp], [monotonic_timestamp], [strict_monotonic_timestamp]]].

%% Ports run for data and signals nobody waits for; schedulers sleep and wake.
ports() ->
    S = self(),
    undefined = erlang:system_profile(S, [runnable_ports]),
    P = open_port({spawn, "cat"}, [binary]),
    port_command(P, <<"hello">>),
    receive {P, {data, <<"hello">>}} -> ok end,
    [profile(P, W) || W <- [active, inactive]],
    {S, [runnable_ports]} = erlang:system_profile(undefined, []),
    port_close(P),
    flush().

schedulers() ->
    [begin
         undefined = erlang:system_profile(self(), [scheduler | O]),
         [scheduler(W, Kind) || W <- [inactive, active]],
         erlang:system_profile(undefined, []),
         flush()
     end || {O, Kind} <- [{[], now}, {[monotonic_timestamp], mono},
                          {[strict_monotonic_timestamp], strict}]].
%% Some scheduler, now or when the next one falls asleep; messages of another profile may be late.
scheduler(What, Kind) ->
    spawn(fun() -> ok end),
    receive
        {profile, scheduler, Id, What, N, Ts} when is_integer(Id), Id > 0, is_integer(N), N >= 0 ->
            case stamp(Ts) of
                Kind -> out("~p ~p", [What, Kind]);
                _ -> scheduler(What, Kind)
            end
    after 1 -> scheduler(What, Kind)
    end.

%% Who calls a port is not runnable meanwhile.
exclusive() ->
    S = self(),
    Caller = spawn(fun() ->
        P = open_port({spawn_driver, "ram_file_drv"}, [binary]),
        S ! ready,
        receive go -> ok end,
        [{id, _} = erlang:port_info(P, id) || _ <- lists:seq(1, 100)],
        S ! done,
        receive stop -> ok end
    end),
    receive ready -> ok end,
    undefined = erlang:system_profile(S, [runnable_procs, exclusive]),
    Caller ! go,
    receive done -> ok end,
    %% Not runnable during a call, and then again. When it falls asleep before and behind them is open.
    Told = [W || _ <- lists:seq(1, 200), W <- [what(Caller)]],
    out("~p", [lists:usort(pairs(Told))]),
    erlang:system_profile(undefined, []),
    Caller ! stop,
    flush().
what(P) -> receive {profile, P, What, _, _} -> What end.
pairs([A, B | T]) -> [lists:sort([A, B]) | pairs(T)];
pairs([]) -> [].

profile(P, What) ->
    receive {profile, P, What, Where, Ts} -> out("~p ~p ~p", [What, place(Where), stamp(Ts)]) end.
place({?MODULE, _, 0}) -> here;
place(X) -> X.
stamp({A, B, C}) when is_integer(A), is_integer(B), is_integer(C) -> now;
stamp({A, B}) when is_integer(A), is_integer(B) -> strict;
stamp(A) when is_integer(A) -> mono.
