%% max_heap_t: a process that grows over its max_heap_size is killed, others go on.
-module(max_heap_t).
-export([start/0]).

start() ->
    Opts = #{size => 20000, kill => true, error_logger => false},
    {P, R} = spawn_opt(fun() -> grow([]) end, [monitor, {max_heap_size, Opts}]),
    io:format("~p~n", [receive {'DOWN', R, process, P, Why} -> Why after 60000 -> still_alive end]),
    {P2, R2} = spawn_opt(fun() -> lists:sum(lists:seq(1, 100)) end, [monitor, {max_heap_size, Opts}]),
    io:format("~p~n", [receive {'DOWN', R2, process, P2, Why2} -> Why2 end]),
    {P3, R3} = spawn_opt(fun() -> exit(length(lists:seq(1, 100000))) end,
                         [monitor, {max_heap_size, Opts#{kill := false}}]),
    io:format("~p~n", [receive {'DOWN', R3, process, P3, Why3} -> Why3 end]),
    %% Much garbage is no large heap.
    {P4, R4} = spawn_opt(fun() -> churn(300000, []) end, [monitor, {max_heap_size, Opts}]),
    io:format("~p~n", [receive {'DOWN', R4, process, P4, Why4} -> Why4 end]).

churn(0, _) -> ok;
churn(N, _) -> churn(N - 1, [N, N, N, N, {N, N}]).

grow(L) -> grow([L | lists:seq(1, 10)] ++ L).
