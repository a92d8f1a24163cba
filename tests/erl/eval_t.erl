%% The compiler's front end and the evaluator run on the VM; then the compiler itself, whose output
%% is loaded and called.
-module(eval_t).
-export([main/1]).

main(_) ->
    [eval(S) || S <- exprs()],
    [scan(S) || S <- ["foo(X) -> 16#ff + $a, \"s\\n\", 'q a', 1.5e3, X#r.y. % c", "2#102", "\"open", "'x", "a b c d. e", "<<1:8/little>>.", "1_000.", "$\\x{263a}.", "-1.0."]],
    [parse(S) || S <- ["-module(a).", "f(X) when X > 1 -> [Y || Y <- X].", "f( -> ok.", "-record(r, {a = 1 :: integer(), b}).", "-spec f(integer()) -> atom().", "-type t() :: #{a := b, c => [d()]}.", "f(#{a := B} = C) -> try B of _ -> 1 catch throw:X:S -> {X, S} after ok end.", "g() -> fun Name(0) -> 1; Name(N) -> N * Name(N - 1) end."]],
    [lint(S) || S <- ["-module(m). -export([f/1]). f(X) -> Y.", "-module(m). f() -> ok.", "-module(m). -export([f/0]). f() -> g().", "-module(m). -export([f/0]). f() -> X = 1."]],
    compile().

p(L, V) -> io:format("~ts: ~tp~n", [L, V]).

eval(S) ->
    {ok, T, _} = erl_scan:string(S),
    R = try {ok, E} = erl_parse:parse_exprs(T), {value, V, B} = erl_eval:exprs(E, [{'In', 41}]),
             {clean(V), [{K, clean(X)} || {K, X} <- lists:sort(erl_eval:bindings(B)), K =/= 'In']}
        catch C:W -> {C, clean(W)} end,
    p(S, R).
clean(F) when is_function(F) -> {'fun', element(2, erlang:fun_info(F, arity))};
clean(P) when is_pid(P) -> pid;
clean(R) when is_reference(R) -> ref;
clean(T) when is_tuple(T) -> list_to_tuple([clean(X) || X <- tuple_to_list(T)]);
clean([H | T]) -> [clean(H) | clean(T)];
clean(X) -> X.

exprs() ->
    ["1 + 2 * 3.", "X = 5, Y = X * In, {X, Y}.", "[X || X <- lists:seq(1, 10), X rem 2 =:= 0].", "<< <<X>> || X <- \"abc\" >>.", "[X || <<X:4>> <= <<16#abcd:16>>].",
     "case {a, In} of {a, N} when N > 40 -> big; _ -> small end.", "if In > 100 -> x; true -> y end.", "(fun(A, B) -> A + B end)(1, In).", "F = fun G(0) -> 1; G(N) -> N * G(N - 1) end, F(20).",
     "try error(oops) catch error:E -> {caught, E} after ok end.", "catch throw(ball).", "begin self() ! {msg, 1}, receive {msg, X} -> X after 0 -> none end end.", "receive nothing -> ok after 5 -> timeout end.",
     "M = #{a => 1, b => 2}, #{a := A} = M, {A, M#{b := 3}}.", "<<A:8, B/binary>> = <<\"hello\">>, {A, B}.", "1 = 2.", "foo:bar().", "lists:map(fun erlang:abs/1, [-1, 2]).", "X = Y.", "a + 1.", "fun lists:sort/1.",
     "{A, [B | C], #{k := D}} = {1, [2, 3], #{k => v}}.", "not true orelse (1 < 2 andalso 3 =< 3.0).", "\"a\" ++ \"b\" -- \"a\".", "maybe_atom.", "1 bsl 100 bxor 5.", "-7 div 2.", "element(2, {a, b}).", "[A, B] = [1].", "spawn(fun() -> ok end).",
     "lists:foldl(fun(X, S) -> X + S end, 0, [X * X || X <- lists:seq(1, 100)]).", "<<1:3, 5:5/little-signed, \"x\"/utf8, 1.5/float>>.", "try throw(x) of _ -> no catch throw:_ -> y end.", "erlang:error(badness, [1]).", "exit(bye).", "(fun() -> In + 1 end)().", "#{[1] => <<2>>}.", "[{X, Y} || X <- [1, 2], Y <- [a, b], X =/= 1 orelse Y =:= b]."].

scan(S) -> p(S, catch erl_scan:string(S)), p(tokens, catch erl_scan:tokens([], S, 1)).
parse(S) -> {ok, T, _} = erl_scan:string(S), R = erl_parse:parse_form(T), p(S, R), case R of {ok, F} -> io:format("~ts~n", [erl_pp:form(F)]); {error, {_, M, D}} -> io:format("~ts~n", [M:format_error(D)]) end.
forms(S) -> {ok, T, _} = erl_scan:string(S), forms(T, [], []).
forms([], [], A) -> lists:reverse(A);
forms([{dot, _} = D | T], C, A) -> {ok, F} = erl_parse:parse_form(lists:reverse([D | C])), forms(T, [], [F | A]);
forms([X | T], C, A) -> forms(T, [X | C], A).
lint(S) -> p(S, erl_lint:module(forms(S))).

compile() ->
    Src = "-module(eval_made). -export([f/1, g/2, h/0, t/1, b/1]). -record(r, {a = 1, b}). "
          "f(0) -> 1; f(N) -> N * f(N - 1). g(L, K) -> [{K, X} || X <- L, is_integer(X), X > 2]. "
          "h() -> R = #r{b = two}, R2 = R#r{a = 5}, {R, R2, R2#r.a, fun(X) -> {X, R} end(1)}. "
          "t(X) -> try hd(X) of Y -> {ok, Y} catch error:badarg:S -> {bad, element(1, hd(S))} after put(done, true) end. "
          "b(<<N:8, S:N/binary, R/binary>>) -> [S | b(R)]; b(<<>>) -> [].",
    {ok, eval_made, Asm} = compile:forms(forms(Src), [to_asm, binary]),
    p(asm, [{F, A, length(Is), erlang:phash2(Is)} || {function, F, A, _, Is} <- element(4, Asm)]),
    {ok, eval_made, Core} = compile:forms(forms(Src), [to_core, binary]),
    p(core, erlang:phash2(Core)),
    io:format("~ts~n", [core_pp:format(Core)]).
