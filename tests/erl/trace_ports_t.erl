%% only: uv
%% What is told about traced ports (programs are among them): flags, life, messages to and from them,
%% when they run.
-module(trace_ports_t).
-export([main/1]).

main([]) ->
    flags(),
    arguments(),
    ram_file(),
    program(),
    links(),
    owners(),
    ends(),
    fails(),
    patterns(),
    stamps(),
    inherited(),
    senders(),
    tracers(),
    closed_while_traced().

out(F, A) -> io:format(F ++ "~n", A).

try_(F) ->
    try F() catch C:R -> {C, R} end.

%% Runs F, which is over when all its ports are closed, with all new ports traced.
run(Name, Flags, F) ->
    out("~p ~p", [Name, Flags]),
    0 = erlang:trace(new_ports, true, Flags),
    _ = (catch F()),
    0 = erlang:trace(new_ports, false, [all]),
    show(told()).

%% What was told so far. Data come in pieces of any number: that a port runs for them is not shown.
told() ->
    R = erlang:trace_delivered(all),
    receive {trace_delivered, all, R} -> ok end,
    collect().

collect() ->
    receive
        {trace, _, What, 0} when What =:= in; What =:= out -> collect();
        M when element(1, M) =:= trace; element(1, M) =:= trace_ts -> [M | collect()]
    after 0 -> []
    end.

show(Ms) ->
    erase(),
    [out("  ~0p", [norm(M)]) || M <- Ms].

norm(T) when T =:= self() -> self;
norm(T) when is_pid(T) -> names_aux:name("pid", T);
norm(T) when is_port(T) -> names_aux:name("port", T);
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm([H | T]) -> [norm(H) | norm(T)];
norm(T) -> T.

ram() -> open_port({spawn_driver, "ram_file_drv"}, [binary]).
cat() -> open_port({spawn, "cat"}, [binary, stream]).
%% All that was asked of P before is done.
sync(P) -> _ = erlang:port_info(P, id), ok.
close(P) ->
    M = monitor(port, P),
    catch port_close(P),
    receive {'DOWN', M, _, _, _} -> ok end.
ended(P) ->
    M = monitor(port, P),
    receive {'DOWN', M, _, _, _} -> ok end.

all() -> [ports, send, 'receive', running_ports].

flags() ->
    P = ram(),
    [begin
         1 = erlang:trace(P, true, [F]),
         out("~p ~p", [F, erlang:trace_info(P, flags)]),
         1 = erlang:trace(P, false, [F]),
         {flags, []} = erlang:trace_info(P, flags)
     end || F <- [send, 'receive', procs, call, silent, return_to, running, exiting,
                  garbage_collection, timestamp, monotonic_timestamp, strict_monotonic_timestamp,
                  arity, set_on_spawn, set_on_first_spawn, set_on_link, set_on_first_link, ports,
                  running_procs, running_ports, scheduler_id, all]],
    erlang:trace(P, true, [ports, send]),
    S = self(),
    {tracer, S} = erlang:trace_info(P, tracer),
    erlang:trace(P, false, [all]),
    out("~p", [erlang:trace_info(P, tracer)]),
    close(P),
    [begin
         0 = erlang:trace(W, true, [all]),
         out("~p ~p ~p ~p", [W | [erlang:trace_info(X, flags)
                                  || X <- [new_ports, new_processes, new]]]),
         0 = erlang:trace(W, false, [all])
     end || W <- [new_ports, new_processes, new]],
    told().

arguments() ->
    P = ram(),
    D = ram(),
    close(D),
    [out("~p ~p", [{W, How, Fl}, try_(fun() -> erlang:trace(Who, How, Fl) end)])
     || {W, Who, How, Fl} <- [{p, P, true, []}, {p, P, true, [foo]}, {p, P, true, [cpu_timestamp]},
                              {p, P, false, []}, {d, D, true, [send]}, {d, D, false, [send]}]],
    [out("~p ~p ~p", [I, try_(fun() -> erlang:trace_info(P, I) end),
                      try_(fun() -> erlang:trace_info(D, I) end)])
     || I <- [flags, tracer, traced, foo]],
    N = length(erlang:ports()),
    Procs = erlang:trace(existing_processes, true, [send]),
    Procs = erlang:trace(existing_processes, false, [send]),
    [out("~p ~p", [W, erlang:trace(W, true, [ports]) - X]) || {W, X} <-
        [{existing_ports, N}, {ports, N}, {new_ports, 0}, {existing, N}, {all, N}]],
    out("~p", [erlang:trace(all, false, [all]) - N - Procs]),
    [out("~p ~p", [{W, F}, case erlang:trace(W, true, [F]) of
                               0 -> none;
                               N -> ports;
                               Procs -> processes;
                               C when C =:= Procs + N -> both
                           end])
     || W <- [existing, existing_ports, existing_processes],
        F <- [ports, send, procs, running, running_ports, running_procs, timestamp, scheduler_id,
              arity, silent, exiting, call, garbage_collection, set_on_link, return_to]],
    out("~p", [erlang:trace_info(P, flags)]),
    erlang:trace(all, false, [all]),
    out("~p", [erlang:trace_info(P, flags)]),
    close(P),
    told().

ram_file() ->
    [run(ram_file, Flags, fun() ->
         {ok, {_, _, P} = F} = ram_file:open([], [ram, binary, read, write]), sync(P),
         register(trace_ports_t_file, P),
         ok = ram_file:write(F, <<"abc">>), sync(P),
         unregister(trace_ports_t_file),
         {ok, 3} = ram_file:get_size(F), sync(P),
         ok = ram_file:write(F, binary:copy(<<"x">>, 100)), sync(P),
         close(P)
     end) || Flags <- [[F] || F <- all()] ++ [all(), [running], [exiting], [silent], [call, procs]]].

program() ->
    [run(program, Flags, fun() ->
         P = cat(),
         P ! {self(), {command, <<"hello">>}},
         receive {P, {data, <<"hello">>}} -> ok end, sync(P),
         port_command(P, ["a", $b, [<<"c">>]]),
         receive {P, {data, <<"abc">>}} -> ok end, sync(P),
         close(P)
     end) || Flags <- [[F] || F <- all()] ++ [all()]],
    run(status, [ports, running_ports], fun() ->
        P = open_port({spawn, "sh -c 'exit 3'"}, [exit_status, {line, 10}]),
        receive {P, {exit_status, 3}} -> ok end,
        ended(P)
    end),
    run(eof, [ports, send], fun() ->
        P = open_port({spawn, "echo hi"}, [eof, {line, 10}]),
        receive {P, eof} -> ok end,
        close(P)
    end).

links() ->
    run(links, all(), fun() ->
        P = ram(),
        unlink(P), sync(P), unlink(P), link(P), sync(P), link(P), sync(P),
        M = monitor(port, P), demonitor(M), sync(P),
        {_, M2} = spawn_monitor(fun() -> link(P), sync(P), unlink(P), sync(P) end),
        receive {'DOWN', M2, _, _, _} -> ok end,
        {_, M3} = spawn_monitor(fun() -> link(P), sync(P) end),
        receive {'DOWN', M3, _, _, _} -> ok end,
        unlink(P), sync(P),
        exit(P, normal),
        ended(P)
    end).

owners() ->
    run(owners, all(), fun() ->
        P = ram(),
        {Q, M} = spawn_monitor(fun() -> receive stop -> unlink(P), sync(P) end end),
        true = port_connect(P, Q),
        P ! {Q, {command, <<4>>}}, sync(P),
        P ! {Q, {connect, self()}}, sync(P),
        Q ! stop,
        receive {'DOWN', M, _, _, _} -> ok end,
        P ! {self(), {connect, self()}},
        receive {P, connected} -> ok end, sync(P),
        P ! {self(), {command, [<<4>>]}},
        receive {P, {data, _}} -> ok end, sync(P),
        register(trace_ports_t_port, P),
        P ! {self(), close},
        receive {P, closed} -> ok end
    end),
    process_flag(trap_exit, true),
    run(wrong, [ports, 'receive'], fun() ->
        P = ram(),
        S = self(),
        {_, M} = spawn_monitor(fun() -> P ! {self(), close}, P ! foo, P ! {S, {command, [x]}},
                                        P ! {self(), {command, <<"x">>}},
                                        P ! {self(), {connect, self()}}, sync(P) end),
        receive {'DOWN', M, _, _, _} -> ok end,
        close(P)
    end),
    flush(),
    process_flag(trap_exit, false).

flush() -> receive {'EXIT', _, _} -> flush() after 0 -> ok end.

ends() ->
    process_flag(trap_exit, true),
    [run(Reason, all(), fun() -> P = ram(), exit(P, Reason), ended(P) end)
     || Reason <- [normal, kill, {shutdown, [1]}]],
    flush(),
    run(owner, all(), fun() ->
        S = self(),
        Q = spawn(fun() -> P = ram(), S ! {port, P}, receive go -> exit(bye) end end),
        receive {port, P} -> ok end,
        M = monitor(port, P),
        sync(P),
        Q ! go,
        receive {'DOWN', M, _, _, _} -> ok end
    end),
    run(killer, all(), fun() ->
        P = ram(),
        spawn(fun() -> link(P), exit(kill) end),
        receive {'EXIT', P, Why} -> out("~p", [Why]) end
    end),
    run(linked, all(), fun() ->
        P = ram(),
        M = monitor(port, P),
        sync(P),
        spawn(fun() -> link(P), exit(bye) end),
        receive {'DOWN', M, _, _, _} -> ok end
    end),
    flush(),
    process_flag(trap_exit, false).

fails() ->
    run(no_driver, all(), fun() -> open_port({spawn_driver, "no_such_driver"}, []) end),
    run(closed, all(), fun() ->
        P = ram(),
        close(P),
        catch port_command(P, <<4>>),
        P ! {self(), close},
        undefined = erlang:port_info(P)
    end).

%% Match specifications of messages do not concern ports.
patterns() ->
    erlang:trace_pattern(send, [{['_', nothing], [], []}], []),
    erlang:trace_pattern('receive', [{['_', '_', nothing], [], []}], []),
    F = fun() ->
        P = ram(),
        port_command(P, <<4>>),
        receive {P, {data, _}} -> ok end, sync(P),
        close(P)
    end,
    run(patterns, [send, 'receive'], F),
    erlang:trace_pattern(send, false, []),
    erlang:trace_pattern('receive', false, []),
    run(no_patterns, [send, 'receive'], F),
    erlang:trace_pattern(send, true, []),
    erlang:trace_pattern('receive', true, []).

stamps() ->
    [begin
         0 = erlang:trace(new_ports, true, [ports | Fl]),
         P = ram(),
         close(P),
         erlang:trace(new_ports, false, [all]),
         Ms = told(),
         out("~p ~p", [Fl, [{tuple_size(M), element(3, M), shape(tl(tl(tl(tl(tuple_to_list(M))))))}
                            || M <- Ms]])
     end || Fl <- [[timestamp], [monotonic_timestamp], [strict_monotonic_timestamp], [scheduler_id],
                   [scheduler_id, monotonic_timestamp]]].

shape(L) -> [if is_integer(T) -> integer; is_tuple(T) -> tuple_size(T); true -> T end || T <- L].

%% A port opened by a traced process is not traced, but its opener hears of it.
inherited() ->
    {P, M} = spawn_monitor(fun() ->
        receive go -> ok end,
        Q = ram(),
        unlink(Q), link(Q),
        register(trace_ports_t_inherited, Q),
        close(Q)
    end),
    1 = erlang:trace(P, true, [procs, ports, set_on_spawn, set_on_link]),
    P ! go,
    receive {'DOWN', M, _, _, _} -> ok end,
    out("inherited", []),
    show(told()).

%% A process that sends to ports.
senders() ->
    {P, M} = spawn_monitor(fun() ->
        receive go -> ok end,
        Q = ram(),
        Q ! {self(), {command, <<4>>}},
        receive {Q, _} -> ok end,
        register(trace_ports_t_sender, Q),
        trace_ports_t_sender ! {self(), {command, <<4>>}},
        {trace_ports_t_sender, node()} ! {self(), {command, <<4>>}},
        [receive {Q, _} -> ok end || _ <- [1, 2]],
        close(Q),
        Q ! {self(), close}
    end),
    1 = erlang:trace(P, true, [send]),
    P ! go,
    receive {'DOWN', M, _, _, _} -> ok end,
    out("senders", []),
    show(told()).

tracers() ->
    %% A tracer that ends, a tracee that is the tracer, another tracer.
    T = spawn(fun() -> receive stop -> ok end end),
    P = ram(),
    1 = erlang:trace(P, true, [send, {tracer, T}]),
    out("~p", [try_(fun() -> erlang:trace(P, true, [send]) end)]),
    out("~p", [erlang:trace_info(P, tracer) =:= {tracer, T}]),
    M = monitor(process, T),
    exit(T, kill),
    receive {'DOWN', M, _, _, _} -> ok end,
    out("~p ~p", [erlang:trace_info(P, flags), erlang:trace_info(P, tracer)]),
    1 = erlang:trace(P, true, ['receive']),
    port_command(P, <<4>>),
    receive {P, {data, _}} -> ok end, sync(P),
    out("~p", [erlang:trace_info(P, flags)]),
    erlang:trace(P, false, [all]),
    1 = erlang:trace(P, true, [send, 'receive', {tracer, P}]),
    erlang:trace(P, false, [all]),
    close(P),
    show(told()).

closed_while_traced() ->
    P = ram(),
    S = self(),
    0 = erlang:trace(new_ports, true, [ports, {tracer, S}]),
    Ps = [ram() || _ <- lists:seq(1, 20)],
    1 = erlang:trace(P, true, [ports]),
    [close(Q) || Q <- [P | Ps]],
    erlang:trace(new_ports, false, [all]),
    Ms = told(),
    out("~p", [[length([1 || M <- Ms, element(3, M) =:= W]) || W <- [open, getting_linked, closed]]]).
