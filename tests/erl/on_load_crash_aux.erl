-module(on_load_crash_aux).
-export([value/0]).
-on_load(start/0).
start() -> error(broken).
value() -> 1.
