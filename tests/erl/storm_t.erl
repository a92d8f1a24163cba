%% A message storm: many processes that send, spawn, link, monitor, exit, kill, register, set timers
%% and ask each other, all at once. What is printed does not depend on the order of events; run it
%% with several schedulers (and under ThreadSanitizer) to look for races and lost wake-ups.
-module(storm_t).
-export([main/1]).

main(_) ->
    process_flag(trap_exit, true),
    {Workers, Rounds} = {40, 60},
    Server = spawn_link(fun() -> register(storm_server, self()), server(0) end),
    wait_for(storm_server),
    Pids = [spawn_link(fun() -> worker(I, Rounds) end) || I <- lists:seq(1, Workers)],
    [P ! {peers, list_to_tuple(Pids)} || P <- Pids],
    Done = [receive {'EXIT', P, R} -> R end || P <- Pids],
    io:format("workers ~p~n", [lists:usort(Done)]),
    storm_server ! {total, self()},
    receive {total, T} -> io:format("server ~p ~p~n", [T > 0, T =:= server_calls(Workers, Rounds)]) end,
    unlink(Server),
    exit(Server, kill),
    ring(200, 50),
    crowd(500),
    link_mesh(30),
    kill_race(200),
    name_race(8, 100),
    timer_race(100),
    binaries(50),
    io:format("left ~p~n", [process_info(self(), message_queue_len)]).

wait_for(Name) ->
    case whereis(Name) of
        undefined -> erlang:yield(), wait_for(Name);
        P -> P
    end.

server(N) ->
    receive
        {call, From, Ref, X} -> From ! {Ref, X + 1}, server(N + 1);
        {total, From} -> From ! {total, N}, server(N)
    end.

server_calls(W, R) -> W * R.

worker(I, Rounds) ->
    process_flag(trap_exit, true),
    receive {peers, Peers} -> ok end,
    ok = rounds(Rounds, I * 7919 + 1, Peers),
    exit(finished).

rounds(0, _, _) -> ok;
rounds(N, Seed0, Peers) ->
    Seed = (Seed0 * 1103515245 + 12345) rem 2147483648,
    Peer = element(Seed rem tuple_size(Peers) + 1, Peers),
    Peer ! {noise, N, lists:duplicate(Seed rem 50, Seed)},
    ok = step((Seed div 64) rem 13, Seed, Peer),
    N = call(N - 1),
    drain(Seed rem 3),
    rounds(N - 1, Seed, Peers).

%% A call to the server: by name every other time, with a monitor as gen does it.
call(X) ->
    Ref = monitor(process, storm_server),
    storm_server ! {call, self(), Ref, X},
    receive
        {Ref, Y} -> demonitor(Ref, [flush]), Y;
        {'DOWN', Ref, _, _, Why} -> {down, Why}
    end.

drain(0) -> ok;
drain(N) -> receive {noise, _, _} -> drain(N - 1) after 0 -> ok end.

step(0, Seed, _) ->
    {P, M} = spawn_monitor(fun() -> exit({done, Seed}) end),
    receive {'DOWN', M, process, P, {done, Seed}} -> ok end;
step(1, Seed, _) ->
    P = spawn_link(fun() -> exit({linked, Seed}) end),
    receive {'EXIT', P, {linked, Seed}} -> ok end;
step(2, _, _) ->
    P = spawn_link(fun() -> receive never -> ok end end),
    exit(P, kill),
    receive {'EXIT', P, killed} -> ok end;
step(3, _, Peer) ->
    M = monitor(process, Peer),
    demonitor(M, [flush]),
    ok;
step(4, Seed, _) ->
    T = erlang:send_after(Seed rem 3, self(), {tick, Seed}),
    receive {tick, Seed} -> ok after 60000 -> {lost, T} end;
step(5, _, _) ->
    T = erlang:start_timer(10000, self(), x),
    Left = erlang:cancel_timer(T),
    true = is_integer(Left),
    ok;
step(6, _, Peer) ->
    case process_info(Peer, [message_queue_len, status]) of
        undefined -> ok;
        [{message_queue_len, N}, {status, S}] when is_integer(N), is_atom(S) -> ok
    end;
step(7, Seed, _) ->
    Self = self(),
    Big = binary:copy(<<Seed:32>>, 500),
    P = spawn(fun() -> receive {B, From} -> From ! {self(), byte_size(B), B} end end),
    P ! {Big, Self},
    receive {P, 2000, Big} -> ok end;
step(8, Seed, _) ->
    Ps = [spawn_link(fun() -> receive go -> exit(normal) end end) || _ <- lists:seq(1, 10)],
    [P ! go || P <- Ps],
    [receive {'EXIT', P, normal} -> ok end || P <- Ps],
    true = Seed >= 0,
    ok;
step(9, Seed, _) ->
    Name = list_to_atom("storm_" ++ integer_to_list(Seed rem 5)),
    try register(Name, self()) of
        true -> Name ! {to_me, Seed}, receive {to_me, Seed} -> ok end, true = unregister(Name), ok
    catch error:badarg -> ok
    end;
step(10, _, _) ->
    receive {never, _} -> bad after 1 -> ok end;
step(11, _, Peer) ->
    %% Links that come and go between live processes.
    link(Peer),
    unlink(Peer),
    receive {'EXIT', Peer, finished} -> ok after 0 -> ok end;
step(12, Seed, _) ->
    garbage_collect(),
    L = lists:sort([(Seed * K) rem 1009 || K <- lists:seq(1, 300)]),
    300 = length(L),
    ok.

%% A ring of processes made by spawn, each linked to its maker; M rounds of a token.
ring(N, M) ->
    Self = self(),
    Last = lists:foldl(fun(_, Next) -> spawn_link(fun() -> pass(Next) end) end, Self,
                       lists:seq(1, N)),
    Sum = lists:sum([begin Last ! {token, 0}, receive {token, K} -> K end end
                     || _ <- lists:seq(1, M)]),
    Last ! stop,
    receive stop -> ok end,
    normal = lists:last([receive {'EXIT', _, R} -> R end || _ <- lists:seq(1, N)]),
    io:format("ring ~p~n", [Sum]).

pass(Next) ->
    receive
        {token, K} -> Next ! {token, K + 1}, pass(Next);
        stop -> Next ! stop
    end.

%% All at once: everybody monitors the one that ends.
crowd(N) ->
    Self = self(),
    Star = spawn(fun() -> receive fall -> exit(fallen) end end),
    Ps = [spawn(fun() ->
                        M = monitor(process, Star),
                        Self ! {ready, self()},
                        receive {'DOWN', M, process, Star, R} -> Self ! {saw, self(), R} end
                end) || _ <- lists:seq(1, N)],
    [receive {ready, P} -> ok end || P <- Ps],
    Star ! fall,
    %% Nothing orders `fall` behind the monitors of others: stock erl says noproc now and then.
    Said = lists:usort([receive {saw, P, R} -> R end || P <- Ps]),
    io:format("crowd ~p~n", [Said -- [noproc]]).

%% Everybody links to everybody at once; then one falls and takes all along.
link_mesh(N) ->
    Self = self(),
    Ps = [spawn(fun() ->
                        receive {mesh, L} -> [link(P) || P <- L, P =/= self()] end,
                        Self ! {meshed, self()},
                        idle()
                end) || _ <- lists:seq(1, N)],
    Ms = [monitor(process, P) || P <- Ps],
    [P ! {mesh, Ps} || P <- Ps],
    [receive {meshed, P} -> ok end || P <- Ps],
    exit(hd(Ps), crash),
    io:format("mesh ~p~n", [lists:usort([receive {'DOWN', M, _, _, R} -> R end || M <- Ms])]).

idle() -> receive after infinity -> ok end.

%% Processes that are killed while they spawn and send.
kill_race(N) ->
    Ps = [spawn(fun() -> busy(self(), 0) end) || _ <- lists:seq(1, N)],
    Ms = [monitor(process, P) || P <- Ps],
    [P ! {hello, K} || P <- Ps, K <- lists:seq(1, 20)],
    [exit(P, kill) || P <- Ps],
    io:format("killed ~p~n", [lists:usort([receive {'DOWN', M, _, _, R} -> R end || M <- Ms])]).

busy(S, N) ->
    spawn(fun() -> S ! {from, self()} end),
    receive {hello, _} -> ok; {from, _} -> ok after 0 -> ok end,
    busy(S, N + 1).

%% Several processes fight for one name; it always belongs to at most one.
name_race(Fighters, Rounds) ->
    Self = self(),
    Ps = [spawn(fun() -> fight(Rounds), Self ! {fought, self()} end)
          || _ <- lists:seq(1, Fighters)],
    [receive {fought, P} -> ok end || P <- Ps],
    io:format("name ~p~n", [whereis(storm_name)]).

fight(0) -> ok;
fight(N) ->
    case catch register(storm_name, self()) of
        true ->
            Me = self(),
            Me = whereis(storm_name),
            storm_name ! mine,
            receive mine -> ok end,
            true = unregister(storm_name);
        {'EXIT', {badarg, _}} ->
            catch (storm_name ! {noise, N}),
            %% Dies holding the name now and then.
            {P, M} = spawn_monitor(fun() -> catch register(storm_name, self()) end),
            receive {'DOWN', M, _, P, normal} -> ok end
    end,
    fight(N - 1).

%% Timers set by one process, cancelled by another, with death in between.
timer_race(N) ->
    Self = self(),
    Ps = [spawn(fun() ->
                        Ts = [erlang:send_after(K rem 4, self(), {t, K}) || K <- lists:seq(1, 20)],
                        Self ! {timers, Ts},
                        receive {t, _} -> ok end
                end) || _ <- lists:seq(1, N)],
    Ms = [monitor(process, P) || P <- Ps],
    [receive {timers, Ts} -> [erlang:cancel_timer(T, [{async, true}, {info, false}]) || T <- Ts]
     end || _ <- Ps],
    [exit(P, kill) || P <- Ps],
    io:format("timers ~p~n", [length([receive {'DOWN', M, _, _, _} -> ok end || M <- Ms])]).

%% Shared binaries handed round, parts of them kept.
binaries(N) ->
    Self = self(),
    B = binary:copy(<<"abcdefgh">>, 10000),
    Ps = [spawn(fun() ->
                        receive {B1, From} ->
                                <<_:I/binary, Part:100/binary, _/binary>> = B1,
                                From ! {part, self(), Part}
                        end
                end) || I <- lists:seq(1, N)],
    [P ! {B, Self} || P <- Ps],
    Parts = [receive {part, P, X} -> X end || P <- Ps],
    io:format("binaries ~p ~p~n", [erlang:crc32(Parts), length(lists:usort(Parts))]).
