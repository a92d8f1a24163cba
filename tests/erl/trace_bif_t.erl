%% Calls of traced BIFs, wherever the instructions that make them stand.
-module(trace_bif_t).
-export([main/1]).

main(_) ->
    Plain = all(),
    Self = self(),
    Tracer = spawn_link(fun() -> collect([]) end),
    1 = erlang:trace(Self, true, [call, {tracer, Tracer}]),
    io:format("~p~n", [[erlang:trace_pattern({erlang, F, A}, [{'_', [], [{return_trace}]}], [global])
                        || {F, A} <- [{setelement, 3}, {tuple_to_list, 1}, {atom_to_list, 1}]]]),
    Traced = all(),
    erlang:trace_pattern({erlang, '_', '_'}, false, [global]),
    After = all(),
    erlang:trace(Self, false, [call]),
    Ref = erlang:trace_delivered(Self),
    receive {trace_delivered, Self, Ref} -> ok end,
    Tracer ! {stop, Self},
    receive {events, Es} -> [io:format("~p~n", [E]) || E <- Es] end,
    io:format("~p ~p~n", [Plain =:= Traced, Plain =:= After]),
    io:format("~p~n", [Plain]).

collect(Acc) ->
    receive
        {stop, To} -> To ! {events, lists:reverse(Acc)};
        {trace, _, call, MFA} -> collect([{call, MFA} | Acc]);
        {trace, _, return_from, MFA, V} -> collect([{return, MFA, V} | Acc])
    end.

all() -> [body({a, b}, 2, x), tail(1, {a, b}, y), last({a, b}, 1, z), list(q, {1, 2})].

body(T, I, V) ->
    T1 = setelement(I, T, V),
    {T1, T}.
tail(I, T, V) -> setelement(I, T, V).
last(T, I, V) ->
    T1 = body(T, I, V),
    setelement(I, T, T1).
list(A, T) ->
    L = atom_to_list(A),
    {L, tuple_to_list(T)}.
