%% erl_tracer's native half, called directly.
-module(tracer_t).
-export([main/1]).

t(Label, F) ->
    R = try F() catch C:X -> {C, X} end,
    io:format("~0p: ~0p~n", [Label, R]).

%% Stamps by their shape.
shape(T) when is_tuple(T) -> list_to_tuple([element_shape(E) || E <- tuple_to_list(T)]);
shape(X) -> X.
element_shape({A, B, C}) when is_integer(A), is_integer(B), is_integer(C) -> stamp;
element_shape({A, B}) when is_integer(A), is_integer(B) -> strict;
element_shape(I) when is_integer(I), abs(I) > 100000 -> monotonic;
element_shape(P) when is_pid(P) -> pid;
element_shape(X) -> X.

got() -> receive X -> X after 0 -> none end.

main(_) ->
    Me = self(),
    P = spawn(fun() -> receive stop -> ok end end),
    {D, M} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', M, _, _, _} -> ok end,
    [t({enabled, Tag, Name}, fun() -> [erl_tracer:enabled(Tag, T, Tracee) || Tracee <- [Me, P, D, undefined, foo]] end) ||
        Tag <- [trace_status, call, send, seq_trace, foo, 12],
        {Name, T} <- [{me, Me}, {other, P}, {dead, D}, {atom, foo}, {ref, make_ref()}, {list, []}]],
    [t({trace, Tag, O}, fun() -> R = erl_tracer:trace(Tag, Me, P, msg, O), {R, shape(got())} end) ||
        Tag <- [call, seq_trace, in],
        O <- [#{}, #{extra => x}, #{match_spec_result => y}, #{scheduler_id => 3}, #{foo => bar}, foo] ++
             [#{timestamp => S} || S <- [timestamp, cpu_timestamp, monotonic, strict_monotonic, foo]] ++
             [#{extra => x, match_spec_result => y, scheduler_id => 3, timestamp => timestamp},
              #{match_spec_result => {a, [b]}, timestamp => monotonic}]],
    t(nobody, fun() -> [erl_tracer:trace(call, T, P, msg, #{}) || T <- [D, foo, 12]] ++ [got()] end),
    t(strict, fun() ->
        L = [begin erl_tracer:trace(call, Me, P, msg, #{timestamp => strict_monotonic}), element(5, got()) end ||
                _ <- lists:seq(1, 100)],
        L =:= lists:usort(L) end),
    P ! stop.
