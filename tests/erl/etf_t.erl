%% The external term format: bytes written, bytes read, what is refused, options, and round trips
%% of pseudo-random terms. Prints what must be the same on any machine.
-module(etf_t).
-export([start/0]).

start() ->
    encode(),
    options(),
    decode(),
    compressed(),
    sizes(),
    iovec(),
    own_things(),
    random(),
    hostile(),
    deep(),
    maps_().

p(What, X) -> io:format("~s: ~0p~n", [What, X]).

try_(F) ->
    try F() catch C:R -> {C, R} end.

seed(S) -> put(seed, S).
rnd(N) ->
    S = (get(seed) * 1103515245 + 12345) band 16#7fffffff,
    put(seed, S),
    (S bsr 8) rem N.

atoms() ->
    [list_to_atom(L) || L <- ["a", "", [233], [16#20ac], [$x, 255], lists:duplicate(255, 255),
                              lists:duplicate(63, 955), lists:duplicate(127, 955),
                              lists:duplicate(128, 955), lists:duplicate(255, 16#10000)]].

terms() ->
    atoms() ++
        [0, 1, 255, 256, -1, -2147483648, 2147483647, 2147483648, -2147483649, 1 bsl 59,
         (1 bsl 59) - 1, -(1 bsl 59), -(1 bsl 59) - 1, 1 bsl 60, (1 bsl 60) - 1, -(1 bsl 60),
         -(1 bsl 60) - 1, 1 bsl 63, 1 bsl 64, (1 bsl 64) - 1, -(1 bsl 64), 1 bsl 2039, 1 bsl 2040,
         -(1 bsl 5000),
         0.0, -0.0, 1.5, 1.0e308, 5.0e-324, -1.0e-10,
         [], "abc", [1, 256], [1 | 2], [a | "abc"], [97, 98 | c], [[]], [[], [1], "x"],
         lists:duplicate(65535, 7), lists:duplicate(65536, 7), lists:seq(1, 300), [-1],
         {}, {a}, {1, {2, {3}}}, list_to_tuple(lists:seq(1, 255)), list_to_tuple(lists:seq(1, 256)),
         #{}, #{a => 1}, #{b => 1, a => 2, 1 => 3, 1.0 => x}, #{#{} => #{#{} => #{}}},
         maps:from_list([{I, I} || I <- lists:seq(1, 32)]),
         <<>>, <<1, 2>>, <<0:1>>, <<7:9>>, <<255:7>>, binary:copy(<<"ab">>, 32),
         binary:copy(<<"ab">>, 33), <<0:4001>>, part(<<1, 2, 3, 4, 5, 6>>, 11, 17),
         part(binary:copy(<<85>>, 500), 3, 3000), part(binary:copy(<<85>>, 500), 8, 3000),
         fun lists:map/2, fun nope:nope/255].

part(B, Skip, N) ->
    <<_:Skip, P:N/bitstring, _/bitstring>> = B,
    P.

show(B) when byte_size(B) =< 100 -> B;
show(B) -> {byte_size(B), erlang:md5(B)}.

encode() ->
    [begin
         B = term_to_binary(T),
         p("encode", {show(B), binary_to_term(B) =:= T, binary_to_term(B, [safe]) =:= T
                      orelse is_function(T)})
     end || T <- terms(), T =/= fun nope:nope/255],
    p("external fun", {term_to_binary(fun nope:nope/255),
                       binary_to_term(term_to_binary(fun nope:nope/255))}).

options() ->
    T = {a, list_to_atom([16#20ac]), list_to_atom([233]), 1.5, <<1:3>>, -0.0},
    [p("options", {O, try_(fun() -> term_to_binary(T, O) end)})
     || O <- [[], [local], [deterministic], [{minor_version, 0}], [{minor_version, 1}],
              [{minor_version, 2}], [{minor_version, 3}], [{minor_version, a}],
              [{minor_version, -1}], [compressed], [{compressed, 0}], [{compressed, 3}],
              [{compressed, 10}], [{compressed, -1}], [{compressed, 1 bsl 80}], foo, [foo],
              [deterministic | x], [{minor_version, 0}, {minor_version, 1}],
              [compressed, {minor_version, 2}, deterministic]]],
    [p("float text", {F, term_to_binary(F, [{minor_version, 0}]),
                      binary_to_term(term_to_binary(F, [{minor_version, 0}])) =:= F})
     || F <- [0.0, -0.0, 0.1, 1.0e22, 1.0e23, 5.0e-324, 1.7976931348623157e308,
              2.2250738585072014e-308, 123456.789, -1.0e-100, 1.0e100, 0.3, 2.5, 1.0e15 / 3]],
    seed(7),
    p("float text", erlang:md5([begin
                                    <<F/float>> = <<0:1, (rnd(2046)):11, (rnd(1 bsl 23)):26,
                                                    (rnd(1 bsl 23)):26>>,
                                    term_to_binary(F, [{minor_version, 0}])
                                end || _ <- lists:seq(1, 2000)])).

decode() ->
    [p("decode", {B, try_(fun() -> binary_to_term(B, [used]) end)})
     || B <- [<<131, 97, 1, 0>>, <<>>, <<131>>, <<130, 97, 1>>, <<131, 97>>, <<131, 100, 0, 1, 97>>,
              <<131, 115, 1, 97>>, <<131, 115, 0>>, <<131, 118, 0, 2, 195, 169>>, <<131, 119, 0>>,
              <<131, 119, 1, 195>>, <<131, 119, 2, 192, 128>>, <<131, 119, 3, 16#ed, 16#a0, 16#80>>,
              <<131, 110, 0, 0>>, <<131, 110, 0, 1>>, <<131, 110, 1, 0, 5>>, <<131, 110, 1, 1, 5>>,
              <<131, 110, 1, 2, 5>>, <<131, 110, 3, 0, 5, 0, 0>>, <<131, 110, 2, 1, 0, 0>>,
              <<131, 111, 0, 0, 0, 1, 0, 5>>, <<131, 110, 8, 0, 0, 0, 0, 0, 0, 0, 0, 8>>,
              <<131, 110, 8, 1, 1, 0, 0, 0, 0, 0, 0, 8>>, <<131, 104, 0>>, <<131, 105, 0, 0, 0, 0>>,
              <<131, 107, 0, 0>>, <<131, 107, 0, 2, 1, 2>>, <<131, 108, 0, 0, 0, 0, 106>>,
              <<131, 108, 0, 0, 0, 0, 97, 1>>, <<131, 108, 0, 0, 0, 1, 97, 1, 97, 2>>,
              <<131, 108, 0, 0, 0, 1, 97, 1, 107, 0, 1, 2>>,
              <<131, 77, 0, 0, 0, 0, 0>>, <<131, 77, 0, 0, 0, 0, 1>>, <<131, 77, 0, 0, 0, 1, 0, 255>>,
              <<131, 77, 0, 0, 0, 1, 8, 255>>, <<131, 77, 0, 0, 0, 1, 3, 255>>,
              <<131, 77, 0, 0, 0, 1, 9, 255>>, <<131, 116, 0, 0, 0, 0>>,
              <<131, 116, 0, 0, 0, 2, 97, 1, 97, 1, 97, 1, 97, 2>>,
              <<131, 116, 0, 0, 0, 2, 97, 2, 97, 1, 97, 1, 97, 2>>,
              <<131, 116, 0, 0, 0, 2, 97, 1, 97, 1, 70, 63, 240, 0, 0, 0, 0, 0, 0, 97, 2>>,
              <<131, 70, 0:64>>, <<131, 70, 128, 0:56>>, <<131, 70, 127, 240, 0:48>>,
              <<131, 70, 127, 248, 0:48>>, <<131, 113, 100, 0, 1, 97, 100, 0, 1, 98, 97, 3>>,
              <<131, 113, 100, 0, 1, 97, 100, 0, 1, 98, 98, 0, 0, 0, 3>>,
              <<131, 113, 97, 1, 100, 0, 1, 98, 97, 2>>, <<131, 117, 0, 0, 0, 0, 88>>,
              <<131, 82, 0>>, <<131, 131, 97, 1>>, <<131, 98, 1, 2, 3>>, <<131, 109, 0, 0, 0, 5, 1, 2>>,
              <<131, 112, 0, 0, 0, 0>>, <<131, 121, 0, 0, 0, 0, 97, 1>>, <<131, 0>>, <<131, 255>>]],
    [p("float", {S, try_(fun() -> binary_to_term(<<131, 99, S/binary, 0:((31 - byte_size(S)) * 8)>>)
                         end)})
     || S <- [<<"1.50000000000000000000e+00">>, <<"-1.5e0">>, <<"1.5">>, <<"1.5x">>, <<" 1.5">>,
              <<"1">>, <<"1.5e999">>, <<"+1.5e9">>, <<"1.5E9">>, <<"1,5E9">>, <<"1e5">>, <<".5">>,
              <<"1.">>, <<"1.5e-999">>, <<"0x1.8">>,
              <<"1.5e">>, <<"">>, <<"-">>, <<"nan">>, <<"inf">>]],
    [p("b2t", {O, try_(fun() -> binary_to_term(<<131, 97, 1, 9>>, O) end)})
     || O <- [[], [safe], [used], [safe, used], [foo], foo, [used | foo]]],
    p("safe", try_(fun() -> binary_to_term(<<131, 100, 0, 8, "zzqqxxyy">>, [safe]) end)),
    p("safe", try_(fun() -> binary_to_term(<<131, 113, 100, 0, 5, "lists", 100, 0, 4, "nope", 97, 3>>,
                                           [safe]) end)),
    p("safe", try_(fun() -> binary_to_term(<<131, 113, 100, 0, 5, "lists", 100, 0, 3, "map", 97, 2>>,
                                           [safe]) end)),
    p("bits", [try_(fun() -> binary_to_term(B) end)
               || B <- [<<131, 97, 1:7>>, foo, part(<<0:3, 131, 97, 1, 0:5>>, 3, 24)]]).

compressed() ->
    L = lists:duplicate(200, a),
    [p("level", {O, show(term_to_binary(L, O)), binary_to_term(term_to_binary(L, O)) =:= L})
     || O <- [[], [compressed], [{compressed, 0}], [{compressed, 1}], [{compressed, 6}],
              [{compressed, 9}]]],
    [p("short", {N, term_to_binary(lists:duplicate(N, 1), [compressed])}) || N <- [1, 5, 13, 14, 15, 20]],
    Big = binary:copy(<<"Lorem ipsum ">>, 100000),
    p("large", {byte_size(term_to_binary({Big, Big}, [compressed])),
                binary_to_term(term_to_binary({Big, Big}, [compressed])) =:= {Big, Big}}),
    C = zlib_of(<<97, 5>>), C2 = zlib_of(<<97, 5, 6>>),
    [p("compressed", {B, try_(fun() -> binary_to_term(B, [used]) end)})
     || B <- [<<131, 80, 2:32, C/binary>>, <<131, 80, 3:32, C/binary>>, <<131, 80, 1:32, C/binary>>,
              <<131, 80, 2:32, C/binary, 1, 2, 3>>, <<131, 80, 3:32, C2/binary>>,
              <<131, 80, 2:32, C2/binary>>, <<131, 80, 0:32, C2/binary>>,
              <<131, 80, 2:32, (binary:part(C, 0, byte_size(C) - 1))/binary>>,
              <<131, 80, 16#ffffffff:32, C/binary>>, <<131, 80>>, <<131, 80, 0, 0, 0, 1>>]].

%% zlib data of these bytes in one stored block.
zlib_of(B) ->
    N = byte_size(B),
    <<16#78, 1, 1, N:16/little, (bnot N):16/little, B/binary, (erlang:adler32(B)):32>>.

sizes() ->
    p("external_size", [erlang:external_size(T) =:= byte_size(term_to_binary(T))
                        || T <- terms()]),
    p("external_size", [try_(fun() -> erlang:external_size(1.5, O) end)
                        || O <- [[], [{minor_version, 0}], [{minor_version, 1}], [{minor_version, 2}],
                                 [compressed], foo, [foo | bar]]]),
    %% One that takes long begins again elsewhere, with the same options.
    Large = lists:duplicate(100000, 1.5),
    p("external_size", [erlang:external_size(Large, O)
                        || O <- [[], [{minor_version, 0}], [{minor_version, 1}]]]).

iovec() ->
    [begin
         V = term_to_iovec(T),
         p("iovec", {[byte_size(B) || B <- V], iolist_to_binary(V) =:= term_to_binary(T)})
     end || T <- [a, {a, b}, {a, binary:copy(<<1>>, 64)}, {a, binary:copy(<<1>>, 100), b},
                  {binary:copy(<<1>>, 1000), binary:copy(<<1>>, 100000), <<1:70001>>}]],
    p("iovec", [try_(fun() -> term_to_iovec(a, O) end) || O <- [[], [foo], [{minor_version, 2}]]]),
    L = lists:duplicate(1000, a),
    p("iovec", iolist_to_binary(term_to_iovec(L, [compressed])) =:= term_to_binary(L, [compressed])).

%% Pids, references and funs differ from run to run, but what is written must be read.
own_things() ->
    X = make_ref(), S = self(),
    F = fun(Y) -> {X, Y} end, G = fun() -> F end,
    T = {S, X, F, G, [S | X], #{X => S}, node()},
    T1 = binary_to_term(term_to_binary(T)),
    p("own", {T1 =:= T, (element(3, T1))(1) =:= {X, 1}, byte_size(term_to_binary(S)),
              byte_size(term_to_binary(X))}),
    self() ! {element(2, T1), hello},
    p("send", receive {X, M} -> M after 60000 -> timeout end),
    binary_to_term(term_to_binary(S)) ! hi,
    p("send", receive hi -> got after 60000 -> timeout end),
    Ext = [<<131, 103, 100, 0, 1, 97, 0, 0, 0, 1, 0, 0, 0, 0, 1>>,
           <<131, 88, 100, 0, 3, "a@b", 255:32, 16#ffffff00:32, 5:32>>,
           <<131, 102, 100, 0, 3, "a@b", 1:32, 1>>, <<131, 89, 100, 0, 3, "a@b", 16#ff000001:32, 1:32>>,
           <<131, 120, 100, 0, 3, "a@b", 16#ffffffffff000001:64, 1:32>>,
           <<131, 101, 100, 0, 3, "a@b", 1:32, 1>>, <<131, 114, 0, 1, 100, 0, 3, "a@b", 1, 1:32>>,
           <<131, 114, 0, 3, 100, 0, 3, "a@b", 1, 1:32, 2:32, 3:32>>,
           <<131, 90, 0, 5, 100, 0, 3, "a@b", 9:32, 1:32, 2:32, 3:32, 4:32, 5:32>>,
           <<131, 90, 0, 6, 100, 0, 3, "a@b", 9:32, 0:192>>,
           <<131, 90, 0, 3, 119, 13, "nonode@nohost", 7:32, 1:32, 2:32, 3:32>>,
           <<131, 88, 119, 13, "nonode@nohost", 1:32, 0:32, 7:32>>,
           <<131, 88, 97, 1, 1:32, 0:32, 7:32>>,
           <<131, 90, 0, 4, 119, 13, "nonode@nohost", 0:32, 1:32, 2:32, 3:32, 4:32>>,
           <<131, 90, 0, 3, 119, 13, "nonode@nohost", 0:32, 16#ff0001:32, 2:32, 3:32>>],
    [p("foreign", try_(fun() -> Y = binary_to_term(B), {term_to_binary(Y), node(Y), kind(Y)} end))
     || B <- Ext].

kind(X) when is_pid(X) -> pid;
kind(X) when is_port(X) -> port;
kind(X) when is_reference(X) -> reference.

random() ->
    seed(99),
    L = [rnd_term(6) || _ <- lists:seq(1, 1500)],
    p("random", {erlang:phash2(L), erlang:md5([term_to_binary(T) || T <- L]),
                 erlang:md5([term_to_binary(T, [{minor_version, 2}]) || T <- L]),
                 length([T || T <- L, binary_to_term(term_to_binary(T)) =/= T]),
                 length([T || T <- L, binary_to_term(term_to_binary(T, [compressed])) =/= T])}),
    B = term_to_binary(L),
    p("random", {byte_size(B), erlang:md5(B), erlang:md5(term_to_binary(L, [compressed])),
                 binary_to_term(B) =:= L}).

rnd_term(D) ->
    case rnd(case D of 0 -> 8; _ -> 14 end) of
        0 -> rnd(300) - 20;
        1 -> (rnd(1 bsl 23) bsl rnd(60)) - (1 bsl 50);
        2 -> (rnd(1 bsl 23) - (1 bsl 22)) bsl rnd(300);
        3 -> lists:nth(1 + rnd(5), [a, b, 'foo bar', true, 'A']);
        4 -> (rnd(1 bsl 23) - (1 bsl 22)) / (1 + rnd(1000));
        5 -> <<(rnd(1 bsl 20)):(rnd(900))>>;
        6 -> [];
        7 -> binary:copy(<<(rnd(256))>>, rnd(150));
        8 -> list_to_tuple([rnd_term(D - 1) || _ <- lists:seq(1, 1 + rnd(5))]);
        9 -> [rnd_term(D - 1) || _ <- lists:seq(1, 1 + rnd(5))];
        10 -> [rnd_term(D - 1) | rnd_term(D - 1)];
        11 -> [rnd(256) || _ <- lists:seq(1, 1 + rnd(50))];
        _ -> maps:from_list([{rnd_term(D - 1), rnd_term(D - 1)} || _ <- lists:seq(1, 1 + rnd(6))])
    end.

%% Every truncation of a good term is refused; changed bytes give a term or badarg, nothing else.
hostile() ->
    seed(5),
    T = {a, [1, 2.5, "abc", <<1:3>>], #{x => {}, 1 bsl 90 => <<"bin">>}, fun lists:map/2,
         lists:duplicate(20, -1)},
    B = term_to_binary(T),
    p("truncated", lists:usort([try_(fun() -> binary_to_term(binary:part(B, 0, N)) end)
                                || N <- lists:seq(0, byte_size(B) - 1)])),
    p("changed", lists:usort([case try_(fun() -> binary_to_term(change(B, 1 + rnd(3)), [safe]) end) of
                                  {error, badarg} -> badarg;
                                  {error, R} -> R;
                                  {exit, R} -> R;
                                  _ -> ok
                              end || _ <- lists:seq(1, 5000)])),
    p("promises", [try_(fun() -> binary_to_term(X) end)
                   || X <- [<<131, 108, 16#ffffffff:32, 97, 1, 106>>, <<131, 105, 16#ffffffff:32>>,
                            <<131, 116, 16#ffffffff:32, 97, 1>>, <<131, 109, 16#ffffffff:32>>,
                            <<131, 111, 16#ffffffff:32, 0, 1>>, <<131, 107, 16#ffff:16, 1>>]]).

change(B, 0) -> B;
change(B, N) ->
    At = 1 + rnd(byte_size(B) - 1),
    <<A:At/binary, _, C/binary>> = B,
    change(<<A/binary, (rnd(256)), C/binary>>, N - 1).

deep() ->
    N = 300000,
    L = lists:foldl(fun(_, A) -> [A] end, [], lists:seq(1, N)),
    T = lists:foldl(fun(_, A) -> {A} end, {}, lists:seq(1, N)),
    M = lists:foldl(fun(I, A) -> #{I => A} end, #{}, lists:seq(1, N)),
    [p("deep", {byte_size(term_to_binary(X)), erlang:md5(term_to_binary(X)),
                binary_to_term(term_to_binary(X)) =:= X}) || X <- [L, T, M]].

maps_() ->
    BM = maps:from_list([{I, I} || I <- lists:seq(1, 40)]),
    BM2 = maps:from_list([{if I rem 2 =:= 0 -> I * 1.0; true -> I end, I} || I <- lists:seq(1, 60)]),
    BM3 = maps:from_list([{list_to_atom("a" ++ integer_to_list(I)), {I, BM}} || I <- lists:seq(1, 99)]),
    [p("map", {byte_size(term_to_binary(M)), binary_to_term(term_to_binary(M)) =:= M,
               show(term_to_binary(M, [deterministic])),
               binary_to_term(term_to_binary(M, [deterministic])) =:= M}) || M <- [BM, BM2, BM3]],
    <<131, 116, 40:32, P/binary>> = term_to_binary(BM, [deterministic]),
    <<K1:4/binary, Rest/binary>> = P,
    p("map", [try_(fun() -> binary_to_term(<<131, 116, 40:32, Rest/binary, K1/binary>>) =:= BM end),
              try_(fun() -> binary_to_term(<<131, 116, 41:32, P/binary, K1/binary>>) end)]).
