%% The Erlang side of outlet.c.
-module(shouter).
-export([start/0]).

start() ->
    Port = open_port({spawn, "shout"}, [binary]),
    io:format("~p~n", [erlang:port_info(Port, name)]),
    port_command(Port, "hello"),
    port_command(Port, " world"),
    io:format("~s~n", [[receive {Port, {data, Letter}} -> Letter end || _ <- "hello world"]]),
    io:format("letters: ~w~n", [port_control(Port, 1, [])]),
    io:format("~p~n", [try port_control(Port, 2, []) catch error:Why -> Why end]),
    Ref = monitor(port, Port),
    unlink(Port),
    port_command(Port, ""),
    receive {'DOWN', Ref, port, Port, Reason} -> io:format("ended: ~p~n", [Reason]) end.
