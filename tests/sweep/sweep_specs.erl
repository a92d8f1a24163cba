%% Runs on stock Erlang only: reads the specifications of OTP's modules from their sources and writes
%% the module sweep_table, the list of functions to call with a type for every argument (the small
%% language that sweep_gen:gen/1 understands). usage: main([OutDir, Seed | Modules])
-module(sweep_specs).
-export([main/1]).

main([Dir, Seed | Names]) ->
    Chosen = [list_to_atom(N) || N <- Names],
    Spec = lists:append([spec_module(M) || M <- sweep_plan:modules(), wanted(M, Chosen)]),
    Hand = [E || E = {M, _, _, _} <- sweep_plan:functions(), wanted(M, Chosen)],
    Bits = case wanted(sweep_bits, Chosen) of
               true -> sweep_bits_make:write(Dir, list_to_integer(Seed));
               false -> []
           end,
    Lib = [E || E = {M, _, _, _} <- sweep_lib:functions(Dir), wanted(M, Chosen)],
    ok = sweep_lib:tree(Dir),
    write(Dir, Spec ++ Hand ++ Bits ++ Lib).

wanted(_, []) -> true;
wanted(M, Chosen) -> lists:member(M, Chosen).

write(Dir, Table) ->
    File = filename:join(Dir, "sweep_table.erl"),
    ok = file:write_file(File, [
        "-module(sweep_table).\n-export([all/0]).\nall() ->\n",
        unicode:characters_to_binary(io_lib:format("~0tp.~n", [Table]))]),
    io:format("~w functions~n", [length(Table)]).

%% ---- specifications of one module

spec_module(M) ->
    Forms = forms(M),
    load_types(M, Forms),
    Exports = lists:append([L || {attribute, _, export, L} <- Forms]),
    Given = [{F, A} || {M1, F, A, _} <- sweep_plan:functions(), M1 =:= M],
    [{M, F, A, Clauses}
     || {attribute, _, spec, {Name, Cs}} <- Forms,
        {F, A} <- [case Name of {F0, A0} -> {F0, A0}; {_, F0, A0} -> {F0, A0} end],
        lists:member({F, A}, Exports),
        not lists:member({F, A}, Given),
        sweep_plan:calls(M, F, A),
        Clauses <- [[clause(M, C) || C <- Cs]]].

forms(M) ->
    {ok, Forms} = epp:parse_file(source(M), [{includes, includes(M)}]),
    Forms.

source(M) ->
    case code:which(M) of
        preloaded -> filename:join([code:lib_dir(erts), "src", atom_to_list(M) ++ ".erl"]);
        Beam -> filename:join([filename:dirname(filename:dirname(Beam)), "src", atom_to_list(M) ++ ".erl"])
    end.

includes(M) ->
    Dir = filename:dirname(source(M)),
    [Dir, filename:join(Dir, "../include"), filename:join(code:lib_dir(kernel), "include"),
     filename:join(code:lib_dir(kernel), "src")].

load_types(M, Forms) ->
    [put({type, M, N, length(Vs)}, {[V || {var, _, V} <- Vs], T})
     || {attribute, _, Kind, {N, T, Vs}} <- Forms, Kind =:= type orelse Kind =:= opaque],
    [put({record, M, N}, Fs) || {attribute, _, record, {N, Fs}} <- Forms],
    put({types, M}, true).

type_of(M, N, A) ->
    case get({types, M}) of
        true -> ok;
        _ -> try load_types(M, forms(M)) catch _:_ -> put({types, M}, true) end
    end,
    get({type, M, N, A}).

clause(M, {type, _, bounded_fun, [Fun, Constraints]}) ->
    Env = maps:from_list([{V, T} || {type, _, constraint, [{atom, _, is_subtype},
                                                          [{var, _, V}, T]]} <- Constraints]),
    clause(M, Fun, Env);
clause(M, Fun) -> clause(M, Fun, #{}).

clause(M, {type, _, 'fun', [{type, _, product, Args}, Ret]}, Env) ->
    {[ty(M, A, Env, []) || A <- Args], ty(M, Ret, Env, [])}.

%% ---- types of the abstract format into types of sweep_gen

ty(M, {ann_type, _, [_, T]}, E, St) -> ty(M, T, E, St);
ty(M, {paren_type, _, [T]}, E, St) -> ty(M, T, E, St);
ty(_, {var, _, '_'}, _, _) -> any;
ty(M, {var, _, V}, E, St) ->
    case E of
        #{V := {done, T}} -> T;
        #{V := T} -> ty(M, T, maps:remove(V, E), St);
        _ -> any
    end;
ty(_, {atom, _, A}, _, _) -> {lit, A};
ty(_, {integer, _, A}, _, _) -> {lit, A};
ty(_, {char, _, A}, _, _) -> {lit, A};
ty(_, {op, _, '-', {integer, _, A}}, _, _) -> {lit, -A};
ty(_, Op, _, _) when element(1, Op) =:= op -> integer;
ty(M, {user_type, _, N, As}, E, St) -> named(M, N, [ty(M, A, E, St) || A <- As], St);
ty(M, {remote_type, _, [{atom, _, M1}, {atom, _, N}, As]}, E, St) ->
    named(M1, N, [ty(M, A, E, St) || A <- As], St);
ty(M, {type, _, union, Ts}, E, St) -> {union, [ty(M, T, E, St) || T <- Ts]};
ty(M, {type, _, list, [T]}, E, St) -> {list, ty(M, T, E, St)};
ty(M, {type, _, nonempty_list, [T]}, E, St) -> {nelist, ty(M, T, E, St)};
ty(M, {type, _, maybe_improper_list, [T, T2]}, E, St) -> {ilist, ty(M, T, E, St), ty(M, T2, E, St)};
ty(_, {type, _, tuple, any}, _, _) -> tuple;
ty(M, {type, _, tuple, Ts}, E, St) -> {tuple, [ty(M, T, E, St) || T <- Ts]};
ty(_, {type, _, map, any}, _, _) -> map;
ty(M, {type, _, map, Ps}, E, St) ->
    {map, [{Kind, ty(M, K, E, St), ty(M, V, E, St)} || {type, _, Kind, [K, V]} <- Ps]};
ty(_, {type, _, range, [A, B]}, _, _) -> {int, value(A), value(B)};
ty(_, {type, _, binary, [A, B]}, _, _) -> {bin, value(A), value(B)};
ty(M, {type, _, 'fun', [{type, _, product, As}, R]}, E, St) ->
    {fn, length(As), ty(M, R, E, St)};
ty(M, {type, _, 'fun', [{type, _, any}, R]}, E, St) -> {fn, 1, ty(M, R, E, St)};
ty(_, {type, _, 'fun', []}, _, _) -> {fn, 1, any};
ty(_, {type, _, function, []}, _, _) -> {fn, 1, any};
ty(M, {type, _, record, [{atom, _, N} | _]}, _, St) ->
    case get({record, M, N}) of
        undefined -> any;
        Fs -> {tuple, [{lit, N} | [case F of
                                       {typed_record_field, _, T} -> ty(M, T, #{}, St);
                                       _ -> any
                                   end || F <- Fs]]}
    end;
ty(_, {type, _, nil, []}, _, _) -> {lit, []};
ty(_, {type, _, term, []}, _, _) -> any;
ty(_, {type, _, N, []}, _, _) -> N;
ty(_, _, _, _) -> any.

value(Expr) ->
    {value, V, _} = erl_eval:expr(Expr, []),
    V.

named(M, N, As, St) ->
    case sweep_plan:type(M, N, As) of
        no ->
            case length([x || X <- St, X =:= {M, N}]) >= 2 of
                true -> any;
                false ->
                    case type_of(M, N, length(As)) of
                        undefined -> any;
                        {Vs, T} ->
                            E = maps:from_list(lists:zip(Vs, [{done, A} || A <- As])),
                            ty(M, T, E, [{M, N} | St])
                    end
            end;
        T -> T
    end.
