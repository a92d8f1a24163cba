%% ticker: the Erlang half of uv_loop.c: sends N ticks, one every few milliseconds.
-module(ticker).
-export([start/2]).

start(_To, 0) -> ok;
start(To, N) ->
    receive after 5 -> To ! {tick, N} end,
    start(To, N - 1).
