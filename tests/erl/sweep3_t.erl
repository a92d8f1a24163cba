%% sweep3_t: arguments of all kinds for BIFs beside the pure ones: what is checked first, what is said.
-module(sweep3_t).
-export([start/0, id/1]).

start() ->
    identities(), signals(), spawning(), requests(), errors(), sizes(), tools(), vectors(), external(), clauses(),
    io:format("done~n").

t(Name, F) ->
    R = try F() catch C:E:S -> {C, E, hd(S)} end,
    io:format("~0p: ~0p~n", [mask(Name), mask(R)]).

mask(P) when is_pid(P) -> pid;
mask(R) when is_reference(R) -> ref;
mask(F) when is_function(F) -> {'fun', erlang:fun_info(F, arity)};
mask([H | T]) -> [mask(H) | mask(T)];
mask(T) when is_tuple(T) -> list_to_tuple(mask(tuple_to_list(T)));
mask(X) -> X.

%% Pids have a number of 15 bits and a serial of 13 in texts and external terms.
identities() ->
    [t({pid, S}, fun() -> pid_to_list(list_to_pid(S)) end)
     || S <- ["<0.0.0>", "<0.32767.0>", "<0.32768.0>", "<0.999999.0>", "<0.0.1>", "<0.5.8191>", "<0.5.8192>", "<0.0.4294967296>"]],
    Pid = fun(N, S) -> <<131, 88, 100, 0, 13, "nonode@nohost", N:32, S:32, 0:32>> end,
    [t({external, N, S}, fun() -> P = binary_to_term(Pid(N, S)), {pid_to_list(P), term_to_binary(P) =:= Pid(N, S)} end)
     || {N, S} <- [{0, 0}, {32767, 0}, {32768, 0}, {16#5a0002, 0}, {7, 1}, {7, 8191}, {7, 8192}, {7, 1 bsl 31}]],
    [t({phash2, S}, fun() -> erlang:phash2(list_to_pid(S)) end) || S <- ["<0.7.0>", "<0.7.1>", "<0.7.3000>"]],
    Order = [list_to_pid(S) || S <- ["<0.5.1>", "<0.6.0>", "<0.5.0>", "<0.4.3>", "<0.32767.0>", "<0.0.8191>"]],
    io:format("~p~n", [[pid_to_list(P) || P <- lists:sort(Order)]]),
    %% More processes than one serial has numbers.
    Ps = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 40000)],
    Last = pid_to_list(lists:last(Ps)),
    ["<0", Number, Serial] = string:lexemes(Last, "."),
    io:format("~p ~p ~p~n", [list_to_integer(Number) < 32768, Serial > "0", lists:last(Ps) =:= list_to_pid(Last)]),
    io:format("~p~n", [lists:last(Ps) =:= binary_to_term(term_to_binary(lists:last(Ps)))]),
    [exit(P, kill) || P <- Ps],
    ok.

%% Of no type the compiler knows.
id(X) -> X.

kinds() ->
    [{number, 1}, {dead, list_to_pid("<0.31999.77>")}, {me, self()}].

signals() ->
    [t({flag, N, F, V}, fun() -> process_flag(P, F, V) end)
     || {N, P} <- kinds(), F <- [save_calls, other], V <- [-1, true, 10001]],
    [t({suspend, N, O}, fun() -> erlang:suspend_process(P, O) end)
     || {N, P} <- kinds(), O <- [x, [x], [unless_suspending | x]]],
    [t({port_info, P, I}, fun() -> erlang:port_info(P, I) end) || P <- [nobody, 1, self()], I <- [3, other, [], name]],
    [t({check, N, M, O}, fun() -> erlang:check_process_code(P, M, O) end)
     || {N, P} <- kinds(), M <- [nomod, 1 bsl 70], O <- [[], x, [{allow_gc, true}], [{allow_gc, x}]]],
    [t({async, N}, fun() -> erlang:check_process_code(P, 1, [{async, 1}]) end) || {N, P} <- kinds()],
    [t({leader, N, L, R}, fun() -> erts_internal:group_leader(L, P, R) end) || {N, P} <- kinds(), L <- [1, a], R <- [x, make_ref()]],
    [t({alive, N, R}, fun() -> erts_internal:is_process_alive(P, R) end) || {N, P} <- kinds(), R <- [x, 1]],
    [t({display, A, B}, fun() -> erts_internal:process_display(A, B) end) || A <- [1, x], B <- [backtrace, x]],
    [t({collect, A}, fun() -> erts_internal:garbage_collect(A) end) || A <- [major, minor, x, 1]],
    [t({N, exit_signal}, fun() -> ended(F) end)
     || {N, F} <- [{self, fun() -> erlang:exit_signal(self(), first), exit(second) end},
                   {exit, fun() -> exit(self(), first), exit(second) end},
                   {wait, fun() -> erlang:exit_signal(self(), first), receive after infinity -> ok end end}]].

ended(F) ->
    {_, M} = spawn_monitor(F),
    receive {'DOWN', M, _, _, R} -> R end.

spawning() ->
    [t({opt, F, O}, fun() -> spawn_opt(F, O) end)
     || F <- [1, {a, 1}, {a, b}, {a, b, c}, fun(X) -> X end], O <- [x, [foo], [link | x], {}]],
    t(monitor, fun() -> spawn_monitor(m, f, [a | b]) end),
    t(apply, fun() -> {_, M} = spawn_opt({a, b}, [monitor]), receive {'DOWN', M, _, _, {R, _}} -> R end end),
    process_flag(trap_exit, true),
    t(link, fun() -> P = spawn_link(?MODULE:id({a, b})), receive {'EXIT', P, {R, _}} -> R end end),
    process_flag(trap_exit, false).

requests() ->
    W = fun(R) -> receive {spawn_reply, R, A, B} -> {A, B} end end,
    [t({request, N, A, O}, fun() -> W(spawn_request(N, A, O)) end)
     || N <- [x, node()], A <- [[], x, fun() -> x end, fun(_) -> x end, {a, b}], O <- [x, [y | x], [y]], is_function(A) orelse N =:= x orelse O =:= [y]],
    [t({request, N, M, A, O}, fun() -> W(spawn_request(N, M, f, A, O)) end)
     || N <- [x, node()], M <- [m, 1], A <- [[], x, [a | b]], O <- [x, [y | x], [y]]],
    [t({remote, F, O}, fun() -> spawn_opt(other@node, m, F, [], O) end) || F <- [f, 1], O <- [x, [y | x]]].

errors() ->
    [begin
         t({error, A}, fun() -> try error(x, A) catch _:_:S -> setelement(4, hd(S), []) end end),
         t({error3, A}, fun() -> try error(x, A, []) catch _:_:S -> setelement(4, hd(S), []) end end),
         t({nif_error, A}, fun() -> erlang:nif_error(x, A) end)
     end || A <- [[a | b], [a, b, c | d], [], none, x, [a], {}, 1]].

sizes() ->
    Y = {a, b, c, d},
    [t({size, I}, fun() -> {erlang:external_size(F), erlang:external_size([F | F], [{minor_version, 0}])} end)
     || {I, F} <- [{none, fun() -> x end}, {one, fun(X) -> X end}, {env, fun(Z) -> {Y, Z} end}, {export, fun lists:reverse/1}]].

tools() ->
    [t({F, X}, fun() -> erlang:F(X) end)
     || F <- [dt_restore_tag, dt_spread_tag], X <- [true, false, [], {true, x}, [0 | <<>>], 1]],
    [t({is_builtin, A}, fun() -> erlang:is_builtin(lists, member, A) end)
     || A <- [2, 256, -1, 1 bsl 59, (1 bsl 59) - 1, -(1 bsl 59), -(1 bsl 59) - 1, 1 bsl 60]],
    [t({exported, A}, fun() -> erlang:function_exported(lists, member, A) end)
     || A <- [2, 256, -1, 1 bsl 59, (1 bsl 59) - 1, -(1 bsl 59), -(1 bsl 59) - 1, 1 bsl 60]],
    [t({print, A}, fun() -> erlang:seq_trace_print(A, x) end) || A <- [1, x, 1 bsl 70, {}, [a]]],
    [t({monitor, A, O}, fun() -> erlang:system_monitor(A, O) end) || A <- [1, x, undefined, hd([P || {dead, P} <- kinds()])], O <- [[], x, [foo]]],
    [t({profile, A, O}, fun() -> erlang:system_profile(A, O) end) || A <- [1, x, undefined], O <- [[], x, [foo]], A =/= undefined orelse O =:= []],
    [t({nodes, A, O}, fun() -> nodes(A, O) end)
     || A <- [this, visible], O <- [#{}, #{a => 1}, #{connection_id => true}, #{connection_id => x}, #{node_type => true, connection_id => false}]],
    [t({bump, N}, fun() -> erlang:bump_reductions(N) end) || N <- [0, -1, (1 bsl 59) - 1, 1 bsl 59, 1 bsl 64]].

%% Where iolist_to_iovec/1 cuts.
vectors() ->
    B = fun(N) -> binary:copy(<<1>>, N) end,
    Part = fun(N) -> <<_:3, R:N/binary, _/bits>> = B(N + 1), R end,
    [io:format("~p~n", [{P, N, [[byte_size(X) || X <- erlang:iolist_to_iovec([Before(P), F(N), [After(P)], B(300), 3])]
                               || Before <- [B, fun(K) -> lists:duplicate(K, 7) end], After <- [B, fun(K) -> lists:duplicate(K, 7) end], F <- [B, Part]]}])
     || P <- [1, 3, 64, 100, 255, 256, 257], N <- [1, 64, 65, 255, 256, 257, 300, 411, 412, 448, 508, 510, 511, 512, 513, 1000]],
    L = [B(70), 1, B(500), Part(600), [2 | B(900)]],
    io:format("~p~n", [iolist_to_binary(L) =:= iolist_to_binary(erlang:iolist_to_iovec(L))]).

%% Identities in the old and new forms: what has room where.
external() ->
    Ok = fun(T) -> try binary_to_term(<<131, T/binary>>), ok catch error:badarg -> no end end,
    Edges = lists:append([[(1 bsl B) - 1, 1 bsl B] || B <- [15, 18, 20, 28, 31]]),
    [io:format("~p~n", [{byte_size(N),
        [{V, Ok(<<103, N/binary, V:32, 0:40>>), Ok(<<103, N/binary, 0:32, V:32, 0>>), Ok(<<88, N/binary, V:32, 0:64>>),
          Ok(<<88, N/binary, 0:32, V:32, 0:32>>), Ok(<<102, N/binary, V:32, 0>>), Ok(<<89, N/binary, V:32, 0:32>>),
          Ok(<<120, N/binary, V:64, 0:32>>), Ok(<<101, N/binary, V:32, 0>>),
          [{Ok(<<114, K:16, N/binary, 0, V:32, 0:((K - 1) * 32)>>), Ok(<<90, K:16, N/binary, 0:32, V:32, 0:((K - 1) * 32)>>)} || K <- [1, 2, 3, 6]]}
         || V <- Edges],
        [{C, Ok(<<103, N/binary, 1:32, 0:32, C>>), Ok(<<102, N/binary, 1:32, C>>), Ok(<<101, N/binary, 1:32, C>>), Ok(<<114, 1:16, N/binary, C, 1:32>>),
          Ok(<<88, N/binary, 1:32, 0:32, C:32>>), Ok(<<89, N/binary, 1:32, C:32>>), Ok(<<90, 1:16, N/binary, C:32, 1:32>>)}
         || C <- [0, 1, 3, 4, 128, 255]]}])
     || N <- [<<100, 0, 3, "a@b">>, <<119, 13, "nonode@nohost">>]].

%% No clause replaces nothing; clauses of another shape are refused before what is in others.
clauses() ->
    [begin
         T = ets:new(t, [O]),
         ets:insert(T, {1, 2}),
         t({O, F, A}, fun() -> try ets:F(T, A) catch C:R -> {C, R} end end)
     end || O <- [set, ordered_set, bag, duplicate_bag], F <- [select_replace, select_count], A <- [[], x, [x], [{a}]]],
    [t({K, S}, fun() -> erlang:match_spec_test(A, S, K) end)
     || {A, K} <- [{[{a, 0}], trace}, {{a, 0}, table}],
        S <- [[{1, [], []}, d], [{'_', [], [x]}, d], [d, {1, [], []}], [{{a, '_'}, [], []}, {1, 2}], [{1, [], []}, {[a | b], [], []}], [{[a | b], [], []}, d], [d, {[a | b], [], []}]]].
