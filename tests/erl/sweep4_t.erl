%% sweep4_t: what programs of several processes showed, made at random and driven in lock step.
-module(sweep4_t).
-export([start/0]).

start() ->
    suspending(), notes(), links(), requests(), tails(), collecting(), own_monitors(), normal_signals(),
    io:format("done~n").

t(Name, F) ->
    R = try F() catch C:E:S -> {C, E, [{M, Fn, A} || {M, Fn, A, _} <- S, M =:= ?MODULE, Fn =/= t, hd(atom_to_list(Fn)) =/= $-]} end,
    io:format("~0p: ~0p~n", [Name, mask(R)]).

mask(P) when is_pid(P) -> pid;
mask(R) when is_reference(R) -> ref;
mask([H | T]) -> [mask(H) | mask(T)];
mask(T) when is_tuple(T) -> list_to_tuple(mask(tuple_to_list(T)));
mask(X) -> X.

waiting() -> spawn(fun() -> receive stop -> ok end end).
ended() -> ended(waiting()).
ended(P) ->
    M = monitor(process, P),
    exit(P, kill),
    receive {'DOWN', M, _, _, _} -> P end.
next() -> receive X -> X after 60000 -> nothing end.
suspended() -> process_info(self(), suspending).

%% A process that has ended is suspended by nobody.
suspending() ->
    P = waiting(),
    erlang:suspend_process(P),
    t(twice, fun() -> {erlang:suspend_process(P, [{asynchronous, note}]), next(), suspended()} end),
    ended(P),
    t(ended, fun() -> suspended() end),
    t(resume, fun() -> erlang:resume_process(P) end),
    t(suspend, fun() -> erlang:suspend_process(P) end),
    [t(O, fun() -> {erlang:suspend_process(P, [O]), suspended()} end) || O <- [asynchronous, unless_suspending]],
    t(note, fun() -> {erlang:suspend_process(P, [{asynchronous, {a, "b"}}]), next(), suspended()} end),
    Q = waiting(),
    Big = list_to_tuple(lists:seq(1, 100)),
    t(big, fun() -> {erlang:suspend_process(Q, [{asynchronous, Big}]), next() =:= {Big, suspended}, suspended()} end),
    t(resumed, fun() -> {erlang:resume_process(Q), suspended()} end),
    [begin X = waiting(), erlang:suspend_process(X), ended(X) end || _ <- lists:seq(1, 50)],
    t(many, fun() -> suspended() end).

%% What is told of suspensions that are taken back before they could take effect, and in which order.
notes() ->
    [t({notes, First, L},
       fun() ->
               P = waiting(),
               First andalso erlang:suspend_process(P),
               [case X of r -> erlang:resume_process(P); _ -> erlang:suspend_process(P, [{asynchronous, X}]) end || X <- L],
               Told = [next() || X <- L, X =/= r],
               Count = [N || {X, N, _} <- element(2, suspended()), X =:= P],
               R = {Told, process_info(P, status), Count},
               ended(P),
               R
       end)
     || First <- [false, true], L <- [[a], [a, r], [a, b, r], [a, r, b], [a, b, r, r], [a, b, c, r], [a, b, c, r, r], [a, r, b, r]]].

%% The message of a link that cannot be is there at once.
links() ->
    process_flag(trap_exit, true),
    P = ended(),
    t(unlinked, fun() -> {link(P), unlink(P), next()} end),
    t(twice, fun() -> {link(P), link(P), next(), next()} end),
    process_flag(trap_exit, false),
    t(refused, fun() -> link(P) end).

%% How a request that fails is answered may stand behind what is wrong.
requests() ->
    [t(O, fun() -> R = spawn_request(lists, seq, [1, 2], O), receive {Tag, R, How, What} -> {Tag, How, What} after 0 -> nothing end end)
     || O <- [[bad], [bad, {reply, no}], [{reply, no}, bad], [bad, {reply_tag, z}], [bad, {reply, success_only}], [bad, {reply, error_only}],
              [{reply, x}], [{reply, no}, {reply, x}], [{reply, x}, {reply, no}], [{reply_tag, y}, {a}, {reply, error_only}],
              [{priority, x}, {reply_tag, q}]]].

%% Functions that are called last, and fail.
tails() ->
    [t(F, fun() -> tail(F, O) end)
     || {F, O} <- [{spawn_opt4, [bad]}, {spawn_opt2, [bad]}, {spawn3, x}, {spawn1, x}, {spawn_link3, x}, {spawn_link1, x}, {spawn_monitor1, x},
                   {spawn_monitor3, x}, {halt1, []}, {halt2, []}]].
tail(spawn_opt4, O) -> spawn_opt(lists, seq, [1, 2], O);
tail(spawn_opt2, O) -> spawn_opt(fun() -> ok end, O);
tail(spawn3, O) -> spawn(lists, seq, O);
tail(spawn1, O) -> spawn(O);
tail(spawn_link3, O) -> spawn_link(lists, seq, O);
tail(spawn_link1, O) -> spawn_link(O);
tail(spawn_monitor1, O) -> spawn_monitor(O);
tail(spawn_monitor3, O) -> spawn_monitor(lists, seq, O);
tail(halt1, O) -> halt({O});
tail(halt2, O) -> halt({O}, O).

collecting() ->
    P = waiting(),
    D = ended(),
    [t({collect, O}, fun() -> [try erlang:garbage_collect(X, O) catch C:E -> {C, E} end || X <- [P, D, self(), 1]] end)
     || O <- [[{type, x}], [{type, x}, {async, r}], [{type, minor}, {type, major}], [{type, major} | x]]],
    [t({task, Prio, T}, fun() -> [try erts_internal:request_system_task(X, Prio, T) catch C:E -> {C, E} end || X <- [P, D, 1, P]] end)
     || Prio <- [normal, inherit, max, x, 1],
        T <- [{garbage_collect, r, x}, {garbage_collect, r, minor}, {garbage_collect, r}, {garbage_collect, r, major, 1}, {check_process_code, r, lists},
              {check_process_code, r, 1}, {check_process_code, r}, {foo, r}, {foo, r, x}, x, {}]],
    drain().
drain() -> receive _ -> drain() after 0 -> ok end.

%% Whoever monitors itself gets a reference and nothing else.
own_monitors() ->
    [t({own, O}, fun() ->
                         R = monitor(process, self(), O),
                         R ! hello,
                         {process_info(self(), monitors), receive hello -> hello after 0 -> nothing end, unalias(R), demonitor(R, [info])}
                 end)
     || O <- [[], [{alias, explicit_unalias}], [{alias, demonitor}], [{alias, reply_demonitor}], [{tag, x}]]].

normal_signals() ->
    [t({signal, F, R}, fun() -> end_of(fun() -> erlang:F(self(), R), exit(went_on) end) end)
     || F <- [exit, exit_signal], R <- [normal, a]].
end_of(F) ->
    {_, M} = spawn_monitor(F),
    receive {'DOWN', M, _, _, R} -> R end.
