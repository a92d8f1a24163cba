%% ets_packed_t: compressed tables: all operations as with others, in less memory.
-module(ets_packed_t).
-export([main/1]).

main(_) ->
    [values(Type, Pos) || Type <- types(), Pos <- [1, 2, 3, 7]],
    [operations(Type, Pos) || Type <- types(), Pos <- [1, 2]],
    [memory(Type) || Type <- types()],
    bags(),
    counters(),
    owned(),
    readers(),
    io:format("done~n").

types() -> [set, ordered_set, bag, duplicate_bag].

catch_(F) ->
    try F()
    catch
        C:R -> {C, R}
    end.

terms() ->
    X = 17,
    F = fun(Y) -> {X, Y} end,
    [1, 0, -1, 127, 128, -64, -65, 1 bsl 57, 1 bsl 58, 1 bsl 59, 1 bsl 60 - 1, -(1 bsl 60), 1 bsl 60,
     1 bsl 80, -(1 bsl 80), 1 bsl 2000, 1.5, 1.0e300, a, 'B', true, '', [], {}, "text",
     lists:seq(1, 300), lists:duplicate(50, {a, b}), [a | b], [[[[]]]], <<>>, <<"bin">>, <<1:3>>, <<5:77>>,
     binary:copy(<<"x">>, 64), binary:copy(<<"x">>, 65), binary:copy(<<"xy">>, 1000),
     binary:part(binary:copy(<<"xy">>, 1000), 3, 700), self(), make_ref(), #{}, #{a => 1, "b" => {c}},
     maps:from_list([{I, [I]} || I <- lists:seq(1, 200)]), F, fun lists:map/2, {1, {2, [3, {4.0, "5"}]}},
     list_to_tuple(lists:seq(1, 300)), atomics:new(1, []), [make_ref() | lists:seq(1, 40)],
     {literal, [1, 2, 3], <<"of the module">>}, [nested([]) || _ <- [1, 2]]].

nested(T) -> lists:foldl(fun(I, A) -> {I, A, [A]} end, T, lists:seq(1, 8)).

object(Pos, K, V) ->
    setelement(Pos, erlang:make_tuple(8, V), K).

values(Type, Pos) ->
    T = ets:new(t, [Type, compressed, {keypos, Pos}]),
    Terms = terms(),
    [true = ets:insert(T, object(Pos, K, V)) || K <- Terms, V <- [small, lists:seq(1, 50), {K, K}, K]],
    Bad = [K || K <- Terms,
                Seen <- [ets:lookup(T, K)],
                lists:last(Seen) =/= object(Pos, K, K) orelse
                    (Type =:= bag andalso length(Seen) < 3)],
    Other = case Pos of 1 -> 8; _ -> 1 end,
    Elements = [K || K <- Terms, ets:lookup_element(T, K, Pos) =/= K, Type =:= set orelse Type =:= ordered_set]
        ++ [K || K <- Terms, Type =:= set, ets:lookup_element(T, K, Other) =/= K],
    Members = [K || K <- Terms, not ets:member(T, K)],
    Matched = [K || K <- Terms, not is_map(K),
                    length(ets:match_object(T, object(Pos, K, '_'))) =/= length(ets:lookup(T, K))],
    erlang:garbage_collect(),
    All = lists:sort(ets:tab2list(T)),
    Folded = lists:sort(ets:foldl(fun(O, A) -> [O | A] end, [], T)),
    io:format("~p ~p: ~p ~p ~p ~p ~p ~p ~p~n",
              [Type, Pos, Bad, Elements, Members, Matched, ets:info(T, size), All =:= Folded,
               erlang:phash2([0 || _ <- All])]).

operations(Type, Pos) ->
    Opts = [Type, public, {keypos, Pos}],
    T = ets:new(t, [compressed | Opts]),
    P = ets:new(t, Opts),
    Both = fun(F) ->
               A = catch_(fun() -> F(T) end),
               B = catch_(fun() -> F(P) end),
               %% the order of bags is open
               {A =:= B, erlang:phash2(case is_list(A) of true -> lists:sort(A); false -> A end)}
           end,
    L = [object(Pos, {k, I rem 60}, [I, {v, I}, "some text", I * 1000000]) || I <- lists:seq(1, 300)],
    O = lists:nth(100, L),
    Sorted = fun(X) -> lists:sort(ets:tab2list(X)) end,
    R = [Both(F) || F <-
          [fun(X) -> ets:insert(X, L) end, Sorted,
           fun(X) -> ets:insert_new(X, L) end,
           fun(X) -> ets:insert_new(X, object(Pos, new, L)) end,
           fun(X) -> ets:lookup(X, new) end,
           fun(X) -> ets:lookup_element(X, new, 3) end,
           fun(X) -> ets:lookup_element(X, new, 9) end,
           fun(X) -> ets:lookup_element(X, none, 3) end,
           fun(X) -> ets:delete_object(X, O), Sorted(X) end,
           fun(X) -> ets:delete_object(X, setelement(8, O, y)), Sorted(X) end,
           fun(X) -> ets:take(X, {k, 7}) end,
           fun(X) -> ets:delete(X, {k, 8}), Sorted(X) end,
           fun(X) -> ets:update_element(X, {k, 9}, {4, changed}) end,
           fun(X) -> ets:update_element(X, {k, 9}, [{4, changed}, {5, lists:seq(1, 99)}]) end,
           fun(X) -> ets:lookup(X, {k, 9}) end,
           fun(X) -> ets:update_counter(X, {k, 9}, {4, 1}) end,
           fun(X) -> lists:sort(ets:select(X, [{object(Pos, {k, '$1'}, '_'), [{'<', '$1', 5}], ['$_']}])) end,
           fun(X) -> lists:sort(ets:match(X, object(Pos, '$1', '_'))) end,
           fun(X) -> ets:select_count(X, [{object(Pos, {k, '$1'}, '_'), [{'>', '$1', 30}], [true]}]) end,
           fun(X) -> ets:select_replace(X, [{object(Pos, {k, 3}, '$2'), [], [{object(Pos, {{k, 3}}, '$2')}]}]) end,
           fun(X) -> ets:select_delete(X, [{object(Pos, {k, '$1'}, '_'), [{'>', '$1', 40}], [true]}]) end,
           Sorted,
           fun(X) -> ets:safe_fixtable(X, true), ets:delete(X, {k, 1}), ets:insert(X, L),
                     ets:safe_fixtable(X, false), Sorted(X) end,
           fun(X) -> lists:sort(chunks(ets:select(X, [{'_', [], ['$_']}], 7))) end,
           fun(X) -> lists:sort(keys(X, ets:first(X))) end,
           fun(X) -> ets:info(X, size) end,
           fun(X) -> ets:delete_all_objects(X), ets:info(X, size) end]],
    io:format("~p ~p: ~p~n", [Type, Pos, R]).

chunks('$end_of_table') -> [];
chunks({L, C}) -> L ++ chunks(ets:select(C)).
keys(_, '$end_of_table') -> [];
keys(T, K) -> [K | keys(T, ets:next(T, K))].

memory(Type) ->
    [A, B] = [begin
                  T = ets:new(t, [Type | O]),
                  E = ets:info(T, memory),
                  ets:insert(T, [{I, lists:seq(I, I + 20), {I, ok, [I, a, b]}} || I <- lists:seq(1, 1000)]),
                  ets:info(T, memory) - E
              end || O <- [[], [compressed]]],
    io:format("~p: ~p~n", [Type, B < A div 2]).

%% What is in a bag already is not put in again, packed or not, as it is or written otherwise.
bags() ->
    [begin
         T = ets:new(t, [bag | O]),
         Big = binary:copy(<<"x">>, 100),
         Vs = [small, "text", lists:seq(1, N), {0.0, 1.5, 1 bsl 80}, <<"a binary">>, Big,
               {binary:part(Big, 0, 30), lists:seq(1, 40)}, {binary:copy(<<"x">>, 30), lists:seq(1, 40)},
               maps:from_list([{I, {I, "v"}} || I <- lists:seq(1, 50)]),
               maps:from_list([{I, {I, "v"}} || I <- lists:seq(50, 1, -1)]),
               lists:foldl(fun(I, M) -> maps:remove(-I, M) end,
                           maps:from_list([{I, {abs(I), "v"}} || I <- lists:seq(-50, 50), I =/= 0]),
                           lists:seq(1, 50)),
               list_to_tuple(lists:seq(1, 60)), {fun lists:map/2, [a | b]}],
         [ets:insert(T, {K, V}) || _ <- [1, 2], V <- Vs, K <- [k, {k, 1}, 1 bsl 70]],
         A = {ets:info(T, size), lists:sort([erlang:phash2(X) || X <- ets:lookup(T, k)])},
         ets:safe_fixtable(T, true),
         [ets:delete_object(T, {k, V}) || V <- Vs],
         [ets:insert(T, {k, V}) || _ <- [1, 2], V <- Vs],
         B = {ets:info(T, size), lists:sort([erlang:phash2(X) || X <- ets:lookup(T, k)])},
         ets:safe_fixtable(T, false),
         ets:delete(T, {k, 1}),
         io:format("~p ~p ~p ~p ~p~n", [N, O, A, A =:= B, ets:info(T, size)])
     end || O <- [[], [compressed]], N <- [20, 250, 260, 2000]].

counters() ->
    T = ets:new(t, [compressed]),
    ets:insert(T, {c, 0, lists:seq(1, 20), 1 bsl 59}),
    R = [ets:update_counter(T, c, {2, N}) || N <- lists:seq(1, 200)],
    S = ets:update_counter(T, c, [{2, 5}, {4, 1 bsl 59}, {4, 1}]),
    D = ets:update_counter(T, d, {2, 5}, {d, 0, "default"}),
    io:format("~p ~p ~p ~p ~p~n", [lists:last(R), S, D, ets:lookup(T, c), ets:lookup(T, d)]).

%% Objects with something that is counted outside. (Atomics that only a compressed table refers to
%% are lost in OTP, not here.)
owned() ->
    T = ets:new(t, [compressed]),
    As = [{I, atomics:new(1, [])} || I <- lists:seq(1, 50)],
    ets:insert(T, [{I, A, binary:copy(<<I>>, 100), lists:seq(1, 30)} || {I, A} <- As]),
    erlang:garbage_collect(),
    [begin
         [{_, A, B, _}] = ets:lookup(T, I),
         atomics:put(A, 1, I),
         B = binary:copy(<<I>>, 100)
     end || I <- lists:seq(1, 50)],
    io:format("~p~n", [lists:sum([atomics:get(A, 1) || {_, A} <- As])]).

%% Several processes read and write.
readers() ->
    T = ets:new(t, [compressed, public, {read_concurrency, true}]),
    V = fun(I, N) -> [I, N | lists:seq(1, 20)] end,
    ets:insert(T, [{I, V(I, 0)} || I <- lists:seq(1, 100)]),
    Ps = [spawn_monitor(fun() ->
              [begin
                   case (I + W) rem 3 of
                       0 -> ets:insert(T, {I, V(I, N)});
                       _ -> [{I, [I, _ | L]}] = ets:lookup(T, I), true = L =:= lists:seq(1, 20)
                   end
               end || N <- lists:seq(1, 20), I <- lists:seq(1, 100)]
          end) || W <- lists:seq(1, 4)],
    io:format("~p ~p~n", [[receive {'DOWN', M, _, _, R} -> R end || {_, M} <- Ps],
                          [I || {I, [J | _]} <- ets:tab2list(T), I =/= J]]).
