%% A tracer module with the functions it must have; see tracer_aux.c.
-module(tracer_two_aux).
-export([load/0, enabled/3, trace/5, nap/1]).
load() -> erlang:load_nif(filename:join(os:getenv("LING_TEST_NIFS"), ?MODULE), 0).
enabled(_, _, _) -> erlang:nif_error(not_loaded).
trace(_, _, _, _, _) -> erlang:nif_error(not_loaded).
nap(_) -> erlang:nif_error(not_loaded).
