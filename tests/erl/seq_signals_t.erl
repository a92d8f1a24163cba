%% What takes a sequential trace token along: new processes, exit signals, messages to names, aliases
%% and ports; what takes it away and what leaves it.
-module(seq_signals_t).
-export([main/1]).

main([]) ->
    ets:new(?MODULE, [named_table, public, ordered_set]),
    code:ensure_loaded(seq_trace),
    [run(N, F) || {N, F} <- spawns() ++ exits() ++ plain() ++ ports() ++ others()].

%% Runs F, whose value (and what it and others note) is shown; then what the tracer was told by each
%% process, for nothing orders what two of them say. All processes are gone then.
run(Name, F) ->
    ets:delete_all_objects(?MODULE),
    erase(),
    seq_trace:set_system_tracer(self()),
    {X, M} = spawn_monitor(fun() ->
        process_flag(trap_exit, true),
        note(try F() catch C:R -> {C, R} end)
    end),
    receive {'DOWN', M, process, X, _} -> ok end,
    [gone(P) || {_, {pid, P}} <- ets:tab2list(?MODULE)],
    seq_trace:set_system_tracer(false),
    io:format("~p ~0p~n", [Name, [norm(T) || {_, T} <- ets:tab2list(?MODULE)]]),
    Ms = told(),
    [io:format("  ~0p~n", [norm(T)]) || T <- [T || {A, _} = T <- Ms, A =:= X] ++
                                            lists:keysort(1, [T || {A, _} = T <- Ms, A =/= X])].

note(T) -> ets:insert(?MODULE, {erlang:unique_integer([monotonic]), T}).
pid(P) -> note({pid, P}), P.
gone(P) ->
    M = monitor(process, P),
    receive {'DOWN', M, process, P, _} -> ok end.

told() ->
    receive
        {seq_trace, _, {send, _, P, _, _} = T} -> [{P, T} | told()];
        {seq_trace, _, {print, _, P, _, _} = T} -> [{P, T} | told()];
        {seq_trace, _, {'receive', _, _, P, _} = T} -> [{P, T} | told()]
    after 0 -> []
    end.

norm(T) when is_pid(T) -> names_aux:name("pid", T);
norm(T) when is_port(T) -> port;
norm(T) when is_reference(T) -> ref;
norm(T) when is_function(T) -> 'fun';
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm([H | T]) -> [norm(H) | norm(T)];
norm(T) -> T.

on() ->
    seq_trace:set_token(label, 17),
    [seq_trace:set_token(F, true) || F <- [send, 'receive', print]].
tok() -> seq_trace:get_token().

spawns() ->
    [{spawn, fun() ->
        Me = self(),
        on(),
        pid(spawn(fun() -> Me ! {t, tok()} end)),
        receive {t, X} -> {X, tok()} end
     end},
     {spawns, fun() ->
        on(),
        pid(spawn(lists, reverse, [[a]])),
        A = tok(),
        {P, _} = spawn_opt(lists, reverse, [[a]], [monitor, {priority, high}, {min_heap_size, 1000}]),
        pid(P),
        B = tok(),
        {Q, _} = spawn_monitor(fun() -> ok end),
        pid(Q),
        self() ! x,
        receive x -> {A, B, tok()} end
     end},
     {many, fun() -> on(), [pid(spawn(fun() -> ok end)) || _ <- lists:seq(1, 20)], tok() end},
     {request, fun() ->
        on(),
        R = spawn_request(lists, reverse, [[a]], [{reply_tag, hej}, {priority, low}]),
        receive {hej, R, ok, P} -> pid(P) end,
        A = tok(),
        self() ! x,
        receive x -> {A, tok()} end
     end},
     {no_flags, fun() ->
        seq_trace:set_token(label, 17),
        pid(spawn(fun() -> note(tok()) end)),
        gone_quietly(),
        A = tok(),
        self() ! x,
        receive x -> {A, tok()} end
     end},
     {deep, fun() ->
        on(),
        pid(spawn(fun() -> pid(spawn(fun() -> self() ! a end)) end)),
        gone_quietly(),
        tok()
     end}].
%% Waits for noted processes; no message but 'DOWN', which changes nothing.
gone_quietly() -> [gone(P) || {_, {pid, P}} <- ets:tab2list(?MODULE)].

%% A process that notes the first message of the shape, when it is ready for it.
watcher(Fun, Shape) ->
    Me = self(),
    P = pid(spawn(fun() ->
        process_flag(trap_exit, true),
        Fun(Me),
        Me ! ready,
        receive M when element(1, M) =:= Shape -> note({M, tok()}) end
    end)),
    receive ready -> P end.

exits() ->
    [{exit2, fun() -> P = watcher(fun(_) -> ok end, 'EXIT'), on(), exit(P, foo), tok() end},
     {exit_self, fun() -> on(), exit(self(), foo), receive {'EXIT', _, _} -> tok() end end},
     {killed, fun() ->
        P = pid(spawn(fun() -> receive x -> ok end end)),
        M = monitor(process, P),
        on(),
        exit(P, kill),
        receive {'DOWN', M, _, _, _} -> tok() end
     end},
     {link, fun() -> watcher(fun(P) -> link(P) end, 'EXIT'), on(), bye end},
     {link_killed, fun() -> watcher(fun(P) -> link(P) end, 'EXIT'), on(), exit(self(), kill) end},
     {link_reason, fun() ->
        watcher(fun(P) -> link(P) end, 'EXIT'),
        process_flag(trap_exit, false),
        on(),
        exit(self(), {bye, [1, 2, <<"abc">>]})
     end},
     {link_not_trapped, fun() ->
        watcher(fun(P) -> link(P), process_flag(trap_exit, false) end, 'EXIT'),
        on(),
        exit(self(), kill)
     end},
     {monitored, fun() -> watcher(fun(P) -> monitor(process, P) end, 'DOWN'), on(), bye end}].

%% What comes without a token.
plain() ->
    [{from_process, fun() ->
        Me = self(),
        P = pid(spawn(fun() -> receive b -> Me ! a end end)),
        erlang:send_after(1, P, b),
        on(),
        receive a -> tok() end
     end},
     {exit_of_linked, fun() ->
        P = pid(spawn_link(fun() -> receive b -> ok end end)),
        erlang:send_after(1, P, b),
        on(),
        receive {'EXIT', P, _} -> tok() end
     end},
     {down, fun() ->
        P = pid(spawn(fun() -> receive b -> ok end end)),
        M = monitor(process, P),
        erlang:send_after(1, P, b),
        on(),
        receive {'DOWN', M, _, _, _} -> tok() end
     end},
     {noproc, fun() -> on(), M = monitor(process, nosuch), receive {'DOWN', M, _, _, _} -> tok() end end},
     {link_noproc, fun() ->
        {P, M} = spawn_monitor(fun() -> ok end),
        receive {'DOWN', M, _, _, _} -> ok end,
        on(),
        link(P),
        receive {'EXIT', P, noproc} -> tok() end
     end},
     {timer, fun() -> on(), erlang:send_after(1, self(), a), receive a -> tok() end end},
     {start_timer, fun() -> on(), erlang:start_timer(1, self(), a), receive {timeout, _, a} -> tok() end end},
     {timeout, fun() -> on(), receive after 1 -> tok() end end}].

ram() -> open_port({spawn_driver, "ram_file_drv"}, [binary]).
ports() ->
    [{port_command, fun() ->
        on(),
        P = ram(),
        A = tok(),
        port_command(P, <<4>>),
        receive {P, _} -> {A, tok()} end
     end},
     {port_bang, fun() -> on(), P = ram(), P ! {self(), {command, <<4>>}}, receive {P, _} -> tok() end end},
     {port_connect, fun() -> on(), P = ram(), P ! {self(), {connect, self()}}, receive {P, _} -> tok() end end},
     {port_close, fun() -> on(), P = ram(), P ! {self(), close}, receive {P, _} -> tok() end end},
     {port_exit, fun() -> on(), P = ram(), exit(P, foo), receive {'EXIT', P, _} -> tok() end end},
     {port_name, fun() ->
        on(),
        register(seq_signals_t_port, ram()),
        seq_signals_t_port ! {self(), {command, <<4>>}},
        {seq_signals_t_port, node()} ! {self(), {command, <<4>>}},
        receive {_, {data, _}} -> receive {_, {data, _}} -> tok() end end
     end}].

others() ->
    [{alias, fun() -> on(), A = alias(), A ! x, receive x -> tok() end end},
     {name, fun() ->
        on(),
        register(?MODULE, self()),
        ?MODULE ! x,
        receive x -> ok end,
        {?MODULE, node()} ! x,
        receive x -> tok() end
     end},
     {dead, fun() ->
        {P, M} = spawn_monitor(fun() -> ok end),
        receive {'DOWN', M, _, _, _} -> ok end,
        on(),
        P ! x,
        catch nosuch ! y,
        tok()
     end},
     {unlink, fun() -> P = pid(spawn_link(fun() -> receive x -> ok end end)), on(), unlink(P), P ! x, tok() end},
     {reset, fun() -> on(), self() ! x, seq_trace:reset_trace(), A = tok(), receive x -> {A, tok()} end end},
     {quiet, fun() ->
        on(),
        erlang:garbage_collect(),
        process_info(whereis(init), status),
        erlang:check_process_code(self(), lists),
        group_leader(group_leader(), self()),
        tok()
     end},
     {print, fun() -> on(), seq_trace:print(hello), seq_trace:print(17, x), seq_trace:print(18, y), tok() end}].
