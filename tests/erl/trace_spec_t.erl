%% Every function of match specifications in traces, where it may stand, with arguments of all kinds:
%% what trace_pattern says, what a call tells and what match_spec_test shows.
-module(trace_spec_t).
-export([main/1, f/1]).

f(X) -> X.

main([]) ->
    functions(),
    effects(),
    guards(),
    others(),
    errors().

try_(F) -> try F() catch C:R -> {C, R} end.

norm(T) when is_pid(T) -> pid;
norm(T) when is_binary(T), byte_size(T) > 200 -> dump;
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm([H | T]) -> [norm(H) | norm(T)];
norm(T) when is_map(T) -> maps:map(fun(_, V) -> norm(V) end, T);
norm(T) -> T.

%% What a traced process tells that runs F. The traces that stop before the process does are all.
run(F) ->
    {P, M} = spawn_monitor(fun() -> receive go -> ok end, try_(F) end),
    1 = erlang:trace(P, true, [call]),
    P ! go,
    receive {'DOWN', M, _, _, _} -> ok end,
    R = erlang:trace_delivered(P),
    receive {trace_delivered, P, R} -> ok end,
    collect().
collect() ->
    receive
        {trace, _, call, _} = M -> [M | collect()];
        {trace, _, call, _, _} = M -> [M | collect()];
        M when element(1, M) =:= trace; element(1, M) =:= trace_ts -> collect()
    after 0 -> []
    end.

set(Ms) -> try_(fun() -> erlang:trace_pattern({?MODULE, f, 1}, Ms, [local]) end).
texts(Es) -> [lists:flatten(T) || {_, T} <- Es].

functions() ->
    Names = [return_trace, exception_trace, silent, trace, set_seq_token, get_seq_token, is_seq_trace,
             message, process_dump, display, caller, caller_line, enable_trace, disable_trace, set_tcw,
             get_tcw, self, node, current_stacktrace, 'and', 'or', 'andalso', 'orelse', 'not', 'xor',
             is_record, const, element, hd, tl, length, size, map_get, is_map_key, abs, tuple_size,
             byte_size, ceil, floor, binary_part, is_boolean, is_bitstring, is_function, min, max,
             return_to, exit, send, binary_to_atom, '++', '+', '-', '*', '/', 'div', 'rem', 'band',
             'bor', 'bxor', 'bnot', 'bsl', 'bsr', '==', '=:=', '=/=', '/=', '>', '<', '>=', '=<',
             apply, now, get, list_to_tuple, is_seq_token],
    Args = [[], [true], ['$1'], [1, 2], ['$1', true], [send], [self], [{self}, send], [label, 17],
            [[send], [send]], [{self}, [], [call]], [$a, b, c, d]],
    [function(N, {'_', G, B}) || N <- Names, A <- Args, T <- [list_to_tuple([N | A])],
                                 {G, B} <- [{[], [{message, T}]}, {[T], []}, {[], [T]}]],
    set(false).

function(N, {_, G, B}) ->
    Ms = [{['$1'], G, B}],
    R = set(Ms),
    Prints = N =:= display,
    Told = case R of
               1 when Prints -> not_asked;
               1 -> run(fun() -> ?MODULE:f(5) end);
               _ -> []
           end,
    Test = case Prints andalso R =:= 1 of
               true -> not_asked;
               false ->
                   case erlang:match_spec_test([5], Ms, trace) of
                       {error, Es} -> texts(Es);
                       T -> T
                   end
           end,
    io:format("~0p ~0p ~0p ~0p~n", [Ms, R, norm(Told), norm(Test)]).

show(Pre, Ms) ->
    R = set(Ms),
    Told = run(fun() -> Pre(), ?MODULE:f(5), seq_trace:set_token([]) end),
    io:format("~0p ~0p ~0p~n", [Ms, R, norm(Told)]).
nothing() -> ok.
token() -> seq_trace:set_token(label, 3), seq_trace:set_token(send, true).
both(X, Y) -> [{'_', [], [{message, {{X, Y}}}]}].

%% The last argument, element, key comes first.
effects() ->
    code:ensure_loaded(seq_trace),
    [show(Pre, both({set_seq_token, A, V}, {get_seq_token}))
     || Pre <- [fun nothing/0, fun token/0],
        {A, V} <- [{label, 17}, {label, {const, {a, b}}}, {send, true}, {send, false}, {send, foo},
                   {print, true}, {'receive', false}, {timestamp, true}, {monotonic_timestamp, true},
                   {serial, {{1, 2}}}, {serial, 1}, {foo, true}]],
    [show(Pre, [{'_', [], [{set_seq_token, A, V}, {message, {get_seq_token}}]}])
     || Pre <- [fun nothing/0, fun token/0],
        {A, V} <- [{label, 17}, {send, true}, {send, false}, {serial, {{1, 2}}}, {print, true}]],
    [show(fun nothing/0, both(X, Y))
     || {X, Y} <- [{{trace, [], []}, {trace, [], [send]}},
                   {{trace, [send], []}, {trace, [call], []}},
                   {{trace, {self}, [], [send]}, {trace, {self}, [], [send]}},
                   {{trace, foo, [], [send]}, 1}, {{trace, [], [foo]}, 1}, {{trace, [all], []}, 1},
                   {{trace, [], [{{tracer, {self}}}]}, 1}, {{trace, [silent], [silent]}, 1},
                   {{trace, [], [cpu_timestamp]}, 1}, {{enable_trace, send}, {enable_trace, send}},
                   {{disable_trace, send}, {disable_trace, call}},
                   {{enable_trace, {self}, send}, {disable_trace, {self}, send}},
                   {{enable_trace, foo, send}, 1}, {{disable_trace, all}, 1},
                   {{enable_trace, init, send}, {disable_trace, init, send}},
                   {{silent, true}, {silent, false}}, {{silent, foo}, 1}, {{set_tcw, 3}, {get_tcw}},
                   {{set_tcw, -1}, {get_tcw}}, {{set_tcw, {const, 1 bsl 70}}, {get_tcw}},
                   {{set_tcw, a}, {get_tcw}}, {{get_tcw}, {set_tcw, 0}},
                   {{is_seq_trace}, {get_seq_token}}, {{caller}, 1}, {{node}, {self}}]],
    [show(fun nothing/0, [{'_', [], [{message, E}, {set_tcw, 0}]}])
     || E <- [[{set_tcw, 1}, {set_tcw, 2} | {get_tcw}], #{a => {get_tcw}, b => {set_tcw, 4}},
              {'+', {get_tcw}, {set_tcw, 5}}, {is_record, {get_tcw}, {set_tcw, 6}, {set_tcw, 7}},
              {'orelse', {'=:=', {set_tcw, 8}, 0}, {'=:=', {set_tcw, 9}, 8}}]].

guards() ->
    [show(fun nothing/0, [{'_', G, B}])
     || {G, B} <- [{[{is_seq_trace}], []}, {[], [{message, []}]}, {[], [{message, {const, []}}]},
                   {[], [{message, true}, {message, false}]}, {[], [{message, false}, {message, true}]},
                   {[], [{message, a}, {message, b}]}, {[], [{return_trace}, false]},
                   {[], [{exception_trace}, {message, false}]}, {[], [false]},
                   {[{'>', {get_tcw}, 0}], []}, {[{get_tcw}], []},
                   {[{'=:=', {get_tcw}, 0}], [{message, {get_tcw}}]}, {[], []}, {[true], []},
                   {[false], [true]}, {[], ['$_']}, {[], [{message, '$_'}]}, {[], [{message, '$$'}]},
                   {[], [{message, {{'$$'}}}]}, {[], [{message, #{a => '$_'}}]}]],
    set(false).

%% Switches of other processes.
others() ->
    F = fun() ->
        X = spawn(fun() -> receive stop -> ok end end),
        register(trace_spec_t_name, X),
        catch ?MODULE:f(X),
        unregister(trace_spec_t_name),
        X ! stop
    end,
    [begin
         1 = set([{['$1'], [], [{message, E}]}]),
         io:format("~0p ~0p~n", [E, norm(run(F))]),
         erlang:trace(all, false, [all])
     end || E <- [{trace, '$1', [], [call, send]}, {trace, trace_spec_t_name, [], [call, send]},
                  {enable_trace, '$1', send}, {enable_trace, trace_spec_t_name, send},
                  {disable_trace, '$1', send}]],
    set(false).

%% Several errors, and long ones, in both dialects.
errors() ->
    L = lists:seq(1000, 1050),
    Bodies = [{foo, L}, {L, 1}, {{{foo}, {bar}}}, [{foo}, {bar}], #{a => {foo}, b => {bar}},
              {'+', {foo}, {bar}}, {'and', {foo}, {bar}}, {'andalso', {foo}, {bar}}, {foo, {bar}},
              {const, L, L}, {self, L}, {'and'}, {message, L, L}, {element, '$3', {foo}}, {abs, L, L, L},
              {is_record, L, L}, {set_seq_token, 1}, {return_trace, L}],
    Specs = [[{['$1'], [], [B]}] || B <- Bodies] ++ [[{['$1'], [B], []}] || B <- Bodies] ++
            [[{['$1'], [{foo}, {bar}], [{baz}, {x, {y}}]}], [{[1 | L], [], [{message, L, L}]}],
             [{[1 | {L}], [], []}], [{['$1'], [], ['$2', {element, '$3', {foo}}]}]],
    [case erlang:match_spec_test(Obj, Ms, D) of
         {error, Es} -> io:format("~0p ~0p~n", [D, texts(Es)]);
         R -> io:format("~0p ~0p~n", [D, R])
     end || {D, Obj} <- [{trace, [5]}, {table, {5}}], Ms <- Specs].
