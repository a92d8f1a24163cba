%% More of OTP's tools and applications, one function each; what they return is printed.
-module(boot_more).
-compile([export_all, nowarn_export_all]).
-include_lib("public_key/include/public_key.hrl").

run([Name]) ->
    case ?MODULE:Name() of
        ok -> ok;
        Result -> out(Result)
    end,
    logged(),
    init:stop().

%% What was logged so far is written. A test may have removed the handler.
logged() ->
    lists:member(default, logger:get_handler_ids()) andalso (ok = logger_std_h:filesync(default)),
    ok.

out(Term) -> io:format("~p~n", [Term]).
sum(File) ->
    {ok, B} = file:read_file(File),
    out({File, erlang:md5(B)}).

%% ---- tests ----

surefire() ->
    out(eunit:test(boot_eunit_bad, [verbose, {report, {eunit_surefire, [{dir, "."}]}}])),
    {ok, B} = file:read_file("TEST-boot_eunit_bad.xml"),
    io:put_chars(B).

groups([Ebin]) ->
    ok = file:make_dir("logs"),
    ok = file:write_file("c.spec", "{incl_mods, [boot_eunit]}.\n"),
    out(ct:run_test([{dir, Ebin}, {suite, boot_groups_SUITE}, {logdir, "logs"}, {auto_compile, false},
                     {cover, "c.spec"}, {ct_hooks, [{cth_surefire, [{path, "r.xml"}]}]}])),
    [Report] = filelib:wildcard("logs/ct_run*/r.xml"),
    {ok, B} = file:read_file(Report),
    io:put_chars(string:replace(B, "><", ">\n<", all)),
    [Folder] = filelib:wildcard("logs/ct_run*/*/run*"),
    {ok, Names} = file:list_dir(Folder),
    [io:format("~s~n", [N]) || N <- lists:sort(Names)],
    %% Alone: the hook that writes the report mixes up cases that run at the same time.
    out(ct:run_test([{dir, Ebin}, {suite, boot_groups_SUITE}, {logdir, "logs"}, {auto_compile, false},
                     {group, parallel}])),
    init:stop().

%% ---- logs ----

log_files() ->
    Add = fun(Id, Module, Config) -> ok = logger:add_handler(Id, Module, #{config => Config}) end,
    logger:set_primary_config(level, info),
    logger:remove_handler(default),
    Add(h, logger_std_h, #{file => "l.log", max_no_bytes => 2000, max_no_files => 3,
                           compress_on_rotate => true}),
    [logger:info("message ~p ~s", [I, lists:duplicate(50, $x)]) || I <- lists:seq(1, 100)],
    logger_std_h:filesync(h),
    Add(d, logger_disk_log_h, #{file => "d.log", type => wrap, max_no_files => 3,
                                max_no_bytes => 1000}),
    [logger:warning("message ~p", [I]) || I <- lists:seq(1, 100)],
    logger_disk_log_h:filesync(d),
    out(logger:get_handler_ids()),
    out([logger:remove_handler(H) || H <- [h, d, d]]),
    out(lists:sort(filelib:wildcard("d.log*"))),
    %% Old files are compressed meanwhile, by nobody who could be waited for.
    out([lists:member("l.log", filelib:wildcard("l.log*")), filelib:wildcard("l.log*") =/= ["l.log"]]).

%% More than a handler takes: it drops, and lives.
log_overload() ->
    logger:remove_handler(default),
    ok = logger:add_handler(h, logger_std_h,
                            #{config => #{file => "l.log", sync_mode_qlen => 10, drop_mode_qlen => 50,
                                          flush_qlen => 100, burst_limit_enable => true,
                                          burst_limit_max_count => 20,
                                          burst_limit_window_time => 60000}}),
    Ps = [spawn_monitor(fun() -> [logger:error("~p", [I]) || I <- lists:seq(1, 100)] end)
          || _ <- lists:seq(1, 10)],
    [receive {'DOWN', R, _, _, _} -> ok end || {_, R} <- Ps],
    logger_std_h:filesync(h),
    {ok, B} = file:read_file("l.log"),
    out({byte_size(B) > 0, length(binary:split(B, <<"\n">>, [global])) < 500}).

disk_logs() ->
    {ok, l} = disk_log:open([{name, l}, {file, "x.log"}, {type, wrap}, {size, {1000, 3}}]),
    [ok = disk_log:log(l, {I, lists:seq(1, 20)}) || I <- lists:seq(1, 100)],
    out([I || {K, _} = I <- disk_log:info(l), K =/= file, K =/= owners, K =/= users]),
    {_, Terms} = disk_log:chunk(l, start),
    out([I || {I, _} <- Terms]),
    ok = disk_log:close(l),
    {ok, h} = disk_log:open([{name, h}, {file, "h.log"}, {type, halt}, {format, external}]),
    ok = disk_log:blog(h, <<"abc">>),
    ok = disk_log:close(h),
    out(file:read_file("h.log")),
    ok = file:write_file("x.log.1", ""),
    out(disk_log:open([{name, l}, {file, "x.log"}, {type, wrap}, {size, {1000, 3}}])),
    element(1, disk_log:open([{name, q}, {file, "nothing/x"}])).

reports() ->
    application:load(sasl),
    [application:set_env(sasl, K, V) || {K, V} <- [{error_logger_mf_dir, "mf"},
                                                   {error_logger_mf_maxbytes, 100000},
                                                   {error_logger_mf_maxfiles, 3}]],
    ok = filelib:ensure_dir("mf/x"),
    ok = application:start(sasl),
    _ = application:which_applications(), % whoever reports the start has done so
    error_logger:error_msg("an error ~p~n", [1]),
    error_logger:info_report([{a, 1}]),
    true = lists:member(log_mf_h, gen_event:which_handlers(error_logger)),
    {ok, _} = rb:start([{report_dir, "mf"}]),
    rb:list(error),
    rb:grep("an error"),
    rb:stop().

%% ---- tools ----

cover_html() ->
    ok = file:write_file("cm.erl", "-module(cm).\n-export([f/1, g/0]).\nf(X) when X > 0 -> pos;\n"
                         "f(_) -> neg.\ng() -> lists:map(fun(X) -> X + 1 end, [1]).\n"),
    {ok, cm} = cover:compile("cm.erl"),
    cm:f(1),
    out([cover:analyse(cm, A, L) || A <- [coverage, calls], L <- [line, clause, function, module]]),
    {ok, _} = cover:analyse_to_file(cm, "o.html", [html]),
    {ok, B} = file:read_file("o.html"),
    out(binary:split(B, <<"\n">>, [global])),
    ok = cover:export("e.d"),
    ok = cover:reset(),
    ok = cover:import("e.d"),
    out(cover:analyse(cm, coverage, module)),
    cover:stop().

xref_queries() ->
    {ok, _} = xref:start(s),
    {ok, _} = xref:add_application(s, code:lib_dir(sasl)),
    ok = xref:set_library_path(s, code_path),
    [out(xref:q(s, Q)) || Q <- ["(Fun) undefined_functions", "strict AC", "# E", "E | rb || lists",
                                "foo bar"]],
    [out(xref:analyze(s, A)) || A <- [undefined_function_calls, locals_not_used, exports_not_used,
                                      {call, release_handler}]],
    xref:stop(s).

generators() ->
    Grammar = filename:join([code:lib_dir(stdlib), "src", "erl_parse.yrl"]),
    {ok, _} = yecc:file(Grammar, [{parserfile, "p.erl"}]),
    ok = file:write_file("l.xrl", "Definitions.\nD = [0-9]\nL = [a-z]\nRules.\n"
                         "{D}+(\\.{D}+)? : {token, {num, TokenLine, TokenChars}}.\n"
                         "{L}({L}|{D})* : {token, {id, TokenLine}}.\n[\\s\\n]+ : skip_token.\n"
                         "Erlang code.\n"),
    {ok, _} = leex:file("l.xrl", [dfa_graph]),
    [sum(F) || F <- ["p.erl", "l.erl", "l.dot"]],
    ok = file:write_file("bad.yrl", "Nonterminals a b.\nTerminals x.\nRootsymbol a.\na -> x c.\n"),
    ok = file:write_file("bad.xrl", "Definitions.\nRules.\n[ : x.\n"),
    {yecc:file("bad.yrl", [return]), leex:file("bad.xrl", [return])}.

work() ->
    lists:foldl(fun(X, S) -> X + S end, 0, lists:seq(1, 100)),
    lists:sort([3, 1, 2]),
    string:uppercase("abc").

%% The trace's end ends the profile.
fprof_analyse(Options) ->
    case fprof:analyse(Options) of
        ok -> ok;
        {error, _} -> timer:sleep(1), fprof_analyse(Options)
    end.

profilers() ->
    work(), %% everything is loaded
    %% Not by a file: fprof links to what reads it, which may be through before.
    {ok, Tracer} = fprof:profile(start),
    fprof:apply(fun work/0, [], [{tracer, Tracer}]),
    fprof_analyse([{dest, "f.txt"}]),
    {ok, B} = file:read_file("f.txt"),
    {match, Names} = re:run(B, "{([a-z_]+,[a-z_]+,[0-9]+)}", [global, {capture, [1], list}]),
    out(lists:usort(Names)),
    eprof:start(),
    {ok, _} = eprof:profile([], fun work/0),
    eprof:analyze(total, [{sort, mfa}]),
    eprof:stop(),
    cprof:start(lists),
    work(),
    cprof:pause(),
    out(cprof:analyse(lists)),
    cprof:stop(),
    ok.

archives() ->
    ok = file:write_file("a.txt", lists:duplicate(1000, $a)),
    ok = filelib:ensure_dir("d/e/x"),
    ok = file:write_file("d/e/f", <<1, 2, 3>>),
    ok = file:make_symlink("a.txt", "link"),
    ok = erl_tar:create("t.tar", ["a.txt", "d", "link"], []),
    out([erl_tar:table("t.tar"), erl_tar:extract("t.tar", [memory]), erl_tar:extract("nothing")]),
    ok = erl_tar:extract("t.tar", [{cwd, "out"}]),
    out(filelib:wildcard("out/**")),
    {ok, T} = erl_tar:open("u.tgz", [write, compressed]),
    [ok = erl_tar:add(T, W, N, []) || {W, N} <- [{<<"bin">>, "n"}, {"a.txt", "b/c"}]],
    ok = erl_tar:close(T),
    out(erl_tar:extract("u.tgz", [compressed, memory])),
    {ok, _} = zip:create("z.zip", ["a.txt", "d"], [{comment, "c"}]),
    {ok, Z} = zip:zip_open("z.zip", [memory]),
    out([zip:zip_get("d/e/f", Z), zip:extract("z.zip", [memory]),
         zip:foldl(fun(N, _, _, A) -> [N | A] end, [], "z.zip")]),
    zip:zip_close(Z).

%% ---- applications ----

mnesia_more() ->
    application:load(mnesia),
    application:set_env(mnesia, dir, "db"),
    ok = mnesia:create_schema([node()]),
    ok = mnesia:start(),
    Tables = [{r, ram_copies, set}, {d, disc_copies, ordered_set}, {o, disc_only_copies, bag}],
    [{atomic, ok} = mnesia:create_table(N, [{attributes, [k, v]}, {C, [node()]}, {type, T}])
     || {N, C, T} <- Tables],
    {atomic, ok} = mnesia:add_table_index(r, v),
    {atomic, _} = mnesia:transaction(fun() -> [mnesia:write({N, I, I rem 5})
                                               || {N, _, _} <- Tables, I <- lists:seq(1, 100)] end),
    out([mnesia:dump_tables([r]), mnesia:dump_to_textfile("t.txt"), mnesia:backup("b.bup")]),
    stopped = mnesia:stop(),
    ok = mnesia:start(),
    ok = mnesia:wait_for_tables([r, d, o], 300000),
    out([mnesia:table_info(T, size) || {T, _, _} <- Tables]),
    out(mnesia:dirty_select(d, [{{d, '$1', 3}, [{'<', '$1', 50}], ['$1']}])),
    out(mnesia:transaction(fun() -> mnesia:delete({d, 3}), mnesia:s_delete_object({o, 4, 4}),
                                    mnesia:lock({table, r}, write),
                                    mnesia:foldl(fun({r, K, _}, A) -> K + A end, 0, r) end)),
    {atomic, Restored} = mnesia:restore("b.bup", [{default_op, recreate_tables}]),
    out(lists:sort(Restored)),
    out(mnesia:transform_table(d, fun({d, K, V}) -> {d, K, V, new} end, [k, v, n])),
    out([mnesia:dirty_read(d, 3), mnesia:change_table_copy_type(d, node(), disc_only_copies)]),
    out(mnesia:traverse_backup("b.bup", "b2", fun(X, A) -> {[X], A + 1} end, 0)),
    {atomic, ok} = mnesia:create_table(f, [{frag_properties, [{n_fragments, 4},
                                                              {node_pool, [node()]}]}]),
    mnesia:activity(transaction, fun() -> [mnesia:write({f, I, I}) || I <- lists:seq(1, 100)] end, [],
                    mnesia_frag),
    out(lists:sort(mnesia:activity(async_dirty, fun() -> mnesia:table_info(f, frag_size) end, [],
                                   mnesia_frag))),
    {ok, _} = mnesia:subscribe({table, r, detailed}),
    mnesia:dirty_write({r, 1, 1}),
    receive {mnesia_table_event, E} -> out(E) end,
    mnesia:stop(),
    ok = mnesia:start(),
    ok = mnesia:wait_for_tables([r, d, o, f], 300000),
    out(mnesia:load_textfile("t.txt")),
    mnesia:stop().

keys() ->
    {ok, _} = application:ensure_all_started(ssh),
    Key = public_key:generate_key({rsa, 1024, 65537}),
    Public = #'RSAPublicKey'{modulus = Key#'RSAPrivateKey'.modulus, publicExponent = 65537},
    Entry = public_key:pem_entry_encode('RSAPrivateKey', Key),
    Locked = public_key:pem_entry_encode('RSAPrivateKey', Key, {{"AES-128-CBC", <<1:128>>}, "pw"}),
    [Entry, Locked] = public_key:pem_decode(public_key:pem_encode([Entry, Locked])),
    Key = public_key:pem_entry_decode(Entry),
    Key = public_key:pem_entry_decode(Locked, "pw"),
    Signature = public_key:sign(<<"text">>, sha256, Key),
    out([public_key:verify(T, sha256, Signature, Public) || T <- [<<"text">>, <<"other">>]]),
    <<"secret">> = public_key:decrypt_private(public_key:encrypt_public(<<"secret">>, Public), Key),
    #{cert := Cert} = public_key:pkix_test_root_cert("root", [{key, {namedCurve, secp256r1}}]),
    out([public_key:pkix_is_self_signed(Cert), element(1, public_key:pkix_decode_cert(Cert, otp)),
         element(1, public_key:pkix_path_validation(Cert, [Cert], []))]),
    Text = ssh_file:encode([{Public, [{comment, "c"}]}], openssh_key),
    [{Public, _}] = ssh_file:decode(Text, openssh_key),
    out([ssl:versions(), ssl:cipher_suites(all, 'tlsv1.3')]),
    out(crypto:supports(hashs)).

asn1() ->
    ok = file:write_file("My.asn1", "My DEFINITIONS AUTOMATIC TAGS ::= BEGIN\n"
                         "T ::= SEQUENCE { a INTEGER (0..255), b OCTET STRING OPTIONAL,"
                         " c SEQUENCE OF U, d BOOLEAN DEFAULT TRUE }\n"
                         "U ::= CHOICE { x INTEGER, y UTF8String, z ENUMERATED { one, two } }\nEND\n"),
    [begin
         out({Rules, asn1ct:compile("My", [Rules])}),
         sum("My.erl"),
         {ok, B} = 'My':encode('T', {'T', 7, <<"abc">>, [{x, -5}, {y, <<"hi">>}, {z, two}], true}),
         out({B, 'My':decode('T', B)}),
         {error, {asn1, _}} = 'My':encode('T', {'T', bad, 1, 2, 3})
     end || Rules <- [ber, per, uper]],
    ok.

xml() ->
    Text = "<?xml version=\"1.0\"?><!DOCTYPE r [<!ELEMENT r (a*,b?)><!ELEMENT a (#PCDATA)>"
        "<!ELEMENT b EMPTY><!ATTLIST a k CDATA #IMPLIED><!ENTITY e \"ent\">]>"
        "<r><a k='1'>x&e;</a><a>y</a><b/></r>",
    {Root, []} = xmerl_scan:string(Text, [{validation, true}]),
    io:format("~s~n", [xmerl:export([Root], xmerl_xml)]),
    out(xmerl_xpath:string("//a[@k='1']/text()", Root)),
    out(xmerl_sax_parser:stream(list_to_binary(Text), [{event_fun, fun(E, _, S) -> [E | S] end},
                                                       {event_state, []}])),
    io:format("~s~n", [xmerl:export_simple([{h, [{c, "d"}], ["T & t"]}], xmerl_xml)]).

mib() ->
    Mibs = filename:join(code:lib_dir(snmp), "mibs"),
    out(snmpc:compile(filename:join(Mibs, "SNMPv2-MIB"), [{i, [Mibs]}, {outdir, "."},
                                                          {warnings, false}])),
    sum("SNMPv2-MIB.bin").

%% ---- the shell's helpers ---- figures differ: only the names are shown

helpers() ->
    ok = file:write_file("h.erl", "-module(h).\n-export([f/0]).\nf() -> 1.\n"),
    out([c:c(h), c:l(h), c:nc(h), c:lc([h]), h:f(), c:c(nothing), c:y(nothing)]),
    out([{K, V =:= c:memory(K) orelse is_integer(V)} || {K, V} <- c:memory()]),
    out([c:xm(h), is_list(c:mm()), c:lm()]),
    c:ls(),
    observer_backend:procs_info(self()),
    receive {procs_info, _, L} -> out(length(L) >= length(processes()) - 1) end,
    out(lists:sort([proplists:get_value(name, T)
                    || T <- observer_backend:get_table_list(ets, [{sys_hidden, true},
                                                                  {unread_hidden, true}])])),
    out([K || {K, _} <- observer_backend:sys_info(), K =/= alloc_info]),
    catch erlang:process_display(self(), nothing).
