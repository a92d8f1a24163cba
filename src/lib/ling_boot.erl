%% ling_boot: the Erlang side of the C API and of ling-run. ling_host's functions are C (src/api).
-module(ling_boot).
-export([call/4, run/4, mailbox/1, async/2, main/4, print/1]).
-export([on_load/1, soft_purge/1]).

%% ling_call: M:F(A...) in a process of its own; the host learns the outcome under Id even when
%% the process is killed. `stop` comes when the host no longer waits.
call(Id, M, F, A) ->
    {Pid, Mon} = spawn_opt(?MODULE, run, [Id, M, F, A], [monitor]),
    receive
        {'DOWN', Mon, process, _, normal} -> ok;
        {'DOWN', Mon, process, _, Reason} -> ling_host:result(Id, {exit, Reason, []});
        stop -> exit(Pid, kill)
    end.

run(Id, M, F, A) ->
    Outcome =
        try
            {ok, apply(M, F, A)}
        catch
            Class:Reason:Stack -> {Class, Reason, own_frames_off(Stack)}
        end,
    ling_host:result(Id, Outcome).

own_frames_off(Stack) -> [Frame || Frame <- Stack, element(1, Frame) =/= ?MODULE].

%% The process behind a pid that stands for the host.
mailbox(Id) ->
    receive
        Message -> ling_host:deliver(Id, Message)
    end,
    mailbox(Id).

%% A call of an asynchronous host function: sleeps until ling_reply.
async(Id, Args) ->
    Ref = erlang:alias([reply]),
    ling_host:start(Id, Ref, Args),
    receive
        {Ref, ok, Value} -> Value;
        {Ref, Class, Reason} -> erlang:raise(Class, Reason, [])
    end.

%% For the C API: a module with an on_load function has been put up.
on_load(Module) ->
    case ling_on_load:load(Module) of
        ok -> true;
        {error, Reason} -> exit({on_load_failure, Module, Reason})
    end.

%% Frees the old version of a module unless a process uses it.
soft_purge(Module) ->
    erts_internal:purge_module(Module, prepare),
    Used = [P || P <- processes(), P =/= self(), erlang:check_process_code(P, Module) =/= false],
    erts_internal:purge_module(Module, case Used of [] -> complete; _ -> abort end),
    Used =:= [].

%% What ling-run runs: the exit status, after printing the value or the crash.
main(M, F, A, Print) ->
    try apply(M, F, A) of
        Value when Print -> print(Value);
        _ -> 0
    catch
        exit:normal -> 0;
        Class:Reason:Stack -> crash(Class, Reason, own_frames_off(Stack))
    end.

print(Value) ->
    io:format("~p.~n", [Value]),
    0.

%% As the shell shows it, by OTP's own formatter; without an OTP, the C side does it.
crash(Class, Reason, Stack) ->
    Text =
        try
            Lines = erl_error:format_exception(Class, Reason, Stack),
            unicode:characters_to_binary(["ling-run: ", Lines, $\n])
        catch
            _:_ -> none
        end,
    case Text of
        none -> {crash, Class, Reason, Stack};
        _ -> ling_io:write(2, Text), 1
    end.
