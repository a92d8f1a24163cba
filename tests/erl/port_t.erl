%% Ports with real programs: opening and its failures, messages, packets, lines, links, monitors,
%% names, owners, the end of programs, much data, many ports. Pids, ports and references are printed
%% as words, so that what stock prints is the expectation.
%% only: uv
-module(port_t).
-export([start/0]).

start() ->
    process_flag(trap_exit, true),
    opening(),
    commands(),
    dead(),
    bad_signals(),
    owners(),
    names_and_monitors(),
    exits(),
    programs(),
    packets(),
    lines(),
    much(),
    busy(),
    parallel(20),
    owner_dies(),
    os_cmd().

%% ---- helpers ----

p(Label, X) -> io:format("~0p: ~0p~n", [Label, n(X)]).

n(X) when is_port(X) -> port;
n(X) when is_pid(X), X =:= self() -> self;
n(X) when is_pid(X) -> pid;
n(X) when is_reference(X) -> ref;
n([H | T]) -> [n(H) | n(T)];
n(X) when is_tuple(X) -> list_to_tuple(n(tuple_to_list(X)));
n(X) when is_map(X) -> maps:map(fun(_, V) -> n(V) end, X);
n(X) -> X.

t(F) ->
    try F()
    catch C:R:S ->
            [{M, Fn, A, I} | _] = S,
            {C, R, M, Fn, if is_list(A) -> length(A); true -> A end,
             proplists:get_value(error_info, I)}
    end.

%% The next N messages, in order; then nothing else is there.
take(0) -> {messages, L} = process_info(self(), messages), [{left, L} || L =/= []];
take(N) -> receive M -> [M | take(N - 1)] after 60000 -> [timeout] end.

%% All messages of a port until it ends.
until_exit(P) ->
    receive
        {'EXIT', P, R} -> [{exit, R}];
        {P, M} -> [M | until_exit(P)]
    after 60000 -> [timeout]
    end.

until_eof(P) ->
    receive
        {P, eof} -> [eof];
        {P, M} -> [M | until_eof(P)]
    after 60000 -> [timeout]
    end.

%% Neighbouring pieces of a stream as one.
join([{data, A}, {data, B} | T]) when is_list(A), is_list(B) -> join([{data, A ++ B} | T]);
join([{data, A}, {data, B} | T]) when is_binary(A), is_binary(B) ->
    join([{data, <<A/binary, B/binary>>} | T]);
join([H | T]) -> [H | join(T)];
join([]) -> [].

run(Name, Opts) -> join(until_exit(open_port(Name, Opts))).

sh(Cmd) -> {spawn, "sh -c '" ++ Cmd ++ "'"}.

close(P) -> true = port_close(P), [{'EXIT', P, normal}] = take(1), ok.

%% ---- tests ----

opening() ->
    [p({open, N, O}, t(fun() -> P = open_port(N, O), close(P) end))
     || {N, O} <- [{{spawn, "cat"}, []}, {{spawn, 'cat'}, []}, {{spawn, <<"cat">>}, []},
                   {{spawn, ["c", [$a], "t"]}, []}, {{spawn_executable, "/bin/cat"}, []},
                   {{spawn_executable, <<"/bin/cat">>}, []},
                   {{spawn, "cat"}, [{packet, 1}, stream]},
                   {{spawn, "cat"}, [stream, {packet, 1}, in, out, binary, eof, exit_status, hide]},
                   {{spawn, "cat"}, [{parallelism, true}]},
                   {{spawn, "cat"}, [{busy_limits_port, {10, 5}}]},
                   {{spawn, "cat"}, [{busy_limits_msgq, disabled}]},
                   {{spawn_executable, "/nosuch"}, []}, {{spawn_executable, "/etc/passwd"}, []},
                   {{spawn_executable, "cat"}, []},
                   {{spawn_driver, "nosuch"}, []}, {{spawn_driver, "cat"}, []},
                   {{spawn, ""}, []}, {{spawn, 17}, []}, {{spawn, "a\0b"}, []}, {{spawn, [foo]}, []},
                   {{spawn, "cat"}, [foo]}, {{spawn, "cat"}, foo}, {{spawn, "cat"}, [in | out]},
                   {{spawn, "cat"}, [{packet, 3}]}, {{spawn, "cat"}, [{packet, 0}]},
                   {{spawn, "cat"}, [{line, 0}]}, {{spawn, "cat"}, [{line, -1}]},
                   {{spawn, "cat"}, [{line, a}]}, {{spawn, "cat"}, [{packet, 1}, {line, 5}]},
                   {{spawn, "cat"}, [{args, ["a"]}]}, {{spawn, "cat"}, [{arg0, "a"}]},
                   {{spawn, "cat"}, [{env, [foo]}]}, {{spawn, "cat"}, [{env, [{"A=B", "x"}]}]},
                   {{spawn, "cat"}, [{env, [{a, "x"}]}]}, {{spawn, "cat"}, [{env, foo}]},
                   {{spawn, "cat"}, [{cd, 1}]}, {{spawn, "cat"}, [{parallelism, foo}]},
                   {{spawn_executable, "/bin/cat"}, [{args, foo}]},
                   {{spawn_executable, "/bin/cat"}, [{args, [[foo]]}]},
                   {{spawn, "cat"}, [{busy_limits_port, foo}]},
                   {{fd, a, 0}, []}, {{fd, -1, 0}, []}, {{fd, 0}, []}, {{foo, 0}, []}, {17, []}]],
    p(tty_sl, t(fun() -> open_port({spawn, "tty_sl -c -e"}, []) end)).

commands() ->
    P = open_port({spawn, "cat"}, [binary]),
    p(is_port, {is_port(P), lists:member(P, erlang:ports()),
                list_to_port(port_to_list(P)) =:= P}),
    [{name, Name}, {links, L}, {id, Id}, {connected, C}, {input, I}, {output, O}, {os_pid, Os}] =
        erlang:port_info(P),
    p(info, {Name, L, is_integer(Id), C, I, O, is_integer(Os)}),
    [p(Item, erlang:port_info(P, Item))
     || Item <- [registered_name, connected, links, name, input, output, monitors, monitored_by,
                 parallelism, queue_size]],
    p(badinfo, t(fun() -> erlang:port_info(P, foo) end)),
    p(command, {port_command(P, "abc"), take(1)}),
    p(command, {port_command(P, [<<"de">>, $f, ["g", [<<>>]]]), take(1)}),
    p(bang, {P ! {self(), {command, "hij"}}, take(1)}),
    p(counts, {erlang:port_info(P, input), erlang:port_info(P, output)}),
    p(options, [t(fun() -> port_command(P, "x", Opts) end)
                || Opts <- [[force], [foo], foo, [nosuspend | x]]]),
    p(nosuspend, {port_command(P, "x", [nosuspend]), take(1)}),
    p(control, t(fun() -> port_control(P, 1, "x") end)),
    p(control, t(fun() -> port_control(P, a, "x") end)),
    p(control, t(fun() -> port_control(P, -1, "x") end)),
    p(call, t(fun() -> erlang:port_call(P, 1, "x") end)),
    p(data, {erlang:port_get_data(P), erlang:port_set_data(P, {a, "b", <<0:1000>>}),
             erlang:port_get_data(P) =:= {a, "b", <<0:1000>>}, erlang:port_set_data(P, x),
             erlang:port_get_data(P)}),
    p(nodata, t(fun() -> erlang:port_get_data(foo) end)),
    p(order, {P < self(), P > make_ref(), P < {}, P > fun() -> ok end}),
    close(P).

dead() ->
    P = open_port({spawn, "cat"}, []),
    close(P),
    p(dead, [t(F) || F <- [fun() -> port_close(P) end, fun() -> port_command(P, "x") end,
                           fun() -> port_command(P, "x", [nosuspend]) end,
                           fun() -> port_control(P, 1, "") end,
                           fun() -> erlang:port_call(P, 1, a) end,
                           fun() -> erlang:port_info(P) end,
                           fun() -> erlang:port_info(P, links) end,
                           fun() -> erlang:port_info(nosuch) end,
                           fun() -> erlang:port_info(17) end,
                           fun() -> port_connect(P, self()) end,
                           fun() -> erlang:port_get_data(P) end,
                           fun() -> erlang:port_set_data(P, a) end,
                           fun() -> exit(P, foo) end,
                           fun() -> P ! {self(), close} end,
                           fun() -> P ! {self(), {command, "x"}} end,
                           fun() -> nosuch_port ! {self(), close} end,
                           fun() -> register(xyz, P) end,
                           fun() -> unlink(P) end]]),
    p(link, {link(P), take(1)}),
    process_flag(trap_exit, false),
    p(link, t(fun() -> link(P) end)),
    process_flag(trap_exit, true),
    p(monitor, {monitor(port, P), take(1)}),
    p(monitor, {monitor(port, nosuch), take(1)}),
    p(monitor, {monitor(port, {nosuch, node()}), take(1)}),
    p(monitor, t(fun() -> monitor(port, self()) end)),
    p(monitor, t(fun() -> monitor(process, P) end)).

bad_signals() ->
    P = open_port({spawn, "cat"}, []),
    D = spawn(fun() -> ok end),
    [begin P ! M, p({badsig, n(M)}, take(1)) end
     || M <- [foo, {self(), foo}, {D, {command, "foo"}}, {D, close},
              {self(), {connect, foo}}, {self()}, {a, close}, {self(), {command}}]],
    P ! {self(), {connect, self()}},
    p(connect, take(1)),
    close(P).

owners() ->
    P = open_port({spawn, "cat"}, []),
    Me = self(),
    O = spawn(fun() -> owner(Me) end),
    p(connect, {t(fun() -> port_connect(P, foo) end), port_connect(P, O)}),
    p(info, {erlang:port_info(P, connected) =:= {connected, O},
             length(element(2, erlang:port_info(P, links)))}),
    P ! {O, {command, "to the owner"}},
    p(owner, take(1)),
    P ! {self(), {command, "x"}},
    p(notowner, take(1)),
    P ! {O, {connect, self()}},
    p(back, take(1)),
    p(waits, erlang:port_info(P, connected)),
    P ! {self(), {command, "mine"}},
    p(mine, take(1)),
    P ! {self(), close},
    p(closed, lists:partition(fun(M) -> element(1, M) =:= owner end, take(3))),
    exit(O, kill).

owner(Me) ->
    process_flag(trap_exit, true),
    receive M -> Me ! {owner, M}, owner(Me) end.

names_and_monitors() ->
    P = open_port({spawn, "cat"}, [binary]),
    p(register, {register(foo, P), whereis(foo) =:= P, erlang:port_info(foo, registered_name),
                 erlang:port_info(P, registered_name), lists:member(foo, registered()),
                 hd(erlang:port_info(foo))}),
    p(again, [t(fun() -> register(N, X) end) || {N, X} <- [{bar, P}, {foo, P}, {foo, self()}]]),
    foo ! {self(), {command, "named"}},
    p(named, take(1)),
    p(named, {port_command(foo, "named2"), take(1)}),
    R1 = monitor(port, foo),
    p(monitors, {erlang:port_info(P, monitored_by), process_info(self(), monitors),
                 lists:member(P, element(2, process_info(self(), links)))}),
    p(demonitor, {demonitor(R1), erlang:port_info(P, monitored_by)}),
    R2 = monitor(port, P),
    R3 = monitor(port, foo),
    p(unregister, {unregister(foo), whereis(foo), erlang:port_info(P, registered_name)}),
    register(foo, P),
    true = port_close(P),
    L = take(3),
    p(downs, lists:sort(n(L))),
    p(all, length([1 || {'DOWN', R, port, _, normal} <- L, R =:= R2 orelse R =:= R3])),
    p(gone, {whereis(foo), t(fun() -> port_command(foo, "x") end)}).

exits() ->
    [begin
         P = open_port({spawn, "cat"}, []),
         exit(P, R),
         p({exit, R}, until_exit(P))
     end || R <- [kill, foo, {a, "b"}, normal]],
    [begin
         P = open_port({spawn, "cat"}, []),
         spawn(fun() -> exit(P, R) end),
         p({exit2, R}, until_exit(P))
     end || R <- [kill, foo, normal]],
    P = open_port({spawn, "cat"}, []),
    {_, M1} = spawn_monitor(fun() -> link(P) end),
    p(linked_normal, receive {'DOWN', M1, _, _, R1} -> R1 end),
    p(alive, erlang:port_info(P, links)),
    spawn(fun() -> link(P), exit(bye) end),
    p(linked_bye, until_exit(P)),
    Q = open_port({spawn, "cat"}, []),
    unlink(Q),
    p(unlinked, erlang:port_info(Q, links)),
    link(Q),
    p(linked, erlang:port_info(Q, links)),
    close(Q).

programs() ->
    p(echo, run({spawn, "echo hello"}, [exit_status])),
    p(args, run({spawn_executable, "/bin/echo"}, [{args, ["a", <<"b c">>, "", [1024]]}, binary])),
    p(arg0, run({spawn_executable, "/bin/sh"}, [{arg0, "xx"}, {args, ["-c", "echo $0"]}])),
    p(env, run(sh("echo $FOO-$BAR-${HOME+home}"),
               [{env, [{"FOO", "bar"}, {"BAR", [233, 8364]}, {"HOME", false}]}, binary])),
    os:putenv("PORT_T_VAR", "from putenv"),
    p(putenv, run(sh("echo $PORT_T_VAR"), [])),
    p(putenv, run(sh("echo $PORT_T_VAR."), [{env, [{"PORT_T_VAR", "x"}, {"PORT_T_VAR", "y"}]}])),
    p(putenv, run(sh("echo $PORT_T_VAR."), [{env, [{"PORT_T_VAR", false}]}])),
    %% Many, and several of one name: the last one counts.
    Many = [{"PORT_T_" ++ integer_to_list(I rem 20000), case I of 7 -> false; _ -> integer_to_list(I) end}
            || I <- lists:seq(1, 40000), I rem 20000 =/= 9 orelse I < 20000],
    p(env, run(sh("env | grep -c ^PORT_T_[0-9]; echo $PORT_T_7 $PORT_T_8 $PORT_T_9 $PORT_T_19999 $PORT_T_0"),
               [{env, Many ++ [{"PORT_T_11", false}]}])),
    p(cd, run({spawn, "pwd"}, [{cd, "/usr/lib"}])),
    p(cd, run({spawn, "pwd"}, [{cd, <<"/usr">>}])),
    [p({status, N}, run(sh("exit " ++ integer_to_list(N)), [exit_status])) || N <- [0, 1, 77, 255]],
    p(signal, run(sh("kill -9 $$"), [exit_status])),
    p(signal, run(sh("kill -15 $$"), [exit_status])),
    p(notfound, run({spawn, "nosuch_program_x 2>/dev/null"}, [exit_status])),
    p(stderr, run(sh("echo out; echo err >&2"), [stderr_to_stdout])),
    p(nostderr, run(sh("exec 2>/dev/null; echo out; echo err >&2"), [])),
    p(in, run({spawn, "cat"}, [in, exit_status])),
    p(nostdio, run(sh("echo 4 >&4"), [nouse_stdio, in])),
    E = open_port({spawn, "echo bye"}, [eof, exit_status, binary]),
    p(eof, until_eof(E)),
    p(still, {erlang:port_info(E, name), t(fun() -> port_command(E, "x") end)}),
    drain(E),
    W = open_port({spawn, "cat > /dev/null"}, [out, exit_status]),
    port_command(W, "xyz"),
    p(out, {erlang:port_info(W, output), port_close(W), until_exit(W)}).

%% Closed, or ended by the failed write meanwhile.
drain(P) ->
    catch port_close(P),
    receive {'EXIT', P, _} -> ok end,
    receive {P, _} -> ok after 0 -> ok end.

packets() ->
    [begin
         P = open_port({spawn, "cat"}, [{packet, N}, binary]),
         Data = [<<>>, <<"a">>, binary:copy(<<"b">>, 255)] ++
             [binary:copy(<<"c">>, 65535) || N > 1] ++ [binary:copy(<<"d">>, 300000) || N > 2],
         [port_command(P, D) || D <- Data],
         p({packet, N}, [begin {P, {data, G}} = hd(take1()), G =:= D end || D <- Data]),
         close(P)
     end || N <- [1, 2, 4]],
    L = open_port({spawn, "cat"}, [{packet, 2}]),
    port_command(L, "list"),
    p(list, take(1)),
    close(L),
    T = open_port({spawn, "cat"}, [{packet, 1}]),
    port_command(T, binary:copy(<<"x">>, 256)),
    p(toolong, until_exit(T)),
    p(part, run(sh("printf \"\\000\\003ab\""), [{packet, 2}])),
    p(several, run(sh("printf \"\\003abc\\000\\002de\\001\""), [{packet, 1}, exit_status])).

take1() -> receive M -> [M] after 60000 -> [timeout] end.

lines() ->
    [p({line, L, S}, run(sh("printf \"" ++ S ++ "\""), [{line, L} | O]))
     || {L, S, O} <- [{4, "ab\\ncdefgh\\nij", []}, {4, "abcd\\nefgh\\n", []}, {4, "abcd", []},
                      {4, "abcdefgh", [binary]}, {100, "a\\n\\nb\\n", [binary, exit_status]},
                      {1, "ab\\nc\\n", []}, {3, "\\n\\n", []}]],
    P = open_port(sh("printf \"abc\\nde\""), [{line, 10}, eof, exit_status]),
    p(eof, until_eof(P)),
    close(P).

much() ->
    Size = 10 * 1024 * 1024,
    Data = binary:copy(<<"0123456789abcdef">>, Size div 16),
    P = open_port({spawn, "cat"}, [binary]),
    Self = self(),
    spawn_link(fun() ->
                       [port_command(P, binary:part(Data, I * 65536, 65536))
                        || I <- lists:seq(0, Size div 65536 - 1)],
                       Self ! sent,
                       receive stop -> ok end
               end),
    Got = collect(P, Size, []),
    p(much, {iolist_size(Got), iolist_to_binary(Got) =:= Data, receive sent -> sent end,
             erlang:port_info(P, input), erlang:port_info(P, output)}),
    true = port_close(P),
    receive {'EXIT', P, R} -> p(closed, R) end,
    Q = open_port({spawn, "head -c 10000000 /dev/zero"}, [binary, exit_status, stream]),
    p(zeros, [case X of {data, B} -> {data, byte_size(B)}; _ -> X end || X <- join(until_exit(Q))]),
    One = open_port({spawn, "wc -c"}, [eof]),
    port_command(One, Data),
    One ! {self(), close},
    p(closed, receive {One, closed} -> closed end),
    receive {'EXIT', One, R2} -> p(closed, R2) end.

collect(_, 0, Acc) -> lists:reverse(Acc);
collect(P, N, Acc) ->
    receive {P, {data, B}} -> collect(P, N - byte_size(B), [B | Acc])
    after 60000 -> timeout
    end.

%% A program that does not read: the sender is suspended, others are told.
busy() ->
    P = open_port({spawn, "sleep 1000"}, [binary, {busy_limits_port, {1000, 2000}},
                                          {busy_limits_msgq, disabled}]),
    Self = self(),
    {S, M} = spawn_monitor(fun() -> flood(P, Self) end),
    wait_suspended(S),
    p(suspended, process_info(S, status)),
    p(nosuspend, port_command(P, "x", [nosuspend])),
    {queue_size, Q} = erlang:port_info(P, queue_size),
    p(queued, Q > 1000),
    {os_pid, Os} = erlang:port_info(P, os_pid),
    exit(P, kill),
    p(killed, until_exit(P)),
    run({spawn, "kill " ++ integer_to_list(Os)}, []),
    p(resumed, receive {'DOWN', M, _, _, R} -> R after 60000 -> timeout end).

flood(P, Self) ->
    case catch port_command(P, binary:copy(<<"x">>, 5000)) of
        true -> flood(P, Self);
        {'EXIT', {badarg, _}} -> exit(badarg)
    end.

wait_suspended(S) ->
    case process_info(S, status) of
        {status, suspended} -> ok;
        _ -> receive after 1 -> wait_suspended(S) end
    end.

parallel(N) ->
    Ps = [open_port({spawn, "cat"}, [binary, {packet, 4}]) || _ <- lists:seq(1, N)],
    [[port_command(P, term_to_binary({I, J, P})) || {I, P} <- lists:zip(lists:seq(1, N), Ps)]
     || J <- lists:seq(1, 50)],
    Got = [[receive {P, {data, B}} -> binary_to_term(B) after 60000 -> timeout end
            || _ <- lists:seq(1, 50)] || P <- Ps],
    p(parallel, Got =:= [[{I, J, P} || J <- lists:seq(1, 50)]
                         || {I, P} <- lists:zip(lists:seq(1, N), Ps)]),
    [true = port_close(P) || P <- Ps],
    p(closed, length([1 || P <- Ps, receive {'EXIT', P, normal} -> true end])).

owner_dies() ->
    Self = self(),
    {O, _} = spawn_monitor(fun() ->
                              P = open_port({spawn, "cat"}, []),
                              Self ! {port, P},
                              receive go -> ok end
                      end),
    P = receive {port, X} -> X end,
    link(P),
    monitor(port, P),
    O ! go,
    p(owner, lists:sort(n(take(3)))),
    %% Its input ends, so the program does.
    File = "/tmp/port_t." ++ os:getpid() ++ integer_to_list(erlang:unique_integer([positive])),
    spawn(fun() ->
                  Q = open_port({spawn, "sh -c 'cat; echo done > " ++ File ++ "'"}, []),
                  Self ! {port, Q}
          end),
    receive {port, _} -> ok end,
    p(program, wait_file(File, 2000)),
    run({spawn, "rm -f " ++ File}, []).

wait_file(_, 0) -> timeout;
wait_file(File, N) ->
    case run({spawn, "cat " ++ File}, [stderr_to_stdout, binary]) of
        [{data, <<"done\n">>} | _] -> done;
        _ -> receive after 10 -> wait_file(File, N - 1) end
    end.

os_cmd() ->
    p(os_cmd, [os:cmd("echo hello"), os:cmd("exit 3"), os:cmd("echo err >&2"),
               os:cmd('echo atom'), length(os:cmd("head -c 100000 /dev/zero")),
               os:cmd("cat")]).
