-module(on_load_slow_aux).
-export([value/1]).
-on_load(start/0).
start() ->
    count(),
    timer:sleep(50),
    persistent_term:put(on_load_slow, ready),
    ok.
value(N) -> {N, persistent_term:get(on_load_slow)}.
count() -> persistent_term:put(on_load_count, persistent_term:get(on_load_count) + 1).
