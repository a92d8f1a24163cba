%% numbers_t: arithmetic, comparisons, conversions and math on smalls, bignums and floats. start/0
%% prints what came out, to be compared with what stock erl prints. The random part has its own
%% generator, so both see the same operands; its results are folded into hashes of the shown text,
%% printed per group, so that a difference names the group.
-module(numbers_t).
-export([start/0, main/1, ops/0]).

main(_) -> start().

start() ->
    edges(),
    texts(),
    floats(),
    fixed(),
    maths(),
    guards(),
    limits(),
    random(),
    io:format("done~n").

%% The result or how it failed; never a stack trace, whose shape belongs to other tests.
try_it(M, F, A) ->
    try apply(M, F, A)
    catch C:R -> {C, R}
    end.

show(M, F, A) ->
    io:format("~w:~w ~w -> ~w~n", [M, F, A, try_it(M, F, A)]).

ops() -> ['+', '-', '*', '/', 'div', 'rem', 'band', 'bor', 'bxor', '<', '=<', '==', '=:='].

edge_numbers() ->
    [0, 1, -1, 2, -7, 10, 255, -256, (1 bsl 59) - 1, 1 bsl 59, -(1 bsl 59), -(1 bsl 59) - 1,
     (1 bsl 60) - 1, 1 bsl 60, -(1 bsl 60), -(1 bsl 60) - 1, (1 bsl 63) - 1, 1 bsl 63,
     -(1 bsl 63), (1 bsl 64) - 1, 1 bsl 64, -(1 bsl 64), 1 bsl 128, (1 bsl 128) - 1,
     -(1 bsl 128), -(1 bsl 128) - 1, 123456789012345678901234567890, -(1 bsl 200) + 12345,
     0.0, 1.0, -1.5, 0.1, 1.0e10, -3.7e200, 1.0e308, 5.0e-324, 9007199254740992.0,
     9007199254740993, 1 bsl 1023, 1 bsl 1024, a].

edges() ->
    Ns = edge_numbers(),
    [begin
         io:format("~w ~w: ", [Op, A]),
         [io:format("~w ", [try_it(erlang, Op, [A, B])]) || B <- Ns],
         io:nl()
     end || Op <- ops(), A <- Ns],
    [show(erlang, Op, [A])
     || Op <- ['+', '-', 'bnot', abs, float, round, trunc, floor, ceil], A <- Ns],
    Counts = [0, 1, 3, 59, 60, 61, 63, 64, 65, 128, 200, -1, -3, -59, -60, -61, -63, -64, -65,
              -128, -200, -1000, 1 bsl 62, -(1 bsl 62), 1 bsl 70, -(1 bsl 70), 1.0, a],
    [begin
         io:format("~w ~w: ", [Op, A]),
         [io:format("~w ", [try_it(erlang, Op, [A, B])]) || B <- Counts],
         io:nl()
     end || Op <- ['bsl', 'bsr'], A <- Ns].

texts() ->
    Bases = [2, 3, 7, 8, 10, 11, 16, 27, 32, 36, 1, 37, 0, -1, a, 10.0, 1 bsl 70],
    Ints = [0, 1, -1, 35, 36, -37, 1000000, (1 bsl 59) - 1, -(1 bsl 60), 1 bsl 64, -(1 bsl 64) + 1,
            1 bsl 200, -(1 bsl 333) + 1, a, 1.0],
    [show(erlang, F, [I]) || F <- [integer_to_list, integer_to_binary], I <- Ints],
    [show(erlang, F, [I, B]) || F <- [integer_to_list, integer_to_binary], I <- Ints, B <- Bases],
    Texts = ["", "0", "-0", "+0", "1", "-1", "+17", "007", "zz", "ZZ", "-fF", "10101", "-", "+",
             "--1", "+-1", " 1", "1 ", "1_0", "1.0", "12345678901", "123456789012", "999999999999999999",
             "1152921504606846975", "1152921504606846976", "-1152921504606846976",
             "-1152921504606846977", "18446744073709551616", "-00000000000000000000000000000000000001",
             "zzzzzzzzzzz", "zzzzzzzzzzzz", "123456789012345678901234567890123456789012345678901234567890",
             "00000000000000000000000000000000000000000000000000000000000000000000000000000012",
             "12345678901234567890x", [a], [$1, a], [$1 | $2], [$1, -1], [$1, 256], [$1, 1.0], abc, 12],
    [begin
         show(erlang, list_to_integer, [T]),
         [show(erlang, list_to_integer, [T, B]) || B <- Bases],
         show(string, list_to_integer, [T]),
         show(string, list_to_float, [T])
     end || T <- Texts],
    [begin
         B = list_to_binary(T),
         show(erlang, binary_to_integer, [B]),
         [show(erlang, binary_to_integer, [B, X]) || X <- Bases],
         %% the same bytes, not at a byte boundary and in the middle of a larger binary
         <<_:3, S/binary>> = <<5:3, B/binary>>,
         show(erlang, binary_to_integer, [S]),
         show(erlang, binary_to_float, [S])
     end || T <- Texts, bytes(T) =/= none],
    [show(erlang, F, [X]) || F <- [binary_to_integer, binary_to_float, list_to_float],
                             X <- [a, <<1:3>>, "1.0", 1.0, <<"1.0">>, []]].

bytes(T) ->
    try list_to_binary(T)
    catch error:badarg -> none
    end.

float_texts() ->
    ["1.0", "-1.0", "+1.0", "0.0", "-0.0", "1.", ".5", "1", "1e5", "1.0e5", "1.0E5", "1.0e+5",
     "1.0e-5", "1.0e", "1.0e+", "1.0e-", "1.0ex", "1.0e5x", "1,5", "1,5e3", "1.5e,3", " 1.0", "1.0 ",
     "1..0", "--1.0", "1.0e400", "-1.0e400", "1.0e-400", "0.0e999999999999999999999", "1.0e00000000005",
     "1.0e99999999999999999999", "1.0e-99999999999999999999", "00000000000000000000000000001.0",
     "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "4.9e-324",
     "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072014e-308",
     "2.2250738585072011e-308", "9007199254740993.0", "9007199254740992.999999999999999999999999",
     "9007199254740993.00000000000000000000000001", "123456789012345678901234567890.12345",
     "1" ++ lists:duplicate(400, $0) ++ ".0e-200", "0." ++ lists:duplicate(400, $0) ++ "1e401",
     "0." ++ lists:duplicate(900, $3), "1." ++ lists:duplicate(900, $0) ++ "1", "nan", "inf", "",
     "1.0" ++ [a], [$1, $., $5 | a], "1.5e3.3", "1.5-3", "1.5e-3,3", "1.5e 3", a].

floats() ->
    [begin
         show(erlang, list_to_float, [T]),
         show(string, list_to_float, [T]),
         case bytes(T) of
             none -> ok;
             B -> show(erlang, binary_to_float, [B])
         end
     end || T <- float_texts()],
    Fs = [0.0, -0.0, 0.1, 0.3, 1.0, 10.0, 100.0, 1000.0, 1.0e4, 1.0e5, 123456.0, 0.01, 0.001, 0.0001,
          1.0e-5, 1.2e-5, 0.00123, 1.0e15, 1.0e16, 1.0e21, 1.0e22, 1.0e23, 9007199254740991.0,
          9007199254740992.0, 9007199254740994.0, 5.0e-324, 1.7976931348623157e308, 2.2250738585072014e-308,
          3.141592653589793, -2.718281828459045, 1.0e100, 1.0e-100, 299792458.0, 6.02214076e23],
    [io:format("~w ~p ~s ~s ~s~n", [F, F, float_to_list(F), float_to_list(F, [short]),
                                    float_to_binary(F)]) || F <- Fs],
    [io:format("~w ~w ~w~n", [A, B, [A < B, A =< B, A == B, A =:= B, A > B, max(A, B), min(A, B)]])
     || A <- [0, 1, -1, 9007199254740992, 9007199254740993, -9007199254740993, 1 bsl 60, (1 bsl 60) + 1,
              (1 bsl 64) - 1, 1 bsl 64, (1 bsl 64) + 1, -(1 bsl 64) - 1, 1 bsl 100, (1 bsl 100) + 1,
              (1 bsl 1024) - 1, 1 bsl 1024, -(1 bsl 1024), 1 bsl 2000],
        B <- [0.0, -0.0, 0.5, 1.0, -1.0, 9007199254740992.0, 9007199254740994.0, -9007199254740992.0,
              math:pow(2, 60), math:pow(2, 64), -math:pow(2, 64), math:pow(2, 100),
              1.7976931348623157e308, -1.7976931348623157e308]].

fixed() ->
    Fs = [0.0, -0.0, 0.05, 0.5, 1.5, 2.5, 0.125, 0.345, 1.005, 2.675, 9.995, 99.95, -0.95, 123.456,
          999999.9999999, 1.0e-10, -1.5e-7, 1.0e15, 1.0e16, 1.0e22, 9007199254740992.0,
          9007199254740994.0, 1.0e250, 1.0e300, -1.7e308, 5.0e-324],
    Os = [[], [compact], [short], [{decimals, 0}], [{decimals, 0}, compact], [{decimals, 1}],
          [{decimals, 2}], [{decimals, 3}, compact], [{decimals, 15}], [{decimals, 16}],
          [{decimals, 17}], [{decimals, 18}], [{decimals, 19}], [{decimals, 40}, compact],
          [{decimals, 252}], [{decimals, 253}], [{decimals, 253}, compact], [{decimals, 254}],
          [{scientific, 0}], [{scientific, 3}], [{scientific, 20}], [{scientific, 248}],
          [{scientific, 249}], [{scientific, 250}], [{scientific, -1}], [{decimals, -1}],
          [{scientific, 3}, compact], [{decimals, 3}, short], [short, {decimals, 3}],
          [{scientific, 3}, {decimals, 2}], [{decimals, 2}, {scientific, 3}], [compact, short],
          [{decimals, a}], [{decimals, 1.0}], [{decimals, 1 bsl 70}], [{a, 1}], [{decimals, 1, 2}],
          [foo], [compact | foo], foo, {decimals, 1}],
    [io:format("~w ~w ~w~n", [F, O, case try_it(erlang, float_to_list, [F, O]) of
                                       L when is_list(L) -> list_to_atom(L);
                                       X -> X
                                   end]) || F <- Fs, O <- Os],
    [show(erlang, F, [X, []]) || F <- [float_to_list, float_to_binary], X <- [a, 1, "1.0"]],
    [show(erlang, F, [X]) || F <- [float_to_list, float_to_binary], X <- [a, 1, 1 bsl 70]],
    [show(erlang, float_to_binary, [1.5, O]) || O <- [[{decimals, 3}], [{decimals, 3}, compact], [short]]].

maths() ->
    Fs1 = [cos, cosh, sin, sinh, tan, tanh, acos, acosh, asin, asinh, atan, atanh, erf, erfc, exp, log,
           log2, log10, sqrt, floor, ceil],
    Xs = [0, 1, -1, 2, -2, 10, 0.5, -0.5, 0.0, -0.0, 1.0e-300, 710, 1000, -1000, 1.0e300, 1 bsl 100,
          1 bsl 1023, 1 bsl 1024, 1 bsl 2000, -(1 bsl 2000), a, "1"],
    [show(math, F, [X]) || F <- Fs1, X <- Xs],
    [show(math, F, [X, Y]) || F <- [atan2, pow, fmod], X <- Xs, Y <- Xs],
    io:format("~w~n", [math:pi()]).

%% Operators in guards fail the guard.
guards() ->
    [io:format("~w ", [{g1(X, Y), g2(X), g3(X, Y)}])
     || X <- [0, 1, -5, 1 bsl 70, 2.5, a], Y <- [0, 3, -(1 bsl 65), 0.0, b]],
    io:nl().
g1(X, Y) when X div Y > 0; X * Y =:= 0 -> yes;
g1(X, Y) when X / Y < 1 -> small;
g1(_, _) -> no.
g2(X) when abs(X) > 3, round(X) band 1 =:= 1 -> odd;
g2(X) when trunc(X) == X -> whole;
g2(_) -> no.
g3(X, Y) when X bsl Y > 10; X bsr Y =:= 0 -> shift;
g3(X, Y) when X bxor Y < 0 -> minus;
g3(_, _) -> no.

limits() ->
    N = 33554367,
    Size = fun({M, F, A}) -> case try_it(M, F, A) of I when is_integer(I) -> {ok, I > 0}; E -> E end end,
    Big = 1 bsl N,
    [io:format("~w ~w~n", [K, Size(MFA)])
     || {K, MFA} <- [{1, {erlang, 'bsl', [1, N]}}, {2, {erlang, 'bsl', [1, N + 1]}},
                     {3, {erlang, 'bsl', [-1, N]}}, {4, {erlang, 'bsl', [-1, N + 1]}},
                     {5, {erlang, 'bsl', [3, N]}}, {6, {erlang, '+', [Big, Big]}},
                     {7, {erlang, '*', [Big, 2]}}, {8, {erlang, '*', [Big, -1]}},
                     {9, {erlang, '+', [(Big - 1) * 2 + 1, 1]}},
                     {10, {erlang, 'bnot', [(Big - 1) * 2 + 1]}},
                     {11, {erlang, '-', [-((Big - 1) * 2 + 1), 1]}},
                     {12, {erlang, 'bsr', [1, -(N + 1)]}}, {13, {erlang, 'bsr', [Big, N]}},
                     {14, {erlang, '*', [1 bsl 1000000, 1 bsl (N - 1000000)]}},
                     {15, {erlang, '*', [1 bsl 1000000, 1 bsl (N - 999999)]}},
                     {16, {erlang, '*', [Big, Big]}}, {17, {erlang, 'bxor', [Big, -1]}}]].

%% ---- random operands ----

lcg(S) -> (S * 6364136223846793005 + 1442695040888963407) band ((1 bsl 64) - 1).

%% {Number below N, next state}
pick(S, N) ->
    S1 = lcg(S),
    {(S1 bsr 33) rem N, S1}.

bits(0, S) -> {0, S};
bits(N, S) ->
    S1 = lcg(S),
    K = min(N, 31),
    {Rest, S2} = bits(N - K, S1),
    {(Rest bsl K) bor ((S1 bsr 33) band ((1 bsl K) - 1)), S2}.

%% Sparse and dense integers of many sizes.
int(S0, Max) ->
    {N, S1} = pick(S0, Max),
    {Kind, S2} = pick(S1, 6),
    {V0, S3} = bits(N, S2),
    V = case Kind of
            0 -> 1 bsl N;
            1 -> (1 bsl N) - 1;
            2 -> (V0 bsr (N div 2)) bsl (N div 2);
            _ -> V0
        end,
    {Sign, S4} = pick(S3, 2),
    {case Sign of 0 -> V; 1 -> -V end, S4}.

real(S0) ->
    {E, S1} = pick(S0, 600),
    {M, S2} = bits(53, S1),
    {Sign, S3} = pick(S2, 2),
    F = (M / 9007199254740992) * math:pow(2, E - 300),
    {case Sign of 0 -> F; 1 -> -F end, S3}.

operand(S0) ->
    {K, S1} = pick(S0, 8),
    case K of
        0 -> real(S1);
        1 -> int(S1, 12);
        2 -> int(S1, 64);
        3 -> int(S1, 70);
        7 -> int(S1, 3000);
        _ -> int(S1, 400)
    end.

fold(T, H) -> erlang:crc32(H, io_lib:format("~w", [T])).

random() ->
    lists:foldl(
      fun({Name, N, F}, S0) ->
              {S, H} = repeat(N, F, S0, 0),
              io:format("random ~w ~w~n", [Name, H]),
              S
      end, 20231,
      [{list_to_atom(atom_to_list(Op)), 1500, two(Op)} || Op <- ops()] ++
      [{Op, 300, one(Op)} || Op <- ['-', 'bnot', abs, float, round, trunc, floor, ceil]] ++
      [{Op, 1000, fun(S0) ->
                          {A, S1} = operand(S0),
                          {B, S2} = int(S1, 9),
                          {try_it(erlang, Op, [A, B]), S2}
                  end} || Op <- ['bsl', 'bsr']] ++
      [{division, 1000,
        fun(S0) ->
                {A, S1} = int(S0, 6000),
                {B, S2} = int(S1, 3000),
                case B of
                    0 -> {zero, S2};
                    _ ->
                        Q = A div B, R = A rem B,
                        {{Q, R, Q * B + R =:= A, abs(R) < abs(B)}, S2}
                end
        end},
       {bases, 500,
        fun(S0) ->
                {A, S1} = int(S0, 4000),
                {B, S2} = pick(S1, 35),
                L = integer_to_list(A, B + 2),
                {{L, list_to_integer(L, B + 2) =:= A,
                  binary_to_integer(integer_to_binary(A, B + 2), B + 2) =:= A}, S2}
        end},
       {big_text, 4,
        fun(S0) ->
                {A, S1} = bits(30000, S0),
                L = integer_to_list(A),
                {{L, list_to_integer(L) =:= A}, S1}
        end},
       {square, 30,
        fun(S0) ->
                {A, S1} = int(S0, 100000),
                {B, S2} = int(S1, 100000),
                {{(A + B) * (A - B) =:= A * A - B * B, (A * B) band ((1 bsl 64) - 1)}, S2}
        end},
       {bit_laws, 500,
        fun(S0) ->
                {A, S1} = int(S0, 300),
                {B, S2} = int(S1, 300),
                {{A band B, A bor B, A bxor B, (A bor B) - (A band B) =:= A bxor B,
                  bnot (A band B) =:= (bnot A) bor (bnot B)}, S2}
        end},
       {bytes, 500,
        fun(S0) ->
                {A, S1} = int(S0, 200),
                {N, S2} = pick(S1, 220),
                Bin = <<A:N>>,
                <<U:N>> = Bin,
                <<G:N/signed>> = Bin,
                <<L:N/little-signed>> = Bin,
                {{Bin, U, G, L, <<A:N/little>>}, S2}
        end},
       {float_text, 3000,
        fun(S0) ->
                {F, S1} = real(S0),
                L = float_to_list(F, [short]),
                {{L, list_to_float(L) =:= F, float_to_list(F), list_to_float(float_to_list(F)) =:= F}, S1}
        end},
       {float_fixed, 3000,
        fun(S0) ->
                {F, S1} = real(S0),
                {D, S2} = pick(S1, 30),
                {A, S3} = pick(S2, 1000000),
                G = A / 1000,
                {[try_it(erlang, float_to_list, [X, O])
                  || X <- [F, G], O <- [[{decimals, D}], [{decimals, D}, compact], [{scientific, D}]]], S3}
        end},
       {compare, 3000,
        fun(S0) ->
                {A, S1} = operand(S0),
                {K, S2} = pick(S1, 4),
                B = case K of
                        0 -> A + 1;
                        1 -> try_it(erlang, float, [A]);
                        2 -> try_it(erlang, trunc, [A]);
                        _ -> -A
                    end,
                {{A < B, A == B, A =:= B, A > B}, S2}
        end}]).

two(Op) ->
    fun(S0) ->
            {A, S1} = operand(S0),
            {B, S2} = operand(S1),
            {try_it(erlang, Op, [A, B]), S2}
    end.
one(Op) ->
    fun(S0) ->
            {A, S1} = operand(S0),
            {try_it(erlang, Op, [A]), S1}
    end.

repeat(0, _, S, H) -> {S, H};
repeat(N, F, S, H) ->
    {T, S1} = F(S),
    repeat(N - 1, F, S1, fold(T, H)).
