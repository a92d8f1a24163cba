%% Idle processes: N of them wait in receive while all are counted and one is asked for its memory.
%% The caller measures what the whole program occupies with N and with none.
-module(show_idle).
-export([main/1]).

main([Text]) ->
    N = list_to_integer(Text),
    Before = erlang:system_info(process_count),
    T0 = erlang:monotonic_time(microsecond),
    Pids = spawn_all(N, []),
    T1 = erlang:monotonic_time(microsecond),
    N = erlang:system_info(process_count) - Before,
    case Pids of
        [P | _] ->
            {memory, M} = process_info(P, memory),
            io:format("FIGURE bytes ~w~n", [M]),
            %% The last one started still answers.
            Ref = make_ref(),
            P ! {self(), Ref},
            receive Ref -> ok end;
        [] -> ok
    end,
    io:format("FIGURE alive ~w~nFIGURE spawn_us ~w~n", [N, T1 - T0]).

spawn_all(0, Pids) -> Pids;
spawn_all(N, Pids) -> spawn_all(N - 1, [spawn(fun idle/0) | Pids]).

idle() ->
    receive
        {From, Ref} -> From ! Ref
    end.
