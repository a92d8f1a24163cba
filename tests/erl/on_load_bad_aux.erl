-module(on_load_bad_aux).
-export([value/1]).
-on_load(start/0).
start() ->
    count(),
    {error, not_today}.
value(X) -> X.
count() -> persistent_term:put(on_load_count, persistent_term:get(on_load_count) + 1).
