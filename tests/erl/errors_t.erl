%% What failing calls look like: class, reason and the frames with their places and error_info.
-module(errors_t).
-export([main/1, two/2, ext/1, tail/1, exit_later/1]).
-record(r, {a}).

main(_) ->
    [begin
         {C, R, S} = try F(), {none, none, []} catch C0:R0:S0 -> {C0, R0, S0} end,
         io:format("~p: ~p ~p~n  ~p~n", [N, C, clean(R), [frame(X) || X <- S, in(X)]])
     end || {N, F} <- cases()],
    io:format("~p~n", [[clean(catch F()) =/= x || {_, F} <- cases()]]),
    format(),
    spawned(),
    nested(),
    after_guards().

%% What failed in a guard is no part of an error that comes later.
after_guards() ->
    [begin
         no = G([1 | x]),
         {badarg, [{lists, member, Args, _} | _]} =
             try lists:member(y, [z | improper]) catch error:R:S -> {R, S} end,
         io:format("~p ~p~n", [N, Args])
     end || {N, G} <- [{length, fun(X) when length(X) > 2 -> yes; (_) -> no end},
                       {map_size, fun(X) when map_size(X) > 2 -> yes; (_) -> no end},
                       {map_get, fun(X) when map_get(a, X) > 2 -> yes; (_) -> no end},
                       {is_map_key, fun(X) when is_map_key(a, X) -> yes; (_) -> no end},
                       {byte_size, fun(X) when byte_size(X) > 2 -> yes; (_) -> no end},
                       {element, fun(X) when element(3, X) > 2 -> yes; (_) -> no end},
                       {binary_part, fun(X) when binary_part(X, 0, 1) =:= <<1>> -> yes; (_) -> no end},
                       {add, fun(X) when X + 1 > 2 -> yes; (_) -> no end},
                       {abs, fun(X) when abs(X) > 2 -> yes; (_) -> no end},
                       {round, fun(X) when round(X) > 2 -> yes; (_) -> no end}]].

%% Frames below this module are the runner's.
in({M, _, _, _}) -> not lists:member(M, [erl_eval, init, ling_boot]);
in({_, _, _}) -> true;
in(_) -> true.
frame({M, F, A, L}) -> {M, F, if is_list(A) -> clean(A); true -> A end, [clean(I) || I <- L]};
frame(X) -> clean(X).
clean(F) when is_function(F) -> {'fun', element(2, erlang:fun_info(F, arity))};
clean(P) when is_pid(P) -> pid;
clean(R) when is_reference(R) -> ref;
clean({file, F}) -> {file, filename:basename(F)};
clean(T) when is_tuple(T) -> list_to_tuple([clean(X) || X <- tuple_to_list(T)]);
clean([H | T]) -> [clean(H) | clean(T)];
clean(M) when is_map(M) -> maps:map(fun(_, V) -> clean(V) end, M);
clean(X) -> X.

id(X) -> X.
two(A, b) -> A.
ext(X) -> X = id(a), X.
tail(F) -> F().
exit_later(R) -> exit(R).
depth(0) -> error(deep);
depth(N) -> 1 + depth(N - 1).
even(0) -> error(deep_tail);
even(N) -> even(N - 1).

cases() ->
    Z = id(0), A = id(a), F1 = fun(X) -> X end,
    [{badarith, fun() -> 1 + A end}, {divzero, fun() -> 1 div Z end}, {badmatch, fun() -> {ok, _} = A end}, {case_clause, fun() -> case A of b -> c end end},
     {if_clause, fun() -> if A =:= b -> c end end}, {try_clause, fun() -> try A of b -> c catch x -> y end end}, {function_clause, fun() -> two(1, A) end},
     {fun_clause, fun() -> (fun(z) -> ok end)(A) end}, {undef, fun() -> no_module:f(A) end}, {undef2, fun() -> ?MODULE:none(1, 2) end}, {undef3, fun() -> lists:none(1) end},
     {apply, fun() -> apply(A, f, [x]) end}, {apply_bad, fun() -> apply(1, f, [x]) end}, {apply_improper, fun() -> apply(lists, map, [a | b]) end}, {badfun, fun() -> A(1) end}, {badarity, fun() -> F1(1, 2) end},
     {badrecord, fun() -> A#r.a end}, {badmap, fun() -> A#{x => 1} end}, {badkey, fun() -> #{}#{x := 1} end}, {map_get, fun() -> map_get(x, #{}) end}, {map_get2, fun() -> map_get(x, A) end},
     {maps_get, fun() -> maps:get(x, id(#{})) end}, {hd, fun() -> hd([]) end}, {element, fun() -> element(3, {A}) end}, {length, fun() -> length([a | b]) end}, {atom_to_list, fun() -> atom_to_list(1) end}, {list_to_integer, fun() -> list_to_integer("x") end},
     {binary_to_atom, fun() -> binary_to_existing_atom(<<"not there yet at all">>) end}, {setelement, fun() -> setelement(0, {A}, x) end}, {float, fun() -> float(A) end}, {bs, fun() -> <<A:8>> end}, {bs_size, fun() -> X = id(-1), <<1:X>> end}, {bs_bin, fun() -> <<A/binary>> end}, {bs_float, fun() -> <<A/float>> end}, {bs_utf, fun() -> X = id(16#d800), <<X/utf8>> end}, {bs_short, fun() -> X = id(<<1>>), <<X:2/binary>> end},
     {bs_match, fun() -> <<_:16>> = id(<<1>>) end}, {error1, fun() -> error(e) end}, {error2, fun() -> error(e, [x, y]) end}, {error2none, fun() -> error(e, none) end}, {error3, fun() -> error(e, [x], [{error_info, #{cause => c}}]) end}, {error3b, fun() -> error(e, none, [{error_info, #{module => m}}]) end}, {error3bad, fun() -> error(e, none, [x]) end},
     {throw, fun() -> throw(t) end}, {exit, fun() -> exit(x) end}, {raise, fun() -> erlang:raise(error, r, [{m, f, 1, []}, {m, g, [1, 2]}]) end}, {raise_exit, fun() -> erlang:raise(exit, r, []) end}, {raise_bad, fun() -> erlang:raise(error, r, [bad]), ok end},
     {deep, fun() -> depth(12) end}, {deep_tail, fun() -> even(12) end}, {tail_bif, fun() -> tail(fun() -> hd(A) end) end}, {lists, fun() -> lists:map(fun(X) -> X + a end, [1]) end}, {sort, fun() -> lists:sort(A) end}, {keyfind, fun() -> lists:keyfind(a, 0, []) end},
     {nested, fun() -> try error(a) catch _:_ -> error(b) end end}, {'after', fun() -> try exit(a) after id(x) end end}, {reraise, fun() -> try throw(a) catch C:R:S -> erlang:raise(C, R, S) end end}, {reclass, fun() -> try throw(a) catch _:R:S -> erlang:raise(error, R, S) end end}, {reafter, fun() -> try erlang:raise(exit, a, []) after id(x) end end}, {reclass_after, fun() -> try try throw(a) catch _:R:S -> erlang:raise(error, R, S) end after id(x) end end},
     {register, fun() -> register(A, not_pid) end}, {send, fun() -> nobody_here ! x end}, {link, fun() -> link(x) end}, {spawn, fun() -> spawn(x) end}, {monitor, fun() -> monitor(process, 1) end}, {pinfo, fun() -> process_info(self(), nope) end}, {timer, fun() -> erlang:send_after(-1, self(), x) end}, {after_bad, fun() -> receive after A -> ok end end},
     {ets, fun() -> binary:split(A, <<"x">>) end}, {io, fun() -> io:format("~p", []) end}, {unicode, fun() -> unicode:characters_to_list(A) end}, {int, fun() -> integer_to_list(1, 99) end}, {ext, fun() -> ext(b) end}, {t2b, fun() -> binary_to_term(<<1>>) end}, {big, fun() -> 1 bsl (1 bsl 70) end}, {float_big, fun() -> 1.0e308 * id(10) end}, {self_tuple, fun() -> tuple_size(A) end}, {bitsize, fun() -> bit_size(A) end}, {andalso_, fun() -> id(A) andalso true end}, {not_, fun() -> not A end}, {and_, fun() -> A and true end}, {comp, fun() -> [X || X <- A] end}, {bincomp, fun() -> [X || <<X>> <= A] end}, {filter, fun() -> [X || X <- [1], id(A)] end}, {mapcomp, fun() -> maps:fold(fun(_, _, _) -> x end, 0, A) end}, {proplist, fun() -> lists:foldl(fun two/2, 0, [1]) end}, {spawn_fun, fun() -> spawn_opt(fun() -> ok end, [bad]) end}, {exit2, fun() -> exit(a, b) end}, {pdict, fun() -> erlang:put() end}, {halt, fun() -> halt(foo) end}, {md5, fun() -> erlang:md5(a) end}, {l2t, fun() -> list_to_tuple(a) end}, {iol, fun() -> iolist_to_binary([a]) end}].

format() ->
    [io:format("~s~n", [erl_error(F)]) || {N, F} <- cases(), lists:member(N, [badarith, element, bs, bs_size, function_clause, undef, badmatch, maps_get, keyfind, badarity, throw, exit, atom_to_list, lists, binary_to_atom, io, error3])].
erl_error(F) ->
    {C, R, S} = try F() catch C0:R0:S0 -> {C0, R0, S0} end,
    S1 = [{M, Fn, A, [clean(L) || L <- Loc]} || {M, Fn, A, Loc} = Fr <- S, in(Fr)],
    erl_error:format_exception(1, C, R, S1, fun(M, _, _) -> M =:= lists end, fun(T, _) -> io_lib:format("~p", [clean(T)]) end, latin1).

spawned() ->
    process_flag(trap_exit, true),
    [begin
         P = spawn_link(F),
         receive {'EXIT', P, R} -> io:format("~p -> ~p~n", [N, case R of {W, S} when is_list(S) -> {clean(W), [frame(X) || X <- S]}; _ -> clean(R) end]) after 60000 -> io:format("~p none~n", [N]) end
     end || {N, F} <- cases(), not lists:member(N, [send])],
    P1 = spawn_link(?MODULE, exit_later, [bye]), receive {'EXIT', P1, X1} -> io:format("~p~n", [X1]) end,
    P2 = spawn_link(?MODULE, none, [bye]), receive {'EXIT', P2, X2} -> io:format("~p~n", [X2]) end,
    P3 = spawn_link(?MODULE, two, [1, 2]), receive {'EXIT', P3, {R3, S3}} -> io:format("~p~n", [{R3, [frame(X) || X <- S3]}]) end.

nested() ->
    io:format("~p~n", [clean(try try error(a) after error(b) end catch C:R -> {C, R} end)]),
    io:format("~p~n", [element(1, element(2, catch (catch error(x)) + 1 =:= 2))]),
    io:format("~p~n", [loop(fun(G, N) -> if N =:= 0 -> process_info(self(), stack_size); true -> G(G, N - 1) end end, 100000)]).
loop(F, N) -> {stack_size, S} = F(F, N), S < 200.
