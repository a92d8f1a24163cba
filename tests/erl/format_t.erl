%% io and io_lib formatting: every control sequence, with field widths and pads, over many terms.
-module(format_t).
-export([main/1]).

main(_) ->
    [one(F, A) || {F, A} <- floats() ++ ints() ++ texts() ++ misc()],
    [[term(F, T) || T <- terms()] || F <- ["~p", "~w", "~tp", "~tw", "~P", "~W", "~20p", "~5p", "~.30p", "~lp"]],
    records(),
    wide(),
    scans(),
    io:format("~s~n", [io_lib:write_string("a\"b\\\n\e\d\0\x{ff}")]),
    io:format("~ts~n", [io_lib:write_string("gr\x{fc}n \x{263a}")]),
    [io:format("~s ", [io_lib:write_atom(A)]) || A <- [a, 'A', 'a b', '', 'a@b', 'if', 'fun', maybe_, 'a\nb', '_x', 'é']],
    io:nl(),
    io:format("~p~n", [[io_lib:printable_list(L) || L <- ["abc", [1], [], [a], "a\tb", [16#263a], "é"]]]),
    io:format("~p~n", [[io_lib:deep_char_list(L) || L <- ["abc", ["a", ["b"]], [a], [-1]]]]),
    io:format("~p~n", [io_lib:chars_length(["abc", <<"d">>, [[$e]]])]),
    io:put_chars(["done", $\n, <<"bin\n">>]),
    io:write({a, "b", <<"c">>}), io:nl(),
    io:fwrite("~s", [["nested", [$ , <<"iolist">>]]]), io:nl().

one(F, A) ->
    io:format("~s: ", [F]),
    try io:put_chars(io_lib:format(F, A)) catch C:R -> io:format("~w:~w", [C, R]) end,
    io:nl().
term(F, T) ->
    Args = case lists:last(F) of $P -> [T, 6]; $W -> [T, 5]; _ -> [T] end,
    one(F, Args).

floats() ->
    Fs = [0.0, -0.0, 1.0, -1.5, 3.14159265358979, 1.0e100, 1.0e-10, 123456789.123, 0.1, 1.0e22, 5.0e-324, 1.7976931348623157e308, 99.995, 0.5, 2.5],
    [{F, [X]} || X <- Fs, F <- ["~e", "~f", "~g", "~.2f", "~.0f", "~.3e", "~.4g", "~12.3f", "~-12.3fx", "~15.4e", "~p", "~w"]] ++
    [{"~f", [1]}, {"~f", [a]}, {"~.2f", [1.0e20]}, {"~*.*f", [10, 2, 3.14159]}, {"~10.2.0f", [3.14159]}, {"~5.2f", [12345.678]}].
ints() ->
    Is = [0, 1, -1, 255, -256, 123456789, 1 bsl 70, -(1 bsl 70)],
    [{F, [X]} || X <- Is, F <- ["~b", "~B", "~.16b", "~.16B", "~.2b", "~.36B", "~#", "~.16#", "~+", "~.16+", "~10b", "~-10bx", "~10..0b", "~4b", "~w", "~p"]] ++
    [{"~.16x", [255, "0x"]}, {"~.16X", [-255, "0x"]}, {"~x", [10, "p"]}, {"~10.16.*x", [$_, 255, "0x"]}, {"~b", [1.0]}, {"~b", [a]}, {"~.1b", [3]}].
texts() ->
    [{"~s", ["abc"]}, {"~s", [abc]}, {"~s", [<<"abc">>]}, {"~10s|", ["abc"]}, {"~-10s|", ["abc"]}, {"~2s|", ["abc"]},
     {"~.2s|", ["abc"]}, {"~10.2s|", ["abc"]}, {"~10..*s|", [$-, "abc"]}, {"~-5.3.xs|", ["abcdef"]}, {"~s", [["a", [<<"b">>, $c]]]},
     {"~s", [[16#263a]]}, {"~s", [1]}, {"~s", [{a}]}, {"~ts", [<<"a">>]}, {"~c", [$a]}, {"~5c", [$a]}, {"~5.3c", [$a]}, {"~tc", [$a]},
     {"~c", [a]}, {"~~", []}, {"~n", []}, {"~2n", []}, {"~i~w", [a, b]}, {"~10p|", [abc]}, {"~-10p|", [abc]}, {"~10w|", [abc]}, {"~-10w|", [abc]},
     {"~3w|", [abcdef]}, {"~s ~s", ["a"]}, {"~s", ["a", "b"]}, {"~", []}, {"~q", [a]}, {"plain", []}, {"~10.5", []}, {"~p ~p", [[a]]}, {"~ts", ["abc" ++ [-1]]}].
misc() ->
    [{"~p", [X]} || X <- [fun lists:map/2, <<1, 2, 3>>, <<"abc">>, <<5:3>>, <<"a\n">>, <<255>>, <<"é"/utf8>>, #{}, #{a => 1}, #{1 => #{2 => 3}}, [$a | b], "abc", [1, 2], [0], "", {}, {a}, 'a b', 'é', "é", [16#263a], "a\"b"]].
terms() ->
    [lists:seq(1, 60), [lists:seq(1, 12) || _ <- lists:seq(1, 6)], {a, [{b, {c, [d, {e, f}]}}], "string", <<"binary">>},
     [{list_to_atom("key" ++ integer_to_list(I)), "value " ++ integer_to_list(I)} || I <- lists:seq(1, 9)],
     #{a => [1, 2, 3], "b" => {x, y}, 3.0 => <<1, 2, 3>>, {t} => #{deep => #{deeper => []}}},
     maps:from_list([{I, I * I} || I <- lists:seq(1, 32)]),
     "a long string that goes over several lines when it is printed because it is so very long that nobody reads it to the end",
     <<"a long binary that goes over several lines when it is printed because it is so very long that nobody reads it to the end">>,
     list_to_binary(lists:seq(0, 100)), [improper | list], [[[[[[[[deep]]]]]]]], {1, 2.5, -3, 1 bsl 80, 'q a', "q", [], {}, <<>>},
     [{error, {badarg, [{m, f, [1, 2], [{file, "x.erl"}, {line, 12}]}]}} || _ <- lists:seq(1, 3)]].
records() ->
    F = fun(point, 2) -> [x, y]; (_, _) -> no end,
    io:format("~s~n", [io_lib_pretty:print({point, 1, {point, [a], "text"}}, F)]),
    io:format("~s~n", [io_lib_pretty:print({other, 1, lists:seq(1, 50)}, 3, 40, -1, F)]).
wide() ->
    L = [gr, "gr\x{fc}n", <<"gr\x{fc}n"/utf8>>, [16#263a, 16#1f600], 'gr\x{fc}n', '\x{263a}'],
    [io:format("~ts~n", [unicode:characters_to_binary(io_lib:format(F, [T]))]) || F <- ["~tp", "~tw", "~p", "~w"], T <- L],
    io:format("~p~n", [[catch io_lib:format("~ts", [T]) || T <- L]]),
    io:format("~p~n", [io_lib:format("~10ts|~-10ts|~.2ts", ["gr\x{fc}n", "\x{263a}", "gr\x{fc}n"])]).
scans() ->
    io:format("~p~n", [[io_lib:fread(F, S) || {F, S} <- [{"~d", "42"}, {"~d ~d", "1 2"}, {"~f", "1.5"}, {"~s~s", "ab cd"}, {"~a", "ab"}, {"~c", "xyz"},
        {"~3c", "xyz"}, {"~u", "-3"}, {"~16u", "ff"}, {"~#", "16#ff"}, {"~-", "-"}, {"~l", "abc"}, {"~*d~d", "1 2"}, {"a~d", "a5"}, {"a~d", "b5"}, {"~d", ""}, {"~d", "x"}, {"~2d", "1234"}, {"~~~d", "~7"}]]]),
    {more, C} = io_lib:fread([], "1", "~d"),
    io:format("~p~n", [[catch io_lib:fread(C, X, "~d") || X <- ["2 ", eof]]]),
    io:format("~p~n", [[io_lib:scan_format(F, A) || {F, A} <- [{"~p~n", [a]}, {"x~10.3fy", [1.0]}]]]),
    io:format("~s~n", [io_lib:build_text(io_lib:scan_format("<~5w>", [a]))]),
    io:format("~p~n", [io_lib:unscan_format(io_lib:scan_format("a~-10.2.0fb", [1.0]))]),
    io:format("~s ~s ~s~n", [io_lib:format("~w", [x], [{chars_limit, 10}]), io_lib:format("~p", [lists:seq(1, 100)], [{chars_limit, 30}]), io_lib:write(lists:seq(1, 9), [{depth, 4}])]).
