-module(on_load_ensure_aux).
-export([value/0]).
-on_load(start/0).
start() -> persistent_term:put(on_load_ensure, code:ensure_loaded(on_load_inner_aux)).
value() -> persistent_term:get(on_load_ensure).
