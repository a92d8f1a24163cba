%% old_t: instructions that only compilers before OTP 25 emit (bs_init2, bs_put_*, bs_append,
%% bs_private_append, bs_add, bs_utf8_size, allocate_zero, init, make_fun2, recv_mark ...).
-module(old_t).
-compile([r22, nowarn_failed]).
-export([start/0, id/1]).

p(Tag, X) -> io:format("~p: ~p~n", [Tag, X]).
id(X) -> X.

start() ->
    A = id(5), B = id(<<"abc">>), N = id(12), F = id(1.5), C = id($é),
    p(sizes, [try <<1:S, 2:T/unit:8, 3:2>>, ok catch C0:R0 -> {C0, R0} end
              || S <- [0, -1, id(1 bsl 70), id(-(1 bsl 70)), x], T <- [id(1), -1, id(1 bsl 70), id(-(1 bsl 70)), x]]),
    p(ints, <<A:8, A:16/little, (-A):N, 1:1, A:3>>),
    p(bins, <<B/binary, A, B:2/binary, (id(<<5:3>>))/bits>>),
    p(floats, <<F/float, F:32/float-little, F:16/float>>),
    p(utf, <<C/utf8, C/utf16, C/utf32, (id(16#10000))/utf16-little>>),
    p(string, <<"text", A, "more"/utf8>>),
    p(size_var, <<A:N/unit:3>>),
    p(comprehension, << <<(X * 2):12>> || X <- lists:seq(1, 200) >>),
    p(nested, << <<(X * Y), Y:3>> || X <- [1, 2, 3], Y <- [7, 8, 9] >>),
    p(appended, byte_size(append(1000, <<>>))),
    p(branches, begin P = append(10, <<>>), {<<P/binary, 1>>, <<P/binary, 2>>} end),
    p(errors, [catch_it(fun() -> <<(id(a)):8>> end), catch_it(fun() -> <<A:(id(-1))>> end),
               catch_it(fun() -> <<(id(x))/binary>> end), catch_it(fun() -> <<(id(-1))/utf8>> end),
               catch_it(fun() -> <<(id(a))/float>> end),
               catch_it(fun() -> <<B:10/binary>> end)]),
    p(funs, [(fun(X) -> X + A end)(1), (fun() -> {A, B, N} end)(), lists:map(fun id/1, [1, 2])]),
    p(frames, frames(A, B)),
    Ref = make_ref(),
    self() ! noise, self() ! {Ref, got},
    p(recv, receive {Ref, V} -> V end),
    p(parse, parse(<<3, "abc", 2, "de", 1:1>>, [])),
    p(float_math, fmath([1, 2.5, 3], 0.0)).

append(0, Acc) -> Acc;
append(N, Acc) -> append(N - 1, <<Acc/binary, N:16>>).

frames(A, B) ->
    X = id(A), Y = id(B),
    case id(X) of
        5 -> Z = id({X, Y}), {Z, id(X)};
        _ -> try id(Y) of Q -> Q after id(X) end
    end.

parse(<<L, B:L/binary, R/bits>>, Acc) -> parse(R, [B | Acc]);
parse(R, Acc) -> {R, Acc}.

fmath([H | T], A) -> fmath(T, A * 2.0 + H / 1.5);
fmath([], A) -> A.

catch_it(F) -> try F() catch C:R -> {C, R} end.
