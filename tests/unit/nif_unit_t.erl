%% Erlang side of test_nif.c: its functions are replaced by a library linked into the test.
-module(nif_unit_t).
-export([load/1, add/2, object/1, terms/1, start_thread/1, receive_all/1, hold/1, slow/1,
         watching/1, start_watching/1, huge/0, shared_buffer/1]).

load(Info) -> erlang:load_nif("linked in", Info).
add(_, _) -> erlang:nif_error(not_loaded).
object(_) -> erlang:nif_error(not_loaded).
terms(_) -> erlang:nif_error(not_loaded).
thread(_, _) -> erlang:nif_error(not_loaded).
slow(_) -> erlang:nif_error(not_loaded).
watching(_) -> erlang:nif_error(not_loaded).
huge() -> erlang:nif_error(not_loaded).

%% Messages of two senders: the objects' destructors and itself. None is lost.
start_watching(N) ->
    0 = watching(N),
    gone(N, N, 0).

gone(ToSend, 0, Gone) when ToSend =< 0 -> Gone;
gone(ToSend, Left, Gone) ->
    ToSend > 0 andalso (self() ! own),
    receive
        own -> gone(ToSend - 1, Left, Gone);
        gone -> gone(ToSend, Left - 1, Gone + 1)
    end.

start_thread(N) ->
    thread(self(), N),
    receive_all(N).

receive_all(N) -> lists:sum([receive {sent, I} -> I end || I <- lists:seq(1, N)]).

%% A process that keeps an object until the VM ends.
hold(N) ->
    O = object(N),
    register(holder, self()),
    receive stop -> O end.

%% Two processes use one buffer, which nobody should: some calls fail, nothing breaks.
shared_buffer(N) ->
    B = prim_buffer:new(),
    Bin = binary:copy(<<"x">>, 100),
    Use = fun F(0) -> ok;
              F(K) ->
                  catch prim_buffer:write(B, [Bin || _ <- lists:seq(1, K rem 20)]),
                  catch prim_buffer:find_byte_index(B, $y),
                  catch prim_buffer:read(B, prim_buffer:size(B) div 2),
                  F(K - 1)
          end,
    L = [spawn_monitor(fun() -> Use(N) end) || _ <- [1, 2, 3]],
    length([receive {'DOWN', M, _, _, normal} -> ok end || {_, M} <- L]).
