%% What erlang:trace, trace_pattern and trace_info say to arguments of all kinds, causes included.
-module(trace_args_t).
-export([main/1]).

main([]) ->
    {D, M} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', M, _, _, _} -> ok end,
    S = self(),
    P = spawn(fun() -> receive a -> ok end end),
    Q = spawn(fun() -> receive a -> ok end end),
    MFA = {lists, seq, 2},
    All = [{'_', [], []}],
    [show(trace_pattern, A)
     || A <- [[MFA, foo, []], [MFA, [a], []], [MFA, [{a}], []], [MFA, [{'_', [{foo}], []}], []],
              [MFA, All, [foo]], [MFA, [{'_', [], []} | a], [local]], [MFA, All, [call_count]],
              [MFA, restart, [call_count]], [MFA, restart, [local]], [MFA, pause, []],
              [foo, true, []], [{'_', a, '_'}, true, []], [{lists, '_', 2}, true, []],
              [{lists, seq, -1}, true, []], [{lists, seq, a}, true, []],
              [{lists, seq, 1 bsl 70}, true, []], [send, [a], []], [send, foo, []],
              [send, [{'_', [{foo}], []}], []], [send, [], []], [send, true, [foo]],
              ['receive', [a], []], [on_load, true, []], [on_load, false, []], [on_load, [a], []],
              [on_load, true, [call_count]], [on_load, false, [local, call_count]],
              [on_load, restart, [local]], [MFA, true, [global, local]], [MFA, true, [global, meta]],
              [MFA, true, [{meta, foo}]], [MFA, true, [{meta, S}]],
              [MFA, true, [{meta, erl_tracer, S}]], [MFA, true, [{meta, erl_tracer, foo}]],
              [MFA, true, [{meta, nomod, []}]], [MFA, false, [meta]], [{lists, nosuch, 2}, true, []],
              [{nosuch, nosuch, 2}, true, []],
              [MFA, true, [local, local, call_time, call_count, meta]],
              [MFA, pause, [call_time, call_count]],
              [MFA, false, [local, call_time, call_count, meta]], [MFA, true, [call_time | x]],
              [MFA, true, foo], [MFA, true, [{tracer, S}]], [MFA, true, [call_memory]]]],
    Items = [flags, tracer, traced, match_spec, meta, meta_match_spec, call_count, call_time,
             call_memory, all, foo, 1],
    Infos = [MFA, {lists, nosuch, 2}, {nosuch, a, 1}, {erlang, element, 2}, {lists, seq, -1},
             {lists, seq, a}, {1, 2, 3}, on_load, send, 'receive', new, new_processes, new_ports, S,
             D, foo, {lists, seq}],
    [show(trace_info, [X, I]) || X <- Infos, I <- Items],
    erlang:trace_pattern(on_load, false, [local]),
    erlang:trace_pattern(MFA, true, [local]),
    [show(trace_info, [MFA, I]) || I <- Items],
    erlang:trace_pattern(MFA, false, [local]),
    [show(trace, A)
     || A <- [[foo, true, [call]], [D, true, [call]], [P, true, [foo]], [P, true, foo],
              [P, foo, [call]], [P, true, [call | a]], [P, true, [{tracer, foo}]],
              [P, true, [{tracer, D}, call]], [P, true, [call]], [P, true, [send, {tracer, Q}]],
              [P, false, [all]], [P, true, [cpu_timestamp]], [3, true, [call]], [all, true, [foo]],
              [new, true, []], [P, true, [{tracer, nomod, []}]], [P, true, [{tracer, nomod, []}, call]],
              [P, true, [{tracer, erl_tracer, S}, call]], [P, true, [{tracer, P}, call]],
              [S, true, [call]], [S, true, [call, {tracer, S}]], [P, true, [{foo, bar}]],
              [P, true, ["a"]], [P, true, [call, call, {tracer, Q}, {tracer, S}]]]],
    [show(trace_delivered, [A]) || A <- [foo, 3]].

show(F, A) ->
    R = try apply(erlang, F, A)
        catch C:E:St -> {C, E, case St of
                                   [{_, _, _, I} | _] -> proplists:get_value(error_info, I)
                               end}
        end,
    io:format("~p ~0p ~0p~n", [F, norm(A), norm(R)]).

norm(T) when is_pid(T), T =:= self() -> self;
norm(T) when is_pid(T) -> pid;
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm([H | T]) -> [norm(H) | norm(T)];
norm(T) -> T.
