%% sweep_t: expressions in which the differential sweep (tests/sweep) found a difference from OTP.
-module(sweep_t).
-export([start/0, guarded/1, same/1]).

start() ->
    numbers(), external(), zeros(), tables(), specs(), library(), lines(), text(), recursion(), guards(),
    io:format("done~n").

t(Name, F) ->
    R = try F() catch C:E:S -> {C, E, hd(S)} end,
    io:format("~w: ~0p~n", [Name, R]).

id(X) -> hd([X]).

%% Of several options of a kind only the last must be possible.
numbers() ->
    [t(O, fun() -> float_to_list(123.456, O) end)
     || O <- [[{decimals, -1}], [{decimals, 254}], [{decimals, 254}, {decimals, 1}], [{decimals, -1}, short],
              [{decimals, -1}, compact], [{scientific, 254}, {scientific, 3}], [{scientific, 250}], [{scientific, -1}],
              [{decimals, 1 bsl 70}, {decimals, 1}], [{scientific, -1}, {decimals, 2}]]].

external() ->
    [t(O, fun() -> erlang:term_to_iovec(lists:duplicate(100, $a), O) end)
     || O <- [[], [compressed], [{compressed, 0}], [{compressed, 1}], [foo]]],
    [t(O, fun() -> erlang:external_size(a, O) end)
     || O <- [[{minor_version, 1}, foo], [foo, {minor_version, 1}], [{minor_version, 1} | foo], [{minor_version, 0}, {minor_version, 7}, x]]].

%% 0.0 and -0.0 are one key; which of them stays follows OTP.
zeros() ->
    Z = id(-0.0),
    F = fun(M) -> [K || K <- maps:keys(M), is_float(K)] end,
    [begin
         M = maps:from_list([{0.0, a} | [{I, I} || I <- lists:seq(1, N)]]),
         io:format("~w: ~w~n", [N, [F(X) || X <- [M, M#{Z => b}, M#{Z := b}, maps:put(Z, a, M), maps:merge(M, #{Z => 1}),
                                                maps:merge(#{Z => 1}, M), maps:merge(M, M#{Z => x}), maps:from_list([{0.0, 1}, {Z, 2}]),
                                                maps:with([Z], M), maps:intersect(M, #{Z => 1})]]])
     end || N <- [5, 31, 32, 33, 200]].

tables() ->
    [begin
         T = ets:new(t, [Type | Options]),
         io:format("~w ~w: ~w~n", [Type, Options, ets:info(T, decentralized_counters)])
     end || Type <- [set, ordered_set, bag], W <- [[], [{write_concurrency, true}], [{write_concurrency, auto}], [{write_concurrency, false}]],
            D <- [[], [{decentralized_counters, true}], [{decentralized_counters, false}]], Options <- [W ++ D, D ++ W]].

specs() ->
    [t(Head, fun() -> erlang:match_spec_test([a, b], [{Head, [], [{nofun, 1}]}], trace) end)
     || Head <- [[a | b], [a, b], {a}, x, [], [a, b | c], '_', '$1', 1.5, <<>>]],
    [t(Spec, fun() -> ets:test_ms({1, 2}, Spec) end)
     || Spec <- [[{'_', ['$1'], []}, x], [{'_', ['$6'], ['$1']}, {'_', [], ['$2']}], [{'_', [{bad} | x], [a]}]]].

library() ->
    t(loaded, fun() -> code:ensure_modules_loaded([sofs, string, array]) end),
    t(none, fun() -> code:ensure_modules_loaded([no_such_module_there]) end),
    t(format, fun() -> io_lib:format("~d", [1]) end),
    t(build, fun() -> io_lib:build_text(-1) end).

%% Modules that are part of OTP's machine have no lines.
lines() ->
    [t(M, fun() -> apply(M, F, A) end)
     || {M, F, A} <- [{erlang, convert_time_unit, [1, second, x]}, {counters, new, [x, []]}, {erlang, system_time, [y]}]].

%% A character cut off by the end of a binary counts when the rest is there.
text() ->
    [t(X, fun() -> unicode:F(X) end)
     || F <- [characters_to_binary, characters_to_list],
        X <- [[[102, [231, <<0, 247, 81>>]], [196, <<194>>]], [<<247, 81>>, 1], <<247, 81>>, [<<224, 1>>, 2], [<<224, 1, 2>>, 2],
              [<<240, 128, 128, 128>>, 3], [<<247>>, <<3, 4>>, 5], [<<195>>, <<3, 4>>, 5], [<<226>>, [<<130>>, 1 | <<172>>]]]].

%% The interpreter asks for its own stack trace; a recursion counts once in it.
recursion() ->
    {ok, T, _} = erl_scan:string("begin begin begin foo(1), 2 end, 3 end, 2 end, 1."),
    {ok, Es} = erl_parse:parse_exprs(T),
    R = try erl_eval:exprs(Es, [])
        catch C:E:S -> {C, E, lists:takewhile(fun(X) -> element(1, X) =/= sweep_t end, S)}
        end,
    io:format("~p~n", [R]).

%% What a failed guard had as its reason is gone: nothing points to where it was (seen by AddressSanitizer).
guards() ->
    [begin
         1 = ?MODULE:guarded({I, [I]}),
         erlang:garbage_collect(),
         K = lists:seq(1, I),
         erlang:garbage_collect(),
         I = length(K)
     end || I <- lists:seq(1, 50)].
guarded(X) when map_size(X) > 2 -> big;
guarded(X) -> length(?MODULE:same([X])).
same(X) -> X.
