-module(on_load_inner_aux).
-export([value/0]).
-on_load(start/0).
start() -> persistent_term:put(on_load_inner, 1).
value() -> persistent_term:get(on_load_inner).
