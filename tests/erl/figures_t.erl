%% figures_t: what the system tells of itself: each item of system_info, statistics, memory and
%% process_info has the shape it has in OTP, and the figures go with what happens.
-module(figures_t).
-export([start/0]).

-define(p(E), io:format("~s: ~p~n", [??E, E])).

start() ->
    [begin io:format("-- ~s~n", [N]), F() end || {N, F} <- [
        {"system_info", fun system_info/0}, {"allocators", fun allocators/0}, {"texts", fun texts/0},
        {"statistics", fun statistics/0}, {"process_info", fun process_info/0},
        {"memory", fun memory/0}, {"growth", fun growth/0}, {"microstates", fun microstates/0},
        {"wall time", fun wall_time/0}, {"flags", fun flags/0}]],
    ok.

%% ---- shapes ----

shape(X) when is_integer(X) -> int;
shape(X) when is_float(X) -> float;
shape(X) when is_atom(X) -> X;
shape(X) when is_binary(X) -> binary;
shape(X) when is_pid(X) -> pid;
shape(X) when is_reference(X) -> ref;
shape(X) when is_function(X) -> function;
shape(X) when is_map(X) -> maps:map(fun(_, V) -> shape(V) end, X);
shape(X) when is_tuple(X) -> list_to_tuple([shape(E) || E <- tuple_to_list(X)]);
shape([]) -> [];
shape([_ | _] = L) ->
    case io_lib:printable_unicode_list(L) of
        true -> text;
        false -> case lists:usort([shape(E) || E <- L]) of
                     Same when length(L) > 3, length(Same) =:= 1 -> {many, hd(Same)};
                     [One] -> {many, One};
                     _ -> [shape(E) || E <- L]
                 end
    end.

%% Values of these are the machine's own.
kinds([{_, _} | _] = L) -> [{K, kind(V)} || {K, V} <- L].
kind(X) when is_list(X) -> list;
kind(X) when is_atom(X) -> atom;
kind(X) when is_integer(X) -> int;
kind(X) -> shape(X).

try_shape(F) ->
    try shape(F())
    catch C:R:S -> {M, N, _, I} = hd(S), {C, R, M, N, proplists:get_value(error_info, I)}
    end.

system_info() ->
    Items = [
        allocated_areas, atom_count, atom_limit, break_ignored, build_type, build_flavor, c_compiler_used,
        compat_rel, cpu_quota, creation, debug_compiled, delayed_node_table_gc, dirty_cpu_schedulers,
        dirty_cpu_schedulers_online, dirty_io_schedulers, dist_buf_busy_limit, dist_ctrl,
        driver_version, dynamic_trace, dynamic_trace_probes, eager_check_io, elib_malloc, emu_type, emu_args,
        end_time, ets_count, ets_limit, fullsweep_after, garbage_collection, heap_sizes, heap_type,
        kernel_poll, logical_processors, logical_processors_available, logical_processors_online,
        machine, max_heap_size, message_queue_data, min_heap_size, min_bin_vheap_size,
        modified_timing_level, multi_scheduling, multi_scheduling_blockers, nif_version,
        normal_multi_scheduling_blockers, os_monotonic_time_source, os_system_time_source, otp_release,
        outstanding_system_requests_limit, port_count, port_limit, port_parallelism, process_count,
        process_limit, scheduler_bind_type, scheduler_id, schedulers, schedulers_online, schedulers_state,
        smp_support, start_time, system_architecture, system_version, threads,
        thread_pool_size, time_correction, time_offset, time_warp_mode, tolerant_timeofday,
        trace_control_word, update_cpu_info, version, wordsize, {wordsize, internal},
        {wordsize, external}, {cpu_topology, defined}, schedulers_active, all_schedulers_state, taints,
        context_reductions, lock_checking, lock_counting, sequential_tracer, hipe_architecture,
        constant_pool_support, ets_realloc_moves, ets_always_compress, beam_jump_table, literal_test, os_type,
        os_version, reader_groups_map,
        %% none of these
        allocator_sizes, foo, {foo, bar}, 1, "text", {allocator, foo}, {allocator_sizes, foo}, {allocator, []},
        {allocator_sizes, []}, {allocator, [foo]}, {allocator_sizes, [binary_alloc, foo]}, {allocator, exec_alloc},
        {allocator, [binary_alloc | foo]}, {cpu_topology, foo}, {wordsize, foo}, {max_heap_size, 1}, memory, info_],
    [io:format("~p: ~p~n", [I, try_shape(fun() -> erlang:system_info(I) end)]) || I <- Items],
    %% What the values are is another matter.
    ?p(kinds(erlang:system_info(compile_info))),
    ?p(lists:usort([kinds(L) || L <- erlang:system_info(check_io)])),
    ?p(is_list(erlang:system_info(ethread_info))),
    ?p(tuple_size(erlang:system_info(scheduler_bindings)) =:= erlang:system_info(schedulers)),
    ?p(lists:usort([shape(T) || T <- erlang:system_info(snifs), element(1, T) =:= erlang,
                                element(2, T) =:= element])).

%% ---- allocators ----

-define(UTIL, [temp_alloc, sl_alloc, std_alloc, ll_alloc, eheap_alloc, ets_alloc, fix_alloc,
               literal_alloc, binary_alloc, driver_alloc]).

allocators() ->
    ?p(erlang:system_info(alloc_util_allocators) -- ?UTIL),
    ?p(?UTIL -- erlang:system_info(alloc_util_allocators)),
    {A, V, Features, Settings} = erlang:system_info(allocator),
    ?p({is_atom(A), is_list(V), lists:all(fun is_atom/1, Features)}),
    ?p(lists:usort([is_atom(S) andalso lists:all(fun({K, _}) -> is_atom(K) end, L)
                    || {S, L} <- Settings, S =/= lock_physical_memory])),
    [io:format("~p: ~p~n", [N, full(N, erlang:system_info({allocator, N}))]) || N <- ?UTIL],
    [io:format("~p: ~p~n", [N, sizes(N, erlang:system_info({allocator_sizes, N}))]) || N <- ?UTIL],
    ?p([N || {N, [_ | _]} <- erlang:system_info({allocator, ?UTIL})] =:= ?UTIL),
    ?p([N || {N, [_ | _]} <- erlang:system_info({allocator_sizes, ?UTIL})] =:= ?UTIL),
    ?p(lists:usort([shape(I) || {instance, _, I} <- erlang:system_info({allocator_sizes, mseg_alloc})])),
    ?p(lists:usort([shape(I) || {instance, _, I} <- erlang:system_info({allocator_sizes, sys_alloc})])),
    ?p([K || {instance, 0, L} <- erlang:system_info({allocator, mseg_alloc}), {K, _} <- L]),
    ?p(shape([S || {instance, 0, L} <- erlang:system_info({allocator, mseg_alloc}), {memkind, M} <- L,
                   {status, S} <- M])),
    ?p([K || {instance, 0, L} <- erlang:system_info({allocator, sys_alloc}), {K, _} <- L]),
    ?p([K || {K, _} <- erlang:system_info({allocator, erts_mmap})]),
    ?p(erlang:system_info({allocator_sizes, erts_mmap})),
    ?p(erlang:system_info({allocator, test_alloc})),
    %% The sum of carriers is most of what there is.
    Sizes = [C || {_, Is} <- erlang:system_info({allocator_sizes, ?UTIL}), {instance, _, I} <- Is,
                  {Kind, L} <- I, Kind =:= mbcs orelse Kind =:= sbcs, {carriers_size, C, _, _} <- L],
    ?p(lists:sum(Sizes) > erlang:memory(total) div 2).

blocks(N, Bs, Keys) ->
    lists:all(fun({T, Fs}) ->
                  lists:member(T, [N | ?UTIL]) andalso [element(1, F) || F <- Fs] =:= Keys andalso
                      lists:usort([shape(list_to_tuple(tl(tuple_to_list(F)))) || F <- Fs]) =:= [{int, int, int}]
              end, Bs).

full(N, Is) ->
    lists:usort([begin
        {versions, V1, V2} = lists:keyfind(versions, 1, I),
        {options, Os} = lists:keyfind(options, 1, I),
        {e, true} = lists:keyfind(e, 1, Os),
        {calls, Cs} = lists:keyfind(calls, 1, I),
        true = lists:all(fun({_, G, C}) -> is_integer(G) andalso is_integer(C) end, Cs),
        {text, text} = {shape(V1), shape(V2)},
        carriers(N, I)
    end || {instance, Id, I} <- Is, is_integer(Id)]).
carriers(N, I) ->
    [{K, blocks(N, proplists:get_value(blocks, L), [count, size]), shape(lists:keydelete(blocks, 1, L))}
     || {K, L} <- I, K =:= mbcs orelse K =:= sbcs].

sizes(N, Is) ->
    lists:usort([[{K, blocks(N, proplists:get_value(blocks, L), [size]), shape(lists:keydelete(blocks, 1, L))}
                  || {K, L} <- I, K =:= mbcs orelse K =:= sbcs] || {instance, Id, I} <- Is, is_integer(Id)]).

%% ---- texts ----

texts() ->
    ?p(erlang:system_info(dist)),
    Lines = fun(I) -> binary:split(erlang:system_info(I), <<"\n">>, [global, trim]) end,
    ?p([hd(binary:split(L, <<":">>)) || L <- lists:sublist(Lines(info), 10)]),
    ?p([hd(binary:split(L, <<":">>)) || L <- lists:sublist(Lines(loaded), 2)]),
    ?p(lists:usort([length(binary:split(L, <<" ">>)) || L <- lists:nthtail(2, Lines(loaded)), L =/= <<>>])),
    ?p([binary_to_integer(Size) > 1000 || L <- Lines(loaded), [<<"figures_t">>, Size] <- [binary:split(L, <<" ">>)]]),
    Me = iolist_to_binary(["=proc:", pid_to_list(self())]),
    ?p([X || X <- Lines(procs), X =:= Me] =:= [Me]).

%% ---- statistics ----

statistics() ->
    Items = [context_switches, exact_reductions, garbage_collection, io, reductions, run_queue, runtime,
             total_active_tasks, total_active_tasks_all, total_run_queue_lengths, total_run_queue_lengths_all,
             wall_clock, foo, 1, {io}, scheduler_wall_time, scheduler_wall_time_all],
    [io:format("~p: ~p~n", [I, try_shape(fun() -> erlang:statistics(I) end)]) || I <- Items],
    N = erlang:system_info(schedulers),
    [?p({I, length(L) >= N andalso lists:all(fun is_integer/1, L)})
     || I <- [active_tasks, active_tasks_all, run_queue_lengths, run_queue_lengths_all],
        L <- [erlang:statistics(I)]],
    ?p(tuple_size(erlang:statistics(run_queues)) >= N),
    {R1, _} = erlang:statistics(exact_reductions),
    lists:foreach(fun(X) -> X end, lists:seq(1, 10000)),
    {R2, D} = erlang:statistics(exact_reductions),
    ?p(R2 - R1 >= 10000 andalso D >= 10000),
    ?p(erlang:statistics(total_active_tasks) >= 1).

%% ---- process_info ----

process_info() ->
    Items = [registered_name, current_function, initial_call, status, message_queue_len, messages,
             links, monitors, dictionary, trap_exit, error_handler, heap_size, stack_size,
             memory, garbage_collection, garbage_collection_info, group_leader, reductions, priority, binary,
             sequential_trace_token, catchlevel, last_calls, total_heap_size, suspending, min_heap_size,
             min_bin_vheap_size, max_heap_size, magic_ref, fullsweep_after, message_queue_data, parent, trace, backtrace,
             foo, 1, [foo], [links | foo], []],
    P = spawn(fun() -> put(key, value), receive stop -> ok end end),
    erlang:yield(),
    wait(P),
    [io:format("~p: ~p~n", [I, try_shape(fun() -> erlang:process_info(P, I) end)]) || I <- Items],
    ?p(erlang:process_info(P, trace)),
    1 = erlang:trace(P, true, [procs]),
    {trace, Flags} = erlang:process_info(P, trace),
    ?p(Flags =/= 0),
    erlang:trace(P, false, [all]),
    ?p(erlang:process_info(P, trace)),
    {memory, M0} = erlang:process_info(P, memory),
    P ! {keep, lists:seq(1, 10000)},
    {memory, M1} = erlang:process_info(P, memory),
    ?p(M1 - M0 > 100000),
    P ! stop.

wait(P) -> case erlang:process_info(P, status) of {status, waiting} -> ok; _ -> erlang:yield(), wait(P) end.

%% ---- memory ----

memory() ->
    ?p(shape(erlang:memory())),
    Items = [total, processes, processes_used, system, atom, atom_used, binary, code, ets, low, maximum, foo, 1, [],
             [total, ets], [total, foo], [binary, binary], [ets, total, code]],
    [io:format("~p: ~p~n", [I, try_shape(fun() -> erlang:memory(I) end)]) || I <- Items],
    M = maps:from_list(erlang:memory()),
    #{total := T, processes := P, processes_used := U, system := S, atom := A, atom_used := AU,
      binary := B, code := C, ets := E} = M,
    ?p(abs(T - P - S) =< 16),
    ?p(U =< P andalso AU =< A andalso A + B + C + E =< S),
    ?p(lists:all(fun(X) -> X > 1000 end, [T, P, S, A, C])).

%% What is made shows where it belongs, and is gone afterwards. Much is made, so that what others do
%% meanwhile does not matter.
growth() ->
    Self = self(),
    Made = fun(Type, Make) ->
               {P, R} = spawn_monitor(fun() -> Kept = Make(), Self ! made, receive stop -> Kept end end),
               receive made -> ok end,
               {P, R, erlang:memory(Type)}
           end,
    Gone = fun(P, R) -> P ! stop, receive {'DOWN', R, _, _, _} -> ok end end,
    Mb = 1000000,
    [begin
         garbage_collect(),
         Before = erlang:memory(Type),
         {P, R, With} = Made(Type, Make),
         io:format("~p more: ~p~n", [Type, With - Before > Least * Mb]),
         Gone(P, R),
         io:format("~p again: ~p~n", [Type, until(fun() -> erlang:memory(Type) - Before < Least * Mb div 2 end)])
     end || {Type, Least, Make} <- [
        {binary, 10, fun() -> binary:copy(<<0>>, 20 * Mb) end},
        {processes, 8, fun() -> lists:seq(1, Mb) end},
        {ets, 4, fun() -> T = ets:new(t, []), ets:insert(T, [{X} || X <- lists:seq(1, 300000)]), T end}]],
    Atoms = erlang:memory(atom_used),
    [list_to_atom("figures_t_" ++ integer_to_list(X)) || X <- lists:seq(1, 20000)],
    ?p(erlang:memory(atom_used) - Atoms > 300000).

%% A heap may be given back a moment later.
until(F) -> until(F, 6000).
until(_, 0) -> false;
until(F, N) -> F() orelse begin receive after 10 -> ok end, until(F, N - 1) end.

%% ---- microstate accounting ----

microstates() ->
    Flag = fun(X) -> erlang:system_flag(microstate_accounting, X) end,
    ?p([Flag(X) || X <- [reset, true, reset, true, false, false, reset]]),
    ?p(try Flag(maybe) catch error:E -> E end),
    ?p(lists:usort([shape(maps:remove(type, M)) || M <- erlang:statistics(microstate_accounting)])),
    ?p([I || #{type := scheduler, id := I} <- by_id()] =:= lists:seq(1, erlang:system_info(schedulers))),
    %% Nothing was counted.
    ?p(total(emulator)),
    Flag(true),
    busy(),
    garbage_collect(),
    Busy = total(emulator),
    ?p(Busy > 0),
    ?p(total(gc) > 0),
    receive after 20 -> ok end,
    ?p(total(sleep) > 0),
    %% Other watchers of the system come and go.
    erlang:system_monitor(self(), [{long_gc, 1000000}]),
    erlang:system_monitor(undefined),
    ?p(Flag(true)),
    Flag(false),
    Flag(reset),
    ?p(lists:sum(all())),
    %% Of a thread the times of all states together are the time that passed.
    T0 = os:perf_counter(),
    Flag(true),
    T1 = os:perf_counter(),
    busy(),
    T2 = os:perf_counter(),
    Flag(false),
    T3 = os:perf_counter(),
    Sums = [lists:sum(maps:values(C)) || #{type := scheduler, counters := C} <- by_id()],
    ?p([Sum || Sum <- Sums, Sum * 10 < (T2 - T1) * 9 orelse Sum > (T3 - T0) * 2]),
    Flag(reset).

by_id() -> lists:sort(fun(#{id := A}, #{id := B}) -> A =< B end, erlang:statistics(microstate_accounting)).
all() -> lists:append([maps:values(C) || #{counters := C} <- by_id()]).
total(State) -> lists:sum([maps:get(State, C) || #{counters := C} <- by_id()]).
busy() -> lists:sum([X rem 7 || X <- lists:seq(1, 300000)]).

%% ---- scheduler_wall_time ----

wall_time() ->
    N = erlang:system_info(schedulers),
    ?p([erlang:system_flag(scheduler_wall_time, X) || X <- [true, true, false]]),
    busy(),
    L = lists:sort(erlang:statistics(scheduler_wall_time)),
    ?p([I || {I, _, _} <- L, I =< N] =:= lists:seq(1, N)),
    ?p([T || {_, A, W} = T <- L, A > W * 1.01]),
    ?p(lists:any(fun({_, A, _}) -> A > 0 end, L)),
    ?p(length(erlang:statistics(scheduler_wall_time_all)) =:= length(L) + erlang:system_info(dirty_io_schedulers)),
    ?p(erlang:system_flag(scheduler_wall_time, false)),
    ?p(erlang:statistics(scheduler_wall_time)).

%% ---- system_flag: what new processes have ----

flags() ->
    Flag = fun(K, V) -> try erlang:system_flag(K, V)
                        catch C:R:S -> {C, R, proplists:get_value(error_info, element(4, hd(S)))} end end,
    Has = fun(Item) ->
              P = spawn(fun() -> receive stop -> ok end end),
              {Item, V} = erlang:process_info(P, Item),
              P ! stop,
              V
          end,
    [begin
         Old = Flag(K, V),
         io:format("~p ~p: ~p ~p~n", [K, V, Old, erlang:system_info(K)]),
         Shown = [begin {I, X} = lists:keyfind(I, 1, Has(garbage_collection)), X end
                  || I <- [min_heap_size, max_heap_size, fullsweep_after], I =:= K],
         io:format("  a new process: ~p~n", [Shown]),
         io:format("  back: ~p~n", [Flag(K, Old) =/= Old])
     end || {K, V} <- [{fullsweep_after, 10}, {fullsweep_after, 0}, {fullsweep_after, 100000},
                       {min_heap_size, 1000}, {min_heap_size, 0}, {min_bin_vheap_size, 100000},
                       {max_heap_size, 5000000}, {max_heap_size, #{size => 1000000, kill => false}},
                       {max_heap_size, #{size => 1000000, kill => false, error_logger => false}},
                       {outstanding_system_requests_limit, 7}]],
    %% One that says something itself has that.
    Flag(max_heap_size, #{size => 3000000, kill => false}),
    {P, R} = spawn_opt(fun() -> receive stop -> ok end end, [monitor, {max_heap_size, 0}, {fullsweep_after, 3}]),
    ?p(erlang:process_info(P, max_heap_size)),
    ?p(lists:keyfind(fullsweep_after, 1, element(2, erlang:process_info(P, garbage_collection)))),
    P ! stop,
    receive {'DOWN', R, _, _, normal} -> ok end,
    Flag(max_heap_size, 0),
    %% A process made with a limit by default is killed by it.
    Flag(max_heap_size, #{size => 10000, kill => true, error_logger => false}),
    {Q, R2} = spawn_monitor(fun() -> lists:sum(lists:seq(1, 1000000)) end),
    Flag(max_heap_size, 0),
    ?p(receive {'DOWN', R2, process, Q, Why} -> Why end),
    [io:format("~p ~p: ~p~n", [K, V, Flag(K, V)])
     || K <- [fullsweep_after, min_heap_size, min_bin_vheap_size, max_heap_size, schedulers_online,
              scheduler_bind_type, time_offset, microstate_accounting, scheduler_wall_time,
              outstanding_system_requests_limit, trace_control_word, backtrace_depth, system_logger,
              multi_scheduling, sequential_tracer, reset_seq_trace, no_such_flag],
        V <- [bad, -1, {a}, 1.5, "text"]],
    ?p(Flag(scheduler_bind_type, unbound)).
