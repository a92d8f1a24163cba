%% Properties and models that a single call does not reach. Each function gives a term that is compared
%% between the machines, and raises {property, ...} where an identity that holds on any machine does not.
-module(sweep_prop).
-compile(nowarn_deprecated_function).
-export([tokens/4, parse_exprs/1, parse_form/1, pp_exprs/1, pp_form/1, lint/1, eval/1, compile/1, expand/1,
         normalise/1, unicode_forms/1, transform/1, rand_alg/3, maps_model/1, collisions/1, ets_model/2,
         digraph_model/2, integers/3, bases/1, floats/1, compare/3, sorting/1, sorting_mixed/1, external/1,
         hostile/2, atomics_model/2, counters_model/1, match_spec/2, big_terms/1, attempt/3, apply_fun/2, apply_mfa/3]).

apply_fun(F, As) -> X = apply(F, As), {X}.
apply_mfa(M, F, As) -> X = apply(M, F, As), {X}.

attempt(M, F, As) -> try apply(M, F, As) catch C:R -> {C, R} end.
sure(true, _) -> ok;
sure(_, What) -> error({property, What}).

%% ---- source text

tokens(_, S, Line, Opts) ->
    %% in two pieces, as a terminal gives them
    {A, B} = lists:split(length(S) div 2, S),
    case erl_scan:tokens([], A, Line, Opts) of
        {more, C} -> {more, erl_scan:tokens(C, B, Line, Opts)};
        D -> {done, D}
    end.

scan(S) ->
    case erl_scan:string(S, {1, 1}) of
        {ok, Ts, _} -> Ts;
        E -> throw(E)
    end.

parse_exprs(S) -> erl_parse:parse_exprs(scan(S)).
parse_form(S) -> erl_parse:parse_form(scan(S)).

pp_exprs(S) ->
    {ok, Es} = parse_exprs(S),
    lists:flatten([erl_pp:exprs(Es), $\n, erl_pp:exprs(Es, [{encoding, latin1}, {linewidth, 40}, {indent, 2}])]).

pp_form(S) ->
    {ok, F} = parse_form(S),
    lists:flatten(erl_pp:form(F)).

forms(S) ->
    {ok, Ts, _} = erl_scan:string(S),
    forms(Ts, [], []).
forms([], _, Acc) -> lists:reverse(Acc);
forms([D = {dot, _} | T], F, Acc) ->
    {ok, Form} = erl_parse:parse_form(lists:reverse([D | F])),
    forms(T, [], [Form | Acc]);
forms([H | T], F, Acc) -> forms(T, [H | F], Acc).

lint(S) ->
    case erl_lint:module(forms(S), "m.erl", [warn_unused_vars]) of
        {ok, Ws} -> {ok, texts(Ws)};
        {error, Es, Ws} -> {error, texts(Es), texts(Ws)}
    end.
texts(L) -> [{F, [{At, D, lists:flatten(M:format_error(D))} || {At, M, D} <- Es]} || {F, Es} <- L].

expand(S) -> erl_expand_records:module(forms(S), []).

compile(S) ->
    case compile:noenv_forms(forms(S), [binary, return, deterministic]) of
        {ok, M, Beam, Ws} ->
            {ok, _, Cs} = beam_lib:all_chunks(Beam),
            {ok, M, [{N, erlang:md5(C)} || {N, C} <- Cs], Ws};
        E -> E
    end.

eval(S) ->
    {ok, Es} = parse_exprs(S),
    {value, V, Bs} = erl_eval:exprs(Es, [{'X', 3}, {'Y', [1, a]}]),
    {V, Bs}.

transform(S) ->
    {ok, [E]} = parse_exprs("ets:" ++ "fun2ms(" ++ S ++ ")."),
    {call, _, _, [{'fun', _, {clauses, Cs}}]} = E,
    [attempt(ms_transform, transform_from_shell, [Kind, Cs, [{'Out', 17}]]) || Kind <- [ets, dbg]].

normalise(T) ->
    S = lists:flatten(io_lib:format("~w", [T])),
    case erl_scan:string(S ++ ".") of
        {ok, Ts, _} ->
            case erl_parse:parse_term(Ts) of
                {ok, T2} -> sure(T2 =:= T, T), ok;
                _ -> other
            end;
        _ -> other
    end.

unicode_forms(C) ->
    R = [attempt(unicode, F, [C]) || F <- [characters_to_nfc_list, characters_to_nfd_list, characters_to_nfkc_binary,
                                           characters_to_nfkd_binary]],
    case R of
        [L, D | _] when is_list(L), is_list(D) ->
            sure(unicode:characters_to_nfc_list(L) =:= L, {nfc, C}),
            sure(unicode:characters_to_nfc_list(D) =:= L, {nfc_of_nfd, C}),
            sure(unicode:characters_to_nfd_list(L) =:= D, {nfd, C}),
            sure(string:equal(L, D, false, nfc), {equal, C});
        _ -> ok
    end,
    R.

rand_alg(Alg, Seed, N) ->
    S0 = rand:seed_s(Alg, Seed),
    {L, S1} = lists:mapfoldl(fun(I, S) -> step(I rem 6, I, S) end, S0, lists:seq(1, N)),
    {L, attempt(rand, jump, [S1]), rand:export_seed_s(S1)}.
step(0, _, S) -> rand:uniform_s(S);
step(1, I, S) -> rand:uniform_s(I * I + 1, S);
step(2, I, S) -> rand:uniform_s(1 bsl (I + 60), S);
step(3, _, S) -> rand:normal_s(S);
step(4, _, S) -> rand:uniform_real_s(S);
step(5, I, S) -> rand:bytes_s(I, S).

%% ---- maps against an ordered list

maps_model(Ops) ->
    {M, L} = lists:foldl(fun map_op/2, {#{}, []}, Ops),
    Sorted = lists:sort([{term_to_binary(K), K, V} || {K, V} <- maps:to_list(M)]),
    [{binary:last(erlang:md5(term_to_binary(Sorted))), map_size(M)} | lists:sublist(L, 20)].

map_op(Op, {M, L}) ->
    M2 = case Op of
             {put, K, V} -> M#{K => V};
             {remove, K} -> maps:remove(K, M);
             {update, K, V} -> case M of #{K := _} -> M#{K := V}; _ -> sure(attempt(maps, update, [K, V, M]) =:= {error, {badkey, K}}, K), M end;
             {merge, KVs} -> maps:merge(M, maps:from_list(KVs));
             {take, K} -> case maps:take(K, M) of {_, M1} -> M1; error -> M end
         end,
    L2 = case Op of
             {put, K1, V1} -> store(K1, V1, L);
             {remove, K1} -> [E || E = {K2, _} <- L, K2 =/= K1];
             {update, K1, V1} -> case find(K1, L) of {_, _} -> store(K1, V1, L); false -> L end;
             {merge, KVs1} -> lists:foldl(fun({K3, V3}, A) -> store(K3, V3, A) end, L, KVs1);
             {take, K1} -> [E || E = {K2, _} <- L, K2 =/= K1]
         end,
    case length(L2) rem 7 of
        0 -> same(M2, L2);
        _ -> sure(map_size(M2) =:= length(L2), {size, Op})
    end,
    {M2, L2}.
find(K, [{K1, V} | _]) when K1 =:= K -> {K1, V};
find(K, [_ | T]) -> find(K, T);
find(_, []) -> false.
store(K, V, L) -> [{K, V} | [E || E = {K1, _} <- L, K1 =/= K]].

same(M, L) ->
    M3 = maps:from_list(L),
    sure(M3 =:= M, {equal, L}),
    sure(M3 == M, {equal2, L}),
    sure(erlang:phash2(M3) =:= erlang:phash2(M), {phash2, L}),
    sure(lists:sort(maps:to_list(M)) == lists:sort(L), {list, L}),
    sure(lists:sort(maps:keys(M)) == lists:sort([K || {K, _} <- L]), {keys, L}),
    [sure(maps:get(K, M) =:= V, {get, K}) || {K, V} <- L],
    sure(maps:fold(fun(_, _, N) -> N + 1 end, 0, M) =:= length(L), fold),
    sure(binary_to_term(term_to_binary(M)) =:= M, external),
    sure(iterate(maps:next(maps:iterator(M)), 0) =:= length(L), iterate).
iterate(none, N) -> N;
iterate({_, _, I}, N) -> iterate(maps:next(I), N + 1).

%% Many keys whose hashes are alike: numbers that differ only high up, and equal floats of both signs.
collisions(Seed) ->
    N = 40 + abs(Seed) rem 60,
    Keys = [case I rem 4 of
                0 -> I bsl 64;
                1 -> float(I);
                2 -> {I, Seed};
                3 -> -I
            end || I <- lists:seq(1, N)],
    M = maps:from_list([{K, I} || {K, I} <- lists:zip(Keys, lists:seq(1, N))]),
    sure(map_size(M) =:= N, size),
    [sure(maps:is_key(K, M), K) || K <- Keys],
    Half = [K || {K, I} <- lists:zip(Keys, lists:seq(1, N)), I rem 2 =:= 0],
    M2 = maps:without(Half, M),
    sure(map_size(M2) =:= N - length(Half), half),
    [sure(not maps:is_key(K, M2), K) || K <- Half],
    {erlang:phash2(M), erlang:phash2(M2), M < M2, M2 < M#{a => 1}, [erlang:phash2(K) || K <- Keys]}.

%% ---- ets: all results; what has no order is sorted

ets_model(Options = [Type | _], Ops) ->
    T = ets:new(t, Options ++ [public]),
    R = [{Op, try sorted(Type, Op, ets_op(T, Type, Op)) catch C:E:S -> {C, E, where(S, T)} end} || Op <- Ops],
    End = exact_sort(ets:tab2list(T)),
    Info = [{I, ets:info(T, I)} || I <- [size, type, keypos, protection, named_table, read_concurrency, write_concurrency,
                                         decentralized_counters, compressed, heir, name, binary]],
    sure(length(End) =:= ets:info(T, size), size),
    ets:delete(T),
    {R, End, Info}.
where([{M, F, A, I} | _], T) -> {M, F, blank(A, T), I}.
blank(A, T) when is_list(A) -> [case X of T -> tab; _ -> X end || X <- A];
blank(A, _) -> A.

sorted(ordered_set, _, R) -> R;
sorted(_, {Op, _}, R) when is_list(R), Op =/= lookup -> exact_sort(R);
sorted(_, _, R) -> R.

ets_op(T, Type, {update_counter, K, U, D}) when Type =:= set; Type =:= ordered_set -> ets:update_counter(T, K, U, D);
ets_op(T, _, {lookup_element, K, P}) -> ets:lookup_element(T, K, P);
ets_op(T, _, {update_counter, K, U}) -> ets:update_counter(T, K, U);
ets_op(T, _, {update_counter, K, U, D}) -> ets:update_counter(T, K, U, D);
ets_op(T, _, {update_element, K, U}) -> ets:update_element(T, K, U);
ets_op(T, ordered_set, {Op, K}) when Op =:= next; Op =:= prev -> ets:Op(T, K);
ets_op(_, _, {Op, _}) when Op =:= next; Op =:= prev -> none;
ets_op(T, ordered_set, {Op}) when Op =:= first; Op =:= last -> ets:Op(T);
ets_op(_, _, {Op}) when Op =:= first; Op =:= last -> none;
ets_op(T, _, {delete_all_objects}) -> ets:delete_all_objects(T);
ets_op(T, Type, {foldl}) -> sort_(Type, ets:foldl(fun(O, A) -> [O | A] end, [], T));
ets_op(T, Type, {walk_delete, N}) ->
    ets:safe_fixtable(T, true),
    R = walk(T, ets:first(T), N, 0, []),
    ets:safe_fixtable(T, false),
    sort_(Type, R);
ets_op(T, Type, {fixed_walk}) ->
    ets:safe_fixtable(T, true),
    {F, C} = {ets:info(T, fixed), [Count || {_, Count} <- element(2, ets:info(T, safe_fixed))]},
    R = walk(T, ets:first(T), none, 0, []),
    ets:safe_fixtable(T, false),
    {F, C, ets:info(T, safe_fixed), sort_(Type, R)};
ets_op(T, Type, {portions, N}) -> sort_(Type, portions(ets:match_object(T, '_', N), [])) ;
ets_op(T, _, {Op, A}) -> ets:Op(T, A).

%% 5 and 5.0 too have an order here, whatever that of the table.
exact_sort(L) ->
    lists:sort(fun(A, B) -> A < B orelse (A == B andalso term_to_binary(A) =< term_to_binary(B)) end, L).
sort_(ordered_set, L) -> L;
sort_(_, L) -> exact_sort(L).
portions('$end_of_table', Acc) -> lists:append(lists:reverse(Acc));
portions({L, C}, Acc) -> portions(ets:match_object(C), [L | Acc]).
walk(_, '$end_of_table', _, _, Acc) -> lists:reverse(Acc);
walk(T, K, N, I, Acc) ->
    case is_integer(K) andalso K rem 3 =:= N of true -> ets:delete(T, K); false -> ok end,
    walk(T, ets:next(T, K), N, I + 1, [K | Acc]).

%% ---- digraph

digraph_model(Options, Ops) ->
    G = digraph:new(Options),
    R = [attempt(fun() ->
                 case Op of
                     {add_vertex, V, L} -> digraph:add_vertex(G, V, L);
                     {add_edge, E, A, B, L} -> digraph:add_edge(G, E, A, B, L);
                     {del_edge, E} -> digraph:del_edge(G, E);
                     {del_vertex, V} -> digraph:del_vertex(G, V)
                 end end) || Op <- Ops],
    Vs = lists:sort(digraph:vertices(G)),
    Sets = fun(L) -> lists:sort([lists:sort(X) || X <- L]) end,
    Result = {R, Vs, lists:sort(digraph:edges(G)), [lists:sort(digraph:out_neighbours(G, V)) || V <- Vs],
     [{digraph:in_degree(G, V), digraph:out_degree(G, V), digraph:vertex(G, V)} || V <- Vs],
     [lists:sort([digraph:edge(G, E) || E <- digraph:edges(G, V)]) || V <- Vs],
     Sets(digraph_utils:components(G)), Sets(digraph_utils:strong_components(G)), Sets(digraph_utils:cyclic_strong_components(G)),
     [lists:sort(digraph_utils:reachable([V], G)) || V <- Vs], digraph_utils:is_acyclic(G), digraph_utils:is_tree(G),
     digraph_utils:is_arborescence(G), lists:sort(digraph_utils:loop_vertices(G)),
     [{A, B, case digraph:get_short_path(G, A, B) of false -> false; P -> length(P) end} || A <- Vs, B <- Vs]},
    digraph:delete(G),
    Result.
attempt(F) -> try F() catch C:R -> {C, R} end.

%% ---- numbers

integers(A, B, C) ->
    sure((A + B) * C =:= A * C + B * C, distributes),
    sure((A + B) - B =:= A, minus),
    sure(B =:= 0 orelse (A div B) * B + (A rem B) =:= A, 'div'),
    sure(B =:= 0 orelse abs(A rem B) < abs(B), 'rem'),
    sure(B =:= 0 orelse (A * B) div B =:= A, exact),
    sure(bnot A =:= -A - 1, 'bnot'),
    sure((A band B) + (A bor B) =:= A + B, bits),
    sure((A bxor B) =:= (A bor B) - (A band B), 'bxor'),
    S = abs(C) rem 300,
    sure(A bsl S =:= A * pow(2, S), 'bsl'),
    sure(A bsr S =:= floor_div(A, pow(2, S)), 'bsr'),
    sure((A * A >= 0) and (A * A =:= (-A) * (-A)), square),
    Size = 8 * (1 + abs(C) rem 40),
    <<U:Size>> = <<A:Size>>,
    <<L:Size/little-signed>> = <<A:Size/little>>,
    sure(U =:= A band (pow(2, Size) - 1), unsigned),
    sure((L - A) rem pow(2, Size) =:= 0, signed),
    sure(binary:decode_unsigned(binary:encode_unsigned(abs(A))) =:= abs(A), unsigned_bytes),
    {A + B, A * B - C, attempt(erlang, 'div', [A * C, B]), A bxor B band C, U, L, attempt(erlang, float, [A * B]), attempt(erlang, '/', [A, B])}.
pow(_, 0) -> 1;
pow(B, N) when N rem 2 =:= 0 -> P = pow(B, N div 2), P * P;
pow(B, N) -> B * pow(B, N - 1).
floor_div(A, B) when A >= 0 -> A div B;
floor_div(A, B) -> -((-A + B - 1) div B).

bases(I) ->
    [begin
         L = integer_to_list(I, B),
         sure(list_to_integer(L, B) =:= I, {list, B, I}),
         sure(list_to_integer(string:lowercase(L), B) =:= I, {lower, B, I}),
         sure(binary_to_integer(integer_to_binary(I, B), B) =:= I, {binary, B, I}),
         L
     end || B <- lists:seq(2, 36)].

floats(F) ->
    sure(list_to_float(float_to_list(F, [short])) =:= F, {short, F}),
    sure(list_to_float(float_to_list(F)) =:= F, {plain, F}),
    sure(list_to_float(float_to_list(F, [{scientific, 17}])) =:= F, {scientific, F}),
    sure(binary_to_term(term_to_binary(F)) =:= F, {external, F}),
    sure(binary_to_term(term_to_binary(F, [{minor_version, 0}])) =:= F, {external_text, F}),
    T = trunc(F),
    sure(F < 0 orelse (T =< F andalso T + 1 > F), {trunc, F}),
    {float_to_list(F), io_lib:format("~p ~w ~g ~e ~f", [F, F, F, F, F]), [float_to_list(F, [{decimals, D}]) || D <- [0, 1, 5, 17]],
     [float_to_list(F, [{decimals, D}, compact]) || D <- [1, 5, 17]], [float_to_list(F, [{scientific, D}]) || D <- [0, 3, 20]],
     T, round(F), floor(F), ceil(F), erlang:phash2(F), erlang:phash(F, 1 bsl 32)}.

compare(A, B, C) ->
    R = [A < B, A =< B, A == B, A =:= B, A > B, A >= B],
    sure((A < B) =:= (B > A), mirror),
    sure((A < B) =:= not (A >= B), opposite),
    sure(not (A < B andalso B < C) orelse A < C, transitive),
    sure((A == B) =:= (not (A < B) andalso not (B < A)), equal),
    X = try trunc(A) catch _:_ -> 0 end,
    {R, [float_or_not(X + D) < A || D <- [-1, 0, 1]], [X + D < A || D <- [-1, 0, 1]], [X + D == A || D <- [-1, 0, 1]], lists:sort([A, B, C]), max(A, B), min(B, A)}.
float_or_not(X) -> try float(X) catch _:_ -> X end.

%% ---- sorting

sorting(L) ->
    S = lists:sort(L),
    sure(ordered(S), L),
    sure(length(S) =:= length(L), L),
    sure(S == lists:sort(fun(A, B) -> A =< B end, L), L),
    U = lists:usort(L),
    sure(length(U) =< length(S), L),
    sure(lists:merge(S, U) == lists:sort(L ++ U), L),
    K = lists:keysort(1, [{X, I} || {I, X} <- lists:enumerate(L)]),
    sure([X || {X, _} <- K] == S, L),
    {S, U, K, lists:ukeysort(1, [{X, I} || {I, X} <- lists:enumerate(L)])}.
ordered([A, B | T]) -> A =< B andalso ordered([B | T]);
ordered(_) -> true.
sorting_mixed(L) -> sorting(L ++ [hd(X) || X <- [L], L =/= []]).

%% ---- external terms

external(T) ->
    B = term_to_binary(T),
    sure(binary_to_term(B) =:= T, T),
    sure(byte_size(B) =:= erlang:external_size(T), {size, T}),
    {T, N} = binary_to_term(<<B/binary, "more">>, [used]),
    sure(N =:= byte_size(B), used),
    C = term_to_binary(T, [compressed]),
    sure(binary_to_term(C) =:= T, compressed),
    sure(iolist_to_binary(term_to_iovec(T)) =:= B, iovec),
    {B, term_to_binary(T, [{minor_version, 0}]), term_to_binary(T, [{minor_version, 1}]), erlang:phash2(T), erlang:phash(T, 1000003)}.

hostile(T, Changes) ->
    B = term_to_binary(T),
    B2 = lists:foldl(fun({At, V}, A) ->
                             Size = byte_size(A),
                             P = abs(At) rem Size,
                             <<H:P/binary, _, R/binary>> = A,
                             <<H/binary, (sweep_gen:foreign(V)), R/binary>>
                     end, B, Changes),
    {attempt(erlang, binary_to_term, [B2]), attempt(erlang, binary_to_term, [B2, [used]])}.

big_terms(Seed) ->
    N = 1 + abs(Seed) rem 300,
    T = lists:foldl(fun(I, A) when I rem 3 =:= 0 -> {A, I}; (I, A) when I rem 3 =:= 1 -> [A, I]; (I, A) -> #{I => A} end, Seed, lists:seq(1, N)),
    B = term_to_binary(T),
    sure(binary_to_term(B) =:= T, T),
    {erlang:phash2(T), erlang:md5(B), erts_debug:flat_size(T) > N, erlang:md5(unicode:characters_to_binary(io_lib:format("~p", [T])))}.

%% ---- atomics and counters

atomics_model(Options, Ops) ->
    A = atomics:new(3, Options),
    R = [attempt(fun() ->
                 case Op of
                     {put, I, V, _} -> atomics:put(A, I, V);
                     {get, I, _, _} -> atomics:get(A, I);
                     {compare_exchange, I, V, W} -> atomics:compare_exchange(A, I, W, V);
                     {F, I, V, _} -> atomics:F(A, I, V)
                 end end) || Op <- Ops],
    I = atomics:info(A),
    {R, maps:with([size, min, max], I)}.

counters_model(Ops) ->
    [begin
         A = counters:new(3, O),
         R = [attempt(fun() ->
                      case Op of
                          {put, I, V, _} -> counters:put(A, I, V);
                          {F, I, V, _} when F =:= add; F =:= sub -> counters:F(A, I, V);
                          {_, I, _, _} -> counters:get(A, I)
                      end end) || Op <- Ops],
         {R, maps:get(size, counters:info(A))}
     end || O <- [[], [atomics], [write_concurrency]]].

%% ---- match specifications

match_spec(O, Spec) ->
    T = ets:new(t, []),
    catch ets:insert(T, O),
    R = {attempt(ets, select, [T, Spec]), attempt(ets, select_count, [T, Spec]), attempt(ets, test_ms, [O, Spec]),
         attempt(ets, match_spec_run, [[O, {1, 2}], attempt(ets, match_spec_compile, [Spec])]),
         attempt(erlang, match_spec_test, [O, Spec, table])},
    ets:delete(T),
    case R of
        {{C, badarg} = E, _, _, _, _} when C =:= error -> {E, element(3, R), element(5, R)};
        _ -> R
    end.
