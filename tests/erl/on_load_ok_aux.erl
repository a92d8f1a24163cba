-module(on_load_ok_aux).
-export([value/0]).
-on_load(start/0).
start() -> count().
value() -> {ok, ?MODULE}.
count() -> persistent_term:put(on_load_count, persistent_term:get(on_load_count) + 1).
