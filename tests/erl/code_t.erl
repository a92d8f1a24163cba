%% Loading, replacing, deleting and purging code through the BIFs. The versions of the module loaded
%% (code_t_v) are assembled here, byte by byte, so nothing but the code under test is needed. Funs
%% and processes in old code, on_load, module_info, and what bad arguments do.
-module(code_t).
-export([main/1]).

-define(M, code_t_v).

main(_) ->
    not_there(),
    versions(),
    old_code(),
    funs(),
    on_load(),
    info(),
    bad_files(),
    bad_arguments(),
    ok.

p(Tag, X) -> io:format("~w: ~0p~n", [Tag, X]).

caught(F) ->
    try F() of
        V -> {value, V}
    catch
        C:R:_ -> {C, R}
    end.

%% ---- a module ----

%% v/0 -> V; wait/0 sleeps for ever; f(X) -> fun() -> X, V + 100 end; with on_load: a function that
%% returns that.
beam(V) -> beam(V, none).

beam(V, OnLoad) ->
    Atoms = [<<"code_t_v">>, <<"v">>, <<"wait">>, <<"f">>, <<"-f/1-fun-0-">>, <<"ol">>,
             <<"ok">>, <<"error">>],
    AtU8 = [<<(length(Atoms)):32>>, [[byte_size(A), A] || A <- Atoms]],
    Body = [function(1, 2), move(V), 19,
            function(2, 3), <<25, 4:4, 5:4>>,
            function(3, 4, 1),
            <<16, 16#37, 2:4, 0:4, 0, 1:4, 0:4, 2:4, 0:4, 1:4, 0:4, 1:4, 0:4>>, % test_heap
            <<16#ab, 0, 3, 16#17, 1:4, 0:4, 3>>, 19,                            % make_fun3
            function(4, 5, 1), move(V + 100), 19],
    {More, Functions} =
        case OnLoad of
            none -> {[], 4};
            ok -> {[function(5, 6), 149, <<64, 7:4, 2:4, 3>>, 19], 5};
            error -> {[function(5, 6), 149, <<64, 8:4, 2:4, 3>>, 19], 5}
        end,
    Code = [<<16:32, 0:32, 180:32, (2 * Functions + 1):32, Functions:32>>, Body, More, 3],
    ExpT = <<3:32, 2:32, 0:32, 2:32, 3:32, 0:32, 4:32, 4:32, 1:32, 6:32>>,
    FunT = <<1:32, 5:32, 1:32, 8:32, 0:32, 1:32, V:32>>,
    Chunks = [chunk("AtU8", AtU8), chunk("Code", Code), chunk("StrT", []),
              chunk("ImpT", <<0:32>>), chunk("ExpT", ExpT), chunk("FunT", FunT)],
    form(Chunks).

%% Label 2N-1 with func_info, label 2N: the entry.
function(N, Atom) -> function(N, Atom, 0).

function(N, Atom, Arity) ->
    <<1, (2 * N - 1):4, 0:4, 2, 1:4, 2:4, Atom:4, 2:4, Arity:4, 0:4, 1, (2 * N):4, 0:4>>.

move(V) -> <<64, (V bsr 8):3, 9:5, V:8, 3>>. % the form with 11 bits


chunk(Id, Data0) ->
    Data = iolist_to_binary(Data0),
    Pad = (4 - byte_size(Data) rem 4) rem 4,
    [Id, <<(byte_size(Data)):32>>, Data, <<0:(8 * Pad)>>].

form(Chunks) ->
    B = iolist_to_binary(["BEAM", Chunks]),
    <<"FOR1", (byte_size(B)):32, B/binary>>.

prepare(Bytes) -> erts_internal:prepare_loading(?M, Bytes).

load(Bytes) ->
    case prepare(Bytes) of
        R when is_reference(R) -> erlang:finish_loading([R]);
        Error -> Error
    end.

%% Old code that nobody uses goes.
purge() ->
    case whereis(erts_code_purger) of
        undefined ->
            true = erts_internal:purge_module(?M, prepare),
            true = erts_internal:purge_module(?M, complete),
            {true, false};
        _ ->
            erts_code_purger:purge(?M)
    end.

%% ---- tests ----

not_there() ->
    p(not_there, [erlang:module_loaded(?M), erlang:function_exported(?M, v, 0),
                  erlang:check_old_code(?M), erlang:delete_module(?M),
                  lists:member(?M, erlang:loaded()),
                  caught(fun() -> ?M:v() end)]).

versions() ->
    R = prepare(beam(1)),
    p(prepared, [is_reference(R), erlang:module_loaded(?M), erlang:has_prepared_code_on_load(R)]),
    p(finish, erlang:finish_loading([R])),
    p(again, caught(fun() -> erlang:finish_loading([R]) end)),
    p(v1, [?M:v(), apply(?M, v, []), erlang:module_loaded(?M), erlang:function_exported(?M, v, 0),
           erlang:function_exported(?M, v, 1), lists:member(?M, erlang:loaded())]),
    F = fun ?M:v/0,
    p(v2, [load(beam(2)), ?M:v(), F(), erlang:check_old_code(?M)]),
    p(v3, [load(beam(3)), ?M:v()]),
    p(delete_too, caught(fun() -> erlang:delete_module(?M) end)),
    p(purge, [purge(), erlang:check_old_code(?M)]),
    p(v3, [load(beam(3)), ?M:v()]),
    p(purge, purge()),
    p(delete, [erlang:delete_module(?M), erlang:module_loaded(?M), erlang:check_old_code(?M),
               erlang:function_exported(?M, v, 0), lists:member(?M, erlang:loaded())]),
    p(delete_again, caught(fun() -> erlang:delete_module(?M) end)),
    p(gone, caught(fun() -> F() end)),
    p(v4, [load(beam(4)), F()]),
    p(purge, purge()),
    p(empty, erlang:finish_loading([])).

old_code() ->
    %% Processes in the current version, then in the old one.
    {P, Ref} = spawn_monitor(?M, wait, []),
    p(current, erts_internal:check_process_code(?M)),
    p(load, [load(beam(5)), ?M:v()]),
    p(old, [erlang:check_old_code(?M), erts_internal:check_process_code(?M), is_process_alive(P)]),
    exit(P, kill),
    receive {'DOWN', Ref, process, P, Why} -> p(down, Why) end,
    p(purge, purge()).

funs() ->
    F = ?M:f(x),
    p(fun_now, [F(), element(2, erlang:fun_info(F, module)), element(2, erlang:fun_info(F, arity)),
                element(2, erlang:fun_info(F, env)), element(2, erlang:fun_info(F, name)),
                element(2, erlang:fun_info(F, type))]),
    p(load, load(beam(6))),
    G = ?M:f(x),
    p(both, [F(), G(), F =:= G, F =:= F, ?M:f(x) =:= G]),
    p(user, erts_internal:check_process_code(?M)),
    %% A fun does not keep its code.
    p(purge, purge()),
    p(still, G()),
    p(lost, element(1, element(2, caught(F)))),
    %% The same file again: its funs are the same ones.
    p(same, [load(beam(6)), G(), ?M:f(x) =:= G, erts_internal:check_process_code(?M)]),
    p(purge, purge()),
    p(still, G()),
    p(delete, erlang:delete_module(?M)),
    p(deleted, [G(), erts_internal:check_process_code(?M)]),
    ok.

on_load() ->
    erlang:garbage_collect(),
    p(purge, purge()),
    R = prepare(beam(7, ok)),
    p(has, erlang:has_prepared_code_on_load(R)),
    p(two, caught(fun() -> erlang:finish_loading([R, prepare(beam(8, ok))]) end)),
    p(finish, erlang:finish_loading([R])),
    p(waiting, [erlang:module_loaded(?M), erlang:function_exported(?M, v, 0)]),
    p(call, erlang:call_on_load_function(?M)),
    p(keep, [finish(true), ?M:v(), erlang:check_old_code(?M)]),
    p(call_again, caught(fun() -> erlang:call_on_load_function(?M) end)),
    %% One that fails leaves the current version.
    p(finish, load(beam(9, error))),
    p(call, erlang:call_on_load_function(?M)),
    p(drop, [finish(false), ?M:v(), erlang:check_old_code(?M)]),
    p(load, [load(beam(10)), ?M:v()]),
    p(purge, purge()).

finish(Keep) ->
    case whereis(erts_code_purger) of
        undefined ->
            true = erlang:finish_after_on_load(?M, Keep),
            Keep orelse
                begin
                    true = erts_internal:purge_module(?M, prepare_on_load),
                    true = erts_internal:purge_module(?M, complete)
                end,
            ok;
        _ ->
            erts_code_purger:finish_after_on_load(?M, Keep)
    end.

info() ->
    I = fun(Item) -> erlang:get_module_info(?M, Item) end,
    p(info, [I(module), lists:sort(I(exports)), I(functions), I(attributes), I(compile), I(native), I(nifs)]),
    p(md5, [byte_size(I(md5)), I(md5) =:= erts_internal:beamfile_module_md5(beam(10)),
            I(md5) =:= erts_internal:beamfile_module_md5(beam(11))]),
    p(items, [K || {K, _} <- erlang:get_module_info(?M)]),
    p(own, [K || {K, _} <- ?MODULE:module_info()]),
    p(own_exports, lists:sort(?MODULE:module_info(exports))),
    p(own_attributes, [K || {K, _} <- ?MODULE:module_info(attributes)]),
    p(own_functions, length(?MODULE:module_info(functions)) > 20),
    p(chunk, [erts_internal:beamfile_chunk(beam(1), "FunT"),
              erts_internal:beamfile_chunk(beam(1), "Nope"),
              erts_internal:beamfile_chunk(<<"FOR1">>, "FunT")]).

%% A file that is none, or of another module (nothing is printed of the reason).
bad_files() ->
    B = beam(12),
    p(bad, [erts_internal:beamfile_module_md5(<<"no beam">>),
            erts_internal:beamfile_module_md5(binary:part(B, 0, byte_size(B) - 8))]),
    p(bad_loaded, ?M:v()).

bad_arguments() ->
    T = fun(F, A) -> p(F, caught(fun() -> apply(erlang, F, A) end)) end,
    T(module_loaded, ["m"]),
    T(module_loaded, [no_such_module]),
    T(function_exported, [a, "b", 1]),
    T(function_exported, ["a", b, 1]),
    T(function_exported, [a, b, x]),
    T(function_exported, [a, b, -1]),
    T(function_exported, [a, b, 256]),
    T(function_exported, [a, b, 1 bsl 70]),
    T(function_exported, [erlang, '+', 2]),
    T(function_exported, [erlang, self, 0]),
    T(delete_module, [1]),
    T(delete_module, [no_such_module]),
    T(check_old_code, ["m"]),
    T(check_old_code, [no_such_module]),
    T(has_prepared_code_on_load, [make_ref()]),
    T(has_prepared_code_on_load, [x]),
    T(finish_loading, [x]),
    T(finish_loading, [[x]]),
    T(finish_loading, [[make_ref()]]),
    T(get_module_info, [no_such_module]),
    T(get_module_info, ["m"]),
    T(get_module_info, [?M, no_such_item]),
    T(get_module_info, [?M, 1]),
    T(call_on_load_function, [no_such_module]),
    T(finish_after_on_load, [no_such_module, true]),
    E = fun(F, A) -> p(F, caught(fun() -> apply(erts_internal, F, A) end)) end,
    E(prepare_loading, [x, y]),
    E(prepare_loading, ["x", beam(1)]),
    E(beamfile_chunk, [x, "Code"]),
    E(beamfile_chunk, [beam(1), "Cod"]),
    E(beamfile_chunk, [beam(1), "Codes"]),
    E(beamfile_chunk, [beam(1), <<"Code">>]),
    E(beamfile_chunk, [beam(1), [300, 1, 1, 1]]),
    E(beamfile_module_md5, [x]),
    E(check_process_code, ["m"]),
    E(check_process_code, [no_such_module]).
