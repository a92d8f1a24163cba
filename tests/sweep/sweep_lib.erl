%% Calls of OTP's libraries that need more than one call or an environment of their own: zlib streams, object
%% code, archives, files, the environment, modules compiled and run, queries, XML, DNS. As in sweep_prop each
%% function gives a term that is compared between the machines. gen/1 makes the arguments.
-module(sweep_lib).
-compile(nowarn_deprecated_function).
-export([gen/1, functions/1, tree/1]).
-export([zlib_once/2, zlib_stream/1, beam/3, environment/1, files/2, archive/2, run_module/3, bits_both/3, core/1,
         pretty/1, xml/1, query/2, dns/2, log_format/2, childspecs/1, chars_stream/2, disassemble/1, round_trip/2,
         big_map/2]).
-import(sweep_gen, [rnd/1, pick/1]).

g(T) -> sweep_gen:gen(T).
many(Max, F) -> [F() || _ <- lists:seq(1, rnd(Max + 1))].
attempt(F) -> try F() catch C:R -> {C, R} end.
sure(true, _) -> ok;
sure(_, What) -> error({property, What}).

exact(Ts) -> {exact, Ts}.
more(N) -> {more, N}.

%% The entries of sweep_table; Dir: where the generated files are.
functions(Dir) ->
    Beams = [code:which(M) || M <- [queue, proplists, ordsets, base64, erl_posix_msg, erl_anno]],
    Tree = filename:join(filename:absname(Dir), "tree"),
    [{sweep_lib, zlib_once, 2, exact([more(zlib_function), more(zlib_data)])},
     {sweep_lib, zlib_stream, 1, exact([more(zlib_ops)])},
     {sweep_lib, beam, 3, exact([{union, [{lit, B} || B <- Beams]}, more(changes), more(beam_op)])},
     {sweep_lib, disassemble, 1, exact([{union, [{lit, B} || B <- Beams]}])},
     {sweep_lib, environment, 1, exact([more(environment_ops)])},
     {sweep_lib, files, 2, exact([{lit, Tree}, more(file_op)])},
     {sweep_lib, archive, 2, exact([more(members), more(changes)])},
     {sweep_lib, run_module, 3, exact([more(program), any, any])},
     {sweep_lib, bits_both, 3, exact([more(bits_program), more(bits_value), more(bits_value)])},
     {sweep_lib, core, 1, exact([more(program)])},
     {sweep_lib, pretty, 1, exact([more(program)])},
     {sweep_lib, xml, 1, exact([more(xml)])},
     {sweep_lib, query, 2, exact([more(query), {list, {tuple, [small, any]}}])},
     {sweep_lib, dns, 2, exact([more(dns), more(changes)])},
     {sweep_lib, log_format, 2, exact([more(log_event), more(log_config)])},
     {sweep_lib, childspecs, 1, exact([more(childspecs)])},
     {sweep_lib, chars_stream, 2, exact([more(encodings), chardata])},
     {sweep_lib, round_trip, 2, exact([any, more(etf_options)])},
     {sweep_lib, big_map, 2, exact([{int, 0, 1500}, integer])},
     {filename, safe_relative_path, 1, [{[{custom, filename}], any}]},
     {filelib, safe_relative_path, 2, [{[{custom, filename}, {lit, Tree}], any}]}].

%% A tree of files, the same for both machines.
tree(Dir) ->
    T = filename:join(Dir, "tree"),
    [begin
         N = filename:join(T, F),
         ok = filelib:ensure_dir(N),
         ok = file:write_file(N, F)
     end || F <- ["a.erl", "b.erl", "b.hrl", "abc.txt", "sub/a.erl", "sub/deep/x.erl", "sub/deep/y.beam", "dir.d/a", "[x]", "a b", "é", ".hidden",
                  "sub/.dot", "x{y}", "q?"]],
    ok.

%% ---- zlib

gen(zlib_function) -> pick([compress, uncompress, zip, unzip, gzip, gunzip]);
gen(zlib_data) ->
    D = data(),
    case rnd(8) of
        0 -> D;
        1 -> g(any);
        2 -> zlib:compress(D);
        3 -> zlib:zip(D);
        4 -> zlib:gzip(D);
        5 -> damage(zlib:compress(D));
        6 -> damage(zlib:gzip(D));
        7 -> [zlib:gzip(D), pick([<<>>, zlib:gzip(<<"more">>), <<"tail">>])]
    end;
gen(zlib_ops) ->
    Bits = pick([15, -15, 31, 9, -9, 8, 47, 7]),
    [pick([{deflateInit, [pick([default, none, best_speed, best_compression, rnd(11)])]},
           {deflateInit, [pick([default, rnd(10)]), deflated, Bits, 1 + rnd(10), pick([default, filtered, huffman_only, rle, bad])]}]) |
     many(8, fun() -> zlib_op() end)] ++ [{deflate, [data(), finish]}, {again, []}, {inflateInit, [Bits]}] ++ many(4, fun() -> zlib_in() end);
gen(changes) -> case rnd(2) of 0 -> []; _ -> many(3, fun() -> {rnd(4000), rnd(256)} end) end;
gen(beam_op) ->
    Chunk = fun() -> pick([imports, exports, locals, labeled_exports, labeled_locals, attributes, atoms, compile_info, abstract_code,
                           debug_info, indexed_imports, "Atom", "AtU8", "Code", "StrT", "ImpT", "Line", "Docs", "None", bad, "xx"]) end,
    pick([{chunks, [many(3, Chunk)]}, {chunks, [many(3, Chunk), [allow_missing_chunks]]}, {info, []}, {md5, []}, {all_chunks, []}, {strip, []},
          {version, []}, {cmp, []}, {strip_release, []}, {diff_chunks, []}, {build_module, []}, {strip, [["Line"]]}]);
gen(environment_ops) -> many(12, fun() -> environment_op() end);
gen(file_op) ->
    P = fun() -> pick(["*", "*.erl", "**", "**/*.erl", "sub/*", "{a,b}.*", "[ab].erl", "[a-c]*", "?.erl", "*.{erl,hrl}", "sub/**/x*", "nosuch/*", "\\[x\\]", "[",
                       "{a,b", "x\\{y\\}", ".*", "sub/.*", "../tree/*.erl", ".", "..", "a b", "é", "*/a", "*/", "sub/deep", "", "/", "**/", "***", "[^a].erl", "[]a].erl",
                       "{", "q\\?", "*d*", "sub/*/*.{beam,erl}", lists:append(many(4, fun() -> pick(["*", "?", "a", "sub", "/", "[a-z]", "{b,x}", ".erl", "**"]) end))]) end,
    pick([{wildcard, P()}, {wildcard, P()}, {wildcard, P()}, {is_dir, P()}, {is_file, P()}, {is_regular, P()}, {file_size, P()},
          {fold_files, pick([".*", "\\.erl$", "^a", "(", "x|y"]), pick([true, false])}, {read_file, P()}, {read_link, P()}, {list_dir, P()}, {read_file_info, P()}]);
gen(members) ->
    many(5, fun() -> {pick(["a", "b/c", "dir/d", lists:duplicate(99, $x), lists:duplicate(150, $y), "é", "a/../b", "/abs", "x y", "../up"]), data(),
                      pick([[], [{mode, 8#600}], [{mtime, rnd(1 bsl 27) * 10}], [{uid, 5}, {gid, 6}], [{mode, 8#755}, {mtime, 0}]])} end);
gen(program) ->
    F = fun(N) -> N ++ "(X, Y)" ++ sweep_custom:gen(guard) ++ " -> " ++ sweep_custom:gen(expr3) ++ pick(["", ", " ++ sweep_custom:gen(expr3)])
                      ++ pick(["", ";\n" ++ N ++ "(" ++ sweep_custom:gen(pattern) ++ ", _) -> " ++ sweep_custom:gen(leaf1), ";\n" ++ N ++ "(_, _) -> other"]) ++ ".\n" end,
    "-module(sweep_run).\n-export([f/2, g/2, h/2]).\n-record(r, {a, b = 2}).\n" ++ F("f") ++ F("g") ++ F("h");
gen(bits_program) -> {segments(), segments(), pick(["", ", _/bits", ", R/bits", ", R/binary"])};
gen(bits_value) -> pick([g(integer), g(float), g(binary), g(bitstring), rnd(20), rnd(300), "abc", 16#20ac, -1, g(any)]);
gen(xml) ->
    S = element(3),
    case rnd(5) of
        0 -> damage_text(S);
        1 -> "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE r [<!ENTITY e \"ent\"><!ELEMENT r ANY>]><r>&e;" ++ S ++ "</r>";
        _ -> S
    end;
gen(query) ->
    "[" ++ pick(["X", "{X, Y}", "{Y, K, Z}", "Y"]) ++ " || " ++ pick(["{X, Y} <- L", "{X, Y} <- L, {K, Z} <- L, K =:= X", "{K, Z} <- L, {X, Y} <- L, X == K",
                                                          "X <- [1,2,3], Y <- [a]"]) ++ pick(["", ", X > 2", ", is_integer(X)", ", X =:= 3", ", (X =:= 1) or (X =:= 2)", ", X + 1 < 5"])
        ++ "]" ++ pick(["", ", [unique]", ", [cache]", ", [{join, merge}]", ", [bad]"]) ++ ".";
gen(dns) -> {rnd(65536), pick([query, notify, 5]), pick(["a.b.c", "x", "", ".", "a..b", lists:duplicate(64, $z), "é.b", "WWW.Example.org"]), pick([a, aaaa, mx, txt, srv, ns, any, ptr, soa, 77]), pick([in, any, 9]),
             many(3, fun() -> pick([{a, {1, 2, 3, rnd(256)}}, {aaaa, {1, 2, 3, 4, 5, 6, 7, rnd(65536)}}, {mx, {rnd(100), "m.x"}}, {txt, ["t", g(latin1)]}, {srv, {1, 2, rnd(65536), "h.x"}},
                                    {cname, "c.x"}, {soa, {"a.b", "c.d", 1, 2, 3, 4, 5}}, {ptr, "p.q.r"}, {ns, "a.b.c"}, {a, bad}]) end)};
gen(log_event) ->
    #{level => pick([debug, info, notice, warning, error, emergency]),
      msg => pick([{"~p ~ts", [g(any), g(string)]}, {string, g(chardata)}, {report, #{a => g(any), b => 2}}, {report, [{k, g(any)}, {"x", 1}]}, {"~p", []}, {string, [300]}]),
      meta => maps:merge(#{time => rnd(1 bsl 27) * 12345678, pid => pick([a, 1])}, pick([#{}, #{mfa => {m, f, 2}, line => 7, file => "f.erl"}, #{domain => [otp, sasl]}, #{error_logger => #{tag => error}}]))};
gen(log_config) ->
    maps:from_list(many(4, fun() -> pick([{single_line, rnd(2) =:= 0}, {max_size, pick([unlimited, 50 + rnd(100)])}, {depth, pick([unlimited, 5 + rnd(20)])}, {chars_limit, pick([unlimited, 1 + rnd(200)])},
        {template, pick([[msg, "\n"], [level, " ", msg], [{[meta_, x], ["a"], ["b"]}, time, msg], [mfa, ":", line, domain, {file, [file], ["?"]}]])}, {time_designator, $\s}, {time_offset, "Z"},
        {legacy_header, rnd(2) =:= 0}, {report_cb, bad}]) end));
gen(childspecs) ->
    many(4, fun() -> pick([#{id => pick([a, b]), start => {m, f, []}}, #{id => c}, {x, {m, f, [1]}, permanent, 5000, worker, [m]}, {x, {m, f}, permanent, 5, worker, [m]},
                           #{id => d, start => {m, f, [a]}, restart => pick([permanent, never, temporary]), shutdown => pick([brutal_kill, -1, infinity, 5]), type => pick([worker, supervisor, x]),
                             modules => pick([dynamic, [a], b]), significant => pick([true, false, 1])}, g(any)]) end);
gen(encodings) -> {pick([utf8, latin1, unicode, utf16, {utf16, little}, {utf32, big}, utf32, bad]), pick([utf8, latin1, unicode, {utf16, big}, utf32, {utf32, little}, x])};
gen(etf_options) -> many(3, fun() -> pick([compressed, {compressed, rnd(10)}, {minor_version, rnd(3)}, deterministic]) end).

data() ->
    case rnd(6) of
        0 -> <<>>;
        1 -> g(binary);
        2 -> list_to_binary(lists:duplicate(rnd(3000), pick("ab")));
        3 -> << <<(rnd(256))>> || _ <- lists:seq(1, rnd(500)) >>;
        4 -> << <<(pick(["hello ", "world ", "foo\n", "12 "]))/binary>> || _ <- [] >>;
        5 -> list_to_binary([pick(["hello ", "world ", "foo\n", "12 ", [rnd(256)]]) || _ <- lists:seq(1, rnd(400))])
    end.
damage(B) -> changed(B, [{rnd(4000), rnd(256)} || _ <- lists:seq(1, 1 + rnd(2))]).
damage_text(S) ->
    N = rnd(length(S) + 1),
    lists:sublist(S, N) ++ pick(["", "<", ">", "&", "&#65;", "</a>", "]]>", "\"", "&x;", "<!--", [0]]) ++ lists:nthtail(min(length(S), N + rnd(3)), S).
changed(B, L) ->
    lists:foldl(fun({_, _}, <<>>) -> <<>>;
                   ({At, V}, A) ->
                        P = At rem byte_size(A),
                        <<H:P/binary, _, R/binary>> = A,
                        case V of
                            0 -> H;
                            _ -> <<H/binary, (sweep_gen:foreign(V)), R/binary>>
                        end
                end, B, L).

zlib_op() ->
    pick([{deflate, [data()]}, {deflate, [data(), pick([none, sync, full, bad])]}, {deflateParams, [pick([default, rnd(10)]), pick([default, filtered, huffman_only])]},
          {deflateSetDictionary, [data()]}, {deflateReset, []}, {crc32, [data()]}, {crc32, [rnd(1 bsl 27), data()]}, {adler32, [data()]}, {adler32, [1, data()]},
          {crc32_combine, [rnd(1 bsl 27), rnd(1 bsl 27), rnd(1000)]}, {adler32_combine, [rnd(1 bsl 16), rnd(1 bsl 16), rnd(1000)]}, {inflate, [data()]},
          {getBufSize, []}, {setBufSize, [pick([100, 4000, 0, x])]}, {deflate, [g(any)]}]).
zlib_in() -> pick([{inflate_back, []}, {inflate_back, []}, {inflate, [data()]}, {inflateSetDictionary, [data()]}, {inflateGetDictionary, []}, {inflateReset, []}, {inflateEnd, []},
                   {safe_back, []}, {inflateInit, []}, {inflateSync, []}, {inflateChunk, []}, {deflate, [<<"x">>]}]).

zlib_once(F, D) ->
    R = attempt(fun() -> zlib:F(D) end),
    Back = #{compress => uncompress, zip => unzip, gzip => gunzip},
    case Back of
        #{F := B} when is_binary(R) -> sure(zlib:B(R) =:= iolist_to_binary(D), {F, D});
        _ -> ok
    end,
    R.

zlib_stream(Ops) ->
    Z = zlib:open(),
    {L, _} = lists:mapfoldl(fun(Op, Acc) -> zlib_do(Z, Op, Acc) end, <<>>, Ops),
    %% Not used after that: stock reads what it has freed.
    {L, attempt(fun() -> zlib:close(Z) end), attempt(fun() -> zlib:close(Z) end)}.
zlib_do(Z, {again, []}, Acc) -> {attempt(fun() -> zlib:deflateEnd(Z) end), Acc};
zlib_do(Z, {inflate_back, []}, Acc) -> {plain(fun() -> zlib:inflate(Z, Acc) end), <<>>};
zlib_do(Z, {safe_back, []}, Acc) -> {plain(fun() -> zlib:safeInflate(Z, Acc) end), <<>>};
zlib_do(Z, {deflate, As}, Acc) ->
    case plain(fun() -> apply(zlib, deflate, [Z | As]) end) of
        B when is_binary(B) -> {B, <<Acc/binary, B/binary>>};
        E -> {E, Acc}
    end;
zlib_do(Z, {F, As}, Acc) -> {plain(fun() -> apply(zlib, F, [Z | As]) end), Acc}.
plain(F) ->
    case attempt(F) of
        L when is_list(L) -> iolist_to_binary(L);
        {K, L} when is_list(L) -> {K, iolist_to_binary(L)};
        R -> R
    end.

%% ---- object code

beam(File, Changes, {Op, As}) ->
    {ok, B0} = prim_file:read_file(File),
    B = changed(B0, Changes),
    attempt(fun() ->
                case Op of
                    cmp -> beam_lib:cmp(B, B0);
                    diff_chunks ->
                        {ok, _, Cs} = beam_lib:all_chunks(B),
                        [{N, erlang:md5(C)} || {N, C} <- Cs];
                    build_module ->
                        {ok, _, Cs} = beam_lib:all_chunks(B),
                        {ok, B2} = beam_lib:build_module(Cs),
                        {erlang:md5(B2), beam_lib:md5(B2)};
                    strip_release -> beam_lib:strip_files([B]);
                    _ -> apply(beam_lib, Op, [B | As])
                end end).

disassemble(File) ->
    {ok, B} = prim_file:read_file(File),
    erlang:md5(term_to_binary(beam_disasm:file(B))).

%% ---- the environment

environment_op() ->
    N = pick(["SWEEP_A", "SWEEP_B", "SWEEP_é", "a=b", "", [0], sweep_c, [$x, 0], "SWEEP_" ++ [16#1f600], <<"SWEEP_A">>, 5]),
    V = pick(["v", "", "é", "a=b", [0], [$a, 0, $b], lists:duplicate(3000, $v), atom, <<"b">>, "x y"]),
    pick([{putenv, [N, V]}, {putenv, [N, V]}, {getenv, [N]}, {getenv, [N]}, {getenv, [N, V]}, {unsetenv, [N]}, {find_executable, [pick(["sh", "nosuch_", "", "/bin/sh"])]},
          {find_executable, ["sh", pick(["/bin", "/nowhere:/bin", "", "/usr/bin:/bin"])]}, {type, []}, {version, []}]).

environment(Ops) ->
    R = [attempt(fun() -> apply(os, F, As) end) || {F, As} <- Ops],
    All = [X || X = "SWEEP_" ++ _ <- lists:sort(os:getenv())],
    [attempt(fun() -> os:unsetenv(N) end) || {putenv, [N, _]} <- Ops],
    {R, All}.

%% ---- files

files(Tree, {wildcard, P}) -> {attempt(fun() -> filelib:wildcard(P, Tree, prim_file) end), attempt(fun() -> filelib:wildcard(filename:join(Tree, P), prim_file) end)};
files(Tree, {fold_files, R, Deep}) -> attempt(fun() -> lists:sort(filelib:fold_files(Tree, R, Deep, fun(F, A) -> [F | A] end, [])) end);
files(Tree, {read_file_info, P}) ->
    case attempt(fun() -> prim_file:read_file_info(filename:join(Tree, P)) end) of
        {ok, I} -> {element(2, I), element(3, I), element(4, I), element(8, I)};
        E -> E
    end;
files(Tree, {list_dir, P}) ->
    case attempt(fun() -> prim_file:list_dir(filename:join(Tree, P)) end) of
        {ok, L} -> lists:sort(L);
        E -> E
    end;
files(Tree, {F, P}) when F =:= read_file; F =:= read_link -> attempt(fun() -> prim_file:F(filename:join(Tree, P)) end);
files(Tree, {F, P}) -> attempt(fun() -> filelib:F(filename:join(Tree, P), prim_file) end).

%% ---- archives, in memory

archive(Members, Changes) ->
    T = ets:new(tar, []),
    ets:insert(T, {out, [], 0}),
    Do = fun(write, {_, D}) -> [{_, O, N}] = ets:lookup(T, out), ets:insert(T, {out, [O, D], N + iolist_size(D)}), ok;
            (position, {_, {cur, 0}}) -> [{_, _, N}] = ets:lookup(T, out), {ok, N};
            (position, {_, P}) -> {error, P};
            (close, _) -> ok
         end,
    {ok, Tar} = erl_tar:init(x, write, Do),
    R = [attempt(fun() -> erl_tar:add(Tar, D, N, [{atime, 1}, {ctime, 2} | case lists:keymember(mtime, 1, O) of true -> O; false -> [{mtime, 3} | O] end]) end) || {N, D, O} <- Members],
    C = attempt(fun() -> erl_tar:close(Tar) end),
    [{_, Out, _}] = ets:lookup(T, out),
    ets:delete(T),
    B = changed(iolist_to_binary(Out), Changes),
    {R, C, erlang:md5(B), attempt(fun() -> erl_tar:extract({binary, B}, [memory]) end), attempt(fun() -> erl_tar:table({binary, B}) end),
     attempt(fun() -> erl_tar:extract({binary, zlib:gzip(B)}, [memory, compressed]) end)}.

%% ---- modules compiled and run

forms(S) ->
    {ok, Ts, _} = erl_scan:string(S),
    forms(Ts, [], []).
forms([], _, Acc) -> lists:reverse(Acc);
forms([D = {dot, _} | T], F, Acc) ->
    {ok, Form} = erl_parse:parse_form(lists:reverse([D | F])),
    forms(T, [], [Form | Acc]);
forms([H | T], F, Acc) -> forms(T, [H | F], Acc).

compile(S) ->
    case compile:noenv_forms(forms(S), [binary, return_errors]) of
        {ok, M, B} -> {ok, M, B};
        {ok, M, B, _} -> {ok, M, B};
        {error, Es, _} -> {error, Es}
    end.

run_module(S, X, Y) ->
    case compile(S) of
        {ok, M, B} ->
            load(M, B),
            [try {value, M:F(X, Y)} catch C:R:St -> {C, R, [Fr || Fr <- St, element(1, Fr) =:= M]} end || F <- [f, g, h]];
        E -> E
    end.
load(M, B) ->
    purge(M),
    erlang:delete_module(M),
    purge(M),
    {module, M} = erlang:load_module(M, B).
purge(M) ->
    case whereis(erts_code_purger) of
        undefined -> catch ling_boot:soft_purge(M); % nothing has been booted on libling
        _ -> catch erlang:purge_module(M)
    end.

%% The same construction and match compiled and by erl_eval.
segments() -> [segment() || _ <- lists:seq(1, 1 + rnd(3))].
segment() ->
    {pick(["X", "Y", "X", "Y", "1", "\"ab\"", "255", "2.5"]),
     pick(["", "", ":8", ":3", ":16", ":X", ":Y", ":64", ":0", ":1", ":40"]),
     pick(["", "", "/integer", "/float", "/binary", "/bits", "/utf8", "/utf16", "/utf32", "/little", "/signed", "/signed-little-integer", "/unit:3-integer", "/unit:8-binary", "/native",
           "/little-float", "/big-unsigned", "/little-utf16"])}.

bits_both({Make, Match, Tail}, X, Y) ->
    Build = "<<" ++ lists:append(lists:join(", ", [V ++ S ++ T || {V, S, T} <- Make])) ++ ">>",
    N = lists:zip(Match, lists:seq(1, length(Match))),
    Pattern = "<<" ++ lists:append(lists:join(", ", ["V" ++ integer_to_list(I) ++ S ++ T || {{_, S, T}, I} <- N])) ++ Tail ++ ">>",
    Out = "{" ++ lists:append(lists:join(", ", ["V" ++ integer_to_list(I) || {_, I} <- N] ++ case lists:member($R, Tail) of true -> ["R"]; false -> [] end)) ++ "}",
    Code = "case " ++ Build ++ " of " ++ Pattern ++ " -> " ++ Out ++ "; Other -> {no, Other} end",
    Given = "case " ++ pick_binary(X) ++ " of " ++ Pattern ++ " -> " ++ Out ++ "; Other -> {no, Other} end",
    [{Code, evaluated(Text, X, Y), run_module("-module(sweep_run).\n-export([f/2, g/2, h/2]).\nf(X, Y) -> " ++ Text ++ ".\ng(X, Y) -> " ++ Build ++ ".\nh(" ++ Pattern ++ ", Y) -> " ++ Out ++ ";\nh(_, _) -> no.\n", X, Y)}
     || Text <- [Code, Given]].
pick_binary(X) when is_bitstring(X) -> "X";
pick_binary(_) -> "<<\"abcdefghijkl\", 1, 2, 3, 200, 250, 63, 128>>".

evaluated(S, X, Y) ->
    case erl_parse:parse_exprs(element(2, erl_scan:string(S ++ "."))) of
        {ok, Es} -> attempt(fun() -> element(2, erl_eval:exprs(Es, [{'X', X}, {'Y', Y}])) end);
        E -> E
    end.

core(S) ->
    case compile:noenv_forms(forms(S), [to_core, binary, return_errors]) of
        {ok, _, C} -> erlang:md5(unicode:characters_to_binary(core_pp:format(C)));
        {ok, _, C, _} -> erlang:md5(unicode:characters_to_binary(core_pp:format(C)));
        E -> E
    end.

pretty(S) -> lists:flatten(erl_prettypr:format(erl_syntax:form_list(forms(S)))).

%% ---- XML

element(0) -> pick(["text", "é", "&amp;", "&#65;", "&lt;x&gt;", " ", "1", "<e/>", "<![CDATA[<raw>]]>", "<!-- c -->"]);
element(D) ->
    N = pick(["a", "b", "c:d", "_x"]),
    case rnd(3) of
        0 -> element(0);
        _ -> "<" ++ N ++ lists:append(many(2, fun() -> " " ++ pick(["k", "l", "xmlns:c"]) ++ "=" ++ pick(["\"v\"", "'w'", "\"&quot;\"", "\"é\""]) end)) ++ ">"
                 ++ lists:append(many(3, fun() -> element(D - 1) end)) ++ "</" ++ N ++ ">"
    end.

xml(S) ->
    try xmerl_scan:string(S, [{quiet, true}]) of
        {E, Rest} -> {erlang:md5(term_to_binary(E)), Rest, attempt(fun() -> lists:flatten(xmerl:export_simple([E], xmerl_xml)) end)}
    catch C:R -> {C, R} end.

%% ---- queries, DNS, logger, supervisor

query(S, L) ->
    attempt(fun() ->
        case qlc:string_to_handle(S, [], [{'L', L}]) of
            {error, _, _} = E -> E;
            H -> {qlc:e(H), qlc:info(H, [{format, string}])}
        end end).

dns({Id, Op, Name, Type, Class, Answers}, Changes) ->
    attempt(fun() ->
        H = inet_dns:make_header([{id, Id}, {opcode, Op}, {qr, false}]),
        Q = inet_dns:make_dns_query([{domain, Name}, {type, Type}, {class, Class}]),
        As = [inet_dns:make_rr([{domain, Name}, {type, T}, {class, in}, {ttl, 5}, {data, D}]) || {T, D} <- Answers],
        B = inet_dns:encode(inet_dns:make_msg([{header, H}, {qdlist, [Q]}, {anlist, As}])),
        {B, inet_dns:decode(changed(B, Changes))} end).

log_format(E, C) -> attempt(fun() -> unicode:characters_to_binary(logger_formatter:format(E, C)) end).
childspecs(L) -> attempt(fun() -> supervisor:check_childspecs(L) end).

%% ---- text in pieces

chars_stream({From, To}, Data) ->
    B = attempt(fun() -> unicode:characters_to_binary(Data, unicode, From) end),
    case B of
        B when is_binary(B) ->
            {B, [attempt(fun() -> unicode:characters_to_binary(binary:part(B, 0, N), From, To) end) || N <- lists:seq(0, min(byte_size(B), 12))],
             attempt(fun() -> unicode:characters_to_list(B, From) end), attempt(fun() -> unicode:bom_to_encoding(B) end)};
        _ -> B
    end.

%% ---- external terms with options, large maps

round_trip(T, Options) ->
    B = term_to_binary(T, Options),
    sure(binary_to_term(B) =:= T, {T, Options}),
    {_, N} = binary_to_term(<<B/binary, 1, 2>>, [used]),
    sure(N =:= byte_size(B), used),
    sure(attempt(fun() -> binary_to_term(B, [safe]) end) =:= T, safe),
    Cut = [attempt(fun() -> binary_to_term(binary:part(B, 0, I)) end) || I <- lists:seq(0, min(byte_size(B) - 1, 40))],
    {B, Cut, erlang:external_size(T, [O || O = {minor_version, _} <- Options])}.

big_map(N, Seed) ->
    L = [{key(I, Seed), I} || I <- lists:seq(1, N)],
    M = maps:from_list(L),
    O = orddict:from_list(L),
    sure(lists:sort(maps:to_list(M)) == lists:sort(O), list),
    sure(map_size(M) =:= length(O), size),
    {Del, Keep} = lists:partition(fun({_, V}) -> V rem 3 =:= 0 end, O),
    M2 = lists:foldl(fun({K, _}, A) -> maps:remove(K, A) end, M, Del),
    sure(lists:sort(maps:to_list(M2)) == lists:sort(Keep), removed),
    sure(maps:without([K || {K, _} <- Del], M) =:= M2, without),
    sure(maps:with([K || {K, _} <- Keep], M) =:= M2, with),
    sure(maps:merge(M2, maps:from_list(Del)) =:= M, merged),
    sure(maps:filter(fun(_, V) -> V rem 3 =/= 0 end, M) =:= M2, filtered),
    M3 = maps:map(fun(_, V) -> V * 2 end, M),
    sure(lists:sort(maps:values(M3)) =:= lists:sort([V * 2 || {_, V} <- O]), mapped),
    sure(maps:intersect(M, M2) =:= M2, intersect),
    sure((M =:= M2) =:= (Del =:= []), equal),
    sure(binary_to_term(term_to_binary(M)) =:= M, external),
    {M < M2, M2 < M3, M3 < M, erlang:phash2(M), erlang:phash2(M2), erlang:phash(M3, 1 bsl 32), maps:fold(fun(_, V, A) -> A + V end, 0, M), byte_size(term_to_binary(M))}.
key(I, S) ->
    case (I * 7 + S) rem 8 of
        0 -> I;
        1 -> float(I);
        2 -> {I, S};
        3 -> [I | S];
        4 -> integer_to_binary(I);
        5 -> I bsl 60 + S;
        6 -> integer_to_list(I);
        _ -> #{I => S}
    end.
