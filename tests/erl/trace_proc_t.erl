%% What is told about traced processes: flags, messages, life, scheduling, collections.
-module(trace_proc_t).
-export([main/1, first/1, loop/0]).

main([]) ->
    ets:new(trace_proc_t, [named_table, public]),
    flags(),
    arguments(),
    sending(),
    receiving(),
    life(),
    inherited(),
    scheduling(),
    collecting(),
    stamps(),
    patterns(),
    tracers(),
    delivered().

out(F, A) -> io:format(F ++ "~n", A).

try_(F) ->
    try F() catch C:R -> {C, R} end.

%% Runs F in a traced process, the messages come with pids and references by order of appearance.
run(Name, Flags, F) ->
    collect(),
    P = spawn(fun() -> receive go -> ok end, catch F(), ets:insert(trace_proc_t, {self(), done}),
                       receive stop -> ok end end),
    waiting(P),
    Mon = monitor(process, P),
    1 = erlang:trace(P, true, Flags),
    P ! go,
    finished(P, Mon),
    demonitor(Mon, [flush]),
    sync(P),
    Last = last(P, Flags),
    erlang:trace(all, false, [all]),
    exit(P, kill),
    out("~p ~p", [Name, Flags]),
    show(without_last_out(collect()) ++ Last).

%% The end of P is told after others have heard of it.
last(P, Flags) ->
    case lists:member(exiting, Flags) of
        true -> receive {trace, P, out_exited, _} = M -> [M] end;
        false -> []
    end.

%% P may be waiting already when the trace ends, or not yet, and run again for a signal.
without_last_out([{trace, _, out, {?MODULE, '-run/3-fun-0-', _}} | _]) -> [];
without_last_out([M | Ms]) -> [M | without_last_out(Ms)];
without_last_out([]) -> [].

waiting(P) ->
    case process_info(P, status) of
        {status, waiting} -> ok;
        _ -> erlang:yield(), waiting(P)
    end.

%% F is over, or P is.
finished(P, Mon) ->
    case ets:member(trace_proc_t, P) of
        true -> ok;
        false -> receive {'DOWN', Mon, _, _, _} -> ok after 1 -> finished(P, Mon) end
    end.

%% The link to P is broken.
unlinked(P) ->
    {links, L} = process_info(self(), links),
    case lists:member(P, L) of
        true -> erlang:yield(), unlinked(P);
        false -> ok
    end.

sync(P) ->
    R = erlang:trace_delivered(P),
    receive {trace_delivered, P, R} -> ok end.

collect() ->
    receive M when element(1, M) =:= trace; element(1, M) =:= trace_ts -> [M | collect()]
    after 0 -> []
    end.

show(Ms) ->
    erase(),
    [out("  ~0p", [norm(M)]) || M <- Ms].

norm(T) when is_pid(T), T =:= self() -> self;
norm(T) when is_pid(T) -> names_aux:name("pid", T);
norm(T) when is_reference(T) -> names_aux:name("ref", T);
norm(T) when is_function(T) -> 'fun';
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm([H | T]) -> [norm(H) | norm(T)];
norm(T) -> T.

loop() -> receive stop -> ok end.

flags() ->
    P = spawn(?MODULE, loop, []),
    All = [send, 'receive', procs, call, silent, return_to, running, exiting, garbage_collection,
           timestamp, monotonic_timestamp, strict_monotonic_timestamp, arity, set_on_spawn,
           set_on_first_spawn, set_on_link, set_on_first_link, ports, running_procs,
           running_ports, all],
    [begin
         1 = erlang:trace(P, true, [F]),
         out("~p ~p", [F, erlang:trace_info(P, flags)]),
         1 = erlang:trace(P, false, [F]),
         {flags, []} = erlang:trace_info(P, flags)
     end || F <- All],
    erlang:trace(P, true, [send, call]),
    erlang:trace(P, true, [procs]),
    erlang:trace(P, false, [call]),
    S = self(),
    {tracer, S} = erlang:trace_info(P, tracer),
    out("~p", [erlang:trace_info(P, flags)]),
    erlang:trace(P, false, [all]),
    out("~p ~p", [erlang:trace_info(P, flags), erlang:trace_info(P, tracer)]),
    erlang:trace(new, true, [send]),
    out("~p ~p ~p", [erlang:trace_info(new, flags), erlang:trace_info(new_processes, flags),
                     try_(fun() -> erlang:trace_info(new, traced) end)]),
    Q = spawn(?MODULE, loop, []),
    out("~p", [erlang:trace_info(Q, flags)]),
    erlang:trace(new, false, [send]),
    out("~p", [erlang:trace_info(new, flags)]),
    out("~p", [erlang:trace_info(Q, flags)]),
    kill(P),
    kill(Q).

%% Who is counted is not on its way out.
kill(P) ->
    M = monitor(process, P),
    exit(P, kill),
    receive {'DOWN', M, _, _, _} -> ok end.

arguments() ->
    P = spawn(?MODULE, loop, []),
    {D, M} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', M, _, _, _} -> ok end,
    [out("~p ~p", [{W, How, Fl}, try_(fun() -> erlang:trace(Who, How, Fl) end)])
     || {W, Who, How, Fl} <-
            [{p, P, true, []}, {p, P, true, [foo]}, {p, P, true, [cpu_timestamp]},
             {p, P, true, [call | x]}, {p, P, true, foo}, {p, P, maybe, [call]},
             {p, P, false, []}, {d, D, true, [call]}, {d, D, false, [call]},
             {foo, foo, true, [call]}, {all, all, true, [cpu_timestamp]},
             {all, all, false, [cpu_timestamp]}, {new, new, true, []},
             {new, new_processes, true, []}, {new, new_ports, false, [all]},
             {existing, existing, true, []}, {3, 3, true, []}]],
    out("~p", [try_(fun() -> erlang:trace(P, true, [send, {tracer, D}]) end)]),
    out("~p", [erlang:trace_info(P, tracer)]),
    out("~p", [try_(fun() -> erlang:trace(P, true, [{tracer, foo}]) end)]),
    [out("~p ~p", [I, try_(fun() -> erlang:trace_info(P, I) end)])
     || I <- [flags, tracer, traced, call_count, foo]],
    out("~p ~p", [erlang:trace_info(D, flags), try_(fun() -> erlang:trace_info(foo, flags) end)]),
    N = erlang:trace(existing_processes, true, [procs]),
    out("~p", [N >= 2]),
    N = erlang:trace(existing_processes, false, [all]),
    1 = erlang:trace(P, true, [send]),
    S = self(),
    spawn(fun() -> S ! {other, try_(fun() -> erlang:trace(P, true, [call]) end)} end),
    receive {other, R} -> out("other tracer ~p", [R]) end,
    spawn(fun() -> S ! {other, try_(fun() -> erlang:trace(P, false, [send]) end)} end),
    receive {other, R2} -> out("other tracer off ~p ~p", [R2, erlang:trace_info(P, tracer)]) end,
    exit(P, kill).

sending() ->
    S = self(),
    register(trace_proc_t_main, S),
    run(sending, [send], fun() ->
        S ! hello,
        trace_proc_t_main ! foo,
        {trace_proc_t_main, node()} ! bar,
        {X, M} = spawn_monitor(fun() -> ok end),
        receive {'DOWN', M, _, _, _} -> ok end,
        X ! dead,
        catch nosuch ! a,
        {nosuch, node()} ! b,
        erlang:send(S, x, []),
        A = alias(),
        A ! aa,
        unalias(A),
        A ! bb,
        self() ! [self(), {1, 2.0, <<"bin">>, #{k => v}}],
        erlang:send_nosuspend(S, y)
    end),
    unregister(trace_proc_t_main),
    flush().

flush() -> receive _ -> flush() after 0 -> ok end.

receiving() ->
    S = self(),
    run(receiving, ['receive'], fun() ->
        self() ! a,
        receive a -> ok end,
        erlang:send_after(1, self(), b),
        receive b -> ok end,
        process_flag(trap_exit, true),
        spawn_link(fun() -> ok end),
        receive {'EXIT', _, normal} -> ok end,
        {_, _} = spawn_monitor(fun() -> exit(foo) end),
        receive {'DOWN', _, _, _, _} -> ok end,
        A = alias([reply]),
        A ! through_alias,
        receive through_alias -> ok end,
        receive after 2 -> ok end,
        receive after 0 -> ok end,
        S ! not_received
    end),
    flush(),
    %% What it receives while nobody traces it any more is not told.
    P = spawn(?MODULE, loop, []),
    erlang:trace(P, true, ['receive']),
    P ! one,
    receive {trace, P, 'receive', one} -> ok end,
    erlang:trace(P, false, ['receive']),
    M = monitor(process, P),
    P ! two,
    P ! stop,
    receive {'DOWN', M, _, _, _} -> ok end,
    sync(P),
    show(collect()).

first(X) -> X.

life() ->
    S = self(),
    run(life, [procs], fun() ->
        P2 = spawn(fun() -> receive after infinity -> ok end end),
        link(P2), unlink(P2), link(P2), link(P2),
        register(trace_proc_t_foo, self()), unregister(trace_proc_t_foo),
        spawn(?MODULE, first, [[a]]),
        spawn_monitor(lists, reverse, [[]]),
        catch link(S),
        unlink(S),
        catch link(spawn(fun() -> receive never -> ok end end))
    end),
    run(exits, [procs], fun() ->
        register(trace_proc_t_foo, self()),
        exit(self(), kill)
    end),
    run(linked, [procs], fun() ->
        Q = self(),
        spawn(fun() -> link(Q), unlink(Q), Q ! done end),
        receive done -> ok end
    end),
    run(killed, [procs], fun() ->
        spawn_link(fun() -> exit({bye, [1]}) end),
        receive never -> ok end
    end).

inherited() ->
    run(spawned, [procs, set_on_spawn], fun() ->
        {P, M} = spawn_monitor(fun() -> receive X -> X end end),
        P ! a,
        receive {'DOWN', M, _, _, _} -> ok end,
        {_, M2} = spawn_monitor(fun() -> exit(self(), kill), receive after 10 -> ok end end),
        receive {'DOWN', M2, _, _, _} -> ok end
    end),
    run(first_spawn, [procs, set_on_first_spawn], fun() ->
        {P, M} = spawn_monitor(fun() -> receive X -> X end end),
        P ! a,
        receive {'DOWN', M, _, _, _} -> ok end,
        {_, M2} = spawn_monitor(fun() -> ok end),
        receive {'DOWN', M2, _, _, _} -> ok end
    end),
    L = spawn(?MODULE, loop, []),
    run(link, [procs, set_on_link], fun() -> link(L), L ! stop, unlinked(L) end),
    run(first_link, [procs, set_on_first_link], fun() ->
        P2 = spawn_link(fun() -> receive X -> X end end),
        P2 ! a,
        unlinked(P2),
        P3 = spawn_link(fun() -> receive X -> X end end),
        P3 ! a,
        unlinked(P3)
    end).

scheduling() ->
    run(running, [running], fun() -> receive after 3 -> ok end, receive after 3 -> ok end end),
    run(exiting, [exiting], fun() -> receive after 3 -> ok end, exit(self(), kill) end),
    P = spawn(?MODULE, first, [a]),
    out("~p", [is_pid(P)]),
    erlang:trace(new, true, [running, procs]),
    {_, M} = spawn_monitor(?MODULE, first, [a]),
    receive {'DOWN', M, _, _, _} -> ok end,
    erlang:trace(new, false, [all]),
    show(collect()).

collecting() ->
    P = spawn(fun() -> receive go -> erlang:garbage_collect() end, receive stop -> ok end end),
    erlang:trace(P, true, [garbage_collection]),
    P ! go,
    Gcs = [receive {trace, P, T1, _} = T2 -> T2 end || T1 <- [gc_major_start, gc_major_end]],
    erlang:trace(P, false, [all]),
    exit(P, kill),
    [out("~p ~p", [Tag, [K || {K, V} <- Info, is_integer(V)]]) || {trace, _, Tag, Info} <- Gcs].

stamps() ->
    [begin
         P = spawn(fun() -> receive go -> register(trace_proc_t_x, self()) end, receive stop -> ok end end),
         erlang:trace(P, true, [procs | Fl]),
         P ! go,
         Ts = receive {trace_ts, P, register, trace_proc_t_x, Ts0} -> Ts0 end,
         erlang:trace(P, false, [all]),
         M = monitor(process, P),
         exit(P, kill),
         receive {'DOWN', M, _, _, _} -> ok end,
         Kind = case Ts of
                    {A, B, C} when is_integer(A), is_integer(B), B < 1000000, C < 1000000 -> now;
                    {A, B} when is_integer(A), is_integer(B) -> strict;
                    A when is_integer(A) -> mono
                end,
         out("~p ~p", [Fl, Kind])
     end || Fl <- [[timestamp], [monotonic_timestamp], [strict_monotonic_timestamp],
                   [monotonic_timestamp, strict_monotonic_timestamp],
                   [timestamp, monotonic_timestamp, strict_monotonic_timestamp]]].

%% Match specifications of messages.
patterns() ->
    S = self(),
    F = fun() -> S ! {a, 1}, S ! {b, 2}, self() ! {a, 3}, self() ! c, receive c -> ok end end,
    out("~p", [erlang:trace_pattern(send, [{['_', {a, '_'}], [], []}], [])]),
    out("~p", [erlang:trace_info(send, match_spec)]),
    run(send_a, [send], F),
    flush(),
    erlang:trace_pattern(send, [{[S, {'_', '$1'}], [{'>', '$1', 1}], [{message, {{x, '$1'}}}]}], []),
    run(send_more, [send], F),
    flush(),
    erlang:trace_pattern(send, false, []),
    out("~p", [erlang:trace_info(send, match_spec)]),
    run(send_none, [send], F),
    flush(),
    erlang:trace_pattern(send, true, []),
    out("~p", [erlang:trace_info(send, match_spec)]),
    erlang:trace_pattern('receive', [{['_', '_', {a, '_'}], [], []}], []),
    run(receive_a, ['receive'], F),
    flush(),
    erlang:trace_pattern('receive', [{[node(), '$1', '_'], [{'=/=', '$1', S}], []}], []),
    run(receive_from, ['receive'], F),
    flush(),
    erlang:trace_pattern('receive', true, []),
    out("~p ~p", [try_(fun() -> erlang:trace_info(send, traced) end),
                  try_(fun() -> erlang:trace_pattern(send, true, [local]) end)]).

tracers() ->
    %% A tracer that dies ends the trace.
    S = self(),
    T = spawn(?MODULE, loop, []),
    P = spawn(fun() -> receive go -> S ! x end, receive stop -> ok end end),
    1 = erlang:trace(P, true, [send, procs, {tracer, T}]),
    out("~p", [erlang:trace_info(P, tracer) =:= {tracer, T}]),
    M = monitor(process, T),
    exit(T, kill),
    receive {'DOWN', M, _, _, _} -> ok end,
    P ! go,
    receive x -> ok end,
    out("~p ~p", [erlang:trace_info(P, flags), erlang:trace_info(P, tracer)]),
    1 = erlang:trace(P, true, [send]),
    out("~p", [erlang:trace_info(P, flags)]),
    exit(P, kill),
    %% Nobody traces itself.
    1 = erlang:trace(self(), true, [send, 'receive', procs]),
    self() ! me,
    receive me -> ok end,
    erlang:trace(self(), false, [all]),
    out("~p", [collect()]),
    %% A hibernating process, and one that ends while it is traced.
    run(hibernate, ['receive', procs], fun() ->
        process_flag(trap_exit, true),
        erlang:send_after(3, self(), stop),
        erlang:hibernate(?MODULE, loop, [])
    end).

delivered() ->
    P = spawn(?MODULE, loop, []),
    R = erlang:trace_delivered(P),
    receive {trace_delivered, P, R} -> out("delivered", []) end,
    R2 = erlang:trace_delivered(all),
    receive {trace_delivered, all, R2} -> out("delivered all", []) end,
    exit(P, kill),
    out("~p", [try_(fun() -> erlang:trace_delivered(foo) end)]).
