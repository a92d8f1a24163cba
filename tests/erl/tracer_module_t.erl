%% only: uv
%% Tracer modules: {tracer, Module, State} of trace/3, {meta, Module, State} of trace_pattern/3, the
%% system tracer of seq_trace. LING_TEST_NIFS names the folder of the modules' native halves.
-module(tracer_module_t).
-export([main/1, f/1, g/1, loop/0]).

main(_) ->
    arguments(),
    ok = tracer_two_aux:load(),
    ok = tracer_every_aux:load(),
    [events(M) || M <- [tracer_two_aux, tracer_every_aux]],
    answers(tracer_every_aux),
    meta(tracer_two_aux),
    sequential(tracer_two_aux),
    stamps(tracer_two_aux),
    inherited(tracer_two_aux),
    taken(tracer_two_aux).

out(F, A) -> io:format(F ++ "~n", A).
try_(F) -> try F() catch C:R -> {C, R} end.

f(X) -> g(X).
g(X) -> hd([X]).
loop() -> receive stop -> ok; {From, F} -> From ! {self(), try_(F)}, loop() end.

start() -> spawn(?MODULE, loop, []).
do(P, F) -> P ! {self(), F}, receive {P, R} -> R end.
stop(P) -> M = monitor(process, P), P ! stop, receive {'DOWN', M, _, _, _} -> ok end.

%% What has been told: names for pids, by their first appearance.
told() ->
    put(names, [{self(), self}]),
    [out("  ~0p", [norm(M)]) || M <- collect()].
collect() ->
    receive M when element(1, M) =/= trace_ts, is_tuple(M), tuple_size(M) =:= 5 -> [M | collect()]
    after 0 -> []
    end.
norm(P) when is_pid(P); is_reference(P); is_port(P) ->
    case lists:keyfind(P, 1, get(names)) of
        {_, N} -> N;
        false ->
            Kind = if is_pid(P) -> "p"; is_port(P) -> "port"; true -> "r" end,
            N = list_to_atom(Kind ++ integer_to_list(length(get(names)))),
            put(names, get(names) ++ [{P, N}]), N
    end;
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm([H | T]) -> [norm(H) | norm(T)];
norm(M) when is_map(M) -> maps:map(fun(scheduler_id, V) -> is_integer(V); (_, V) -> norm(V) end, M);
norm(F) when is_function(F) -> 'fun';
norm(X) -> X.

arguments() ->
    P = start(),
    put(names, [{self(), self}]),
    [out("~p ~p", [norm(O), try_(fun() -> erlang:trace(P, true, [send, O]) end)]) ||
        O <- [{tracer, nosuch_module, x}, {tracer, lists, x}, {tracer, tracer_two_aux, x}, {tracer, lists},
              {tracer, 12}, {tracer, 12, x}, {tracer, []}, {tracer}, {tracer, erl_tracer, self()},
              {tracer, erl_tracer, foo}]],
    out("~p", [try_(fun() -> erlang:trace_info(P, tracer) =:= {tracer, {erl_tracer, self()}} end)]),
    out("~p", [try_(fun() -> erlang:trace_info(P, flags) end)]),
    erlang:trace(P, false, [all]),
    [out("~p ~p", [O, try_(fun() -> erlang:trace_pattern({?MODULE, f, 1}, true, [O]) end)]) ||
        O <- [{meta, nosuch_module, x}, {meta, lists, x}, {meta, 12}, {meta, 12, x}, {meta, []}, {meta}]],
    out("~p", [try_(fun() -> erlang:trace_info({?MODULE, f, 1}, meta) end)]),
    stop(P).

events(M) ->
    P = start(),
    S = {self(), #{}},
    1 = erlang:trace(P, true, [send, 'receive', procs, {tracer, M, S}]),
    out("~p ~p", [M, erlang:trace_info(P, tracer) =:= {tracer, {M, S}}]),
    out("~p", [erlang:trace_info(P, flags)]),
    do(P, fun() -> register(tracer_module_t_x, self()), unregister(tracer_module_t_x) end),
    do(P, fun() -> nosuch ! x end),
    do(P, fun() -> Q = spawn_link(?MODULE, loop, []), unlink(Q), stop(Q) end),
    sync(P),
    told(),
    1 = erlang:trace(P, false, [send, 'receive', procs]),
    1 = erlang:trace(P, true, [call, return_to, {tracer, M, S}]),
    [1 = erlang:trace_pattern({?MODULE, F, 1}, [{['$1'], [], [{message, {{got, '$1'}}}, {return_trace}]}], [local])
     || F <- [f, g]],
    do(P, fun() -> f(1) end),
    sync(P),
    told(),
    [1 = erlang:trace_pattern({?MODULE, F, 1}, false, [local]) || F <- [f, g]],
    1 = erlang:trace(P, false, [all]),
    out("~p", [erlang:trace_info(P, tracer)]),
    1 = erlang:trace(P, true, [running, exiting, {tracer, M, S}]),
    stop(P),
    receive {_, out_exited, P, _, _} = T -> out("~p", [setelement(3, T, pid)]) end,
    collect(),
    P2 = start(),
    1 = erlang:trace(P2, true, [garbage_collection, {tracer, M, S}]),
    do(P2, fun() -> erlang:garbage_collect() end),
    sync(P2),
    [out("~p ~p ~p ~p", [F, Tag, is_list(L), O]) || {F, Tag, _, L, O} <- collect(), lists:prefix("gc_major", atom_to_list(Tag))],
    stop(P2),
    collect().

sync(P) ->
    R = erlang:trace_delivered(P),
    receive {trace_delivered, P, R} -> ok end.

%% What enabled may say.
answers(M) ->
    [begin
         P = start(),
         R = try_(fun() -> erlang:trace(P, true, [send, procs, {tracer, M, {self(), A}}]) end),
         out("~p ~p ~p", [A, R, try_(fun() -> erlang:trace_info(P, flags) end)]),
         do(P, fun() -> register(tracer_module_t_x, self()), unregister(tracer_module_t_x) end),
         sync(P),
         told(),
         out("~p", [erlang:trace_info(P, flags)]),
         erlang:trace(P, false, [all]),
         stop(P)
     end || A <- [#{send => discard}, #{register => discard, send => discard}, #{trace_status => remove}]].
    %% Stock crashes where trace_status is discarded or another tag removed.

meta(M) ->
    S = {self(), #{}},
    P = start(),
    1 = erlang:trace_pattern({?MODULE, f, 1}, [{'_', [], [{message, x}, {exception_trace}]}], [{meta, M, S}]),
    do(P, fun() -> f(a) end),
    sync(P),
    told(),
    out("~p ~p", [erlang:trace_info({?MODULE, f, 1}, meta) =:= {meta, {M, S}},
                  erlang:trace_info({?MODULE, f, 1}, meta_match_spec)]),
    1 = erlang:trace_pattern({?MODULE, f, 1}, false, [meta]),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, meta)]),
    stop(P).

sequential(M) ->
    S = {self(), #{}},
    out("~p", [try_(fun() -> seq_trace:set_system_tracer({nosuch_module, x}) end)]),
    out("~p", [try_(fun() -> seq_trace:set_system_tracer({lists, x}) end)]),
    out("~p", [seq_trace:set_system_tracer({M, S})]),
    out("~p ~p", [seq_trace:get_system_tracer() =:= {M, S}, erlang:system_info(sequential_tracer) =:= {sequential_tracer, {M, S}}]),
    P = start(),
    do(P, fun() ->
        seq_trace:set_token(label, {my, label}),
        [seq_trace:set_token(F, true) || F <- [send, 'receive', print]],
        seq_trace:print(here),
        self() ! hello,
        receive hello -> ok end,
        seq_trace:set_token([]) end),
    told(),
    out("~p", [seq_trace:set_system_tracer(false) =:= {M, S}]),
    stop(P).

stamps(M) ->
    [begin
         P = start(),
         1 = erlang:trace(P, true, [procs, {tracer, M, {self(), #{}}}] ++ L),
         do(P, fun() -> register(tracer_module_t_x, self()), unregister(tracer_module_t_x) end),
         told(),
         stop(P), collect()
     end || L <- [[timestamp], [monotonic_timestamp], [strict_monotonic_timestamp], [scheduler_id]]].

inherited(M) ->
    P = start(),
    1 = erlang:trace(P, true, [procs, set_on_spawn, {tracer, M, {self(), #{exit => discard, spawn => discard}}}]),
    do(P, fun() -> {Q, Mon} = spawn_monitor(fun() -> ok end), receive {'DOWN', Mon, _, Q, _} -> ok end end),
    told(),
    stop(P).

taken(M) ->
    P = start(),
    S = {self(), #{}},
    1 = erlang:trace(P, true, [procs, {tracer, M, S}]),
    out("~p", [try_(fun() -> erlang:trace(P, true, [send]) end)]),
    out("~p", [try_(fun() -> erlang:trace(P, true, [send, {tracer, M, {self(), #{a => b}}}]) end)]),
    out("~p", [try_(fun() -> erlang:trace(P, true, ['receive', {tracer, M, {self(), maps:new()}}]) end)]),
    out("~p", [erlang:trace_info(P, flags)]),
    erlang:trace(P, false, [all]),
    stop(P).
