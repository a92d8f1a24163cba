-module(on_load_spawn_aux).
-export([run/1]).
-on_load(start/0).
start() -> ok.
run(To) ->
    To ! {self(), here},
    ok.
