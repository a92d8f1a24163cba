%% The differential sweep: calls the functions of sweep_table with generated arguments and prints a
%% hash for every call; run.py compares those of stock Erlang and of libling. No files are needed.
%%   main(["run", Seed, Calls])            for each function: F Index Name HashesInBase64
%%   main(["show", Seed, Index, Number...])  the calls themselves with their outcomes
-module(sweep).
-export([main/1, normal/1, outcome/4]).

-define(BLOCK, 200).

main(["run", Seed, Calls | Only]) ->
    run(list_to_integer(Seed), list_to_integer(Calls), [list_to_integer(O) || O <- Only]);
main(["show", Seed, Index | Numbers]) ->
    Entry = lists:nth(list_to_integer(Index), sweep_table:all()),
    Me = self(),
    [begin
         {_, Ref} = spawn_opt(fun() -> show(list_to_integer(Seed), list_to_integer(Index), Entry,
                                            list_to_integer(N)), Me ! shown end, [monitor]),
         receive {'DOWN', Ref, process, _, _} -> ok after 20000 -> io:format("T timeout~n") end
     end
     || N <- Numbers],
    ok.

run(Seed, Calls, Only) ->
    Table = lists:enumerate(sweep_table:all()),
    [begin
         Hashes = blocks(Seed, I, E, 1, weight(F, Calls)),
         io:put_chars(["F ", integer_to_list(I), " ",
                       [C || C <- lists:flatten(io_lib:format("~w:~w/~w", [M, F, A])), C =/= $\s], " ",
                       base64:encode(iolist_to_binary(Hashes)), "\n"])
     end
     || {I, E = {M, F, A, _}} <- Table, Only =:= [] orelse lists:member(I, Only)],
    io:put_chars("END\n").

%% What takes long is called less often.
weight(F, Calls) when F =:= compile; F =:= disassemble; F =:= bits_both -> max(1, Calls div 20);
weight(F, Calls) when F =:= lint; F =:= expand; F =:= eval; F =:= digraph_model; F =:= maps_model; F =:= ets_model;
                      F =:= collisions; F =:= pp_exprs; F =:= bases;
                      F =:= run_module; F =:= core; F =:= pretty; F =:= query; F =:= beam; F =:= archive; F =:= big_map;
                      F =:= xml ->
    max(1, Calls div 4);
weight(_, Calls) -> Calls.

blocks(_, _, _, From, Calls) when From > Calls -> [];
blocks(Seed, I, E, From, Calls) ->
    To = min(From + ?BLOCK - 1, Calls),
    [block(Seed, I, E, From, To) | blocks(Seed, I, E, To + 1, Calls)].

%% One process for some calls. When it is killed for taking too much time or memory, the calls before
%% are made again, this one is skipped (16#ffffffff: run.py counts it as not compared).
block(_, _, _, From, To) when From > To -> [];
block(Seed, I, E, From, To) ->
    Me = self(),
    At = counters:new(1, []),
    {Pid, Ref} = spawn_opt(fun() -> Me ! {self(), calls(Seed, I, E, From, To, At, [])} end,
                           [monitor, {max_heap_size, #{size => 6000000, kill => true, error_logger => false}}]),
    case wait(Pid, Ref, At, counters:get(At, 1)) of
        {ok, Hashes} -> Hashes;
        killed ->
            N = counters:get(At, 1),
            [block(Seed, I, E, From, N - 1), <<16#ffffffff:32>>, block(Seed, I, E, N + 1, To)]
    end.

%% Five seconds for each call.
wait(Pid, Ref, At, Before) ->
    receive
        {Pid, Hashes} -> receive {'DOWN', Ref, process, _, _} -> ok end, {ok, Hashes};
        {'DOWN', Ref, process, _, _} -> killed
    after 5000 ->
            case counters:get(At, 1) of
                Before ->
                    exit(Pid, kill),
                    receive {'DOWN', Ref, process, _, _} -> ok end,
                    receive {Pid, _} -> ok after 0 -> ok end,
                    killed;
                Now -> wait(Pid, Ref, At, Now)
            end
    end.

calls(_, _, _, N, To, _, Acc) when N > To -> lists:reverse(Acc);
calls(Seed, I, E = {M, F, _, Spec}, N, To, At, Acc) ->
    counters:put(At, 1, N),
    Args = arguments(Seed, I, N, Spec),
    Hash = erlang:crc32(term_to_binary(outcome(M, F, Args, N), [{minor_version, 2}])),
    calls(Seed, I, E, N + 1, To, At, [<<(min(Hash, 16#fffffffe)):32>> | Acc]).

arguments(Seed, I, N, Spec) ->
    sweep_gen:seed([Seed, I, N]),
    try sweep_gen:args(Spec)
    catch C:R:S -> exit({generator, C, R, S}) end.

%% What a call does: its value or its exception with the frames down to this module. For a part of
%% the exceptions also the text a shell would print.
outcome(M, F, Symbolic, N) ->
    try sweep_gen:build(Symbolic) of
        Args -> outcome_of(M, F, Args, N)
    catch
        C:R -> {arguments, C, normal(R)}
    end.

outcome_of(M, F, Args, N) ->
    try apply(M, F, Args) of
        V -> {value, normal(V)}
    catch
        C:R:S0 ->
            S = frames(S0),
            {C, normal(R), normal(S), case N rem 4 =:= 0 andalso not big([R | S]) of true -> text(C, R, S); false -> [] end}
    end.

frames([{sweep, _, _, _} | _]) -> [];
frames([{sweep_gen, _, _, _} | T]) -> frames(T);
frames([H | T]) -> [H | frames(T)];
frames([]) -> [].

text(C, R, S) ->
    try unicode:characters_to_binary(erl_error:format_exception(C, R, S))
    catch C1:R1 -> {C1, normal(R1)} end.

%% ---- what may differ between two machines, and nothing else
%% * local functions: their module and arity count, not their numbers
%% * local processes, references and ports (but for the ones the generator names)
%% * the order of maps of more than 32 keys: sorted by external format (and the text of an error with
%%   such a map or a local identifier is not compared)
%% * the order of the errors of a match specification with several
normal({error, L = [{E, [C | _]} | _]}) when is_atom(E), is_integer(C) -> {error, lists:sort(L)};
normal([H | T]) -> [normal(H) | normal(T)];
normal([]) -> [];
normal(T) when is_tuple(T) -> list_to_tuple(normal(tuple_to_list(T)));
normal(M) when map_size(M) > 32 ->
    {'$map', lists:sort([{term_to_binary(normal(K)), normal(V)} || {K, V} <- maps:to_list(M)])};
normal(M) when is_map(M) -> {'$map', normal(maps:to_list(M))};
normal(F) when is_function(F) ->
    case erlang:fun_info(F, type) of
        {type, external} -> F;
        {type, local} -> {'$fun', element(2, erlang:fun_info(F, module)), element(2, erlang:fun_info(F, arity))}
    end;
normal(P) when is_pid(P) ->
    case pid_to_list(P) of
        "<0.1.0>" -> P; "<0.2.0>" -> P; "<0.77.1>" -> P;
        _ when node(P) =/= node() -> P;
        _ -> '$pid'
    end;
normal(R) when is_reference(R) ->
    case ref_to_list(R) of
        "#Ref<0.1.2.3>" -> R; "#Ref<0.1.2.4>" -> R;
        _ when node(R) =/= node() -> R;
        _ -> '$ref'
    end;
normal(P) when is_port(P) ->
    case erlang:port_to_list(P) of
        "#Port<0.1>" -> P; "#Port<0.2>" -> P;
        _ when node(P) =/= node() -> P;
        _ -> '$port'
    end;
normal(T) -> T.

%% Texts with these are not compared.
big(R) when is_reference(R); is_pid(R); is_port(R) -> normal(R) =/= R;
big([H | T]) -> big(H) orelse big(T);
big(T) when is_tuple(T) -> big(tuple_to_list(T));
big(M) when is_map(M) -> map_size(M) > 32 orelse big(maps:to_list(M));
big(_) -> false.

show(Seed, Index, {M, F, _, Spec}, N) ->
    Args = arguments(Seed, Index, N, Spec),
    io:put_chars(["C ", encode(sweep_gen:text({M, F, Args})), "\n"]),
    io:put_chars(["R ", encode(io_lib:format("~0tp", [outcome(M, F, Args, N)])), "\n"]).

encode(Text) -> base64:encode(unicode:characters_to_binary(Text)).
