%% N messages nobody wants are in the mailbox; calls that wait for a fresh reference must cost what
%% they cost with an empty one. One plain selective receive over all of them for comparison.
-module(show_mailbox).
-export([main/1]).

-define(CALLS, 500000).

main([Text]) ->
    N = list_to_integer(Text),
    Server = spawn(fun server/0),
    calls(Server, 1000),
    Empty = timed(fun() -> calls(Server, ?CALLS) end),
    Fill = timed(fun() -> fill(N) end),
    {message_queue_len, N} = process_info(self(), message_queue_len),
    Full = timed(fun() -> calls(Server, ?CALLS) end),
    self() ! wanted,
    Scan = timed(fun() -> receive wanted -> ok end end),
    io:format("FIGURE empty_ns ~w~nFIGURE full_ns ~w~nFIGURE fill_us ~w~nFIGURE scan_us ~w~n",
              [Empty * 1000 div ?CALLS, Full * 1000 div ?CALLS, Fill, Scan]).

fill(0) -> ok;
fill(N) ->
    self() ! {unwanted, N},
    fill(N - 1).

calls(_, 0) -> ok;
calls(Server, N) ->
    Ref = monitor(process, Server),
    Server ! {self(), Ref, N},
    receive
        {Ref, N} -> demonitor(Ref, [flush]);
        {'DOWN', Ref, _, _, Why} -> exit(Why)
    end,
    calls(Server, N - 1).

server() ->
    receive
        {From, Ref, N} -> From ! {Ref, N}
    end,
    server().

%% CPU time, so that other programs on the machine do not count.
timed(F) ->
    {T0, _} = statistics(runtime),
    F(),
    {T1, _} = statistics(runtime),
    (T1 - T0) * 1000.
