%% Signals between processes: order, links, monitors, exits, aliases, selective receive.
-module(signals_t).
-export([start/0]).

start() ->
    order(),
    exits(),
    links(),
    unlinking(),
    monitors(),
    demonitoring(),
    aliases(),
    reply_aliases(),
    self_signals(),
    selective(),
    markers(),
    timeouts(),
    chains(),
    values().

p(What, X) -> io:format("~s: ~0p~n", [What, anon(X)]).

anon(X) when is_pid(X) -> pid;
anon(X) when is_reference(X) -> ref;
anon(X) when is_tuple(X) -> list_to_tuple(anon(tuple_to_list(X)));
anon([H | T]) -> [anon(H) | anon(T)];
anon(X) -> X.

c(F) ->
    try F()
    catch C:R:Stack ->
        {M, Fn, A, I} = hd(Stack),
        {C, R, M, Fn, A, proplists:get_value(error_info, I)}
    end.

gone(P) ->
    R = monitor(process, P),
    receive {'DOWN', R, process, P, Reason} -> Reason end.

dead() ->
    P = spawn(fun() -> ok end),
    gone(P),
    P.

next() -> receive X -> X after 60000 -> nothing end.
queued(N) ->
    case process_info(self(), message_queue_len) of
        {_, N} -> ok;
        _ -> receive after 1 -> queued(N) end
    end.
none() -> receive X -> {unexpected, X} after 20 -> none end.

sleeper() -> spawn(fun() -> receive after infinity -> ok end end).

%% Runs F in a process of its own; its value or how it ended.
in(F) ->
    S = self(), T = make_ref(),
    {P, R} = spawn_monitor(fun() -> S ! {T, F()} end),
    receive
        {T, V} -> demonitor(R, [flush]), V;
        {'DOWN', R, process, P, Reason} -> {ended, Reason}
    end.

order() ->
    S = self(),
    P = spawn(fun() -> collect(S, 1000, []) end),
    [P ! I || I <- lists:seq(1, 1000)],
    p("one sender", next() == lists:seq(1, 1000)),
    Q = spawn(fun() -> collect(S, 600, []) end),
    [spawn(fun() -> [Q ! {W, I} || I <- lists:seq(1, 200)] end) || W <- [a, b, c]],
    L = next(),
    p("each of three", [[I || {W, I} <- L, W == X] == lists:seq(1, 200) || X <- [a, b, c]]),
    %% A message, then an exit: the message arrives first.
    T = spawn(fun() -> process_flag(trap_exit, true), S ! up, S ! {next(), next()} end),
    receive up -> ok end,
    T ! first, exit(T, second),
    p("message before exit", next()).

collect(S, 0, Acc) -> S ! lists:reverse(Acc);
collect(S, N, Acc) -> receive X -> collect(S, N - 1, [X | Acc]) end.

exits() ->
    Trap = fun(Reason) ->
        in(fun() ->
            S = self(),
            P = spawn(fun() -> process_flag(trap_exit, true), S ! up, S ! {got, next()},
                               receive stop -> ok end end),
            receive up -> ok end,
            exit(P, Reason),
            receive {got, M} -> P ! stop, M after 60000 -> gone(P) end
        end)
    end,
    Plain = fun(Reason) ->
        in(fun() -> P = sleeper(), exit(P, Reason), R = monitor(process, P),
                    case is_process_alive(P) of
                        true -> alive;
                        false -> receive {'DOWN', R, _, _, W} -> W end
                    end end)
    end,
    Reasons = [normal, other, {a, "b", <<"c">>}, kill, killed],
    p("trapping", [{R, Trap(R)} || R <- Reasons -- [kill]]),
    p("kill trapping", in(fun() ->
        P = spawn(fun() -> process_flag(trap_exit, true), receive after infinity -> ok end end),
        exit(P, kill), gone(P) end)),
    p("not trapping", [{R, Plain(R)} || R <- Reasons]),
    p("exit itself", [in(fun() -> exit(self(), R), alive end) || R <- [normal, foo, kill]]),
    p("exit itself trapping", [in(fun() -> process_flag(trap_exit, true), exit(self(), R), next() end)
                               || R <- [normal, foo, kill]]),
    p("exit/1", [in(fun() -> exit(R) end) || R <- [normal, foo, kill, {x, y}]]),
    p("throw", in(fun() -> throw(ball) end) =/= ok),
    p("exit of a dead one", exit(dead(), foo)),
    p("far", c(fun() -> exit(foo, bar) end)).

links() ->
    p("linked exits", [in(fun() ->
        process_flag(trap_exit, true),
        P = spawn_link(fun() -> exit(R) end),
        receive {'EXIT', P, W} -> {R, W} end end) || R <- [normal, kill, foo, {x, [y]}]]),
    p("normal does not hurt", in(fun() -> P = spawn_link(fun() -> ok end), gone(P), alive end)),
    p("foo does", in(fun() -> spawn_link(fun() -> exit(foo) end), next() end)),
    p("kill by link", in(fun() -> spawn_link(fun() -> exit(kill) end), next() end)),
    p("error by link", element(1, element(2, in(fun() ->
        spawn_link(fun() -> receive after 1 -> exit({my, error}) end end), next() end)))),
    p("link to dead", in(fun() -> link(dead()), alive end) =/= alive),
    p("link to dead, error", in(fun() -> element(2, c(fun() -> link(dead()) end)) end)),
    p("link to dead, trapping", in(fun() -> process_flag(trap_exit, true), link(dead()), next() end)),
    p("link twice", in(fun() ->
        process_flag(trap_exit, true), P = sleeper(), link(P), link(P), spawn(fun() -> link(P) end),
        exit(P, x), {next(), none()} end)),
    p("link itself", {link(self()), unlink(self())}),
    p("bad", [c(fun() -> link(foo) end), c(fun() -> unlink(foo) end)]),
    p("unlink stranger", unlink(sleeper())),
    p("both ways", in(fun() ->
        S = self(), process_flag(trap_exit, true),
        P = spawn(fun() -> process_flag(trap_exit, true), link(S), S ! linked,
                           S ! {p_got, next()}, receive stop -> ok end end),
        receive linked -> ok end,
        {links, L} = process_info(S, links),
        exit(P, hello), A = next(), unlink(P), P ! stop, gone(P), {L == [P], A, none()} end)),
    %% A ring of linked processes goes down together.
    p("ring", in(fun() ->
        process_flag(trap_exit, true),
        S = self(),
        Ps = [P1 | _] = [spawn(fun() -> receive {link, X} -> link(X), S ! linked,
                                                receive die -> exit(dead_ring) end
                                        end end) || _ <- lists:seq(1, 50)],
        [A ! {link, B} || {A, B} <- lists:zip(Ps, tl(Ps) ++ [P1])],
        [receive linked -> ok end || _ <- Ps],
        Rs = [monitor(process, P) || P <- Ps],
        P1 ! die,
        lists:usort([receive {'DOWN', R, _, _, W} -> W end || R <- Rs]) end)).

unlinking() ->
    %% After unlink no exit signal arrives, however the other ends meanwhile.
    p("unlink", lists:usort([in(fun() ->
        process_flag(trap_exit, true),
        P = spawn_link(fun() -> exit(gone) end),
        [erlang:yield() || _ <- lists:seq(1, I rem 5)],
        unlink(P),
        receive {'EXIT', P, _} -> ok after 0 -> ok end,
        gone(P),
        none0() end) || I <- lists:seq(1, 50)])),
    p("unlink and link again", in(fun() ->
        process_flag(trap_exit, true), P = sleeper(), link(P), unlink(P), link(P),
        {links, L} = process_info(P, links), exit(P, x), {L == [self()], next(), none()} end)),
    p("link, unlink many", in(fun() ->
        P = sleeper(), [begin link(P), unlink(P) end || _ <- lists:seq(1, 1000)],
        exit(P, x), gone(P), alive end)).

none0() -> receive X -> {unexpected, X} after 0 -> none end.

monitors() ->
    p("reasons", [in(fun() -> {P, R} = spawn_monitor(fun() -> exit(X) end),
                              receive {'DOWN', R, process, P, W} -> W end end)
                  || X <- [normal, kill, foo, {a, lists:seq(1, 3)}]]),
    p("dead", in(fun() -> D = dead(), monitor(process, D), next() end)),
    p("stacked", in(fun() ->
        P = sleeper(), Rs = [monitor(process, P) || _ <- [1, 2, 3]], exit(P, x),
        Ms = [next() || _ <- Rs], {lists:sort(Rs) == lists:sort([element(2, M) || M <- Ms]), Ms, none()}
    end)),
    p("by name", in(fun() ->
        P = sleeper(), register(monitored_name, P),
        monitor(process, monitored_name), monitor(process, {monitored_name, node()}),
        {monitors, L} = process_info(self(), monitors), exit(P, x), [L, next(), next()] end)),
    p("no such name", in(fun() -> monitor(process, nobody), next() end)),
    p("no such name, node", in(fun() -> monitor(process, {nobody, node()}), next() end)),
    p("tag", in(fun() -> monitor(process, dead(), [{tag, {my, [tag]}}]), next() end)),
    p("tag, alive", in(fun() -> P = sleeper(), monitor(process, P, [{tag, tagged}]), exit(P, x), next()
                       end)),
    p("itself", in(fun() -> R = monitor(process, self()), {demonitor(R, [info]), none()} end)),
    p("bad", [c(fun() -> monitor(A, B) end)
              || {A, B} <- [{foo, self()}, {process, 17}, {process, {a, b, c}}, {1, 2}]]),
    p("bad opts", [c(fun() -> monitor(process, self(), X) end)
                   || X <- [[{alias, foo}], [foo], foo, [{tag, a} | b]]]),
    p("100 watchers", in(fun() ->
        S = self(), P = sleeper(),
        [spawn(fun() -> R = monitor(process, P), S ! up, receive {'DOWN', R, _, _, W} -> S ! W end end)
         || _ <- lists:seq(1, 100)],
        [receive up -> ok end || _ <- lists:seq(1, 100)],
        exit(P, {big, lists:duplicate(50, x)}),
        length([ok || {big, _} <- [next() || _ <- lists:seq(1, 100)]]) end)).

demonitoring() ->
    p("before", in(fun() -> P = sleeper(), R = monitor(process, P), X = demonitor(R), exit(P, x), gone(P),
                            {X, none()} end)),
    p("info", in(fun() -> P = sleeper(), R = monitor(process, P),
                          {demonitor(R, [info]), demonitor(R, [info]), demonitor(R)} end)),
    p("after", in(fun() -> R = monitor(process, dead()), queued(1),
                           {demonitor(R, [info]), element(1, next())} end)),
    p("flush", in(fun() -> R = monitor(process, dead()), self() ! other, queued(2),
                           {demonitor(R, [flush]), next(), none()} end)),
    p("flush, info", in(fun() -> R = monitor(process, dead()), queued(1),
                                 {demonitor(R, [flush, info]), none()} end)),
    p("flush, still on", in(fun() -> R = monitor(process, sleeper()), demonitor(R, [info, flush]) end)),
    p("flush among many", in(fun() ->
        [self() ! {I, make_ref(), a, b, c} || I <- lists:seq(1, 100)],
        R = monitor(process, dead()), queued(101),
        [self() ! I || I <- lists:seq(1, 100)],
        demonitor(R, [flush]), element(2, process_info(self(), message_queue_len)) end)),
    p("bad", [c(fun() -> demonitor(foo) end), c(fun() -> demonitor(make_ref(), [foo]) end),
              c(fun() -> demonitor(make_ref(), foo) end), c(fun() -> demonitor(make_ref(), [info]) end),
              c(fun() -> demonitor(make_ref()) end)]).

aliases() ->
    p("alias", in(fun() -> A = alias(), A ! one, X = next(), U = unalias(A), A ! two,
                           {X, U, unalias(A), none()} end)),
    p("reply", in(fun() -> A = alias([reply]), A ! one, A ! two, {next(), none(), unalias(A)} end)),
    p("explicit", in(fun() -> A = alias([explicit_unalias]), A ! one, A ! two, [next(), next()] end)),
    p("from others", in(fun() ->
        A = alias(), [spawn(fun() -> A ! {from, I} end) || I <- [1, 2, 3]],
        lists:sort([next() || _ <- [1, 2, 3]]) end)),
    p("of the dead", in(fun() -> S = self(), P = spawn(fun() -> S ! alias() end), A = next(), gone(P),
                                 A ! lost, none() end)),
    p("plain reference", begin make_ref() ! x, none() end),
    p("bad", [c(fun() -> alias([foo]) end), c(fun() -> alias(foo) end), c(fun() -> unalias(foo) end),
              c(fun() -> unalias(make_ref()) end)]),
    p("not a monitor", in(fun() -> _ = alias(), process_info(self(), monitors) end)),
    p("not mine", in(fun() -> S = self(), spawn(fun() -> S ! alias(), receive after 100 -> ok end end),
                              unalias(next()) end)).

%% The aliases of monitor/3.
reply_aliases() ->
    On = fun(Mode) -> P = sleeper(), {P, monitor(process, P, [{alias, Mode}])} end,
    p("demonitor ends", in(fun() -> {_, R} = On(demonitor), R ! a, X = next(), demonitor(R), R ! b,
                                    {X, none()} end)),
    p("down ends", in(fun() -> {P, R} = On(demonitor), exit(P, x), X = next(), R ! b, {X, none()} end)),
    p("reply ends both", in(fun() -> {P, R} = On(reply_demonitor), R ! a, R ! b, X = next(), exit(P, x),
                                     {X, none(), demonitor(R, [info])} end)),
    p("explicit stays", in(fun() -> {_, R} = On(explicit_unalias), demonitor(R), R ! a,
                                    {next(), unalias(R), unalias(R)} end)),
    p("explicit after down", in(fun() -> {P, R} = On(explicit_unalias), exit(P, x), X = next(), R ! a,
                                         {X, next(), unalias(R)} end)),
    p("unalias leaves the watch", in(fun() -> {P, R} = On(explicit_unalias), A = unalias(R), exit(P, x),
                                              {A, next()} end)),
    p("call", in(fun() ->
        P = spawn(fun Loop() -> receive {R, X} -> R ! {R, X * 2}, Loop() end end),
        lists:sum([begin R = monitor(process, P, [{alias, reply_demonitor}]), P ! {R, I},
                         receive {R, Y} -> Y; {'DOWN', R, _, _, _} -> 0 end end
                   || I <- lists:seq(1, 100)]) end)).

self_signals() ->
    p("messages", in(fun() -> self() ! a, self() ! b, {next(), next()} end)),
    p("info sees them", in(fun() -> self() ! a, process_info(self(), messages) end)),
    p("alive after kill", in(fun() -> P = sleeper(), exit(P, kill), is_process_alive(P) end)),
    p("info after kill", in(fun() -> P = sleeper(), exit(P, foo), process_info(P, status) end)).

selective() ->
    p("selective", in(fun() ->
        [self() ! {I rem 3, I} || I <- lists:seq(1, 30)],
        A = [receive {0, X} -> X end || _ <- lists:seq(1, 10)],
        B = [receive {2, X} -> X end || _ <- lists:seq(1, 10)],
        C = [receive {_, X} -> X end || _ <- lists:seq(1, 10)],
        {A, B, C, none0()} end)),
    p("nested", in(fun() ->
        [self() ! M || M <- [a, b, c, d]],
        receive c -> receive a -> receive d -> receive b -> nested end end end end end)),
    p("guards", in(fun() ->
        [self() ! I || I <- lists:seq(1, 10)],
        L = [receive X when X > N -> X end || N <- [5, 5, 1, 9]],
        {L, element(2, process_info(self(), message_queue_len))} end)).

%% Receives on a fresh reference, with much in the mailbox before it.
markers() ->
    p("fresh reference", in(fun() ->
        P = spawn(fun Loop() -> receive {S, R, X} -> S ! {R, X}, Loop() end end),
        [self() ! {noise, I} || I <- lists:seq(1, 20000)],
        Sum = lists:sum([begin R = make_ref(), P ! {self(), R, I}, receive {R, Y} -> Y end end
                         || I <- lists:seq(1, 500)]),
        {Sum, element(2, process_info(self(), message_queue_len))} end)),
    p("two references", in(fun() ->
        R1 = make_ref(), R2 = make_ref(),
        self() ! {R2, b}, self() ! x, self() ! {R1, a},
        A = receive {R1, V1} -> V1 end, B = receive {R2, V2} -> V2 end,
        {A, B, next()} end)),
    p("with timeout", in(fun() ->
        [self() ! {noise, I} || I <- lists:seq(1, 1000)],
        R = make_ref(),
        T = receive {R, _} -> got after 1 -> timeout end,
        self() ! {R, late},
        {T, receive {R, X} -> X after 60000 -> lost end} end)),
    p("monitor", in(fun() ->
        [self() ! {noise, I} || I <- lists:seq(1, 1000)],
        [begin {P, R} = spawn_monitor(fun() -> ok end), receive {'DOWN', R, process, P, W} -> W end end
         || _ <- [1, 2, 3]] end)).

timeouts() ->
    p("after", [in(fun() -> receive x -> x after T -> timeout end end) || T <- [0, 1, 10]]),
    p("cancelled", in(fun() -> S = self(), spawn(fun() -> S ! x end),
                               A = receive x -> x after 60000 -> timeout end,
                               {A, receive y -> y after 5 -> timeout end} end)),
    p("kept over other messages", in(fun() ->
        S = self(), spawn(fun() -> [begin S ! I, receive after 1 -> ok end end || I <- lists:seq(1, 5)] end),
        receive never -> x after 30 -> [next() || _ <- lists:seq(1, 5)] end end)),
    p("not early", in(fun() ->
        S = self(),
        [spawn(fun() -> T0 = erlang:monotonic_time(), receive after T -> ok end,
                        S ! {T, erlang:monotonic_time() - T0
                                >= erlang:convert_time_unit(T, millisecond, native)} end)
         || T <- [30, 10, 20, 1]],
        lists:sort([next() || _ <- [1, 2, 3, 4]]) end)),
    p("bad", [c(fun() -> receive after X -> ok end end) =/= ok || X <- [-1, a, 1.0, 1 bsl 40]]).

chains() ->
    p("chain of 1000", in(fun() ->
        S = self(),
        Last = lists:foldl(fun(_, P) -> spawn(fun() -> receive N -> P ! N + 1 end end) end, S,
                           lists:seq(1, 1000)),
        Last ! 0, next() end)),
    p("fan in", in(fun() ->
        S = self(),
        [spawn(fun() -> S ! {I, lists:seq(1, I)} end) || I <- lists:seq(1, 200)],
        lists:sum([receive {I, L} -> length(L) - I + 1 end || I <- lists:seq(1, 200)]) end)),
    p("supervisor", in(fun() ->
        process_flag(trap_exit, true),
        Start = fun() -> spawn_link(fun() -> receive {crash, X} -> exit(X) end end) end,
        lists:foldl(fun(I, P) -> P ! {crash, I}, receive {'EXIT', P, I} -> Start() end end, Start(),
                    lists:seq(1, 100)),
        none0() end)).

%% Terms of all kinds through messages, exit reasons and spawn arguments.
values() ->
    Terms = [1, -1, 1 bsl 100, 1.5, a, [], [1 | 2], "string", {}, {a, {b}}, <<>>, <<"bin">>,
             <<0:3>>, binary:copy(<<"x">>, 100), #{}, #{a => 1, "k" => [2]},
             maps:from_list([{I, I} || I <- lists:seq(1, 40)]), fun lists:map/2,
             lists:foldl(fun(I, Acc) -> [{I, Acc}] end, [], lists:seq(1, 1000))],
    Echo = spawn(fun Loop() -> receive {S, X} -> S ! X, Loop() end end),
    p("messages", [begin Echo ! {self(), T}, next() =:= T end || T <- Terms]),
    p("exits", [begin {P, R} = spawn_monitor(fun() -> exit(T) end),
                      receive {'DOWN', R, _, P, W} -> W =:= T end end || T <- Terms]),
    p("arguments", [begin spawn(erlang, send, [self(), T]), next() =:= T end || T <- Terms]),
    F = fun(X) -> {X, Terms} end,
    p("closure", begin Echo ! {self(), F}, (next())(1) =:= {1, Terms} end),
    Refs = [make_ref(), self(), Echo],
    p("identifiers", begin Echo ! {self(), Refs}, next() =:= Refs end).
