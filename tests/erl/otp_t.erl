%% OTP behaviours without a booted system: servers, state machines, supervisors, proc_lib.
-module(otp_t).
-export([main/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, handle_continue/2, terminate/2, code_change/3,
         callback_mode/0, handle_event/4, start_child/2, pl/2, bad/1, loop/2,
         system_continue/3, system_terminate/4, system_get_state/1, system_code_change/4, format_status/1]).

main(_) ->
    process_flag(trap_exit, true),
    [begin io:format("~p:~n", [N]), F() end || {N, F} <- [{server, fun server/0}, {failing, fun failing/0}, {statem, fun statem/0},
        {supervisor, fun sup/0}, {one_for_all, fun sup_all/0}, {proc_lib, fun proclib/0}, {sys, fun sys_/0}, {event, fun event/0}, {multi, fun multi/0}]],
    ok.

p(L, V) -> io:format("  ~p: ~p~n", [L, clean(V)]).
%% Pids and references differ from run to run; frames below proc_lib do too.
clean(P) when is_pid(P) -> pid;
clean(R) when is_reference(R) -> ref;
clean(F) when is_function(F) -> 'fun';
clean([H | T]) -> [clean(H) | clean(T)];
clean(T) when is_tuple(T) -> list_to_tuple(clean(tuple_to_list(T)));
clean(M) when is_map(M) -> maps:map(fun(_, V) -> clean(V) end, M);
clean(X) -> X.
down() -> receive {'EXIT', _, R} -> R after 60000 -> none end.
quiet() -> receive {'EXIT', _, R} -> R after 0 -> none end.
%% Nothing here waits for so long that it hopes something has happened.
until(F) -> case F() of true -> ok; false -> timer:sleep(1), until(F) end.
gone(P) -> R = monitor(process, P), receive {'DOWN', R, _, _, _} -> ok end.
renamed(Name, Old) -> until(fun() -> P = whereis(Name), is_pid(P) andalso P =/= Old end).

init({server, S}) -> {ok, S};
init({continue, S}) -> {ok, S, {continue, more}};
init({timeout, T, To}) -> {ok, To, T};
init(ignore) -> ignore;
init({stop, R}) -> {stop, R};
init(crash) -> error(init_crash);
init(throw) -> throw({ok, thrown});
init({statem, S}) -> {ok, locked, S};
init({sup, S, Ch}) -> {ok, {S, Ch}};
init({handler, S}) -> {ok, S};
init(bad) -> nonsense.
handle_call(get, _, S) -> {reply, S, S};
handle_call({later, T}, From, S) -> erlang:send_after(T, self(), {reply, From}), {noreply, S};
handle_call({stop, R}, _, S) -> {stop, R, stopping, S};
handle_call(crash, _, _) -> error(boom);
handle_call({throw, T}, _, _) -> throw(T);
handle_call(badret, _, _) -> nonsense;
handle_call({exit, R}, _, _) -> exit(R);
handle_call(hib, _, S) -> {reply, ok, S, hibernate};
handle_call(cont, From, S) -> {noreply, S, {continue, {reply, From}}}.
handle_cast({set, S}, _) -> {noreply, S};
handle_cast(stop, S) -> {stop, normal, S}.
handle_info({reply, From}, S) -> gen_server:reply(From, late), {noreply, S};
handle_info(timeout, To) -> To ! {self(), timed_out}, {noreply, timed_out};
handle_info(I, S) -> {noreply, {I, S}}.
handle_continue(more, S) -> {noreply, {more, S}};
handle_continue({reply, From}, S) -> gen_server:reply(From, continued), {noreply, S}.
terminate(R, S) -> io:format("  terminate ~p ~p~n", [case R of {E, [_ | _]} -> E; _ -> R end, clean(S)]).
code_change(_, S, _) -> {ok, {changed, S}}.
format_status(S) -> S.

server() ->
    {ok, P} = gen_server:start_link(?MODULE, {server, 1}, []),
    p(get, gen_server:call(P, get)),
    ok = gen_server:cast(P, {set, two}),
    p(get, gen_server:call(P, get)),
    p(late, gen_server:call(P, {later, 5})),
    p(timeout, catch gen_server:call(P, {later, 100000}, 5)),
    p(hib, gen_server:call(P, hib)), p(get, gen_server:call(P, get)),
    p(cont, gen_server:call(P, cont)),
    P ! info, p(get, gen_server:call(P, get)),
    R = gen_server:send_request(P, get), p(wait, gen_server:wait_response(R, 60000)),
    R2 = gen_server:send_request(P, get), p(recv, gen_server:receive_response(R2, 60000)),
    p(bad_start, gen_server:start_link(?MODULE, bad, [])), down(),
    p(ignore, gen_server:start(?MODULE, ignore, [])), p(stop, gen_server:start(?MODULE, {stop, no}, [])),
    p(stop_link, gen_server:start_link(?MODULE, {stop, no}, [])), p(down, down()),
    {error, {E, [{M, F, A, _} | _]}} = gen_server:start(?MODULE, crash, []), p(crash, {E, M, F, A}),
    {ok, T} = gen_server:start(?MODULE, throw, []), p(thrown, gen_server:call(T, get)),
    {ok, N} = gen_server:start({local, otp_named}, ?MODULE, {server, n}, []),
    p(named, {gen_server:call(otp_named, get), whereis(otp_named) =:= N, element(1, gen_server:start({local, otp_named}, ?MODULE, {server, n}, []))}),
    p(stopped, gen_server:stop(otp_named)), p(noproc, catch gen_server:call(otp_named, get)),
    {ok, C} = gen_server:start(?MODULE, {continue, c}, []), p(continue, gen_server:call(C, get)),
    {ok, O} = gen_server:start(?MODULE, {timeout, 1, self()}, []), receive {O, timed_out} -> ok end, p(timed, gen_server:call(O, get)),
    p(stop, gen_server:call(P, {stop, normal})), p(down, down()),
    gen_server:cast(C, stop), gone(C), p(gone, is_process_alive(C)),
    p(abcast, gen_server:abcast([node()], nobody, x)).

failing() ->
    [begin
         {ok, P} = gen_server:start_link(?MODULE, {server, s}, []),
         Reply = (catch gen_server:call(P, Q)),
         p(Q, case Reply of {'EXIT', {{W, St}, _}} when is_list(St) -> {exit, W, [{F, A} || {_, F, A, _} <- St]}; O -> O end),
         p(down, case down() of {W2, [_ | _]} -> W2; O2 -> O2 end)
     end || Q <- [crash, {throw, t}, {throw, {reply, ok, s}}, badret, {exit, normal}, {exit, shutdown}, {exit, other}, {stop, {shutdown, x}}], Q =/= {throw, {reply, ok, s}}].

callback_mode() -> [handle_event_function, state_enter].
handle_event(enter, Old, New, D) -> io:format("  ~p -> ~p~n", [Old, New]), {keep_state, D};
handle_event(cast, {button, B}, locked, #{code := [B | Rest]} = D) ->
    case Rest of [] -> {next_state, open, D#{code := all}, [{state_timeout, 1000000, lock}]}; _ -> {keep_state, D#{code := Rest}, 5000} end;
handle_event(cast, {button, _}, locked, D) -> {keep_state, D#{wrong => true}};
handle_event(state_timeout, lock, open, #{orig := C} = D) -> {next_state, locked, D#{code := C}};
handle_event({call, F}, get, S, D) -> {keep_state_and_data, [{reply, F, {S, D}}]};
handle_event({call, F}, postpone, locked, _) -> io:format("  postponed~n"), _ = F, {keep_state_and_data, [postpone]};
handle_event({call, F}, postpone, open, _) -> {keep_state_and_data, [{reply, F, opened}]};
handle_event({call, F}, event, _, _) -> {keep_state_and_data, [{next_event, internal, {ev, F}}]};
handle_event(internal, {ev, F}, S, _) -> gen_statem:reply(F, {internal, S}), keep_state_and_data;
handle_event({call, F}, named, _, _) -> {keep_state_and_data, [{{timeout, x}, 1, {to, F}}]};
handle_event({timeout, x}, {to, F}, _, _) -> {keep_state_and_data, [{reply, F, timed}]};
handle_event({call, F}, {lock, T}, open, _) -> {keep_state_and_data, [{reply, F, ok}, {state_timeout, T, lock}]};
handle_event({call, F}, stop, _, D) -> {stop_and_reply, normal, [{reply, F, bye}], D};
handle_event(info, I, _, _) -> io:format("  info ~p~n", [I]), keep_state_and_data;
handle_event(timeout, _, _, _) -> keep_state_and_data.

statem() ->
    {ok, P} = gen_statem:start_link(?MODULE, {statem, #{code => [1, 2], orig => [1, 2]}}, []),
    gen_statem:cast(P, {button, 3}), p(get, gen_statem:call(P, get)),
    R = gen_statem:send_request(P, postpone),
    [gen_statem:cast(P, {button, B}) || B <- [1, 2]],
    p(postponed, gen_statem:wait_response(R, 60000)),
    p(get, gen_statem:call(P, get)), p(lock, gen_statem:call(P, {lock, 1})),
    until(fun() -> element(1, gen_statem:call(P, get)) =:= locked end), p(get, gen_statem:call(P, get)),
    P ! hello, p(event, gen_statem:call(P, event)), p(named, gen_statem:call(P, named)),
    p(stop, gen_statem:call(P, stop)), p(down, down()), p(noproc, catch gen_statem:call(P, get)).

start_child(Name, How) ->
    case How of fail -> {error, wont}; ignore -> ignore; _ -> gen_server:start_link({local, Name}, ?MODULE, {server, How}, []) end.
spec(Id, How, Restart) -> #{id => Id, start => {?MODULE, start_child, [Id, How]}, restart => Restart}.
which(S) -> [{I, clean(P), T} || {I, P, T, _} <- lists:sort(supervisor:which_children(S))].
sup() ->
    {ok, S} = supervisor:start_link(?MODULE, {sup, #{strategy => one_for_one, intensity => 2, period => 3600}, [spec(a, 1, permanent), spec(b, 2, transient), spec(c, 3, temporary)]}),
    p(which, which(S)), p(count, lists:sort(supervisor:count_children(S))),
    Old = whereis(a), catch gen_server:call(a, crash), renamed(a, Old), p(new, {whereis(a) =/= Old, is_pid(whereis(a))}),
    gen_server:stop(b), gen_server:stop(c),
    until(fun() -> [ok || {I, P, _} <- which(S), I =:= c orelse I =:= b andalso P =:= pid] =:= [] end), p(which, which(S)),
    p(restart, supervisor:restart_child(S, b)), p(again, supervisor:restart_child(S, b)), p(none, supervisor:restart_child(S, zz)),
    p(start, supervisor:start_child(S, spec(d, 4, permanent))), p(fail, supervisor:start_child(S, spec(e, fail, permanent))), p(ignore, supervisor:start_child(S, spec(f, ignore, permanent))),
    p(dup, supervisor:start_child(S, spec(d, 4, permanent))), p(terminate, supervisor:terminate_child(S, d)), p(delete, supervisor:delete_child(S, d)), p(delete, supervisor:delete_child(S, a)),
    p(badspec, supervisor:start_child(S, {x})), p(check, supervisor:check_childspecs([spec(a, 1, permanent), {bad}])),
    New = whereis(a), catch gen_server:call(a, crash), renamed(a, New), catch gen_server:call(a, crash),
    p(down, down()), p(gone, {whereis(a), whereis(b)}),
    p(fails, supervisor:start_link(?MODULE, {sup, {one_for_one, 1, 1}, [spec(a, 1, permanent), spec(b, fail, permanent)]})), p(down, down()),
    {ok, Si} = supervisor:start_link(?MODULE, {sup, {simple_one_for_one, 1, 1}, [{x, {gen_server, start_link, []}, temporary, 100, worker, [?MODULE]}]}),
    {ok, X} = supervisor:start_child(Si, [?MODULE, {server, simple}, []]), p(simple, gen_server:call(X, get)), p(count, lists:sort(supervisor:count_children(Si))),
    p(kill, supervisor:terminate_child(Si, X)), unlink(Si), exit(Si, shutdown), gone(Si), p(alive, is_process_alive(Si)).
sup_all() ->
    {ok, S} = supervisor:start_link({local, otp_sup}, ?MODULE, {sup, #{strategy => one_for_all}, [spec(a, 1, permanent), spec(b, 2, permanent)]}),
    [A, B] = [whereis(X) || X <- [a, b]], exit(A, kill), renamed(a, A), renamed(b, B),
    p(both, [whereis(a) =/= A, whereis(b) =/= B, is_pid(whereis(a)), is_pid(whereis(b))]),
    gen_server:stop(S), p(down, down()), p(gone, [whereis(X) || X <- [a, b, otp_sup]]),
    {ok, R} = supervisor:start_link(?MODULE, {sup, #{strategy => rest_for_one}, [spec(a, 1, permanent), spec(b, 2, permanent), spec(c, 3, permanent)]}),
    Ps = [whereis(X) || X <- [a, b, c]], exit(lists:nth(2, Ps), kill), [renamed(X, P) || {X, P} <- tl(lists:zip([a, b, c], Ps))],
    p(rest, [whereis(X) =:= P || {X, P} <- lists:zip([a, b, c], Ps)]), exit(R, shutdown), p(down, down()).

pl(Parent, ok) -> proc_lib:init_ack(Parent, {ok, self()}), receive stop -> ok end;
pl(_, crash) -> error(early);
pl(_, exit) -> exit(gone);
pl(_, slow) -> timer:sleep(infinity).
bad(X) -> X + a.
proclib() ->
    {ok, P} = proc_lib:start_link(?MODULE, pl, [self(), ok]), p(initial, proc_lib:initial_call(P)), p(translate, proc_lib:translate_initial_call(P)),
    p(ancestors, element(2, lists:keyfind('$ancestors', 1, element(2, process_info(P, dictionary))))), P ! stop, p(down, down()),
    p(exit, proc_lib:start_link(?MODULE, pl, [self(), exit])), p(down, quiet()),
    {error, {E, [{_, F, _, _} | _]}} = proc_lib:start_link(?MODULE, pl, [self(), crash]), p(crash, {E, F}), p(down, quiet()),
    p(timeout, proc_lib:start_link(?MODULE, pl, [self(), slow], 5)), p(down, quiet()),
    spawn_link(?MODULE, bad, [1]), p(down, down()), proc_lib:spawn_link(?MODULE, bad, [1]), p(down, [{M, Fn, A} || {M, Fn, A, _} <- element(2, down())]),
    {Q, R} = proc_lib:spawn_opt(?MODULE, bad, [1], [monitor]), receive {'DOWN', R, process, Q, {Why, _}} -> p(monitor, Why) end,
    p(stop, catch proc_lib:stop(spawn(fun() -> receive x -> ok end end), normal, 10)),
    p(hibernate, begin H = proc_lib:spawn_link(fun() -> proc_lib:hibernate(?MODULE, loop, [x, y]) end), H ! {self(), hi}, receive {H, Z} -> Z end end), down().
loop(A, B) -> receive {From, M} -> From ! {self(), {A, B, M}} end.

sys_() ->
    {ok, P} = gen_server:start_link({local, otp_sys}, ?MODULE, {server, s}, []),
    p(state, sys:get_state(P)), p(replace, sys:replace_state(P, fun(S) -> {new, S} end)),
    ok = sys:suspend(P), p(suspended, catch gen_server:call(P, get, 5)), ok = sys:resume(P), p(get, gen_server:call(P, get)),
    {status, _, {module, M}, [_, Sy, Pa, D, _]} = sys:get_status(P), p(status, {M, Sy, is_pid(Pa), D}),
    ok = sys:suspend(P), p(change, sys:change_code(P, ?MODULE, old, extra)), ok = sys:resume(P), p(state, sys:get_state(P)),
    ok = sys:log(P, true), gen_server:cast(P, {set, t}), p(get, gen_server:call(P, get)), {ok, L} = sys:log(P, get), p(log, length(L)),
    ok = sys:statistics(P, true), gen_server:call(P, get), {ok, St} = sys:statistics(P, get), p(stats, [{K, V} || {K, V} <- St, K =:= messages_in]),
    ok = sys:terminate(P, shutdown), p(down, down()).
system_continue(_, _, _) -> ok.
system_terminate(R, _, _, _) -> exit(R).
system_get_state(S) -> {ok, S}.
system_code_change(S, _, _, _) -> {ok, S}.

event() ->
    {ok, P} = gen_event:start_link(),
    p(add, gen_event:add_handler(P, otp_t_none, x)), p(which, gen_event:which_handlers(P)),
    p(call, gen_event:call(P, none, x)), p(notify, gen_event:sync_notify(P, x)), p(stop, gen_event:stop(P)), p(down, down()).
multi() ->
    Ps = [begin {ok, P} = gen_server:start_link(?MODULE, {server, I}, []), P end || I <- lists:seq(1, 200)],
    p(sum, lists:sum([gen_server:call(P, get) || P <- Ps])),
    [gen_server:cast(P, {set, 2}) || P <- Ps], p(sum, lists:sum([gen_server:call(P, get) || P <- Ps])),
    [begin unlink(P), exit(P, kill) end || P <- Ps], p(down, lists:usort([is_process_alive(P) || P <- Ps, timer:sleep(0) =:= ok])),
    p(multi_call, gen_server:multi_call([node()], nobody, x)).
