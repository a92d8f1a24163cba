%% outlet_t: Erlang half of test_outlet.c, whose driver `probe` does what the first byte of a
%% command says.
-module(outlet_t).
-export([echo/0, frames/0, control/0, call/0, failures/0, exits/0, owner_dies/0, owners/0, busy/0,
         force/0, posted/0, watch/0, order/0, leave_open/1, timers/0, many/1, halting/0, programs/0, warm/0,
         close_failing/0, short/0, late/0, started/0]).

open() -> open([binary]).
open(Opts) -> open_port({spawn, "probe some arguments"}, Opts).

next(P) -> receive {P, M} -> M after 60000 -> timeout end.

warm() ->
    P = open(),
    port_command(P, "ex"),
    {data, <<"x">>} = next(P),
    true = port_close(P),
    {_, M} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', M, _, _, normal} -> ok end.

echo() ->
    P = open(),
    true = port_command(P, "eabc"),
    {data, <<"abc">>} = next(P),
    P ! {self(), {command, [<<"ed">>, "ef"]}},
    {data, <<"def">>} = next(P),
    Big = binary:copy(<<"x">>, 100000),
    true = port_command(P, [$e, Big]),
    {data, Big} = next(P),
    {name, "probe some arguments"} = erlang:port_info(P, name),
    {input, 100006} = erlang:port_info(P, input),
    {output, 100009} = erlang:port_info(P, output),
    true = port_close(P),
    L = open([]),
    port_command(L, "elist"),
    {data, "list"} = next(L),
    true = port_close(L),
    ok.

%% Bytes come in pieces; packets and lines are put together.
frames() ->
    [begin
         P = open([{packet, N}, binary]),
         Packets = [<<>>, <<"a">>, binary:copy(<<"b">>, 200)],
         Stream = << <<(byte_size(X)):(N * 8), X/binary>> || X <- Packets >>,
         [port_command(P, <<$e, B>>) || <<B>> <= <<Stream/binary, Stream/binary>>],
         [{data, X} = next(P) || X <- Packets ++ Packets],
         port_command(P, [$e, Stream, Stream]),
         [{data, X} = next(P) || X <- Packets ++ Packets],
         port_close(P)
     end || N <- [1, 2, 4]],
    L = open([{line, 3}]),
    [port_command(L, [$e, C]) || C <- "ab\ncdefg\n\n"],
    [{eol, "ab"}, {noeol, "cde"}, {eol, "fg"}, {eol, []}] =
        [begin {data, X} = next(L), X end || _ <- lists:seq(1, 4)],
    port_close(L),
    %% A peer that says it sends much: only what comes is kept.
    H = open([{packet, 4}]),
    port_command(H, [$e, 255, 255, 255, 255, "abc"]),
    true = element(2, erlang:port_info(H, memory)) < 100000,
    port_close(H),
    ok.

control() ->
    P = open(),
    <<7, "data">> = port_control(P, 7, "data"),
    Big = binary:copy(<<"y">>, 70000),
    <<8, Big/binary>> = port_control(P, 8, Big),
    {'EXIT', {badarg, _}} = (catch port_control(P, 99, "")),
    port_close(P),
    L = open([]),
    [7 | "data"] = port_control(L, 7, "data"),
    port_close(L),
    ok.

call() ->
    P = open(),
    T = {a, [1.5, <<"b">>], #{x => self()}},
    T = erlang:port_call(P, 1, T),
    {'EXIT', {badarg, _}} = (catch erlang:port_call(P, 99, T)),
    {'EXIT', {badarg, _}} = (catch erlang:port_call(P, 98, T)), % no term comes back
    port_close(P),
    ok.

failures() ->
    process_flag(trap_exit, true),
    [{'EXIT', {Why, _}} = (catch open_port({spawn, "probe " ++ How}, []))
     || {How, Why} <- [{"enoent", enoent}, {"enomem", enomem}, {"badarg", badarg}]],
    {'EXIT', {badarg, _}} = (catch open_port({spawn_driver, "nobody"}, [])),
    P = open_port({spawn, "probe early"}, []),
    receive {'EXIT', P, eio} -> ok end,
    {links, []} = {links, [X || X <- element(2, process_info(self(), links)), is_port(X)]},
    {messages, []} = process_info(self(), messages),
    ok.

exits() ->
    process_flag(trap_exit, true),
    P = open(),
    port_command(P, "xA"), % a failed output
    receive {'EXIT', P, eacces} -> ok end,
    Q = open(),
    R = monitor(port, Q),
    port_command(Q, "q"), % ling_outlet_exit(o, 0)
    receive {'EXIT', Q, normal} -> ok end,
    receive {'DOWN', R, port, Q, normal} -> ok end,
    E = open([eof]),
    port_command(E, "f"),
    eof = next(E),
    port_close(E),
    F = open([exit_status]),
    port_command(F, "s"),
    {exit_status, 7} = next(F),
    port_close(F),
    undefined = erlang:port_info(F),
    ok.

owner_dies() ->
    Self = self(),
    {Pid, M} = spawn_monitor(fun() -> Self ! {port, open()}, receive stop -> ok end end),
    P = receive {port, X} -> X end,
    R = monitor(port, P),
    Pid ! stop,
    receive {'DOWN', M, _, _, normal} -> ok end,
    receive {'DOWN', R, port, P, normal} -> ok end,
    {Pid2, M2} = spawn_monitor(fun() -> Self ! {port, open()}, receive stop -> exit(bad) end end),
    P2 = receive {port, Y} -> Y end,
    R2 = monitor(port, P2),
    Pid2 ! stop,
    receive {'DOWN', M2, _, _, bad} -> ok end,
    receive {'DOWN', R2, port, P2, bad} -> ok end,
    ok.

%% attach and detach.
owners() ->
    P = open(),
    Self = self(),
    {Pid, _} = spawn_monitor(fun() -> Self ! {told, next(P)}, receive stop -> ok end end),
    true = port_connect(P, Pid),
    P ! {Pid, {command, "eyou"}},
    receive {told, {data, <<"you">>}} -> ok end,
    true = port_connect(P, self()),
    port_close(P),
    exit(Pid, kill),
    ok.

%% B: busy for 50 ms.
busy() ->
    P = open(),
    true = port_command(P, "B"),
    <<1>> = port_control(P, 1, ""), % with threads the command may still be on its way
    false = port_command(P, "ex", [nosuspend]),
    T0 = erlang:monotonic_time(millisecond),
    true = port_command(P, "e1"),
    true = port_command(P, "e2"),
    {data, <<"1">>} = next(P),
    {data, <<"2">>} = next(P),
    true = erlang:monotonic_time(millisecond) - T0 >= 49,
    true = port_command(P, "ex", [nosuspend]),
    {data, <<"x">>} = next(P),
    %% Senders by ! are held, too; a killed one is gone although the port is busy.
    port_command(P, "B"),
    Self = self(),
    Pids = [spawn_monitor(fun() -> P ! {Self, {command, [$e, N]}}, exit(sent) end)
            || N <- lists:seq(1, 10)],
    L = lists:sort([begin {data, <<N>>} = next(P), N end || _ <- Pids]),
    L = lists:seq(1, 10),
    [receive {'DOWN', M, _, _, sent} -> ok end || {_, M} <- Pids],
    port_command(P, "B"),
    {K, KM} = spawn_monitor(fun() -> port_command(P, "e1"), port_command(P, "e2") end),
    exit(K, kill),
    receive {'DOWN', KM, _, _, killed} -> ok end,
    port_command(P, "elast"),
    flush_until(P, <<"last">>),
    %% Closed while somebody waits: what was sent goes out, the waiting ends.
    port_command(P, "B"),
    {_, WM} = spawn_monitor(fun() -> port_command(P, "e1"), exit(catch port_command(P, "e2")) end),
    receive after 10 -> ok end,
    port_close(P),
    receive {'DOWN', WM, _, _, _} -> ok end,
    ok.

%% Senders that are held behind a busy port.
held(P, What, N) ->
    port_command(P, "H"),
    <<1>> = port_control(P, 1, ""),
    Self = self(),
    L = [spawn_monitor(fun() -> P ! {Self, {command, What}}, exit(sent) end)
         || _ <- lists:seq(1, N)],
    [receive after 0 -> wait_held(Pid) end || {Pid, _} <- L],
    [M || {_, M} <- L].

wait_held(Pid) ->
    case process_info(Pid, status) of
        {status, suspended} -> ok;
        undefined -> ok;
        _ -> erlang:yield(), wait_held(Pid)
    end.

%% Closing sends what is held; where that fails the port is closed all the same.
close_failing() ->
    P = open(),
    Ms = held(P, "x", 3),
    true = port_close(P),
    [receive {'DOWN', M, _, _, sent} -> ok end || M <- Ms],
    undefined = erlang:port_info(P),
    ok.

%% Output that makes the port busy and free again, for each of many that wait.
short() ->
    P = open(),
    Ms = held(P, "b", 3000),
    <<7>> = port_control(P, 7, ""),
    [receive {'DOWN', M, _, _, sent} -> ok end || M <- Ms],
    true = port_command(P, "eend"),
    {data, <<"end">>} = next(P),
    true = port_close(P),
    ok.

%% A driver whose output is out while it says that it is not.
late() ->
    P = open(),
    true = port_command(P, "L"),
    true = port_close(P),
    ok.

%% A real program, which says what it was given.
started() ->
    P = open_port({spawn_executable, "/bin/sh"},
                  [{args, ["-c", "echo $FOO $1; read x; echo $x; exit 3", "sh", <<"arg">>]}, {arg0, "me"},
                   {env, [{"FOO", "old"}, {"FOO", "new"}, {"PATH", false}]}, {cd, "/"},
                   exit_status, {line, 100}, stderr_to_stdout]),
    {data, {eol, "new arg"}} = next(P),
    true = port_command(P, [<<"in">>, "put\n"]),
    {data, {eol, "input"}} = next(P),
    {exit_status, 3} = next(P),
    ok.

flush_until(P, B) ->
    case next(P) of
        {data, B} -> ok;
        {data, _} -> flush_until(P, B)
    end.

force() ->
    P = open_port({spawn, "soft"}, [binary]),
    port_command(P, "B"),
    <<1>> = port_control(P, 1, ""),
    true = port_command(P, "ex", [force]),
    {data, <<"x">>} = next(P),
    port_close(P),
    Q = open(),
    {'EXIT', {notsup, _}} = (catch port_command(Q, "ex", [force])),
    port_close(Q),
    ok.

%% p: another thread posts 1000 numbers.
posted() ->
    P = open([binary, {packet, 2}]),
    port_command(P, "p"),
    [begin {data, <<N:16>>} = next(P) end || N <- lists:seq(1, 1000)],
    port_close(P),
    ok.

%% m: the driver watches the sender's process.
watch() ->
    P = open(),
    {Pid, _} = spawn_monitor(fun() -> receive stop -> ok end end),
    port_command(P, [$m, term_to_binary(Pid)]),
    {monitors, [{process, Pid}]} = erlang:port_info(P, monitors),
    Pid ! stop,
    {data, <<"gone">>} = next(P),
    {monitors, []} = erlang:port_info(P, monitors),
    port_command(P, [$m, term_to_binary(Pid)]), % gone already
    {data, <<"gone">>} = next(P),
    port_close(P),
    ok.

%% Control and commands from one process arrive as sent, busy or not.
order() ->
    P = open(),
    [begin
         port_command(P, [$e, N]),
         <<1, N>> = port_control(P, 1, [N]),
         {data, <<N>>} = next(P)
     end || N <- lists:seq(1, 100)],
    port_command(P, "B"),
    [P ! {self(), {command, [$e, N]}} || N <- lists:seq(1, 20)],
    <<1, "c">> = port_control(P, 1, "c"),
    {message_queue_len, 20} = process_info(self(), message_queue_len),
    [{data, <<N>>} = next(P) || N <- lists:seq(1, 20)],
    port_close(P),
    ok.

leave_open(N) ->
    Self = self(),
    spawn(fun() ->
                  Ps = [open() || _ <- lists:seq(1, N)],
                  [port_command(P, "B") || P <- Ps],
                  Self ! ok,
                  receive never -> Ps end
          end),
    receive ok -> ok end.

timers() ->
    P = open(),
    T0 = erlang:monotonic_time(millisecond),
    port_command(P, "T"), % a timer that is set again, and one that is stopped
    {data, <<"tick">>} = next(P),
    true = erlang:monotonic_time(millisecond) - T0 >= 20,
    {messages, []} = process_info(self(), messages),
    port_close(P),
    ok.

many(N) ->
    Ps = [open() || _ <- lists:seq(1, N)],
    N = length(erlang:ports()),
    [port_command(P, "ex") || P <- Ps],
    [{data, <<"x">>} = next(P) || P <- Ps],
    [port_close(P) || P <- Ps],
    [] = erlang:ports(),
    ok.

halting() ->
    P = open(),
    port_command(P, "B"),
    port_command(P, "h"), % waits; halt lets it out
    halt(3).

%% Programs of the simulated host.
programs() ->
    process_flag(trap_exit, true),
    Cat = {spawn_executable, "/sim/cat"},
    P = open_port(Cat, [binary, {packet, 2}]),
    [begin port_command(P, B), {data, B} = next(P) end
     || B <- [<<>>, <<"abc">>, binary:copy(<<"x">>, 60000)]],
    {os_pid, Os} = erlang:port_info(P, os_pid),
    true = is_integer(Os),
    true = port_close(P),
    receive {'EXIT', P, normal} -> ok end,
    {'EXIT', {enoent, _}} = (catch open_port({spawn_executable, "/sim/nothing"}, [])),
    test_host:fault(child),
    {'EXIT', {eagain, _}} = (catch open_port(Cat, [])),
    W = open_port(Cat, []),
    test_host:fault(write),
    port_command(W, "lost"),
    receive {'EXIT', W, eio} -> ok end,
    Sh = open_port({spawn, "some program"}, [exit_status, {env, [{"FOO", "mine"}]}]),
    "sh|-c|exec some program|FOO=mine" = text(Sh, []),
    S = open_port({spawn_executable, "/sim/slow"}, [exit_status, eof]),
    T0 = erlang:monotonic_time(second),
    {data, "an hour later"} = next_for(S, infinity),
    {exit_status, 0} = next(S),
    eof = next(S),
    true = erlang:monotonic_time(second) - T0 >= 3600,
    port_close(S),
    %% Not read for an hour: senders wait that long.
    L = open_port({spawn_executable, "/sim/lazy"}, [binary]),
    T1 = erlang:monotonic_time(second),
    port_command(L, binary:copy(<<"y">>, 10000)),
    false = port_command(L, "z", [nosuspend]),
    {queue_size, 10000} = erlang:port_info(L, queue_size),
    {_, M} = spawn_monitor(fun() -> port_command(L, "z") end),
    receive {'DOWN', M, _, _, normal} -> ok end,
    true = erlang:monotonic_time(second) - T1 >= 3600,
    {data, <<"y", _/binary>>} = next(L),
    {data, <<"z">>} = next(L),
    {queue_size, 0} = erlang:port_info(L, queue_size),
    port_close(L),
    ok.

next_for(P, T) -> receive {P, M} -> M after T -> timeout end.

text(P, Acc) ->
    receive
        {P, {data, D}} -> text(P, Acc ++ D);
        {P, {exit_status, 137}} -> receive {'EXIT', P, normal} -> Acc end
    end.
