%% Maps: syntax, functions, errors, order, and long pseudo-random walks across the limit between
%% small and large maps. Prints what must be the same on any machine.
-module(maps_t).
-export([start/0]).

start() ->
    errors(),
    syntax(),
    functions(),
    order(),
    iteration(),
    [walk(Keys, Steps, Seed) || {Keys, Steps, Seed} <- [{8, 500, 1}, {40, 3000, 2}, {34, 3000, 3},
                                                        {500, 4000, 4}, {3000, 6000, 5}]],
    large(),
    collisions(),
    nested().

p(What, X) -> io:format("~s: ~0p~n", [What, X]).

try_(F) ->
    try F() catch C:R -> {C, R} end.

%% Its own generator: the same numbers everywhere.
seed(S) -> put(seed, S).
rnd(N) ->
    S = (get(seed) * 1103515245 + 12345) band 16#7fffffff,
    put(seed, S),
    (S bsr 8) rem N.

id(X) -> erlang:hd([X]).

errors() ->
    X = id(not_a_map), M = id(#{a => 1}),
    p("errors", [try_(F) || F <- [
        fun() -> maps:get(q, M) end, fun() -> maps:get(q, X) end, fun() -> maps:find(q, X) end,
        fun() -> maps:from_list([a]) end, fun() -> maps:from_list(X) end,
        fun() -> maps:from_list([{a, 1} | X]) end, fun() -> maps:from_list([{a, 1, 2}]) end,
        fun() -> maps:from_keys([a | X], 1) end, fun() -> maps:from_keys(X, 1) end,
        fun() -> maps:is_key(a, X) end, fun() -> maps:keys(X) end, fun() -> maps:values(X) end,
        fun() -> maps:merge(X, #{}) end, fun() -> maps:merge(#{}, X) end,
        fun() -> maps:merge(X, 1) end, fun() -> maps:put(1, 2, X) end,
        fun() -> maps:remove(1, X) end, fun() -> maps:update(1, 2, X) end,
        fun() -> maps:update(1, 2, M) end, fun() -> maps:take(1, X) end,
        fun() -> maps:take(1, M) end, fun() -> map_get(1, M) end, fun() -> map_get(1, X) end,
        fun() -> is_map_key(1, X) end, fun() -> map_size(X) end, fun() -> maps:size(X) end,
        fun() -> X#{a => 1} end, fun() -> X#{a := 1} end, fun() -> M#{b := 1} end,
        fun() -> M#{a := 2, b := 1, c := 2} end, fun() -> M#{b => 1, c := 2} end,
        fun() -> maps:to_list(X) end, fun() -> maps:next(X) end, fun() -> maps:iterator(X) end,
        fun() -> erts_internal:map_next(0, X, []) end,
        fun() -> erts_internal:map_next(a, M, []) end,
        fun() -> erts_internal:map_next(0, M, X) end,
        fun() -> erts_internal:map_to_tuple_keys(X) end,
        fun() -> erts_internal:map_hashmap_children(M) end]]).

syntax() ->
    K = id(k), M = #{K => 1, {K, 2} => two, "s" => [], <<"b">> => 1.5},
    #{k := One, {k, 2} := Two} = M,
    p("match", {One, Two}),
    p("nomatch", [try_(fun() -> #{z := _} = id(M) end) =:= {error, {badmatch, M}}]),
    p("update", M#{k := 2, new => 3, {K, 2} := x}),
    p("guard", [if is_map(A), map_size(A) > 1 -> big; is_map(A) -> small; true -> no end
                || A <- [id(M), id(#{}), id([])]]),
    p("guard", [if map_get(k, A) =:= 1 -> one; is_map_key(k, A) -> other; true -> none end
                || A <- [id(M), id(#{k => 2}), id(#{}), id(x)]]),
    p("one and 1.0", #{1 => a, 1.0 => b}),
    p("dup", #{id(a) => 1, id(b) => 2, id(a) => 3}),
    F = fun(#{id := I} = Rec) -> Rec#{id := I + 1} end,
    p("loop", lists:foldl(fun(_, A) -> F(A) end, #{id => 0, x => y}, lists:seq(1, 100))).

functions() ->
    A = maps:from_list([{I, I * I} || I <- lists:seq(1, 10)]),
    B = maps:from_list([{I, -I} || I <- lists:seq(5, 50)]),
    S = fun(M) -> lists:sort(maps:to_list(M)) end,
    p("put", maps:put(a, 1, #{b => 2})),
    p("find", [maps:find(1, A), maps:find(99, A), maps:find(20, B), maps:find(1.0, A)]),
    p("take", {maps:take(3, A), element(1, maps:take(7, B)), maps:take(x, B)}),
    p("remove", [maps:remove(3, A), maps:remove(x, A)]),
    p("from_keys", [maps:from_keys([c, a, b, a], v), maps:from_keys([], v)]),
    p("merge", [S(maps:merge(A, B)), S(maps:merge(B, A)), maps:merge(A, #{}), maps:merge(#{}, A)]),
    p("merge_with", S(maps:merge_with(fun(_, X, Y) -> {X, Y} end, A, B))),
    p("intersect", [maps:intersect(A, B), maps:intersect(B, A)]),
    p("filter", maps:filter(fun(_, V) -> V rem 2 =:= 0 end, A)),
    p("filtermap", maps:filtermap(fun(_, V) -> V > 20 andalso {true, -V} end, A)),
    p("map", S(maps:map(fun(X, Y) -> X + Y end, B))),
    p("fold", maps:fold(fun(X, Y, Z) -> X + Y + Z end, 0, B)),
    p("with", [maps:with([1, 2, 77], A), maps:without([1, 2, 77], A)]),
    p("update_with", [maps:update_with(1, fun(V) -> V + 1 end, A),
                      maps:update_with(z, fun(V) -> V + 1 end, 0, A)]),
    p("groups", maps:groups_from_list(fun(X) -> X rem 3 end, lists:seq(1, 10))),
    p("size", [map_size(A), map_size(B), maps:size(#{})]),
    p("types", [erts_internal:term_type(X) || X <- [#{}, A, B]]),
    p("tuple keys", erts_internal:map_to_tuple_keys(#{b => 1, a => 2})).

%% Keys of a small map stand in term order; maps compare by size, then keys, then values.
order() ->
    Mixed = [1, 1.0, -1, 2.5, 1 bsl 70, a, b, 'A', {}, {1}, {1, 2}, {2}, [], [1], "ab", [1 | 2], <<>>,
             <<1>>, <<1:3>>, #{}, #{a => 1}, #{b => 1}],
    M = maps:from_list([{K, x} || K <- lists:reverse(Mixed)]),
    p("keys", maps:keys(M)),
    p("list", maps:to_list(M)),
    p("sorted", maps:keys(M) =:= lists:sort(Mixed)),
    L = [#{}, #{a => 1}, #{a => 2}, #{a => 1.0}, #{b => 1}, #{1 => a}, #{1.0 => a}, #{a => 1, b => 2},
         #{a => 2, b => 1}, #{a => 1, c => 0}, #{#{} => #{}}],
    p("compare", [[cmp(X, Y) || Y <- L] || X <- L]),
    Big = fun(F) -> maps:from_list([{F(I), I} || I <- lists:seq(1, 50)]) end,
    G = [Big(fun(I) -> I end), Big(fun(I) -> I * 1.0 end), Big(fun(I) -> I + 1 end),
         (Big(fun(I) -> I end))#{25 := 25.0}, (Big(fun(I) -> I end))#{25 := a},
         (Big(fun(I) -> I end))#{7 := 0, 30 := 99}, Big(fun(I) -> {I} end)],
    p("compare large", [[cmp(X, Y) || Y <- G] || X <- G]).

cmp(X, Y) ->
    {if X < Y -> lt; X > Y -> gt; X == Y -> eq end, X =:= Y}.

iteration() ->
    [begin
         M = maps:from_list([{I, -I} || I <- lists:seq(1, N)]),
         L = maps:to_list(M),
         It = iterate(maps:next(maps:iterator(M))),
         p("iteration", {N, maps:keys(M) =:= [K || {K, _} <- L], maps:values(M) =:= [V || {_, V} <- L],
                         lists:sort(It) =:= lists:sort(L), length(L), lists:sum(maps:keys(M)),
                         maps:fold(fun(_, V, A) -> V + A end, 0, M)})
     end || N <- [0, 1, 2, 31, 32, 33, 34, 64, 65, 66, 100, 200, 1000, 5000, 20000]],
    p("next", [maps:next(maps:iterator(#{})), maps:next(maps:iterator(#{a => 1, b => 2})),
               maps:next(none), maps:next({k, v, none})]),
    p("next list", [erts_internal:map_next(0, #{a => 1, b => 2}, []),
                    erts_internal:map_next(0, #{}, []), erts_internal:map_next(0, #{a => 1}, [z])]).

iterate({K, V, I}) -> [{K, V} | iterate(maps:next(I))];
iterate(none) -> [].

%% A map and an ordered list through the same changes.
walk(Keys, Steps, Seed) ->
    seed(Seed),
    {M, L} = steps(Steps, Keys, #{}, []),
    p("walk", {Keys, map_size(M), erlang:phash2(L), agree(M, L)}).

agree(M, L) ->
    lists:sort(fun exact/2, maps:to_list(M)) =:= lists:sort(fun exact/2, L) andalso
        M =:= maps:from_list(L) andalso M =:= maps:from_list(lists:reverse(L)) andalso
        lists:all(fun({K, V}) -> map_get(K, M) =:= V andalso is_map_key(K, M) end, L).

exact({A, _}, {B, _}) -> A < B orelse (A == B andalso is_integer(A)).

steps(0, _, M, L) -> {M, L};
steps(N, Keys, M, L) ->
    K = key(rnd(Keys)), V = rnd(1000),
    case N rem 100 of 0 -> check(M, L); _ -> ok end,
    case rnd(10) of
        X when X < 3 -> steps(N - 1, Keys, M#{K => V}, store(K, V, L));
        X when X < 5 -> steps(N - 1, Keys, maps:put(K, V, M), store(K, V, L));
        X when X < 7 -> steps(N - 1, Keys, maps:remove(K, M), erase_(K, L));
        7 ->
            case maps:take(K, M) of
                {Old, M1} -> {K, Old} = find(K, L), steps(N - 1, Keys, M1, erase_(K, L));
                error -> false = find(K, L), steps(N - 1, Keys, M, L)
            end;
        8 ->
            case find(K, L) of
                false -> {error, {badkey, K}} = try_(fun() -> M#{K := V} end),
                         steps(N - 1, Keys, M, L);
                _ -> steps(N - 1, Keys, M#{K := V}, store(K, V, L))
            end;
        9 ->
            Many = [{key(rnd(Keys)), rnd(1000)} || _ <- lists:seq(1, rnd(20))],
            steps(N - 1, Keys, maps:merge(M, maps:from_list(Many)),
                  lists:foldl(fun({A, B}, Acc) -> store(A, B, Acc) end, L, Many))
    end.

check(M, L) ->
    case map_size(M) =:= length(L) andalso agree(M, L) of
        true -> ok;
        false -> p("DIFFER", {M, L})
    end.

key(I) when I rem 6 =:= 0 -> I;
key(I) when I rem 6 =:= 1 -> {k, I};
key(I) when I rem 6 =:= 2 -> (I - 2) * 1.0;
key(I) when I rem 6 =:= 3 -> integer_to_list(I);
key(I) when I rem 6 =:= 4 -> <<I:40>>;
key(I) -> I bsl 80.

find(K, [{K1, V} | _]) when K1 =:= K -> {K, V};
find(K, [_ | T]) -> find(K, T);
find(_, []) -> false.
store(K, V, L) -> [{K, V} | erase_(K, L)].
erase_(K, L) -> [E || {K1, _} = E <- L, K1 =/= K].

large() ->
    N = 30000,
    A = lists:foldl(fun(I, M) -> M#{I => I} end, #{}, lists:seq(1, N)),
    B = maps:from_list([{I, I} || I <- lists:seq(N, 1, -1)]),
    p("large", {map_size(A), A =:= B, A == B, erlang:phash2(A) =:= erlang:phash2(B)}),
    C = lists:foldl(fun maps:remove/2, A, lists:seq(1, N, 2)),
    p("large", {map_size(C), lists:sum(maps:values(C)), C =:= A, maps:merge(C, A) =:= A,
                maps:merge(A, C) =:= A}),
    D = lists:foldl(fun maps:remove/2, C, lists:seq(2, N - 10, 2)),
    p("shrunk", D),
    p("sum", maps:fold(fun(K, V, S) -> K + V + S end, 0, B)),
    p("map", lists:sum(maps:values(maps:map(fun(_, V) -> V * 2 end, A)))).

%% Strings, nested terms and floats as keys; equal keys built in different ways.
collisions() ->
    L = [{[I rem 10, {I}], I} || I <- lists:seq(1, 3000)],
    M = maps:from_list(L),
    p("nested keys", lists:all(fun({K, V}) -> map_get(binary_to_term(term_to_binary(K)), M) =:= V end,
                               L)),
    Z = maps:from_list([{float(I), f} || I <- lists:seq(1, 50)] ++ [{I, i} || I <- lists:seq(1, 50)]),
    p("floats", {map_size(Z), map_get(7, Z), map_get(7.0, Z)}).

nested() ->
    M = lists:foldl(fun(I, Acc) -> #{I => Acc} end, #{}, lists:seq(1, 10000)),
    p("deep", {depth(M, 0), erlang:phash2(M), M =:= binary_to_term(term_to_binary(M))}).

depth(M, N) when map_size(M) =:= 0 -> N;
depth(M, N) -> depth(hd(maps:values(M)), N + 1).
