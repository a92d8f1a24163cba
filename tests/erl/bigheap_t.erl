%% Processes whose collections are long (done by other threads where there are schedulers): what is in
%% registers, float registers, on the stack and in the mailbox must survive, and others must run.
-module(bigheap_t).
-export([main/1]).

main(_) ->
    io:format("sorted ~p~n", [sorted(400000)]),
    io:format("floats ~p~n", [floats(300000)]),
    io:format("tree ~p~n", [tree(17)]),
    io:format("deep ~p~n", [deep(500000)]),
    io:format("args ~p~n", [args(1, 2, 3, 4, 5, 6, 7, 8, 400000, [])]),
    io:format("binaries ~p~n", [binaries(200000)]),
    io:format("requests ~p~n", [requests()]),
    io:format("killed ~p~n", [killed()]),
    Parent = self(),
    Pids = [spawn_link(fun() -> Parent ! {self(), sorted(100000 + N), floats(50000)} end)
            || N <- lists:seq(1, 6)],
    io:format("many ~p~n", [[receive {P, A, B} -> {A, B} end || P <- Pids]]),
    garbage_collect(),
    io:format("collected ~p~n", [erlang:garbage_collect(Parent)]).

sorted(N) ->
    L = [(I * 7919) rem 1000003 || I <- lists:seq(1, N)],
    S = lists:sort(L),
    {length(S), hd(S), lists:last(S), erlang:phash2(S)}.

%% The sums live in float registers while tuples are made.
floats(N) -> floats(N, 0.5, 1.25, 2.5, []).
floats(0, A, B, C, Acc) -> {A, B, C, length(Acc), erlang:phash2(Acc)};
floats(N, A, B, C, Acc) when is_float(A), is_float(B), is_float(C) ->
    X = A + B * 0.25,
    Y = B + C * 0.125,
    Z = C - A * 0.0625,
    floats(N - 1, X * 0.4 + 0.3, Y * 0.4 - Z * 0.1, Z / 1.7 + 0.1, [{X, Y, Z} | Acc]).

tree(N) -> count(make(N)).
make(0) -> leaf;
make(N) -> {node, make(N - 1), N, make(N - 1)}.
count(leaf) -> 1;
count({node, L, _, R}) -> count(L) + count(R).

%% The stack is long, too.
deep(0) -> [];
deep(N) ->
    Rest = deep(N - 1),
    case N rem 100000 of
        0 -> [{N, length(Rest)} | Rest];
        _ -> Rest
    end.

args(A, B, C, D, E, F, G, H, 0, Acc) -> {A + B + C + D + E + F + G + H, length(Acc)};
args(A, B, C, D, E, F, G, H, N, Acc) -> args(B, C, D, E, F, G, H, A, N - 1, [{A, {B, N}} | Acc]).

binaries(N) ->
    L = [<<I:32, (binary:copy(<<I:8>>, 70))/binary>> || I <- lists:seq(1, N)],
    erlang:crc32(L).

%% Others ask things of a process that collects.
requests() ->
    Parent = self(),
    P = spawn_link(fun() -> Parent ! {self(), sorted(300000)}, receive stop -> ok end end),
    Answers = [begin
                   {message_queue_len, Q} = process_info(P, message_queue_len),
                   erlang:garbage_collect(P),
                   P ! {noise, I},
                   Q =< I
               end || I <- lists:seq(1, 50)],
    Result = receive {P, R} -> R end,
    P ! stop,
    {lists:all(fun(X) -> X end, Answers), Result}.

killed() ->
    Self = self(),
    Pids = [spawn_monitor(fun() ->
                                  L = lists:seq(1, 1000),
                                  Acc = [[{X, L} || X <- L] || _ <- lists:seq(1, 100)],
                                  Self ! full,
                                  keep(L, Acc)
                          end) || _ <- lists:seq(1, 4)],
    [receive full -> ok end || _ <- Pids],
    [exit(P, kill) || {P, _} <- Pids],
    [receive {'DOWN', R, process, P, Why} -> Why end || {P, R} <- Pids].

keep(L, Acc) -> keep(L, tl([[{a, X} || {X, _} <- Xs] || Xs <- Acc, is_tuple(hd(Xs))] ++ [[{1, L}]])).
