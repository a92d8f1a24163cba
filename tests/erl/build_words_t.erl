%% Bit strings built of numbers, characters and short strings: every kind and size of segment that may
%% be put together in words, what just no longer may, and what fails.
-module(build_words_t).
-export([main/1]).

main(_) ->
    [io:format("~w ~w~n", [V, numbers(V)]) || V <- values()],
    [io:format("float ~w ~w~n", [V, floats(V)]) || V <- [0.0, -0.0, 1.5, -2.25e-3, 1.0e300, 65504.0 | values()]],
    [io:format("char ~w ~w~n", [C, chars(C)]) || C <- [0, 127, 128, 16#7ff, 16#800, 16#d7ff, 16#d800, 16#dfff,
                                                     16#e000, 16#ffff, 16#10000, 16#10ffff, 16#110000 | values()]],
    [io:format("append ~w ~w~n", [A, appends(A, V)]) || A <- bits(), V <- [5, -1, 1 bsl 59, x]],
    A = list_to_binary(lists:duplicate(300, 7)),
    B = <<A/binary, 1:4>>,
    C = <<B/bits, 2:4>>,
    D = <<B/bits, 3:4, "xyz">>,
    E = <<C/binary, 4:24/little>>,
    io:format("~w~n", [[erlang:phash2(X) || X <- [A, B, C, D, E]]]),
    io:format("~w~n", [[erlang:phash2(grow(N, W, <<>>)) || N <- [10, 1000], W <- [1, 3, 8, 12, 64]]]),
    io:format("~w~n", [erlang:phash2(<< <<X/utf8>> || X <- lists:seq(0, 16#10ffff, 997), X < 16#d800 orelse X > 16#dfff >>)]),
    io:format("~w~n", [<< <<(X bxor 5):3, "a">> || <<X:5>> <= <<1, 2, 3, 4, 5>> >>]).

values() ->
    [0, 1, -1, 127, 128, -128, 255, 256, 16#123456789abcdef, -16#123456789abcdef, 1 bsl 40, 1 bsl 59, -(1 bsl 59),
     1 bsl 60, -(1 bsl 60), 1 bsl 63, 1 bsl 64, -(1 bsl 64), 1 bsl 90, x, [], {1}, <<1>>].
bits() ->
    [<<>>, <<1>>, <<1:1>>, <<5:7>>, <<1, 2, 3:2>>, list_to_binary(lists:seq(1, 63)), list_to_binary(lists:seq(1, 64)),
     list_to_binary(lists:seq(1, 200)), <<(list_to_binary(lists:seq(1, 200)))/binary, 1:1>>, x, 17].

try_all(Fs) -> [try F() catch C:R:S -> {C, R, info(S)} end || F <- Fs].
info([{_, _, _, L} | _]) -> proplists:get_value(error_info, L).

numbers(V) ->
    try_all([fun() -> <<V:0>> end, fun() -> <<V:1>> end, fun() -> <<V:7>> end, fun() -> <<V>> end, fun() -> <<V:13>> end,
             fun() -> <<V:16/little>> end, fun() -> <<V:13/little>> end, fun() -> <<V:24/little>> end,
             fun() -> <<V:63>> end, fun() -> <<V:64>> end, fun() -> <<V:64/little>> end, fun() -> <<V:65>> end,
             fun() -> <<V:3/unit:8>> end, fun() -> <<V:9/unit:8>> end, fun() -> <<V:4/native-signed-unit:8>> end,
             fun() -> <<V:3, V:64, V:5, V:40/little, V:17>> end, fun() -> <<1:1, V:64/little>> end,
             fun() -> <<V:60, V:60, V:60>> end, fun() -> <<"ab", V:16, "cdefghijklm", V:4>> end,
             fun() -> <<V:64, V:64, V:64, V:64, V:64, V:64, V:64, V:64>> end,
             fun() -> <<V:64, V:64, V:64, V:64, V:64, V:64, V:64, V:63>> end,
             fun() -> <<V:64, V:64, V:64, V:64, V:64, V:64, V:64, V:64, V:1>> end,
             fun() -> <<V:8, (bit_size(<<0:3>>)):8, V:(byte_size(<<7>>))>> end]).
floats(V) ->
    try_all([fun() -> <<V/float>> end, fun() -> <<V:32/float>> end, fun() -> <<V:16/float>> end,
             fun() -> <<V/float-little>> end, fun() -> <<V:32/float-little>> end, fun() -> <<1:3, V/float>> end,
             fun() -> <<V:16/float-little, V:32/float, V:8>> end, fun() -> <<V:24/float>> end]).
chars(C) ->
    try_all([fun() -> <<C/utf8>> end, fun() -> <<1:1, C/utf8, 2:7>> end, fun() -> <<"x", C/utf8, C/utf8>> end,
             fun() -> <<C/utf16>> end, fun() -> <<C/utf8, C/utf16-little, C/utf32>> end, fun() -> <<C/utf8, x:8>> end]).
appends(A, V) ->
    try_all([fun() -> <<A/bits, V:8>> end, fun() -> <<A/binary, V:8>> end, fun() -> <<A/bits, V:3, V:64/little>> end,
             fun() -> <<A/binary, "string", V:1>> end, fun() -> <<A/binary-unit:16, V:8>> end, fun() -> <<A/bits, V/utf8>> end,
             fun() -> <<A/binary-unit:3, 1:2>> end, fun() -> B = <<A/bits, 1:5, V:8>>, {<<B/bits, 2:5>>, <<B/bits, 3:3>>, B} end]).

grow(0, _, B) -> B;
grow(N, 1, B) -> grow(N - 1, 1, <<B/bits, N:1>>);
grow(N, 3, B) -> grow(N - 1, 3, <<B/bits, N:3>>);
grow(N, 8, B) -> grow(N - 1, 8, <<B/binary, N>>);
grow(N, 12, B) -> grow(N - 1, 12, <<B/bits, N:12/little>>);
grow(N, 64, B) -> grow(N - 1, 64, <<B/binary, N:64, (-N):64/little, 1.5/float, "z">>).
