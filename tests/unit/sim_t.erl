%% sim_t: Erlang half of test_sim.c: a bit of everything that could differ from run to run.
-module(sim_t).
-export([mix/0, hour/0, sleep/1]).

%% Processes that race, sleep for random times, die, watch each other, make references, hashes and
%% large maps, and collect garbage. The value says in which order things happened.
mix() ->
    Self = self(),
    Workers = [spawn_monitor(fun() -> worker(Self, N) end) || N <- lists:seq(1, 50)],
    Log = gather(length(Workers), []),
    Map = maps:from_list([{{K, make_ref()}, K} || K <- lists:seq(1, 200)]),
    {Log, maps:values(Map), erlang:phash2(Map), erlang:unique_integer(), make_ref(),
     erlang:monotonic_time(), erlang:system_time(), erlang:localtime(), rand:uniform(1000000000),
     processes(), erlang:timestamp()}.

worker(Parent, N) ->
    Ms = rand:uniform(1000),
    T = erlang:send_after(rand:uniform(500), self(), go),
    receive go -> ok after Ms -> erlang:cancel_timer(T) end,
    L = lists:seq(1, 100 * N),
    Parent ! {self(), N, lists:sum(L), erlang:monotonic_time(), erlang:phash2({T, L})},
    N rem 7 =:= 0 andalso exit({bad, N}),
    N rem 11 =:= 0 andalso receive after 5000 -> ok end.

gather(0, Log) -> Log;
gather(N, Log) ->
    receive
        {'DOWN', Ref, process, Pid, Why} -> gather(N - 1, [{Ref, Pid, Why} | Log]);
        Message -> gather(N, [Message | Log])
    end.

%% An hour by the VM's clock: 1000 timers and a ticker.
hour() ->
    T0 = erlang:monotonic_time(millisecond),
    Timers = [erlang:start_timer(K * 3600, self(), K) || K <- lists:seq(1, 1000)],
    Ticks = tick(T0 + 3600000, 0),
    Order = [receive {timeout, R, K} -> K end || R <- Timers],
    {Ticks, length(Order), (erlang:monotonic_time(millisecond) - T0) div 1000}.

tick(End, N) ->
    receive never -> ok after 1000 -> ok end,
    case erlang:monotonic_time(millisecond) >= End of
        true -> N + 1;
        false -> tick(End, N + 1)
    end.

sleep(Ms) -> receive after Ms -> erlang:monotonic_time(millisecond) end.
