%% Generators for arguments that a type does not describe: formats with their arguments, source text,
%% regular expressions, dates, lists of operations for the models of sweep_prop.
-module(sweep_custom).
-export([gen/1, args/1]).
-import(sweep_gen, [rnd/1, pick/1]).

g(T) -> sweep_gen:gen(T).
many(Max, F) -> [F() || _ <- lists:seq(1, rnd(Max + 1))].

%% ---- all arguments of a call

args(format_args) ->
    L = many(4, fun directive/0),
    {Fs, As} = lists:unzip(L),
    Text = lists:append(lists:join(pick(["", " ", "é", "~n"]), Fs)),
    Args = lists:append(As),
    case rnd(12) of
        0 -> [Text, Args ++ [x]];
        1 -> [Text ++ pick(["~", "~q", "~3", "~*p", "~.", "~-", "~5.5.", "~tx"]), Args];
        2 -> [list_to_binary([C || C <- Text, C < 256]), Args];
        3 -> [Text, g(any)];
        _ -> [Text, Args]
    end;
args(format_args_limit) ->
    args(format_args) ++ [pick([[], [{chars_limit, rnd(30)}], [{chars_limit, rnd(200)}]])];
args(fread_args) ->
    case rnd(3) of
        0 -> [g(string), pick(["~d", "~s", "~c", "~a", "~f", "~u", "~16u", "~#", "~-", "~~", "~l", "~2c"])];
        1 -> [pick(["12 34", "-7", "+8", "1.5e3", "abc def", "16#1f", "  x", "", "a,b", "~", "1.0", "36#zz",
                    "ж é", "12abc"]),
              lists:append(many(3, fun() -> pick(["~d", " ", "~s", "~c", "~a", "~f", "~*d", "~u", "~16u", "~#",
                                                  "~3s", "~2c", "~5f", "~n", ",", "~l", "~ts", "~tc", "~3tc"]) end))];
        2 -> [g(any), pick(["~d", "~s ~d", "~q", "~"])]
    end;
args(int_base) -> B = pick([2, 8, 10, 16, 36, 2 + rnd(35)]), [int_text(B), pick([B, B, B, 16, 37, 1])];
args(int_base_binary) -> [T, B] = args(int_base), [list_to_binary(T), B].

directive() ->
    W = pick(["", "", "", integer_to_list(rnd(30)), "-" ++ integer_to_list(rnd(30)), "5", "10"]),
    P = pick(["", "", "", "." ++ integer_to_list(rnd(20)), ".." ++ pick(["0", "*", "é"]), "." ++ integer_to_list(rnd(40)) ++ ".x"]),
    Q = W ++ P,
    case rnd(16) of
        0 -> {"~" ++ Q ++ "w", [g(any)]};
        1 -> {"~" ++ Q ++ "tw", [g(any)]};
        2 -> {"~" ++ Q ++ pick(["p", "tp", "lp", "tlp", "Kp", "0p", "0tp"]), [g(any)]};
        3 -> {"~" ++ Q ++ "s", [pick([g(latin1), g(atom), g(binary), g(iolist)])]};
        4 -> {"~" ++ Q ++ "ts", [pick([g(chardata), g(atom), g(string)])]};
        5 -> {"~" ++ W ++ pick(["", "." ++ integer_to_list(rnd(30))]) ++ pick(["f", "e", "g"]), [pick([g(float), g(float), g(float), g(number)])]};
        6 -> {"~" ++ W ++ pick(["", "." ++ integer_to_list(2 + rnd(36))]) ++ pick(["b", "B"]), [g(integer)]};
        7 -> {"~" ++ W ++ "." ++ integer_to_list(2 + rnd(35)) ++ pick(["x", "X"]), [g(integer), pick(["0x", "é", g(atom)])]};
        8 -> {"~." ++ integer_to_list(2 + rnd(35)) ++ pick(["#", "+"]), [g(integer)]};
        9 -> {"~" ++ Q ++ pick(["c", "tc"]), [g(char)]};
        10 -> {"~" ++ pick(["", "3"]) ++ pick(["n", "~", "i"]), []};
        11 -> {"~i", [g(any)]};
        12 -> {"~" ++ W ++ pick(["W", "P", "tP", "tW", "lP"]), [g(any), g(small)]};
        13 -> {"~*" ++ P ++ pick(["p", "w", "s"]), [g(small), pick(["abc", "x"])]};
        14 -> {"~*.*" ++ pick(["p", "f", "s"]), [g(count), g(small), pick([1.5, "abc", g(any)])]};
        15 -> {"~" ++ W ++ "p", [big_term()]}
    end.

big_term() ->
    case rnd(4) of
        0 -> [{K, lists:seq(1, K)} || K <- lists:seq(1, rnd(30))];
        1 -> #{a => lists:seq(1, rnd(50)), "key" => <<"some binary text">>, c => #{d => g(any)}};
        2 -> list_to_tuple([g(any) || _ <- lists:seq(1, rnd(30))]);
        3 -> [lists:duplicate(rnd(120), $a), list_to_binary(lists:duplicate(rnd(90), $b)), g(any)]
    end.

int_text(B) ->
    Digits = lists:sublist("0123456789abcdefghijklmnopqrstuvwxyz", B) ++ lists:sublist("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", B),
    pick(["", "", "-", "+"]) ++ [pick(Digits) || _ <- lists:seq(1, pick([0, 1, 2, 5, 18, 20, rnd(50), rnd(400)]))]
        ++ pick(["", "", "", "", "_", " ", "z", "-"]).

%% ---- one argument

gen(int_text) -> int_text(10);
gen(float_text) ->
    D = fun(N) -> [pick("0123456789") || _ <- lists:seq(1, rnd(N + 1))] end,
    pick(["", "-", "+"]) ++ pick([D(3), D(20), "1", "0"]) ++ pick([".", ".", ".", ".", ",", ""]) ++ pick([D(4), D(25), "5"])
        ++ pick(["", "", "e" ++ pick(["", "-", "+"]) ++ D(3), "E5", "e", "x", "e400", "e-400"]);
gen(pid_text) ->
    N = fun() -> integer_to_list(pick([0, 1, 2, rnd(100), rnd(8192), 1 bsl 33])) end,
    pick(["<0." ++ N() ++ "." ++ N() ++ ">", "#Port<0." ++ N() ++ ">", %% The second number of a reference is limited by the number of stock's schedulers, the first
          %% here to 14 bits.
          "#Ref<0." ++ N() ++ "." ++ integer_to_list(rnd(3)) ++ "." ++ N() ++ ">",
          "<1.2.3>", "<0.1>", "<0.1.2.3>", "#Ref<0.1>", "#Ref<0.1.2.3.4.5>", "#Ref<>", "x", ""]);
gen(float_options) ->
    many(3, fun() -> pick([{decimals, g(digits)}, {scientific, g(digits)}, compact, short, {decimals, rnd(20)},
                           {scientific, rnd(20)}, bad]) end);
gen(t2b_options) ->
    many(2, fun() -> pick([compressed, {compressed, rnd(11)}, {minor_version, rnd(3)}, deterministic, bad]) end);
gen(b2t_options) -> pick([[], [safe], [used], [safe, used], [bad], used]);
gen(etf) ->
    T = sweep_gen:build(g(any)),
    B = case rnd(4) of
            0 -> term_to_binary(T, [compressed]);
            1 -> term_to_binary(T, [{minor_version, rnd(3)}]);
            _ -> term_to_binary(T)
        end,
    case rnd(5) of
        0 -> B;
        1 -> binary:part(B, 0, rnd(byte_size(B) + 1));
        2 -> <<B/binary, 1, 2, 3>>;
        _ -> mutate(B, 1 + rnd(3))
    end;
gen(packet_type) -> pick([raw, 0, 1, 2, 4, line, asn1, sunrm, cdr, fcgi, tpkt, http, httph, http_bin, httph_bin, ssl_tls, bad, line, 7, g(any)]);
gen(packet) ->
    pick([g(binary), g(wild), g(bitstring), <<0, 0, 0, 3, "abcdef">>, <<0, 2, "abcd">>, <<2, "abcd">>, <<"line one\nline two">>, <<"no end">>,
          <<"GET /index.html?x=1 HTTP/1.1\r\nHost: a.b\r\n\r\n">>, <<"HTTP/1.0 200 OK fine\r\nX: y\r\n\r\n">>,
          <<"Content-Length: 12\r\nA: b\r\n\r\n">>, <<"X-My-Header:  some  value \r\n and more\r\n\r\n">>, <<"\r\n">>,
          <<"POST http://h:80/p HTTP/1.1\r\n\r\n">>, <<"OPTIONS * HTTP/1.1\r\n\r\n">>, <<"G@T\r\n">>,
          <<3, 0, 0, 7, "abcd">>, <<22, 3, 1, 0, 2, 1, 2, 3>>, <<16#30, 3, 1, 2, 3, 4>>, <<16#30, 16#82, 0, 2, 1, 2, 3>>,
          <<1, 4, 0, 1, 0, 3, 1, 0, "abc", 0, 9>>, <<128, 0, 0, 2, "ab", 0>>, <<"GIOP", 1, 0, 0, 0, 0, 0, 0, 2, "abc">>,
          <<"CONNECT host:443 HTTP/1.1\r\n\r\n">>, <<"DELETE /a b HTTP/1.1\r\n">>, <<"HTTP/1.1 404\r\n\r\n">>]);
gen(packet_options) ->
    many(2, fun() -> pick([{packet_size, rnd(20)}, {line_length, rnd(10)}, {line_delimiter, pick([$\n, 0, $;])},
                           {line_delimiter, $;}, {bad, 1}, {packet_size, -1}]) end); % an improper list makes stock crash
gen(atom_text) -> pick([g(string), g(latin1), "abc", "", lists:duplicate(255, $a), lists:duplicate(256, $a), lists:duplicate(255, 16#436)]);
gen(known_atom_text) -> pick(["lists", "ok", "", "no such atom anywhere", "erlang"]);
gen(fun_item) -> pick([arity, module, name, type, env, new_index, index, bad]);
gen(class) -> pick([error, exit, throw, bad]);
gen(stack) -> pick([[], [{a, b, 1, []}], [{a, b, [1], [{line, 2}]}], [{a, b, 1}], bad, [{a, b, 1, []} | x]]);
gen(lists_name) -> pick([reverse, sort, append, max, nosuch, usort]);
gen(tuples) -> many(8, fun() -> pick([{g(key), g(any)}, {g(key), g(key), a}, {g(key)}, g(any)]) end);
gen(pad_dir) -> pick([leading, trailing, both, bad]);
gen(bin_pattern) ->
    pick([<<"a">>, <<"b">>, <<"ab">>, [<<"a">>, <<"b">>], [<<"ab">>, <<"abc">>, <<"c">>], <<"bc">>, <<" ">>, <<>>, [], [<<>>],
          <<0>>, [<<1>>, <<2>>, <<3>>], [<<"aa">>, <<"aab">>, <<"ba">>], g(binary), [g(binary), g(binary)],
          {'$do', binary, compile_pattern, [[<<"ab">>, <<"ca">>]]}, {'$do', binary, compile_pattern, [<<"abc">>]}]);
gen(scope) -> pick([[], [{scope, {rnd(10), rnd(20) - 5}}], [{scope, {0, rnd(5)}}], [bad]]);
gen(split_options) -> many(3, fun() -> pick([global, trim, trim_all, {scope, {rnd(5), rnd(10)}}]) end);
gen(replace_options) ->
    many(2, fun() -> pick([global, {insert_replaced, pick([0, 1, [1, 2], rnd(4)])}, {scope, {rnd(5), rnd(10)}}, bad]) end);
gen(base64) ->
    B = base64:encode(<<<<(rnd(256))>> || _ <- lists:seq(1, rnd(20))>>),
    case rnd(5) of
        0 -> binary_to_list(B);
        1 -> <<B/binary, (pick([<<"=">>, <<" ">>, <<"\n">>, <<"A">>, <<"_">>]))/binary>>;
        2 -> mutate(B, 1 + rnd(2));
        3 -> <<<<C, (pick([<<>>, <<>>, <<"\n">>, <<" ">>]))/binary>> || <<C>> <= B>>;
        _ -> B
    end;
gen(array_options) ->
    pick([rnd(20), fixed, [fixed, rnd(5)], [{default, g(any)}], [{size, rnd(20)}, {fixed, false}], {default, x}, [], bad, -1]);
gen(pretty_options) ->
    many(4, fun() -> pick([{column, 1 + rnd(10)}, {line_length, 10 + rnd(90)}, {depth, rnd(20)}, {max_chars, rnd(80)},
                           {encoding, pick([latin1, unicode, utf8])}, {chars_limit, rnd(90)}, {strings, rnd(2) =:= 0}]) end);
gen(format) -> hd(args(format_args));
gen(utf8) -> unicode:characters_to_binary(g(string));
gen(external_chardata) ->
    pick([unicode:characters_to_binary(g(string), unicode, pick([utf16, utf32, {utf16, little}, {utf32, little}, utf8])), g(binary), g(chardata)]);
gen(filename) ->
    Part = fun() -> pick(["a", "b.erl", "..", ".", "", "dir", "x.y.z", "é", "a b", ".hidden", "foo.", "~"]) end,
    S = pick(["", "/", "//", "./", "../"]) ++ lists:append(lists:join(pick(["/", "//"]), [Part() || _ <- lists:seq(1, 1 + rnd(4))])) ++ pick(["", "", "/"]),
    case rnd(6) of
        0 -> unicode:characters_to_binary(S);
        1 -> list_to_atom(S);
        2 -> [S, "/", pick([a, "b", [$c]])];
        _ -> S
    end;
gen(absolute) -> "/" ++ pick(["", "a", "a/b", "usr/lib/", "../x"]);
gen(uri) ->
    S = pick(["", "http:", "http:", "urn:", "mailto:", "1a:", "HTTP:", "a+b.c-d:"]) ++ pick(["", "//", "//"])
        ++ pick(["", "user@", "u:p@", "u%20@"]) ++ pick(["", "host", "a.b.c", "[::1]", "127.0.0.1", "HOST", "h%41", "[bad"])
        ++ pick(["", "", ":80", ":", ":99999", ":x"]) ++ pick(["", "/", "/a/b", "/a/../b", "/./", "a/b", "/%7Efoo", "/é", "/a b", "//x", "/a/b/../../..", ".."])
        ++ pick(["", "", "?q=1&r=2", "?", "?a=%20+b", "?é"]) ++ pick(["", "", "#frag", "#", "#a#b"]),
    case rnd(4) of
        0 -> unicode:characters_to_binary(S);
        _ -> S
    end;
gen(uri_map) ->
    maps:from_list(many(6, fun() -> pick([{scheme, pick(["http", "1", <<"https">>])}, {host, pick(["h", "a b", <<"x">>, "::1", ""])},
                                          {port, pick([80, undefined, -1, 8080])}, {path, pick(["/", "a", "", "/é", <<"/b/../c">>, [<<"/a">>, "b"], "//x"])},
                                          {query, pick(["q=1", "", <<"é">>])}, {fragment, pick(["f", "", "é"])}, {userinfo, pick(["u:p", "u p"])}]) end));
gen(query_list) -> many(4, fun() -> {pick([g(string), "k", <<"key">>]), pick([g(chardata), "v", true, <<"a b&c">>])} end);
gen(a_set) ->
    case rnd(4) of
        0 -> {'$do', sofs, set, [many(5, fun() -> g(key) end)]};
        1 -> gen(relation);
        2 -> gen(family);
        3 -> {'$do', sofs, from_term, [many(3, fun() -> {many(2, fun() -> pick([a, b, 1]) end), pick([a, b])} end)]}
    end;
gen(relation) -> {'$do', sofs, relation, [many(6, fun() -> {pick([a, b, c, 1, 2]), pick([a, b, c, 3])} end)]};
gen(family) -> {'$do', sofs, family, [[{K, many(3, fun() -> pick([a, b, c]) end)} || K <- lists:usort(many(3, fun() -> pick([a, b, c]) end))]]};
gen(set_of_sets) -> {'$do', sofs, from_term, [[many(3, fun() -> pick([a, b, c]) end) || _ <- lists:seq(1, 1 + rnd(3))]]};
gen(spec_fun) -> pick([{'$fun', 1, boolean, rnd(1000)}, {external, {'$fun', 1, boolean, rnd(1000)}}]);
gen(set_fun) -> pick([1, 2, {'$fun', 1, any, rnd(1000)}, {external, {'$fun', 1, any, rnd(1000)}}]);
gen(rand_algorithm) -> pick([exsss, exro928ss, exrop, exs1024s, exsp, exs64, exsplus, exs1024, default, bad]);
gen(rand_state) -> {'$do', rand, seed_s, [pick([exsss, exro928ss, exrop, exs1024s, exsp]), pick([rnd(10000), {rnd(100), rnd(100), rnd(100)}])]};
gen(exsplus_state) -> [rnd(1 bsl 27) | rnd(1 bsl 27)];
gen(date) ->
    case rnd(5) of
        0 -> {rnd(3000), 1 + rnd(14), 1 + rnd(33)};
        1 -> {pick([0, 1, 4, 100, 400, 1600, 1900, 1970, 2000, 2004, 2038]), 2, 28 + rnd(3)};
        _ -> {1900 + rnd(200), 1 + rnd(12), 1 + rnd(28)}
    end;
gen(time) -> case rnd(8) of 0 -> {rnd(30), rnd(70), rnd(70)}; _ -> {rnd(24), rnd(60), rnd(60)} end;
gen(datetime) -> {gen(date), gen(time)};
gen(rfc3339) ->
    P = fun(N) -> string:pad(integer_to_list(N), 2, leading, $0) end,
    lists:flatten([integer_to_list(1970 + rnd(100)), "-", P(1 + rnd(12)), "-", P(1 + rnd(29)), pick(["T", " ", "t", "x"]),
                   P(rnd(25)), ":", P(rnd(60)), ":", P(rnd(61)), pick(["", ".5", ".123456789", ".1234567890123", "."]),
                   pick(["Z", "z", "+01:30", "-00:00", "", "+1"])]);
gen(proplist) -> many(8, fun() -> pick([g(atom), {g(atom), g(any)}, {g(atom), true}, {g(key), g(any)}, {a, b, c}, 5]) end);
gen(ip) -> pick([{127, 0, 0, 1}, {rnd(256), rnd(256), rnd(256), rnd(256)}, {0, 0, 0, 0, 0, 0, 0, 1}, {rnd(65536), 0, 0, rnd(65536), 0, 0, rnd(2), rnd(65536)}]);
gen(expr) -> pick([{atom, 1, a}, {integer, 1, 5}, {op, 1, '+', {var, 1, 'X'}, {integer, 1, 2}}, {tuple, 1, []}, {call, 1, {atom, 1, f}, []}, {nil, 1}]);
gen(re_subject) ->
    case rnd(5) of
        0 -> g(string);
        1 -> g(binary);
        2 -> g(chardata);
        _ -> lists:append(many(10, fun() -> pick(["a", "b", "c", "ab", "abc", " ", "1", "\n", "x", "AB"]) end))
    end;
gen(regex) -> regex(3);
gen(re_options) ->
    many(3, fun() -> pick([global, caseless, {capture, all}, {capture, none}, {capture, first}, {capture, all_but_first},
                           {capture, all, list}, {capture, all, binary}, {capture, all, index}, {capture, [0, 1], list}, {capture, all_names, binary},
                           {offset, rnd(5)}, multiline, dotall, anchored, notempty, notbol, noteol, unicode, ungreedy, extended,
                           {newline, pick([lf, cr, crlf, anycrlf, any])}, dollar_endonly, firstline, notempty_atstart, report_errors, bad]) end);
gen(re_replacement) -> pick(["x", "", "[&]", "\\1", "\\g{1}y", <<"<\\0>">>, "é", [<<"a">>, "b"], "\\\\&", g(chardata)]);
gen(re_replace_options) ->
    many(3, fun() -> pick([global, {return, pick([list, binary, iodata])}, caseless, unicode, {offset, rnd(4)}, multiline]) end);
gen(re_split_options) ->
    many(3, fun() -> pick([{parts, pick([infinity, rnd(5)])}, {return, pick([list, binary, iodata])}, group, trim, caseless, unicode]) end);
gen(expr3) -> expr(3);
gen(pattern) -> pat();
gen(guard) -> guard();
gen(leaf1) -> leaf();
gen(source) -> mangle(source(4));
gen(good_source) -> source(4);
gen(form_source) ->
    case rnd(4) of
        0 -> mangle(form());
        _ -> form()
    end;
gen(module_source) ->
    "-module(m).\n-compile(export_all).\n" ++ lists:append(many(4, fun() -> form() ++ "\n" end));
gen(fun_source) ->
    Guard = pick(["", " when X > 1", " when is_atom(X), Y =:= a", " when X == Y; element(1, Y) > 2", " when length(X) > 2 andalso true",
                  " when tuple_size(Y) =:= 2", " when foo(X)", " when X =:= Out", " when is_record(Y, r)", " when map_get(a, X)"]),
    Body = pick(["X", "{X, Y}", "[X | Y]", "true", "Out", "X + 1", "{a, {b, X}}", "self()", "#{a => X}", "<<\"x\">>", "set_seq_token(a, X)",
                 "return_trace()", "element(1, Y), X", "foo", "X andalso Y", "message(X)", "fun(A) -> A end", "case X of 1 -> 2 end", "lists:map(X)"]),
    Head = pick(["{X, Y}", "{X, {Y, _}}", "[X, Y]", "{X, Y} = O", "X", "{X, [Y | _]}", "{X, #{k := Y}}", "{_, X, Y, _}", "{X, Y, \"abc\"}"]),
    "fun(" ++ Head ++ ")" ++ Guard ++ " -> " ++ Body ++ " end";
gen(scan_options) -> many(2, fun() -> pick([return, return_comments, return_white_spaces, text]) end);
gen(map_ops) ->
    Keys = pick([10, 40, 40, 200, 2000]),
    [case rnd(12) of
         N when N < 6 -> {put, key(Keys), rnd(5)};
         N when N < 9 -> {remove, key(Keys)};
         9 -> {update, key(Keys), rnd(5)};
         10 -> {merge, [{key(Keys), rnd(9)} || _ <- lists:seq(1, rnd(40))]};
         11 -> {take, key(Keys)}
     end || _ <- lists:seq(1, pick([5, 60, 200]))];
gen(ets_options) ->
    [pick([set, ordered_set, bag, duplicate_bag])] ++ pick([[], [{keypos, 2}], [compressed], [{write_concurrency, true}], [{read_concurrency, true}],
                                                           [{write_concurrency, auto}], [{decentralized_counters, true}], [protected, {heir, none}]]);
gen(ets_ops) -> [ets_op() || _ <- lists:seq(1, pick([5, 30, 80]))];
gen(digraph_options) -> many(2, fun() -> pick([cyclic, acyclic, protected, private]) end);
gen(digraph_ops) -> many(40, fun() ->
        V = fun() -> pick([a, b, c, d, 1, 2]) end,
        case rnd(8) of
            N when N < 2 -> {add_vertex, V(), rnd(3)};
            N when N < 6 -> {add_edge, rnd(30), V(), V(), rnd(3)};
            6 -> {del_edge, rnd(30)};
            7 -> {del_vertex, V()}
        end end);
gen(atomics_options) -> pick([[], [{signed, true}], [{signed, false}]]);
gen(atomics_ops) ->
    many(30, fun() -> {pick([put, get, add, add_get, sub, sub_get, exchange, compare_exchange]), rnd(5),
                       pick([rnd(10), -rnd(10), (1 bsl 63) - 1, -(1 bsl 63), 1 bsl 63, (1 bsl 64) - 1, 1 bsl 64, g(integer)]), rnd(3)} end);
gen(ms_object) -> pick([{g(key), g(any)}, {rnd(4), rnd(4), g(any)}, {a, rnd(5)}, {{a, rnd(3)}, [rnd(3), b]}, {#{k => rnd(3)}, rnd(3)}, {}, {a}]);
gen(ms_trace_args) -> pick([[rnd(3), g(any)], [], [a, b, c], [{a, rnd(3)}], x]);
gen(match_spec) ->
    case rnd(12) of
        0 -> g(any);
        _ -> [{ms_head(), many(2, fun() -> ms_expr(3) end), [ms_expr(3) || _ <- lists:seq(1, 1 + rnd(2))]} || _ <- lists:seq(1, 1 + rnd(2))]
    end.

key(N) -> case rnd(20) of 0 -> float(rnd(N)); 1 -> {k, rnd(N)}; 2 -> [rnd(N)]; 3 -> g(atom); _ -> rnd(N) end.

ms_head() ->
    pick([{'$1', '$2'}, '_', '$1', {'$1', '_'}, {'_', '$1', '$2'}, {'$1', '$1'}, {a, '$1'}, {{'$1', '$2'}, ['$3', b]}, {#{k => '$1'}, '$2'},
          {'$1', '$2', '$3'}, ['$1', '$2'], ['$1' | '$2'], [{'$1', '$2'}], {'$100', '$2'}, {rnd(4), '$1'}, {'$1'}, {}]).

ms_expr(0) -> ms_leaf();
ms_expr(D) ->
    E = fun() -> ms_expr(D - 1) end,
    case rnd(14) of
        0 -> {pick(['+', '-', '*', 'div', 'rem', 'band', 'bor', 'bxor', 'bsl', 'bsr', '/']), E(), E()};
        1 -> {pick(['>', '<', '>=', '=<', '==', '=:=', '/=', '=/=']), E(), E()};
        2 -> {pick(['and', 'or', 'xor', 'andalso', 'orelse']), E(), E()};
        3 -> {pick(['not', '-', '+', 'bnot', abs, hd, tl, length, size, tuple_size, byte_size, bit_size, map_size, trunc, round, float, node]), E()};
        4 -> {pick([is_atom, is_integer, is_list, is_tuple, is_map, is_number, is_float, is_binary, is_pid, is_function, is_boolean]), E()};
        5 -> {pick([element, is_map_key, map_get, is_record, binary_part, max, min]), E(), E()};
        6 -> {{E(), E()}};
        7 -> [E(), E()];
        8 -> #{k => E()};
        9 -> {const, g(any)};
        10 -> {pick(['andalso', 'orelse', 'and', 'or']), E(), E(), E()};
        11 -> {is_record, E(), a, 2};
        _ -> ms_leaf()
    end.

ms_leaf() -> pick(['$1', '$2', '$3', '$_', '$$', rnd(5), a, true, false, 1.5, <<"b">>, [], {}, {self}, '$9', [1, 2], "ab", {bad, 1}]).

ets_op() ->
    K = fun() -> case rnd(8) of 0 -> float(rnd(6)); 1 -> pick([a, b, {1}]); _ -> rnd(12) end end,
    O = fun() -> {K(), K(), rnd(5)} end,
    case rnd(26) of
        N when N < 6 -> {insert, O()};
        6 -> {insert, [O(), O(), O()]};
        7 -> {insert_new, pick([O(), [O(), O()]])};
        8 -> {delete, K()};
        9 -> {delete_object, O()};
        10 -> {lookup, K()};
        11 -> {lookup_element, K(), 1 + rnd(4)};
        12 -> {update_counter, K(), pick([1, {3, 2}, {3, 1, 4, 0}, [{3, 1}, {3, -2}], {2, 1}, {4, 1}])};
        13 -> {update_counter, K(), {3, 1}, O()};
        14 -> {update_element, K(), pick([{3, x}, [{3, 1}, {2, b}], {1, x}, {4, x}])};
        15 -> {take, K()};
        16 -> {member, K()};
        17 -> {match, ets_pattern()};
        18 -> {match_object, ets_pattern()};
        19 -> {match_delete, ets_pattern()};
        20 -> {select, ets_spec()};
        21 -> {select_count, ets_spec()};
        22 -> {select_delete, ets_spec()};
        23 -> {select_replace, ets_spec()};
        24 -> {pick([next, prev]), K()};
        25 -> pick([{first}, {last}, {walk_delete, rnd(3)}, {portions, 1 + rnd(4)}, {fixed_walk}, {foldl}, {delete_all_objects}, {select_reverse, ets_spec()}])
    end.

ets_pattern() -> pick([{'$1', '$2', '_'}, {rnd(12), '_', '$1'}, '_', '$1', {'_', '$1', '$1'}, {'$1', rnd(12), rnd(5)}, {a, '_', '_'}, {1.0, '_', '_'}, {'_', '_'}]).
ets_spec() ->
    case rnd(3) of
        0 -> [{{'$1', '$2', '$3'}, pick([[], [{'>', '$1', rnd(12)}], [{'==', '$1', rnd(5)}], [{is_integer, '$2'}], [{'=:=', '$3', rnd(5)}], [{'orelse', {'<', '$1', 3}, {'==', '$3', 1}}]]),
               pick([['$_'], [true], ['$1'], [{{'$1', '$2', {'+', '$3', 1}}}], ['$$'], [{{'$3', '$1'}}]])}];
        1 -> [{{rnd(12), '$2', '$3'}, [], pick([['$_'], [true], [{{rnd(12), '$2', x}}]])}, {{'$1', '_', 2}, [], [pick(['$_', true])]}];
        2 -> gen(match_spec)
    end.

mutate(B, 0) -> B;
mutate(<<>>, _) -> <<>>;
mutate(B, N) ->
    At = rnd(byte_size(B)),
    <<H:At/binary, C, T/binary>> = B,
    mutate(case rnd(4) of
               0 -> <<H/binary, T/binary>>;
               1 -> <<H/binary, (sweep_gen:foreign(C bxor (1 bsl rnd(8)))), T/binary>>;
               2 -> <<H/binary, (sweep_gen:foreign(rnd(256))), T/binary>>;
               3 -> <<H/binary, C, (pick([0, 255, 97, 98, 100, 104, 106, 107, 108, 109, 110, 116, 119, 70, 77, 82, 88, 90, 113])), T/binary>>
           end, N - 1).

regex(0) -> pick(["a", "b", ".", "\\d", "[ab]", "x"]);
regex(D) ->
    R = fun() -> regex(D - 1) end,
    case rnd(16) of
        0 -> R() ++ "*"; 1 -> R() ++ "+"; 2 -> R() ++ "?"; 3 -> R() ++ "|" ++ R();
        4 -> "(" ++ R() ++ ")"; 5 -> "(?:" ++ R() ++ ")" ++ R(); 6 -> "(?<n>" ++ R() ++ ")"; 7 -> R() ++ R();
        8 -> pick(["^", "$", "\\b", "\\A", "\\z", ""]) ++ R(); 9 -> R() ++ pick(["{2}", "{1,2}", "{0,1}", "*?", "+?", "++"]);
        10 -> "(" ++ R() ++ ")\\1"; 11 -> "(?=" ++ R() ++ ")" ++ R(); 12 -> "[^" ++ pick(["a", "a-c", "\\d", "x"]) ++ "]" ++ R();
        13 -> pick(["(", "[", "*", "\\", "a{2,1}", "(?P<x>a)"]); 14 -> R() ++ " " ++ R(); 15 -> R()
    end.

%% ---- Erlang source

source(D) -> lists:append(lists:join(", ", [expr(D) || _ <- lists:seq(1, 1 + rnd(3))])) ++ ".".

expr(0) -> leaf();
expr(D) ->
    E = fun() -> expr(D - 1) end,
    case rnd(28) of
        0 -> "{" ++ E() ++ ", " ++ E() ++ "}";
        1 -> "[" ++ E() ++ ", " ++ E() ++ pick(["", " | " ++ E()]) ++ "]";
        2 -> E() ++ pick([" + ", " - ", " * ", " div ", " rem ", " band ", " bor ", " bxor ", " / ", " ++ ", " -- "]) ++ E();
        3 -> E() ++ pick([" =:= ", " == ", " < ", " >= ", " =/= ", " /= ", " =< ", " > "]) ++ E();
        4 -> pick(["-", "not ", "bnot ", "+"]) ++ E();
        5 -> "case " ++ E() ++ " of " ++ pat() ++ guard() ++ " -> " ++ E() ++ "; " ++ pat() ++ " -> " ++ E() ++ " end";
        6 -> "if " ++ E() ++ " -> " ++ E() ++ "; true -> " ++ E() ++ " end";
        7 -> "fun(" ++ pat() ++ ") -> " ++ E() ++ " end";
        8 -> "(fun(" ++ pat() ++ ")" ++ guard() ++ " -> " ++ E() ++ " end)(" ++ E() ++ ")";
        9 -> "[" ++ E() ++ " || " ++ pat() ++ " <- " ++ E() ++ pick(["", ", " ++ E()]) ++ "]";
        10 -> "<< <<" ++ pick(["X", "1", leaf(), leaf()]) ++ ">> || X <- " ++ E() ++ ">>";
        11 -> "#{" ++ E() ++ " => " ++ E() ++ ", a => " ++ E() ++ "}";
        12 -> "try " ++ E() ++ pick(["", " of " ++ pat() ++ " -> " ++ E()]) ++ " catch " ++ pick(["", "error:", "_:"]) ++ pat() ++ " -> " ++ E()
                  ++ pick([" end", " after ok end"]);
        13 -> "(catch " ++ E() ++ ")";
        14 -> "begin " ++ E() ++ ", " ++ E() ++ " end";
        15 -> pat() ++ " = " ++ E();
        16 -> pick(["lists:reverse", "length", "hd", "element", "tuple_size", "lists:seq", "is_atom", "abs", "atom_to_list", "list_to_tuple", "lists:sort"]) ++ "(" ++ E() ++ pick(["", ", " ++ E()]) ++ ")";
        17 -> "lists:" ++ pick(["map", "filter", "foreach"]) ++ "(fun(X) -> " ++ E() ++ " end, " ++ E() ++ ")";
        18 -> "<<" ++ segment(D) ++ pick(["", ", " ++ segment(D)]) ++ ">>";
        19 -> E() ++ pick([" andalso ", " orelse ", " and ", " or "]) ++ E();
        20 -> "(" ++ E() ++ ")";
        21 -> "#{a := X} = #{a => " ++ E() ++ "}";
        22 -> "fun lists:" ++ pick(["map/2", "reverse/1", "nosuch/3"]);
        23 -> "fun F(" ++ pat() ++ ") -> " ++ E() ++ " end";
        _ -> leaf()
    end.

segment(D) -> pick(["1", "X", "(" ++ expr(D - 1) ++ ")", "255", "\"ab\""]) ++ pick(["", "", ":8", ":3", ":X", "/float", "/binary", "/utf8", ":16/little", "/signed-integer", ":4/unit:2"]).
guard() -> pick(["", "", " when X > 1", " when is_atom(X)", " when true; false", " when X =:= 1, X < 2", " when length(X) > 1"]).
pat() -> pick(["X", "Y", "_", "1", "a", "{X, Y}", "[X | Y]", "[]", "\"a\" ++ X", "{X, X}", "<<X:8, _/binary>>", "#{a := X}", "{1, _} = Y", "<<\"a\">>", "1.0", "#{k := Y}"]).
leaf() ->
    pick(["1", "2", "a", "ok", "X", "Y", "[]", "{}", "\"abc\"", "<<>>", "1.5", "$a", "true", "false", "-1", "<<\"ab\">>", "16#ff", "2#101", "1_000", "'q a'", "\"\\x{41}\\n\"",
          "$\\n", "36#Zz", "1.0e10", "\"a\" \"b\"", "#{}", "[1,2,3]", "18446744073709551616", "é", "[X]", "error(x)", "throw(a)", "exit(y)", "$\\x{1F600}", "'жук'", "\"ж\"", "{a,1}"]).

form() ->
    case rnd(12) of
        0 -> "-record(r, {a, b = " ++ leaf() ++ ", c :: integer()}).";
        1 -> "-spec f(" ++ pick(["integer()", "X", "[atom()]", "#{a := b}"]) ++ ") -> " ++ pick(["ok", "X when X :: term()", "fun((...) -> a)", "<<_:8, _:_*2>>", "{ok, 1..5} | error"]) ++ ".";
        2 -> "-type t() :: " ++ pick(["a | b", "#{k => v}", "[t()]", "nonempty_list(x)", "1..10", "-1", "#r{}", "fun()", "maybe_improper_list(a, b)"]) ++ ".";
        3 -> "-define(X, 1).";
        4 -> "-" ++ pick(["compile(export_all)", "export([f/1])", "import(lists, [map/2])", "vsn(1)", "my(\"x\")", "callback c(a) -> b", "dialyzer([])", "on_load(f/0)", "inline([])", "compile({inline, [{f, 1}]})"]) ++ ".";
        5 -> "f(R) -> R#r{a = 1}, R#r.b, #r{a = 2, _ = 3}, #r.a.";
        _ ->
            N = pick(["f", "g", "h"]),
            N ++ "(" ++ pat() ++ ")" ++ guard() ++ " -> " ++ expr(3) ++ pick(["", ", " ++ expr(3)]) ++ pick(["", ";\n" ++ N ++ "(" ++ pat() ++ ") -> " ++ expr(2)]) ++ "."
    end.

mangle(S) ->
    case rnd(4) of
        0 -> S;
        1 -> lists:sublist(S, rnd(length(S) + 1));
        2 -> insert(S, rnd(length(S) + 1), pick(["(", ")", "end", "\"", "'", "$", "<<", ">>", "%c\n", " . ", "#", "1e5", "\\", "é", "\x{1F600}", "16#", "maybe", "?", "::", "=>", "when", ";", "3#9", "\n"]));
        3 -> N = rnd(length(S) + 1), lists:sublist(S, N) ++ lists:nthtail(min(N + 1 + rnd(3), length(S)), S)
    end.

insert(S, N, I) -> lists:sublist(S, N) ++ I ++ lists:nthtail(N, S).
