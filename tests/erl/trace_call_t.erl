%% Traced calls: global and local breakpoints, returns, exceptions, counters, time, meta tracing,
%% BIFs, wildcards, code that is loaded anew, breakpoints while the code runs.
-module(trace_call_t).
-export([main/1]).
-export([f/1, g/1, h/1, k/1, w/0, y/2, big/1, thrower/1, rec/1, spin/2, loop/1, alloc/2, bifs/1,
         tail_bif/1, catcher/1, with_fun/1, many/12]).

main([]) ->
    global(),
    local(),
    returns(),
    exceptions(),
    bifs(),
    counts(),
    times(),
    meta(),
    arguments(),
    specs(),
    silent(),
    loading(),
    purging(),
    on_load(),
    traces_of_errors(),
    while_running(),
    hibernation(),
    stress().

out(F, A) -> io:format(F ++ "~n", A).

try_(F) ->
    try F() catch C:R -> {C, R} end.

run(Name, Flags, F) ->
    collect(),
    {P, M} = spawn_monitor(fun() -> receive go -> ok end, F() end),
    waiting(P),
    1 = erlang:trace(P, true, Flags),
    P ! go,
    receive {'DOWN', M, _, _, _} -> ok end,
    R = erlang:trace_delivered(P),
    receive {trace_delivered, P, R} -> ok end,
    out("~p ~p", [Name, Flags]),
    show(collect()).

waiting(P) ->
    case process_info(P, status) of
        {status, waiting} -> ok;
        _ -> erlang:yield(), waiting(P)
    end.

collect() ->
    receive M when element(1, M) =:= trace; element(1, M) =:= trace_ts -> [M | collect()]
    after 0 -> []
    end.

show(Ms) -> [out("  ~0p", [norm(M)]) || M <- Ms].

norm(T) when is_pid(T) -> pid;
norm(T) when is_function(T) -> 'fun';
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm([H | T]) -> [norm(H) | norm(T)];
norm(T) -> T.

f(0) -> 0;
f(N) -> N + f(N - 1).

g(0) -> done;
g(N) -> g(N - 1).

h(X) ->
    try k(X) catch _:_ -> caught end.

k(X) -> {ok, length(X)}.

w() ->
    A = m([1, 2, 3]),
    B = x(<<1, 2, 3>>),
    {A, B}.

m(X) -> lists:sort(X).

x(<<A, R/binary>>) -> y(R, A).

y(<<A, R/binary>>, B) -> y(R, A + B);
y(<<>>, B) -> B.

big(N) -> [{I, integer_to_list(I)} || I <- lists:seq(1, N)].

thrower(X) -> throw(X).

rec(0) -> throw(bottom);
rec(N) -> [N | rec(N - 1)].

spin(0, Acc) -> Acc;
spin(N, Acc) -> spin(N - 1, one(Acc)).

one(A) -> A + 1.

loop(N) -> receive {call, P} -> P ! {value, N}, loop(N + 1); stop -> ok end.

alloc(0, L) -> L;
alloc(N, L) -> alloc(N - 1, [{N, hd([x | L])} | L]).

bifs(X) ->
    A = lists:reverse(X, []),
    B = erlang:integer_to_list(length(A)),
    {A, B}.

tail_bif(X) -> lists:reverse(X, [end_]).

catcher(X) ->
    case catch thrower(X) of
        Y -> {c, Y}
    end.

with_fun(X) ->
    F = fun(Y) -> X + Y end,
    lists:map(F, [1, 2]).

many(A, B, C, D, E, F, G, H, I, J, K, L) -> {A, B, C, D, E, F, G, H, I, J, K, L}.

info(MFA) ->
    out("  info ~0p", [[try_(fun() -> erlang:trace_info(MFA, I) end)
                       || I <- [traced, match_spec, meta_match_spec, call_count, all]]]).

clear() ->
    erlang:trace_pattern({?MODULE, '_', '_'}, false, [local, call_count, call_time, meta]),
    erlang:trace_pattern({?MODULE, '_', '_'}, false, []).

global() ->
    info({?MODULE, f, 1}),
    out("~p", [erlang:trace_pattern({?MODULE, f, 1}, true, [])]),
    info({?MODULE, f, 1}),
    run(global, [call], fun() -> ?MODULE:f(2), f(2), apply(?MODULE, f, [1]),
                                 (fun ?MODULE:f/1)(0) end),
    run(not_call, [send, procs], fun() -> ?MODULE:f(2) end),
    out("~p", [erlang:trace_pattern({?MODULE, '_', '_'}, true, [])]),
    run(all_global, [call], fun() -> ?MODULE:w(), ?MODULE:bifs([a]), spawn(?MODULE, f, [0]) end),
    out("~p", [erlang:trace_pattern({?MODULE, f, '_'}, false, [])]),
    run(less, [call], fun() -> ?MODULE:f(1), ?MODULE:k([]) end),
    clear(),
    info({?MODULE, f, 1}),
    run(none, [call], fun() -> ?MODULE:f(1), ?MODULE:k([]) end).

local() ->
    out("~p", [erlang:trace_pattern({?MODULE, f, 1}, true, [local])]),
    info({?MODULE, f, 1}),
    run(local, [call], fun() -> ?MODULE:f(2), f(1) end),
    out("~p", [erlang:trace_pattern({?MODULE, f, 1}, true, [global])]),
    info({?MODULE, f, 1}),
    run(global_again, [call], fun() -> ?MODULE:f(2), f(1) end),
    erlang:trace_pattern({?MODULE, f, 1}, true, [local]),
    run(arity, [call, arity], fun() -> ?MODULE:f(2) end),
    erlang:trace_pattern({?MODULE, '_', '_'}, true, [local]),
    run(all_local, [call], fun() -> w() end),
    run(funs, [call], fun() -> with_fun(1) end),
    run(many, [call], fun() -> many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) end),
    clear().

returns() ->
    erlang:trace_pattern({?MODULE, '_', '_'}, [{'_', [], [{return_trace}]}], [local]),
    info({?MODULE, f, 1}),
    run(return, [call], fun() -> f(1) end),
    run(tail, [call], fun() -> g(2) end),
    run(return_to, [call, return_to], fun() -> g(1), f(1) end),
    run(return_to_w, [call, return_to, arity], fun() -> w() end),
    erlang:trace_pattern({?MODULE, '_', '_'}, true, [local]),
    run(only_return_to, [call, return_to], fun() -> w(), h(a), h([]) end),
    erlang:trace_pattern({?MODULE, '_', '_'}, [{'_', [], [{message, {caller}}]}], [local]),
    run(caller, [call], fun() -> w() end),
    clear(),
    erlang:trace_pattern({?MODULE, '_', '_'}, [{'_', [], [{return_trace}, {message, {caller}}]}],
                         [global]),
    run(global_return, [call, return_to], fun() -> ?MODULE:w(), ?MODULE:f(1) end),
    clear().

exceptions() ->
    erlang:trace_pattern({?MODULE, '_', '_'}, [{'_', [], [{exception_trace}]}], [local]),
    run(caught, [call], fun() -> h(a) end),
    run(caught_to, [call, return_to], fun() -> h(a), catcher(x) end),
    run(not_caught, [call], fun() -> k(a) end),
    run(thrown, [call, return_to], fun() -> catch rec(2) end),
    run(exit, [call], fun() -> exit(bye) end),
    erlang:trace_pattern({?MODULE, '_', '_'}, [{'_', [], [{return_trace}]}], [local]),
    run(return_only, [call, return_to], fun() -> catch rec(1) end),
    clear().

bifs() ->
    Caller = [{'_', [], [{return_trace}, {message, {caller}}]}],
    out("~p", [erlang:trace_pattern({lists, reverse, 2}, Caller, [])]),
    info({lists, reverse, 2}),
    run(bif, [call], fun() -> bifs([1, 2]), ok end),
    run(tail_bif, [call], fun() -> tail_bif([1, 2]) end),
    run(apply_bif, [call], fun() -> apply(lists, reverse, [[1], []]), ok end),
    run(bad_bif, [call], fun() -> catch bifs(a) end),
    erlang:trace_pattern({lists, reverse, 2}, [{'_', [], [{exception_trace}]}], [local]),
    run(bad_bif, [call, return_to], fun() -> catch bifs(a), ok end),
    run(bad_bif, [call, return_to], fun() -> (catch tail_bif(a)), ok end),
    run(bif_to, [call, return_to], fun() -> bifs([a]), tail_bif([a]), ok end),
    out("~p", [erlang:trace_pattern({lists, reverse, 2}, false, [local])]),
    out("~p", [erlang:trace_pattern({lists, reverse, 2}, false, [])]),
    info({lists, reverse, 2}),
    run(no_bif, [call], fun() -> bifs([1, 2]), ok end),
    erlang:trace_pattern({erlang, integer_to_list, 1}, true, []),
    erlang:trace_pattern({?MODULE, '_', '_'}, true, [local]),
    run(both, [call], fun() -> bifs([1, 2]), ok end),
    erlang:trace_pattern({erlang, '_', '_'}, false, []),
    clear(),
    out("~0p", [try_(fun() -> bifs(a) end)]).

counts() ->
    erlang:trace_pattern({?MODULE, '_', '_'}, true, [call_count]),
    f(9),
    w(),
    out("~p", [[erlang:trace_info({?MODULE, F, A}, call_count) || {F, A} <- [{f, 1}, {w, 0}, {g, 1}]]]),
    out("~p", [erlang:trace_pattern({?MODULE, f, 1}, pause, [call_count])]),
    f(3),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, call_count)]),
    out("~p", [erlang:trace_pattern({?MODULE, f, 1}, restart, [call_count])]),
    f(3),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, call_count)]),
    erlang:trace_pattern({?MODULE, f, 1}, true, [call_count]),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, call_count)]),
    info({?MODULE, f, 1}),
    clear(),
    info({?MODULE, f, 1}).

times() ->
    erlang:trace_pattern({?MODULE, f, '_'}, true, [call_time]),
    erlang:trace_pattern({?MODULE, g, '_'}, true, [call_time]),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, call_time)]),
    f(3),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, call_time)]),
    run(timed, [call], fun() -> f(3), g(2), h([]) end),
    {call_time, [{_, N, S, U}]} = erlang:trace_info({?MODULE, f, 1}, call_time),
    out("~p ~p", [N, S >= 0 andalso U >= 0]),
    {call_time, [{_, N2, _, _}]} = erlang:trace_info({?MODULE, g, 1}, call_time),
    out("~p", [N2]),
    erlang:trace_pattern({?MODULE, f, '_'}, pause, [call_time]),
    run(timed, [call], fun() -> f(3) end),
    {call_time, [{_, N3, _, _}]} = erlang:trace_info({?MODULE, f, 1}, call_time),
    erlang:trace_pattern({?MODULE, f, '_'}, restart, [call_time]),
    out("~p ~p", [N3, erlang:trace_info({?MODULE, f, 1}, call_time)]),
    run(timed, [call], fun() -> catch rec(3), f(5) end),
    {call_time, [{_, N4, _, _}]} = erlang:trace_info({?MODULE, f, 1}, call_time),
    out("~p", [N4]),
    clear(),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, call_time)]).

meta() ->
    S = self(),
    T = spawn(fun() -> forward(S) end),
    out("~p", [erlang:trace_pattern({?MODULE, f, '_'}, [{[1], [], [{return_trace}]}], [{meta, T}])]),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, meta) =:= {meta, T}]),
    info({?MODULE, f, 2}),
    f(2),
    settle(T),
    show_meta(),
    erlang:trace_pattern({?MODULE, f, '_'}, [{'_', [], [{exception_trace}, {message, hello}]}], [{meta, T}]),
    catch f(x),
    settle(T),
    show_meta(),
    %% Both ways at once.
    erlang:trace_pattern({?MODULE, f, '_'}, [{'_', [], [{return_trace}]}], [local]),
    run(both, [call], fun() -> f(0) end),
    settle(T),
    show_meta(),
    erlang:trace_pattern({?MODULE, f, '_'}, false, [meta]),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, meta_match_spec)]),
    exit(T, kill),
    clear().

forward(S) ->
    receive
        {sync, From} -> From ! synced;
        M -> S ! {meta, M}
    end,
    forward(S).
settle() -> erlang:trace_delivered(all), receive {trace_delivered, all, _} -> ok end.
settle(T) -> settle(), T ! {sync, self()}, receive synced -> ok end.
show_meta() ->
    receive {meta, M} -> {_, _, _} = element(size(M), M),
                         out("  ~0p", [norm(setelement(size(M), M, ts))]), show_meta()
    after 0 -> ok end.

arguments() ->
    [out("~0p ~0p", [{X, Fl}, try_(fun() -> erlang:trace_pattern(X, true, Fl) end)])
     || {X, Fl} <- [{{?MODULE, '_', 1}, []}, {{'_', f, 1}, []}, {{'_', '_', 1}, []}, {foo, []},
                    {{?MODULE, f}, []}, {{?MODULE, f, 1}, [foo]}, {{?MODULE, f, 1}, [local, global]},
                    {{?MODULE, f, 1}, [global, call_count]}, {{?MODULE, f, 1}, [meta, global]},
                    {{?MODULE, f, 1}, [{meta, foo}]}, {{?MODULE, nof, 1}, []}, {{nomod, f, 1}, []},
                    {{?MODULE, f, 1}, foo}, {{?MODULE, f, 1}, [local | x]}, {{?MODULE, f, -1}, []},
                    {{?MODULE, m, 1}, []}, {{?MODULE, m, 1}, [local]}]],
    [out("~0p ~0p", [X, try_(fun() -> erlang:trace_pattern({?MODULE, f, 1}, X, [local]) end)])
     || X <- [foo, [], [{'_', [], [{foo}]}], restart, pause, [x], {'_', [], []}, true, false]],
    [out("~0p ~0p", [X, try_(fun() -> erlang:trace_pattern({?MODULE, f, 1}, X, [call_count]) end)])
     || X <- [[], [{'_', [], []}], true, false]],
    [out("~0p ~0p", [{X, Y}, try_(fun() -> erlang:trace_info(X, Y) end)])
     || X <- [{?MODULE, nof, 1}, {nomod, a, 1}, foo, {?MODULE, '_', 1}, {?MODULE, f, '_'}],
        Y <- [traced, match_spec, all, call_count]],
    clear().

specs() ->
    Spec = fun(MS) -> erlang:trace_pattern({?MODULE, f, 1}, MS, [local]) end,
    Spec([{['$1'], [{'>', '$1', 1}], []}]),
    run(guard, [call], fun() -> f(3) end),
    Spec([{[0], [], [{message, zero}]}, {['$1'], [], [{message, {{'$1', {self}}}}]}]),
    run(message, [call], fun() -> f(1) end),
    Spec([{[0], [], [{message, false}, {return_trace}]}, {'_', [], [{message, true}]}]),
    run(no_message, [call], fun() -> f(1) end),
    Spec([{[1], [], [{enable_trace, arity}]}, {[0], [], [{disable_trace, call}]}, {'_', [], []}]),
    run(switch, [call], fun() -> f(2), f(1) end),
    Spec([{[1], [], [{trace, [call], [procs]}]}, {'_', [], []}]),
    run(trace, [call], fun() -> f(2), register(trace_call_t_x, self()), f(2) end),
    Spec([{[1], [], [{silent, true}]}, {[0], [], [{silent, false}, {return_trace}]}, {'_', [], []}]),
    run(silent, [call], fun() -> f(2), f(2) end),
    out("~p", [erlang:system_flag(trace_control_word, 0)]),
    Spec([{[1], [], [{set_tcw, 17}, {message, {get_tcw}}]},
          {'_', [{'==', {get_tcw}, 17}], [{message, {{tcw, {get_tcw}}}}]}, {'_', [], []}]),
    run(tcw, [call], fun() -> f(2) end),
    out("~p ~p", [erlang:system_info(trace_control_word), erlang:system_flag(trace_control_word, 0)]),
    Spec([{['$1'], [{is_seq_trace}], [{message, {get_seq_token}}]},
          {['$1'], [], [{set_seq_token, label, 99}, {message, seq}]}]),
    run(seq, [call], fun() -> f(1), seq_trace:set_token([]) end),
    Spec([{'_', [], [{message, {process_dump}}]}]),
    P = spawn(fun() -> receive go -> f(0) end end),
    waiting(P),
    erlang:trace(P, true, [call]),
    P ! go,
    Dump = receive {trace, P, call, _, D} -> D end,
    out("~p", [re:run(Dump, "trace_call_t:", [{capture, none}])]),
    clear().

silent() ->
    erlang:trace_pattern({?MODULE, f, 1}, [{'_', [], [{return_trace}]}], [local]),
    run(silent, [call, silent, return_to], fun() -> f(1) end),
    clear().

%% A new version has no breakpoints, and what runs in the old one goes on.
code(V) ->
    M = trace_call_t_mod,
    Forms = [{attribute, 1, module, M}, {attribute, 2, export, [{v, 0}, {wait, 1}]},
             {function, 3, v, 0, [{clause, 3, [], [], [{integer, 3, V}]}]},
             {function, 4, wait, 1,
              [{clause, 4, [{var, 4, 'P'}], [],
                [{'receive', 4,
                  [{clause, 4, [{atom, 4, next}], [],
                    [{op, 4, '!', {var, 4, 'P'}, {call, 4, {atom, 4, v}, []}},
                     {call, 4, {atom, 4, wait}, [{var, 4, 'P'}]}]},
                   {clause, 4, [{atom, 4, stop}], [], [{atom, 4, ok}]}]}]}]}],
    {ok, M, Bin} = compile:forms(Forms),
    {module, M} = code:load_binary(M, "trace_call_t_mod.erl", Bin),
    M.

loading() ->
    M = code(1),
    erlang:trace_pattern({M, '_', '_'}, true, [local]),
    S = self(),
    Old = spawn(M, wait, [S]),
    waiting(Old),
    erlang:trace(Old, true, [call]),
    Old ! next,
    receive 1 -> ok end,
    out("~p", [erlang:trace_info({M, v, 0}, traced)]),
    M = code(2),
    out("~p", [erlang:trace_info({M, v, 0}, traced)]),
    Old ! next,
    receive 1 -> ok end,
    settle(),
    show(collect()),
    erlang:trace_pattern({M, v, 0}, true, []),
    out("~p", [erlang:trace_info({M, v, 0}, traced)]),
    run(new_version, [call], fun() -> M:v() end),
    OldMon = monitor(process, Old),
    Old ! stop,
    receive {'DOWN', OldMon, _, _, _} -> ok end,
    code:purge(M),
    M = code(3),
    run(third, [call], fun() -> 3 = M:v() end),
    out("~p", [erlang:trace_info({M, v, 0}, traced)]).

purging() ->
    M = trace_call_t_mod,
    code:purge(M),
    erlang:trace_pattern({M, '_', '_'}, true, [local, call_count]),
    M:v(),
    out("~p", [erlang:trace_info({M, v, 0}, call_count)]),
    true = code:delete(M),
    out("~p", [erlang:trace_info({M, v, 0}, call_count)]),
    code:purge(M),
    out("~p", [erlang:trace_pattern({M, '_', '_'}, true, [local])]),
    M = code(4),
    out("~p ~p", [M:v(), erlang:trace_info({M, v, 0}, traced)]),
    true = code:delete(M),
    code:purge(M).

on_load() ->
    M = trace_call_t_mod,
    out("~p", [erlang:trace_pattern(on_load, [{'_', [], [{return_trace}]}], [local])]),
    out("~p ~p", [erlang:trace_info(on_load, traced), erlang:trace_info(on_load, match_spec)]),
    M = code(5),
    out("~p", [erlang:trace_info({M, v, 0}, traced)]),
    run(on_load, [call], fun() -> M:v() end),
    out("~p", [erlang:trace_pattern(on_load, false, [local])]),
    out("~p ~p", [erlang:trace_info(on_load, traced), erlang:trace_info(on_load, all)]),
    true = code:delete(M),
    code:purge(M).

%% Frames of the tracer are in no stack trace.
traces_of_errors() ->
    erlang:trace_pattern({?MODULE, '_', '_'}, [{'_', [], [{exception_trace}]}], [local]),
    erlang:trace_pattern({erlang, integer_to_list, 1}, [{'_', [], [{return_trace}]}], [local]),
    S = self(),
    P = spawn(fun() ->
        receive go -> ok end,
        A = try rec(2) catch throw:bottom:St -> [{F, N} || {_, F, N, _} <- St] end,
        B = try k(a) catch error:badarg:St2 -> [{F, N} || {_, F, N, _} <- St2] end,
        C = try bifs({a}) catch error:_:St3 -> [{F, if is_list(N) -> length(N); true -> N end} || {_, F, N, _} <- St3] end,
        {current_stacktrace, D} = process_info(self(), current_stacktrace),
        S ! {traces, A, B, C, [{F, N} || {_, F, N, _} <- D]}
    end),
    waiting(P),
    erlang:trace(P, true, [call, return_to]),
    P ! go,
    receive {traces, A, B, C, D} -> out("~0p ~0p ~0p ~0p", [A, B, C, D]) end,
    Mon = monitor(process, P),
    receive {'DOWN', Mon, _, _, _} -> ok end,
    settle(),
    collect(),
    erlang:trace_pattern({erlang, '_', '_'}, false, [local]),
    clear().

%% Set and taken away while the functions run; values must not suffer.
while_running() ->
    S = self(),
    Ps = [spawn_link(fun() -> worker(S, 0) end) || _ <- [1, 2, 3]],
    T = spawn(fun Drop() -> receive _ -> Drop() end end),
    [erlang:trace(P, true, [call, return_to, {tracer, T}]) || P <- Ps],
    [begin
         erlang:trace_pattern({?MODULE, F, '_'}, MS, Fl),
         erlang:yield()
     end || _ <- lists:seq(1, 3), F <- [spin, one, alloc, y],
            {MS, Fl} <- [{true, [local]}, {[{'_', [], [{exception_trace}]}], [local]},
                         {true, [call_count]}, {true, [call_time]}, {false, [call_time]}, {false, [local]}, {false, [call_count]}]],
    [P ! stop || P <- Ps],
    [receive {P, ok} -> ok end || P <- Ps],
    exit(T, kill),
    clear(),
    out("worked ~p", [[erlang:trace_info({?MODULE, F, A}, all) || {F, A} <- [{spin, 2}, {y, 2}]]]).

worker(S, N) when N > 300 ->
    receive stop -> S ! {self(), ok}, unlink(S) end;
worker(S, N) ->
    20 = spin(20, 0),
    20 = length(alloc(20, [])),
    6 = x(<<1, 2, 3>>),
    receive stop -> S ! {self(), ok}, unlink(S)
    after 0 -> erlang:yield(), worker(S, N + 1)
    end.

hibernation() ->
    erlang:trace_pattern({?MODULE, '_', '_'}, [{'_', [], [{exception_trace}]}], [local]),
    run(hibernate, [call, return_to],
        fun() -> erlang:send_after(2, self(), stop), erlang:hibernate(?MODULE, loop, [7]) end),
    clear().

%% Many calls that collect while frames are on the stack.
stress() ->
    erlang:trace_pattern({?MODULE, '_', '_'}, [{'_', [], [{return_trace}]}], [local]),
    T = spawn(fun() -> counter(0) end),
    {P, M} = spawn_monitor(fun() -> receive go -> ok end, exit({length(big(200)), f(500), spin(500, 0)}) end),
    erlang:trace(P, true, [call, return_to, garbage_collection, {tracer, T}]),
    P ! go,
    receive {'DOWN', M, _, _, R} -> out("~p", [R]) end,
    erlang:trace_delivered(P),
    receive {trace_delivered, P, _} -> ok end,
    T ! {get, self()},
    receive {count, N} -> out("~p", [N > 1500]) end,
    clear().

counter(N) ->
    receive
        {get, P} -> P ! {count, N};
        _ -> counter(N + 1)
    end.
