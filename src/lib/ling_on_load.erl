%% ling_on_load: runs the on_load functions of modules, each once, in a process of its own, while those
%% who call the module wait. One server does the book-keeping; it starts with the first such module.
%% Where a whole OTP runs its code server does this instead.
-module(ling_on_load).
-export([call/3, load/1, server/0, run/1]).

%% The engine comes here with a call of a function whose module waits for its on_load function.
call(M, F, Args) ->
    case ask(call, M) of
        ok -> apply(M, F, Args);
        {error, _} -> erlang:raise(error, undef, [{M, F, Args, []} | callers()])
    end.

callers() ->
    {current_stacktrace, Frames} = process_info(self(), current_stacktrace),
    [Frame || Frame <- Frames, element(1, Frame) =/= ?MODULE].

%% A version of the module has been put up by erlang:finish_loading/1 or the C API: ok once it is the
%% current one, {error, Reason} when its on_load function did not say ok.
load(M) -> ask(load, M).

ask(How, M) ->
    Server = whereis_server(),
    Mon = monitor(process, Server),
    Server ! {How, self(), Mon, M},
    receive
        {Mon, Result} ->
            demonitor(Mon, [flush]),
            Result;
        {'DOWN', Mon, _, _, Reason} -> {error, Reason}
    end.

whereis_server() ->
    case whereis(?MODULE) of
        undefined ->
            Pid = spawn(?MODULE, server, []),
            try register(?MODULE, Pid) of
                true -> Pid
            catch
                error:badarg ->
                    exit(Pid, kill),
                    whereis_server()
            end;
        Pid -> Pid
    end.

server() -> loop([]).

%% Running: [{Module, Pid, Monitor, [{Caller, Ref}]}]
loop(Running) ->
    receive
        {How, From, Ref, M} ->
            case lists:keyfind(M, 1, Running) of
                {M, From, _, _} ->
                    From ! {Ref, {error, on_load}}, % its own module: not there yet
                    loop(Running);
                {M, Pid, Mon, Waiting} ->
                    loop(lists:keystore(M, 1, Running, {M, Pid, Mon, [{From, Ref} | Waiting]}));
                false when How =:= call ->
                    case erlang:module_loaded(M) of
                        true ->
                            From ! {Ref, ok}, % done meanwhile
                            loop(Running);
                        false -> loop([start(M, From, Ref) | Running])
                    end;
                false -> loop([start(M, From, Ref) | Running])
            end;
        {'DOWN', Mon, process, Pid, Reason} ->
            case lists:keytake(Pid, 2, Running) of
                {value, {M, Pid, Mon, Waiting}, Others} ->
                    Result = finish(M, Reason),
                    [From ! {Ref, Result} || {From, Ref} <- Waiting],
                    loop(Others);
                false -> loop(Running)
            end
    end.

start(M, From, Ref) ->
    {Pid, Mon} = spawn_opt(?MODULE, run, [M], [monitor]),
    {M, Pid, Mon, [{From, Ref}]}.

run(M) -> exit({on_load, erlang:call_on_load_function(M)}).

finish(M, {on_load, ok}) ->
    erlang:finish_after_on_load(M, true),
    ok;
finish(M, Reason) ->
    %% The version goes; who runs its code (the on_load function may have spawned) goes with it.
    erlang:finish_after_on_load(M, false),
    erts_internal:purge_module(M, prepare_on_load),
    [exit(P, kill) || P <- processes(), erlang:check_process_code(P, M) =:= true],
    erts_internal:purge_module(M, complete),
    Why = case Reason of {on_load, Value} -> Value; _ -> Reason end,
    ling_host:log(io_lib:format("The on_load function of module ~s returned: ~tp", [M, Why])),
    {error, Why}.
