%% only: uv
%% ling-run: --schedulers 4
%% Libraries loaded by several processes at once, and while the version before is purged: one after
%% the other. LING_TEST_NIFS names the folder where the build puts the library.
-module(nif_race_t).
-export([main/1]).

main(_) ->
    Lib = filename:join(os:getenv("LING_TEST_NIFS"), "nif_race"),
    Bin = module(),
    register(nif_race_owner, self()),
    [begin
         load(Bin),
         io:format("~p ~p ~p~n", [lists:sort(race(5, fun() -> result(nif_race:load(Lib)) end)),
                                  nif_race:ready(), events([loaded])]),
         true = code:delete(nif_race),
         code:purge(nif_race),
         io:format("~p~n", [events([unload])])
     end || _ <- lists:seq(1, 5)],
    load(Bin),
    ok = nif_race:load(Lib),
    io:format("~p~n", [events([loaded])]),
    [begin
         load(Bin),
         {_, M} = spawn_monitor(fun() -> exit(nif_race:load(Lib)) end),
         receive {nif_race, upgrade, _} -> ok end,
         code:purge(nif_race), % of the version whose library upgrade is looking at
         R = receive {'DOWN', M, process, _, Why} -> Why end,
         io:format("~p ~p ~p~n", [R, nif_race:ready(), events([upgraded, unload])])
     end || _ <- lists:seq(1, 5)],
    %% Others purge and load what has nothing to do with it.
    io:format("~p~n", [lists:usort(race(4, fun() -> [others(I) || I <- lists:seq(1, 20)] end))]).

others(_) ->
    Name = list_to_atom("nif_race_" ++ pid_to_list(self())),
    {ok, Name, Bin} = compile:forms([{attribute, 1, module, Name}], []),
    {module, Name} = code:load_binary(Name, "x", Bin),
    true = code:delete(Name),
    code:purge(Name).

load(Bin) -> {module, nif_race} = code:load_binary(nif_race, "nif_race.erl", Bin).

result({error, {What, _}}) -> What;
result(Ok) -> Ok.

race(N, F) ->
    Go = atomics:new(1, []),
    Ps = [spawn_monitor(fun() -> wait(Go), exit(F()) end) || _ <- lists:seq(1, N)],
    atomics:put(Go, 1, 1),
    [receive {'DOWN', R, process, P, Why} -> Why end || {P, R} <- Ps].

wait(Go) ->
    case atomics:get(Go, 1) of
        1 -> ok;
        0 -> erlang:yield(), wait(Go)
    end.

%% What the library told, until these have come, in their order.
events([]) -> receive {nif_race, What, N} -> [{What, N} | events([])] after 0 -> [] end;
events(Last) ->
    receive {nif_race, What, N} -> [{What, N} | events(Last -- [What])]
    after 60000 -> [none]
    end.

module() ->
    Text = ["-module(nif_race).", "-export([load/1, ready/0]).",
            "load(Path) -> erlang:load_nif(Path, 0).", "ready() -> erlang:nif_error(not_loaded)."],
    Forms = [begin
                 {ok, Tokens, _} = erl_scan:string(T),
                 {ok, Form} = erl_parse:parse_form(Tokens),
                 Form
             end || T <- Text],
    {ok, nif_race, Bin} = compile:forms(Forms, []),
    Bin.
