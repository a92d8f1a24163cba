%% bitsyntax_t: building and matching with the bit syntax: all types, sizes, signs and orders, at
%% any bit offset, with errors; comprehensions; appending. Fixed and pseudo-random cases.
-module(bitsyntax_t).
-export([start/0]).

start() ->
    put(seed, 4711),
    integers(), floats(), characters(), strings(), construct_errors(), match_errors(),
    random(400), parsers(), comprehensions(), guards(), contexts(),
    io:format("done~n").

r(N) ->
    S = (get(seed) * 6364136223846793005 + 1442695040888963407) band ((1 bsl 64) - 1),
    put(seed, S),
    (S bsr 33) rem N.
pick(L) -> lists:nth(r(length(L)) + 1, L).
seq(N) -> lists:seq(1, N).
p(Tag, X) -> io:format("~w: ~w~n", [Tag, X]).
id(X) -> X.
rb(N) -> list_to_binary([r(256) || _ <- seq(N)]).
bits() ->
    N = r(80), O = r(20),
    <<_:O, B:N/bits, _/bits>> = rb(13),
    B.

%% Result, or error with what the runtime tells about it.
t(F) ->
    try F()
    catch
        C:R:Stack ->
            [{_, _, _, Info} | _] = Stack,
            {C, R, proplists:get_value(error_info, Info)}
    end.

sizes() -> [0, 1, 3, 7, 8, 9, 12, 16, 24, 31, 32, 33, 59, 60, 61, 62, 63, 64, 65, 71, 72, 100, 127, 128, 129, 200].
values() ->
    [0, 1, -1, 127, 128, -128, -129, 255, 16#1234, -16#1234, (1 bsl 59) - 1, 1 bsl 59, (1 bsl 60) - 1,
     1 bsl 60, -(1 bsl 60), -(1 bsl 60) - 1, (1 bsl 63), -(1 bsl 63), (1 bsl 64) - 1, 1 bsl 64,
     -(1 bsl 64), -(1 bsl 64) - 1, 16#123456789abcdef0123456789abcdef, -16#123456789abcdef0123456789abcdef].

integers() ->
    [begin
         Bs = [<<V:S>>, <<V:S/little>>, <<V:S/native>>],
         p({int, V, S}, Bs),
         [begin
              <<_:O, A:S, B:3>> = <<0:O, X/bits, 5:3>>,
              <<_:O, C:S/signed, B:3>> = <<-1:O, X/bits, 5:3>>,
              <<_:O, D:S/little, B:3>> = <<0:O, X/bits, 5:3>>,
              <<_:O, E:S/little-signed, B:3>> = <<0:O, X/bits, 5:3>>,
              p({get, O}, {A, C, D, E, B})
          end || X <- tl(Bs), O <- [pick([0, 8, 64]), r(13)]]
     end || V <- values(), S <- sizes()],
    <<A:8, B:16, C:24, D:32, E:64, F:4, G:12, H/bits>> = id(list_to_binary(seq(20))),
    p(fixed, {A, B, C, D, E, F, G, H}),
    <<I:8/signed, J:16/little, K:16/little-signed, L:32/little-signed, M:64/signed-little, N/binary>> =
        id(<<254, 255, 1, 255, 254, 1, 2, 3, 244, 1, 2, 3, 4, 5, 6, 7, 248, "rest">>),
    p(fixed, {I, J, K, L, M, N}),
    <<Wide:1000/signed-little, _/bits>> = id(binary:copy(<<16#c5>>, 130)),
    p(wide, Wide),
    p(unit, <<1:2/unit:16, 1:3/little-unit:7>>).

floats() ->
    Fs = [0.0, -0.0, 1.0, -1.5, 3.14159, 1.0e10, 1.0e-10, 65504.0, 65519.0, 65520.0, 1.0e300, 6.0e-8,
          2.98e-8, 1.0e-45, 5.0e-324, 1.7976931348623157e308, 3.4028235e38, 3.5e38, 1, -7, 1 bsl 100,
          0.1, 2049.0, 2051.0, 6.1e-5],
    [p({float, F}, [<<F:16/float>>, <<F:32/float>>, <<F:64/float>>, <<F:16/float-little>>,
                    <<F:32/float-little>>, <<F/float-little>>, <<1:3, F/float>>, <<F:1/float-unit:32>>]) || F <- Fs],
    [begin
         B = case r(3) of 0 -> <<(pick(Fs)):64/float>>; _ -> rb(8) end,
         O = r(10),
         X = <<0:O, B/bits>>,
         [p(get, t(fun() -> <<_:O, Y:S/float, _/bits>> = X, Y end)) || S <- [16, 32, 64]],
         [p(get, t(fun() -> <<_:O, Y:S/float-little, _/bits>> = X, Y end)) || S <- [16, 32, 64]]
     end || _ <- seq(60)],
    [p({special, B}, t(fun() -> S = bit_size(B), <<Y:S/float>> = B, Y end)) ||
        B <- [<<16#7c00:16>>, <<16#fc00:16>>, <<16#7e00:16>>, <<1:16>>, <<16#3ff:16>>, <<16#400:16>>,
              <<16#7bff:16>>, <<16#7f800000:32>>, <<16#7fc00000:32>>, <<1:32>>, <<16#7ff0:16, 0:48>>,
              <<16#7ff8:16, 0:48>>, <<1:64>>, <<0:17>>, <<>>]].

characters() ->
    Cs = [0, 65, 127, 128, 200, 16#7ff, 16#800, 16#d7ff, 16#d800, 16#dfff, 16#e000, 16#fffd, 16#fffe,
          16#ffff, 16#10000, 16#10ffff, 16#110000, -1, 1 bsl 80, a, 1.0],
    [p({char, C}, [t(F) || F <- [fun() -> <<C/utf8>> end, fun() -> <<C/utf16>> end,
                                 fun() -> <<C/utf16-little>> end, fun() -> <<C/utf32>> end,
                                 fun() -> <<C/utf32-little>> end, fun() -> <<1:3, C/utf8>> end,
                                 fun() -> <<1:5, C/utf16>> end]]) || C <- Cs],
    Get = fun(B) ->
              [case B of <<X/utf8, R/bits>> -> {X, R}; _ -> no end,
               case B of <<X/utf16, R/bits>> -> {X, R}; _ -> no end,
               case B of <<X/utf16-little, R/bits>> -> {X, R}; _ -> no end,
               case B of <<X/utf32, R/bits>> -> {X, R}; _ -> no end,
               case B of <<X/utf32-little, R/bits>> -> {X, R}; _ -> no end,
               case B of <<_/utf8, R/bits>> -> R; _ -> no end,
               case B of <<_:3, X/utf8, R/bits>> -> {X, R}; _ -> no end]
          end,
    [p({get, B}, Get(B)) ||
        B <- [<<>>, <<65>>, <<195>>, <<195, 136>>, <<195, 65>>, <<192, 128>>, <<16#e0, 16#80, 16#80>>,
              <<16#ed, 16#a0, 16#80>>, <<16#ef, 16#bf, 16#bf>>, <<16#f0, 16#80, 16#80, 16#80>>,
              <<16#f0, 16#90, 16#80, 16#80>>, <<16#f4, 16#8f, 16#bf, 16#bf>>, <<16#f4, 16#90, 16#80, 16#80>>,
              <<16#f8, 1, 2, 3, 4>>, <<16#d800:16, 16#dc00:16>>, <<16#dc00:16, 16#d800:16>>,
              <<16#d800:16>>, <<0, 16#d8, 0, 16#dc>>, <<16#10ffff:32>>, <<16#110000:32>>, <<16#d800:32>>,
              <<960:32/little>>, <<5:3, 207, 128, 1>>]],
    [p(get, Get(rb(r(6)))) || _ <- seq(50)].

strings() ->
    B = id(<<"hello">>),
    p(string, <<1:3, "abc", B/binary, 2:5>>),
    p(utf, <<"caf\x{e9} \x{3c0}"/utf8, "ab\x{1f600}"/utf16, "x"/utf32-little>>),
    p(match, [case X of <<"hel", R/bits>> -> R; <<1:1, "hel", R/bits>> -> {one, R}; _ -> no end ||
                 X <- [B, <<1:1, B/binary>>, <<"he">>, <<>>, a, <<"help">>]]).

construct_errors() ->
    Neg = id(-1), A = id(a), Huge = id(1 bsl 70), Three = id(<<1:3>>), Two = id(<<1, 2>>),
    L = [fun() -> <<A:8>> end, fun() -> <<1, A:8>> end, fun() -> <<1:Neg>> end, fun() -> <<1:A>> end,
         fun() -> <<1:Huge>> end, fun() -> <<1:(-Huge)>> end, fun() -> <<A/binary>> end,
         fun() -> <<1, Three/binary>> end, fun() -> <<Three/binary, 1>> end, fun() -> <<Two:3/binary>> end,
         fun() -> <<Two:Neg/binary>> end, fun() -> <<Two:Huge/binary>> end, fun() -> <<A/float>> end,
         fun() -> <<1.0:(id(15))/float>> end, fun() -> <<(id(1 bsl 2000))/float>> end,
         fun() -> <<A:0>> end, fun() -> <<A:0/float>> end, fun() -> <<A:0/binary>> end,
         fun() -> <<1, A:8, 1:Neg>> end, fun() -> <<1, A:8, A/utf8>> end, fun() -> <<1, A:8, A/utf16>> end,
         fun() -> <<1, A:8, A/utf32>> end, fun() -> <<1, A:8, A/binary>> end, fun() -> <<1, A:8, Three/binary>> end,
         fun() -> <<A/binary, 1:Neg>> end, fun() -> <<A/binary, A/binary>> end,
         fun() -> << <<X>> || X <- [1, A] >> end, fun() -> << <<X/binary>> || X <- [<<>>, A] >> end,
         fun() -> <<1.0:Neg/float>> end, fun() -> <<Two:1/binary-unit:20>> end, fun() -> <<1.5>> end],
    [p(N, t(lists:nth(N, L))) || N <- seq(length(L))].

match_errors() ->
    M = fun(B, N) ->
            [case B of <<X:N, R/bits>> -> {X, R}; _ -> no end,
             case B of <<X:N/binary, R/bits>> -> {X, R}; _ -> no end,
             case B of <<X:N/bits, R/bits>> -> {X, R}; _ -> no end,
             case B of <<_:N, R/bits>> -> R; _ -> no end,
             case B of <<_:N/bytes, R/binary>> -> R; _ -> no end,
             case B of <<X:N/float, R/bits>> -> {X, R}; _ -> no end,
             case B of <<X:N/little-signed-unit:3>> -> X; _ -> no end]
        end,
    [p({B, N}, M(B, N)) || B <- [<<>>, <<1:5>>, <<1, 2, 3>>, a, 5], N <- [0, 1, 3, 24, 25, -1, 1 bsl 70, 1 bsl 59, a, 1.0]],
    p(tails, [case B of <<_:1, R/binary>> -> R; <<_:2, R:2/binary-unit:3>> -> {six, R}; _ -> no end ||
                 B <- [<<1:9>>, <<1:8>>, <<>>, <<1:17>>]]),
    p(badmatch, t(fun() -> <<X:8>> = id(<<1, 2>>), X end)).

%% Segments made at random, built in one go by folding and matched again.
random(0) -> ok;
random(N) ->
    L = [segment() || _ <- seq(r(6) + 1)],
    A = case r(3) of 0 -> <<>>; _ -> bits() end,
    B = lists:foldl(fun(S, Acc) -> <<Acc/bits, (build(S))/bits>> end, A, L),
    p(built, B),
    O = bit_size(A),
    <<_:O, Rest/bits>> = B,
    p(taken, take(Rest, L)),
    random(N - 1).

segment() ->
    case r(6) of
        0 -> {float, pick([1.0, -0.5, 1.0e4, r(1000) * 1.0]), pick([16, 32, 64]), r(2)};
        1 -> B = bits(), {bits, B, bit_size(B), 0};
        2 -> {char, pick([65, 200, 960, 16#20ac, 16#1f600]), pick([8, 16, 32]), r(2)};
        _ -> {int, pick(values()), pick(sizes()), r(4)}
    end.
build({float, V, S, 0}) -> <<V:S/float>>;
build({float, V, S, 1}) -> <<V:S/float-little>>;
build({bits, V, S, _}) -> <<V:S/bits>>;
build({char, V, 8, _}) -> <<V/utf8>>;
build({char, V, 16, 0}) -> <<V/utf16>>;
build({char, V, 16, 1}) -> <<V/utf16-little>>;
build({char, V, 32, 0}) -> <<V/utf32>>;
build({char, V, 32, 1}) -> <<V/utf32-little>>;
build({int, V, S, F}) when F band 1 =:= 0 -> <<V:S>>;
build({int, V, S, _}) -> <<V:S/little>>.
take(B, []) -> [B];
take(B, [S | L]) ->
    {V, R} = get_one(B, S),
    [V | take(R, L)].
get_one(B, {float, _, S, 0}) -> <<V:S/float, R/bits>> = B, {V, R};
get_one(B, {float, _, S, 1}) -> <<V:S/float-little, R/bits>> = B, {V, R};
get_one(B, {bits, _, S, _}) -> <<V:S/bits, R/bits>> = B, {V, R};
get_one(B, {char, _, 8, _}) -> <<V/utf8, R/bits>> = B, {V, R};
get_one(B, {char, _, 16, 0}) -> <<V/utf16, R/bits>> = B, {V, R};
get_one(B, {char, _, 16, 1}) -> <<V/utf16-little, R/bits>> = B, {V, R};
get_one(B, {char, _, 32, 0}) -> <<V/utf32, R/bits>> = B, {V, R};
get_one(B, {char, _, 32, 1}) -> <<V/utf32-little, R/bits>> = B, {V, R};
get_one(B, {int, _, S, 0}) -> <<V:S, R/bits>> = B, {V, R};
get_one(B, {int, _, S, 1}) -> <<V:S/little, R/bits>> = B, {V, R};
get_one(B, {int, _, S, 2}) -> <<V:S/signed, R/bits>> = B, {V, R};
get_one(B, {int, _, S, 3}) -> <<V:S/little-signed, R/bits>> = B, {V, R}.

parsers() ->
    Packet = <<4:4, 5:4, 0, 40:16, 1:16, 2:3, 0:13, 64, 6, 0:16, 10, 0, 0, 1, 10, 0, 0, 2, "data">>,
    <<4:4, Hl:4, _, Len:16, Id:16, Fl:3, Fo:13, Ttl, Proto, Sum:16, Src:4/binary, Dst:4/binary, Data/binary>> = id(Packet),
    p(ip, {Hl, Len, Id, Fl, Fo, Ttl, Proto, Sum, Src, Dst, Data}),
    p(words, words(binary:copy(<<"the quick  brown fox\n">>, 20), <<>>, [])),
    p(tlv, tlv(<<1, 3, "abc", 2, 0, 3, 2, 1, 2, 4, 9, "short">>)),
    p(sum, sum(binary:copy(<<1, 2, 3, 250>>, 50000), 0)),
    p(nibbles, nibbles(<<16#123456789abcde:56>>)),
    p(json, number(<<"-12.5e3,">>)).
words(<<C, R/binary>>, W, A) when C =:= $\s; C =:= $\n -> words(R, <<>>, case W of <<>> -> A; _ -> [W | A] end);
words(<<C, R/binary>>, W, A) -> words(R, <<W/binary, C>>, A);
words(<<>>, _, A) -> lists:reverse(A).
tlv(<<T, L, V:L/binary, R/binary>>) -> [{T, V} | tlv(R)];
tlv(R) -> [{rest, R}].
sum(<<X:32/little-signed, R/binary>>, S) -> sum(R, S + X);
sum(<<>>, S) -> S.
nibbles(<<X:4, R/bits>>) -> [X | nibbles(R)];
nibbles(<<>>) -> [].
number(B) -> number(B, 0).
number(B, N) ->
    case B of
        <<H:N/binary, C, R/binary>> when C =:= $, -> {binary_to_float(H), R};
        <<_:N/binary, _, _/binary>> -> number(B, N + 1)
    end.

comprehensions() ->
    B = id(list_to_binary(seq(100))),
    p(bin_list, [X || <<X:5, _:3>> <= B, X > 3]),
    p(bin_bin, << <<(X bxor 255):7>> || <<X>> <= B >>),
    p(list_bin, << <<X:13/little>> || X <- seq(50) >>),
    p(pairs, [{X, Y} || <<X:3, Y:9>> <= B, <<_:200>> <= B, Y > 300]),
    p(utf, [X || <<X/utf8>> <= <<"p\x{3c0}\x{1f600}"/utf8, 255, 1>>]),
    p(big, erlang:md5(<< <<X:32, (X * X):40/little>> || X <- seq(20000) >>)),
    p(filter, << <<X/bits>> || X <- [<<1:3>>, <<>>, <<255>>, <<2:9>>] >>).

guards() ->
    F = fun(X) when byte_size(X) =:= 2 -> two;
           (X) when bit_size(X) > 20 -> long;
           (X) when is_binary(X) -> bin;
           (X) when is_bitstring(X) -> bits;
           (_) -> other
        end,
    p(guards, [F(X) || X <- [<<1, 2>>, <<1:9>>, <<1>>, <<1:3>>, <<0:24>>, a, <<>>]]),
    G = fun(X, S) when binary_part(X, 0, S) =:= <<"ab">> -> yes; (_, _) -> no end,
    p(part, [G(X, S) || X <- [<<"abc">>, <<"a">>, a], S <- [2, 3, -1, a]]),
    H = fun(<<N, X:N/binary, _/binary>>) when X =/= <<>> -> {some, X}; (<<0, R/bits>>) -> R; (R) -> {none, R} end,
    p(head, [H(X) || X <- [<<2, "ab", 1>>, <<0, 1:3>>, <<9, 1>>, <<>>, a]]).

%% Match contexts that live across calls and collections.
contexts() ->
    B = id(binary:copy(<<1, 2, 3, 4, 5, 6, 7, 8>>, 2000)),
    <<_:3, C/bits>> = B,
    p(walk, [walk(X, 0, []) || X <- [B, C, <<1, 2, 3>>]]),
    p(back, [case X of <<1, 2, R/binary>> -> {a, R}; <<1, R/binary>> -> {b, R}; <<R/bits>> -> {c, R} end ||
                X <- [<<1, 2, 3>>, <<1, 3>>, <<2>>, <<1:4>>]]).
walk(<<X:7, R/bits>>, N, L) when N rem 1000 =:= 0 ->
    erlang:garbage_collect(),
    walk(R, N + 1, [X, lists:seq(1, 3) | L]);
walk(<<X:7, R/bits>>, N, L) -> walk(R, N + 1, case X of 64 -> [N | lists:sublist(L, 20)]; _ -> L end);
walk(R, N, L) -> {N, R, L}.
