%% tally: an application: a supervisor with one server. run/0 is what scripts/demo shows.
-module(tally).
-behaviour(application).
-behaviour(supervisor).
-include_lib("kernel/include/logger.hrl").
-export([start/2, stop/1, init/1, run/0]).

start(normal, []) -> supervisor:start_link({local, tally_sup}, ?MODULE, []).

stop(_State) -> ok.

init([]) ->
    Table = ets:new(tally, [public]), % the supervisor's: it outlives the server
    Store = #{id => tally_store, start => {tally_store, start_link, [Table]}},
    {ok, {#{strategy => one_for_one, intensity => 3, period => 5}, [Store]}}.

%% Counts, lets the server crash, and counts on.
run() ->
    {ok, Started} = application:ensure_all_started(tally),
    io:format("started ~p, OTP ~s~n", [Started, erlang:system_info(otp_release)]),
    {ok, Fruits} = application:get_env(tally, fruits),
    [io:format("~p: ~p~n", [F, tally_store:count(F)]) || F <- Fruits ++ Fruits],
    Monitor = monitor(process, tally_store),
    tally_store:crash(),
    receive {'DOWN', Monitor, process, _, Reason} -> io:format("the server crashed: ~p~n", [Reason]) end,
    wait_for_server(),
    io:format("~p: ~p~n", [apple, tally_store:count(apple)]),
    io:format("in the table: ~p~n", [tally_store:all()]),
    io:format("children: ~p~n", [[{Id, Type} || {Id, _, Type, _} <-
                                                    supervisor:which_children(tally_sup)]]),
    ?LOG_NOTICE("that was all", #{domain => [tally]}),
    init:stop().

%% The supervisor answers when it has started the server again.
wait_for_server() ->
    [{tally_store, Pid, worker, _}] = supervisor:which_children(tally_sup),
    case is_pid(Pid) andalso whereis(tally_store) =:= Pid of
        true -> ok;
        false -> wait_for_server()
    end.
