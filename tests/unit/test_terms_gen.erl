%% Writes test_terms_data.h: terms with what stock OTP 25 makes of them (hashes, order, text).
%% Run in this folder:  erlc test_terms_gen.erl && erl -noshell -s test_terms_gen main > display.txt
%% followed by          erl -noshell -s test_terms_gen join   and remove the two by-products.
-module(test_terms_gen).
-export([main/0, join/0]).

pid(Node, Id, Serial, Creation) ->
    B = atom_to_binary(Node),
    binary_to_term(<<131, 88, 119, (byte_size(B)), B/binary, Id:32, Serial:32, Creation:32>>).
ref(Node, Words, Creation) ->
    B = atom_to_binary(Node),
    W = << <<X:32>> || X <- Words >>,
    binary_to_term(<<131, 90, (length(Words)):16, 119, (byte_size(B)), B/binary, Creation:32,
                     W/binary>>).
port(Node, N, Creation) ->
    B = atom_to_binary(Node),
    binary_to_term(<<131, 120, 119, (byte_size(B)), B/binary, N:64, Creation:32>>).

unaligned(Bin) ->
    N = bit_size(Bin),
    <<_:3, R:N/bitstring, _/bitstring>> = <<5:3, Bin/bitstring, 0:7>>,
    R.

terms() ->
    Ints = [0, 1, -1, 2, 127, 128, 255, 256, -255, 1000, 65535, 65536, 16777215, 134217727,
            134217728, -134217728, -134217729, 268435455, 16#7fffffff, 16#80000000, -16#80000000,
            16#ffffffff, 16#100000000, -16#ffffffff, -16#100000000, 1 bsl 48, (1 bsl 59) - 1,
            1 bsl 59, -(1 bsl 59), -(1 bsl 59) - 1, (1 bsl 60) - 1, 1 bsl 60, -(1 bsl 60),
            -(1 bsl 60) - 1, 1 bsl 62, 1 bsl 63, -(1 bsl 63), (1 bsl 64) - 1, 1 bsl 64,
            -(1 bsl 64), 1 bsl 70, -(1 bsl 70), (1 bsl 128) + 12345, -(1 bsl 128) - 99,
            123456789012345678901234567890, 1 bsl 500],
    Floats = [0.0, -0.0, 1.0, -1.0, 1.5, 3.14159, -2.5e-10, 1.0e22, 1.0e23, 1.7976931348623157e308,
              5.0e-324, 123456789.125, 0.1, 65536.0, 9.9999995, 9.99999949, 1.0e100, 2.5, 1.0e-5,
              1234567.5, 1234568.5],
    Atoms = ['', a, b, ab, abc, true, false, ok, 'hello world', 'A', '_a', 'a@b', 'if', 'åäö',
             'aé', 'é', 'éa', '日本語', 'ÿ', '×', 'a\nb\'c\\', '\x{10ffff}', 'ab\x{80}', 'Ā', 'aĀb',
             list_to_atom(lists:duplicate(255, $q)), 'undefined', nonode@nohost, 'a b', 'aB1_@',
             list_to_atom([0]), 'z'],
    Lists = [[], [1], [1, 2, 3], "abc", "abcd", "abcde", "abcdefgh", [a], [a, b | c], [1 | 2],
             [$a | b], [$a, $b, $c, $d | x], [256], [$a, 256], [$a, b, $c], [[]], [[], []],
             [[[[]]]], ["abc", "def"], [255, 1], [-1], [1.0], [1.0, 2], "a\"b\\c", "tab\there",
             [160, 161], [127], lists:seq(1, 100), lists:duplicate(50, a), [{a, 1}, {b, 2}],
             [[1 | 2] | 3], "\n"],
    Tuples = [{}, {a}, {1, 2}, {1, 2.0}, {{}}, {[], []}, {a, {b, {c, {d}}}}, {1, "abc", <<"x">>},
              list_to_tuple(lists:seq(1, 40)), {{{{}}}, [{}]}, {0, 0}, {0.0}, {ok, {error, x}}],
    Bins = [<<>>, <<1>>, <<"abc">>, <<"hello, world">>, <<"abcdefghijkl">>, <<"abcdefghijklm">>,
            <<255, 1>>, list_to_binary(lists:seq(1, 63)), list_to_binary(lists:seq(1, 64)),
            list_to_binary(lists:seq(1, 65)), list_to_binary(lists:seq(0, 255)), <<1:1>>, <<0:1>>,
            <<5:3>>, <<1, 2, 5:3>>, <<"abcdefghijkl", 3:7>>, <<"a\"b">>, <<"å"/utf8>>, <<0>>,
            <<0, 0>>, <<127>>, <<255:7>>, <<0:9>>],
    Maps = [#{}, #{a => 1}, #{a => 1, b => 2}, #{b => 2, a => 3}, #{1 => a, 1.0 => b},
            #{1 => b, 1.0 => a}, #{1.0 => a}, #{2 => a}, #{{1} => x}, #{{1.0} => x},
            #{"x" => #{y => [z]}}, #{#{a => b} => #{c => d}}, #{a => 1.0},
            maps:from_list([{I, I * I} || I <- lists:seq(1, 32)]), #{a => #{}, b => {}}],
    M0 = maps:from_list([{I, I * I} || I <- lists:seq(1, 40)]),
    BigMaps = [M0, M0#{40 => 0},
               M0#{1 => 0}, M0#{1 => 0, 40 => 7}, maps:put(41, 1, maps:remove(1, M0)),
               maps:put(1.5, 1, maps:remove(1, M0)), maps:put(a, 1, maps:remove(40, M0)),
               maps:put(b, 1, maps:remove(40, M0)), M0#{7 => 49.0},
               maps:from_list([{{k, I}, [I]} || I <- lists:seq(1, 33)]),
               #{M0 => 1}, #{M0#{40 => 0} => 1}, maps:put(M0, 2, M0), maps:put(M0#{3 => 3}, 2, M0),
               maps:put(M0#{3 => 4}, 2, M0), maps:put(x, M0, M0), maps:put(x, M0#{3 => x}, M0),
               maps:from_list([{I, I * I} || I <- lists:seq(1, 1000)])],
    X = <<"env">>,
    Funs = [fun lists:map/2, fun lists:map/1, fun lists:amap/3, fun alists:map/2, fun 'A b':'C'/0,
            fun(A) -> A end, fun(A, B) -> A + B end, fun() -> X end, fun() -> {X, Ints} end]
        ++ [fun(Y) -> {Y, K} end || K <- [1, 2, 1.0, "k"]],
    Ids = [list_to_pid("<0.1.0>"), list_to_pid("<0.2.0>"), list_to_pid("<0.1.1>"),
           list_to_pid("<0.32767.8191>"), pid('a@b', 1, 0, 1), pid('a@b', 1, 0, 2),
           pid('z@b', 1, 0, 1), pid('a@b', 2, 0, 1), pid('a@b', 0, 1, 1), pid('a@b', 70000, 9000, 1),
           pid('z@b', 32767, 8191, 5),
           list_to_ref("#Ref<0.0.0.5>"), list_to_ref("#Ref<0.0.1.5>"), list_to_ref("#Ref<0.1.0.5>"),
           list_to_ref("#Ref<0.1.2.262143>"), ref('a@b', [1, 2], 1), ref('a@b', [1, 2, 0], 1),
           ref('a@b', [2, 1, 1], 1), ref('a@b', [1, 2, 1], 1), ref('z@b', [1, 1, 1], 1),
           ref('a@b', [1, 2, 3], 2), ref('z@b', [262143, 16#ffffffff, 16#ffffffff], 1),
           ref('a@b', [7], 1), ref('a@b', [7, 1, 2, 3, 4], 1),
           list_to_port("#Port<0.0>"), list_to_port("#Port<0.5>"), port('a@b', 5, 1),
           port('a@b', 5, 2), port('z@b', 1, 1), port('a@b', 16#1234567890, 1),
           port('a@b', 2, 1)],
    Base = Ints ++ Floats ++ Atoms ++ Lists ++ Tuples ++ Bins ++ Maps ++ BigMaps ++ Funs ++ Ids,
    Base ++ [{X1} || X1 <- Ints ++ Floats ++ Bins ++ Funs ++ Ids]
        ++ [[X1, x | y] || X1 <- Atoms ++ Ints ++ Bins ++ Maps ++ Tuples ++ Ids]
        ++ [[X1 | "ab"] || X1 <- Lists ++ Bins]
        ++ [#{X1 => X1} || X1 <- Lists ++ Tuples ++ Maps ++ Floats ++ Ids]
        ++ [{unaligned(B), B} || B <- Bins].

sign(A, B) when A < B -> -1;
sign(A, B) when A > B -> 1;
sign(_, _) -> 0.

ranks(Ts, Cmp) ->
    Sorted = lists:sort(fun(A, B) -> Cmp(A, B) =< 0 end, Ts),
    Pairs = number(tl(Sorted), Cmp, [{hd(Sorted), 0}]),
    %% Every pair must agree with its ranks.
    [true = Cmp(A, B) =:= sign(RA, RB) || {A, RA} <- Pairs, {B, RB} <- Pairs],
    Pairs.

number([], _, Acc) -> lists:reverse(Acc);
number([T | Ts], Cmp, [{Last, N} | _] = Acc) ->
    number(Ts, Cmp, [{T, case Cmp(Last, T) of 0 -> N; -1 -> N + 1 end} | Acc]).

main() ->
    Ts = terms(),
    R1 = ranks(Ts, fun sign/2),
    R2 = ranks(Ts, fun(A, B) -> sign(erts_internal:cmp_term(A, B), 0) end),
    Rank = fun(T, Rs, Cmp) -> hd([N || {X, N} <- Rs, Cmp(X, T) =:= 0]) end,
    Rows = [begin
                erlang:display(T),
                Etf = term_to_binary(T, [{minor_version, 2}]),
                {Etf, erlang:phash2(T, 1 bsl 32), erlang:phash(T, 1 bsl 32) - 1,
                 Rank(T, R1, fun sign/2),
                 Rank(T, R2, fun(A, B) -> erts_internal:cmp_term(A, B) end)}
            end || T <- Ts],
    ok = file:write_file("rows.bin", term_to_binary(Rows)),
    init:stop().

c_string(Bin) ->
    [$", [io_lib:format("\\~3.8.0b", [C]) || <<C>> <= Bin], $"].

join() ->
    {ok, D} = file:read_file("display.txt"),
    {ok, R} = file:read_file("rows.bin"),
    Lines = binary:split(D, <<"\r\n">>, [global, trim]),
    Rows = binary_to_term(R),
    true = length(Lines) =:= length(Rows),
    Out = [io_lib:format("{~s, ~b, ~bu, ~bu, ~b, ~b,\n ~s},\n",
                         [c_string(E), byte_size(E), P2, P, R1, R2,
                          %% Trees of large maps, numbers of nodes and funs of this module are not
                          %% the same elsewhere.
                          case re:run(L, "#<|<[1-9][0-9]*\\.|#Fun<test") of
                              nomatch -> c_string(L);
                              _ -> "NULL"
                          end])
           || {L, {E, P2, P, R1, R2}} <- lists:zip(Lines, Rows)],
    ok = file:write_file("test_terms_data.h",
                         ["/* Made by test_terms_gen.erl from OTP 25: external form, phash2, phash, "
                          "rank in\n * standard order, rank in map key order, erlang:display/1. */\n"
                          "/* clang-format off */\n",
                          Out]),
    init:stop().
