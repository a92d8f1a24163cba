%% A session of OTP's dbg: tracers, flags, patterns of all kinds, match specifications from funs.
-module(dbg_t).
-export([main/1, f/1, g/1]).
-include_lib("stdlib/include/ms_transform.hrl").

main([]) ->
    S = self(),
    out("~p", [element(1, dbg:tracer(process, {fun(M, N) -> S ! {msg, N, M}, N + 1 end, 0}))]),
    P = spawn(fun server/0),
    out("~p", [shape(dbg:p(P, [c]))]),
    out("~p", [shape(dbg:tp(?MODULE, f, 1, []))]),
    call(P, fun() -> ?MODULE:f(2) end),
    got(1),
    out("~p", [shape(dbg:tpl(?MODULE, f, 1, [{'_', [], [{return_trace}]}]))]),
    call(P, fun() -> f(2) end),
    got(6),
    out("~p", [shape(dbg:ctpl(?MODULE, f))]),
    out("~p", [shape(dbg:ctp(?MODULE, f, 1))]),
    call(P, fun() -> f(2) end),
    {ok, Ms} = {ok, dbg:fun2ms(fun([X]) when X > 1 -> message({big, X}), exception_trace() end)},
    out("~0p", [Ms]),
    out("~p", [shape(dbg:tpl(?MODULE, '_', Ms))]),
    call(P, fun() -> f(3) end),
    got(4),
    call(P, fun() -> g(5) end),
    got(2),
    out("~p", [shape(dbg:ctp())]),
    out("~p", [shape(dbg:p(P, [m, p]))]),
    P ! {call, S, fun() -> self() ! hello, register(dbg_t_x, self()), unregister(dbg_t_x) end},
    receive {done, P} -> ok end,
    got(6),
    out("~p", [shape(dbg:p(P, clear))]),
    out("~p", [shape(dbg:tpl(?MODULE, f, 1, cx))]),
    out("~p", [shape(dbg:p(P, [c, timestamp]))]),
    call(P, fun() -> f(0) end),
    receive {msg, _, {trace_ts, _, call, {?MODULE, f, [0]}, Caller, {_, _, _}}} -> out("~p", [Caller]) end,
    receive {msg, _, {trace_ts, _, return_from, {?MODULE, f, 1}, 0, {_, _, _}}} -> out("returned", []) end,
    out("~p", [element(1, dbg:get_tracer())]),
    out("~p", [dbg:stop_clear()]),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, traced)]),
    out("~p", [erlang:trace_info(P, flags)]),
    exit(P, kill).

out(F, A) -> io:format(F ++ "~n", A).

shape({ok, L}) when is_list(L) -> {ok, [setelement(3, X, n) || X <- L, tuple_size(X) =:= 3]
                                       ++ [X || X <- L, tuple_size(X) =/= 3]};
shape(X) -> X.

server() ->
    receive {call, From, F} -> catch F(), From ! {done, self()}, server() end.

call(P, F) ->
    P ! {call, self(), F},
    receive {done, P} -> ok end.

got(0) -> ok;
got(N) ->
    receive {msg, _, M} -> out("  ~0p", [norm(M)]), got(N - 1)
    after 60000 -> out("  no more", []) end.

norm(T) when is_pid(T) -> pid;
norm(T) when is_function(T) -> 'fun';
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm([H | T]) -> [norm(H) | norm(T)];
norm(T) -> T.

f(0) -> 0;
f(N) -> N + f(N - 1).

g(X) -> error({no, X}).
