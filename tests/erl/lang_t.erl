%% lang_t: the language itself: calls, funs, exceptions and their traces, guards, patterns,
%% comprehensions, records, floats. Prints one line a case; the same on every VM.
-module(lang_t).
-export([start/0, id/1, f/1, g/2, thrower/1, deep/1, clause/2, undef_local/1, badf/1]).

-record(r, {a, b = 2, c = "x"}).

start() ->
    calls(), funs(), exceptions(), traces(), guards(), patterns(), compr(), records(), floats(),
    receives(), selects(), big_tuples(), deep_terms(), many_args(),
    io:format("done~n").

p(Tag, X) -> io:format("~p: ~p~n", [Tag, X]).
id(X) -> X.

calls() ->
    p(apply3, apply(lists, reverse, [[1, 2, 3]])),
    M = id(lists), F = id(sum),
    p(apply_var, M:F([1, 2, 3])),
    p(apply_fun, apply(fun(A, B) -> A - B end, [5, 3])),
    p(ext_fun, (fun lists:max/1)([3, 9, 2])),
    p(local_fun, lists:map(fun f/1, [1, 2, 3])),
    p(apply_bif, apply(erlang, '+', [1, 2])),
    p(spawn_bif_name, apply(id(erlang), id(abs), [-4])),
    p(tail, count(1000000, 0)),
    p(body, len(lists:seq(1, 100000))).

count(0, A) -> A;
count(N, A) -> count(N - 1, A + 1).
len([]) -> 0;
len([_ | T]) -> 1 + len(T).
f(X) -> X * 2.
g(X, Y) -> X div Y.

funs() ->
    A = id(10), B = id("b"),
    F = fun(X) -> {X, A, B} end,
    p(closure, F(1)),
    p(fun_eq, {F =:= F, fun lists:map/2 =:= fun lists:map/2, F == fun id/1}),
    p(is_fun, {is_function(F), is_function(F, 1), is_function(F, 2), is_function(a)}),
    p(arity, erlang:fun_info(F, arity)),
    p(named, (fun Fact(0) -> 1; Fact(N) -> N * Fact(N - 1) end)(20)),
    p(nested, ((fun(X) -> fun(Y) -> X + Y + A end end)(1))(2)),
    p(badfun, catch_it(fun() -> (id(foo))(1) end)),
    p(badarity, element(1, element(2, catch_it(fun() -> (id(fun() -> ok end))(1) end)))),
    p(fold, lists:foldl(fun(X, Acc) -> [X + A | Acc] end, [], [1, 2, 3])).

catch_it(F) ->
    try F() of V -> {value, V}
    catch C:R -> {C, R}
    end.

exceptions() ->
    p(throw, catch_it(fun() -> throw(x) end)),
    p(exit, catch_it(fun() -> exit(x) end)),
    p(error, catch_it(fun() -> error(x) end)),
    p(badmatch, catch_it(fun() -> {a, _} = id({b, 1}) end)),
    p(case_clause, catch_it(fun() -> case id(3) of 1 -> a end end)),
    p(if_clause, catch_it(fun() -> if_it(id(3)) end)),
    p(function_clause, catch_it(fun() -> clause(x, y) end)),
    p(undef, catch_it(fun() -> lang_t:nope(1) end)),
    p(undef_mod, catch_it(fun() -> no_such_module:nope(1) end)),
    p(badarith, catch_it(fun() -> id(a) + 1 end)),
    p(div0, catch_it(fun() -> id(1) div id(0) end)),
    p(badarg, catch_it(fun() -> list_to_atom(id(3)) end)),
    p(hd, catch_it(fun() -> hd(id([])) end)),
    p(element, catch_it(fun() -> element(id(4), {a}) end)),
    p(map_get, catch_it(fun() -> map_get(id(k), #{}) end)),
    p(badmap, catch_it(fun() -> (id(x))#{a => 1} end)),
    p(badkey, catch_it(fun() -> (id(#{}))#{a := 1} end)),
    p(badrecord, catch_it(fun() -> (id(x))#r.a end)),
    p(try_clause, catch_it(fun() -> try id(1) of 2 -> ok catch _:_ -> no end end)),
    p(catch_throw, (catch throw(a))),
    p(catch_exit, (catch exit(a))),
    p(catch_value, (catch id(a))),
    p(after_order, after_test()),
    p(nested, nested()),
    p(rethrow, catch_it(fun() -> try error(a) catch error:a -> throw(b) end end)),
    p(in_after, catch_it(fun() -> try id(1) after throw(in_after) end end)),
    p(raise, catch_it(fun() -> erlang:raise(throw, t, []) end)),
    p(raise_bad, erlang:raise(foo, t, [])),
    p(stack_kept, kept()),
    p(timeout_value, catch_it(fun() -> receive after id(foo) -> ok end end)),
    p(nocatch, element(1, in_process(fun() -> throw(up) end))),
    p(crash, element(1, in_process(fun() -> error(bad) end))).

if_it(X) -> if X =:= 1 -> one; X =:= 2 -> two end.
clause(a, b) -> ok.

after_test() ->
    put(order, []),
    catch try put(order, [body | get(order)]), throw(x) after put(order, ['after' | get(order)]) end,
    lists:reverse(get(order)).

nested() ->
    try
        try error(inner) catch throw:_ -> wrong end
    catch error:inner ->
        try throw(second) catch throw:second -> caught_second end
    end.

kept() ->
    try deep(3) catch error:E:S -> {E, [{F, A} || {?MODULE, F, A, _} <- S, F =/= kept, F =/= exceptions]} end.
deep(0) -> error(bottom);
deep(N) -> X = deep(N - 1), [X].

in_process(F) ->
    {P, R} = spawn_monitor(fun() -> group_leader(self(), self()), logger_off(), F() end),
    receive {'DOWN', R, process, P, Reason} -> Reason end.
logger_off() -> catch logger:set_process_metadata(#{}), ok.

traces() ->
    p(trace_bif, trace(fun() -> badf(id(1)) end)),
    p(trace_clause, trace(fun() -> clause(1, 2) end)),
    p(trace_undef, trace(fun() -> lang_t:nope(a, b) end)),
    p(trace_arith, trace(fun() -> g(1, id(0)) end)),
    p(trace_error2, trace(fun() -> error(foo, [1, 2]) end)),
    p(trace_lines, [L || {?MODULE, deep, _, I} <- trace(fun() -> deep(2) end), {line, L} <- I]),
    p(trace_file, lists:usort([F || {?MODULE, deep, _, I} <- trace(fun() -> deep(2) end), {file, F} <- I])).

badf(X) -> {ok, list_to_atom(X)}.
thrower(X) -> throw(X).
undef_local(X) -> X.

trace(F) ->
    try F() catch _:_:S -> [hide(E) || E <- lists:sublist(S, 2)] end.
hide({M, F, A, I}) when is_atom(F) ->
    case atom_to_list(F) of
        "-" ++ _ -> {M, fun_in_here};
        _ -> {M, F, A, [X || X <- I, element(1, X) =/= x]}
    end;
hide(X) -> X.

guards() ->
    Vals = [1, -1, 1.5, 1 bsl 70, a, true, [], [1], "ab", {}, {a}, {a, b}, #{}, #{a => 1}, <<>>,
            <<1:3>>, <<"abc">>, self(), make_ref(), fun id/1, undefined],
    p(guards, [g1(V) || V <- Vals]),
    p(guard_bifs, [g2(V) || V <- Vals]),
    p(orelse_andalso, [{A orelse B, A andalso B, A or B, A and B, A xor B, not A}
                       || A <- [true, false], B <- [true, false]]),
    p(compare, [{X < Y, X =< Y, X == Y, X =:= Y, X /= Y, X =/= Y, X > Y, X >= Y}
                || X <- [1, 1.0, a, {a}, [a], 1 bsl 65], Y <- [1, 2, 1.0, b, {b}, [], 1 bsl 65]]).

g1(X) when is_integer(X), X > 0 -> pos;
g1(X) when is_integer(X) -> int;
g1(X) when is_float(X) -> float;
g1(X) when is_boolean(X) -> bool;
g1(X) when is_atom(X) -> atom;
g1([]) -> nil;
g1(X) when is_list(X), hd(X) =:= 1 -> list1;
g1(X) when is_list(X) -> list;
g1(X) when is_tuple(X), tuple_size(X) =:= 2 -> pair;
g1(X) when is_tuple(X) -> tuple;
g1(X) when is_map(X), map_size(X) =:= 0 -> empty_map;
g1(X) when is_map_key(a, X) -> map_a;
g1(X) when is_binary(X), byte_size(X) =:= 0 -> empty_bin;
g1(X) when is_binary(X) -> bin;
g1(X) when is_bitstring(X) -> bits;
g1(X) when is_pid(X) -> pid;
g1(X) when is_reference(X) -> ref;
g1(X) when is_function(X, 1) -> fun1;
g1(_) -> other.

g2(X) when abs(X) =:= 1 -> one;
g2(X) when length(X) > 1 -> long;
g2(X) when element(1, X) =:= a; X =:= a -> a;
g2(X) when bit_size(X) rem 8 =/= 0 -> odd;
g2(X) when map_get(a, X) =:= 1 -> m1;
g2(X) when trunc(X) =:= 1 -> t1;
g2(_) -> no.

patterns() ->
    p(p1, [pat(V) || V <- [1, 2, 1.0, foo, "abc", [1, 2], [1 | 2], {x, {y, z}}, {x, {y, y}},
                           <<1, 2, 3>>, <<"ab", 7:16, 1:1>>, #{k => {1, 2}}, 1 bsl 80]]),
    {A, [B, C | D], #{k := E}} = id({1, [2, 3, 4], #{k => v, l => w}}),
    p(p2, {A, B, C, D, E}),
    <<L:8, Bin:L/binary, Rest/bits>> = id(<<3, "abcdef", 1:3>>),
    p(p3, {L, Bin, Rest}),
    p(same, [same(X, Y) || {X, Y} <- [{1, 1}, {1, 1.0}, {[a], [a]}, {{}, {}}]]).

same(X, X) -> yes;
same(_, _) -> no.
pat(1) -> one;
pat(1.0) -> onef;
pat(foo) -> foo;
pat("abc") -> abc;
pat([H, T]) -> {list2, H, T};
pat([H | T]) -> {cons, H, T};
pat({x, {Y, Y}}) -> {same, Y};
pat({x, {_, Z}}) -> {last, Z};
pat(<<A, B:16>>) -> {bin, A, B};
pat(<<"ab", N:16, _/bits>>) -> {ab, N};
pat(#{k := {K, _}}) -> {map, K};
pat(16#100000000000000000000) -> big;
pat(_) -> other.

compr() ->
    p(lc, [{X, Y} || X <- [1, 2, 3, 4], X rem 2 =:= 0, Y <- "ab"]),
    p(bc, << <<(X * 2)>> || <<X>> <= <<1, 2, 3>> >>),
    p(lbc, [X || <<X:4>> <= <<16#1234:16>>]),
    p(blc, << <<X:12>> || X <- [1, 2, 3] >>),
    p(nested_lc, [[X * Y || Y <- lists:seq(1, 3)] || X <- lists:seq(1, 3)]).

records() ->
    R = #r{a = 1},
    R2 = R#r{c = 3, a = id(9)},
    p(rec, {R, R2, R#r.b, is_record(R, r), is_record(R, r, 4), #r.c, is_record(x, r)}),
    Big = erlang:make_tuple(20, 0),
    p(setel, lists:foldl(fun(I, T) -> setelement(I, T, I) end, Big, lists:seq(1, 20, 3))).

floats() ->
    X = id(2.5), Y = id(3),
    p(f1, {X + Y, X - Y, X * Y, X / Y, -X, Y / 2, Y * 1.0}),
    p(f2, [fl(V) || V <- [1.0, 2.0, 0.5]]),
    p(f3, catch_it(fun() -> id(1.0e308) * 10 end)),
    p(f4, catch_it(fun() -> X / id(0.0) end)),
    p(f5, catch_it(fun() -> X * id(a) end)),
    p(sum, fsum([1.5, 2.5, 3], 0.0)).
fl(X) -> Y = X * X + 1.0, Z = Y / (X + 0.5), Z - 1.0 * X.
fsum([H | T], A) when is_float(A) -> fsum(T, A + H);
fsum([], A) -> A.

receives() ->
    Self = self(),
    self() ! a, self() ! {b, 1}, self() ! c,
    p(selective, receive {b, X} -> X end),
    p(rest, [receive Y -> Y end || _ <- [1, 2]]),
    p(after0, receive nothing -> no after 0 -> timeout end),
    p(after20, receive nothing -> no after 20 -> timeout end),
    Pid = spawn(fun Loop() -> receive {F, N} -> F ! {self(), N * 2}, Loop(); stop -> ok end end),
    p(rpc, [begin Pid ! {Self, N}, receive {Pid, V} -> V end end || N <- lists:seq(1, 5)]),
    Pid ! stop,
    Big = lists:seq(1, 1000),
    P2 = spawn(fun() -> receive {F, L} -> F ! {sum, lists:sum(L)} end end),
    P2 ! {self(), Big},
    p(big_message, receive {sum, S} -> S after 60000 -> none end),
    [self() ! {n, N} || N <- lists:seq(1, 100)],
    p(reverse_order, lists:sum([receive {n, N} -> N end || N <- lists:seq(100, 1, -1)])),
    R = make_ref(),
    self() ! {R, ok},
    p(ref, receive {R, V2} -> V2 end).

selects() ->
    p(s1, [s1(X) || X <- [0, 1, 5, 6, 7, 100, -3, 1 bsl 70, a, 2.0]]),
    p(s2, [s2(X) || X <- [a, b, c, d, e, f, g, zz, 1, "a"]]),
    p(s3, [s3(X) || X <- [{}, {1}, {1, 2}, {1, 2, 3}, x]]),
    p(s4, [s4(X) || X <- [1.5, 1 bsl 80, 3, 2.5]]).
s1(0) -> zero; s1(1) -> one; s1(2) -> two; s1(5) -> five; s1(6) -> six; s1(7) -> seven; s1(-3) -> m3; s1(_) -> no.
s2(a) -> 1; s2(b) -> 2; s2(c) -> 3; s2(d) -> 4; s2(e) -> 5; s2(f) -> 6; s2(g) -> 7; s2(_) -> 0.
s3({}) -> 0; s3({_}) -> 1; s3({_, _}) -> 2; s3({_, _, _}) -> 3; s3(_) -> no.
s4(1.5) -> a; s4(2.5) -> b; s4(16#100000000000000000000) -> c; s4(3) -> d; s4(_) -> no.

big_tuples() ->
    T = list_to_tuple(lists:seq(1, 1000)),
    p(big_tuple, {tuple_size(T), element(1000, T), element(500, T)}).

deep_terms() ->
    N = 1000000,
    D = nest(N, []),
    p(deep_eq, D =:= nest(N, [])),
    p(deep_cmp, D < nest(N + 1, [])),
    p(deep_hash, erlang:phash2(D) =:= erlang:phash2(nest(N, []))),
    Self = self(),
    spawn(fun() -> Self ! {deep, D} end),
    p(deep_sent, receive {deep, X} -> X =:= D end),
    p(deep_size, byte_size(term_to_binary(D))),
    p(deep_back, binary_to_term(term_to_binary(D)) =:= D).
nest(0, A) -> A;
nest(N, A) -> nest(N - 1, [A]).

many_args() ->
    p(many, many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)),
    F = fun(A, B, C, D, E, G, H, I, J) -> [A, B, C, D, E, G, H, I, J] end,
    p(many_fun, apply(F, lists:seq(1, 9))).
many(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P) ->
    [P, O, N, M, L, K, J, I, H, G, F, E, D, C, B, A].
