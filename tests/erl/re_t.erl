%% -*- coding: latin1 -*-
%% Regular expressions: patterns by subjects by options, splits, replacements, errors, limits and
%% long subjects. re:version/0 and the bytes of compiled patterns are ours.
-module(re_t).
-export([main/1]).

main(_) ->
    compile(),
    errors(),
    grid(),
    captures(),
    names(),
    global(),
    unicode(),
    newlines(),
    split_replace(),
    badargs(),
    limits(),
    classes(),
    terms(),
    long(),
    backtracking(),
    random().

p(Tag, X) -> io:format("~s: ~0p~n", [Tag, X]).

%% Outcome with the stack's first entry, patterns and lines of re.erl hidden.
try_it(F) ->
    try
        F()
    catch
        C:E:St -> [{M, Fun, A, Info} | _] = St, {C, E, M, Fun, hide(A), lists:keydelete(line, 1, Info)}
    end.
hide({re_pattern, A, B, C, D}) when is_binary(D) -> {re_pattern, A, B, C};
hide(L) when is_list(L) -> try [hide(X) || X <- L] catch _:_ -> L end;
hide(T) when is_tuple(T) -> list_to_tuple(hide(tuple_to_list(T)));
hide(X) -> X.
t(Tag, F) -> p(Tag, hide(try_it(F))).

opt_sets() ->
    [[O] || O <- [unicode, anchored, caseless, dollar_endonly, dotall, extended, firstline,
                  multiline, no_auto_capture, dupnames, ungreedy, {newline, cr}, {newline, crlf},
                  {newline, lf}, {newline, any}, {newline, anycrlf}, bsr_anycrlf, bsr_unicode,
                  no_start_optimize, ucp, never_utf]].

compile() ->
    Ps = ["", "a", "(a)(b(c))", "(?<x>a)|(?<y>b)", "(?:a)", "(*CRLF)a", "(*ANY)a", "(*UTF8)a", "(*UTF)a",
          "(*UCP)\\w", "(*BSR_ANYCRLF)\\R", "(?i)a", "(?x) a # b\n c", <<"a">>, ["a", <<"b">>, [$c]],
          "[\\w-.]", "[[:alpha:]-z]", "[a\\d-z]", "\\y", "[\\y]", "\\8", "a\\9", "[\\R]", "\\_", "\\Qa*\\E"],
    [t({P, O}, P, O) || P <- Ps, O <- [[] | opt_sets()]].
t(Id, P, O) -> t(io_lib:format("compile ~0p", [Id]), fun() -> re:compile(P, O) end).

errors() ->
    Ps = ["a\\", "\\c", "a{3,2}", "a{99999}", "[a", "[a-\\d]", "[z-a]", "*a", "a**", "a(*", "+", "?", "(?z)",
          "(?a", "[:alpha:]", "[[.a.]]", "(a", "((a)", "a)", "(a))", "(a)\\2", "\\1", "(?#abc",
          "(?<", "(?<=a+)b", "(?<=ab|c+)", "(?(1)a|b|c)", "(?(?a)b)", "(?R", "(?1", "(?+1)", "(?-1)",
          "(?+)", "(?-", "[[:foo:]]", "\\x{110000}", "\\x{ffff", "\\x{zz}", "\\o{8}", "\\o8", "\\777",
          "(?(0)a)", "\\L", "\\N{name}", "\\U", "(?C256)", "(?C1", "(?C", "(?P", "(?Px", "(?P<",
          "(?P<a", "(?<1a>b)", "(?<a>b)(?<a>c)", "\\p", "\\p{", "\\p{foo}", "\\pX",
          "(?<abcdefghijklmnopqrstuvwxyzabcdefghijk>a)", "\\g{", "\\g{a", "\\g0", "\\g{0}",
          "\\g{-1}", "\\g<", "\\g<a>", "(*FOO)a", "(*MARK)a", "\\k", "\\k{", "\\k<a>", "(?P=a)",
          "(?&a)", "[\\N]", "{1}", "(?(DEFINE)a|b)", "(?(<a>)b)", "(?('a')b)", "(?(Rx)a)",
          "(?(1)a)", "(?i", "(?i:", "(?|a|b", "(?>", "(?=", "(?<!", "(?<a", "(?'a'", "\\Q\\E*",
          "[]", "[]a", "[^]", "(?x:a # foo)", "(((a{100}){100}){100})", ")", "(?", "(",
          "[[:alpha:]", "\\b+", "x(?#", "(?(?=a)b|c|d)", "(?(-1)a)", "[x-a]\\y", "\\y(", "[\\d-z](",
          lists:duplicate(500, $() ++ lists:duplicate(500, $)), lists:duplicate(900, $()],
    [begin
         t(io_lib:format("error ~0p ~0p", [P, O]), fun() -> re:compile(P, O) end),
         t("run", fun() -> re:run("aa", P, O ++ [report_errors]) end)
     end || P <- Ps, O <- [[], [unicode], [extended, caseless]]],
    t("utf", fun() -> re:compile(<<255>>, [unicode]) end),
    t("utf", fun() -> re:compile(<<"a", 200, "b">>, [unicode]) end).

patterns() ->
    ["", "a", "a*", "a+b?", "^", "$", "^a", "a$", "\\b", "(a)|(b)|(c)", "(a)?(b)?(c)", "((a)(b)?)*", ".",
     "..", "(?i)A", "[^a]", "[a-c]+", "(?=b)", "(?<=a)b", "a(?!b)", "(a+)+b", "(.)\\1", "x|", "|x",
     "\\w+", "\\W", "\\s*", "\\d+|\\w", "(?:ab)+", "a.c", "\\R", "\\n", "(?m)^b", "(?s).+", "b\\z",
     "b\\Z", "\\Aa", "\\Gb", "a\\Kb", "(?>a+)b", "a++b", "a*?b", "(?U)a+", "(?<n>a)(?<m>b)?", "c\\X",
     "(?|(a)|(b))(c)?", "(a(?1)?b)", "(?(?=a)ab|c)", "[[:upper:]]", "[\\h,]", "a{2}", "a{1,2}?"].
subjects() ->
    ["", "a", "b", "ab", "aab", "abc", "cab", "abab", "aXbXc", "a\nb", "a\r\nb\r\n", "ABC", "bb\n", "x y\tz",
     "a,b;c", [228, 246, 252], "12ab34", "aaaa!"].
run_options() ->
    [[], [global], [anchored], [notbol], [noteol], [notempty], [notempty_atstart], [{offset, 1}],
     [global, notempty], [global, {offset, 1}, {capture, first, binary}], [caseless, multiline],
     [{newline, crlf}, global, multiline], [{newline, any}, multiline], [dotall, dollar_endonly],
     [global, anchored], [firstline, ungreedy]].

%% Each combination as text and as a compiled pattern; both in one line, only a digest per subject
%% where there are many.
grid() ->
    [begin
         Rs = [[{O, grid1(S, P, O)} || O <- run_options(), fits(S, O)] || S <- subjects()],
         io:format("grid ~0p ~0p ~0p~n", [P, erlang:phash2(Rs), lists:sublist(Rs, 8, 2)])
     end || P <- patterns()].
fits(S, O) -> proplists:get_value(offset, O, 0) =< length(S).
grid1(S, P, O) ->
    R = try_it(fun() -> re:run(S, P, O) end),
    {CO, RO} = lists:partition(fun(X) -> lists:member(X, [caseless, multiline, dotall, dollar_endonly,
                                                           firstline, ungreedy]) end, O),
    case re:compile(P, CO) of
        {ok, C} ->
            Bin = list_to_binary(S),
            R2 = [try_it(fun() -> re:run(Bin, C, RO) end) || _ <- [1, 2, 3]],
            <<_:3, Odd/bits>> = <<0:3, Bin/binary>>,
            [try_it(fun() -> re:run(Odd, C, RO) end) | R2] =:= [R, R, R, R] orelse
                io:format("DIFFERS ~0p ~0p ~0p ~0p ~0p~n", [S, P, O, R, R2]);
        E -> E
    end,
    R.

captures() ->
    P = "(a)(x)?(b)(y)?",
    Ss = ["ab", "axb", "axby", "zab", "nothing", <<"qqaxbqq">>, ["a", <<"b">>]],
    Specs = [all, all_but_first, first, none, [], [0], [1], [2], [4], [9], [1, 1, 0, 3], [4, 2, 0], all_names,
             ["n"], [n], [<<"n">>], [n, 0, "m"], foo, [foo | bar], [-1], [{a}], [1 bsl 40], [1.0], 1],
    [t(io_lib:format("capture ~0p ~0p ~0p", [S, V, T]),
       fun() -> re:run(S, P, [{capture, V, T} | G]) end)
     || S <- Ss, V <- Specs, T <- [index, list, binary], G <- [[], [global]]],
    [t("capture2", fun() -> re:run("zab", P, [{capture, V}]) end) || V <- Specs],
    t("type", fun() -> re:run("ab", P, [{capture, all, foo}]) end),
    t("type", fun() -> re:run("ab", P, [{capture, all, foo}, global]) end),
    [t("two", fun() -> re:run("ab", P, [{capture, all, list}, {capture, first} | G]) end) || G <- [[], [global]]],
    [t("two", fun() -> re:run("ab", P, [{capture, first}, {capture, [1], binary} | G]) end)
     || G <- [[], [global]]],
    t("big", fun() -> re:run("b", lists:duplicate(40, "(a)?") ++ "(b)") end),
    t("big", fun() -> re:run("ab", lists:duplicate(40, "(a)?") ++ "(b)", [{capture, lists:seq(0, 50), list}]) end).

names() ->
    Ps = ["(?<B>b)(?<A>a)?(c)", "(?<x>a)|(?<y>b)", "(?J)(?<d>a)|(?<d>b)(?<e>c)", "abc", "(?'q'b)(?P<r>c)"],
    [begin
         {ok, C} = re:compile(P, O),
         t(P, fun() -> re:inspect(C, namelist) end),
         [t("names", fun() -> re:run(S, C, [{capture, V, T} | G]) end)
          || S <- ["abc", "bac", "b", "zzbc"], T <- [index, list, binary], G <- [[], [global]],
             V <- [all_names, [x], ["B", 'A'], [d], ["d", "e", "f"], [<<"q">>, r, 0]]]
     end || P <- Ps, O <- [[], [unicode], [dupnames]]],
    {ok, C0} = re:compile("a"),
    t("inspect", fun() -> re:inspect(C0, foo) end),
    t("inspect", fun() -> re:inspect(foo, namelist) end),
    t("inspect", fun() -> re:inspect({re_pattern, 0, 0, 0, <<>>}, namelist) end).

global() ->
    Ps = ["", "a", "a*", "(a)|(b)", "(?=a)", "\\b", "$", "^", "(?m)$", "(?<=a)", "a??", "x*", "(a|)", "(|a)",
          "[ab]*?", "\\r?", "a\\Kb"],
    [t(io_lib:format("global ~0p ~0p ~0p", [P, S, O]), fun() -> re:run(S, P, [global | O]) end)
     || P <- Ps, S <- ["", "a", "aab", "ab\r\nab", "b\n", <<"xaxax">>],
        O <- [[], [{capture, all_but_first, list}], [{capture, first, binary}], [{newline, crlf}],
              [{newline, anycrlf}], [{offset, 1}], [{offset, 50}], [notempty], [anchored], [unicode],
              [{capture, none}], [report_errors]]].

unicode() ->
    Ss = [<<"aöb"/utf8>>, [246, 1024, $a], <<"€uro"/utf8>>, [<<"ö"/utf8>>, 1025], <<"x">>, <<16#10ffff/utf8>>],
    Ps = [".", "\\w+", "[^a]", <<"ö"/utf8>>, [246], [1024], "\\x{400}|\\x{f6}", "(.)(.)?", "\\X", "\\p{L}",
          "\\p{Lu}|\\p{Sc}", "(?i)\\x{d6}", "\\C", "\\b", ""],
    [t(io_lib:format("unicode ~0p ~0p ~0p", [S, P, O]),
       fun() -> re:run(S, P, [unicode | O]) end)
     || S <- Ss, P <- Ps,
        O <- [[], [global], [{capture, all, list}], [{capture, all, binary}], [global, {capture, all, list}],
              [global, ucp, {capture, first, list}], [caseless, {capture, [1], list}], [{offset, 1}]]],
    Bad = [<<255>>, <<"a", 128>>, <<16#ed, 16#a0, 16#80>>, <<16#c0, 16#80>>, <<16#f4, 16#90, 128, 128>>, <<"abc", 195>>,
           [16#d800], [-1], [foo]],
    {ok, C} = re:compile("a", [unicode]),
    [t(io_lib:format("bad ~0p ~0p", [S, O]), fun() -> re:run(S, R, O) end)
     || S <- Bad, {R, O} <- [{"a", [unicode]}, {<<"a">>, [unicode]}, {C, []}, {C, [global]}, {C, [{capture, all, list}]},
                             {<<"a">>, [unicode, global]}, {<<"a">>, [unicode, {capture, all, list}]},
                             {"(*UTF)a", []}]],
    [t("into", fun() -> re:run(<<"öa"/utf8>>, C, [{offset, N}]) end) || N <- [0, 1, 2, 3]],
    t("first", fun() -> re:internal_run(<<"abc">>, C, [], false) end),
    t("first", fun() -> re:internal_run(<<255, "abc">>, C, [], true) end),
    t("first", fun() -> re:internal_run("abc", C, [], foo) end),
    t("first", fun() -> re:internal_run("abc", C, [global], false) end).

newlines() ->
    Ss = ["a\rb\nc\r\nd", "a\n", "a\r", "a\r\n", [$a, 16#85, $b, 11, $c], "\n\n", "\r\n\r\n"],
    [begin
         Nl = [{newline, N}, multiline],
         t(io_lib:format("nl ~0p ~0p ~0p", [S, P, N]), fun() -> re:run(S, P, [global | Nl ++ B]) end),
         {ok, C} = re:compile(P, [multiline]),
         t("run", fun() -> re:run(S, C, [global, {newline, N} | B]) end),
         t("run", fun() -> re:run(S, C, [{newline, N} | B]) end)
     end || S <- Ss, P <- ["$", "^.", ".+", "\\R", "\\N"], N <- [cr, lf, crlf, any, anycrlf],
            B <- [[], [bsr_anycrlf], [bsr_unicode]]].

split_replace() ->
    Ss = ["", "a,b;c", "a, b,, c", "abcabc", <<"a1b22c333">>, ["x", <<",y">>], "aab"],
    Ps = [",", "[,;]\\s*", "", "(b)", "(\\d)(\\d)?", "x*", "(a)(?<n>b)?"],
    {ok, C} = re:compile("[,;]"),
    [t(io_lib:format("split ~0p ~0p ~0p", [S, hide(P), O]), fun() -> re:split(S, P, O) end)
     || S <- Ss, P <- Ps ++ [C],
        O <- [[], [{return, list}], [{return, binary}, trim], [group], [{parts, 2}], [{parts, 3}, group, {return, list}],
              [group, trim, {return, binary}], [unicode, {return, list}], [notempty], [foo]]],
    [t(io_lib:format("replace ~0p ~0p ~0p ~0p", [S, hide(P), R, O]), fun() -> re:replace(S, P, R, O) end)
     || S <- Ss, P <- Ps ++ [C], R <- ["", "-", "<&>", "[\\1]", "\\g{2}\\&", "\\\\&"],
        O <- [[{return, list}], [global, {return, list}], [global, {return, binary}], [global], [unicode, global, {return, list}]]],
    t("replace", fun() -> re:replace([1024, $a], "\\x{400}", [1025], [unicode, {return, list}]) end),
    t("replace", fun() -> re:replace("abc", "(", "") end),
    t("replace", fun() -> re:replace(foo, "a", "") end),
    t("split", fun() -> re:split("abc", "(") end).

badargs() ->
    {ok, C} = re:compile("a"),
    [t(io_lib:format("badopt ~0p ~0p", [O, hide(R)]), fun() -> re:run(S, R, O) end)
     || O <- [foo, [foo], [global | foo], [{newline, foo}], [{offset, -1}], [{offset, 1 bsl 40}], [{offset, a}],
              [{match_limit, -1}], [{match_limit, 1 bsl 31}], [{match_limit_recursion, a}], [{capture}],
              [{capture, a, b, c}], [{foo, 1}], [{bsr_anycrlf}], [caseless], [unicode], [caseless, global], [1]],
        {S, R} <- [{"abc", "a"}, {"abc", C}]],
    [t(io_lib:format("badarg ~0p ~0p ~0p", [S, hide(R), O]), fun() -> re:run(S, R, O) end)
     || S <- ["abc", foo, [256], <<1:7>>, [a], 1], O <- [[], [global]],
        R <- ["a", C, foo, [256], <<1:7>>, {re_pattern, 0, 0, 0, <<>>}, {re_pattern, 0, 0, 0, foo},
              {foo, 0, 0, 0, <<"abcd">>}, {re_pattern, a, 0, 0, <<>>}, "("]],
    [t("compile", fun() -> re:compile(R, O) end)
     || R <- ["a", foo, [256], [16#110000], <<1:7>>], O <- [[], [foo], foo, [global], [unicode]]],
    t("run2", fun() -> re:run("abc", "b") end),
    t("run2", fun() -> re:run("abc", "(") end).

limits() ->
    S = lists:duplicate(60, $a) ++ "!",
    [t(io_lib:format("limit ~0p", [O]), fun() -> re:run(S, "(a+)+$", O) end)
     || O <- [[], [report_errors], [report_errors, {match_limit, 100}], [{match_limit, 100}], [{match_limit, 0}],
              [report_errors, {match_limit_recursion, 5}], [global], [global, report_errors],
              [global, report_errors, {match_limit, 10}], [{capture, none}]]],
    t("zero", fun() -> re:run("abc", "b", [{match_limit, 0}, report_errors]) end),
    t("one", fun() -> re:run("abc", "b", [{match_limit, 100000}, report_errors]) end),
    %% Deep, but no more work than there are characters.
    L = binary:copy(<<"ab">>, 20000),
    t("deep", fun() -> re:run(L, "^(?:a|b)*$", [{capture, first}]) end),
    t("deep", fun() -> re:run(L, "^(a|b)*$", [{capture, first}, report_errors]) end).

classes() ->
    Bytes = [<<B>> || B <- lists:seq(0, 255)],
    [begin
         {ok, R} = re:compile(P, O),
         p(P, [B || <<B>> = S <- Bytes, re:run(S, R, [{capture, none}]) =:= match])
     end || O <- [[], [caseless]],
            P <- ["[[:" ++ C ++ ":]]" || C <- ["alpha", "lower", "upper", "alnum", "space", "blank", "cntrl", "digit",
                                               "graph", "print", "punct", "word", "xdigit", "ascii"]] ++
                 ["\\w", "\\s", "\\d", "\\h", "\\v", ".", "\\R", [228], [196], "[" ++ [224, $-, 246] ++ "]", "k"]].

%% Compiled patterns are terms like others.
terms() ->
    {ok, C} = re:compile("(?<x>b+)", [caseless]),
    C2 = binary_to_term(term_to_binary(C)),
    p("round", {C =:= C2, re:run("aBBc", C2), re:inspect(C2, namelist)}),
    Me = self(),
    spawn(fun() -> Me ! {got, re:run("xbby", C, [{capture, [x], list}])} end),
    receive {got, R} -> p("sent", R) end,
    erlang:garbage_collect(),
    persistent_term:put(re_t, C),
    p("kept", re:run("aBc", persistent_term:get(re_t))),
    persistent_term:erase(re_t),
    %% More patterns than any cache holds.
    p("many", lists:sum([begin
                             {match, [{A, _}]} = re:run("xx" ++ integer_to_list(I), "\\b|" ++ integer_to_list(I) ++ "$",
                                                        [notempty]),
                             A
                         end || I <- lists:seq(1, 1000)])).

long() ->
    Line = <<"The quick brown fox, number 12345, jumps; over the lazy dog.\r\n">>,
    T = binary:copy(Line, 20000),
    N = byte_size(T),
    {match, A} = re:run(T, "\\d+", [global, {capture, first, index}]),
    p("digits", {N, length(A), erlang:phash2(A)}),
    {match, B} = re:run(T, "(?<=quick )(br)own|(lazy) dog", [global, {capture, all, binary}]),
    p("words", {length(B), erlang:phash2(B)}),
    p("none", re:run(T, "cat")),
    p("late", re:run(<<T/binary, "cat">>, "c(a)t")),
    p("across", re:run(T, "fox(?:.{60000}){3}", [dotall])),
    p("end", re:run(T, "dog\\.\\s+\\z", [])),
    p("dollar", re:run(T, "dog\\.$", [{newline, crlf}])),
    p("back", re:run(T, "(?s)^.*number", [])),
    {match, E} = re:run(T, "$", [global, multiline, {newline, crlf}, {capture, first, index}]),
    p("lines", {length(E), erlang:phash2(E)}),
    {match, E2} = re:run(T, "(?=f)|x*", [global, {capture, first, index}]),
    p("empty", {length(E2), erlang:phash2(E2)}),
    U = unicode:characters_to_binary(binary_to_list(binary:copy(<<"gr", 252, 223, "e, ">>, 60000))),
    {match, F} = re:run(U, "\\p{L}+", [global, unicode, {capture, first, index}]),
    p("utf", {byte_size(U), length(F), erlang:phash2(F)}),
    {match, G} = re:run(U, <<"ü."/utf8>>, [global, unicode, {capture, first, list}]),
    p("utf", {length(G), erlang:phash2(G), hd(G)}),
    p("utf", re:run(U, "x", [unicode])),
    p("anchored", re:run(T, "quick", [anchored, {offset, 4}])),
    p("firstline", re:run(T, "dog", [firstline])),
    p("firstline", re:run(T, "dog.*fox", [firstline, dotall, {capture, first}, ungreedy])),
    p("skip", re:run(T, "a(*SKIP)z|zy")),
    p("split", erlang:phash2(re:split(T, "[,;.]\\s*"))),
    p("replace", erlang:phash2(re:replace(T, "(\\w+) (\\w+)", "\\2 &", [global, {return, binary}]))).

%% Searches that backtrack a lot: others run meanwhile, and the outcome is the same.
backtracking() ->
    P = "^(?:a+)+$|^(a+)b$",
    [p("after much", re:run(lists:duplicate(N, $a) ++ "b", P, O))
     || N <- [5, 14, 18], O <- [[], [unicode], [global, multiline], [{capture, [1], list}], [{match_limit, 9000000}]]],
    [p("callout", re:run("xaab", "(?C)a+(?C7)b", O)) || O <- [[], [global], [{capture, first, list}]], _ <- [1, 2, 3]],
    S = lists:duplicate(30, $a) ++ "b",
    [p("others ran", with_others(fun() -> re:run(S, "(a+)+$", O) end))
     || O <- [[], [report_errors], [report_errors, global], [unicode, report_errors],
              [{match_limit, 3000000}, report_errors]]],
    {Pid, M} = spawn_monitor(fun() -> [re:run(S, "(a+)+$") || _ <- lists:seq(1, 1000)] end),
    [erlang:yield() || _ <- lists:seq(1, 20)],
    exit(Pid, kill),
    p("killed", receive {'DOWN', M, process, Pid, Why} -> Why end).

%% What F returns, and if another process got a turn again and again meanwhile.
with_others(F) ->
    Other = spawn(fun() -> turns(0) end),
    R = F(),
    Other ! {self(), turns},
    receive {turns, N} -> {R, N > 10} end.
turns(N) ->
    receive {P, turns} -> P ! {turns, N} after 0 -> erlang:yield(), turns(N + 1) end.

%% Generated patterns over a small alphabet, seeded.
random() ->
    rand:seed(exsss, {1, 2, 3}),
    Rs = [begin
              P = lists:flatten(gen(4)),
              S = [lists:nth(rand:uniform(4), "abc\n") || _ <- lists:seq(1, rand:uniform(12))],
              O = [X || X <- [multiline, dotall, caseless, ungreedy, global], rand:uniform(3) =:= 1],
              Run = fun() -> try_it(fun() -> re:run(S, P, O) end) end,
              R = Run(),
              case {Run(), Run()} of
                  {R, R} -> ok;
                  Other -> io:format("DIFFERS ~0p ~0p ~0p ~0p ~0p~n", [P, S, O, R, Other])
              end,
              {P, S, O, R}
          end || _ <- lists:seq(1, list_to_integer(os:getenv("RE_T_RANDOM", "3000")))],
    chunks(Rs).
chunks([]) -> ok;
chunks(Rs) ->
    {A, B} = lists:split(min(50, length(Rs)), Rs),
    io:format("random ~p ~0p~n", [erlang:phash2(A), hd(A)]),
    [io:format("~0p~n", [X]) || os:getenv("RE_T_ALL") =/= false, X <- A],
    chunks(B).

gen(0) -> lists:nth(rand:uniform(12), ["a", "b", "c", ".", "[ab]", "[^a]", "\\w", "\\n", "^", "$", "\\b", ""]);
gen(N) ->
    case rand:uniform(11) of
        1 -> [gen(N - 1), gen(N - 1)];
        2 -> [gen(N - 1), gen(N - 1)];
        3 -> ["(", gen(N - 1), ")"];
        4 -> ["(?:", gen(N - 1), "|", gen(N - 1), ")"];
        5 -> ["(", gen(N - 1), ")", lists:nth(rand:uniform(6), ["*", "+", "?", "{1,2}", "*?", "+?"])];
        6 -> ["(?=", gen(N - 1), ")"];
        7 -> [gen(N - 1), lists:nth(rand:uniform(3), ["(?<=a)", "(?<!b)", "(?!c)"])];
        8 -> ["(", gen(N - 1), ")\\1"];
        9 -> ["(?>", gen(N - 1), ")"];
        10 -> [gen(0), lists:nth(rand:uniform(7), ["*", "+", "?", "{1,2}", "*?", "+?", "++"])];
        11 -> gen(0)
    end.
