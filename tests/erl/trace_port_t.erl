%% only: uv
%% Ports as tracers: they get the messages in the external format. The port is an echo, so what it
%% got comes back to its owner.
-module(trace_port_t).
-export([main/1, f/1, loop/0]).

main(_) ->
    arguments(),
    events(),
    calls(),
    sequential(),
    closing().

out(F, A) -> io:format(F ++ "~n", A).
try_(F) -> try F() catch C:R -> {C, R} end.
f(X) -> hd([X]).
loop() -> receive stop -> ok; {From, F} -> From ! {self(), try_(F)}, loop() end.
start() -> spawn(?MODULE, loop, []).
do(P, F) -> P ! {self(), F}, receive {P, R} -> R end.
stop(P) -> M = monitor(process, P), P ! stop, receive {'DOWN', M, _, _, _} -> ok end.
echo() -> open_port({spawn_executable, os:find_executable("cat")}, [binary, {packet, 4}, use_stdio]).
close(Port) -> port_close(Port).

%% N messages the echo sent back.
told(Port, N) ->
    put(names, [{self(), self}, {Port, tracer}]),
    [receive {Port, {data, B}} -> out("  ~0p", [norm(binary_to_term(B))]) end || _ <- lists:seq(1, N)].
norm(P) when is_pid(P); is_reference(P); is_port(P) ->
    case lists:keyfind(P, 1, get(names)) of
        {_, N} -> N;
        false ->
            N = list_to_atom("x" ++ integer_to_list(length(get(names)))),
            put(names, get(names) ++ [{P, N}]), N
    end;
norm({trace_ts, P, T, X, Ts}) -> {trace_ts, norm(P), T, norm(X), stamp(Ts)};
norm({seq_trace, L, X, Ts}) -> {seq_trace, L, norm(X), stamp(Ts)};
norm(T) when is_tuple(T) -> list_to_tuple(norm(tuple_to_list(T)));
norm([H | T]) -> [norm(H) | norm(T)];
norm(F) when is_function(F) -> 'fun';
norm(X) -> X.
stamp({A, B, C}) when is_integer(A), is_integer(B), is_integer(C) -> now;
stamp({A, B}) when is_integer(A), is_integer(B) -> strict;
stamp(A) when is_integer(A) -> mono.

arguments() ->
    Port = echo(),
    P = start(),
    out("~p", [try_(fun() -> erlang:trace(P, true, [send, {tracer, Port}]) end)]),
    out("~p", [erlang:trace_info(P, tracer) =:= {tracer, Port}]),
    out("~p", [try_(fun() -> erlang:trace(P, true, [call]) end)]),
    out("~p", [erlang:trace_info(P, flags)]),
    out("~p", [erlang:trace(P, false, [send])]),
    out("~p", [erlang:trace_info(P, tracer)]),
    close(Port),
    out("~p", [try_(fun() -> erlang:trace(P, true, [send, {tracer, Port}]) end)]),
    out("~p", [erlang:trace_info(P, flags)]),
    stop(P).

events() ->
    Port = echo(),
    P = start(),
    1 = erlang:trace(P, true, [send, 'receive', procs, {tracer, Port}]),
    Big = lists:duplicate(3000, {a, 1.5, <<"binary">>, #{k => [v]}}),
    do(P, fun() -> register(trace_port_t_x, self()), self() ! Big, receive Big -> ok end end),
    told(Port, 5),
    [begin
         1 = erlang:trace(P, true, [S, {tracer, Port}]),
         1 = erlang:trace(P, false, [send, 'receive']),
         do(P, fun() -> unregister(trace_port_t_x), register(trace_port_t_x, self()) end),
         told(Port, 2),
         1 = erlang:trace(P, false, [S])
     end || S <- [timestamp, monotonic_timestamp, strict_monotonic_timestamp]],
    stop(P),
    told(Port, 2),
    close(Port).

calls() ->
    Port = echo(),
    P = start(),
    1 = erlang:trace_pattern({?MODULE, f, 1}, [{'_', [], [{return_trace}]}], [local]),
    1 = erlang:trace(P, true, [call, {tracer, Port}]),
    do(P, fun() -> f(x) end),
    told(Port, 2),
    1 = erlang:trace_pattern({?MODULE, f, 1}, false, [local]),
    1 = erlang:trace_pattern({?MODULE, f, 1}, true, [{meta, Port}]),
    out("~p", [erlang:trace_info({?MODULE, f, 1}, meta) =:= {meta, Port}]),
    do(P, fun() -> f(y) end),
    told(Port, 1),
    1 = erlang:trace_pattern({?MODULE, f, 1}, false, [meta]),
    stop(P),
    close(Port).

sequential() ->
    Port = echo(),
    out("~p", [seq_trace:set_system_tracer(Port)]),
    out("~p", [seq_trace:get_system_tracer() =:= Port]),
    seq_trace:set_token(label, 17),
    [seq_trace:set_token(F, true) || F <- [send, 'receive', print, timestamp]],
    seq_trace:print(here),
    self() ! hello,
    receive hello -> ok end,
    seq_trace:set_token([]),
    told(Port, 3),
    out("~p", [seq_trace:set_system_tracer(false) =:= Port]),
    close(Port),
    out("~p", [try_(fun() -> seq_trace:set_system_tracer(Port) end)]).

%% A tracer that is closed ends the trace.
closing() ->
    Port = echo(),
    P = start(),
    1 = erlang:trace(P, true, [send, {tracer, Port}]),
    close(Port),
    do(P, fun() -> ok end),
    out("~p ~p", [erlang:trace_info(P, flags), erlang:trace_info(P, tracer)]),
    stop(P).
