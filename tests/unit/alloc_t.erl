%% alloc_t: a bit of everything that allocates, for test_alloc.c. Nothing here waits for what may
%% never come: whoever is waited for is watched.
-module(alloc_t).
-export([work/0, plain/0]).

plain() -> plain.

work() ->
    process_flag(trap_exit, true),
    L = [(I * 7919) rem 1009 || I <- lists:seq(1, 300)],
    {lists:sum(lists:sort(L)), lists:sum(lists:map(fun(X) -> X * 2 end, L)), workers(L), linked(),
     timers(), bins(), table(), big(), atoms(), names(), errors(), deep(), marks()}.

workers(L) ->
    Me = self(),
    Ws = [spawn_monitor(fun() -> Me ! {self(), lists:sum([X * I || X <- L])} end)
          || I <- lists:seq(1, 5)],
    lists:sum([receive {W, V} -> demonitor(M, [flush]), V; {'DOWN', M, _, _, Why} -> exit(Why) end
               || {W, M} <- Ws]).

linked() ->
    P = spawn_link(fun() -> receive {stop, R} -> exit({stopped, R}) end end),
    P ! {stop, lists:seq(1, 100)},
    receive {'EXIT', P, {stopped, Long}} -> length(Long); {'EXIT', P, Why} -> exit(Why) end.

timers() ->
    T = erlang:start_timer(5, self(), {tick, [1, 2, 3]}),
    R = erlang:send_after(1000000, self(), never),
    1000000 >= erlang:cancel_timer(R) orelse exit(timer),
    V = receive {timeout, T, {tick, X}} -> length(X) after 60000 -> exit(no_timer) end,
    receive not_there -> exit(strange) after 3 -> V end.

bins() ->
    B = list_to_binary(lists:duplicate(1000, "abcd")),
    <<_:10/binary, Part:3000/binary, _/binary>> = B,
    C = <<B/binary, Part/binary, 1, 2, 3>>,
    D = lists:foldl(fun(I, A) -> <<A/binary, I:16>> end, <<>>, lists:seq(1, 300)),
    E = term_to_binary({C, [D], 1.5, 1 bsl 100}),
    {C, [D], 1.5, _} = binary_to_term(E),
    Me = self(),
    {P, M} = spawn_monitor(fun() -> receive X -> Me ! {self(), byte_size(X)} end end),
    P ! C,
    receive {P, N} -> N; {'DOWN', M, _, _, Why} -> exit(Why) end.

table() ->
    M = maps:from_list([{I, {v, I}} || I <- lists:seq(1, 100)]),
    M1 = maps:fold(fun(K, _, A) -> A#{K := K} end, M, M),
    M2 = maps:remove(50, M1#{new => [1]}),
    {maps:size(M2), lists:sum([V || V <- maps:values(M2), is_integer(V)])}.

big() ->
    F = lists:foldl(fun(I, A) -> I * A end, 1, lists:seq(1, 60)),
    {F rem 1000007, length(integer_to_list(F)), F bsl 300 > F}.

atoms() ->
    length([list_to_atom("alloc_atom_" ++ integer_to_list(I)) || I <- lists:seq(1, 30)]).

names() ->
    {P, M} = spawn_monitor(fun() ->
                                   register(alloc_name, self()),
                                   put(key, lists:seq(1, 10)),
                                   receive {From, hello} -> From ! {self(), get(key)} end
                           end),
    P ! {self(), hello},
    receive {P, L} -> length(L); {'DOWN', M, _, _, Why} -> exit(Why) end.

errors() ->
    A = try erlang:error({bad, lists:seq(1, 20)}) catch error:{bad, L}:S -> length(L) + min(1, length(S)) end,
    B = try lists:nth(5, [1]) catch error:function_clause -> 1 end,
    C = case catch throw({x, [1, 2]}) of {x, Y} -> length(Y) end,
    A + B + C.

deep() ->
    D = lists:foldl(fun(I, Acc) -> [Acc, I] end, [], lists:seq(1, 2000)),
    garbage_collect(),
    Same = D =:= binary_to_term(term_to_binary(D)),
    {Same, length(lists:flatten(D)), erlang:phash2(D)}.

marks() ->
    [self() ! {noise, I} || I <- lists:seq(1, 100)],
    R = make_ref(),
    self() ! {R, yes},
    V = receive {R, X} -> X end,
    N = flush(0),
    {V, N}.

flush(N) -> receive {noise, _} -> flush(N + 1) after 0 -> N end.
