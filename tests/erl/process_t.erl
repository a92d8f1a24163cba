%% Processes: spawning with all options, names, flags, dictionaries, process_info, group leaders and
%% the errors of their BIFs. Pids and references print as their kind.
-module(process_t).
-export([start/0, child/2, many/3]).

start() ->
    spawning(),
    errors(),
    names(),
    flags(),
    dictionary(),
    info(),
    suspending(),
    leaders(),
    priorities(),
    tasks(),
    system().

p(What, X) -> io:format("~s: ~0p~n", [What, anon(X)]).

anon(X) when is_pid(X) -> pid;
anon(X) when is_reference(X) -> ref;
anon(X) when is_function(X) -> function;
anon(X) when is_tuple(X) -> list_to_tuple(anon(tuple_to_list(X)));
anon([H | T]) -> [anon(H) | anon(T)];
anon(X) when is_map(X) -> maps:map(fun(_, V) -> anon(V) end, X);
anon(X) -> X.

%% Class, reason, and where: {M, F, Args} and the error's cause.
c(F) ->
    try F()
    catch C:R:Stack ->
        {M, Fn, A, I} = hd(Stack),
        {C, R, M, Fn, A, proplists:get_value(error_info, I)}
    end.

%% Waits until P is gone.
gone(P) ->
    R = monitor(process, P),
    receive {'DOWN', R, process, P, Reason} -> Reason end.

dead() ->
    P = spawn(fun() -> ok end),
    gone(P),
    P.

child(S, X) -> S ! {self(), child, X}.
many(S, A, B) -> S ! {self(), A, B}.

next() -> receive X -> X after 60000 -> nothing end.

spawning() ->
    S = self(),
    p("spawn/1", begin spawn(fun() -> S ! {hello, S == self()} end), next() end),
    X = {env, [1, 2.5, <<"bin">>, lists:duplicate(200, x)]},
    p("big env", begin spawn(fun() -> S ! size(term_to_binary(X)) end), next() end),
    p("spawn/3", begin P1 = spawn(?MODULE, child, [S, 7]), P1 == element(1, M1 = next()), M1 end),
    p("spawn bif", begin P2 = spawn(erlang, send, [S, from_bif]), {next(), is_pid(P2)} end),
    p("spawn fun M:F/A", begin spawn(erlang, apply, [fun ?MODULE:many/3, [S, a, b]]), next() end),
    p("spawn {M, F}", is_pid(spawn_opt(fun erlang:self/0, []))),
    p("monitor", begin {P3, R3} = spawn_monitor(fun() -> exit(why) end),
                       receive {'DOWN', R3, process, P3, W} -> W end end),
    p("link", begin process_flag(trap_exit, true), P4 = spawn_link(fun() -> exit(linked) end),
                    receive {'EXIT', P4, W4} -> W4 end end),
    process_flag(trap_exit, false),
    p("opts", begin
        Opts = [monitor, {priority, high}, {min_heap_size, 1000}, {fullsweep_after, 7},
                {message_queue_data, off_heap}, {max_heap_size, #{size => 9999999, kill => false}},
                {min_bin_vheap_size, 100}],
        {P5, R5} = spawn_opt(fun() ->
            S ! [process_info(self(), I) || I <- [priority, min_heap_size, fullsweep_after,
                                                  message_queue_data, max_heap_size]]
        end, Opts),
        {next(), receive {'DOWN', R5, process, P5, W5} -> W5 end}
    end),
    p("monitor opts", begin
        {P6, R6} = spawn_opt(fun() -> receive {go, A} -> A ! {A, thanks} end end,
                             [{monitor, [{tag, {my, tag}}, {alias, reply_demonitor}]}]),
        P6 ! {go, R6},
        {receive {R6, thanks} -> ok end, demonitor(R6, [info])}
    end),
    p("spawn_request", begin
        R7 = spawn_request(erlang, self, [], [monitor, {reply_tag, mine}]),
        {receive {mine, R7, ok, P7} when is_pid(P7) -> ok end,
         receive {'DOWN', R7, process, _, W7} -> W7 end}
    end),
    p("no reply", begin spawn_request(?MODULE, child, [S, quiet], [{reply, no}]), next() end),
    p("bad request", begin R8 = spawn_request(erlang, self, [], [foo]),
                           receive {spawn_reply, R8, error, E8} -> E8 end end),
    p("ends", begin {P9, R9} = spawn_monitor(lists, seq, [1, 3]),
                    receive {'DOWN', R9, process, P9, W9} -> W9 end end),
    p("parent", begin spawn(fun() -> S ! (process_info(self(), parent) == {parent, S}) end),
                      next() end),
    p("undef", begin {P10, R10} = spawn_opt(no_module, no_function, [1], [monitor]),
                     receive {'DOWN', R10, process, P10, {undef, [{M, F, A, _} | _]}} -> {M, F, A} end
               end).

errors() ->
    D = dead(),
    p("spawn", [c(fun() -> spawn(X) end) || X <- [foo, 1, {a}]]),
    p("spawn_link", c(fun() -> spawn_link(foo) end)),
    p("spawn_monitor", [c(fun() -> spawn_monitor(X) end) || X <- [foo, fun(_) -> ok end]]),
    p("spawn/3", [c(fun() -> spawn(M, F, A) end)
                  || {M, F, A} <- [{1, b, []}, {a, 2, []}, {a, b, c}, {a, b, [c | d]}]]),
    p("spawn_opt", [c(fun() -> spawn_opt(a, b, [], O) end)
                    || O <- [foo, [foo], [{priority, foo}], [link | x], [{monitor, [x]}],
                             [{monitor, [{alias, x}]}], [{max_heap_size, 3}], [{fullsweep_after, -1}],
                             [{min_heap_size, a}], [{message_queue_data, x}], [{scheduler, 1000}]]]),
    p("spawn_opt fun", c(fun() -> spawn_opt(foo, []) end)),
    p("exit", [c(fun() -> exit(X, r) end) || X <- [foo, D]]),
    p("alive", [c(fun() -> is_process_alive(X) end) || X <- [foo, D, self()]]),
    p("send", [c(fun() -> erlang:send(X, m) end) || X <- [no_such_name, 17, {a}, {1, node()}]]),
    p("send ok", [c(fun() -> erlang:send(X, m) end)
                  || X <- [D, {no_such_name, node()}, make_ref(), {n, 'a@b'}]]),
    p("send/3", [c(fun() -> erlang:send(D, m, X) end) || X <- [[], [foo], [nosuspend], foo]]),
    p("send/3 far", c(fun() -> erlang:send({n, 'a@b'}, m, [noconnect]) end)),
    p("bump", [c(fun() -> erlang:bump_reductions(X) end) || X <- [10, a, -1]]),
    p("process_info", [c(fun() -> process_info(X, Y) end)
                       || {X, Y} <- [{foo, status}, {self(), foo}, {self(), [links, foo]},
                                     {self(), [links | foo]}, {D, status}, {D, []}, {self(), []}]]),
    p("group_leader", [c(fun() -> group_leader(A, B) end)
                       || {A, B} <- [{foo, self()}, {self(), foo}, {self(), D}]]),
    p("resume", c(fun() -> erlang:resume_process(D) end)),
    p("suspend", [c(fun() -> erlang:suspend_process(X) end) || X <- [D, self(), foo]]),
    p("flag/3", [c(fun() -> process_flag(self(), F, V) end) || {F, V} <- [{save_calls, 0}, {foo, 0}]]).

names() ->
    D = dead(), S = self(),
    p("register", [c(fun() -> register(N, X) end)
                   || {N, X} <- [{a, D}, {undefined, S}, {1, S}, {a, foo}, {a, S}, {a, S}, {b, S}]]),
    p("info", {process_info(S, registered_name), lists:member(a, registered()), whereis(a) == S}),
    p("taken", begin P = spawn(fun() -> receive x -> ok end end), T = c(fun() -> register(a, P) end),
                     P ! x, T end),
    p("send", begin a ! by_name, {a, node()} ! by_name_node, [next(), next()] end),
    p("unregister", [c(fun() -> unregister(X) end) || X <- [b, a, a, 1]]),
    p("nobody", {whereis(a), process_info(S, registered_name), c(fun() -> whereis(1) end)}),
    p("gone with the process", begin
        Q = spawn(fun() -> receive x -> ok end end), register(q_name, Q),
        {M, R} = {whereis(q_name) == Q, monitor(process, Q)}, Q ! x,
        receive {'DOWN', R, _, _, _} -> ok end,
        {M, whereis(q_name)} end),
    Many = [list_to_atom("name_" ++ integer_to_list(I)) || I <- lists:seq(1, 300)],
    Ps = [begin X = spawn(fun() -> receive x -> ok end end), register(N, X), X end || N <- Many],
    p("many", {[whereis(N) || N <- Many] == Ps, lists:subtract(Many, registered())}),
    [X ! x || X <- Ps], [gone(X) || X <- Ps],
    p("none left", lists:filter(fun(N) -> lists:member(N, Many) end, registered())).

flags() ->
    spawn_and_wait(fun() ->
        p("flags", [{F, V, c(fun() -> process_flag(F, V) end)} || {F, V} <- [
            {foo, bar}, {trap_exit, bar}, {trap_exit, true}, {trap_exit, false},
            {priority, bar}, {priority, high}, {priority, max}, {priority, low}, {priority, normal},
            {min_heap_size, 1000}, {min_heap_size, -1}, {min_heap_size, foo}, {min_heap_size, 233},
            {min_bin_vheap_size, 5}, {max_heap_size, 0}, {max_heap_size, 100},
            {max_heap_size, 100000000}, {max_heap_size, #{size => 0, kill => false}},
            {max_heap_size, #{size => 10}}, {max_heap_size, #{kill => 1, size => 0}},
            {max_heap_size, #{size => 0, error_logger => false}}, {max_heap_size, 0},
            {message_queue_data, off_heap}, {message_queue_data, on_heap}, {message_queue_data, x},
            {save_calls, 0}, {save_calls, -1}, {sensitive, true}, {sensitive, false},
            {fullsweep_after, 10}, {fullsweep_after, -1}, {fullsweep_after, 65535},
            {error_handler, foo}, {error_handler, error_handler}, {error_handler, 1}]])
    end).

spawn_and_wait(F) ->
    {P, R} = spawn_monitor(F),
    receive {'DOWN', R, process, P, Reason} -> Reason end.

dictionary() ->
    p("dictionary", spawn_value(fun() ->
        A = [put(a, 1), put(b, 2), put(a, 3), put({x, "y"}, z), put(1.0, f), put(1, i)],
        B = [lists:sort(get()), length(get_keys()), get_keys(z), get_keys(none)],
        C = [erase(a), erase(a), get(a), get(b), get(1), get(1.0), get({x, "y"})],
        D = lists:sort(erase()),
        {A, B, C, D, get(), get_keys(), erase()}
    end)),
    p("many keys", spawn_value(fun() ->
        [put(I, I * 2) || I <- lists:seq(1, 2000)],
        [erase(I) || I <- lists:seq(1, 2000, 2)],
        garbage_collect(),
        [put({I, <<"key">>}, [I]) || I <- lists:seq(1, 500)],
        garbage_collect(),
        {length(get()), lists:sum([get(I) || I <- lists:seq(2, 2000, 2)]),
         lists:sum([hd(get({I, <<"key">>})) || I <- lists:seq(1, 500)]),
         lists:usort([get(I) || I <- lists:seq(1, 2000, 2)])}
    end)).

spawn_value(F) ->
    S = self(), R = make_ref(),
    spawn(fun() -> S ! {R, F()} end),
    receive {R, V} -> V end.

info() ->
    S = self(),
    P = spawn(fun() -> put(k, [v]), put(k2, {"w"}), S ! ready, receive stop -> ok end end),
    receive ready -> ok end,
    p("status", wait_status(P, waiting, 60000)),
    P ! m1, P ! {m, 2}, P ! [<<"m3">>],
    p("waiting", [process_info(P, I) || I <- [message_queue_len, messages, initial_call,
        links, monitors, monitored_by, trap_exit, priority, catchlevel, error_handler, suspending,
        registered_name, message_queue_data, sequential_trace_token, last_calls]]),
    p("dict", lists:sort(element(2, process_info(P, dictionary)))),
    p("many", process_info(P, [priority, registered_name, message_queue_len])),
    p("where", {element(1, element(2, process_info(P, current_function))),
                [{M, A} || {M, _, A, _} <- element(2, process_info(P, current_stacktrace))]}),
    p("summary", [I || {I, _} <- process_info(P)]),
    p("gc", [I || {I, _} <- element(2, process_info(P, garbage_collection))]),
    p("gc info", [{I, is_integer(N)} || {I, N} <- element(2, process_info(P, garbage_collection_info))]),
    p("numbers", [{I, is_integer(element(2, process_info(P, I)))}
                  || I <- [total_heap_size, heap_size, stack_size, reductions, memory]]),
    link(P), R = monitor(process, P), R2 = monitor(process, P),
    p("relations", [process_info(P, I) || I <- [links, monitors, monitored_by]]),
    p("mine", lists:member(P, element(2, process_info(S, links)))),
    p("my monitors", process_info(S, monitors)),
    unlink(P), demonitor(R), demonitor(R2),
    p("no relations", [process_info(P, I) || I <- [links, monitors, monitored_by]]),
    p("self", {process_info(S, status), process_info(S, message_queue_len)}),
    self() ! one, self() ! two,
    p("my messages", process_info(S, messages)),
    receive one -> ok end, receive two -> ok end,
    exit(P, kill),
    p("killed", {process_info(P), process_info(P, status), is_process_alive(P)}),
    p("processes", lists:member(S, processes())).

wait_status(_, _, 0) -> timeout;
wait_status(P, Status, N) ->
    case process_info(P, status) of
        {status, Status} -> ok;
        _ -> receive after 1 -> wait_status(P, Status, N - 1) end
    end.

suspending() ->
    S = self(),
    P = spawn(fun() -> loop(S) end),
    P ! {echo, 1}, p("runs", next()),
    p("suspend", {erlang:suspend_process(P), process_info(P, status), process_info(S, suspending)}),
    P ! {echo, 2},
    p("silent", receive X -> X after 20 -> nothing end),
    p("unless", erlang:suspend_process(P, [unless_suspending])),
    p("twice", {erlang:suspend_process(P), process_info(S, suspending)}),
    p("resume", {erlang:resume_process(P), receive Y -> Y after 20 -> nothing end}),
    p("resume again", {erlang:resume_process(P), next()}),
    p("none", {process_info(S, suspending), c(fun() -> erlang:resume_process(P) end)}),
    p("bad option", c(fun() -> erlang:suspend_process(P, [foo]) end)),
    p("async", {erlang:suspend_process(P, [{asynchronous, tag}]), next()}),
    p("resume async", erlang:resume_process(P)),
    %% Suspensions end with the process that made them.
    Q = spawn(fun() -> erlang:suspend_process(P), S ! done, receive stop -> ok end end),
    p("by another", {next(), process_info(P, status)}),
    P ! {echo, 3}, Q ! stop,
    p("released", next()),
    erlang:suspend_process(P),
    exit(P, kill),
    p("killed while suspended", gone(P)).

loop(S) -> receive {echo, X} -> S ! {echo, X}, loop(S) end.

leaders() ->
    S = self(), Old = group_leader(),
    L = spawn(fun() -> receive stop -> ok end end),
    P = spawn(fun() -> loop_gl(S) end),
    p("inherited", begin P ! gl, next() == Old end),
    p("set", begin group_leader(L, P), P ! gl, next() == L end),
    p("child", begin P ! child, next() == L end),
    p("own", begin group_leader(L, S), G = group_leader() == L, group_leader(Old, S), G end),
    exit(P, kill), exit(L, kill).

loop_gl(S) ->
    receive
        gl -> S ! group_leader(), loop_gl(S);
        child -> spawn(fun() -> S ! group_leader() end), loop_gl(S)
    end.

%% With one scheduler higher priorities go first; with more this only checks that all get done.
priorities() ->
    S = self(),
    [spawn_opt(fun() -> S ! {prio, P} end, [{priority, P}]) || P <- [low, normal, high, max]],
    p("all ran", lists:sort([receive {prio, P} -> P end || _ <- [1, 2, 3, 4]])),
    Busy = [spawn_opt(fun() -> busy(0) end, [{priority, normal}]) || _ <- [1, 2, 3]],
    spawn_opt(fun() -> S ! low_ran end, [{priority, low}]),
    p("low is not starved", next()),
    [exit(B, kill) || B <- Busy], [gone(B) || B <- Busy].

busy(N) -> busy(N + 1).

tasks() ->
    D = dead(),
    P = spawn(fun() -> L = lists:seq(1, 1000), receive stop -> length(L) end end),
    p("garbage_collect", {garbage_collect(P), garbage_collect(self()), garbage_collect(D)}),
    p("async", begin R = make_ref(), A = garbage_collect(P, [{async, R}]),
                     {A, receive {garbage_collect, R, X} -> X end} end),
    p("check_process_code", {erlang:check_process_code(P, lists), erlang:check_process_code(D, lists)}),
    exit(P, kill).

system() ->
    p("system_info", [{I, erlang:system_info(I)} || I <- [os_type, otp_release, version, machine,
        wordsize, {wordsize, internal}, {wordsize, external}, threads, smp_support, heap_type,
        min_heap_size, fullsweep_after, max_heap_size, message_queue_data, port_limit,
        process_limit, break_ignored, compat_rel, creation, debug_compiled, kernel_poll,
        multi_scheduling, nif_version, driver_version, time_correction, time_offset, time_warp_mode,
        trace_control_word, scheduler_bind_type, system_architecture, port_parallelism, taints,
        modified_timing_level, dist_ctrl, hipe_architecture, min_bin_vheap_size]]),
    p("numbers", [{I, is_integer(erlang:system_info(I))} || I <- [schedulers, schedulers_online,
        scheduler_id, process_count, atom_count, atom_limit, port_count, ets_count, start_time,
        dirty_cpu_schedulers, dirty_io_schedulers]]),
    p("bad", [c(fun() -> erlang:system_info(X) end) || X <- [foo, 1, {a, b}, [], {wordsize, x}]]),
    p("heap sizes", lists:sublist(erlang:system_info(heap_sizes), 12)),
    p("statistics", [{I, tuple_size(erlang:statistics(I))} || I <- [reductions, runtime, wall_clock,
        context_switches, garbage_collection, io, exact_reductions]]),
    p("since", begin {_, _} = statistics(reductions), {A, B} = statistics(reductions),
                     is_integer(A) andalso B >= 0 andalso A >= B end),
    p("bad statistics", c(fun() -> statistics(foo) end)),
    p("bad flag", c(fun() -> erlang:system_flag(foo, bar) end)),
    p("memory", {[K || {K, V} <- erlang:memory(), is_integer(V)], is_integer(erlang:memory(total)),
                 [K || {K, _} <- erlang:memory([total, ets])], c(fun() -> erlang:memory(foo) end)}),
    p("nodes", {nodes(), nodes(this), is_alive(), node(), erlang:get_cookie()}),
    p("bad nodes", c(fun() -> nodes(foo) end)),
    p("monitor_node", c(fun() -> monitor_node('a@b', true) end)).
