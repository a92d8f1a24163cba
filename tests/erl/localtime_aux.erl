%% Dates far away and at every turn of the clock, in the zone TZ names: localtime_*_t.erl.
-module(localtime_aux).
-export([main/0]).

c(F, A) ->
    try apply(erlang, F, A)
    catch
        C:R -> {C, R}
    end.

main() ->
    Bits = [S * (1 bsl B) + D || S <- [1, -1], B <- lists:seq(0, 70), D <- [-1, 0, 1]],
    %% Before the year 1 OTP counts days that are not.
    [io:format("~w ~w~n", [N, c(posixtime_to_universaltime, [N])])
     || N <- Bits, N >= -62135596800 orelse N < -(1 bsl 63)],
    [io:format("~w ~w~n", [Y, c(universaltime_to_posixtime, [{{Y, M, D}, {23, 59, 59}}])])
     || Y <- lists:seq(1590, 1610) ++ Bits, {M, D} <- [{1, 1}, {12, 31}, {2, 29}]],
    rand:seed(exsss, 42),
    [begin
         N = rand:uniform(1 bsl B),
         T = erlang:posixtime_to_universaltime(N),
         io:format("~w ~w ~w~n", [N, T, c(universaltime_to_posixtime, [T])])
     end || B <- lists:seq(20, 62), _ <- lists:seq(1, 10)],
    Years = [0, 1, 1599, 1600, 1899, 1900, 1901, 1902, 1903, 1916, 1940, 1945, 1947, 1969, 1970, 1971,
             1981, 1986, 1988, 2000, 2008, 2024, 2037, 2038, 2039, 2100, 2500, 9999, 10000,
             1 bsl 31 - 2, 1 bsl 31 - 1, 1 bsl 31, 1 bsl 31 + 1899, 1 bsl 31 + 1900, 1 bsl 33],
    [local({{Y, M, D}, T})
     || Y <- Years, {M, D} <- [{1, 1}, {3, 31}, {4, 6}, {6, 30}, {10, 6}, {12, 13}, {12, 31}],
        T <- [{0, 0, 0}, {1, 45, 30}, {2, 15, 0}, {23, 59, 59}]],
    [local(erlang:posixtime_to_universaltime(rand:uniform(1 bsl 33) - (1 bsl 31)))
     || _ <- lists:seq(1, 1000)],
    [io:format("~w ~w~n", [B, [c(F, [B]) || F <- [universaltime_to_posixtime,
                                                  posixtime_to_universaltime,
                                                  localtime_to_universaltime,
                                                  universaltime_to_localtime]]])
     || B <- [a, {}, {{1970, 1, 1}, {0, 0}}, {{1970, 1, 0}, {0, 0, 0}}, {{1970, 13, 1}, {0, 0, 0}},
              {{1970, 1, 1}, {24, 0, 0}}, {{1970, 1, 1}, {0, 0, 60}}, {{1970, 1, 1}, {0, 60, 0}},
              {{1970, 2, 29}, {0, 0, 0}}, {{1970, 1, 1}, {-1, 0, 0}}, {{1970.0, 1, 1}, {0, 0, 0}},
              {{2100, 2, 29}, {1, 1, 1}}]].

local(T) ->
    io:format("~w ~w ~w ~w~n", [T, c(universaltime_to_localtime, [T]),
                                c(localtime_to_universaltime, [T]),
                                [c(localtime_to_universaltime, [T, Dst])
                                 || Dst <- [true, false, undefined, maybe]]]).
