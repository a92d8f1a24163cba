%% ling_sys: small stand-ins for two servers of OTP that stock code asks things of, in a VM where no
%% OTP has been booted: `init` (command line, stopping) and `code_server` (loading on request). They
%% answer what makes sense without a boot and refuse the rest. ling_host's functions are C. The file
%% server is OTP's own; it is loaded when somebody first asks it something.
-module(ling_sys).
-export([init/0, code_server/0, file_server/0, prim_loader/0]).

%% There is no logger: its level lets nothing through, so that code that logs goes on. Applications
%% have no environment: the table that application:get_env looks into is empty.
init() ->
    ets:new(ac_tab, [named_table, public]),
    persistent_term:put({logger_config, '$primary_config$'}, -1),
    init_loop().

init_loop() ->
    receive
        {stop, {stop, Status}} -> halt(Status);
        {stop, stop} -> halt();
        {From, Request} when is_pid(From) -> From ! {init, about(Request)};
        _ -> ok
    end,
    init_loop().

about(get_arguments) -> [];
about(get_plain_arguments) -> [];
about({get_argument, root}) ->
    case ling_host:root() of
        none -> error;
        Root -> {ok, [[Root]]}
    end;
about({get_argument, _}) -> error;
about(get_status) -> {started, started};
about(script_id) -> {"ling-run", []};
about({ensure_loaded, Module}) -> ensure_loaded(Module);
about(_) -> error.

code_server() ->
    receive
        {code_call, From, Request} ->
            case is_load(Request) of
                true -> spawn(fun() -> answer(From, Request) end); % an on_load function may ask us
                false -> answer(From, Request)
            end;
        _ -> ok
    end,
    code_server().

is_load({ensure_loaded, _}) -> true;
is_load({load_file, _}) -> true;
is_load({load_binary, _, _, _}) -> true;
is_load(_) -> false.

answer(From, Request) ->
    Reply =
        try code(Request)
        catch _:Reason -> {error, Reason}
        end,
    From ! {code_server, Reply}.

code({ensure_loaded, M}) -> ensure_loaded(M);
code({load_file, M}) ->
    case ling_host:object_code(M) of
        {M, Bin, _} -> load(M, Bin);
        error -> {error, nofile}
    end;
code({load_binary, M, _File, Bin}) -> load(M, Bin);
code({get_object_code, M}) -> ling_host:object_code(M);
code({load_abs, _, _}) -> {error, nofile};
code({finish_loading, Prepared, EnsureLoaded}) -> finish_loading(Prepared, EnsureLoaded);
code({is_loaded, M}) ->
    case erlang:module_loaded(M) of
        true -> {file, file(M)};
        false -> false
    end;
code(all_loaded) -> [{M, file(M)} || M <- erlang:loaded()];
code({delete, M}) -> erlang:module_loaded(M) andalso erlang:delete_module(M) =:= true;
code({purge, M}) -> erlang:check_old_code(M) andalso not ling_boot:soft_purge(M);
code({soft_purge, M}) -> not erlang:check_old_code(M) orelse ling_boot:soft_purge(M);
code(get_path) -> ling_host:path();
code({add_path, Where, Dir}) -> ling_host:add_path(Dir, Where =:= first);
code({add_paths, Where, Dirs}) ->
    _ = [ling_host:add_path(D, Where =:= first) || D <- Dirs],
    ok;
code({dir, root_dir}) -> root();
code({dir, lib_dir}) -> root() ++ "/lib";
code({dir, {lib_dir, App}}) -> app_dir(App);
code({dir, {priv_dir, App}}) ->
    case app_dir(App) of
        Dir when is_list(Dir) -> Dir ++ "/priv";
        Error -> Error
    end;
code({is_sticky, _}) -> false;
code(get_mode) -> interactive;
code(_) -> {error, not_booted}.

file(M) ->
    case ling_host:object_code(M) of
        {M, _, File} -> File;
        error -> []
    end.

ensure_loaded(M) ->
    case erlang:module_loaded(M) of
        true -> {module, M};
        false ->
            case ling_host:load(M) of
                {on_load, M} -> on_load(M);
                Result -> Result
            end
    end.

on_load(M) ->
    case ling_on_load:load(M) of
        ok -> {module, M};
        {error, _} -> {error, on_load_failure}
    end.

load(M, Bin) ->
    _ = erlang:check_old_code(M) andalso ling_boot:soft_purge(M),
    case erlang:load_module(M, Bin) of
        {error, on_load} -> on_load(M);
        Result -> Result
    end.

%% Prepared code of several modules, all or none. With EnsureLoaded those already there are left out.
finish_loading(Prepared, EnsureLoaded) ->
    New = [M || M = {Name, _} <- Prepared, not (EnsureLoaded andalso erlang:module_loaded(Name))],
    _ = [ling_boot:soft_purge(M) || {M, _} <- New, erlang:check_old_code(M)],
    case erlang:finish_loading([Code || {_, {Code, _File}} <- New]) of
        ok -> ok;
        {not_purged, Ms} -> {error, [{M, not_purged} || M <- Ms]};
        {on_load, Ms} -> {error, [{M, on_load_not_allowed} || M <- Ms]}
    end.

%% erl_prim_loader: fetches modules for code:ensure_modules_loaded/1 and its kin from the code path.
%% Files are read by prim_file.
prim_loader() ->
    receive
        {From, Request} when is_pid(From) ->
            Self = self(),
            spawn(fun() -> From ! {Self, try prim(Request) catch _:_ -> error end} end);
        _ -> ok
    end,
    prim_loader().

prim({get_modules, {Ms, Process}}) -> get_modules(Ms, Process);
prim({get_modules, {Ms, Process, _Path}}) -> get_modules(Ms, Process);
prim({get_path, _}) -> {ok, ling_host:path()};
prim({get_file, File}) ->
    case prim_file:read_file(File) of
        {ok, Bin} -> {ok, Bin, File};
        _ -> error
    end;
prim({list_dir, Dir}) -> or_error(prim_file:list_dir(Dir));
prim({read_file_info, File}) -> or_error(prim_file:read_file_info(File));
prim({read_link_info, File}) -> or_error(prim_file:read_link_info(File));
prim({get_cwd, []}) -> prim_file:get_cwd();
prim({get_cwd, [Drive]}) -> prim_file:get_cwd(Drive);
prim(_) -> error.

or_error({error, _}) -> error;
or_error(Result) -> Result.

get_modules(Ms, Process) ->
    All = [{M, get_module(M, Process)} || M <- Ms],
    {ok, {[{M, R} || {M, {ok, R}} <- All], [{M, E} || {M, {error, E}} <- All]}}.

get_module(M, Process) ->
    case ling_host:object_code(M) of
        error -> {error, enoent};
        {M, Bin, File} ->
            try Process(M, File, Bin) of
                {Tag, _} = R when Tag =:= ok; Tag =:= error -> R;
                Other -> {error, {bad_return, Other}}
            catch
                _:Error -> {error, {crash, Error}}
            end
    end.

root() ->
    case ling_host:root() of
        none -> "";
        Root -> Root
    end.

app_dir(App) when is_atom(App) -> app_dir(atom_to_list(App));
app_dir(App) ->
    case [D || D <- ling_host:path(), lists:prefix(root() ++ "/lib/" ++ App, D),
               is_app(App, lists:nthtail(length(root()) + 5, D))] of
        [Ebin | _] -> lists:sublist(Ebin, length(Ebin) - 5);
        [] -> {error, bad_name}
    end.

is_app([], [$- | _]) -> true;
is_app([], [$/ | _]) -> true;
is_app([C | App], [C | Dir]) -> is_app(App, Dir);
is_app(_, _) -> false.

file_server() ->
    receive Request -> self() ! Request end, % it comes again when there is somebody to serve it
    put('$ancestors', [self()]),
    {ok, State} = file_server:init([]),
    gen_server:enter_loop(file_server, [], State, {local, file_server_2}).
