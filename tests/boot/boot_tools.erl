%% Tools of OTP, one function each; what they return is printed.
-module(boot_tools).
-compile([export_all, nowarn_export_all]).

run([Name]) ->
    case ?MODULE:Name() of
        ok -> ok;
        Result -> io:format("~p~n", [Result])
    end,
    boot_more:logged(),
    init:stop().

out(Term) -> io:format("~p~n", [Term]).

dets() ->
    {ok, T} = dets:open_file(t, [{file, "t.dets"}]),
    ok = dets:insert(T, [{I, I * I} || I <- lists:seq(1, 1000)]),
    out({dets:lookup(T, 7), dets:info(T, size)}),
    ok = dets:close(T),
    {ok, T} = dets:open_file(t, [{file, "t.dets"}]),
    out(dets:foldl(fun({_, V}, S) -> S + V end, 0, T)),
    ok = dets:delete(T, 7),
    out(dets:select(T, [{{'$1', '$2'}, [{'<', '$1', 10}], ['$_']}]) =/= []),
    dets:close(T).

mnesia_ram() ->
    ok = mnesia:start(),
    {atomic, ok} = mnesia:create_table(t, [{attributes, [k, v]}, {index, [v]}]),
    Write = fun() -> [mnesia:write({t, I, I rem 3}) || I <- lists:seq(1, 10)] end,
    out(mnesia:transaction(Write)),
    out(lists:sort(mnesia:dirty_index_read(t, 1, v))),
    out(mnesia:transaction(fun() -> mnesia:write({t, 1, 9}), mnesia:abort(no) end)),
    out(mnesia:dirty_read(t, 1)),
    mnesia:stop().

mnesia_disc() ->
    application:load(mnesia),
    application:set_env(mnesia, dir, "db"),
    ok = mnesia:create_schema([node()]),
    ok = mnesia:start(),
    {atomic, ok} = mnesia:create_table(d, [{attributes, [k, v]}, {disc_copies, [node()]}]),
    {atomic, ok} = mnesia:create_table(o, [{attributes, [k, v]}, {disc_only_copies, [node()]}]),
    {atomic, _} = mnesia:transaction(
                    fun() -> [mnesia:write({T, I, I}) || T <- [d, o], I <- lists:seq(1, 50)] end),
    stopped = mnesia:stop(),
    ok = mnesia:start(),
    ok = mnesia:wait_for_tables([d, o], 300000),
    out([mnesia:table_info(T, size) || T <- [d, o]]),
    out(mnesia:transaction(fun() -> [mnesia:read(T, 7) || T <- [d, o]] end)),
    stopped = mnesia:stop().

sasl() ->
    ok = application:start(sasl),
    out([{N, V, S} || {N, V, _, S} <- release_handler:which_releases()]),
    systools:make_script("nothing", [silent]).

xref() ->
    {ok, _} = xref:start(x),
    {ok, lists} = xref:add_module(x, code:which(lists)),
    {ok, Undefined} = xref:q(x, "XC - LC"),
    out(length(Undefined) > 5),
    xref:stop(x),
    ok.

cover() ->
    {ok, boot_eunit} = cover:compile_beam(boot_eunit),
    boot_eunit:add_test(),
    out(cover:analyse(boot_eunit, calls, function)),
    cover:stop().

compile() ->
    File = filename:join([code:lib_dir(stdlib), "src", "lists.erl"]),
    {ok, lists, Beam} = compile:file(File, [binary, deterministic]),
    out(erlang:md5(Beam)),
    {ok, m, Code} = compile:forms([{attribute, 1, module, m}, {attribute, 1, export, [{f, 1}]},
                                   {function, 1, f, 1, [{clause, 1, [{var, 1, 'X'}], [],
                                    [{op, 1, '+', {var, 1, 'X'}, {integer, 1, 1}}]}]}]),
    {module, m} = code:load_binary(m, "m.erl", Code),
    m:f(41).

parsetools() ->
    ok = file:write_file("l.xrl", "Definitions.\nRules.\n[0-9]+ : {token, "
                         "{int, TokenLine, list_to_integer(TokenChars)}}.\n\\+ : {token, "
                         "{'+', TokenLine}}.\n\\s : skip_token.\nErlang code.\n"),
    ok = file:write_file("p.yrl", "Nonterminals e.\nTerminals int '+'.\nRootsymbol e.\n"
                         "Left 100 '+'.\ne -> e '+' e : '$1' + '$3'.\ne -> int : element(3, '$1')."
                         "\n"),
    {ok, _} = leex:file("l.xrl"),
    {ok, _} = yecc:file("p.yrl"),
    {ok, l} = c:c(l),
    {ok, p} = c:c(p),
    {ok, Tokens, _} = l:string("1 + 20 + 300"),
    p:parse(Tokens).

files() ->
    ok = file:write_file("a.txt", "one\ntwo\n"),
    {ok, F} = file:open("a.txt", [read, binary, raw, read_ahead]),
    out([file:read_line(F) || _ <- [1, 2, 3]]),
    ok = file:close(F),
    ok = filelib:ensure_dir("d/e/f"),
    ok = file:write_file("d/e/f", <<0:80>>, [compressed]),
    out(file:read_file("d/e/f")),
    out(lists:sort(filelib:wildcard("**"))),
    out({file:consult("nothing"), file:list_dir("nothing"), file:del_dir("d")}),
    {ok, _} = zip:create("z.zip", ["a.txt", "d/e/f"]),
    out(zip:list_dir("z.zip") =/= []),
    ok = erl_tar:create("t.tgz", ["a.txt", "d"], [compressed]),
    erl_tar:table("t.tgz", [compressed]).

programs() ->
    out(os:cmd("echo hello; exit 3")),
    P = open_port({spawn_executable, "/bin/cat"}, [binary, {line, 80}, exit_status]),
    port_command(P, <<"line\nrest">>),
    receive {P, {data, D}} -> out(D) end,
    port_close(P),
    ok.

crypto() ->
    out(crypto:hash(sha256, "abc")),
    Key = <<1:256>>,
    {C, T} = crypto:crypto_one_time_aead(aes_256_gcm, Key, <<2:96>>, "text", "aad", true),
    out({C, T}),
    Signature = crypto:sign(eddsa, none, <<"m">>, [<<3:256>>, ed25519]),
    byte_size(Signature).

distribution() ->
    out([node(), nodes(), is_alive(), net_adm:ping('a@nowhere')]),
    out(rpc:call(node(), lists, reverse, [[1, 2]])),
    out(rpc:call('a@nowhere', lists, reverse, [[1, 2]])),
    out(catch erlang:monitor_node('a@nowhere', true)),
    out(catch erlang:setnode('a@nowhere', 1)),
    out({x, 'a@nowhere'} ! message),
    erlang:disconnect_node('a@nowhere').

purge() ->
    [{ok, purged, B1}, {ok, purged, B2}] =
        [compile:forms([{attribute, 1, module, purged}, {attribute, 1, export, [{f, 0}]},
                        {function, 1, f, 0, [{clause, 1, [], [], [{integer, 1, N}]}]}])
         || N <- [1, 2]],
    {module, _} = code:load_binary(purged, "", B1),
    out(purged:f()),
    {module, _} = code:load_binary(purged, "", B2),
    out([purged:f(), code:soft_purge(purged), code:delete(purged), code:purge(purged)]),
    out(catch purged:f()),
    ok.

restart() ->
    case os:getenv("BOOT_AGAIN") of
        false ->
            os:putenv("BOOT_AGAIN", "yes"),
            io:format("first~n"),
            init:restart(),
            timer:sleep(infinity);
        "yes" ->
            io:format("second~n"),
            ok
    end.

%% Tools that read figures of the system.
figures() ->
    Sys = observer_backend:sys_info(),
    out([{K, kind(V)} || {K, V} <- Sys, K =/= alloc_info]),
    out([{K, lists:usort([[Kind || {Kind, _} <- I, Kind =/= mbcs_pool, Kind =/= fix_types]
                          || {instance, _, I} <- Is])}
         || {K, Is} <- proplists:get_value(alloc_info, Sys)]),
    out([{A, length(observer_backend:get_table_list(A, [{sys_hidden, false}, {unread_hidden, false}])) > 0}
         || A <- [ets]]),
    Self = self(),
    observer_backend:etop_collect(Self),
    {Self, Etop} = receive E -> E end,
    out([kind(F) || F <- tuple_to_list(Etop)]),
    spawn(fun() -> observer_backend:procs_info(Self) end),
    {procs_info, _, [P | _]} = receive I -> I end,
    out([kind(F) || F <- tuple_to_list(P)]),
    Stats = spawn(fun() -> observer_backend:fetch_stats(Self, 10) end),
    {stats, 1, W, {{input, In}, {output, Out}}, Memory} = receive S -> S end,
    Stats ! stop,
    out({kind(W), kind(In), kind(Out), [K || {K, _} <- Memory]}),
    %% A report, and what is read from it.
    ok = system_information:to_file("report"),
    Report = system_information:from_file("report"),
    out([K || {K, _} <- Report]),
    out([{K, kind(V)} || {K, V} <- proplists:get_value(system_info, Report), K =/= {cpu_topology, detected}]),
    {ok, _} = system_information:start(),
    ok = system_information:load_report(file, "report"),
    ok = system_information:stop(),
    {ok, {128, Unscanned, Allocations}} = instrument:allocations(),
    out({kind(Unscanned), kind(Allocations)}),
    {ok, {64, _, _}} = instrument:allocations(#{histogram_start => 64, histogram_width => 4,
                                                allocator_types => [binary_alloc]}),
    {ok, {512, Carriers}} = instrument:carriers(),
    out(lists:usort([[kind(F) || F <- tl(tuple_to_list(C))] ++ [tuple_size(element(6, C))] || C <- Carriers])),
    out(catch instrument:allocations(#{histogram_width => 33})),
    out({msacc:available(), msacc:start(30), msacc:stop(), msacc:start()}),
    out(msacc:stop()),
    Ms = msacc:stats(),
    N = erlang:system_info(schedulers),
    out([Id || #{type := scheduler, id := Id} <- Ms] =:= lists:seq(1, N)),
    out(lists:usort([{'$type', maps:get('$type', M)} || M <- Ms])),
    out(lists:usort([maps:keys(C) || #{counters := C} <- Ms])),
    out(msacc:stats(system_realtime, Ms) >= msacc:stats(system_runtime, Ms)),
    ok = msacc:print("msacc", Ms, #{system => true}),
    ok = msacc:to_file("stats"),
    out(length(msacc:from_file("stats")) =:= length(Ms)),
    {ok, Printed} = file:read_file("msacc"),
    out(length(binary:matches(Printed, <<"scheduler(">>)) >= N),
    msacc:reset(),
    out([element(1, U) || U <- scheduler:utilization(1), element(1, U) =/= cpu]).

kind(X) when is_list(X) -> list;
kind(X) when is_integer(X) -> integer;
kind(X) when is_float(X) -> float;
kind(X) when is_map(X) -> map;
kind(X) when is_pid(X) -> pid;
kind(X) when is_tuple(X) -> {tuple, tuple_size(X)};
kind(X) when is_binary(X) -> binary;
kind(true) -> boolean;
kind(false) -> boolean;
kind(X) when is_atom(X) -> atom;
kind(_) -> other.
