%% What instructions that run as one handler must not change: slow paths in the middle of a
%% sequence, the same code met with other kinds of terms, errors and their traces.
-module(sequences_t).
-export([main/1]).
-record(r, {a = 1, b = 2, c = 3, d = 4, e = 5}).

main(_) ->
    io:format("~p~n", [[compare(A, B) || A <- terms(), B <- terms()]]),
    io:format("~p~n", [[trace(fun() -> pairs(shape(M)) end) || M <- maps()]]),
    io:format("~p~n", [[trace(fun() -> pairs(update(M)) end) || M <- maps()]]),
    io:format("~p~n", [[trace(fun() -> pairs(update2(M, x)) end)
                        || M <- maps() ++ lists:reverse(maps())]]),
    io:format("~p~n", [[trace(fun() -> pairs(assoc(M)) end) || M <- maps()]]),
    io:format("~p~n", [[trace(fun() -> set(I, T) end) || I <- [1, 3, 0, 4, -1, a, 1 bsl 70],
                                                          T <- [{a, b, c}, {}, [], 7]]]),
    io:format("~p~n", [[trace(fun() -> set_tail(I, T) end) || I <- [1, 0, x], T <- [{a}, []]]]),
    io:format("~p~n", [[trace(fun() -> set_last(I, T) end) || I <- [1, 0, x], T <- [{a}, []]]]),
    io:format("~p~n", [[trace(fun() -> record(R) end) || R <- [#r{}, {r, 1}, r]]]),
    io:format("~p~n", [[trace(fun() -> sum(A, B, 3) end) || A <- numbers(), B <- numbers()]]),
    io:format("~p~n", [[bits(<<0:P, B/bits>>, P) || P <- lists:seq(0, 9),
                        B <- [<<>>, <<1>>, <<1, 2, 3>>, <<255:16, 254:16, 7:13>>,
                              <<129, 130, 131, 132, 133, 134, 135, 136, 137>>]]]),
    io:format("~p~n", [[trace(fun() -> call(F, 5) end)
                        || F <- [fun(X) -> X + 1 end, fun erlang:abs/1, fun(X, Y) -> X + Y end,
                                 x, fun lists:nothing/1]]]),
    io:format("~p~n", [[trace(fun() -> pick(T) end) || T <- terms()]]),
    io:format("~p~n", [erlang:phash2(deep(20000, {1, [2.5, <<"x">>]}))]),
    io:format("~p~n", [length(zip(lists:seq(1, 10000), lists:seq(1, 10000)))]),
    io:format("~p~n", [floats(3.5, 2.0, 1000, 1)]),
    io:format("~p~n", [trace(fun() -> floats(1.0e308, 1.0e308, 10, 1.0e300) end)]).

terms() ->
    [0, 1, -1, 1 bsl 59, 1 bsl 64, -(1 bsl 64), 1.0, 0.0, -1.5, a, b, [], [1], [1 | 1.0], {}, {1},
     {1.0}, <<>>, <<"a">>, <<1:3>>, #{}, #{a => 1}, #{a => 1.0}, 1.8446744073709552e19].
numbers() -> [0, 1, -1, (1 bsl 59) - 1, -(1 bsl 59), 1 bsl 60, 1.5, -1.0e308, a].

compare(A, B) ->
    [A < B, A =< B, A > B, A >= B, A == B, A /= B, A =:= B, A =/= B].

maps() ->
    [#{}, #{a => 1}, #{b => 2}, #{a => 1, b => 2}, #{b => 2, c => 3}, #{a => 1, b => 2, c => 3},
     #{c => 3, d => 4, e => 5, a => 1, b => 2}, maps:from_list([{I, I} || I <- lists:seq(1, 40)]),
     maps:from_list([{K, K} || K <- [a, b, c, d | lists:seq(1, 40)]]), #{1 => x, 1.0 => y}, a, [],
     #{a => 1, b => 2}].

shape(#{a := A, b := B, c := C}) -> {abc, A, B, C};
shape(#{b := B, a := A} = M) -> id(B), {ab, A, B, map_size(M)};
shape(#{c := M}) -> {c, M};
shape(#{1 := X, 1.0 := Y}) -> {ones, X, Y};
shape(#{7 := X}) -> {seven, X};
shape(M) when is_map_key(a, M) -> {a, map_get(a, M)};
shape(M) when is_map(M) -> other;
shape(_) -> none.

update(M) -> M#{a := 10}.
update2(M, V) -> M#{b := V, a := M}.
assoc(M) -> M#{b => 20, z => 1, a => {M}}.

set(I, T) ->
    T1 = setelement(I, T, new),
    {id(T1), T}.
set_tail(I, T) -> setelement(I, T, new).
set_last(I, T) ->
    J = id(I),
    U = id(T),
    id(J),
    setelement(J, U, {U}).

record(#r{a = A} = R) ->
    R1 = R#r{b = A + 1, d = {A}},
    R2 = R1#r{c = [R1#r.b | R1#r.d]},
    {R2, R2#r{e = A}}.

sum(A, B, N) -> sum(A, B, N, 0).
sum(_, _, 0, Acc) -> Acc;
sum(A, B, N, Acc) ->
    C = A + B,
    D = C - 1,
    E = D * A,
    sum(B, A, N - 1, Acc + (E + 1)).

bits(Bin, Skip) ->
    <<_:Skip, Rest/bits>> = Bin,
    {bytes(Rest, []), words(Rest, []), mixed(Rest, [])}.
bytes(<<B, R/bits>>, Acc) -> bytes(R, [B | Acc]);
bytes(<<>>, Acc) -> Acc;
bytes(R, Acc) -> {bit_size(R), Acc}.
words(<<A:16, B:16/signed, R/bits>>, Acc) -> words(R, [A, B | Acc]);
words(<<A:7/signed, R/bits>>, Acc) -> words(R, [A | Acc]);
words(_, Acc) -> Acc.
mixed(<<1, 2, R/bits>>, Acc) -> mixed(R, [onetwo | Acc]);
mixed(<<255, A:24, B:40, R/bits>>, Acc) -> mixed(R, [A, B | Acc]);
mixed(<<A:3, R/bits>>, Acc) -> mixed(R, [A | Acc]);
mixed(<<R/bits>>, Acc) -> {R, Acc}.

call(F, X) ->
    Y = F(X),
    G = fun(Z) -> {F, X, Y, Z} end,
    element(3, G(id(Y))).

pick([H | T]) -> {list, H, T};
pick({A}) -> {one, A};
pick(X) when X > 0, X < 10 -> small;
pick(a) -> atom_a;
pick(b) -> atom_b;
pick([]) -> nil;
pick(0) -> zero;
pick(X) when is_binary(X) -> {binary, byte_size(X)};
pick(#{a := 1}) -> map_one.

%% Body recursion with much garbage: collections with a deep stack.
deep(0, T) -> T;
deep(N, T) ->
    R = deep(N - 1, {N, T, [N]}),
    [element(1, id(T)), N | tl_of(R)].
tl_of([_, _ | T]) -> T;
tl_of(_) -> [].

zip([A | As], [B | Bs]) -> [{A, B, [A]} | zip(As, Bs)];
zip([], []) -> [].

floats(X, Y, 0, Acc) -> X + Y + Acc;
floats(X, Y, N, Acc) when X > 0.0 ->
    Z = X * Y - X / 3.0,
    floats(Z - Y * X + X, Y + N / 1000, N - 1, Acc + Z * 0.5);
floats(X, _, N, Acc) -> {X, N, Acc}.

id(X) -> X.

%% The order of large maps is not the same on all machines.
pairs(M) when is_map(M) -> {map, [{K, pairs(V)} || {K, V} <- lists:sort(maps:to_list(M))]};
pairs(T) when is_tuple(T) -> list_to_tuple([pairs(E) || E <- tuple_to_list(T)]);
pairs(T) -> T.

trace(F) ->
    try F()
    catch C:R:S -> {C, pairs(R), [{M, Fn, if is_list(A) -> length(A); true -> A end,
                                   proplists:get_value(line, L)}
                                  || {M, Fn, A, L} <- S, M =:= ?MODULE orelse M =:= erlang]}
    end.
