%% ets_chunk_t: a chunk that took several slices to find is whole however much is collected afterwards.
-module(ets_chunk_t).
-export([main/1]).

main(_) ->
    [io:format("~p ~p~n", [Type, rounds(Type, 6)]) || Type <- [set, ordered_set, bag]].

rounds(Type, N) ->
    T = ets:new(t, [Type]),
    ets:insert(T, [{X, {X, X}} || X <- lists:seq(1, 60000)]),
    R = [one(T, 20000 + 5000 * I) || I <- lists:seq(1, N)],
    ets:delete(T),
    R.

one(T, Limit) ->
    garbage_collect(),
    Spec = [{{'$1', '$2'}, [{'>', '$1', 10}], [{{'$1', '$2'}}]}],
    {L, C} = ets:select(T, Spec, Limit),
    Rest = rest(ets:select(C)),
    churn(3000, []),
    All = L ++ Rest,
    {length(L) =:= Limit, length(All), lists:sum([X || {X, {X, X}} <- All])}.

rest('$end_of_table') -> [];
rest({L, C}) -> churn(1000, []), L ++ rest(ets:select(C)).

%% Young collections.
churn(0, _) -> ok;
churn(N, _) -> churn(N - 1, lists:seq(1, 100)).
