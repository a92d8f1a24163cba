%% Erlang side of test_nif.c: its functions are replaced by a library linked into the test.
-module(nif_unit_t).
-export([load/1, add/2, object/1, terms/1, start_thread/1, receive_all/1, hold/1, slow/1]).

load(Info) -> erlang:load_nif("linked in", Info).
add(_, _) -> erlang:nif_error(not_loaded).
object(_) -> erlang:nif_error(not_loaded).
terms(_) -> erlang:nif_error(not_loaded).
thread(_, _) -> erlang:nif_error(not_loaded).
slow(_) -> erlang:nif_error(not_loaded).

start_thread(N) ->
    thread(self(), N),
    receive_all(N).

receive_all(N) -> lists:sum([receive {sent, I} -> I end || I <- lists:seq(1, N)]).

%% A process that keeps an object until the VM ends.
hold(N) ->
    O = object(N),
    register(holder, self()),
    receive stop -> O end.
