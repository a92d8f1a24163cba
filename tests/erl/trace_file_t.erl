%% Trace files: dbg:trace_port(file, ...) writes them, dbg:trace_client(file, ...) reads them.
-module(trace_file_t).
-export([main/1, f/1, loop/0]).

main(_) ->
    Dir = filename:join("/tmp", "trace_file_t_" ++ os:getpid()),
    ok = file:make_dir(Dir),
    put(dir, Dir),
    plain(filename:join(Dir, "plain")),
    wrapping(filename:join(Dir, "wrap")),
    timed(filename:join(Dir, "timed")),
    arguments(filename:join(Dir, "args")),
    session(filename:join(Dir, "session")),
    wrapped_session(filename:join(Dir, "turns")),
    [ok = file:delete(filename:join(Dir, F)) || {F, _} <- ls()],
    ok = file:del_dir(Dir).

out(F, A) -> io:format(F ++ "~n", A).
try_(F) -> try F() catch C:R -> {C, R} end.
f(X) -> hd([X]).
loop() -> receive stop -> ok; {From, F} -> From ! {self(), try_(F)}, loop() end.
do(P, F) -> P ! {self(), F}, receive {P, R} -> R end.
ls() ->
    {ok, L} = file:list_dir(get(dir)),
    [{F, filelib:file_size(filename:join(get(dir), F))} || F <- lists:sort(L)].
flush(P) -> erlang:port_control(P, $f, "").
close(P) ->
    M = monitor(port, P),
    true = port_close(P),
    receive {'DOWN', M, _, _, R} -> R end.

plain(Name) ->
    P = (dbg:trace_port(file, Name))(),
    out("~p ~p", [is_port(P), ls()]),
    true = port_command(P, <<"abc">>),
    out("~p ~p", [flush(P), ls()]),
    [out("~p ~p", [C, try_(fun() -> erlang:port_control(P, C, "xyz") end)]) || C <- [$p, 0, $F, 12345]],
    true = port_command(P, binary:copy(<<"abc">>, 100000)),
    true = port_command(P, []),
    true = port_command(P, ["x", [<<"y">> | "z"]]),
    flush(P),
    out("~p", [close(P)]),
    {ok, B} = file:read_file(Name),
    out("~p", [B =:= iolist_to_binary([<<0, 3:32, "abc", 0, 300000:32>>, binary:copy(<<"abc">>, 100000),
                                       <<0, 3:32, "xyz">>])]),
    file:delete(Name).

wrapping(Name) ->
    P = (dbg:trace_port(file, {Name, wrap, ".t", 30, 3}))(),
    [begin
         true = port_command(P, [X]),
         flush(P),
         X rem 5 =:= 0 andalso out("~p ~p", [X, ls()])
     end || X <- lists:seq(1, 40)],
    close(P),
    %% Files of an earlier log go.
    P2 = (dbg:trace_port(file, {Name, wrap, ".t", 30, 2}))(),
    out("~p", [ls()]),
    true = port_command(P2, binary:copy(<<"abc">>, 20)),
    flush(P2),
    out("~p", [ls()]),
    close(P2),
    [file:delete(filename:join(get(dir), F)) || {F, _} <- ls()].

timed(Name) ->
    P = (dbg:trace_port(file, {Name, wrap, ".t", {time, 20}, 2}))(),
    true = port_command(P, "abc"),
    [until(fun() -> lists:keymember("timed" ++ N ++ ".t", 1, ls()) end) || N <- ["1", "2", "0"]],
    out("turned", []),
    close(P),
    [file:delete(filename:join(get(dir), F)) || {F, _} <- ls()].
until(F) ->
    case F() of
        true -> ok;
        false -> receive after 1 -> until(F) end
    end.

arguments(Name) ->
    [out("~p", [try_(fun() -> open_port({spawn, "trace_file_drv" ++ A}, [eof]) end)]) ||
        A <- ["", " ", " n", " n ", " x y", " n /nosuch/dir/x", " w 1 2", " w 10 1 0 3 n log", " w 10 0 0 3 n log",
              " w x 2 0 3 n log", " w 10 2 0 n log",
              " w 1 2 0 3 n log", " w 1 2 0 4 n log"]],
    P = open_port({spawn, "trace_file_drv w 1 2 0 " ++ integer_to_list(length(Name)) ++ " n " ++ Name ++ "x"}, [eof]),
    [port_command(P, C) || C <- ["", "a"]],
    flush(P),
    out("~p", [ls()]),
    close(P),
    [file:delete(filename:join(get(dir), F)) || {F, _} <- ls()].

client(What) ->
    S = self(),
    Pid = dbg:trace_client(file, What, {fun(end_of_trace, L) -> S ! {log, lists:reverse(L)}, [];
                                           (M, L) -> [M | L] end, []}),
    M = monitor(process, Pid),
    receive {'DOWN', M, _, _, _} -> receive {log, L} -> L after 0 -> [] end end.

session(Name) ->
    {ok, _} = dbg:tracer(port, dbg:trace_port(file, Name)),
    P = spawn(?MODULE, loop, []),
    {ok, _} = dbg:p(P, [c, timestamp]),
    {ok, _} = dbg:tpl(?MODULE, f, 1, [{'_', [], [{return_trace}]}]),
    do(P, fun() -> [f(X) || X <- [a, {b, 1.5}, <<"c">>]] end),
    ok = dbg:flush_trace_port(),
    L = client(Name),
    [out("  ~p ~p ~p", [element(1, T), element(2, T) =:= P, tl(tl(tl(tuple_to_list(setelement(tuple_size(T), T, ts)))))]) || T <- L],
    {ok, Tracer} = dbg:get_tracer(),
    out("~p", [is_port(Tracer)]),
    dbg:stop_clear(),
    exit(P, kill).

wrapped_session(Name) ->
    {ok, _} = dbg:tracer(port, dbg:trace_port(file, {Name, wrap, ".log", 400, 3})),
    P = spawn(?MODULE, loop, []),
    {ok, _} = dbg:p(P, [c]),
    {ok, _} = dbg:tpl(?MODULE, f, 1, []),
    do(P, fun() -> [f(X) || X <- lists:seq(1, 100)] end),
    ok = dbg:flush_trace_port(),
    L = client({Name, wrap, ".log", 400, 3}),
    Args = [A || {trace, _, call, {?MODULE, f, [A]}} <- L],
    out("~p", [Args =:= lists:seq(hd(Args), 100) andalso hd(Args) > 1]),
    dbg:stop_clear(),
    exit(P, kill).
