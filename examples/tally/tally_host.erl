%% tally_host: the application inside a C program (examples/boot.c), which is registered as `host`.
-module(tally_host).
-export([start/0]).

start() ->
    {ok, _} = application:ensure_all_started(tally),
    register(clerk, self()),
    host ! ready,
    loop().

loop() ->
    receive
        {count, What} ->
            host ! {counted, What, tally_store:count(What)},
            loop();
        stop ->
            host ! {all, tally_store:all()},
            init:stop(3)
    end.
