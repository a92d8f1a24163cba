-module(on_load_fun_aux).
-export([twice/1]).
-on_load(start/0).
start() -> ok.
twice(X) -> 2 * X.
