%% only: uv
%% The NIF API, driven through a library of our own (nif_t.c), and the life of libraries (nif_up.c):
%% loading, upgrading, unloading. LING_TEST_NIFS names the folder where the build puts them.
-module(nif_t).
-export([main/1]).

main(_) ->
    Dir = os:getenv("LING_TEST_NIFS"),
    os:putenv("LING_TEST_VALUE", "value"),
    show(before, catch_(fun() -> type(1) end)),
    ok = erlang:load_nif(filename:join(Dir, "nif_t"), load_info),
    show(again, erlang:load_nif(filename:join(Dir, "nif_t"), load_info)),
    show(nifs, length(module_info(nifs))),
    terms(),
    binaries(),
    maps(),
    calls(),
    messages(),
    killed(),
    resources(),
    selects(),
    errors(),
    crowd(),
    ports(),
    rest(),
    lives(Dir).

show(What, Value) -> io:format("~p: ~0tp~n", [What, Value]).
catch_(F) ->
    try F()
    catch
        C:R:S -> {C, R, hd(S)}
    end.

%% ---- terms ----

samples() ->
    [0, -1, 1 bsl 31, -(1 bsl 31) - 1, (1 bsl 59), 1 bsl 63, 1 bsl 64 - 1, -(1 bsl 63), 1 bsl 64,
     1.5, a, [], [1 | 2], "abc", {}, {1, 2}, <<>>, <<1:3>>, <<"abc">>, #{}, #{a => 1}, self(),
     make_ref(), fun() -> ok end, fun lists:map/2, lists:seq(1, 40)].

terms() ->
    show(type, [type(S) || S <- samples()]),
    [show(tests, tests(S)) || S <- samples()],
    [show(numbers, numbers(S)) || S <- samples(), is_number(S) orelse is_atom(S)],
    [show(atom, atom(A)) || A <- [a, 'hello world', 'Ã¥Ã¤Ã¶', 'Ð¶', '', abc, abcd]],
    [show(make_atom, catch_(fun() -> make_atom(S, How) end))
     || S <- ["xyzzy", "\345\344", [], lists:duplicate(255, $a), lists:duplicate(256, $a)],
        How <- [0, 1, 2]],
    show(no_atom, make_atom("no such atom " ++ "yet", 2)),
    [show(string, string(S, N)) || S <- ["", "abc", [1, 256], [a], [$a | b], a], N <- [0, 1, 3, 4, 50]],
    [show(tuple, catch_(fun() -> tuple(T) end)) || T <- [{}, {1}, {a, "b", 3}, a, [1]]],
    [show(list, list(L)) || L <- [[], [1], [1, 2, 3], [1 | 2]]],
    show(list, element(2, list(lists:seq(1, 100000)))),
    [show(order, order(A, B)) || A <- [1, 1.0, a, {a}, [1], "b", <<"x">>, #{a => 1}],
                                 B <- [1, b, {a}, "b", <<"x">>]].

%% ---- binaries ----

binaries() ->
    <<_:3, Odd:50/bitstring, _/bitstring>> = <<123456789012345678:64>>,
    <<_:3, Off:6/binary, _/bitstring>> = <<123456789012345678:64>>,
    Big = binary:copy(<<"0123456789">>, 100),
    [show(inspect, inspect(B, How))
     || B <- [<<>>, <<"abc">>, Odd, Off, Big, binary:part(Big, 5, 300), [1, <<"x">>, [Big | <<2>>]],
              [256], [], a, [Odd]],
        How <- [0, 1]],
    [show(binary, binary(M, N)) || M <- [0, 5, 100, 1000], N <- [0, 3, 64, 65, 600]],
    show(sub_binary, [sub_binary(Big, 0, 1000), sub_binary(Big, 10, 80), sub_binary(<<"abc">>, 1, 1)]),
    [show(etf, etf(S)) || S <- [1, {a, "b"}, Big, #{a => 1.5}, lists:seq(1, 300)]],
    [show(iovec, iovec(L, Max))
     || L <- [[], [Big], [<<"a">>, <<"bc">>, Big], [Off, binary:part(Big, 10, 100)],
              [<<I, Big/binary>> || I <- lists:seq(1, 20)]],
        Max <- [0, 2, 64]],
    show(iovec, catch_(fun() -> iovec([a], 64) end)).

%% ---- maps ----

maps() ->
    Large = maps:from_list([{I, I * I} || I <- lists:seq(1, 100)]),
    [show(map, [if is_map(R), map_size(R) > 10 -> {map_size(R), maps:get(K, R, none)}; true -> R end
                || R <- map(M, K, new)])
     || M <- [#{}, #{a => 1, b => 2}, Large, x], K <- [a, 7, "s"]],
    show(map_from, [map_from(L) || L <- [[], [a, b, c], [a, b, a]]]),
    show(map_from, map_size(map_from(lists:seq(1, 100)))),
    [begin
         {Edges, There, Back} = map_iterate(M),
         show(map_iterate, {Edges, There =:= lists:reverse(Back),
                            lists:sort(There) =:= lists:sort(maps:to_list(M))})
     end || M <- [#{}, #{a => 1}, #{a => 1, b => 2}, Large]],
    show(map_iterate, catch_(fun() -> map_iterate(x) end)).

%% ---- calls ----

calls() ->
    [show(raise, catch_(fun() -> F({reason, 1}) end)) || F <- [fun raise/1, fun raise_dirty/1]],
    show(badarg, catch_(fun() -> string("a", b) end)),
    show(count, count(30, a, {b})),
    show(count, catch_(fun() -> count(-30, a, b) end)),
    [begin
         {Self, L} = F({x, "y"}),
         show(dirty, {Self =:= self(), length(L), hd(L), lists:last(L)})
     end || F <- [fun dirty_cpu/1, fun dirty_io/1]],
    %% Many processes in dirty calls at once.
    Pids = [spawn_monitor(fun() -> exit(length(element(2, dirty_io(I))) + length(element(2, dirty_cpu(I)))) end)
            || I <- lists:seq(1, 50)],
    show(dirty_many, lists:usort([receive {'DOWN', R, _, _, N} -> N end || {_, R} <- Pids])),
    show(apply, [apply(?MODULE, F, [a]) || F <- []] ++ [(fun type/1)(a)]).

%% ---- messages ----

messages() ->
    show(send, send(self(), {"term", <<1:600>>})),
    show(got, [receive M -> M after 60000 -> none end || _ <- [1, 2, 3]]),
    show(send_dirty, send_dirty(self(), dirty)),
    show(got, [receive M -> M after 60000 -> none end || _ <- [1, 2, 3]]),
    {Dead, Mon} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Mon, _, _, _} -> ok end,
    show(dead, send(Dead, x)),
    Handle = thread_send(self(), 1000),
    Sum = lists:sum([receive {I, B} -> byte_size(B) + I end || I <- lists:seq(0, 999)]),
    show(thread, {Sum, thread_join(Handle)}),
    show(locks, locks()),
    register(nif_test, self()),
    show(about, [case V of V when V =:= self() -> self; _ -> V end || V <- about(nif_test)]),
    show(about, [case V of V when V =:= self() -> self; _ -> V end || V <- about(no_such_name)]),
    unregister(nif_test),
    show(alive, [alive(self()), alive(Dead)]).

%% ---- killed in a dirty function ----

%% The exit signal is there before the function returns: nothing is done any more, whatever comes next.
killed() ->
    Main = self(),
    Stay = fun(F) -> case F() of not_dirty -> receive never -> ok end; released -> ok end end,
    Lives = [fun(F) -> Stay(F) end,
             fun(F) -> Stay(F), Main ! ran_on end,
             fun(F) -> try Stay(F) after Main ! ran_on end end,
             fun(F) -> process_flag(trap_exit, true), Stay(F), Main ! ran_on end],
    [begin
         release(0),
         {P, M} = spawn_monitor(fun() -> Main ! {ready, self()}, Life(F) end),
         receive {ready, P} -> ok end,
         exit(P, kill),
         release(1),
         show(killed, receive {'DOWN', M, _, _, R} -> R end),
         show(ran_on, receive ran_on -> true after 0 -> false end)
     end || F <- [fun block/0, fun block_cpu/0], Life <- Lives],
    %% Who traps exits goes on, with a message.
    release(0),
    {Q, N} = spawn_monitor(fun() ->
        process_flag(trap_exit, true),
        Main ! {ready, self()},
        block(),
        exit(receive {'EXIT', Main, Why} -> {trapped, Why} end)
    end),
    receive {ready, Q} -> ok end,
    exit(Q, stop),
    release(1),
    show(trapped, receive {'DOWN', N, _, _, R2} -> R2 end).

%% ---- resources ----

resources() ->
    O = object(1),
    show(object, {is_reference(O), number(O), O =:= O, element(2, catch_(fun() -> number(<<1>>) end))}),
    show(no_object, try number(make_ref()) catch error:badarg -> badarg end),
    B = object_binary(O),
    show(object_binary, {B, number(B), catch_(fun() -> number(binary:part(B, 0, 70)) end)}),
    show(dynamic, [dynamic(?MODULE, object, O), dynamic(?MODULE, quiet, O), dynamic(x, object, O),
                   dynamic(?MODULE, object, make_ref())]),
    %% An object dies with the last term.
    Main = self(),
    {_, Mon} = spawn_monitor(fun() ->
        P = object(2),
        Main ! {copy, self(), P},
        2 = number(P),
        receive {dtor, N} -> Main ! {early, N} after 0 -> ok end
    end),
    C = receive {copy, _, C0} -> C0 end,
    receive {'DOWN', Mon, _, _, R} -> show(maker, R) end,
    show(copy, number(C)),
    keep_nothing(3),
    erlang:garbage_collect(),
    show(collected, receive M -> M after 60000 -> none end),
    ets:new(objects, [named_table]),
    keep_in_table(4),
    erlang:garbage_collect(),
    show(in_table, receive M2 -> M2 after 0 -> none end),
    ets:delete(objects),
    show(table_gone, receive M3 -> M3 after 60000 -> none end),
    %% Monitors.
    Pid = spawn(fun() -> receive stop -> ok end end),
    W = object(5),
    show(watch, watch(W, Pid)),
    Pid ! stop,
    show(down, receive {down, 5, Pid, Cmp} -> {down, Cmp} after 60000 -> none end),
    show(unwatch, unwatch(W)),
    show(watch_dead, watch(W, Pid)),
    Pid2 = spawn(fun() -> receive stop -> ok end end),
    show(watch, watch(W, Pid2)),
    show(unwatch, [unwatch(W), unwatch(W)]),
    Mon2 = monitor(process, Pid2),
    Pid2 ! stop,
    receive {'DOWN', Mon2, _, _, _} -> ok end,
    show(no_down, receive M4 -> M4 after 20 -> none end),
    show(monitored_by, begin watch(W, self()), Mb = process_info(self(), messages), unwatch(W), Mb end),
    %% The watcher goes first.
    watch_and_forget(6, Main),
    erlang:garbage_collect(),
    show(forgotten, receive M5 -> M5 after 60000 -> none end),
    show(kept, [number(X) || X <- [O, C, W]]),
    %% As bytes and text a resource is found as long as it lives.
    show(bytes, [number(binary_to_term(term_to_binary(O))), number(list_to_ref(ref_to_list(O)))]),
    Bytes = bytes_of(7),
    erlang:garbage_collect(),
    show(collected, receive M6 -> M6 after 60000 -> none end),
    show(bytes, try number(binary_to_term(Bytes)) catch error:badarg -> badarg end).

bytes_of(N) -> term_to_binary(object(N)).

keep_nothing(N) -> N = number(object(N)).
keep_in_table(N) -> ets:insert(objects, {N, object(N)}).
watch_and_forget(N, Pid) -> watch(object(N), Pid).

%% ---- descriptors ----

-define(READ, 1).
-define(WRITE, 2).
-define(STOP, 4).
-define(CANCEL, 8).
-define(CUSTOM, 16).
-define(ERROR, 32).

selects() ->
    O = object(7),
    Me = self(),
    0 = pipe_open(O),
    show(select, selecting(O, 0, ?READ, Me, undefined)),
    show(nothing, got(O, 50)),
    1 = pipe_write(O),
    show(ready, got(O, 60000)),
    show(once, got(O, 50)),
    show(select, selecting(O, 0, ?READ, Me, Ref = make_ref())), % still readable
    show(ready, case got(O, 60000) of {select, object, Ref, What} -> What; Other -> Other end),
    1 = pipe_read(O),
    show(select, selecting(O, 0, ?READ bor ?CUSTOM, Me, {custom, "message"})),
    show(cancel, [selecting(O, 0, ?READ bor ?CANCEL, Me, undefined) || _ <- [1, 2]]),
    1 = pipe_write(O),
    show(cancelled, got(O, 50)),
    show(select, selecting(O, 0, ?READ bor ?CUSTOM, Me, {custom, "message"})),
    show(ready, got(O, 60000)),
    show(select, selecting(O, 1, ?WRITE, Me, undefined)),
    show(ready, got(O, 60000)),
    Other1 = object(8),
    0 = pipe_open(Other1),
    show(invalid, selecting(O, -1, ?READ, Me, undefined) < 0),
    %% Many rounds.
    1 = pipe_read(O),
    [begin
         0 = selecting(O, 0, ?READ, Me, I),
         1 = pipe_write(O),
         {select, object, I, ready_input} = got(O, 60000),
         1 = pipe_read(O)
     end || I <- lists:seq(1, 300)],
    %% The stop callback closes them.
    show(stop, [selecting(O, End, ?STOP, Me, undefined) > 0 || End <- [0, 1]]),
    show(stopped, receive {stop, 7} -> stop after 60000 -> none end),
    show(stop, [selecting(Other1, End, ?STOP, Me, undefined) > 0 || End <- [0, 1]]),
    show(stopped, receive {stop, 8} -> stop after 60000 -> none end).

%% The far end of a pipe goes away.
errors() ->
    Me = self(),
    [begin
         O = object(9),
         0 = pipe_open(O),
         show(errors, [selecting(O, End, F, Me, F) || F <- Flags]),
         stop(O, 1 - End, 9),
         show(told, [got(O, 5000) || _ <- lists:seq(1, N)]),
         show(cancel, [selecting(O, End, F bor ?CANCEL, Me, F) || F <- [?READ, ?ERROR]]),
         show(again, [selecting(O, End, ?ERROR bor ?READ, Me, again), got(O, 5000)]),
         show(cancel, [selecting(O, End, F bor ?CANCEL, Me, F) || F <- [?READ, ?ERROR]]),
         show(custom, [selecting(O, End, ?ERROR bor ?CUSTOM, Me, custom), got(O, 5000)]),
         stop(O, End, 9)
     end || {End, Flags, N} <- [{0, [?READ], 1}, {0, [?ERROR], 1}, {0, [?READ, ?ERROR], 1},
                                {0, [?ERROR bor ?READ], 1}, {1, [?ERROR, ?READ], 1}, {1, [?ERROR], 1}]],
    D = object(10),
    1 = device_open(D),
    show(device, [selecting(D, 0, F, Me, F) || F <- [?READ, ?WRITE, ?ERROR]]),
    show(told, lists:sort([got(D, 5000) || _ <- [1, 2]])),
    show(cancel, [selecting(D, 0, F bor ?CANCEL, Me, F) || F <- [?READ, ?WRITE, ?ERROR]]),
    stop(D, 0, 10).

%% The library tells of one end only.
stop(O, End, N) ->
    true = selecting(O, End, ?STOP, self(), undefined) > 0,
    End =:= 0 andalso receive {stop, N} -> ok end.

%% Some hundreds at once: each tells of itself.
crowd() ->
    Me = self(),
    Os = [{I, object(100 + I)} || I <- lists:seq(1, 300)],
    [0 = pipe_open(O) || {_, O} <- Os],
    [0 = selecting(O, 0, ?READ, Me, I) || {I, O} <- Os],
    [1 = pipe_write(O) || {I, O} <- Os, I rem 3 =:= 0],
    show(crowd, lists:sum([receive {select, O, I, ready_input} -> I end || {I, O} <- Os, I rem 3 =:= 0])),
    show(cancelled, lists:sum([selecting(O, 0, ?READ bor ?CANCEL, Me, I) || {I, O} <- Os])),
    [true = selecting(O, End, ?STOP, Me, undefined) > 0 || {_, O} <- Os, End <- [0, 1]],
    show(stopped, lists:sum([receive {stop, N} -> N end || {I, _} <- Os, N <- [100 + I]])).

got(O, Time) ->
    receive
        {select, O, Ref, What} -> {select, object, Ref, What};
        {dtor, _} -> got(O, Time); % of an object made before
        M -> M
    after Time -> none
    end.

ports() ->
    P = open_port({spawn, "cat"}, [binary]),
    show(port, port(P, ["to ", <<"the ">>, "port"])),
    show(port, receive {P, {data, D}} -> D after 60000 -> none end),
    show(no_data, port(P, [foo])),
    port_close(P),
    show(closed, port(P, "x")).

%% ---- the rest ----

rest() ->
    [show(print, print(T)) || T <- [a, {b, "c"}, <<"d">>, [1, 2], 1.5]],
    show(times, times()),
    [P, M1, M2, Ref] = unique(),
    show(unique, {P > 0, M2 > M1, is_reference(Ref), erlang:unique_integer([positive]) =/= P}),
    show(system, system()),
    show(memory, memory()).

%% ---- the life of a library ---- nif_up: value/0, set/1; its library keeps what load_info said

lives(Dir) ->
    Lib = fun(V) -> filename:join(Dir, V) end,
    register(nif_up_owner, self()),
    Bin = up_module(),
    Load = fun() -> {module, nif_up} = code:load_binary(nif_up, "nif_up.erl", Bin), ok end,
    Load(),
    show(up_before, catch_(fun() -> nif_up:value() end)),
    show(missing, element(1, element(2, nif_up:load(Lib("no_such_library"), 1)))),
    show(other, nif_up:load(Lib("nif_t"), 1)),
    show(refused, nif_up:load(Lib("nif_up1"), refuse)),
    show(events, events(0)),
    show(loaded, nif_up:load(Lib("nif_up1"), 1)),
    show(values, {nif_up:value(), nif_up:local(), apply(nif_up, value, []), (fun nif_up:value/0)()}),
    Old = nif_up:value_fun(),
    show(fun_value, Old()),
    show(reload, nif_up:load(Lib("nif_up1"), 1)),
    show(events, events(1)),
    Keeper = spawn(fun() -> keeper(#{}) end),
    keep(Keeper, {make, 11}),
    %% A new version takes over; the old one goes on with its own.
    Pid = spawn(fun() -> nif_up:server() end),
    Load(),
    show(not_yet, catch_(fun() -> nif_up:value() end)),
    show(no_upgrade, nif_up:load(Lib("nif_up0"), 2)),
    show(upgraded, nif_up:load(Lib("nif_up2"), 2)),
    show(values, {nif_up:value(), ask(Pid), Old()}),
    show(taken_over, keep(Keeper, {get, 11})),
    keep(Keeper, {make, 22}),
    show(events, events(1)),
    exit(Pid, kill),
    show(purged, {code:purge(nif_up), events(1)}),
    show(fun_gone, catch_(fun() -> Old() end)),
    show(values, {nif_up:value(), keep(Keeper, {get, 11}), keep(Keeper, {get, 22})}),
    %% Objects outlive their module, and with them their library.
    true = code:delete(nif_up),
    code:purge(nif_up),
    show(purged, events(0)),
    exit(Keeper, kill),
    show(unloaded, lists:sort(events(3))),
    Load(),
    show(loaded_anew, nif_up:load(Lib("nif_up1"), 3)),
    show(values, nif_up:value()),
    show(events, events(1)),
    %% Round and round.
    [begin
         Load(),
         ok = nif_up:load(Lib("nif_up2"), I),
         I = nif_up:value(),
         code:purge(nif_up)
     end || I <- lists:seq(10, 40)],
    show(rounds, length(events(62))),
    show(nifs, nif_up:module_info(nifs)),
    show(apply, apply(erlang, load_nif, [Lib("nif_up1"), 1])),
    show(badarg, catch_(fun() -> nif_up:load(path, 1) end)).

keep(Keeper, Request) ->
    Keeper ! {Request, self()},
    receive {Keeper, Answer} -> Answer after 60000 -> none end.

keeper(Objects) ->
    receive
        {{make, N}, From} ->
            From ! {self(), ok},
            keeper(Objects#{N => nif_up:make(N)});
        {{get, N}, From} ->
            From ! {self(), nif_up:get(maps:get(N, Objects))},
            keeper(Objects)
    end.

ask(Pid) ->
    Pid ! {value, self()},
    receive {value, V} -> V after 60000 -> none end.

%% What the library tells us: so many events, and then no more.
events(0) ->
    receive {nif_up, What} -> [What | events(0)]
    after 20 -> []
    end;
events(N) ->
    receive {nif_up, What} -> [What | events(N - 1)]
    after 60000 -> [missing]
    end.

up_module() ->
    Text = [
        "-module(nif_up).",
        "-export([load/2, value/0, local/0, value_fun/0, server/0, make/1, get/1]).",
        "load(Path, Info) -> erlang:load_nif(Path, Info).",
        "value() -> erlang:nif_error(not_loaded).",
        "make(_) -> erlang:nif_error(not_loaded).",
        "get(_) -> erlang:nif_error(not_loaded).",
        "local() -> {local, value()}.",
        "value_fun() -> fun() -> value() end.",
        "server() -> receive {value, From} -> From ! {value, value()}, server() end."],
    Forms = [begin
                 {ok, Tokens, _} = erl_scan:string(T),
                 {ok, Form} = erl_parse:parse_form(Tokens),
                 Form
             end || T <- Text],
    {ok, nif_up, Bin} = compile:forms(Forms, []),
    Bin.

%% ---- what the library replaces ----

lost() -> erlang:nif_error(not_loaded).
type(_) -> lost().
tests(_) -> lost().
numbers(_) -> lost().
atom(_) -> lost().
make_atom(_, _) -> lost().
string(_, _) -> lost().
tuple(_) -> lost().
list(_) -> lost().
inspect(_, _) -> lost().
binary(_, _) -> lost().
sub_binary(_, _, _) -> lost().
etf(_) -> lost().
map(_, _, _) -> lost().
map_from(_) -> lost().
map_iterate(_) -> lost().
raise(_) -> lost().
raise_dirty(_) -> lost().
count(_, _, _) -> lost().
dirty_cpu(_) -> lost().
dirty_io(_) -> lost().
block() -> lost().
block_cpu() -> lost().
release(_) -> lost().
send(_, _) -> lost().
send_dirty(_, _) -> lost().
thread_send(_, _) -> lost().
thread_join(_) -> lost().
locks() -> lost().
about(_) -> lost().
alive(_) -> lost().
object(_) -> lost().
number(_) -> lost().
object_binary(_) -> lost().
dynamic(_, _, _) -> lost().
watch(_, _) -> lost().
unwatch(_) -> lost().
pipe_open(_) -> lost().
pipe_write(_) -> lost().
pipe_read(_) -> lost().
selecting(_, _, _, _, _) -> lost().
device_open(_) -> lost().
port(_, _) -> lost().
iovec(_, _) -> lost().
print(_) -> lost().
order(_, _) -> lost().
times() -> lost().
unique() -> lost().
system() -> lost().
memory() -> lost().
