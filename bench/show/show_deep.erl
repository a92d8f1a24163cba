%% A list nested N deep goes through everything that walks terms: compared, hashed, printed, turned
%% into bytes and back, sent to another process and back.
-module(show_deep).
-export([main/1]).

main([Text]) ->
    N = list_to_integer(Text),
    A = nest(N, []),
    B = nest(N, []),
    step(compare, fun() -> true = A =:= B, true = A == B, true = [A] > B end),
    step(hash, fun() -> true = erlang:phash2(A) =:= erlang:phash2(B) end),
    step(size, fun() -> true = erts_debug:flat_size(A) =:= 2 * N end),
    step(etf, fun() -> true = binary_to_term(term_to_binary(A)) =:= A end),
    step(print, fun() -> M = 2 * N + 3, M = printed_size(A) end),
    step(send, fun() ->
        Self = self(),
        P = spawn(fun() -> receive X -> Self ! {self(), X} end end),
        P ! A,
        receive {P, C} -> true = C =:= A end
    end),
    step(spawn, fun() ->
        {P, Ref} = spawn_monitor(fun() -> true = A =:= B, exit({done, A}) end),
        receive {'DOWN', Ref, process, P, {done, C}} -> true = C =:= A end
    end),
    step(collect, fun() -> erlang:garbage_collect(), true = A =:= B end),
    step(table, fun() -> true = maps:get(B, #{A => true}), put(A, 1), 1 = get(B) end),
    io:format("FIGURE depth ~w~n", [N]).

nest(0, Acc) -> Acc;
nest(N, Acc) -> nest(N - 1, [Acc]).

%% io_lib's formatter recurses in Erlang; erlang:display is the VM's own.
printed_size(Term) ->
    erlang:display(Term),
    %% "[]" inside N brackets, and a newline
    2 * depth(Term, 0) + 3.

depth([], N) -> N;
depth([T], N) -> depth(T, N + 1).

step(Name, F) ->
    T0 = erlang:monotonic_time(microsecond),
    F(),
    io:format("FIGURE ~w_us ~w~n", [Name, erlang:monotonic_time(microsecond) - T0]).
