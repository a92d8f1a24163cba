%% An hour of timers: for virtual time. Many processes sleep, tick and restart timers until an hour
%% has passed by the VM's clock; what happened is summed up in one number.
-module(show_hour).
-export([start/0]).

-define(HOUR, 3600000).

start() ->
    Self = self(),
    T0 = erlang:monotonic_time(millisecond),
    Tickers = [spawn(fun() -> ticker(Self, P, T0, 0) end) || P <- [1000, 1500, 7777, 60000, 600000]],
    Sleepers = [spawn(fun() -> timer(Self, K) end) || K <- lists:seq(1, 1000)],
    Ticks = [receive {P, ticks, N} -> N end || P <- Tickers],
    Slept = [receive {P, slept, Ms} -> Ms end || P <- Sleepers],
    Passed = erlang:monotonic_time(millisecond) - T0,
    true = Passed >= ?HOUR,
    true = Passed < ?HOUR + 1000,
    io:format("FIGURE ticks ~w~nFIGURE slept_ms ~w~nFIGURE virtual_ms ~w~n",
              [lists:sum(Ticks), lists:sum(Slept), Passed]).

ticker(Parent, Period, T0, N) ->
    receive
    after Period ->
        case erlang:monotonic_time(millisecond) - T0 >= ?HOUR of
            true -> Parent ! {self(), ticks, N + 1};
            false -> ticker(Parent, Period, T0, N + 1)
        end
    end.

timer(Parent, K) ->
    Ms = K * 3600,
    Ref = erlang:start_timer(Ms, self(), K),
    receive {timeout, Ref, K} -> Parent ! {self(), slept, Ms} end.
