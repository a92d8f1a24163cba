%% ets_many_t: operations on many objects: long lists put in, fixed tables emptied. For everybody else
%% they are one step, however many slices they take; killed on the way they are done or not begun.
-module(ets_many_t).
-export([main/1]).

-define(N, 10000).

main(_) ->
    [values(Type) || Type <- [set, ordered_set, bag, duplicate_bag]],
    [versions(Type) || Type <- [set, ordered_set]],
    [new(Type) || Type <- [set, ordered_set, bag]],
    emptied(),
    killed(),
    deleted(),
    writers(),
    others_run(),
    errors(),
    io:format("done~n").

list(N, V) -> [{I, V} || I <- lists:seq(1, N)].
catch_(F) ->
    try F()
    catch
        C:R -> {C, R}
    end.

values(Type) ->
    T = ets:new(t, [Type]),
    %% Which of several objects with one key stays is open where there can be only one.
    L = [{case Type of set -> I; ordered_set -> I; _ -> I rem 9001 end, I rem 7, <<I:32>>} || I <- lists:seq(1, ?N)],
    A = [ets:insert(T, L), ets:info(T, size), erlang:phash2(lists:sort(ets:tab2list(T)))],
    B = [ets:insert_new(T, [{a, 1} | L]), ets:info(T, size)],
    C = [ets:insert_new(T, [{{I}, 1, 1} || I <- lists:seq(1, ?N)] ++ [{{1}, 1, 1}]), ets:info(T, size),
         ets:lookup(T, {1})],
    io:format("~p: ~p ~p ~p~n", [Type, A, B, C]).

%% Who has seen a version of the first object sees the same or a later one of the last; and the other
%% way round.
versions(Type) ->
    T = ets:new(t, [Type, public, {read_concurrency, true}]),
    ets:insert(T, list(?N, 0)),
    Self = self(),
    Readers = [spawn_link(fun() -> reader(Self, T, 1, ?N, 0) end),
               spawn_link(fun() -> reader(Self, T, ?N, 1, 0) end),
               spawn_link(fun() -> counter(Self, T) end)],
    [true = ets:insert(T, list(?N, V)) || V <- lists:seq(1, 12)],
    [R ! stop || R <- Readers],
    io:format("~p: ~p~n", [Type, [receive {R, X} -> X end || R <- Readers]]).

reader(Parent, T, A, B, Last) ->
    V1 = ets:lookup_element(T, A, 2),
    V2 = ets:lookup_element(T, B, 2),
    V3 = ets:lookup_element(T, (A + B) div 2, 2),
    case V1 >= Last andalso V2 >= V1 andalso V3 >= V2 of
        true -> receive stop -> Parent ! {self(), ok} after 0 -> reader(Parent, T, A, B, V3) end;
        false -> receive stop -> Parent ! {self(), {Last, V1, V2, V3}} end
    end.

counter(Parent, T) ->
    Vs = lists:usort(ets:select(T, [{{'_', '$1'}, [], ['$1']}])),
    %% a traversal is no single step, but an insertion is: two versions at most meet in it
    receive stop -> Parent ! {self(), {ok, length(Vs) >= 1, ets:info(T, size)}}
    after 0 -> counter(Parent, T)
    end.

%% insert_new is all or nothing, also while it looks.
new(Type) ->
    T = ets:new(t, [Type, public]),
    ets:insert(T, {?N, old}),
    Self = self(),
    Watch = spawn_link(fun() -> watch(Self, T, fun(S) -> lists:member(S, [1, ?N]) end, []) end),
    A = [ets:insert_new(T, list(?N, V)) || V <- [1, 2, 3, 4]],
    B = {ets:info(T, size), ets:lookup(T, ?N), ets:member(T, 1)},
    ets:delete_all_objects(T),
    ets:insert(T, {?N + 1, old}),
    C = [ets:insert_new(T, list(?N - 1, V)) || V <- [1, 2]],
    Watch ! stop,
    io:format("~p: ~p ~p ~p ~p ~p~n", [Type, A, B, C, ets:info(T, size), receive {Watch, X} -> X end]).

watch(Parent, T, Ok, Bad) ->
    Size = ets:info(T, size),
    %% 0: between delete_all_objects and the next object
    Worse = case Size =:= 0 orelse Ok(Size) of true -> Bad; false -> [Size | Bad] end,
    receive stop -> Parent ! {self(), Worse} after 0 -> watch(Parent, T, Ok, Worse) end.

%% A fixed table is emptied in one step, too, and keeps places for who goes through it.
emptied() ->
    [begin
         T = ets:new(t, [Type, public]),
         ets:insert(T, list(?N, 0)),
         ets:safe_fixtable(T, true),
         Self = self(),
         Watch = spawn_link(fun() -> watch(Self, T, fun(S) -> S =:= ?N orelse S =:= 1 end, []) end),
         First = ets:first(T),
         A = [ets:delete_all_objects(T), ets:info(T, size), ets:tab2list(T)],
         B = catch_(fun() -> ets:next(T, First) end),
         ets:insert(T, {again, 1}),
         C = ets:tab2list(T),
         ets:safe_fixtable(T, false),
         Watch ! stop,
         io:format("~p: ~p ~p ~p ~p ~p~n", [Type, A, B =:= '$end_of_table', C, ets:tab2list(T),
                                            receive {Watch, X} -> X end])
     end || Type <- [set, bag]].

%% A writer that is killed leaves all or nothing.
killed() ->
    R = [begin
             T = ets:new(t, [public]),
             ets:insert(T, {0, before}),
             Self = self(),
             {P, M} = spawn_monitor(fun() -> L = list(?N, K), Self ! {self(), ready},
                                             case K rem 2 of 0 -> ets:insert(T, L); 1 -> ets:insert_new(T, L) end
                                    end),
             receive {P, ready} -> ok end,
             spin(K * 300),
             exit(P, kill),
             receive {'DOWN', M, _, _, _} -> ok end,
             S = ets:info(T, size),
             true = ets:insert(T, {1, after_}),
             true = lists:member(ets:info(T, size), [2, ?N + 1]),
             ets:delete(T),
             lists:member(S, [1, ?N + 1])
         end || K <- lists:seq(1, 20)],
    io:format("~p~n", [lists:usort(R)]).

spin(0) -> ok;
spin(N) -> spin(N - 1).

%% The table goes while a list is being put in.
deleted() ->
    R = [begin
             T = ets:new(t, [public]),
             Self = self(),
             P = spawn_link(fun() -> L = list(?N, K), Self ! {self(), ready},
                                     Self ! {self(), catch_(fun() -> ets:insert(T, L) end)} end),
             receive {P, ready} -> ok end,
             spin(K * 500),
             true = ets:delete(T),
             receive {P, X} -> lists:member(X, [true, {error, badarg}]) end
         end || K <- lists:seq(1, 20)],
    io:format("~p~n", [lists:usort(R)]).

%% Several writers of the same keys: in the end all objects are of one list.
writers() ->
    T = ets:new(t, [public]),
    Self = self(),
    Ps = [spawn_link(fun() -> [true = ets:insert(T, list(?N, {W, V})) || V <- [1, 2, 3]], Self ! {self(), ok} end)
          || W <- [1, 2, 3]],
    [receive {P, ok} -> ok end || P <- Ps],
    [{_, 3}] = Vs = lists:usort(ets:select(T, [{{'_', '$1'}, [], ['$1']}])),
    io:format("~p ~p~n", [length(Vs), ets:info(T, size)]).

%% Others run while a long list is put in.
others_run() ->
    A = atomics:new(1, []),
    P = spawn_link(fun() -> count_up(A) end),
    T = ets:new(t, []),
    L = list(100000, 0),
    io:format("~p~n", [others_run(A, T, L, 100)]),
    unlink(P),
    exit(P, kill).
others_run(_, _, _, 0) -> false;
others_run(A, T, L, N) ->
    Before = atomics:get(A, 1),
    ets:insert(T, L),
    atomics:get(A, 1) - Before > 2 orelse others_run(A, T, L, N - 1).
count_up(A) ->
    atomics:add(A, 1, 1),
    erlang:yield(),
    count_up(A).

errors() ->
    T = ets:new(t, [{keypos, 2}]),
    L = list(?N, 0),
    [io:format("~p~n", [catch_(F)])
     || F <- [fun() -> ets:insert(T, L ++ [{1}]) end, fun() -> ets:insert(T, L ++ a) end,
              fun() -> ets:insert_new(T, L ++ [b]) end, fun() -> ets:insert(no_such_table, L) end,
              fun() -> ets:insert_new(make_ref(), L) end, fun() -> ets:info(T, size) end,
              fun() -> ets:insert(T, []) end, fun() -> ets:insert_new(T, []) end,
              fun() -> ets:insert_new(T, {1}) end, fun() -> ets:insert_new(T, {1, 2}) end,
              fun() -> ets:insert_new(T, {3, 2}) end]],
    P = ets:new(t, [protected]),
    Self = self(),
    W = spawn_link(fun() -> Self ! {self(), catch_(fun() -> ets:insert(P, L) end)} end),
    io:format("~p~n", [receive {W, X} -> X end]).
