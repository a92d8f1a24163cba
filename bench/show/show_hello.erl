%% The smallest program with output: what starting and ending the VM costs.
-module(show_hello).
-export([start/0]).

start() -> io:format("hello, world~n").
