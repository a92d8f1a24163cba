%% Sequential tracing: tokens, what the system tracer is told, what goes along with messages.
-module(seq_trace_t).
-export([main/1]).

main([]) ->
    S = self(),
    Items = [send, 'receive', print, timestamp, monotonic_timestamp, strict_monotonic_timestamp,
             label, serial],
    Info = fun() -> [erlang:seq_trace_info(I) || I <- Items] end,
    Empty = Info(),
    A = try_(fun() -> erlang:seq_trace_info(foo) end),
    B = try_(fun() -> erlang:seq_trace_info("foo") end),
    C = [try_(fun() -> erlang:seq_trace(X, Y) end)
         || {X, Y} <- [{foo, true}, {send, maybe}, {serial, 1}, {sequential_trace_token, {1, 2, 3}}]],
    D = seq_trace:get_system_tracer(),
    T = spawn(fun() -> tracer(S) end),
    E = [seq_trace:set_system_tracer(T), seq_trace:get_system_tracer() =:= T,
         erlang:system_info(sequential_tracer) =:= {sequential_tracer, T}],
    code:ensure_loaded(seq_trace),
    Echo = spawn(fun() -> echo() end),
    %% From here on no message but these until the token is gone.
    L0 = seq_trace:set_token(label, {my, "label"}),
    S0 = [seq_trace:set_token(F, true) || F <- [send, 'receive', print, send]],
    I1 = Info(),
    P0 = seq_trace:print(hello),
    P1 = seq_trace:print(17, hello),
    Echo ! {S, one},
    R1 = receive {Echo, X1} -> X1 end,
    I2 = Info(),
    Echo ! {S, two},
    Echo ! {S, three},
    R2 = receive {Echo, two} -> receive {Echo, three} -> ok end end,
    I3 = Info(),
    Tok = seq_trace:set_token([]),
    I4 = Info(),
    Echo ! {S, plain},
    receive {Echo, plain} -> ok end,
    I5 = Info(),
    seq_trace:set_token(Tok),
    Old = seq_trace:set_token(serial, {5, 9}),
    I6 = Info(),
    Echo ! {S, four},
    receive {Echo, four} -> ok end,
    I7 = Info(),
    self() ! with,
    seq_trace:set_token([]),
    I8 = Info(),
    receive with -> ok end,
    I9 = Info(),
    self() ! last,
    receive last -> ok end,
    Tok9 = seq_trace:get_token(),
    self() ! none,
    seq_trace:set_token(timestamp, true),
    I10 = Info(),
    seq_trace:set_token([]),
    receive none -> ok end,
    seq_trace:set_token([]),
    out("~p~n~p~n~p~n~p~n~p", [Empty, A, B, C, D]),
    out("~p", [E]),
    out("~p~n~p", [L0, S0]),
    [out("~p", [I]) || I <- [I1, P0, P1, R1, I2, R2, I3, I4, I5, Old, I6, I7, I8, I9, I10]],
    out("~p ~p", [setelement(4, Tok, from), setelement(4, Tok9, from)]),
    T ! last,
    show(Echo, seen([])),
    Mon = monitor(process, T),
    exit(T, kill),
    receive {'DOWN', Mon, _, _, _} -> ok end,
    out("~p", [seq_trace:get_system_tracer()]),
    out("~p", [seq_trace:reset_trace()]),
    out("~p", [try_(fun() -> seq_trace:set_system_tracer(foo) end)]).

out(F, A) -> io:format(F ++ "~n", A).

try_(F) ->
    try F() catch C:R -> {C, R} end.

tracer(S) -> receive M -> S ! {seen, M}, tracer(S) end.

echo() -> receive {From, X} -> From ! {self(), X}, echo() end.

seen(L) ->
    receive {seen, last} -> lists:reverse(L); {seen, M} -> seen([M | L]) end.

%% Two processes run at their own pace, so what one of them does is shown before what the other does.
show(Echo, Seen) ->
    {Here, There} = lists:partition(fun(M) -> acts(M, self()) end, Seen),
    out("here", []), [out("  ~0p", [norm(M, Echo)]) || M <- Here],
    out("there", []), [out("  ~0p", [norm(M, Echo)]) || M <- There].

acts({seq_trace, _, {'receive', _, _, To, _}}, P) -> To =:= P;
acts({seq_trace, _, {'receive', _, _, To, _}, _}, P) -> To =:= P;
acts({seq_trace, _, Event}, P) -> element(3, Event) =:= P;
acts({seq_trace, _, Event, _}, P) -> element(3, Event) =:= P.

norm(P, P) -> echo;
norm(P, _) when P =:= self() -> self;
norm(T, E) when is_tuple(T) -> list_to_tuple([norm(X, E) || X <- tuple_to_list(T)]);
norm(T, _) -> T.
