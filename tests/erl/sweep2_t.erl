%% sweep2_t: more in which the differential sweep (tests/sweep) found a difference from OTP.
-module(sweep2_t).
-export([start/0]).

start() ->
    applied(), deep(), options(), packets(), records(), identities(), scopes(), newlines(), classes(), verbs(), library(), heads(), bags(), former(), references(),
    io:format("done~n").

t(Name, F) ->
    R = try F() catch C:E:S -> {C, E, hd(S)} end,
    io:format("~0p: ~0p~n", [Name, R]).

%% In a process of its own: the frames from F's on, which are all there are.
trace(Name, F) ->
    Me = self(),
    spawn(fun() -> try F(), Me ! none catch C:E:S -> Me ! {C, E, S} end end),
    io:format("~0p: ~0p~n", [Name, receive X -> X end]).

%% error/1..3, exit/1 and throw/1 applied as the last call show their caller; other BIFs do not.
applied() ->
    [begin
         Name = {F, length(A)},
         Fun = erlang:make_fun(erlang, F, length(A)),
         trace(Name, fun() -> {only(erlang, F, A)} end),
         trace(Name, fun() -> {last(erlang, F, A)} end),
         [trace(Name, fun() -> {only1(erlang, F, hd(A))} end) || length(A) =:= 1],
         [trace(Name, fun() -> {last1(erlang, F, hd(A))} end) || length(A) =:= 1],
         [trace(Name, fun() -> {last2(erlang, F, hd(A), lists:last(A))} end) || length(A) =:= 2],
         trace(Name, fun() -> {call(Fun, A)} end)
     end
     || {F, A} <- [{error, [x]}, {error, [x, [a]]}, {error, [x, none]}, {error, [x, [a], []]}, {error, [x, [a], bad]},
                   {exit, [x]}, {throw, [x]}, {raise, [error, x, []]}, {nif_error, [x]}, {nif_error, [x, [a]]},
                   {hd, [a]}, {atom_to_list, [1]}, {length, [a]}]].

only(M, F, A) -> apply(M, F, A).
last(M, F, A) -> id(a), apply(M, F, A).
only1(M, F, A) -> M:F(A).
last1(M, F, A) -> id(a), M:F(A).
last2(M, F, A, B) -> id(a), M:F(A, B).
call(F, A) -> apply(F, A).
id(X) -> X.

%% The frames of an applied BIF's callers, as many as OTP shows.
deep() ->
    [trace(F, fun() -> nest(12, erlang, F, [a]) end) || F <- [hd, exit, error, list_to_atom]].
nest(1, M, F, A) -> [apply(M, F, A)];
nest(N, M, F, A) when N rem 2 =:= 1 -> {nest(N - 1, M, F, A)};
nest(N, M, F, A) -> [nest(N - 1, M, F, A)].

packets() ->
    %% A length of more than four bytes is wrong only when it is all there.
    [t({L, N}, fun() -> erlang:decode_packet(asn1, <<16#30, L, (binary:copy(<<1>>, N))/binary>>, []) end)
     || L <- [16#80, 16#84, 16#85, 16#ab], N <- [0, 3, 4, 5, 42, 43, 44]],
    Types = [raw, 0, 1, 2, 4, line, asn1, sunrm, cdr, fcgi, tpkt, http, httph, http_bin, httph_bin, ssl_tls, bad, 1.5],
    [t({Type, O}, fun() -> erlang:decode_packet(Type, <<"ab;cd\nef">>, O) end)
     || Type <- Types, O <- [[], [{line_delimiter, $;}], [{line_delimiter, $\n}], [{line_delimiter, 256}]]],
    [t({Type, B, P, L}, fun() -> erlang:decode_packet(Type, B, [{packet_size, P}, {line_length, L}]) end)
     || Type <- [http, httph], B <- [<<"GET / HTTP/1.1\r\n">>, <<"A: b\r\n  c\r\nd">>], P <- [0, 7, 20], L <- [0, 2, 7, 20]].

records() ->
    [begin
         t(S, fun() -> erlang:is_record(id({a}), a, id(S)) end),
         t(S, fun() -> ets:test_ms({a}, [{'$1', [], [{is_record, '$1', a, S}]}]) end)
     end || S <- [-1, 0, 1, (1 bsl 59) - 1, 1 bsl 59, -(1 bsl 59), -(1 bsl 59) - 1, 1 bsl 64]].

identities() ->
    [t(N, fun() -> erlang:port_to_list(list_to_port("#Port<0." ++ integer_to_list(N) ++ ">")) end)
     || N <- [0, 1, (1 bsl 28) - 1, 1 bsl 28, 1 bsl 40]].

%% Nothing is looked for within {0, 0}: the pattern may be anything.
scopes() ->
    [t({F, S, P, O}, fun() -> binary:F(S, P, O) end)
     || F <- [match, matches, split], S <- [<<" ">>, <<>>], P <- [<<1:3>>, <<>>, [], a, <<"a">>],
        O <- [[], [{scope, {0, 0}}], [{scope, {1, 0}}], [{scope, {0, 1}}]]].

newlines() ->
    [t({A, B}, fun() -> re:run("a\rb\nc", "^b", [multiline, {newline, A}, {newline, B}]) end)
     || A <- [lf, cr, crlf, any, anycrlf], B <- [lf, cr, crlf, any, anycrlf]],
    [t(O, fun() -> re:run("a", "a", O) end)
     || O <- [[bsr_anycrlf, bsr_unicode], [bsr_unicode, bsr_unicode], [{newline, lf}, {newline, any}, report_errors]]],
    [t(X, fun() -> re:compile(X, [{newline, lf}, {newline, any} | O]) end) || X <- ["a", "(", <<255>>], O <- [[], [unicode]], O =:= [] orelse is_binary(X)].

%% In a class these are the letters themselves.
classes() ->
    [t({C, End}, fun() -> case re:compile("[\\" ++ [C] ++ End) of {ok, P} -> re:run([$\\, C], P); E -> E end end)
     || C <- "ABCGKRXZkz", End <- ["]", "", "b]x"]].

%% "(*" begins a verb only before a letter or a colon.
verbs() ->
    [t(S, fun() -> case re:compile(S) of {ok, _} -> ok; E -> E end end)
     || S <- ["(*?", "(*", "(*)", "(*+", "(?:a)(*?", "x(*a)", "(*1", "(*{1}", "(*_)", "(*:)", "(*a", "(*:a)", "a(*("]].

%% Options of error/3 that are wrong count for nothing.
options() ->
    [t(O, fun() -> erlang:error(x, [a], id(O)) end)
     || O <- [bad, [a | b], [], [bad], [{error_info, x}], [{error_info, #{}}], [{error_info, #{}} | x], [{error_info, #{}}, bad],
              #{}, [{error_info, #{a => 1}}, {error_info, #{b => 1}}]]].

library() ->
    io:format("~p~n", [[is_integer(N) || N <- tuple_to_list(os:version())]]),
    %% The checksum of a dictionary has a sign.
    D = binary:copy(<<250, 255, 200>>, 130),
    Z = zlib:open(),
    ok = zlib:deflateInit(Z),
    io:format("~p~n", [zlib:deflateSetDictionary(Z, D)]),
    B = zlib:deflate(Z, <<"abc", 250, 255, 200>>, finish),
    I = zlib:open(),
    ok = zlib:inflateInit(I),
    io:format("~p~n", [zlib:safeInflate(I, B)]),
    %% Bytes behind the end of a stream: another call drops them.
    [begin
         Packed = if Bits < 0 -> zlib:zip(Data); true -> zlib:compress(Data) end,
         C = zlib:open(),
         ok = zlib:inflateInit(C, Bits, How),
         io:format("~p ~p: ~p~n", [Bits, How, [try zlib:safeInflate(C, X) of {K, O} -> {K, iolist_size(O)} catch _:Why -> Why end
                                               || X <- [[Packed, Tail], [], [], "x"]]]),
         zlib:inflateReset(C),
         io:format("~p~n", [try iolist_size(zlib:inflate(C, [Packed, Tail])) catch _:Why2 -> Why2 end])
     end || Bits <- [15, -15], How <- [cut, error, reset], Tail <- ["", "tail"], Data <- ["", "abc", lists:duplicate(20000, $a)]],
    io:format("~p~n", [[erlang:external_size([1.5, 2.5], [{minor_version, V} || V <- Vs]) || Vs <- [[0], [1], [0, 1], [1, 0]]]]),
    %% A module compiled from forms that name no file.
    Forms = [{attribute, 1, module, sweep2_forms}, {attribute, 2, export, [{f, 1}]},
             {function, 3, f, 1, [{clause, 3, [{var, 3, 'X'}], [], [{call, 4, {atom, 4, hd}, [{var, 4, 'X'}]}]}]}],
    {ok, M, Beam} = compile:noenv_forms(Forms, [binary]),
    {module, M} = erlang:load_module(M, Beam),
    try M:f(a) catch error:badarg:S -> io:format("~p~n", [lists:nth(2, S)]) end.

%% The arguments of a traced call may be written as a tuple; of an improper list the tail does not count.
heads() ->
    [t({A, H, G}, fun() -> erlang:match_spec_test(A, [{H, G, [true]}], trace) end)
     || A <- [[2, b], [], [a], [2, b | x]],
        {H, G} <- [{{'$1', '$2'}, [{'==', '$1', 2}]}, {{2, '$2'}, []}, {{3, '$2'}, []}, {{'$1'}, []}, {{}, []}, {{'$1', '$1'}, []},
                   {'$1', [{'==', '$1', [2, b]}]}, {['$1', '$2'], [{'==', '$$', [2, b]}]}, {{'$1', '$2'}, [{'==', '$_', [2, b]}]},
                   {['$1' | '_'], []}, {2, []}]].

%% A list put into a bag goes in from its last object to the first.
bags() ->
    [begin
         T = ets:new(t, [Type]),
         [ets:insert(T, X) || X <- Ops],
         N = ets:new(t, [Type]),
         ets:insert_new(N, lists:flatten(Ops)),
         io:format("~p ~p ~p~n", [Type, lists:sublist(ets:lookup(T, 1), 9), lists:sublist(ets:lookup(N, 1), 9)])
     end
     || Type <- [bag, duplicate_bag],
        Ops <- [[{1, a}, {1, b}], [{1, a}, [{1, b}, {1, c}]], [[{1, a}, {2, x}, {1, b}, {2, y}, {1, a}, {1, c}], {1, a}, {1, d}],
                [[{1, I} || I <- lists:seq(1, 5000)], {1, 0}]]],
    %% A start that is no checksum becomes one.
    [t({F, A, D}, fun() -> erlang:F(A, D) end) || F <- [adler32, crc32], A <- [1048575, 65521, 1, 0], D <- [<<>>, [], [<<>>, []], "a"]].

%% References of this node with more bits than ours have.
references() ->
    [t({N, W0, W}, fun() ->
                       B = <<131, 90, N:16, 100, 0, 13, "nonode@nohost", 0:32, W0:32, (binary:copy(<<W:32>>, N - 1))/binary>>,
                       R = binary_to_term(B),
                       {is_reference(R), node(R), R =:= binary_to_term(B), R =:= binary_to_term(term_to_binary(R))}
                   end) || N <- [1, 2, 3, 4], W0 <- [0, 1 bsl 17, 1 bsl 18], W <- [0, 1, 1 bsl 14]].

%% Processes of an earlier life of the node.
former() ->
    [begin
         P = binary_to_term(<<131, 88, 100, 0, 13, "nonode@nohost", 0, 0, 0, 77, 0, 0, 0, 1, C:32>>),
         Port = binary_to_term(<<131, 89, 100, 0, 13, "nonode@nohost", 0, 0, 0, 77, C:32>>),
         Ref = binary_to_term(<<131, 90, 0, 3, 100, 0, 13, "nonode@nohost", C:32, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1>>),
         io:format("~p ~p~n", [{P, Port, Ref}, {node(P), P =:= list_to_pid("<0.77.1>"), is_pid(P), term_to_binary(P)}]),
         t(alive, fun() -> is_process_alive(P) end),
         Old = process_flag(trap_exit, true),
         t(link, fun() -> link(P), receive {'EXIT', P, W} -> W end end),
         process_flag(trap_exit, Old),
         t(send, fun() -> {P ! x, erlang:send(P, x, [noconnect])} end),
         M = monitor(process, P),
         receive {'DOWN', M, _, _, Why} -> io:format("~p~n", [Why]) end
     end || C <- [0, 1, 197]].
