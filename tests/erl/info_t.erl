%% only: uv
%% info_t: every item of system_info/1, statistics/1, memory/1, process_info/2, port_info/2, ets:info/2 and
%% system_flag/2: type and shape of the value, or the error.
-module(info_t).
-export([main/1]).
c(F) -> try F() catch C:R -> {C,R} end.
ty(X,D) when D > 3 -> deep;
ty(X,_) when is_integer(X) -> int; ty(X,_) when is_float(X) -> float;
ty(X,_) when is_boolean(X) -> boolean;
ty({error,badarg}=X,_) -> X; ty({error,undef}=X,_) -> X;
ty(X,_) when is_atom(X) -> X;
ty(X,_) when is_binary(X) -> binary; ty(X,_) when is_pid(X) -> pid; ty(X,_) when is_port(X) -> port; ty(X,_) when is_reference(X) -> ref; ty(X,_) when is_function(X) -> function;
ty([],_) -> [];
ty(X,D) when is_list(X) -> case io_lib:printable_list(X) of true -> string; false -> 
    {list,lists:usort([ty(E,D+1)||E<-X])} end;
ty(X,D) when is_tuple(X) -> list_to_tuple([ty(E,D+1)||E<-tuple_to_list(X)]);
ty(X,_) when is_map(X) -> {map,lists:sort(maps:keys(X))}.
main(_) ->
  io:format("~p~n",[[X||X<-[erts_internal:ets_super_user(true),erts_internal:ets_super_user(false)]]]),
  SI=[allocated_areas, {allocator,foo}, {allocator_sizes,foo}, {memory_internal,x},
        atom_count, atom_limit, build_type, build_flavor,
        {cpu_topology,defined}, {cpu_topology,foo}, creation, compat_rel,
        c_compiler_used, debug_compiled, delayed_node_table_gc, dirty_cpu_schedulers,
        dirty_cpu_schedulers_online, dirty_io_schedulers, dist_buf_busy_limit, dist_ctrl,
        dist_trap_size, driver_version, dynamic_trace, dynamic_trace_probes,
        eager_check_io, end_time, emu_type, ets_count,
        ets_limit, elib_malloc, fullsweep_after, garbage_collection,
        garbage_collection_defaults, global_heaps_size, heap_sizes, heap_type,
        kernel_poll, logical_processors, logical_processors_available, logical_processors_online,
        long_schedule, lock_checking, lock_counting, machine,
        max_heap_size, min_bin_vheap_size, min_heap_size, message_queue_data,
        modified_timing_level, multi_scheduling, multi_scheduling_blockers, nif_version,
        normal_multi_scheduling_blockers, octet_count, os_monotonic_time_source, os_system_time_source,
        otp_release, outstanding_system_requests_limit, port_count, port_limit,
        port_parallelism, ports, process_count, process_limit,
        process_tasks, processes, scheduler_bind_type, scheduler_id,
        schedulers, schedulers_active, schedulers_online, schedulers_state,
        {schedulers_state}, all_schedulers_state, smp_support, sequential_tracer,
        sched_stat, start_time, system_architecture, system_version,
        taints, thread_pool_size, threads, time_correction,
        time_offset, time_warp_mode, tolerant_timeofday, trace_control_word,
        update_cpu_info, version, wordsize, {wordsize,internal},
        {wordsize,external}, {wordsize,foo}, {purify,x}, async_dist,
        build_otp_release, constant_pool_support, context_reductions, beam_jump_table,
        async_threads, break_ignored, atom_table, ets_realloc_moves,
        internal_cpu_topology, hipe_architecture, maximum_processes, memory,
        multi_ports, print_ethread_info, heap_size, stack_size,
        instruction_counts, writable_bin, x, 1,
        "x", {a,b}, kernel_poll, allocator_sizes,
        total_heap_size, static_nifs, available_internal_state, min_old_heap,
        {error_checker,memory}, {max_heap_size,1}, halt_flush_timeout, ping,
        process_display, dirty_io_schedulers_online],
  [io:format("si ~0p: ~0p~n",[I,c(fun()->ty(erlang:system_info(I),0) end)])||I<-SI],
  ST=[active_tasks,active_tasks_all,context_switches,exact_reductions,garbage_collection,io,reductions,run_queue,run_queue_lengths,run_queue_lengths_all,runtime,scheduler_wall_time,scheduler_wall_time_all,total_active_tasks,total_active_tasks_all,total_run_queue_lengths,total_run_queue_lengths_all,wall_clock,foo,1,{a},run_queue_all,total_run_queues],
  [io:format("st ~0p: ~0p~n",[I,c(fun()->ty(statistics(I),0) end)])||I<-ST],
  O=erlang:system_flag(scheduler_wall_time,true), io:format("swt ~p ~p ~p~n",[O,ty(statistics(scheduler_wall_time),0),ty(statistics(scheduler_wall_time_all),0)]),
  erlang:system_flag(scheduler_wall_time,false),
  [io:format("mem ~0p: ~0p~n",[I,c(fun()->ty(erlang:memory(I),0) end)])||I<-[total,processes,processes_used,system,atom,atom_used,binary,code,ets,low,maximum,[total,ets],[],[foo],foo,1,[ets,ets]]],
  io:format("mem ~0p~n",[[K||{K,_}<-erlang:memory()]]),
  PI=[async_dist,backtrace,catchlevel,current_function,current_location,dictionary,error_handler,garbage_collection,garbage_collection_info,group_leader,heap_size,last_calls,memory,message_queue_len,messages,min_heap_size,min_bin_vheap_size,monitors,message_queue_data,parent,priority,reductions,registered_name,sequential_trace_token,stack_size,status,suspending,total_heap_size,trace,trap_exit,max_heap_size,magic_ref,fullsweep_after,foo,1,[],[status,foo],[registered_name],label,all],
  process_flag(save_calls,0),
  P=spawn(fun() -> receive x -> ok end end),
  [io:format("pi ~0p: ~0p ~0p~n",[I,c(fun()->ty(process_info(self(),I),0) end),c(fun()->ty(process_info(P,I),0) end)])||I<-PI],
  io:format("pi1 ~0p~n",[[K||{K,_}<-process_info(P)]]),
  io:format("pi gc ~0p~n",[[process_info(P,X)||X<-[garbage_collection]] =/= x andalso [K||{K,_}<-element(2,process_info(P,garbage_collection))]]),
  io:format("pi gci ~0p~n",[[K||{K,_}<-element(2,process_info(P,garbage_collection_info))]]),
  io:format("si gcd ~0p~n",[erlang:system_info(garbage_collection)]),
  io:format("si gcd ~0p~n",[c(fun() -> erlang:system_info(garbage_collection_defaults) end)]),
  register(ppp,P), io:format("~p~n",[process_info(P,registered_name)]),
  Port=open_port({spawn,"cat"},[]),
  POI=[registered_name,id,connected,links,monitors,monitored_by,name,input,output,os_pid,parallelism,queue_size,memory,locking,foo,1],
  [io:format("port ~0p: ~0p~n",[I,c(fun()->ty(erlang:port_info(Port,I),0) end)])||I<-POI],
  io:format("port ~0p~n",[[K||{K,_}<-erlang:port_info(Port)]]),
  io:format("~p~n",[[{T,[{K,ty(V,0)}||{K,V}<-ets:info(ets:new(t,[T|O3]))]}||T<-[set,ordered_set,bag,duplicate_bag],O3<-[[],[compressed],[named_table,public,{write_concurrency,true}],[{write_concurrency,auto}],[{read_concurrency,true}]],case ets:whereis(t) of undefined -> true; _ -> ets:delete(t) end]]),
  T=ets:new(u,[]), T2=ets:new(u,[ordered_set]),
  [io:format("ets ~0p: ~0p ~0p~n",[I,c(fun()->ty(ets:info(T,I),0) end),c(fun()->ty(ets:info(T2,I),0) end)])||I<-[id,decentralized_counters,read_concurrency,write_concurrency,compressed,memory,owner,heir,name,size,node,named_table,type,keypos,protection,fixed,safe_fixed,safe_fixed_monotonic_time,stats,binary,foo,1,{a}]],
  SF=[{backtrace_depth,8},{dirty_cpu_schedulers_online,1},{erts_alloc,x},{fullsweep_after,65535},{microstate_accounting,reset},{min_heap_size,233},{min_bin_vheap_size,46422},{max_heap_size,0},{multi_scheduling,unblock},{scheduler_bind_type,unbound},{schedulers_online,1},{trace_control_word,0},{time_offset,finalize},{foo,1},{fullsweep_after,a},{min_heap_size,-1},{schedulers_online,0},{internal_cpu_topology,x},{sequential_tracer,false},{scheduler_wall_time,x},{outstanding_system_requests_limit,12},{outstanding_system_requests_limit,128},{outstanding_system_requests_limit,0},{display_items,1},{debug_flags,1}],
  [io:format("sf ~0p: ~0p~n",[I,c(fun()->ty(erlang:system_flag(K,V),0) end)])||{K,V}=I<-SF],
  ok.
