%% One value of a persistent term after the other is held in one place each and then erased, while
%% other values come and go so that its memory would be used again. What is held must not change.
-module(literals_held_t).
-export([main/1, wait/1, ends/2]).

-define(KEY, {?MODULE, value}).

main(_) ->
    process_flag(trap_exit, true),
    [test(Name, Hold) || {Name, Hold} <- holders()],
    ok.

%% Hold gets the value and returns a function that returns it, or an equal one.
test(Name, Hold) ->
    Main = self(),
    {Pid, Ref} = spawn_monitor(fun() -> tester(Name, Hold, Main) end),
    receive
        {Pid, Result} -> io:format("~w: ~w~n", [Name, Result]);
        {'DOWN', Ref, process, Pid, Why} -> io:format("~w: ~0p~n", [Name, Why])
    end,
    demonitor(Ref, [flush]).

tester(Name, Hold, Main) ->
    process_flag(trap_exit, true),
    Results = [begin
                   Get = hold(I, Hold),
                   persistent_term:erase(?KEY),
                   churn(15),
                   Get() =:= value(I)
               end || I <- lists:seq(1, 3)],
    Main ! {self(), Results},
    Name.

hold(I, Hold) ->
    persistent_term:put(?KEY, value(I)),
    Hold(persistent_term:get(?KEY)).

%% Areas are retired, given back and used again.
churn(0) -> ok;
churn(N) ->
    persistent_term:put({?MODULE, churn}, value(N)),
    receive after 1 -> ok end,
    persistent_term:erase({?MODULE, churn}),
    erlang:yield(),
    churn(N - 1).

value(I) ->
    {I, "text", <<I:32, "a binary on the heap">>, binary:copy(<<I:32>>, 50),
     #{I => [I], key => {I, I + 0.5}}, I bsl 100, lists:seq(I, I + 50),
     maps:from_list([{{K, I}, <<K:8>>} || K <- lists:seq(1, 50)])}.

holders() ->
    [{heap, fun(V) -> fun() -> V end end},
     {old_generation,
      fun(V) ->
              W = [V, element(7, V)],
              erlang:garbage_collect(),
              erlang:garbage_collect(),
              fun() -> [X, L] = W, L = element(7, X), X end
      end},
     {parts,
      fun({A, B, C, D, E, F, G, H}) ->
              P = fun(X) -> Pid = spawn_link(?MODULE, wait, [X]), fun() -> ask(Pid) end end,
              Ps = [P(X) || X <- [A, B, C, D, E, F, G, H]],
              fun() -> list_to_tuple([X() || X <- Ps]) end
      end},
     {dictionary, fun(V) -> put(V, V), fun() -> erase(get_key(get())) end end},
     {mailbox, fun(V) -> self() ! {held, V}, fun() -> receive {held, X} -> X end end end},
     {mailbox_whole, fun(V) -> self() ! V, fun() -> receive X when is_tuple(X) -> X end end end},
     {marker, fun marker/1},
     {alias, fun(V) -> A = alias(), A ! {a, V}, fun() -> receive {a, X} -> X end end end},
     {argument, fun(V) -> P = spawn_link(?MODULE, wait, [V]), fun() -> ask(P) end end},
     {large_heap,
      fun(V) ->
              P = spawn_opt(?MODULE, wait, [[V, lists:seq(1, 60000)]], [link]),
              fun() -> hd(ask(P)) end
      end},
     {hibernated,
      fun(V) -> P = spawn_link(fun() -> erlang:hibernate(?MODULE, wait, [V]) end),
                fun() -> ask(P) end end},
     {suspended,
      fun(V) -> P = spawn_link(?MODULE, wait, [V]),
                erlang:suspend_process(P),
                P ! {other, V},
                fun() -> erlang:resume_process(P), ask(P) end end},
     {reason, fun reason/1},
     {linked_chain, fun linked_chain/1},
     {raised, fun(V) -> try error(V) catch error:E:S -> fun() -> [] = S -- S, E end end end},
     {reply_tag,
      fun(V) -> R = spawn_request(fun() -> ok end, [{reply_tag, {tag, V}}]),
                fun() -> receive {{tag, X}, R, ok, _} -> X end end end},
     {monitor_tag,
      fun(V) -> P = spawn(?MODULE, wait, [V]),
                monitor(process, P, [{tag, {tag, V}}]),
                fun() -> exit(P, kill), receive {{tag, X}, _, _, _, _} -> X end end end},
     {task,
      fun(V) -> async = erlang:garbage_collect(self(), [{async, V}]),
                fun() -> receive {garbage_collect, X, true} -> X end end end},
     {process_info,
      fun(V) -> P = spawn_link(?MODULE, wait, [V]),
                P ! {other, V},
                fun() -> {messages, [{other, X}]} = process_info(P, messages), X end end},
     {process_info_before,
      fun(V) -> P = spawn_link(?MODULE, wait, [V]),
                P ! {other, V},
                {messages, [{other, X}]} = process_info(P, messages),
                fun() -> X end end},
     {timer, fun(V) -> erlang:send_after(1, self(), {t, V}), fun() -> receive {t, X} -> X end end end},
     {long_timer,
      fun(V) -> R = erlang:start_timer(100, self(), V),
                fun() -> receive {timeout, R, X} -> X end end end}] ++
    [{{table, Type, More}, fun(V) -> table(V, Type, More) end}
     || Type <- [set, ordered_set, bag], More <- [[], [compressed]]] ++
    [{update_element,
      fun(V) -> T = ets:new(t, []), ets:insert(T, {k, 0}), ets:update_element(T, k, {2, V}),
                fun() -> ets:lookup_element(T, k, 2) end end},
     {default,
      fun(V) -> T = ets:new(t, []), ets:update_counter(T, k, 1, {k, 1, V}),
                fun() -> [{k, 2, X}] = ets:lookup(T, k), X end end},
     {select_replace,
      fun(V) -> T = ets:new(t, []), ets:insert(T, {k, 0}),
                1 = ets:select_replace(T, [{{k, '_'}, [], [{{k, {const, V}}}]}]),
                fun() -> [{k, X}] = ets:lookup(T, k), X end end},
     {continuation,
      fun(V) -> T = ets:new(t, []), ets:insert(T, [{1, a}, {2, a}]),
                {[X], C} = ets:select(T, [{{'_', a}, [], [{const, V}]}], 1),
                fun() -> {[Y], _} = ets:select(C), true = X =:= Y, Y end end},
     {heir,
      fun(V) -> Me = self(),
                {P, M} = spawn_monitor(fun() -> ets:new(t, [{heir, Me, V}]), receive go -> ok end end),
                fun() -> P ! go,
                         receive {'DOWN', M, _, _, _} -> ok end,
                         receive {'ETS-TRANSFER', _, P, X} -> X end end end},
     {trace_pattern,
      fun(V) -> 1 = erlang:trace_pattern({?MODULE, wait, 1}, [{['_'], [], [{message, {const, V}}]}], []),
                fun() -> {match_spec, [{_, [], [{message, {const, X}}]}]} =
                             erlang:trace_info({?MODULE, wait, 1}, match_spec),
                         erlang:trace_pattern({?MODULE, wait, 1}, false, []),
                         X end end},
     {traced_message,
      fun(V) -> P = spawn_link(?MODULE, wait, [V]),
                erlang:trace(P, true, ['receive']),
                P ! {other, V},
                fun() -> receive {trace, P, 'receive', {other, X}} -> erlang:trace(P, false, ['receive']), X end end end},
     {token,
      fun(V) -> seq_trace:set_token(label, V),
                fun() -> {label, X} = seq_trace:get_token(label), seq_trace:set_token([]), X end end},
     {token_of_message,
      fun(V) -> seq_trace:set_token(label, V), self() ! hello, seq_trace:set_token([]),
                fun() -> receive hello -> ok end,
                         {label, X} = seq_trace:get_token(label), seq_trace:set_token([]), X end end},
     {port_data,
      fun(V) -> P = open_port({spawn_driver, "ram_file_drv"}, []), erlang:port_set_data(P, V),
                fun() -> X = erlang:port_get_data(P), port_close(P), X end end},
     {port_reason,
      fun(V) -> P = open_port({spawn_driver, "ram_file_drv"}, []), exit(P, V),
                fun() -> receive {'EXIT', P, X} -> X end end end},
     {long_bif, fun long_bif/1},
     {matching, fun matching/1},
     {other_value, fun(V) -> persistent_term:put({?MODULE, other}, {V, V}),
                             fun() -> {X, X} = persistent_term:get({?MODULE, other}), X end end}].

get_key(L) -> hd([K || {K, K} <- L, is_tuple(K)]).

wait(V) ->
    receive {ask, From, Ref} -> From ! {Ref, V}, wait(V) end.

ask(Pid) ->
    Ref = make_ref(),
    Pid ! {ask, self(), Ref},
    receive {Ref, V} -> V end.

%% A message behind the place a receive has looked to.
marker(V) ->
    self() ! {before, V},
    R = make_ref(),
    self() ! {R, V},
    fun() ->
            receive {R, X} -> ok end,
            receive {before, Y} when Y =:= X -> Y end
    end.

ends(V, M) -> receive M -> exit({V, [V]}) end.

reason(V) ->
    {P, M} = spawn_monitor(?MODULE, ends, [V, go]),
    P ! go,
    fun() -> receive {'DOWN', M, process, P, {X, [X]}} -> X end end.

linked_chain(V) ->
    Me = self(),
    P = spawn(fun() ->
                      process_flag(trap_exit, true),
                      link(Me),
                      Q = spawn_link(fun() -> spawn_link(?MODULE, ends, [V, now]) ! now,
                                              receive never -> ok end end),
                      receive {'EXIT', Q, R} -> exit({R, R}) end
              end),
    fun() -> receive {'EXIT', P, {{X, [X]}, R}} -> {X, [X]} = R, X end end.

table(V, Type, More) ->
    T = ets:new(t, [Type | More]),
    ets:insert(T, {V, [V], {V}}),
    ets:insert(T, [{key, V}, {element(7, V), element(5, V)}]),
    fun() ->
            [{key, X}] = ets:lookup(T, key),
            [{X, [X], {X}}] = ets:lookup(T, X),
            true = lists:flatten([ets:lookup_element(T, element(7, X), 2)]) =:= [element(5, X)],
            3 = ets:info(T, size),
            X
    end.

%% In the middle of BIFs that take several slices.
long_bif(V) ->
    L = lists:append(lists:duplicate(100, element(7, V))),
    P = spawn_link(fun() -> working(V, [V, L], 3) end),
    fun() -> ask(P) end.
working(V, _, 0) -> wait(V);
working(V, L, N) ->
    B = term_to_binary(lists:duplicate(20, L)),
    true = hd(lists:reverse(lists:duplicate(100, L))) =:= L,
    true = binary_to_term(B) =:= lists:duplicate(20, L),
    working(V, L, N - 1).

%% A binary that is being matched, whose context is on the heap.
matching(V) ->
    P = spawn_link(fun() -> match(V, element(3, V), [], 500) end),
    fun() -> ask(P) end.
match(V, _, _, 0) -> wait(V);
match(V, <<>>, Acc, N) ->
    true = list_to_binary(lists:reverse(Acc)) =:= element(3, V),
    match(V, element(3, V), [], N - 1);
match(V, <<C, Rest/binary>>, Acc, N) ->
    match(V, Rest, [C | Acc], N).
