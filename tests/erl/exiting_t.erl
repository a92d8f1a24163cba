%% Processes that take several slices to end: what is traced of them, what others hear and when, and
%% that of what they were killed in the middle of nothing stays.
-module(exiting_t).
-export([main/1]).

main(_) ->
    Table = fun(N, O) -> fun() -> T = ets:new(t, O), ets:insert(T, [{I, x} || I <- lists:seq(1, N)]) end end,
    Tables = fun() -> [ets:new(t, []) || _ <- lists:seq(1, 1000)] end,
    Monitors = fun() -> Self = whereis(init), [erlang:monitor(process, Self) || _ <- lists:seq(1, 20000)] end,
    Preps = [{none, fun() -> ok end}, {small, Table(10, [])}, {set, Table(30000, [])},
             {tree, Table(30000, [ordered_set])}, {bag, Table(30000, [bag])}, {tables, Tables},
             {monitors, Monitors}],
    Ends = [{go, fun(P) -> P ! go end}, {kill, fun(P) -> exit(P, kill) end}, {exit, fun(P) -> exit(P, {a, "term"}) end}],
    [io:format("~p ~p ~p: ~p~n", [N, E, F, traced(Prep, End, F)])
     || {N, Prep} <- Preps, {E, End} <- Ends, F <- [[exiting], [running, exiting, procs]]],
    [io:format("heard of ~p ~p: ~p~n", [N, E, heard(Prep, End)]) || {N, Prep} <- Preps, {E, End} <- Ends],
    [io:format("told of ~p: ~p~n", [E, watched(End)]) || {E, End} <- Ends],
    killed(),
    ok.

start(Prep) ->
    S = self(),
    P = spawn(fun() -> Prep(), S ! {ready, self()}, receive go -> exit({some, "reason"}) end end),
    receive {ready, P} -> waits(P) end.

waits(P) ->
    case process_info(P, status) of
        {status, waiting} -> P;
        _ -> erlang:yield(), waits(P)
    end.

traced(Prep, End, Flags) ->
    P = start(Prep),
    M = monitor(process, P),
    erlang:trace(P, true, Flags),
    End(P),
    receive {'DOWN', M, _, _, _} -> ok end,
    squeeze(last_run(to_the_last(P))).

%% Who watches very many others is gone for its watchers before it is done with that.
to_the_last(P) ->
    receive
        {trace, P, out_exited, X} -> [{out_exited, X}];
        {trace, P, Tag, X} -> [{Tag, X} | to_the_last(P)]
    end.

%% It may still have been on its way to wait.
last_run(L) ->
    case [T || {in, _} = T <- L] of
        [_, _ | _] -> last_run(tl(lists:dropwhile(fun({Tag, _}) -> Tag =/= in end, L)));
        [_] -> lists:dropwhile(fun({Tag, _}) -> Tag =/= in end, L);
        [] -> L
    end.

%% However many slices it takes.
squeeze([{out_exiting, 0}, {in_exiting, 0} | L]) ->
    [several | lists:dropwhile(fun(X) -> X =:= several end, squeeze(L))];
squeeze([H | L]) -> [H | squeeze(L)];
squeeze([]) -> [].

%% The same receiver: a table's heir, linked, watching, and asking.
heard(Prep, End) ->
    process_flag(trap_exit, true),
    S = self(),
    P = start(fun() -> ets:new(given, [{heir, S, gift}]), Prep(), link(S), register(the_name, self()) end),
    M = monitor(process, P),
    End(P),
    L = [receive
             {'ETS-TRANSFER', T, P, gift} -> {transfer, ets:info(T, owner) =:= S, ets:delete(T)};
             {'EXIT', P, R} -> {exit, R, is_process_alive(P), whereis(the_name), process_info(P)};
             {'DOWN', M, process, P, R} -> {down, R, is_process_alive(P), whereis(the_name), lists:member(P, processes())}
         end || _ <- [1, 2, 3]],
    N = monitor(process, P),
    {hd(L), lists:sort(tl(L)), receive {'DOWN', N, _, _, R} -> R end}.

%% Very many that are linked to it or watch it: all hear of it.
watched(End) ->
    S = self(),
    P = start(fun() -> ok end),
    N = 6000,
    Ws = [spawn(fun() ->
                    process_flag(trap_exit, true),
                    case I rem 2 of 0 -> link(P); 1 -> monitor(process, P) end,
                    S ! {on, self()},
                    R = receive {'EXIT', P, X} -> {exit, X}; {'DOWN', _, _, P, X} -> {down, X} end,
                    S ! {R, is_process_alive(P)}
                end) || I <- lists:seq(1, N)],
    [receive {on, W} -> ok end || W <- Ws],
    End(P),
    All = [receive {{_, _}, _} = X -> X end || _ <- Ws],
    [{X, length([Y || Y <- All, X =:= Y])} || X <- lists:usort(All)].

%% Killed on the way through a long BIF on a table.
killed() ->
    L = [{I, x} || I <- lists:seq(1, 40000)],
    Fs = [{delete, fun(T) -> ets:delete(T) end}, {empty, fun(T) -> ets:delete_all_objects(T) end},
          {insert, fun(T) -> ets:insert(T, L) end}, {insert_new, fun(T) -> ets:insert_new(T, L) end}],
    [begin
         S = self(),
         {P, M} = spawn_monitor(fun() ->
                                    T = ets:new(t, [Type, public]),
                                    ets:insert(T, L),
                                    ets:new(given, [{heir, S, T}]),
                                    S ! {ready, self()},
                                    F(T),
                                    receive after infinity -> ok end
                                end),
         receive {ready, P} -> ok end,
         [erlang:yield() || _ <- lists:seq(1, Turns)],
         exit(P, kill),
         receive {'ETS-TRANSFER', G, P, T} -> ets:delete(G) end,
         receive {'DOWN', M, _, _, killed} -> ok end,
         undefined = ets:info(T)
     end || {_, F} <- Fs, Type <- [set, ordered_set, bag], Turns <- [0, 1, 2, 5, 20]],
    io:format("killed~n").
