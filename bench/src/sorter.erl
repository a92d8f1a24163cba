%% sorter: lists: sorting, folding, mapping; allocation and collection.
-module(sorter).
-export([start/0]).
-ifndef(SIZE).
-define(SIZE, 60).
-endif.
start() ->
    L = random(20000, 42, []),
    io:format("RESULT sorter ~w ~w~n", [?SIZE, loop(?SIZE, L, 0)]).
loop(0, _, Acc) -> Acc;
loop(N, L, Acc) ->
    S = lists:sort(L),
    M = lists:map(fun(X) -> X bxor N end, S),
    K = lists:foldl(fun(X, A) -> (A * 31 + X) band 16#FFFFFF end, Acc, lists:usort(M)),
    loop(N - 1, L, K).
random(0, _, Acc) -> Acc;
random(N, S, Acc) ->
    S1 = (S * 1103515245 + 12345) band 16#7FFFFFFF,
    random(N - 1, S1, [S1 bsr 8 | Acc]).
