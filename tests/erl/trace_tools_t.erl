%% OTP's tools that stand on tracing: cprof, eprof, fprof, dbg's patterns and files.
-module(trace_tools_t).
-include_lib("stdlib/include/ms_transform.hrl").
-export([main/1, fib/1, work/0]).

fib(N) when N < 2 -> N;
fib(N) -> ?MODULE:fib(N - 1) + fib(N - 2).
work() -> lists:sum([fib(X) || X <- lists:seq(1, 8)]).

main([]) ->
    [{module, M} = code:ensure_loaded(M) || M <- [lists, seq_trace, cprof, eprof, fprof, dbg]],
    call_counts(),
    call_times(),
    profile(),
    dbg_patterns(),
    dbg_file().

out(F, A) -> io:format(F ++ "~n", A).

norm(T) when is_pid(T) -> pid;
norm({P, _, _}) when is_pid(P) -> pid;
norm({A, B, C} = T) when is_integer(A), is_integer(B), is_integer(C) ->
    if A > 1000 -> now; true -> T end;
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm([H | T]) -> [norm(H) | norm(T)];
norm(T) -> T.

call_counts() ->
    3 = cprof:start(?MODULE, fib) + cprof:start(?MODULE, work) + cprof:start(lists, sum, 1),
    work(),
    cprof:pause(),
    work(),
    {?MODULE, N, L} = cprof:analyse(?MODULE),
    out("~p ~p", [N, [X || {{_, F, _}, _} = X <- L, F =:= fib orelse F =:= work]]),
    out("~p", [cprof:analyse(?MODULE, 2)]),
    3 = cprof:restart(?MODULE, fib) + cprof:restart(?MODULE, work) + cprof:restart(lists, sum, 1),
    ?MODULE:fib(3),
    out("~p", [cprof:analyse(?MODULE)]),
    cprof:stop().

%% Number of calls; times are nobody's business.
call_times() ->
    %% The times are printed, too.
    Leader = group_leader(),
    Nobody = spawn(fun swallow/0),
    group_leader(Nobody, self()),
    eprof:start(),
    {ok, 54} = eprof:profile(fun work/0),
    ok = eprof:log("trace_tools_t.eprof"),
    eprof:analyze(total, [{sort, calls}]),
    eprof:stop(),
    group_leader(Leader, self()),
    exit(Nobody, kill),
    {ok, B} = file:read_file("trace_tools_t.eprof"),
    file:delete("trace_tools_t.eprof"),
    {match, L} = re:run(B, "^(trace_tools_t:(?:fib|work)/\\d|lists:\\S+) +(\\d+)",
                        [global, multiline, {capture, all_but_first, list}]),
    out("~p", [lists:sort(L)]).

swallow() ->
    receive {io_request, From, Ref, _} -> From ! {io_reply, Ref, ok} end,
    swallow().

%% Not by a file: fprof links to what reads it, which may be through before.
profile() ->
    A = "trace_tools_t.analysis",
    {ok, Tracer} = fprof:profile(start),
    ok = fprof:trace([start, {tracer, Tracer}]),
    work(),
    ok = fprof:trace(stop),
    analyse(A),
    fprof:stop(),
    {ok, Terms} = file:consult(A),
    file:delete(A),
    out("~p", [lists:sort([{M, C} || {_, {{?MODULE, F, _} = M, C, _, _}, _} <- Terms,
                                     F =:= fib orelse F =:= work])]).

%% The trace's end ends the profile.
analyse(A) ->
    case fprof:analyse([{dest, A}, {cols, 120}]) of
        ok -> ok;
        {error, _} -> erlang:yield(), analyse(A)
    end.

tracee() ->
    spawn_monitor(fun() -> receive go -> ok end, ?MODULE:fib(2), ?MODULE:work(), self() ! b, self() ! a end).
go({P, M}) ->
    P ! go,
    receive {'DOWN', M, _, _, _} -> ok end,
    R = erlang:trace_delivered(P),
    receive {trace_delivered, P, R} -> ok end.

dbg_patterns() ->
    S = self(),
    dbg:tracer(process, {fun(M, N) -> S ! {dbg, N, M}, N + 1 end, 0}),
    out("~p", [dbg:tp(?MODULE, fib, 1, [{['$1'], [{'<', '$1', 2}], [{return_trace}]}])]),
    out("~p", [dbg:tpl(?MODULE, work, 0, x)]),
    out("~p", [dbg:tpl(?MODULE, work, c)]),
    out("~p", [dbg:tpl(?MODULE, work, cx)]),
    out("~p", [dbg:tpe(send, [{['_', a], [], []}])]),
    out("~p", [dbg:tpe('receive', [{['_', '_', '$1'], [{'=/=', '$1', a}], []}])]),
    dbg:ltp(),
    {P, _} = T = tracee(),
    {ok, [{matched, _, 1}]} = dbg:p(P, [c, m]),
    go(T),
    ok = dbg:wtp("trace_tools_t.pat"),
    out("~p", [dbg:ctp(?MODULE)]),
    out("~p", [dbg:dtp()]),
    ok = dbg:rtp("trace_tools_t.pat"),
    file:delete("trace_tools_t.pat"),
    dbg:ltp(),
    {ok, Tracer} = dbg:get_tracer(),
    idle(Tracer),
    dbg:stop_clear(),
    dbg_told(),
    out("~p", [dbg:fun2ms(fun([A, B]) when A > B -> return_trace(), message(A) end)]).
%% It has told us of all that was delivered to it.
idle(P) ->
    case process_info(P, [message_queue_len, status]) of
        [{_, 0}, {_, waiting}] -> ok;
        _ -> erlang:yield(), idle(P)
    end.
dbg_told() ->
    receive
        {dbg, _, {trace, _, 'receive', {code_server, _}}} -> dbg_told();
        {dbg, N, M} -> out("~p ~p", [N, norm(M)]), dbg_told()
    after 0 -> ok
    end.

%% Traces in a file, read again by a client.
dbg_file() ->
    F = "trace_tools_t.trace",
    file:delete(F),
    dbg:tracer(port, dbg:trace_port(file, F)),
    dbg:tpl(?MODULE, work, 0, cx),
    {P, _} = T = tracee(),
    dbg:p(P, [c, timestamp]),
    go(T),
    dbg:stop_clear(),
    S = self(),
    dbg:trace_client(file, F, {fun(end_of_trace, _) -> S ! over; (M, _) -> out("~p", [norm(M)]) end, 0}),
    receive over -> ok end,
    file:delete(F).
