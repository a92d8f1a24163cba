%% Programs of several processes: a coordinator makes steps at random (links, monitors, aliases, exits, names,
%% flags, timers, suspending, spawning ...), has one of its workers take each, waits until all is
%% quiet, and prints what the step returned and what every worker then has: messages, links, monitors.
%% procs.py runs the same seed on stock and on libling and compares the lines. Both run with one
%% scheduler; what still has no order (the messages of one step) is sorted.
-module(sweep_procs).
-export([main/1, worker/1, loop/1, parked/1]).
-import(sweep_gen, [rnd/1, pick/1]).

main([Seed, Count]) ->
    process_flag(trap_exit, true),
    logger:set_primary_config(level, none),
    [program(Seed, N) || N <- lists:seq(1, Count)].

program(Seed, N) ->
    sweep_gen:seed([Seed, N, 5]),
    put(seed, Seed), put(names, #{}), put(count, 0), put(refs, []), put(pids, []),
    name(self(), "coord"),
    Steps = 10 + rnd(40),
    W1 = start(), W2 = start(), W3 = start(),
    put(pids, [W1, W2, W3]),
    steps(N, 1, Steps),
    [begin exit(P, kill) end || P <- get(pids)],
    settle(), drain(),
    [catch unregister(R) || R <- [n1, n2, n3]], 
    ok.

start() ->
    P = spawn(?MODULE, worker, [self()]),
    name(P, "w"),
    P ! {self(), drain},
    receive {P, drained, []} -> P end.

name(T, K) ->
    M = get(names),
    case M of
        #{T := _} -> ok;
        _ -> C = get(count) + 1, put(count, C), put(names, M#{T => {'$', list_to_atom(K ++ integer_to_list(C))}})
    end.

steps(_, I, Max) when I > Max -> ok;
steps(N, I, Max) ->
    sweep_gen:seed([get(seed), N, I]),
    Live = [P || P <- get(pids), is_process_alive(P), process_info(P, status) =/= {status, suspended}],
    case Live of
        [] -> 
            P = start(), put(pids, [P | lists:sublist(get(pids), 6)]), steps(N, I, Max);
        _ ->
            W = pick(Live),
            Op = op(W),
            M = monitor(process, W),
            W ! {self(), do, Op},
            R = receive {W, done, X} -> X; {'DOWN', M, _, _, Why} -> {died, Why} after 60000 -> timeout end,
            demonitor(M, [flush]),
            case Op of {_, F, _} when F =:= send_after; F =:= start_timer; F =:= abs_timer -> timer:sleep(3); _ -> ok end,
            settle(),
            [name(T, "x") || T <- ids(R)],
            [put(pids, [T | get(pids)]) || T <- pids(R), not lists:member(T, get(pids)), T =/= self(), length(get(pids)) < 8, is_worker(T)],
            [put(refs, [T | get(refs)]) || T <- refs(R)],
            Others = [{P, messages(P)} || P <- lists:sort(fun(A, B) -> nm(A) =< nm(B) end, get(pids))],
            Mine = drain(),
            [name(T, "x") || T <- ids({Others, Mine})],
            [put(refs, lists:sublist([T | get(refs)], 8)) || T <- refs(Others)],
            io:format("@~w.~w ~0tp ~0tp -> ~0tp | ~0tp | ~0tp~n", [N, I, nm(W), nm(Op), nm(R), nm([O || O = {_, Ms} <- Others, Ms =/= []]), nm(Mine)]),
            steps(N, I + 1, Max)
    end.

is_worker(P) -> case erlang:process_info(P, dictionary) of {_, D} -> lists:member({sweep_worker, true}, D); _ -> false end.

settle() -> settle(6).
settle(0) -> ok;
settle(N) -> 
    [erlang:yield() || _ <- lists:seq(1, 10)],
    [is_process_alive(P) || P <- get(pids)],
    settle(N - 1).

messages(P) when P =:= self() -> me;
messages(P) ->
    case process_info(P, [status, messages, links, monitors, monitored_by, trap_exit, registered_name, suspending, priority, dictionary]) of
        undefined -> dead;
        [{status, S} | _] = L when S =:= suspended -> lists:keydelete(messages, 1, items(L));
        L -> 
            P ! {self(), drain},
            receive {P, drained, Ms} -> [{got, sort(Ms)} | lists:keydelete(messages, 1, items(L))] after 60000 -> {stuck, items(L)} end
    end.

items(L) -> [case I of
    {status, S} when S =/= suspended -> {status, ok};
    {K, V} when K =:= links; K =:= monitors; K =:= monitored_by; K =:= suspending; K =:= dictionary; K =:= messages -> {K, sort(V)};
    _ -> I end || I <- L].

sort(x) -> x;
sort(L) -> lists:sort(fun(A, B) -> nm(A) =< nm(B) end, L).

drain() -> sort(drain_()).
drain_() -> receive M -> [M | drain_()] after 0 -> [] end.

ids(T) -> ids(T, []).
ids([H | T], A) -> ids(T, ids(H, A));
ids(T, A) when is_tuple(T) -> ids(tuple_to_list(T), A);
ids(M, A) when is_map(M) -> ids(maps:to_list(M), A);
ids(T, A) when is_pid(T); is_reference(T); is_port(T) -> A ++ [T];
ids(_, A) -> A.
pids(T) -> [P || P <- ids(T), is_pid(P)].
refs(T) -> [P || P <- ids(T), is_reference(P)].

nm([H | T]) -> [nm(H) | nm(T)];
nm({T, R, N}) when is_reference(R), is_integer(N), N > 1000 -> {T, nm(R), big};
nm({K, L}) when is_list(L), K =:= links orelse K =:= monitors orelse K =:= monitored_by orelse K =:= suspending -> {K, lists:sort(nm(L))};
nm({dictionary, D}) when is_list(D) -> {dictionary, lists:sort(nm(D))};
nm(T) when is_tuple(T) -> list_to_tuple(nm(tuple_to_list(T)));
nm(M) when is_map(M) -> maps:from_list(nm(maps:to_list(M)));
nm(T) when is_pid(T); is_reference(T); is_port(T) -> maps:get(T, get(names), if is_pid(T) -> '$pid'; is_reference(T) -> '$ref'; true -> '$port' end);
nm(F) when is_function(F) -> {_, M} = erlang:fun_info(F, module), {_, A} = erlang:fun_info(F, arity), {'$fun', M, A};
nm(T) -> T.

%% ---- what a worker is told
op(Me) ->
    Co = self(),
    P = fun() -> case rnd(14) of 0 -> Me; 1 -> self(); 2 -> pick([n1, n2, n3]); 3 -> pick([a, 1, [], {n1, node()}, {n1, other@node}, {n9, nonode@nohost}, "x", 1.5, {a, b}]); 4 -> list_to_pid("<0.31999.77>"); 5 -> whereis(init); _ -> pick(get(pids)) end end,
    Q = fun() -> case P() of X when X =:= Co -> pick(get(pids)); X -> case whereis(init) of X -> pick(get(pids)); _ -> X end end end,
    R = fun() -> case get(refs) of [] -> erlang:make_ref(); L -> case rnd(9) of 0 -> pick([a, self(), 1]); 1 -> erlang:make_ref(); _ -> pick(L) end end end,
    E = fun() -> pick([normal, kill, killed, shutdown, a, {shutdown, x}, noproc, noconnection, {b, [1]}, badarg]) end,
    T = fun() -> pick([0, 0, 0, 100000, 200000, -1, a, infinity, 1 bsl 64, 4294967295, 4294967296, 1.0]) end,
    Ms = fun() -> pick([m1, m2, {m, 3}, [x], rnd(10)]) end,
    O = fun(L) -> case rnd(12) of 0 -> pick([[bad | L], L ++ x, x, [{a, b}]]); _ -> [pick(L) || _ <- lists:seq(1, rnd(3))] end end,
    N = fun() -> case rnd(7) of 0 -> pick([undefined, "x", 1, true, '', init, code_server]); _ -> pick([n1, n2, n3]) end end,
    case rnd(58) of
        0 -> {erlang, link, [P()]};
        1 -> {erlang, link, [P()]};
        2 -> {erlang, unlink, [P()]};
        3 -> {erlang, monitor, [pick([process, process, process, process, port, bad, time_offset, clock_service]), P()]};
        4 -> {erlang, monitor, [process, P(), O([{alias, explicit_unalias}, {alias, demonitor}, {alias, reply_demonitor}, {tag, t}, {tag, {a, b}}, {alias, bad}])]};
        5 -> {erlang, monitor, [process, P(), O([{alias, explicit_unalias}, {alias, demonitor}, {alias, reply_demonitor}, {tag, t}])]};
        6 -> {erlang, demonitor, [R()]};
        7 -> {erlang, demonitor, [R(), O([flush, info])]};
        8 -> {erlang, exit, [Q(), E()]};
        9 -> {erlang, exit, [Q(), E()]};
        %% error_handler is not set: a name of no module ends stock by an illegal instruction
        10 -> {die, pick([exit, error, throw]), E()};
        11 -> {erlang, process_flag, [trap_exit, pick([true, false, true, x])]};
        12 -> {erlang, process_flag, [pick([trap_exit, priority, message_queue_data, min_heap_size, min_bin_vheap_size, max_heap_size, fullsweep_after, sensitive, monitor_nodes, bad]),
                                      pick([true, false, low, high, normal, max, on_heap, off_heap, -1, 0, infinity, #{size => 0}, #{size => 1000000, kill => false}, #{kill => true}, 1 bsl 64, {a}])]};
        13 -> {erlang, alias, []};
        14 -> {erlang, alias, [O([explicit_unalias, reply])]};
        15 -> {erlang, unalias, [R()]};
        16 -> {erlang, send, [R(), Ms()]};
        17 -> {erlang, register, [N(), P()]};
        18 -> {erlang, register, [N(), pick(get(pids))]};
        19 -> {erlang, unregister, [N()]};
        20 -> {erlang, whereis, [N()]};
        21 -> {erlang, send, [P(), Ms()]};
        22 -> {erlang, send, [P(), Ms(), O([nosuspend, noconnect])]};
        23 -> {erlang, send_after, [T(), P(), Ms()]};
        24 -> {erlang, start_timer, [T(), P(), Ms()]};
        25 -> {erlang, send_after, [T(), P(), Ms(), O([{abs, false}, {abs, x}])]};
        26 -> {sweep_procs_ops, abs_timer, [pick([0, 100000, 200000]), pick(get(pids)), Ms(), []]};
        27 -> {sweep_procs_ops, cancel, [R(), O([{async, true}, {async, false}, {info, false}, {info, true}])]};
        28 -> {sweep_procs_ops, read, [R(), O([{async, false}, {async, true}])]};
        29 -> {erlang, process_info, [Q(), pick([links, monitors, monitored_by, trap_exit, registered_name, dictionary, group_leader, priority, status, message_queue_len, messages, error_handler, suspending, initial_call, current_function, parent, async_dist, fullsweep_after, message_queue_data, max_heap_size, sequential_trace_token, bad, [], [links, bad], [trap_exit, links | x], [registered_name, registered_name], [status, trap_exit], binary_x, total, catchlevel_x, trace])]};
        30 -> {erlang, group_leader, [P(), Q()]};
        31 -> {erlang, group_leader, []};
        32 -> {erlang, put, [pick([k1, k2, 1, 1.0, {a}, "x"]), Ms()]};
        33 -> {erlang, pick([get, erase]), [pick([k1, k2, 1, 1.0, {a}])]};
        34 -> {sweep_procs_ops, dictkeys_, []};
        35 -> {erlang, hibernate, [?MODULE, parked, [self()]]};
        36 -> {erlang, suspend_process, [Q()]};
        37 -> {erlang, suspend_process, [Q(), O([unless_suspending, asynchronous, {asynchronous, tag}])]};
        38 -> {erlang, resume_process, [Q()]};
        39 -> {erlang, resume_process, [Q()]};
        40 -> {erlang, garbage_collect, [P(), O([{type, minor}, {type, major}, {async, req}, {type, x}])]};
        41 -> {erlang, is_process_alive, [P()]};
        42 -> {erlang, check_process_code, [P(), pick([lists, ?MODULE, nosuch, 1]), O([{allow_gc, true}, {allow_gc, false}, {async, req}])]};
        43 -> {sweep_procs_ops, spawn, [pick([spawn_opt, spawn_request]), O([link, monitor, {monitor, [{alias, demonitor}]}, {priority, high}, {reply, yes}, {reply, no}, {reply, error_only}, {reply, success_only}, {reply_tag, rt}, {fullsweep_after, 3}, {min_heap_size, 300}, {scheduler, 1}, {message_queue_data, off_heap}, {max_heap_size, 100000}, {monitor, [{tag, tt}]}])]};
        44 -> {sweep_procs_ops, spawn_dying, [O([link, monitor]), E(), pick([exit, error, throw])]};
        45 -> {sweep_procs_ops, request, [O([link, monitor, {reply, error_only}, {reply, no}, {reply_tag, {z}}, bad]), pick([{lists, nosuch, []}, {erlang, exit, [normal]}, {x, y}, {lists, seq, a}])]};
        46 -> {erlang, spawn_request_abandon, [R()]};
        47 -> {sweep_procs_ops, raise, [pick([error, exit, throw]), E()]};
        48 -> {erlang, pick([link, unlink, monitor, exit, register, send_after, alias, unalias, demonitor]), [Ms() || _ <- lists:seq(1, rnd(4))]};
        49 -> {sweep_procs_ops, monitored, [Q(), E()]};
        50 -> {sweep_procs_ops, select, [Ms(), T()]};
        51 -> {erlang, process_flag, [Q(), pick([save_calls, trap_exit]), pick([0, 10, true])]};
        52 -> {erlang, exit, [Q(), E()]};
        53 -> {sweep_procs_ops, double, [Q(), Q(), E()]};
        54 -> {erlang, exit_signal, [Q(), E()]};
        55 -> {sweep_procs_ops, crash_linked, [pick(get(pids)), E()]};
        56 -> {sweep_procs_ops, cast, [R(), P()]};
        57 -> {erlang, pick([self, make_ref, processes_, node, is_alive, nodes, garbage_collect]), []}
    end.

worker(Coord) -> put(sweep_worker, true), put('$c', Coord), loop(Coord).
parked(Coord) -> loop(Coord).

loop(Coord) ->
    receive
        {Coord, do, {erlang, hibernate, A}} -> Coord ! {self(), done, hibernating}, apply(erlang, hibernate, A);
        {Coord, do, {die, C, R}} -> erlang:C(R);
        {Coord, do, {M, F, A}} ->
            R = try {ok, apply(M, F, A)}
                catch C:X:S -> {C, X, cut(S), text(C, X, S)} end,
            Coord ! {self(), done, R},
            ?MODULE:loop(Coord);
        {Coord, drain} ->
            Coord ! {self(), drained, drain_()},
            ?MODULE:loop(Coord)
    end.

cut([{?MODULE, _, _, _} | _]) -> [];
cut([{M, F, A, I} | T]) -> [{M, F, A, lists:keydelete(line, 1, lists:keydelete(file, 1, I))} | cut(T)];
cut([]) -> [].
text(C, R, S0) ->
    S = cut(S0),
    case ids({R, S}) of [] -> try unicode:characters_to_binary(erl_error:format_exception(C, R, S)) catch A:B -> {A, B} end; _ -> text_masked(S) end.
text_masked([{erlang, F, A, I} | _] = S) when is_list(A) ->
    case lists:keyfind(error_info, 1, I) of
        {_, Map} -> M = maps:get(module, Map, erl_erts_errors), Fn = maps:get(function, Map, format_error), try M:Fn(badarg, S) catch X:Y -> {X, Y} end;
        _ -> {none, F}
    end;
text_masked(_) -> none.
