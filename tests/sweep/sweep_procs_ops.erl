%% Steps of sweep_procs that are more than one call.
-module(sweep_procs_ops).
-compile([export_all, nowarn_export_all]).
t(X) when is_integer(X), X > 1000 -> big; t(X) -> X.
cancel(R, O) -> t(erlang:cancel_timer(R, O)).
read(R, O) -> t(erlang:read_timer(R, O)).
spawn(spawn_opt, O) -> erlang:spawn_opt(sweep_procs, worker, [get('$c')], O);
spawn(spawn_request, O) -> R = erlang:spawn_request(sweep_procs, worker, [get('$c')], O), receive {T, R, _, _} = M when T =:= spawn_reply; T =:= rt -> {R, M} after 0 -> R end.
spawn_dying(O, E, K) -> R = erlang:spawn_opt(fun() -> erlang:K(E) end, O), [erlang:yield() || _ <- lists:seq(1, 5)], R.
request(O, {M, F, A}) -> R = erlang:spawn_request(M, F, A, O), [erlang:yield() || _ <- lists:seq(1, 5)], R;
request(O, X) -> R = erlang:spawn_request(X, O), R.
raise(C, E) -> erlang:C(E).
monitored(P, E) -> R = monitor(process, P), exit(P, E), [erlang:yield() || _ <- lists:seq(1, 5)], receive {'DOWN', R, _, _, W} -> {down, R, W} after 0 -> {R, is_process_alive(case is_pid(P) of true -> P; _ -> self() end), demonitor(R, [flush, info])} end.
select(M, T) -> case is_integer(T) andalso T > 1000 andalso T < 4294967296 orelse T =:= infinity of true -> receive M -> {got, M} after 0 -> no end; _ -> receive M -> {got, M} after T -> no end end.
double(A, B, E) -> link(A), link(B), unlink(A), exit(B, E).
crash_linked(P, E) -> link(P), exit(E).
cast(R, P) -> P ! {from, R}, erlang:unalias(R).
abs_timer(T, P, M, O) -> erlang:start_timer(erlang:monotonic_time(millisecond) + T, P, M, [{abs, true} | case is_list(O) of true -> []; _ -> O end]).
dictkeys_() -> lists:sort([term_to_binary(K) || K <- get_keys()]).
