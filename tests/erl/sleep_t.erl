%% Waiting without end or with one, woken by signals that are no messages.
-module(sleep_t).
-export([main/1, sleep/1, or_message/1, late/1]).

sleep(T) -> receive after T -> ok end.

or_message(T) ->
    receive
        {From, What} -> From ! {self(), What}
    after T -> timeout
    end.

late(T) -> sleep(T), exit(late).

main(_) ->
    Pids = [spawn(?MODULE, F, [T]) || F <- [sleep, or_message], T <- [infinity, 16#ffffffff]],
    poke(Pids, 20),
    io:format("~p~n", [[is_process_alive(P) || P <- Pids]]),
    [_, _ | Receivers] = Pids,
    [begin
         P ! ignored,
         P ! {self(), hello},
         receive {P, Got} -> io:format("~p~n", [Got]) end
     end || P <- Receivers],
    {Late, Mon} = spawn_monitor(?MODULE, late, [30]),
    poke([Late], 20),
    receive {'DOWN', Mon, process, Late, Why} -> io:format("~p~n", [Why]) end,
    [exit(P, kill) || P <- Pids],
    ok.

%% Others run meanwhile, so that registers have other values when a process goes on.
poke(_, 0) -> ok;
poke(Pids, N) ->
    Workers = [spawn_monitor(fun() -> {sum, lists:sum(lists:seq(1, 50))} end) || _ <- [1, 2, 3]],
    [process_info(P, current_stacktrace) || P <- Pids],
    [P ! ignored || P <- Pids],
    [receive {'DOWN', M, _, _, _} -> ok end || {_, M} <- Workers],
    poke(Pids, N - 1).
