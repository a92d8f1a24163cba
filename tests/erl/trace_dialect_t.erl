%% Which functions a match specification may call, by where it is used: in patterns of calls, of
%% `send' and of 'receive', in match_spec_test/3 and in tables; in guards and in bodies.
-module(trace_dialect_t).
-export([main/1, f/1]).

f(X) -> X.

main(_) ->
    T = ets:new(t, []),
    Names = [message, return_trace, exception_trace, process_dump, enable_trace, disable_trace, trace,
             silent, caller, caller_line, display, get_seq_token, set_seq_token, is_seq_trace, get_tcw,
             set_tcw, self, node, is_atom, is_record, element, const, 'and', 'orelse', 'not', '+', hd,
             'xor', is_function, is_pid, float, binary_part, nosuch],
    [io:format("~p/~p: ~s~n", [N, A, [c(T, N, A, Where) || Where <- [body, guard, twice]]])
     || N <- Names, A <- [0, 1, 2, 3]],
    [io:format("~p/~p: ~p~n", [N, A, [erlang:match_spec_test([1, 2], spec(N, A, W), K)
                                      || W <- [body, guard], K <- [table, trace], (is_list(N) orelse K =:= table)]])
     || N <- [message, return_trace, silent, caller], A <- [0, 1]],
    [io:format("~p ~p: ~p~n", [P, S, try erlang:trace_pattern(P, S, []) catch C:R -> {C, R} end])
     || P <- [send, 'receive', {?MODULE, f, 1}],
        S <- [[{'_', [], []}], [{[], [], []}], [{['$1'], [], []}], [{['$1', '$2'], [], []}],
              [{['$1', '$2', '$3'], [], []}], [{'$1', [], []}], [{{'$1', '$2'}, [], []}],
              [{x, [], []}], [{'_', [{caller}], []}], [{'_', [], [{caller}, {message, false}]}],
              [{'_', [], [{message, {caller}}]}], [{'_', [], [{message, [{silent, true}]}]}],
              [{'_', [], []}, {'_', [], [{return_trace}]}], [{'_', [], [{display, x}]}],
              [{'_', [], [true, {enable_trace, send}]}], [{'_', [], [{trace, [], []}]}]]],
    erlang:trace_pattern(send, true, []),
    erlang:trace_pattern('receive', true, []),
    erlang:trace_pattern({?MODULE, f, 1}, false, []),
    ok.

spec(N, A, body) -> [{['$1'], [], [list_to_tuple([N | args(N, A)])]}];
spec(N, A, guard) -> [{['$1'], [list_to_tuple([N | args(N, A)])], [true]}];
spec(N, A, twice) -> [{['$1'], [], [{message, list_to_tuple([N | args(N, A)])}]}].

args(_, A) -> lists:duplicate(A, true).

c(T, N, A, Where) ->
    S = spec(N, A, Where),
    [[" ", X] || X <- [atom_to_list(Where),
     try erlang:trace_pattern({?MODULE, f, 1}, S, []), "call" catch error:badarg -> "-" end,
     try erlang:trace_pattern({?MODULE, f, 1}, S, [local]), "local" catch error:badarg -> "-" end,
     try erlang:trace_pattern({?MODULE, f, 1}, S, [meta]), "meta" catch error:badarg -> "-" end,
     try erlang:trace_pattern(on_load, S, []), "on_load" catch error:badarg -> "-" end,
     try erlang:trace_pattern(send, S, []), "send" catch error:badarg -> "-" end,
     try erlang:trace_pattern('receive', S, []), "receive" catch error:badarg -> "-" end,
     try ets:select(T, S), "select" catch error:badarg -> "-" end,
     try ets:match_spec_compile(S), "compile" catch error:badarg -> "-" end,
     case erlang:match_spec_test([], S, trace) of {ok, _, _, _} -> "trace"; {error, _} -> "-" end,
     case erlang:match_spec_test({}, S, table) of {ok, _, _, _} -> "table"; {error, _} -> "-" end]].
