%% Functions of modules that are not loaded yet, called by several processes at once: nobody sees the
%% module half loaded. And functions of modules that do not exist.
-module(load_race_t).
-export([main/1]).

main(_) ->
    %% First of all: what is not there is looked for by several at once, too.
    io:format("~p~n", [lists:usort([R || I <- lists:seq(1, 20), R <- missing(I)])]),
    Modules = [array, base64, beam_lib, calendar, dets, dict, digraph, digraph_utils, edlin, epp,
               erl_bits, erl_eval, erl_expand_records, erl_internal, erl_lint, erl_parse, erl_pp,
               erl_scan, erl_tar, eval_bits, file_sorter, filelib, gb_sets, gb_trees, gen_event,
               gen_fsm, gen_server, gen_statem, io_lib_fread, log_mf_h, math, ms_transform, orddict,
               ordsets, otp_internal, pool, proc_lib, proplists, qlc, queue, rand, random, sets, shell,
               slave, sofs, string, supervisor, supervisor_bridge, sys, timer, unicode, uri_string,
               win32reg, zip],
    Bad = [{M, R} || M <- Modules, R <- race(M), R =/= M],
    io:format("~p modules, ~p~n", [length(Modules), Bad]).

missing(I) ->
    M = list_to_atom("load_race_t_none_" ++ integer_to_list(I)),
    together(fun() -> try M:f() catch error:E -> E end end).

race(M) -> together(fun() -> M:module_info(module) end).

together(F) ->
    Go = atomics:new(1, []),
    Ps = [spawn_monitor(fun() -> wait(Go), exit(F()) end) || _ <- lists:seq(1, 4)],
    erlang:yield(),
    atomics:put(Go, 1, 1),
    [receive {'DOWN', R, process, P, Why} -> Why end || {P, R} <- Ps].

wait(Go) ->
    case atomics:get(Go, 1) of
        1 -> ok;
        0 -> erlang:yield(), wait(Go)
    end.
