%% Every function of heart(3) with stock's own heart program.
-module(boot_heart).
-export([run/0, alive/0]).

alive() -> ok.

run() ->
    p(is_pid(whereis(heart))),
    p(is_port(whereis(heart_port))),
    p(heart:get_cmd()),
    p(heart:set_cmd("echo set")),
    p(heart:get_cmd()),
    TooLong = lists:duplicate(3000, $a),
    p(heart:set_cmd(TooLong) =:= {error, {bad_cmd, TooLong}}),
    p(heart:set_cmd("echo gr\x{fc}\x{df}e")),
    p(heart:clear_cmd()),
    p(heart:get_cmd()),
    p(heart:get_callback()),
    p(heart:set_callback(?MODULE, alive)),
    p(heart:get_callback()),
    p(heart:clear_callback()),
    p(heart:set_callback(1, 2)),
    p(heart:get_options()),
    p(heart:set_options([check_schedulers])),
    p(heart:get_options()),
    p(heart:set_options([nothing])),
    p(heart:set_options([])),
    p(heart:set_cmd("echo cycled")),
    p(heart:cycle()),
    p(heart:get_cmd()),
    init:stop().

p(Term) -> io:format("~p~n", [Term]).
