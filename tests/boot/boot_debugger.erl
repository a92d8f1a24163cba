%% OTP's debugger without its windows: the interpreter, breakpoints, stepping.
-module(boot_debugger).
-export([run/0, undefined_function/3, breakpoint/3]).

-define(M, boot_debugged).

out(Term) -> io:format("~p~n", [Term]).

run() ->
    badargs(),
    own_error_handler(),
    interpreted(),
    stepped(),
    waiting(),
    out([int:no_break(), int:all_breaks(), int:nn(?M), int:interpreted(), ?M:fact(3)]),
    init:stop().

badargs() ->
    out([try erts_debug:breakpoint(W, On) catch C:R -> {C, R} end
         || {W, On} <- [{{?M, fact, '_'}, false}, {{nothing, '_', '_'}, true}, {{?M, '_', 1}, true},
                        {{'_', fact, 1}, true}, {{?M, fact, -1}, true}, {{?M, fact, 1}, maybe},
                        {?M, true}, {{?M, fact, a}, true}, {{1, fact, 1}, true}]]).

%% A breakpoint asks the process's own error handler.
own_error_handler() ->
    {module, ?M} = code:ensure_loaded(?M),
    out(erts_debug:breakpoint({?M, fact, 1}, true)),
    out(erlang:trace_info({?M, fact, 1}, all)),
    process_flag(error_handler, ?MODULE),
    out([?M:fact(3), apply(?M, fact, [4]), (fun ?M:fact/1)(5), ?M:nothing(1, 2)]),
    process_flag(error_handler, error_handler),
    out(erts_debug:breakpoint({?M, fact, 1}, false)),
    out(?M:fact(3)).

breakpoint(M, F, A) -> {breakpoint, M, F, A}.
undefined_function(M, F, A) -> {undefined_function, M, F, A}.

interpreted() ->
    out([int:i(?M), int:ni(?M), int:interpreted(), int:i("nothing"), int:i(lists_nothing)]),
    out([int:interpretable(?M), filename:basename(int:file(?M))]),
    out([?M:fact(5), ?M:catches(1), get(done), ?M:funs([1, 2, 3]), ?M:bytes(<<"abc">>)]),
    {'EXIT', {Reason, [Top | _]}} = (catch ?M:boom(1)),
    out({Reason, Top}),
    {'EXIT', {Clause, _}} = (catch ?M:fact([])),
    out(Clause).

stepped() ->
    out([int:break(?M, 8), int:break_in(?M, boom, 1), int:break_in(?M, nothing, 1)]),
    out(int:all_breaks(?M)),
    Self = self(),
    P = spawn(fun() -> Self ! {result, ?M:fact(2)} end),
    until(P, break),
    out([{F, S, I} || {Q, F, S, I} <- int:snapshot(), Q =:= P]),
    {ok, Meta} = int:attached(P),
    out(event(Meta)),
    out(event(Meta)),
    out(int:meta(Meta, bindings, nostack)),
    out(step(Meta, step)),
    out(int:meta(Meta, bindings, nostack)),
    out(int:meta(Meta, backtrace, all)),
    int:meta(Meta, eval, {?M, "N + 40"}),
    out(receive {Meta, {eval_rsp, V}} -> V end),
    out(step(Meta, next)),
    out(step(Meta, finish)),
    ok = int:disable_break(?M, 8),
    out(int:all_breaks(?M)),
    int:meta(Meta, continue),
    receive {result, R} -> out(R) end,
    int:delete_break(?M, 8),
    out(int:all_breaks(?M)).

%% A conditional breakpoint; what an interpreted process is told and where it waits.
waiting() ->
    int:no_break(?M),
    Self = self(),
    {P, Monitor} = spawn_monitor(fun() -> exit({result, ?M:wait(Self)}) end),
    until(P, waiting),
    P ! {add, 1},
    out(receive {P, N} -> N end),
    until(P, waiting),
    ok = int:break(?M, 33),
    P ! {add, 2},
    until(P, break),
    ok = int:continue(P),
    out(receive {P, N2} -> N2 end),
    P ! stop,
    receive {'DOWN', Monitor, _, _, Why} -> out(Why) end.

until(P, State) ->
    case [S || {Q, _, S, _} <- int:snapshot(), Q =:= P] of
        [State] -> ok;
        _ -> timer:sleep(1), until(P, State)
    end.

%% The next event but that it runs.
event(Meta) ->
    receive
        {Meta, running} -> event(Meta);
        {Meta, Event} -> Event
    end.
step(Meta, How) ->
    int:meta(Meta, How),
    event(Meta).
