%% magic_t: references to native objects (counters, tables, compiled patterns and specifications)
%% through the external format and text: they open what they stand for as long as it lives.
-module(magic_t).
-export([main/1]).

main(_) ->
    [roads(Name, Make, Use) || {Name, Make, Use} <- kinds()],
    identity(),
    travels(),
    tables(),
    many(),
    dead(),
    forged(),
    io:format("done~n").

kinds() ->
    [{atomics, fun() -> atomics:new(3, []) end, fun(A) -> atomics:add_get(A, 2, 5) end},
     {counters, fun() -> counters:new(2, [atomics]) end,
      fun(C) -> counters:add(C, 1, 3), counters:get(C, 1) end},
     {write_concurrency, fun() -> counters:new(2, [write_concurrency]) end,
      fun(C) -> counters:add(C, 1, 3), counters:get(C, 1) end},
     {table, fun() -> ets:new(x, []) end,
      fun(T) -> ets:insert(T, {ets:info(T, size)}), lists:sort(ets:tab2list(T)) end},
     {spec, fun() -> ets:match_spec_compile([{{'$1', '_'}, [], ['$1']}]) end,
      fun(M) -> ets:match_spec_run([{1, 2}, {3, 4}], M) end},
     {bm, fun() -> binary:compile_pattern(<<"abc">>) end,
      fun(P) -> binary:match(<<"xyzabc">>, P) end},
     {ac, fun() -> binary:compile_pattern([<<"abc">>, <<"yz">>]) end,
      fun(P) -> binary:matches(<<"xyzabc">>, P) end}].

catch_(F) ->
    try F()
    catch
        C:R -> {C, R}
    end.

%% Every way a reference can be written and read; the object is used through both.
roads(Name, Make, Use) ->
    Roads = [{plain, fun(X) -> X end},
             {etf, fun(X) -> binary_to_term(term_to_binary(X)) end},
             {compressed, fun(X) -> binary_to_term(term_to_binary({X, lists:duplicate(500, X)}, [compressed])) end},
             {safe, fun(X) -> binary_to_term(term_to_binary(X), [safe]) end},
             {iovec, fun(X) -> binary_to_term(iolist_to_binary(term_to_iovec(X))) end},
             {twice, fun(X) -> binary_to_term(term_to_binary(binary_to_term(term_to_binary(X)))) end},
             {text, fun(X) -> text(X) end}],
    [begin
         X = Make(),
         Y = case F(X) of
                 {Z, L} when is_list(L) -> true = lists:all(fun(E) -> E =:= Z end, L), Z;
                 Z -> Z
             end,
         A = catch_(fun() -> Use(Y) end),
         erlang:garbage_collect(),
         B = catch_(fun() -> Use(X) end),
         C = catch_(fun() -> Use(Y) end),
         io:format("~p ~p: ~p ~p ~0p ~0p ~0p~n", [Name, Road, X =:= Y, X == Y, A, B, C])
     end || {Road, F} <- Roads].

text({K, R}) when is_reference(R) -> {K, list_to_ref(ref_to_list(R))};
text(R) when is_reference(R) -> list_to_ref(lists:flatten(io_lib:format("~p", [R])));
text(X) -> X.

identity() ->
    A = atomics:new(1, []),
    B = binary_to_term(term_to_binary(A)),
    io:format("~p~n", [{A =:= B, A < B, A > B, erlang:phash2(A) =:= erlang:phash2(B),
                        maps:get(B, #{A => found}, none),
                        maps:get(A, maps:from_list([{I, I} || I <- lists:seq(1, 50)] ++ [{B, found}])),
                        lists:usort([A, B, A]) =:= [A], is_reference(B), node(B) =:= node(),
                        erlang:external_size(B) =:= byte_size(term_to_binary(A)),
                        term_to_binary(A) =:= term_to_binary(B),
                        ref_to_list(A) =:= ref_to_list(B)}]).

%% Bytes travel, the object is used elsewhere; what was read is sent on, stored and copied.
travels() ->
    A = atomics:new(1, []),
    Bytes = term_to_binary({a, A}),
    Self = self(),
    Pids = [spawn_link(fun() ->
                               {a, B} = binary_to_term(Bytes),
                               [atomics:add(B, 1, 1) || _ <- lists:seq(1, 100)],
                               Self ! {self(), B, I}
                       end) || I <- lists:seq(1, 20)],
    Back = [receive {P, B, _} -> B end || P <- Pids],
    io:format("~p ~p~n", [lists:usort(Back) =:= [A], atomics:get(A, 1)]),
    T = ets:new(t, [public]),
    ets:insert(T, {k, binary_to_term(Bytes)}),
    persistent_term:put(?MODULE, binary_to_term(Bytes)),
    [{k, {a, C}}] = ets:lookup(T, k),
    {a, D} = persistent_term:get(?MODULE),
    F = fun() -> atomics:get(C, 1) end,
    G = binary_to_term(term_to_binary(F)),
    io:format("~p ~p ~p~n", [atomics:add_get(C, 1, 1), atomics:add_get(D, 1, 1), G()]),
    persistent_term:erase(?MODULE).

tables() ->
    T = ets:new(t, [public]),
    R = binary_to_term(term_to_binary(T)),
    ets:insert(R, {self, R}),
    ets:delete(T),
    io:format("~p ~p ~p~n", [catch_(fun() -> ets:lookup(R, self) end), ets:info(R), ets:info(T)]),
    N = ets:new(magic_t_name, [named_table]),
    W = ets:whereis(N),
    V = binary_to_term(term_to_binary(W)),
    ets:insert(V, {1}),
    io:format("~p ~p~n", [V =:= ets:whereis(N), ets:tab2list(N)]).

many() ->
    L = [begin A = atomics:new(1, []), atomics:put(A, 1, I), A end || I <- lists:seq(1, 3000)],
    B = term_to_binary(L),
    [true = is_reference(X) || X <- [list_to_ref(ref_to_list(X)) || X <- L]],
    M = binary_to_term(B),
    io:format("~p ~p~n", [L =:= M, lists:sum([atomics:get(X, 1) || X <- M])]).

%% What nobody holds any more is not found; the reference is one like any other.
dead() ->
    Self = self(),
    P = spawn_link(fun() -> Self ! {self(), term_to_binary([atomics:new(1, []) || _ <- [1, 2, 3]])} end),
    M = monitor(process, P),
    Bytes = receive {P, B} -> B end,
    receive {'DOWN', M, _, _, _} -> ok end,
    erlang:garbage_collect(),
    [A | _] = L = binary_to_term(Bytes),
    io:format("~p ~p ~p~n", [length(L), is_reference(A), A =:= hd(binary_to_term(Bytes))]).

%% A number that is another kind's object opens nothing.
forged() ->
    T = ets:new(t, []),
    A = atomics:new(1, []),
    P = binary:compile_pattern(<<"a">>),
    [T1, A1, {bm, P1}] = binary_to_term(term_to_binary([T, A, P])),
    [io:format("~p~n", [catch_(F)])
     || F <- [fun() -> atomics:get(T1, 1) end, fun() -> ets:lookup(A1, 1) end,
              fun() -> ets:match_spec_run([1], A1) end, fun() -> counters:get({atomics, P1}, 1) end,
              fun() -> binary:match(<<"a">>, {bm, A1}) end,
              fun() -> binary:match(<<"a">>, {ac, P1}) end,
              fun() -> atomics:get(make_ref(), 1) end]].
