%% Loops that only raise and catch: what exceptions leave is collected, what is live stays.
-module(catch_loop_t).
-export([main/1]).

main(_) ->
    [io:format("~w ~w~n", [K, in_process(K)]) || K <- [error, throw, exit, badmatch, caught, deep, nested, again]].

in_process(Kind) ->
    {_, R} = spawn_monitor(fun() -> exit(times(20000, Kind, {live, [Kind]}, 0)) end),
    receive {'DOWN', R, _, _, What} -> What end.

%% What is raised and its trace are looked at each time; memory stays that of a small process.
times(0, Kind, Live, Most) -> {Kind, Live, Most < 1000000};
times(N, Kind, Live, Most) ->
    same = run(Kind, Live, N),
    {memory, M} = process_info(self(), memory),
    times(N - 1, Kind, Live, max(M, Most)).

run(error, L, N) ->
    try erlang:error({L, N}) catch error:{L, N}:S -> [{?MODULE, run, 3, [_ | _]} | _] = S, same end;
run(throw, L, N) ->
    try throw({N, L}) catch {N, L} -> same end;
run(exit, L, N) ->
    try exit([N | L]) catch exit:[N | L]:S -> [_, _ | _] = S, same end;
run(badmatch, L, N) ->
    try {L, N} = {N, L} catch error:{badmatch, {N, L}}:_ -> same end;
run(caught, L, N) ->
    {'EXIT', {{L, N}, [_ | _]}} = (catch erlang:error({L, N})),
    N = (catch throw(N)),
    {'EXIT', L} = (catch exit(L)),
    same;
run(deep, L, N) ->
    try deep(30, L, N) catch error:{L, N}:S -> 8 = length(S), same end;
run(nested, L, N) ->
    try
        try atom_to_list(N) catch error:badarg:S -> erlang:raise(exit, {L, hd(S)}, S) end
    catch
        exit:{L, {erlang, atom_to_list, [N], _}} -> same
    end;
run(again, L, N) ->
    try try error({N, L}) after self() end
    catch error:{N, L}:S -> [{?MODULE, run, 3, _} | _] = S, same
    end.

deep(0, L, N) -> error({L, N});
deep(D, L, N) -> [D | deep(D - 1, L, N)].
