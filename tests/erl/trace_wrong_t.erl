%% Pairs and triples of wrong and right arguments of the trace BIFs: value, class, reason,
%% error_info and the text that the shell would show.
-module(trace_wrong_t).
-export([main/1]).

main([]) ->
    {D, M} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', M, _, _, _} -> ok end,
    S = self(),
    P = spawn(fun() -> receive a -> ok end end),
    Port = open_port({spawn_driver, "ram_file_drv"}, []),
    Dead = open_port({spawn_driver, "ram_file_drv"}, []),
    port_close(Dead),
    Far = binary_to_term(<<131, 88, 100, 0, 3, "a@b", 1:32, 0:32, 1:32>>),
    FarPort = binary_to_term(<<131, 89, 100, 0, 3, "a@b", 1:32, 1:32>>),
    %% Names, so that the output is the same each time.
    put(names, [{S, self}, {D, dead_process}, {P, process}, {Port, port}, {Dead, dead_port},
                {Far, far_process}, {FarPort, far_port}]),
    Terms = [foo, 1, 1 bsl 70, 1.5, <<>>, [], "ab", #{}, {}, {a}, {a, b}, {lists, seq, 2},
             {lists, '_', '_'}, {'_', '_', '_'}, {lists, seq, 256}, {lists, seq, 255}, {lists, seq, -1},
             {lists, seq, 1 bsl 70}, {lists, "seq", 2}, {"lists", seq, 2}, {lists, seq, 2, 3},
             {erlang, send, 2}, {erlang, nosuch, 1},
             fun lists:seq/2, make_ref(), D, Port, Dead, Far, FarPort, true, false, all, new, existing,
             ports, processes, new_ports, new_processes, existing_ports, existing_processes,
             on_load, send, 'receive', undefined],
    Items = [flags, tracer, traced, match_spec, meta, meta_match_spec, call_count, call_time, all,
             foo, 1, [], {flags}, "flags", D],
    [show(trace_info, [X, I]) || X <- Terms, I <- Items],
    [show(trace_info, [X, I]) || X <- [P, S], I <- Items],
    [show(trace_delivered, [X]) || X <- Terms -- [all, D]],
    Flags = [[], [call], foo, [foo], [call | foo], [1], [{tracer, S}], [{tracer, D}], [{tracer, foo}],
             [{tracer, Port}], [{tracer, Dead}], [{tracer, Far}], [{tracer}], [{tracer, S, S}],
             [{tracer, S, S, S}], [{tracer, nomod, []}], [cpu_timestamp], [cpu_timestamp, foo], #{},
             "call", [{tracer, {a, b}}], [[]]],
    Bad = [foo, 1, #{}, {a}, "ab", make_ref(), D, Port, Dead, Far, FarPort],
    [begin show(trace, [X, On, F]), quiet() end || X <- Bad ++ [P], On <- [true, false, foo], F <- Flags],
    [begin show(trace, [X, On, F]), quiet() end
     || X <- [new_ports, new], On <- [true, foo], F <- Flags -- [[call], [cpu_timestamp], [{tracer, S}]]],
    Fewer = [foo, 1, "ab", {a, b}, {lists, seq, 2}, {lists, seq, 255}, {lists, seq, -1}, {lists, "seq", 2},
             {erlang, send, 2}, Port, on_load, send, 'receive', new],
    Specs = [true, false, [], foo, 1, [a], [{'_', [], []}], [{'_', [], []} | x], restart, pause,
             [{'_', [{foo}], []}], [{x, [], []}], [{'_', [], [{caller}]}], [{'_', [], [{silent, true}]}]],
    Opts = [[], [local], [global], [global, local], [meta], [{meta, S}], [{meta, D}], [{meta, foo}], [{meta, nomod, []}], [{meta}], [call_count], [call_time], [call_memory], foo, [foo], [local | foo],
            [1], 1, [local, local], [meta, local], [global, call_count]],
    [begin show(trace_pattern, [X, Sp, O]), off(X) end
     || X <- Fewer, Sp <- Specs, O <- Opts],
    [begin show(trace_pattern, [X, Sp]), off(X) end || X <- Terms -- [{'_', '_', '_'}], Sp <- Specs],
    [show(trace_pattern, [{'_', '_', '_'}, Sp, O])
     || Sp <- [foo, [a], {}], O <- [[], [local], foo, [foo], [call_count], [meta]]],
    erlang:trace_pattern(on_load, true, [local]),
    [show(trace_info, [on_load, I]) || I <- Items],
    erlang:trace_pattern(on_load, false, [local]),
    port_close(Port),
    ok.

quiet() ->
    [erlang:trace(X, false, [all]) || X <- [new, existing]].
off(X) ->
    [catch erlang:trace_pattern(X, false, O) || O <- [[local, call_count, call_time, meta], [global]]],
    [catch erlang:trace_pattern(X, true, []) || X =:= send orelse X =:= 'receive'].

show(F, A) ->
    R = try {value, apply(erlang, F, A)}
        catch C:E:St ->
            Info = case St of [{_, _, _, I} | _] -> proplists:get_value(error_info, I) end,
            Texts = try erl_erts_errors:format_error(E, St) catch _:_ -> none end,
            Where = {element(1, hd(St)), element(2, hd(St)), case element(3, hd(St)) of L when is_list(L) -> length(L); N -> N end},
            {C, E, Where, Info, Texts}
        end,
    io:format("~p ~0p ~0p~n", [F, norm(A), norm(R)]).

norm([H | T]) -> [norm(H) | norm(T)];
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm(T) when is_reference(T) -> ref;
norm(T) -> proplists:get_value(T, get(names), T).
