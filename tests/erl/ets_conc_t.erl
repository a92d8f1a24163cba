-module(ets_conc_t).
%% Tables used by several processes at once, with and without the concurrency options: what must be
%% true whatever the order in which they come. And the same random operations on tables with all
%% options, whose results are the same on both VMs.
-export([main/1]).

main(_) ->
    [io:format("~p ~p ~p~n", [Type, Options, model(Type, Options)])
     || Type <- [set, ordered_set, bag, duplicate_bag], Options <- options(Type)],
    [io:format("~p: ~p~n", [Name, [{Type, [check(F, Type, O) || O <- options(Type)]} || Type <- Types]])
     || {Name, F, Types} <- scenarios()],
    io:format("names: ~p~n", [names()]),
    [io:format("ends: ~p ~p~n", [Type, ends(Type)]) || Type <- [set, ordered_set, bag]],
    [io:format("unfixed: ~p ~p~n", [Options, unfixed(Options)]) || Options <- options(set)],
    [io:format("one key: ~p ~p~n", [Type, one_key(Type, N, Options)])
     || {Type, N} <- [{bag, 3000}, {duplicate_bag, 12000}], Options <- options(Type)],
    [io:format("large chunk: ~p ~p~n", [Type, large_chunk(Type)]) || Type <- [set, ordered_set]].

options(ordered_set) -> [[], [{write_concurrency, true}], [{read_concurrency, true}]];
options(set) ->
    [[], [{read_concurrency, true}], [{write_concurrency, true}], [{write_concurrency, auto}],
     [{write_concurrency, true}, {read_concurrency, true}],
     [{write_concurrency, true}, {decentralized_counters, true}, compressed]];
options(_) -> [[], [{write_concurrency, true}, {read_concurrency, true}]].

%% ---- one process: the results of random operations ----

model(Type, Options) ->
    T = ets:new(t, [Type, public | Options]),
    Rand = rand:seed_s(exsss, 4711),
    Hash = steps(1500, T, Type, Rand, 0),
    Info = {ets:info(T, size), [ets:info(T, I) || I <- [read_concurrency, write_concurrency, decentralized_counters]]},
    true = ets:delete(T),
    {Hash, Info}.

steps(0, _, _, _, Hash) -> Hash;
steps(N, T, Type, R0, Hash) ->
    {Op, R1} = rand:uniform_s(20, R0),
    {K, R2} = rand:uniform_s(300, R1),
    {V, R3} = rand:uniform_s(5, R2),
    Result = try step(Op, T, Type, key(K), V) catch error:Reason -> Reason end,
    steps(N - 1, T, Type, R3, erlang:phash2({Hash, Result})).

key(K) when K rem 3 =:= 0 -> K * 64;
key(K) when K rem 3 =:= 1 -> {key, <<K:16>>};
key(K) -> K.

step(Op, T, _, K, V) when Op =< 5 -> ets:insert(T, {K, V, [V, {K}]});
step(6, T, _, K, V) -> ets:insert(T, [{K + I, V, I} || is_integer(K), I <- lists:seq(1, 20)]);
step(7, T, _, K, V) -> ets:insert_new(T, [{{K, I}, V, I} || I <- lists:seq(1, V)]);
step(8, T, _, K, _) -> ets:delete(T, K);
step(9, T, _, K, V) -> ets:delete_object(T, {K, V, [V, {K}]});
step(10, T, _, K, _) -> ets:take(T, K);
step(11, T, _, K, V) -> ets:update_counter(T, K, {2, V}, {K, V, def});
step(12, T, _, K, V) -> ets:update_element(T, K, [{2, V}, {3, K}]);
step(13, T, _, _, V) -> lists:sort(ets:select(T, [{{'$1', V, '_'}, [], ['$1']}]));
step(14, T, _, K, _) -> {ets:lookup(T, K), ets:member(T, K)};
step(15, T, _, _, V) -> ets:select_count(T, [{{'_', V, '_'}, [], [true]}]);
step(16, T, _, K, V) ->
    ets:select_delete(T, [{{'$1', V, '$2'}, [{'is_integer', '$1'}, {'=:=', {'rem', '$1', 7}, V}], [true]},
                          {{{K, '_'}, '_', '_'}, [], [true]}]);
step(17, T, bag, _, _) -> length(chunks(ets:match_object(T, '_', 7)));
step(17, T, _, _, V) ->
    ets:select_replace(T, [{{'$1', V, '_'}, [], [{{'$1', {'+', V, 1}, replaced}}]}]);
step(18, T, _, _, _) ->
    true = ets:safe_fixtable(T, true),
    Keys = walk(T, ets:first(T), []),
    true = ets:safe_fixtable(T, false),
    {lists:sort(Keys), ets:info(T, size), ets:info(T, fixed)};
step(19, T, _, K, V) -> {ets:lookup_element(T, K, 2), V};
step(20, T, _, K, _) ->
    lists:sort(chunks(ets:select(T, [{{'$1', '$2', '_'}, [{'>', '$2', 2}], [{{'$1', '$2'}}]}], 1 + erlang:phash2(K, 9)))).

chunks('$end_of_table') -> [];
chunks({L, C}) -> L ++ chunks(ets:select(C)).

%% Some keys go away while we walk.
walk(_, '$end_of_table', Seen) -> Seen;
walk(T, K, Seen) ->
    erlang:phash2(K, 9) =:= 0 andalso ets:delete(T, K),
    walk(T, ets:next(T, K), [erlang:phash2(K) | Seen]).

%% ---- several processes ----

%% (OTP 25's own count of a bag with write_concurrency is sometimes wrong when several have written.)
count(T) ->
    case ets:info(T, type) of
        bag -> length(ets:tab2list(T));
        _ -> ets:info(T, size)
    end.

scenarios() ->
    Sets = [set, ordered_set],
    All = Sets ++ [bag, duplicate_bag],
    [{counters, fun counters/1, Sets}, {ranges, fun ranges/1, All}, {lists, fun lists/1, Sets},
     {first_wins, fun first_wins/1, All}, {walks, fun walks/1, All}, {selects, fun selects/1, All},
     {tokens, fun tokens/1, All}, {replaces, fun replaces/1, Sets}, {end_of_table, fun end_of_table/1, All}].

-define(WORKERS, 4).

check(F, Type, Options) ->
    T = ets:new(t, [Type, public | Options]),
    try F(T) after (catch ets:delete(T)) end.

%% Runs Fun(1..N) in processes of their own; their results.
together(N, Fun) ->
    Ps = [spawn_monitor(fun() -> exit({result, Fun(I)}) end) || I <- lists:seq(1, N)],
    [receive {'DOWN', R, _, _, Why} -> case Why of {result, X} -> X; _ -> exit(Why) end end || {_, R} <- Ps].

seed(I) -> rand:seed(exsss, {I, 2, 3}).

%% All increments are there.
counters(T) ->
    together(?WORKERS, fun(I) ->
        seed(I),
        [begin
             ets:update_counter(T, rand:uniform(10), 1, {0, 0}),
             ets:update_counter(T, {own, I}, {2, 3}, {0, 0})
         end || _ <- lists:seq(1, 500)]
    end),
    {ets:foldl(fun({_, N}, Sum) -> Sum + N end, 0, T), count(T) =< 10 + ?WORKERS}.

%% What one process has done with its keys the others do not touch.
ranges(T) ->
    Bad = together(?WORKERS, fun(I) ->
        seed(I),
        Model = lists:foldl(fun(_, M) ->
            K = {rand:uniform(200), I},
            case rand:uniform(4) of
                1 -> ets:delete(T, K), maps:remove(K, M);
                2 ->
                    Took = ets:take(T, K),
                    Took = [{K, V} || V <- [maps:get(K, M, none)], V =/= none],
                    maps:remove(K, M);
                _ -> V = rand:uniform(1000), ets:delete(T, K), ets:insert(T, {K, V}), M#{K => V}
            end
        end, #{}, lists:seq(1, 1500)),
        [K || {K, V} <- maps:to_list(Model), ets:lookup(T, K) =/= [{K, V}]] ++
            [{size, I} || ets:select_count(T, [{{{'_', I}, '_'}, [], [true]}]) =/= map_size(Model)]
    end),
    {lists:append(Bad), count(T) =:= length(ets:tab2list(T))}.

%% A list is put in in one step: who has seen a version of one key sees no older one of another.
lists(T) ->
    Keys = lists:seq(1, 40),
    Put = fun(V) -> ets:insert(T, [{K, V} || K <- Keys]) end,
    Put(0),
    Old = together(?WORKERS, fun
        (1) -> [Put(V) || V <- lists:seq(1, 150)], 0;
        (I) ->
            seed(I),
            Look = fun() -> ets:lookup_element(T, rand:uniform(40), 2) end,
            length([old || _ <- lists:seq(1, 500), A <- [Look()], B <- [Look()], B < A])
    end),
    {Old, lists:usort([V || {_, V} <- ets:tab2list(T)])}.

%% insert_new of lists that overlap: all or nothing.
first_wins(T) ->
    Won = together(?WORKERS, fun(I) ->
        [R || R <- lists:seq(1, 150), ets:insert_new(T, [{{R, K}, I} || K <- lists:seq(I, I + 20)])]
    end),
    Owner = fun(R, K) -> [O || {_, O} <- ets:lookup(T, {R, K})] end,
    Whole = [I || {I, Rs} <- lists:zip(lists:seq(1, ?WORKERS), Won), R <- Rs, K <- lists:seq(I, I + 20), Owner(R, K) =/= [I]],
    {length(lists:append(Won)), Whole, count(T)}.

%% While a table is fixed each key that stays is met once, others once at most.
walks(T) ->
    [ets:insert(T, {{stays, K}, K}) || K <- lists:seq(1, 500)],
    together(?WORKERS, fun
        (I) when I < 3 ->
            seed(I),
            [begin
                 K = {comes, rand:uniform(2000)},
                 case rand:uniform(3) of 1 -> ets:delete(T, K); _ -> ets:insert(T, {K, I}) end
             end || _ <- lists:seq(1, 1500)],
            ok;
        (_) ->
            lists:usort([begin
                ets:safe_fixtable(T, true),
                Keys = keys(T, ets:first(T)),
                ets:safe_fixtable(T, false),
                Stay = [K || K = {stays, _} <- Keys],
                {length(Stay), length(lists:usort(Stay)), length(Keys) - length(lists:usort(Keys))}
            end || _ <- lists:seq(1, 10)])
    end).

keys(_, '$end_of_table') -> [];
keys(T, K) -> [K | keys(T, ets:next(T, K))].

selects(T) ->
    [ets:insert(T, {{stays, K}, K}) || K <- lists:seq(1, 3000)],
    Spec = [{{{stays, '$1'}, '_'}, [], ['$1']}],
    together(?WORKERS, fun
        (1) ->
            [ets:insert(T, [{{comes, K}, R} || K <- lists:seq(1, 300)]) || R <- lists:seq(1, 20)], ok;
        (2) ->
            [ets:select_delete(T, [{{{comes, '_'}, '_'}, [], [true]}]) || _ <- lists:seq(1, 10)], ok;
        (3) -> lists:usort([ets:select_count(T, [{{{stays, '_'}, '_'}, [], [true]}]) || _ <- lists:seq(1, 10)]);
        (_) ->
            All = lists:seq(1, 3000),
            lists:usort([{lists:sort(ets:select(T, Spec)) =:= All,
                          lists:sort(chunks(ets:select(T, Spec, 100000))) =:= All} || _ <- lists:seq(1, 10)])
    end).

%% Whoever takes a token gives it back somewhere else: none is lost, none made.
tokens(T) ->
    [ets:insert(T, {K, token}) || K <- lists:seq(1, 50)],
    together(?WORKERS, fun(I) ->
        seed(I),
        [case ets:take(T, rand:uniform(100)) of
             [] -> ok;
             Some -> [move(T, X) || X <- Some]
         end || _ <- lists:seq(1, 1500)],
        ok
    end),
    count(T).

move(T, {_, token} = X) ->
    To = {element(1, X), make_ref()},
    true = ets:insert_new(T, {To, token}),
    [_] = ets:take(T, To),
    give(T, rand:uniform(100)).
give(T, K) ->
    case ets:insert_new(T, {K, token}) of
        true -> ok;
        false -> give(T, K rem 100 + 1)
    end.

%% Each object is replaced as often as somebody says.
replaces(T) ->
    [ets:insert(T, {K, 0}) || K <- lists:seq(1, 200)],
    N = together(?WORKERS, fun(_) ->
        lists:sum([ets:select_replace(T, [{{'$1', '$2'}, [], [{{'$1', {'+', '$2', 1}}}]}]) || _ <- lists:seq(1, 20)])
    end),
    {lists:sum(N), lists:usort([V || {_, V} <- ets:tab2list(T)])}.

%% The table goes away in the middle.
end_of_table(T) ->
    [ets:insert(T, {K, 0}) || K <- lists:seq(1, 200)],
    together(?WORKERS, fun
        (1) -> ets:delete_all_objects(T), [ets:insert(T, {K, K}) || K <- lists:seq(1, 500)], ets:delete(T);
        (I) -> until_gone(T, I)
    end).
until_gone(T, I) ->
    try
        ets:insert(T, [{K, I} || K <- lists:seq(1, 30)]),
        ets:lookup(T, I),
        ets:select(T, [{{'_', I}, [], [true]}]),
        ets:delete(T, I),
        ets:first(T)
    of _ -> until_gone(T, I)
    catch error:badarg -> ets:info(T, size)
    end.

%% Named tables come, go and change their names: one that stays is always found.
names() ->
    ets_conc_stays = ets:new(ets_conc_stays, [named_table, public, {write_concurrency, true}]),
    ets:insert(ets_conc_stays, {a, 1}),
    together(?WORKERS, fun
        (I) when I < 3 ->
            Name = list_to_atom("ets_conc_" ++ integer_to_list(I)),
            Other = list_to_atom("ets_conc_x" ++ integer_to_list(I)),
            [begin
                 Name = ets:new(Name, [named_table]),
                 Other = ets:rename(Name, Other),
                 undefined = ets:info(Name),
                 true = ets:insert(Other, {a, I}),
                 true = ets:delete(Other)
             end || _ <- lists:seq(1, 500)],
            ok;
        (_) -> lists:usort([ets:lookup(ets_conc_stays, a) || _ <- lists:seq(1, 5000)])
    end).

%% A process with many and large tables ends: whoever hears of it sees none of them, but those that
%% went to heirs, and what it had fixed is so no more.
ends(Type) ->
    Self = self(),
    Kept = ets:new(kept, [public, Type]),
    [ets:insert(Kept, {I, I}) || I <- lists:seq(1, 5000)],
    {P, M} = spawn_monitor(fun() ->
        Large = [ets:new(t, [Type, {write_concurrency, W}]) || W <- [false, true]],
        [ets:insert(T, [{I, I} || I <- lists:seq(1, 15000)]) || T <- Large],
        Small = [ets:new(t, [Type]) || _ <- lists:seq(1, 300)],
        [ets:insert(T, {a, b}) || T <- Small],
        Given = ets:new(t, [Type, {heir, Self, gift}]),
        ets:insert(Given, {a, b}),
        ets_conc_own = ets:new(ets_conc_own, [named_table, Type]),
        ets:safe_fixtable(Kept, true),
        [ets:delete(Kept, I) || I <- lists:seq(1, 4990)],
        Self ! {tables, Large ++ Small},
        receive go -> exit(over) end
    end),
    Tables = receive {tables, L} -> L end,
    true = is_process_alive(P),
    P ! go,
    Why = receive {'DOWN', M, process, P, W} -> W end,
    Got = receive {'ETS-TRANSFER', T, P, gift} -> ets:lookup(T, a) end,
    true = ets:insert(Kept, {0, 0}),
    {Why, Got, lists:usort([ets:info(X, size) || X <- [ets_conc_own | Tables]]), is_process_alive(P),
     lists:sort(ets:tab2list(Kept)), ets:info(Kept, fixed), ets:delete(Kept)}.

%% Many objects deleted while the table was fixed: it works as before when it is not any more.
unfixed(Options) ->
    T = ets:new(t, [public | Options]),
    N = 30000,
    ets:insert(T, [{I, I} || I <- lists:seq(1, N)]),
    true = ets:safe_fixtable(T, true),
    Deleted = ets:select_delete(T, [{{'$1', '_'}, [{'=/=', {'rem', '$1', 3}, 0}], [true]}]),
    First = count(T),
    true = ets:safe_fixtable(T, false),
    [true = ets:insert_new(T, {I, again}) || I <- lists:seq(1, N), I rem 3 =/= 0],
    Again = {count(T), length(ets:match(T, {'_', again})), length(keys(T, ets:first(T)))},
    [true = ets:delete(T, I) || I <- lists:seq(1, N)],
    {Deleted, First, Again, count(T), ets:tab2list(T), ets:first(T)}.

%% Very many objects with one key.
one_key(Type, N, Options) ->
    T = ets:new(t, [Type, public | Options]),
    ets:insert(T, [{k, I} || I <- lists:seq(1, N)]),
    ets:insert(T, [{I, other} || I <- lists:seq(1, 100)]),
    All = lists:seq(1, N),
    Of = [{{k, '$1'}, [{is_integer, '$1'}], ['$1']}],
    Whole = [{{'_', '$1'}, [{is_integer, '$1'}], ['$1']}],
    Seen = together(3, fun
        (1) -> [ets:insert(T, {k, {new, I}}) || I <- lists:seq(1, 200)], ok;
        (2) -> lists:usort([lists:sort(ets:select(T, Of)) =:= All || _ <- lists:seq(1, 5)]);
        (3) -> lists:usort([lists:sort(ets:select(T, Whole)) =:= All || _ <- lists:seq(1, 5)])
    end),
    Chunks = lists:sort(chunks(ets:select(T, Of, 1000))) =:= All,
    Count = ets:select_count(T, [{{k, '_'}, [], [true]}]),
    Odd = ets:select_delete(T, [{{k, '$1'}, [{is_integer, '$1'}, {'=:=', {'rem', '$1', 2}, 1}], [true]}]),
    New = ets:select_delete(T, [{{'$1', {new, '_'}}, [], [true]}]),
    Left = lists:sort(ets:lookup(T, k)) =:= [{k, I} || I <- All, I rem 2 =:= 0],
    Rest = [ets:select_delete(T, [{{k, '_'}, [], [true]}]), count(T), ets:lookup(T, k)],
    true = ets:delete(T),
    {Seen, Chunks, Count, Odd, New, Left, Rest}.

%% A result put together in several time slices with collections between them.
large_chunk(Type) ->
    T = ets:new(t, [Type, public]),
    All = lists:seq(1, 30000),
    ets:insert(T, [{I, I} || I <- All]),
    lists:usort([together(1, fun(_) ->
        {L, C} = ets:select(T, [{{'$1', '_'}, [], [{{'$1', [x]}}]}], 50000),
        [garbage_collect(self(), [{type, minor}]) || _ <- lists:seq(1, 3)],
        lists:duplicate(10000, x),
        garbage_collect(),
        {C, lists:sort(L) =:= [{I, [x]} || I <- All]}
    end) || _ <- lists:seq(1, 3)]).
