%% timer_t: clocks, dates, timers, environment. Prints by erlang:display, which needs no module.
%% Worth a run in a zone with daylight saving time, too (TZ=Europe/Berlin).
-module(timer_t).
-export([main/1, start/0]).

start() -> main([]).

main(_) ->
    units(),
    clocks(),
    dates(),
    bad_timers(),
    timers(),
    order(),
    options(),
    timeouts(),
    exits(),
    env(),
    misc(),
    ok.

p(Label, Term) -> erlang:display({Label, Term}).

%% The value, or the class and reason of the exception.
c(F) ->
    try F() catch C:R -> {C, R} end.

units() ->
    Units = [second, millisecond, microsecond, nanosecond, native, perf_counter, seconds,
             milli_seconds, micro_seconds, nano_seconds, 1, 7, 1 bsl 40, 1 bsl 70,
             0, -1, foo, 1.0, []],
    [p("unit", {U, c(fun() -> is_integer(erlang:M(U)) end)})
     || M <- [monotonic_time, system_time, time_offset], U <- Units],
    [p("os unit", {U, c(fun() -> is_integer(os:system_time(U)) end)}) || U <- Units],
    p("time_unit", {erts_internal:time_unit(), erts_internal:perf_counter_unit()}).

clocks() ->
    M1 = erlang:monotonic_time(), M2 = erlang:monotonic_time(),
    p("monotonic", M2 >= M1),
    S = erlang:system_time(), O = os:system_time(),
    p("close", abs(S - O) < 10000000000),
    p("offset", abs(erlang:monotonic_time() + erlang:time_offset() - erlang:system_time())
                < 1000000000),
    {A, B, C} = erlang:timestamp(),
    p("timestamp", {A > 1000, B < 1000000, C < 1000000}),
    {A2, _, _} = os:timestamp(),
    p("os timestamp", abs(A - A2) =< 1),
    Nows = [erlang:now() || _ <- lists:seq(1, 1000)],
    p("now", {Nows =:= lists:usort(Nows), length(Nows)}),
    p("perf", os:perf_counter() =< os:perf_counter()),
    U = erlang:universaltime(),
    p("universal", tuple_size(U)),
    L = erlang:localtime(),
    p("local", L =:= erlang:universaltime_to_localtime(erlang:localtime_to_universaltime(L))),
    {Y, Mo, D} = date(),
    p("date", {Y > 2020, Mo =< 12, D =< 31}),
    ok.

dates() ->
    Dates = [{{Y, M, D}, {H, Mi, S}} ||
                Y <- [1599, 1600, 1901, 1902, 1969, 1970, 2000, 2020, 2023, 2100, 9999],
                {M, D} <- [{1, 1}, {2, 28}, {2, 29}, {3, 1}, {12, 31}, {0, 1}, {13, 1}, {4, 31}],
                {H, Mi, S} <- [{0, 0, 0}, {23, 59, 59}, {24, 0, 0}, {0, 60, 0}, {0, 0, 60}]],
    [p("posix", {D, c(fun() -> erlang:universaltime_to_posixtime(D) end)}) || D <- Dates],
    [p("local", {D, c(fun() -> erlang:universaltime_to_localtime(D) end)})
     || {{Y, _, _}, _} = D <- Dates, Y =/= 1901],
    [p("utc", {D, Dst, c(fun() -> erlang:localtime_to_universaltime(D, Dst) end)})
     || {{Y, _, _}, {H, _, _}} = D <- Dates, Y >= 1969, Y < 2100, H =/= 24,
        Dst <- [true, false, undefined, x]],
    %% Around both changes of the clock in Europe.
    [p("change", {D, Dst, erlang:localtime_to_universaltime(D, Dst)})
     || D <- [{{2020, 3, 29}, {H, 30, 0}} || H <- [0, 1, 2, 3, 4]] ++
             [{{2020, 10, 25}, {H, 30, 0}} || H <- [0, 1, 2, 3, 4]] ++
             [{{2020, 7, 1}, {12, 0, 0}}],
        Dst <- [true, false, undefined]],
    Times = [0, -1, 1, 86399, 86400, -86400, -86401, 951782400, 951868800, 1 bsl 31, 1 bsl 32,
             -11676096000, -11676096001, -62135596800, 1 bsl 40,
             253402300799, 253402300800, 1 bsl 55, 1 bsl 62, 1 bsl 63 - 1, 1 bsl 63,
             1 bsl 70, -(1 bsl 70), a, 1.0],
    [p("from posix", {T, c(fun() -> erlang:posixtime_to_universaltime(T) end)}) || T <- Times],
    [p("bad", {X, c(fun() -> erlang:universaltime_to_posixtime(X) end),
               c(fun() -> erlang:universaltime_to_localtime(X) end),
               c(fun() -> erlang:localtime_to_universaltime(X) end)})
     || X <- [a, {}, {{2020, 1, 1}}, {{2020, 1, 1}, {1, 1}}, {{2020, 1.0, 1}, {1, 1, 1}},
              {{1 bsl 31, 1, 1}, {0, 0, 0}}, {{1 bsl 62, 1, 1}, {0, 0, 0}},
              {{-1, 1, 1}, {0, 0, 0}}, {{2020, 1, 1}, {-1, 0, 0}}]],
    ok.

bad_timers() ->
    S = self(),
    R = make_ref(),
    Ext = binary_to_term(<<131, 88, 119, 1, $a, 1:32, 1:32, 1:32>>),
    ExtRef = binary_to_term(<<131, 90, 0, 1, 119, 1, $a, 1:32, 1:32>>),
    Big = 1 bsl 64,
    [p("start", {T, ref(c(fun() -> erlang:start_timer(T, S, m, O) end), T, O), O})
     || {O, Ts} <- [{[], [-1, 1 bsl 43]}, {[{abs, true}], []}],
        T <- Ts ++ [-Big, Big, 1.0, a, 1 bsl 44, 1 bsl 59, 1 bsl 60, 1 bsl 62]],
    [p("dst", {c(fun() -> is_reference(erlang:F(100000, D, m)) end)})
     || F <- [start_timer, send_after],
        D <- [S, noname, undefined, [], "x", 1, R, Ext, {a, node()}]],
    [p("opts", {O, c(fun() -> is_reference(erlang:start_timer(100000, noname, m, O)) end)})
     || O <- [[], [{abs, false}], [{abs, false}, {abs, false}], [abs], [{abs, foo}],
              [{async, true}], foo, [{abs, false} | x], {abs, true}]],
    [p("cancel", {X, c(fun() -> erlang:cancel_timer(X) end), c(fun() -> erlang:read_timer(X) end)})
     || X <- [foo, 1, "x"]],
    p("unknown", {erlang:cancel_timer(R), erlang:read_timer(R)}),
    p("foreign", {erlang:cancel_timer(ExtRef), erlang:read_timer(ExtRef)}),
    Opts = [[], [{async, false}], [{async, true}], [{info, true}], [{info, false}],
            [{async, true}, {info, false}], [{info, false}, {info, true}], [{async, foo}],
            [{abs, true}], x, [x], [{async, true} | x]],
    [p("cancel opts", {O, c(fun() -> erlang:cancel_timer(R, O) end)}) || O <- Opts],
    [p("read opts", {O, c(fun() -> erlang:read_timer(R, O) end)}) || O <- Opts],
    [p("not a ref", {O, c(fun() -> erlang:cancel_timer(x, O) end)}) || O <- Opts],
    p("answers", [{K, X =:= R, A} || {K, X, A} <- [receive M -> M end, receive M2 -> M2 end | flush(20)]]),
    P = spawn(fun() -> ok end),
    wait_gone(P),
    T = erlang:start_timer(1000, P, m),
    p("dead", {is_reference(T), erlang:cancel_timer(T)}).

ref(R, T, O) when is_reference(R) ->
    Left = erlang:cancel_timer(R),
    {started, case O of [] -> Left =< T; _ -> is_integer(Left) end};
ref(X, _, _) -> X.

timers() ->
    %% Never early; left times; cancelled timers do not come.
    T0 = erlang:monotonic_time(microsecond),
    R1 = erlang:start_timer(20, self(), {m, [1, <<"abc">>, 2.5]}),
    R2 = erlang:send_after(10, self(), {plain, self()}),
    R3 = erlang:start_timer(1000000, self(), never),
    L2 = erlang:read_timer(R3),
    L = erlang:cancel_timer(R3),
    p("left", L > 0 andalso L =< 1000000),
    p("again", erlang:cancel_timer(R3)),
    p("read", L2 >= L andalso L2 =< 1000000),
    receive {plain, S} when S =:= self() -> p("plain", early(T0, 10)) end,
    p("gone", {erlang:cancel_timer(R2), erlang:read_timer(R2)}),
    receive {timeout, R1, M} -> p("enveloped", {M, early(T0, 20)}) end,
    %% Absolute time.
    Abs = erlang:monotonic_time(millisecond) + 5,
    A = erlang:start_timer(Abs, self(), abs, [{abs, true}]),
    receive {timeout, A, abs} -> p("abs", erlang:monotonic_time(millisecond) >= Abs) end,
    B = erlang:send_after(erlang:monotonic_time(millisecond) - 1, self(), past, [{abs, true}]),
    receive past -> p("past", erlang:cancel_timer(B)) end,
    p("name", by_name(20)),
    %% A large message survives its sender.
    Self = self(),
    spawn(fun() -> erlang:send_after(5, Self, {big, lists:seq(1, 1000), <<0:8000>>}) end),
    receive {big, Seq, Bin} -> p("big", {lists:sum(Seq), byte_size(Bin)}) end,
    %% Asynchronous answers.
    C = erlang:start_timer(1000000, self(), x),
    p("async read", erlang:read_timer(C, [{async, true}])),
    receive {read_timer, C, V} -> p("answer", V > 900000 andalso V =< 1000000) end,
    p("async cancel", erlang:cancel_timer(C, [{async, true}])),
    receive {cancel_timer, C, V2} -> p("answer", V2 > 900000 andalso V2 =< 1000000) end,
    D = erlang:start_timer(10000, self(), x),
    p("quiet", erlang:cancel_timer(D, [{info, false}])),
    p("none", flush(10)).

%% A name is looked up when the timer fires. It has to be there before.
by_name(Lead) ->
    At = erlang:monotonic_time(millisecond) + Lead,
    T = erlang:send_after(At, timer_t_name, by_name, [{abs, true}]),
    register(timer_t_name, self()),
    case erlang:monotonic_time(millisecond) < At of
        true ->
            receive by_name -> true end,
            unregister(timer_t_name);
        false ->
            erlang:cancel_timer(T),
            unregister(timer_t_name),
            flush(10),
            by_name(2 * Lead)
    end.

early(T0, Ms) -> erlang:monotonic_time(microsecond) - T0 < Ms * 1000.

order() ->
    %% In order of time; started one after the other with the same time: in that order.
    p("times", in_order(2, [{T, T} || T <- [9, 3, 6, 0, 12, 1]])),
    p("fifo", in_order(2, [{0, N} || N <- lists:seq(1, 100)]) =:= lists:seq(1, 100)),
    %% Thousands of timers at once.
    Refs = [erlang:start_timer(100000 + N rem 50, self(), N) || N <- lists:seq(1, 5000)],
    p("cancelled", length([ok || R <- Refs, is_integer(erlang:cancel_timer(R))])),
    [erlang:send_after(N rem 20, self(), many) || N <- lists:seq(1, 5000)],
    p("many", length([receive many -> ok end || _ <- lists:seq(1, 5000)])),
    p("none", flush(5)).

%% All timers have to be there before the first is due.
in_order(Lead, Timers) ->
    T0 = erlang:monotonic_time(millisecond) + Lead,
    [erlang:send_after(T0 + T, self(), {n, N}, [{abs, true}]) || {T, N} <- Timers],
    InTime = erlang:monotonic_time(millisecond) < T0,
    Order = [receive {n, N} -> N end || _ <- Timers],
    case InTime of
        true -> Order;
        false -> in_order(2 * Lead, Timers)
    end.

options() ->
    At = erlang:monotonic_time(millisecond) + 1000000,
    R = erlang:start_timer(At, self(), x, [{abs, false}, {abs, true}]),
    L = erlang:cancel_timer(R),
    p("last option", L > 900000 andalso L =< 1000000).

timeouts() ->
    p("zero", receive x -> x after 0 -> zero end),
    T0 = erlang:monotonic_time(microsecond),
    p("after", receive x -> x after 10 -> over end),
    p("early", early(T0, 10)),
    Self = self(),
    spawn(fun() -> receive after 5 -> Self ! hi end end),
    p("message first", receive hi -> hi after 60000 -> over end),
    p("bad", [c(fun() -> receive after V -> ok end end) || V <- [-1, a, 1.0, 1 bsl 32]]),
    p("loop", loop(1000, 0)).

loop(0, N) -> N;
loop(K, N) ->
    self() ! m,
    receive m -> loop(K - 1, N + 1) after 100000 -> loop(K - 1, N) end.

exits() ->
    %% Timers to a process end with it.
    Self = self(),
    P = spawn(fun() ->
                  Rs = [erlang:start_timer(100000, self(), x) || _ <- lists:seq(1, 1000)],
                  Self ! {refs, Rs},
                  receive stop -> ok end
              end),
    Refs = receive {refs, Rs} -> Rs end,
    p("alive", length([ok || R <- Refs, is_integer(erlang:read_timer(R))])),
    P ! stop,
    wait_gone(P),
    p("gone", length([ok || R <- Refs, erlang:read_timer(R) =:= false])).

env() ->
    K = "LING_TIMER_T",
    p("unset", {os:getenv(K), os:getenv(K, "d"), os:unsetenv(K)}),
    [p("put", {V, c(fun() -> os:putenv(K, V) end), os:getenv(K)})
     || V <- ["v", "", "a=b", [1024, $x], [255], [16#1F600], ["a", [$b]], x, <<"x">>, [16#d800],
              [-1], [0], [16#110000], ["a" | x]]],
    [p("name", {N, c(fun() -> os:getenv(N) end)}) || N <- [a, "A=B", "a\0b", <<"A">>, ["A=", "B"]]],
    p("nested", os:getenv(["LING", "_TIMER_", [$T]])),
    p("listed", lists:keymember(K, 1, os:env())),
    p("listed", lists:member(K ++ "=" ++ os:getenv(K), os:getenv())),
    p("unset", {os:unsetenv(K), os:getenv(K), lists:keymember(K, 1, os:env())}),
    p("bad", {c(fun() -> os:unsetenv(x) end), c(fun() -> os:putenv(x, "") end)}).

misc() ->
    p("pid", list_to_integer(os:getpid()) > 0),
    p("display_string", [c(fun() -> erlang:display_string(S) end)
                         || S <- [abc, <<"abc">>, ["abc"], [-1], [a], "" ]]),
    p("signal", [c(fun() -> os:set_signal(S, O) end)
                 || {S, O} <- [{sigusr1, foo}, {sigint, ignore}, {x, ignore}, {1, ignore}]]),
    p("halt", [c(fun() -> halt(S, O) end)
               || {S, O} <- [{0, [x]}, {0, x}, {0, [{flush, x}]}, {x, []}, {-1, []}, {1.0, []},
                             {[$a | b], []}, {[[$a]], []}, {<<"a">>, []}, {1 bsl 64, [x]}]]).

%% ---- helpers ----


flush(After) ->
    receive M -> [M | flush(After)] after After -> [] end.

wait_gone(P) ->
    M = monitor(process, P),
    receive {'DOWN', M, _, _, _} -> ok end.
