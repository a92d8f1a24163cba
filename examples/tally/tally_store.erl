%% tally_store: the server: counts in a table it was given.
-module(tally_store).
-behaviour(gen_server).
-include_lib("kernel/include/logger.hrl").
-export([start_link/1, count/1, all/0, crash/0]).
-export([init/1, handle_call/3, handle_cast/2]).

start_link(Table) -> gen_server:start_link({local, ?MODULE}, ?MODULE, Table, []).

count(What) -> gen_server:call(?MODULE, {count, What}).
all() -> gen_server:call(?MODULE, all).
crash() -> gen_server:cast(?MODULE, crash).

init(Table) ->
    ?LOG_NOTICE("the server starts with ~p in its table", [ets:info(Table, size)],
                #{domain => [tally]}),
    {ok, Table}.

handle_call({count, What}, _From, Table) -> {reply, ets:update_counter(Table, What, 1, {What, 0}), Table};
handle_call(all, _From, Table) -> {reply, lists:sort(ets:tab2list(Table)), Table}.

handle_cast(crash, _Table) -> exit(out_of_order).
