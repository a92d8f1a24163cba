%% An application as people write them: a supervisor, a server with a table, a worker that crashes
%% and is started again, and the logger.
-module(boot_app).
-behaviour(application).
-behaviour(supervisor).
-behaviour(gen_server).
-export([run/0, start/2, stop/1, init/1, start_link/1]).
-export([handle_call/3, handle_cast/2, handle_info/2, terminate/2]).
-include_lib("kernel/include/logger.hrl").

run() ->
    {ok, _} = application:ensure_all_started(boot_app),
    io:format("env ~p~n", [application:get_env(boot_app, greeting)]),
    ok = gen_server:call(boot_app_server, {put, a, 1}),
    io:format("get ~p~n", [gen_server:call(boot_app_server, {get, a})]),
    ?LOG_NOTICE("about to crash", #{domain => [boot]}),
    Old = whereis(boot_app_server),
    Mon = monitor(process, Old),
    {'EXIT', _} = (catch gen_server:call(boot_app_server, crash)),
    receive {'DOWN', Mon, _, _, Why} -> io:format("down ~p~n", [element(1, Why)]) end,
    wait(Old),
    io:format("get ~p~n", [gen_server:call(boot_app_server, {get, a})]),
    io:format("~p~n", [[{I, T} || {I, _, T, _} <- supervisor:which_children(boot_app_sup)]]),
    application:stop(boot_app),
    io:format("~p~n", [whereis(boot_app_server)]),
    boot_more:logged(),
    init:stop().

wait(Old) ->
    case whereis(boot_app_server) of
        New when is_pid(New), New =/= Old -> ok;
        _ -> timer:sleep(1), wait(Old)
    end.

start(_Type, []) -> supervisor:start_link({local, boot_app_sup}, ?MODULE, supervisor).

stop(_State) -> io:format("stopped~n").

start_link(Arg) -> gen_server:start_link({local, boot_app_server}, ?MODULE, Arg, []).

init(supervisor) ->
    Child = #{id => server, start => {?MODULE, start_link, [server]}},
    {ok, {#{strategy => one_for_one, intensity => 2, period => 10}, [Child]}};
init(server) ->
    process_flag(trap_exit, true),
    {ok, ets:new(boot_app_table, [named_table, ordered_set])}.

handle_call({put, K, V}, _, T) -> ets:insert(T, {K, V}), {reply, ok, T};
handle_call({get, K}, _, T) -> {reply, ets:lookup(T, K), T};
handle_call(crash, _, _) -> error(crash).

handle_cast(_, T) -> {noreply, T}.
handle_info(_, T) -> {noreply, T}.
terminate(Why, _) when is_atom(Why) -> io:format("terminate ~p~n", [Why]);
terminate({Why, _}, _) -> io:format("terminate ~p~n", [Why]).
