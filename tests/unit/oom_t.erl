%% oom_t: a little of everything that allocates, for tests/oom/oom.c. Each part runs in a process of
%% its own, so that one that is killed does not end the others; nobody waits for what may not come.
-module(oom_t).
-export([start/0, start/1, loop/1, value/0]).

start() -> [start(P) || P <- parts()].

start(Part) ->
    {P, M} = spawn_monitor(fun() -> part(Part) end),
    receive {'DOWN', M, process, P, Why} -> Why after 10000 -> exit(P, kill) end.

parts() ->
    [heirs, give, tables, sharded, bags, fixed, counters, specs, terms, packed, refs, persistent, code, regex, maps,
     bigs, floats, text, binaries, iolists, appends, timers, links, monitors, aliases, names, queues, trace, calls,
     seq, sysmon, ports, files, zip, format, dictionary, errors, hibernate, collect, atomics, requests, info].

loop(0) -> ok;
loop(N) -> loop(N - 1).
value() -> {some, "literal", <<"of a module">>, #{a => [1.5, 1 bsl 70]}}.

objects(N) -> [{I, [I, <<I:64>>, {x, I / 3}]} || I <- lists:seq(1, N)].
child() -> spawn(fun() -> receive stop -> ok after 5000 -> ok end end).

part(heirs) ->
    H = child(),
    {P, M} = spawn_monitor(fun() ->
        T = ets:new(t, [public, {heir, H, [gift | lists:seq(1, 20)]}]),
        U = ets:new(u, [named_table, {heir, H, <<"gift">>}]),
        ets:insert(T, objects(10)), ets:insert(U, objects(10)),
        ets:setopts(T, {heir, H, other})
    end),
    receive {'DOWN', M, process, P, _} -> ok end,
    H ! stop;
part(give) ->
    H = child(),
    T = [ets:new(t, [public]) || _ <- lists:seq(1, 5)],
    [ets:give_away(X, H, {gift, X}) || X <- T],
    [catch ets:insert(X, {a, b}) || X <- T],
    H ! stop;
part(tables) ->
    [begin
         T = ets:new(t, [Type, compressed | O]),
         true = ets:insert(T, objects(60)),
         ets:insert_new(T, objects(70)),
         [ets:lookup(T, I) || I <- [1, 2, 99]],
         ets:select(T, [{{'$1', '$2'}, [{'>', '$1', 30}], [{{'$2', '$1'}}]}], 7),
         ets:select_replace(T, [{{'$1', '$2'}, [{'<', '$1', 9}], [{{'$1', {{'$2', <<"new">>}}}}]}]),
         ets:tab2list(T), ets:take(T, 3), ets:next(T, ets:first(T)),
         U = ets:rename(T, tt),
         ets:select_delete(U, [{{'$1', '_'}, [{'<', '$1', 20}], [true]}]),
         ets:info(U), ets:delete_all_objects(U), ets:insert(U, objects(5)), ets:delete(U)
     end || Type <- [set, ordered_set, bag, duplicate_bag], O <- [[], [named_table, public]]];
part(sharded) ->
    T = ets:new(t, [public, {write_concurrency, true}, {read_concurrency, true}, {decentralized_counters, true}]),
    ets:insert(T, objects(300)), ets:tab2list(T), ets:insert(T, objects(100)), ets:delete(T);
part(bags) ->
    T = ets:new(t, [bag]),
    [ets:insert(T, {I rem 3, I, lists:seq(1, I)}) || I <- lists:seq(1, 30)],
    ets:delete_object(T, {1, 1, [1]}), ets:match(T, {1, '$1', '$2'}), ets:match_object(T, {'_', 5, '_'});
part(fixed) ->
    T = ets:new(t, [public]),
    ets:insert(T, objects(50)),
    ets:safe_fixtable(T, true),
    [spawn(fun() -> ets:safe_fixtable(T, true), ets:delete(T, I) end) || I <- lists:seq(1, 5)],
    [ets:delete(T, I) || I <- lists:seq(10, 40)],
    ets:safe_fixtable(T, false);
part(counters) ->
    T = ets:new(t, []),
    ets:update_counter(T, a, {2, 1 bsl 70}, {a, 0}), ets:update_counter(T, a, [{2, 5, 9, 0}, {2, -1}]),
    ets:update_element(T, a, {2, lists:seq(1, 9)});
part(specs) ->
    MS = ets:match_spec_compile([{{'$1', #{k => '$2'}}, [{'andalso', {is_map, '$2'}, {'>', '$1', {const, [1]}}}],
                                 [{{'$1', '$$', '$_'}}]} || _ <- lists:seq(1, 10)]),
    ets:match_spec_run([{[2], #{k => #{}}}, {1, 2}], MS),
    erlang:match_spec_test([1, {a}], [{['$1', '_'], [], [{message, {{'$1', {self}}}}]}], trace);
part(terms) ->
    X = [value(), self(), make_ref(), fun lists:map/2, fun() -> value() end, objects(50), <<1:3>>],
    X1 = binary_to_term(term_to_binary(X)), 7 = length(X1),
    term_to_iovec(X), erlang:external_size(X), erlang:phash2(X), erts_debug:size_shared(X);
part(packed) ->
    B = term_to_binary(objects(200), [compressed]),
    200 = length(binary_to_term(B, [safe]));
part(refs) -> [erlang:ref_to_list(make_ref()), list_to_pid(pid_to_list(self()))];
part(persistent) ->
    [begin
         persistent_term:put({oom_t, I rem 2}, {I, objects(20), binary:copy(<<"b">>, 200)}),
         X = persistent_term:get({oom_t, I rem 2}),
         Me = child(), Me ! X, put(I, X)
     end || I <- lists:seq(1, 6)],
    persistent_term:erase({oom_t, 0}), persistent_term:erase({oom_t, 1}),
    persistent_term:get(), garbage_collect();
part(code) ->
    {oom_t, B, F} = code:get_object_code(oom_t),
    V = value(),
    C = spawn(fun() -> receive V1 -> V1 end end),
    C ! V,
    {module, _} = code:load_binary(oom_t, F, B),
    W = oom_t:value(),
    code:soft_purge(oom_t), code:load_binary(oom_t, F, B), code:purge(oom_t),
    garbage_collect(), erlang:phash2({V, W}), oom_t:module_info(),
    code:load_binary(oom_t, F, binary:part(B, 0, 500));
part(regex) ->
    {ok, R} = re:compile("(a+)(?<n>b)?|[[:alpha:]]{2,3}", [unicode, caseless]),
    [re:run(S, R, O) || S <- ["xaab", <<"abab">>],
                        O <- [[global], [{capture, all, list}], [{capture, [1, n], binary}], [{capture, all_names}]]],
    re:split("a,b,c", ","), re:replace("abc", "b", "[&]", [global, {return, binary}]), re:inspect(R, namelist);
part(maps) ->
    M = maps:from_list(objects(100)), N = maps:map(fun(_, V) -> {V} end, M),
    maps:merge(M, N#{1 => x, new => y}), maps:to_list(maps:without([1, 2, 3], N)), M#{5 := 1}, maps:remove(7, N);
part(bigs) ->
    F = lists:foldl(fun(I, A) -> I * A end, 1, lists:seq(1, 100)),
    {F div 12345678901234567890, F rem 7, F bsl 100, F bsr 10, -F band 255, integer_to_list(F, 36), F bxor (F + 1)},
    F = list_to_integer(integer_to_list(F)), F = binary_to_integer(integer_to_binary(F));
part(floats) -> [float_to_list(1.5e10, [{decimals, 3}]), float_to_binary(0.1, [short]), list_to_float("1.5e3")];
part(text) ->
    S = lists:seq(900, 1000),
    B = unicode:characters_to_binary(S), S = unicode:characters_to_list(B),
    unicode:characters_to_binary([B, S], utf8, utf16), list_to_atom("oom_t_" ++ integer_to_list(erlang:unique_integer([positive]))),
    atom_to_list(list_to_existing_atom("oom_t")), string:uppercase("abc");
part(binaries) ->
    B = binary:copy(<<"abcdefgh">>, 50),
    binary:matches(B, [<<"cd">>, <<"gh">>]), binary:split(B, <<"e">>, [global]), binary:replace(B, <<"a">>, <<"xyz">>, [global]),
    <<_:3, Rest/bits>> = B, [X || <<X:5>> <= Rest], << <<Y:7>> || <<Y:3>> <= Rest >>, binary:decode_hex(binary:encode_hex(B)),
    erlang:md5(B), base64:encode(B);
part(iolists) ->
    L = [[I, <<I:200/unit:8>>, "abc"] || I <- lists:seq(1, 20)],
    iolist_to_binary(L), erlang:iolist_to_iovec(L), list_to_bitstring([L, <<1:3>>]);
part(appends) ->
    A = lists:foldl(fun(I, Acc) -> <<Acc/binary, I:32>> end, <<>>, lists:seq(1, 200)),
    Me = child(), Me ! A, <<A/binary, 1>>, <<A/binary, 2>>;
part(timers) ->
    [erlang:send_after(1000 + I, self(), objects(3)) || I <- lists:seq(1, 20)],
    T = erlang:start_timer(1, self(), tick),
    receive {timeout, T, tick} -> ok after 100 -> ok end,
    erlang:cancel_timer(T, [{async, true}]), receive after 2 -> ok end;
part(links) ->
    process_flag(trap_exit, true),
    Ps = [spawn_link(fun() -> exit(objects(3)) end) || _ <- lists:seq(1, 10)],
    [receive {'EXIT', P, _} -> ok after 100 -> ok end || P <- Ps];
part(monitors) ->
    P = child(),
    Ms = [monitor(process, P) || _ <- lists:seq(1, 20)], monitor(process, no_such_name), monitor(time_offset, clock_service),
    [demonitor(M, [flush]) || M <- lists:nthtail(5, Ms)], P ! stop;
part(aliases) ->
    A = alias([reply]), A ! hello, unalias(A),
    R = monitor(process, child(), [{alias, demonitor}, {tag, {my, tag}}]), R ! x;
part(names) -> register(oom_t_name, self()), oom_t_name ! x, registered(), whereis(oom_t_name), unregister(oom_t_name);
part(queues) ->
    process_flag(message_queue_data, off_heap),
    [self() ! {I, objects(2)} || I <- lists:seq(1, 30)],
    process_info(self(), [messages, message_queue_len]),
    receive {30, X} -> X end, garbage_collect(), process_flag(message_queue_data, on_heap), receive {1, Y} -> Y end;
part(trace) ->
    P = spawn(fun() -> receive go -> ok end, [self() ! I || I <- [1, 2]], loop(3), garbage_collect() end),
    erlang:trace(P, true, [all, {tracer, child()}]), P ! go,
    receive after 5 -> ok end;
part(calls) ->
    erlang:trace_pattern({?MODULE, loop, 1}, [{['$1'], [{'>', '$1', 0}], [{return_trace}, {message, {caller}}]}], [local, call_count, call_time]),
    erlang:trace(new, true, [call, procs]),
    spawn(?MODULE, loop, [5]), receive after 2 -> ok end,
    erlang:trace_info({?MODULE, loop, 1}, all), erlang:trace(new, false, [all]),
    erlang:trace_pattern({?MODULE, loop, 1}, false, [local]);
part(seq) ->
    seq_trace:set_token(label, {l, 1}), seq_trace:set_token(send, true),
    P = child(), P ! stop, seq_trace:set_token([]);
part(sysmon) ->
    erlang:system_monitor(self(), [{long_gc, 1}, {large_heap, 100}]),
    L = objects(300), garbage_collect(), erlang:system_monitor(undefined), length(L);
part(ports) ->
    P = open_port({spawn_driver, "ram_file_drv"}, [binary]),
    catch port_command(P, <<"x">>), erlang:port_info(P), catch port_control(P, 1, "abc"), port_close(P),
    erlang:decode_packet(http, <<"GET / HTTP/1.1\r\n">>, []), erlang:decode_packet(4, <<0, 0, 0, 1, 7>>, []);
part(files) ->
    {ok, F} = prim_file:open("/oom_t.tmp", [write, read, binary]),
    prim_file:write(F, [<<"abc">>, "def"]), prim_file:pread(F, 0, 3), prim_file:close(F),
    prim_file:read_file("/oom_t.tmp"), prim_file:list_dir("/"), prim_file:delete("/oom_t.tmp");
part(zip) -> <<"aaa">> = zlib:uncompress(zlib:compress(<<"aaa">>)), zlib:gunzip(zlib:gzip(binary:copy(<<"ab">>, 500)));
part(format) -> io_lib:format("~p ~ts ~w ~.3f", [value(), "text", objects(3), 1.5]);
part(dictionary) -> [put(I, {I}) || I <- lists:seq(1, 50)], get(), [erase(I) || I <- lists:seq(1, 40)], erase();
part(errors) ->
    [try F() catch C:R:S -> {C, R, length(S)} end
     || F <- [fun() -> error({bad, objects(3)}) end, fun() -> lists:nth(9, [1]) end, fun() -> exit(objects(1)) end,
              fun() -> binary_to_term(<<1>>) end, fun() -> erlang:raise(throw, x, [{a, b, 1, []}]) end]],
    loop(a - 1);
part(hibernate) ->
    P = spawn(fun() -> put(a, objects(20)), erlang:hibernate(?MODULE, loop, [3]) end), P ! wake;
part(collect) ->
    L = lists:foldl(fun(I, A) -> [{I, <<I:800>>} | lists:sublist(A, 50)] end, [], lists:seq(1, 300)),
    garbage_collect(self(), [{type, minor}]), erlang:garbage_collect(child(), [{async, x}]), length(L);
part(atomics) -> C = counters:new(5, [write_concurrency]), counters:add(C, 1, 7), A = atomics:new(9, []), atomics:add(A, 1, 1);
part(requests) ->
    P = child(),
    process_info(P), catch erlang:suspend_process(P, [asynchronous]), is_process_alive(P),
    erts_internal:process_flag(P, save_calls, 3), catch erlang:resume_process(P), erlang:process_display(P, backtrace);
part(info) ->
    erlang:memory(), erlang:system_info(info), erlang:system_info(procs), erlang:statistics(wall_clock), ets:info(u),
    erlang:system_info({allocator, eheap_alloc}), processes(), erlang:fun_info(fun() -> value() end).
