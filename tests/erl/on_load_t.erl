%% Modules with on_load functions, loaded by the first call of them.
-module(on_load_t).
-export([main/1]).

main(_) ->
    put_count(0),
    p(first, on_load_ok_aux:value()),
    p(again, on_load_ok_aux:value()),
    p(once, count()),
    %% Many callers at once; nobody sees the module before it is ready.
    put_count(0),
    Parent = self(),
    Pids = [spawn(fun() -> Parent ! {self(), on_load_slow_aux:value(N)} end) || N <- lists:seq(1, 20)],
    p(many, [receive {P, V} -> V end || P <- Pids]),
    p(once, count()),
    %% It fails: undef, each time, and each time it is tried.
    put_count(0),
    p(error, [caught(fun() -> on_load_bad_aux:value(error) end) || _ <- [1, 2]]),
    p(loaded, erlang:module_loaded(on_load_bad_aux)),
    p(tried, count() >= 2),
    p(apply, caught(fun() -> apply(on_load_bad_aux, value, [x]) end)),
    p(crash, caught(fun() -> on_load_crash_aux:value() end)),
    %% An on_load function that calls other modules with on_load functions, and asks for its own.
    p(nested, on_load_nested_aux:value()),
    p(ensure, code:ensure_loaded(on_load_ensure_aux)),
    p(ensure, code:ensure_loaded(on_load_bad_aux)),
    p(value, on_load_ensure_aux:value()),
    p(funs, lists:map(fun on_load_fun_aux:twice/1, [1, 2, 3])),
    {Pid, Ref} = spawn_monitor(on_load_spawn_aux, run, [self()]),
    receive {Pid, Said} -> p(spawned, Said) end,
    receive {'DOWN', Ref, _, _, Why} -> p(ended, Why) end.

p(What, Value) -> io:format("~p ~p~n", [What, Value]).
put_count(N) -> persistent_term:put(on_load_count, N).
count() -> persistent_term:get(on_load_count).
caught(F) ->
    try F()
    catch C:R:S -> {C, R, hd(S)}
    end.
