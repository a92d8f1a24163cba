%% api_t: Erlang half of test_api.c.
-module(api_t).
-export([echo/1, crash/1, raise/2, loop/0, sleep/1, wait/0, receive_one/0, count/1, call_c/1,
         call_async/1, die/1, tell/2, version/0, eat/0, storm/2, leave/1, work/0]).

-ifndef(VSN).
-define(VSN, 1).
-endif.
version() -> ?VSN.

echo(X) -> X.
crash(X) -> {ok, _} = X.
raise(C, R) -> erlang:raise(C, R, []).
loop() -> loop().
sleep(Ms) -> receive after Ms -> slept end.
wait() -> receive never -> ok end.
receive_one() -> receive X -> X after 5000 -> timeout end.
count(N) -> register(counter, self()), count1(N, []).
count1(0, Acc) -> lists:reverse(Acc);
count1(N, Acc) -> receive {n, X} -> count1(N - 1, [X | Acc]) end.
call_c(X) -> {c, host:double(X)}.
call_async(X) ->
    try {reply, host:later(X)}
    catch C:R -> {C, R}
    end.
die(Reason) -> exit(self(), Reason), receive after infinity -> ok end.
tell(Pid, Msg) -> Pid ! Msg, ok.
eat() -> eat([]).
eat(L) -> eat([erlang:make_tuple(1000, L) | L]).
storm(Pid, N) -> [Pid ! {storm, I} || I <- lists:seq(1, N)], ok.
leave(Ms) -> spawn(fun() -> receive after Ms -> ok end end).

%% A bit of everything, for the test whose allocator fails.
work() ->
    Me = self(),
    L = lists:seq(1, 200),
    P = [spawn_monitor(fun() -> Me ! {self(), lists:sum([X * I || X <- L])} end)
         || I <- lists:seq(1, 5)],
    S = [receive {Q, V} -> V; {'DOWN', Mon, _, _, Why} -> exit(Why) end || {Q, Mon} <- P],
    M = maps:from_list([{I, integer_to_binary(I)} || I <- L]),
    B = iolist_to_binary([S1 || {_, S1} <- lists:sort(maps:to_list(M))]),
    {lists:sum(S), byte_size(B), 1 bsl 200}.
