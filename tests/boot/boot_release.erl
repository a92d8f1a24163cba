%% Release handling: what tests/boot/release.py evaluates, in a folder that holds rel_app's two
%% versions. The system under test is started with release 1, upgraded, downgraded and stopped.
-module(boot_release).
-export([make/0, first/0, second/0]).

out(Term) -> io:format("~p~n", [Term]).

%% Boot scripts and archives of both releases, and the file RELEASES.
make() ->
    out([made(V) || V <- ["1", "2"]]),
    out(systools:make_relup("rel-2", ["rel-1"], ["rel-1"], [{path, paths()}, {outdir, "rel2"}])),
    {ok, Up} = file:consult("rel2/relup"),
    out(Up),
    ok = file:rename("rel2/relup", "relup"),
    out(systools:make_tar("rel-2", options("2"))),
    {ok, Names} = erl_tar:table("rel-2.tar.gz", [compressed]),
    out(lists:sort(Names)),
    Root = root(),
    [ok = filelib:ensure_dir(filename:join([Root, "releases", V, "x"])) || V <- ["1"]],
    {ok, _} = file:copy("rel-1.rel", filename:join([Root, "releases", "rel-1.rel"])),
    out(systools:script2boot("rel-1")),
    {ok, _} = file:copy("rel-1.boot", filename:join([Root, "releases", "1", "start.boot"])),
    {ok, _} = file:copy("rel-2.tar.gz", filename:join([Root, "releases", "rel-2.tar.gz"])),
    ok = file:write_file(filename:join([Root, "releases", "1", "sys.config"]), "[].\n"),
    ok = erl_tar:extract("rel-1.tar.gz", [{cwd, Root}, compressed]),
    out(release_handler:create_RELEASES(Root, filename:join(Root, "releases"),
                                        filename:join([Root, "releases", "rel-1.rel"]), [])),
    init:stop().

made(V) ->
    ok = filelib:ensure_dir("rel" ++ V ++ "/x"),
    Made = systools:make_script("rel-" ++ V, [no_warn_sasl | lists:keydelete(var_tar, 1, options(V))]),
    {ok, [{script, Name, Steps}]} = file:consult("rel-" ++ V ++ ".script"),
    {Made, Name, erlang:md5(term_to_binary(Steps)),
     [systools:make_tar("rel-" ++ V, options(V)) || V =:= "1"]}.

%% What belongs to OTP stays where it is.
options(V) ->
    [{path, ["v" ++ V ++ "/lib/*/ebin"]}, {variables, [{"OTP", os:getenv("OTP_LIB")}]},
     {var_tar, omit}].
paths() -> ["v1/lib/*/ebin", "v2/lib/*/ebin"].
root() -> os:getenv("REL_ROOT").

%% In release 1.
first() ->
    state(),
    out(release_handler:unpack_release("rel-2")),
    releases(),
    out(release_handler:unpack_release("rel-2")),
    out(release_handler:check_install_release("2")),
    out(release_handler:check_install_release("3")),
    rel_server:add(10),
    Server = whereis(rel_server),
    out(release_handler:install_release("2")),
    state(),
    releases(),
    rel_server:add(100),
    out(release_handler:install_release("1")),
    state(),
    releases(),
    out(release_handler:install_release("2")),
    out(Server =:= whereis(rel_server)),
    out(release_handler:make_permanent("2")),
    out(file:read_file(filename:join([root(), "releases", "start_erl.data"]))),
    state(),
    releases(),
    out(release_handler:remove_release("1")),
    releases(),
    init:stop().

%% Release 2, started anew.
second() ->
    state(),
    releases(),
    init:stop(3).

state() ->
    out({rel_server:get(), rel_util:version(), code:is_loaded(rel_new) =/= false,
         [{A, V} || {A, _, V} <- application:which_applications(), A =:= rel_app],
         [{I, T} || {I, P, T, _} <- supervisor:which_children(rel_sup), is_pid(P)]}).

releases() ->
    out([{N, V, S} || {N, V, _, S} <- release_handler:which_releases()]).
