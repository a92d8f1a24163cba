%% binary_t: module binary, conversions between lists and binaries, iodata, unicode, digests.
%% Fixed cases with their errors, and pseudo-random ones from a generator of its own.
-module(binary_t).
-export([start/0]).

start() ->
    put(seed, 12345),
    fixed(), search(), parts(), iodata(), chars(), names(), digests(), sharing(),
    io:format("done~n").

%% ---- tools
r(N) ->
    S = (get(seed) * 6364136223846793005 + 1442695040888963407) band ((1 bsl 64) - 1),
    put(seed, S),
    (S bsr 33) rem N.
pick(L) -> lists:nth(r(length(L)) + 1, L).
seq(N) -> lists:seq(1, N).
p(Tag, X) -> io:format("~w: ~w~n", [Tag, X]).

%% Calls M:F with each list of arguments; errors with their information.
each(M, F, Args) -> [io:format("~w:~w~w: ~w~n", [M, F, A, call(M, F, A)]) || A <- Args].
call(M, F, A) ->
    try apply(M, F, A)
    catch
        C:R:Stack ->
            [{M2, F2, _, Info} | _] = Stack,
            {'EXIT', C, R, M2, F2, proplists:get_value(error_info, Info)}
    end.

rb(N) -> list_to_binary([r(256) || _ <- seq(N)]).
rb() -> rb(pick([0, 1, 2, 3, 8, 20, 63, 64, 65, 200])).
%% A bit string that may be part of another one at any offset.
bits() ->
    N = r(80), O = r(20),
    <<_:O, B:N/bits, _/bits>> = rb(13),
    B.
word(N, Alphabet) -> list_to_binary([pick(Alphabet) || _ <- seq(N)]).

%% ---- cases
fixed() ->
    Big = binary:copy(<<"x">>, 100),
    Odd = [a, 1, <<>>, <<1:3>>, <<1, 2, 3>>, <<1, 2:3>>, Big],
    [each(M, F, [[X] || X <- Odd]) ||
        {M, F} <- [{erlang, byte_size}, {erlang, bit_size}, {erlang, binary_to_list},
                   {erlang, bitstring_to_list}, {erlang, list_to_binary},
                   {erlang, list_to_bitstring}, {erlang, iolist_to_binary},
                   {erlang, iolist_size}, {erlang, iolist_to_iovec}, {binary, first},
                   {binary, last}, {binary, copy}, {binary, decode_unsigned},
                   {binary, encode_unsigned}, {binary, list_to_bin}, {binary, bin_to_list},
                   {binary, longest_common_prefix}, {unicode, bin_is_7bit}]],
    each(erlang, split_binary, [[<<1, 2, 3>>, N] || N <- [0, 1, 3, 4, -1, a, 1 bsl 70]]),
    each(erlang, split_binary, [[<<1:9>>, N] || N <- [0, 1, 2]] ++ [[a, 1]]),
    Ranges = [{0, 0}, {0, 3}, {3, 0}, {3, -3}, {3, -4}, {1, 3}, {4, 0}, {4, -1}, {-1, 1},
              {1, 1 bsl 70}, {1 bsl 70, 1}, {a, 1}],
    each(erlang, binary_part, [[<<1, 2, 3>>, X] || X <- [a, {1}, {1, 1, 1} | Ranges]]),
    each(binary, part, [[<<1, 2, 3>>, X] || X <- [a, {1} | Ranges]]),
    each(erlang, binary_part, [[<<1, 2, 3>>, A, B] || {A, B} <- Ranges]),
    each(binary, bin_to_list, [[<<1, 2, 3>>, A, B] || {A, B} <- Ranges]),
    each(erlang, binary_to_list,
         [[<<1, 2, 3>>, A, B] || A <- [0, 1, 2, 3, 4, a], B <- [0, 1, 2, 3, 4, a]]),
    each(binary, at, [[<<1, 2, 3>>, X] || X <- [0, 2, 3, -1, a, 1 bsl 70]] ++ [[<<1:9>>, 0]]),
    each(binary, copy, [[<<1, 2>>, X] || X <- [0, 1, 5, -1, a, 1 bsl 70]] ++ [[<<1:9>>, 0]]),
    each(binary, decode_unsigned, [[<<1, 2, 3>>, X] || X <- [big, little, a]]),
    each(binary, encode_unsigned, [[X, E] || E <- [big, little, a],
                                             X <- [0, 255, 256, (1 bsl 60) - 1, 1 bsl 60, 1 bsl 64, -1]]),
    [begin
         B = rb(),
         N = binary:decode_unsigned(B),
         M = binary:decode_unsigned(B, little),
         p(unsigned, {N, M, binary:encode_unsigned(N), binary:encode_unsigned(M, little)})
     end || _ <- seq(50)],
    each(binary, longest_common_suffix,
         [[X] || X <- [[], [<<>>], [<<1, 2>>, <<3, 2>>], [<<1:3>>], [<<1>> | a], [<<1>>, a]]]),
    [begin
         L = [begin X = word(r(6), "ab"), <<"aba", X/binary, "ab">> end || _ <- seq(r(4) + 1)],
         p(common, {binary:longest_common_prefix(L), binary:longest_common_suffix(L)})
     end || _ <- seq(50)].

search() ->
    Pats = [a, <<>>, [], [<<>>], <<1:3>>, [<<"a">> | b], {bm, a}, {ac, b}, {bm, make_ref()},
            [<<"a">>, <<1:3>>], [<<"a">>, <<>>], <<"b">>, [<<"b">>, <<"ab">>]],
    [io:format("~w ~w: ~w~n", [F, N, call(binary, F, [S, lists:nth(N, Pats)])]) ||
        F <- [match, matches, split], S <- [a, <<1:9>>, <<>>, <<"abab">>], N <- seq(length(Pats))],
    Opts = [a, [], [foo], [{scope, a}], [{scope, {1}}], [{scope, {0, 100}}], [{scope, {-1, 1}}],
            [{scope, {2, 2}}], [{scope, {4, -2}}], [trim], [global, trim], [trim_all, global],
            [{scope, {1, 1 bsl 70}}], [{scope, {2, -3}}], [{scope, {0, 0}}], [global | x]],
    [each(binary, F, [[<<",b,c,,">>, <<",">>, O] || O <- Opts]) || F <- [match, matches, split]],
    [p(compiled, element(1, binary:compile_pattern(X))) ||
        X <- [<<"a">>, <<"ab">>, [<<"a">>], [<<"a">>, <<"b">>]]],
    each(binary, compile_pattern, [[X] || X <- [<<>>, a, [], [<<>>], [<<"a">> | b], <<1:3>>]]),
    [begin
         A = pick(["ab", "abc", "abcdef", [0, 255]]),
         S = word(pick([0, 1, 5, 20, 100]), A),
         N = byte_size(S),
         P = case r(2) of
                 0 -> word(r(4) + 1, A);
                 1 -> [word(r(5) + 1, A) || _ <- seq(r(6) + 1)]
             end,
         C = binary:compile_pattern(P),
         From = r(N + 1),
         Scope = {scope, {From, r(N - From + 1)}},
         M = binary:matches(S, P),
         M = binary:matches(S, C),
         p(search, {S, P, binary:match(S, P), binary:match(S, C, [Scope]), M,
                    binary:matches(S, C, [Scope])}),
         p(split, {binary:split(S, C), binary:split(S, P, [global]),
                   binary:split(S, P, [global, trim]), binary:split(S, C, [trim_all, global]),
                   binary:split(S, P, [trim, Scope]), binary:split(S, P, [global, Scope]),
                   binary:replace(S, P, <<"--">>, [global])})
     end || _ <- seq(300)],
    %% Patterns that almost match everywhere.
    A = binary:copy(<<"a">>, 20000),
    P30 = binary:copy(<<"a">>, 30),
    B = <<A/binary, "b", A/binary>>,
    [p(almost, {binary:match(X, Y), length(binary:matches(X, Y)),
                length(binary:matches(X, [Y, <<"aab">>]))}) ||
        X <- [A, B], Y <- [P30, <<P30/binary, "b">>, <<"b", P30/binary>>,
                           <<P30/binary, "b", P30/binary>>, <<P30/binary, "c">>]].

parts() ->
    [begin
         B = bits(), N = byte_size(B),
         each(erlang, binary_to_list, [[B]]), each(erlang, bitstring_to_list, [[B]]),
         each(erlang, split_binary, [[B, r(N + 2)]]),
         each(erlang, binary_part, [[B, r(N + 2), r(2 * N + 1) - N]]),
         each(binary, at, [[B, r(N + 1)]]), each(binary, last, [[B]]),
         each(binary, decode_unsigned, [[B, little]]),
         p(compare, [{B < C, B == C, B =:= <<C/bits>>} || C <- [bits(), B]])
     end || _ <- seq(60)].

iol(D) ->
    case r(8) of
        0 when D > 0 -> [iol(D - 1) | case r(3) of 0 -> rb(r(5)); _ -> iol(D - 1) end];
        1 when D > 0 -> iol(D - 1);
        2 -> [];
        3 -> [r(256) | tail(D)];
        4 -> [rb(r(10)) | tail(D)];
        5 -> [rb() | tail(D)];
        6 -> pick([[r(256)], "abc", []]);
        _ -> [r(256), r(256) | tail(D)]
    end.
tail(D) when D =< 0 -> [];
tail(D) -> case r(6) of 0 -> []; 1 -> rb(r(6)); _ -> iol(D - 1) end.
bitl(D) ->
    case r(6) of
        0 when D > 0 -> [bitl(D - 1) | bitl(D - 1)];
        1 -> [bits() | bitl(D - 1)];
        2 -> [r(256) | bitl(D - 1)];
        3 -> [];
        _ -> [r(256) | case r(5) of 0 -> bits(); _ -> [] end]
    end.

iodata() ->
    Bad = [[a], [-1], [256], [1 | 2], [1 bsl 70], [1.0], [<<1:3>>], [[[[[a]]]]], [<<1:4>>, <<2:4>>],
           [<<1>> | <<1:3>>]],
    [each(erlang, F, [[X] || X <- Bad]) ||
        F <- [list_to_binary, list_to_bitstring, iolist_to_binary, iolist_size, iolist_to_iovec,
              md5, crc32]],
    [begin
         I = iol(6),
         B = iolist_to_binary(I),
         p(iodata, {B, iolist_size(I), B =:= list_to_binary(I), B =:= list_to_bitstring(I),
                    B =:= iolist_to_binary(erlang:iolist_to_iovec(I))})
     end || _ <- seq(100)],
    [p(bits, call(erlang, list_to_bitstring, [bitl(6)])) || _ <- seq(100)],
    Deep = lists:foldl(fun(X, A) -> [A, X] end, [], lists:duplicate(100000, $x)),
    p(deep, {iolist_size(Deep), byte_size(iolist_to_binary(Deep)), erlang:md5(Deep)}),
    p(wide, erlang:md5(lists:duplicate(200000, <<"ab">>))).

%% ---- unicode
char(Q) ->
    case r(Q) of
        0 -> pick([16#d800, 16#110000, -1, 1 bsl 70]);
        _ -> pick([65, $z, 200, 255, 256, 960, 16#7ff, 16#800, 16#ffff, 16#10000, 16#10ffff])
    end.
text() ->
    unicode:characters_to_binary([pick([65, 200, 960, 16#20ac, 16#1f600]) || _ <- seq(r(5) + 1)]).
chunk(Q) ->
    B = text(), N = byte_size(B), K = r(N + 1),
    case r(Q) of
        0 -> binary:part(B, 0, K);
        1 -> binary:part(B, K, N - K);
        2 -> <<B/binary, (r(256))>>;
        _ -> B
    end.
chars(D, Q) when D > 0 ->
    case r(9) of
        0 -> [chars(D - 1, Q) | chars_tail(D - 1, Q)];
        1 -> [chunk(Q) | chars_tail(D - 1, Q)];
        2 -> [];
        3 -> [char(2 * Q) | chars_tail(D - 1, Q)];
        4 -> [chunk(Q), chunk(Q) | chars_tail(D - 1, Q)];
        5 -> [chars(D - 1, Q)];
        6 -> [case r(Q) of 0 -> pick([a, <<1:3>>, 1.0]); _ -> 65 end | chars_tail(D - 1, Q)];
        _ -> [char(2 * Q), char(2 * Q) | chars_tail(D - 1, Q)]
    end;
chars(_, _) -> [].
chars_tail(D, Q) ->
    case r(7) of
        0 -> [];
        1 -> chunk(Q);
        2 -> case r(20) of 0 -> 1; _ -> [] end;
        _ -> chars(D, Q)
    end.
pieces(<<>>) -> [];
pieces(B) ->
    N = min(r(4), byte_size(B)),
    <<X:N/binary, R/binary>> = B,
    case r(3) of
        0 -> [[X], pieces(R)];
        _ -> [X | pieces(R)]
    end.

chars() ->
    Encodings = [utf8, latin1, unicode, utf16, {utf16, little}, utf32, {utf32, little}, foo],
    Two = [characters_to_binary, characters_to_list],
    Fixed = [a, <<1:3>>, [], "abc", <<"abc">>, [200, 960], <<200, 201>>, [1 | 2], [[a]],
             [[[1, 960], 2], [3, <<4>>] | <<5>>], [<<16#d8, 0, 16#dc, 0>>], <<0, 65, 0>>],
    [each(unicode, F, [[X, E]]) || F <- Two, E <- Encodings, X <- Fixed],
    each(unicode, characters_to_binary,
         [[X, A, B] || A <- [latin1, utf8, {utf16, big}, utf32], B <- [latin1, utf8, utf16, {utf32, little}],
                       X <- [[65, 200], <<65, 66>>, <<0, 65, 0, 66>>, [<<195>>, <<136>>], [960]]]),
    [p(U, [call(unicode, F, [U, E]) || F <- Two, E <- [utf8, latin1]]) ||
        Q <- [4, 10, 40], U <- [chars(7, Q) || _ <- seq(80)]],
    [begin
         L = pieces(text()) ++ case r(3) of 0 -> [<<(r(256))>>]; _ -> [] end,
         p(L, [call(unicode, F, [L, utf8]) || F <- Two])
     end || _ <- seq(100)],
    [p({A, B, C}, [call(unicode, characters_to_binary, [X, utf8]) ||
                      X <- [<<A>>, <<A, B>>, <<A, B, C>>, <<A, B, C, 16#80>>, [<<A>>, <<B>>, 1],
                            [<<A>>, <<B>>, <<C>>]]]) ||
        A <- [16#80, 16#c0, 16#c1, 16#c2, 16#e0, 16#ed, 16#ef, 16#f0, 16#f4, 16#f5, 16#f8],
        B <- [16#20, 16#80, 16#90, 16#bf], C <- [16#20, 16#80]],
    p(nfc, unicode:characters_to_nfc_list(<<97, 204, 136>>)),
    p(long, erlang:md5(unicode:characters_to_binary(lists:duplicate(100000, 960)))).

names() ->
    [p({name, X}, try prim_file:internal_name2native(X) catch _:E -> E end) ||
        X <- ["abc", <<"abc">>, [960, "x", [[200]]], [], <<>>, [0], [$a | $b], [a], a, [55296],
              <<0>>, [<<"a">>], <<255>>, [16#10ffff], [16#110000]]],
    [p({native, X}, try prim_file:internal_native2name(X) catch _:E -> E end) ||
        X <- [<<"abc">>, <<207, 128>>, <<255>>, <<>>, a, "abc"]],
    p(translatable, [prim_file:is_translatable(X) || X <- [<<"a">>, <<255>>, <<207, 128>>]]).

digests() ->
    [p(md5, erlang:md5(binary:copy(<<"q">>, N))) || N <- [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 1000]],
    C = lists:foldl(fun erlang:md5_update/2, erlang:md5_init(), []),
    p(steps, erlang:md5_final(lists:foldl(fun(X, A) -> erlang:md5_update(A, X) end, C,
                                          [rb(N) || N <- seq(70)]))),
    [begin
         A = rb(), B = rb(),
         [CA, CB] = [erlang:crc32(X) || X <- [A, B]],
         [AA, AB] = [erlang:adler32(X) || X <- [A, B]],
         p(sums, {CA, erlang:crc32(CA, B), erlang:crc32_combine(CA, CB, byte_size(B)),
                  AA, erlang:adler32(AA, [B]), erlang:adler32_combine(AA, AB, byte_size(B))})
     end || _ <- seq(50)],
    Bad = [-1, a, 1 bsl 32],
    [each(erlang, F, [[X, <<"a">>] || X <- Bad] ++ [[0, a], [0, <<1:3>>]]) || F <- [crc32, adler32, md5_update]],
    [each(erlang, F, [[X, 1, 1] || X <- Bad] ++ [[1, 1, X] || X <- Bad]) ||
        F <- [crc32_combine, adler32_combine]].

%% Binaries larger than 64 bytes are shared; what is appended to one of them must not show in
%% another, nor in another process.
sharing() ->
    B = binary:copy(<<"0123456789">>, 20),
    {X, Y} = split_binary(B, 77),
    p(parts, {X, Y, <<X/binary, Y/binary>> =:= B}),
    A1 = <<B/binary, 1>>,
    A2 = <<A1/binary, 2>>,
    A3 = <<A1/binary, 3>>,
    A4 = <<A2/binary, 4:3>>,
    A5 = <<A4/bits, 5:5>>,
    A6 = <<A4/bits, 6:5>>,
    p(appends, [erlang:md5([Z]) || Z <- [A1, A2, A3, A5, A6]]),
    Self = self(),
    F = fun() -> receive {go, Z} -> Self ! {self(), <<Z/binary, "other">>} end end,
    Pid = spawn(F),
    Pid ! {go, A3},
    Mine = <<A3/binary, "mine!">>,
    receive {Pid, Theirs} -> p(processes, {erlang:md5(Mine), erlang:md5(Theirs)}) end,
    L = lists:foldl(fun(N, Acc) -> <<Acc/binary, N:16>> end, <<>>, lists:seq(1, 50000)),
    p(long, {byte_size(L), erlang:md5(L)}),
    erlang:garbage_collect(),
    p(again, erlang:md5(<<L/binary, A3/binary>>)).
