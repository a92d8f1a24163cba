%% N monitors on one process by N processes, and one process that monitors N others: what setting
%% them up, removing half of them and the death of the watched costs per monitor.
-module(show_monitors).
-export([main/1]).

main([Text]) ->
    N = list_to_integer(Text),
    many_on_one(N),
    one_on_many(N).

many_on_one(N) ->
    Self = self(),
    Target = spawn(fun() -> receive die -> ok end end),
    T0 = now_us(),
    Watchers = [spawn(fun() ->
        Ref = monitor(process, Target),
        Self ! ready,
        receive {'DOWN', Ref, process, Target, normal} -> Self ! done end
    end) || _ <- lists:seq(1, N)],
    wait(ready, N),
    {monitored_by, By} = process_info(Target, monitored_by),
    N = length(By),
    T1 = now_us(),
    Target ! die,
    wait(done, N),
    T2 = now_us(),
    N = length(Watchers),
    io:format("FIGURE on_one_set_ns ~w~nFIGURE on_one_down_ns ~w~n",
              [(T1 - T0) * 1000 div N, (T2 - T1) * 1000 div N]).

one_on_many(N) ->
    Pids = [spawn(fun() -> receive die -> ok end end) || _ <- lists:seq(1, N)],
    T0 = now_us(),
    Refs = [monitor(process, P) || P <- Pids],
    T1 = now_us(),
    %% Half are taken back, the others see it end.
    _ = [true = demonitor(R, [flush, info]) || R <- tl_half(Refs)],
    T2 = now_us(),
    _ = [P ! die || P <- Pids],
    Downs = downs(N - N div 2),
    T3 = now_us(),
    true = Downs,
    receive {'DOWN', _, _, _, _} -> exit(too_many) after 0 -> ok end,
    io:format("FIGURE by_one_set_ns ~w~nFIGURE by_one_remove_ns ~w~nFIGURE by_one_down_ns ~w~n",
              [(T1 - T0) * 1000 div N, (T2 - T1) * 1000 div (N div 2), (T3 - T2) * 1000 div N]).

tl_half(L) -> lists:nthtail(length(L) - length(L) div 2, L).

downs(0) -> true;
downs(N) -> receive {'DOWN', _, process, _, normal} -> downs(N - 1) end.

wait(_, 0) -> ok;
wait(What, N) -> receive What -> wait(What, N - 1) end.

%% CPU time, so that other programs on the machine do not count.
now_us() -> element(1, statistics(runtime)) * 1000.
