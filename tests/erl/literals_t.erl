%% Literals of modules that are loaded, replaced and purged a thousand times, and values of
%% persistent terms that are replaced as often, held meanwhile wherever a term can be: heaps,
%% dictionaries, closures, mailboxes, messages on their way, timers, tables, match specifications,
%% exit reasons, monitors' tags. All must stay what they were, and memory must not grow.
-module(literals_t).
-export([main/1]).

-define(M, literals_t_v).
-define(ROUNDS, 1000).

main(_) ->
    small(),
    moving(),
    State = start(),
    Early = rounds(1, ?ROUNDS div 5, State),
    settle(),
    Before = erlang:memory(system),
    Late = rounds(?ROUNDS div 5 + 1, ?ROUNDS, Early),
    stop(Late),
    settle(),
    %% Kept, the literals of the rounds between would be more than 30 MB.
    p(bounded, below(Before + 8000000, 3000)),
    p(code, erlang:memory(code) > 0),
    p(info, maps:get(memory, persistent_term:info()) > 0),
    [persistent_term:erase({?MODULE, I}) || I <- lists:seq(0, 7)],
    p(erased, [persistent_term:get({?MODULE, I}, none) || I <- lists:seq(0, 7)]),
    ok.

p(Tag, X) -> io:format("~w: ~0p~n", [Tag, X]).

below(Limit, Tries) ->
    case erlang:memory(system) < Limit of
        true -> true;
        false when Tries > 0 -> receive after 10 -> below(Limit, Tries - 1) end;
        false -> {erlang:memory(system), Limit}
    end.

settle() -> [erlang:garbage_collect(Pid) || Pid <- processes()], ok.

%% ---- a module ---- v/0 returns its literal

beam(I) ->
    Atoms = [<<"literals_t_v">>, <<"v">>],
    Lit = term_to_binary(term(I)),
    Code = [<<16:32, 0:32, 180:32, 3:32, 1:32>>,
            <<1, 16#10, 2, 1:4, 2:4, 2:4, 2:4, 0, 1, 16#20>>,
            <<64, 16#47, 0, 3>>, 19, 3],
    Literals = <<1:32, (byte_size(Lit)):32, Lit/binary>>,
    B = iolist_to_binary(
          ["BEAM", chunk("AtU8", [<<(length(Atoms)):32>>, [[byte_size(A), A] || A <- Atoms]]),
           chunk("Code", Code), chunk("StrT", []), chunk("ImpT", <<0:32>>),
           chunk("ExpT", <<1:32, 2:32, 0:32, 2:32>>),
           chunk("LitT", [<<(byte_size(Literals)):32>>, zlib:compress(Literals)])]),
    <<"FOR1", (byte_size(B)):32, B/binary>>.

chunk(Id, Data0) ->
    Data = iolist_to_binary(Data0),
    Pad = (4 - byte_size(Data) rem 4) rem 4,
    [Id, <<(byte_size(Data)):32>>, Data, <<0:(8 * Pad)>>].

load(I) ->
    ok = erlang:finish_loading([erts_internal:prepare_loading(?M, beam(I))]),
    purge(),
    ?M:v().

%% Where there is no purger one is made, which knows that nobody runs in the module.
purge() ->
    case erlang:check_old_code(?M) of
        true ->
            case whereis(erts_code_purger) of
                undefined ->
                    {_, Ref} = spawn_monitor(
                                 fun() ->
                                         register(erts_code_purger, self()),
                                         true = erts_internal:purge_module(?M, prepare),
                                         true = erts_internal:purge_module(?M, complete)
                                 end),
                    receive {'DOWN', Ref, process, _, normal} -> ok end;
                _ ->
                    {true, false} = erts_code_purger:purge(?M),
                    ok
            end;
        false ->
            ok
    end.

%% What round I has. Always made anew.
term(I) ->
    {I, lists:seq(I, I + 2000), <<I:64>>, binary:copy(<<I:32>>, 100),
     #{number => I, list => [I, {I}], {I} => <<"key">>, bits => <<I:13>>},
     I * (1 bsl 80), I + 0.5, integer_to_list(I), fun lists:seq/2,
     maps:from_list([{K, K * I} || K <- lists:seq(1, 40)])}.

%% ---- holders ----

-record(s, {keeper, box, ring, table, timers = [], specs = [], mine = [], waiting = []}).

start() ->
    Main = self(),
    #s{keeper = spawn_link(fun() -> keeper([]) end),
       box = spawn_link(fun() -> box(1) end),
       ring = ring(Main, 4),
       table = ets:new(t, [public])}.

%% Has the last five on its heap and in its dictionary, and a closure over each.
keeper(L) ->
    receive
        {keep, I, T} ->
            put(I, T),
            erase(I - 5),
            keeper(lists:sublist([{I, T, fun() -> element(5, T) end} | L], 5));
        {check, From} ->
            [begin
                 T0 = term(I),
                 true = T =:= T0,
                 true = F() =:= element(5, T0),
                 true = get(I) =:= T0
             end || {I, T, F} <- L],
            From ! {self(), ok},
            keeper(L);
        stop -> ok
    end.

%% Looks at nothing before it is told to: then all is there, in order.
box(Next) ->
    receive
        {look, From, Last} ->
            box_check(Next, Last),
            From ! {self(), ok},
            box(Last + 1);
        stop -> ok
    end.
box_check(I, Last) when I > Last -> ok;
box_check(I, Last) ->
    T = term(I),
    Size = byte_size(element(4, T)) - 10,
    <<_:10/binary, End/binary>> = element(4, T),
    receive {I, whole, T1} -> true = T1 =:= T end,
    receive {I, part, [T2, <<E:Size/binary>>]} -> true = {T2, E} =:= {element(5, T), End} end,
    receive {I, again, {T3, T4}} -> true = [T3 | T4] =:= [T | element(2, T)] end,
    box_check(I + 1, Last).

%% One value goes round and round in it, until another comes.
ring(Main, N) ->
    Last = spawn_link(fun() -> ring_first(Main) end),
    First = lists:foldl(fun(_, Next) -> spawn_link(fun() -> ring_on(Next) end) end, Last,
                        lists:seq(1, N)),
    Last ! {next, First},
    Last.
ring_first(Main) -> receive {next, Next} -> ring_first(Main, Next, 0) end.
ring_first(Main, Next, N) ->
    receive
        {new, I, T} ->
            Next ! {I, T},
            ring_first(Main, Next, N + 1);
        {I, T} when N > 1 ->
            true = T =:= term(I),
            ring_first(Main, Next, N - 1);
        {_, _} = M ->
            Next ! M,
            ring_first(Main, Next, N);
        stop ->
            Next ! stop
    end.
ring_on(Next) ->
    receive
        stop -> Next ! stop;
        {I, T} ->
            Next ! {I, T},
            ring_on(Next)
    end.

%% ---- rounds ----

rounds(I, Last, S) when I > Last -> S;
rounds(I, Last, S0) ->
    T = case I rem 2 of
            0 -> load(I);
            1 ->
                persistent_term:put({?MODULE, I rem 8}, term(I)),
                persistent_term:get({?MODULE, I rem 8})
        end,
    S = hold(I, T, S0),
    rounds(I + 1, Last, case I rem 50 of 0 -> check(I, S); _ -> S end).

hold(I, T, #s{keeper = Keeper, box = Box, ring = Ring, table = Table} = S) ->
    Keeper ! {keep, I, T},
    Size = byte_size(element(4, T)) - 10,
    <<_:10/binary, End:Size/binary>> = element(4, T),
    Box ! {I, whole, T},
    Box ! {I, part, [element(5, T), End]},
    Box ! {I, again, {T, element(2, T)}},
    Ring ! {new, I, T},
    true = ets:insert(Table, {I, T, element(5, T)}),
    true = ets:insert(Table, {{key, element(5, T)}, I}),
    Ref = erlang:start_timer(case I rem 3 of 0 -> 1; _ -> 3600000 end, self(), T),
    Spec = ets:match_spec_compile([{{I, '$1'}, [{'=:=', '$1', {const, T}}], [{{I, {const, T}}}]}]),
    %% One that waits with it as an argument, and ends with it as a reason.
    {Pid, Mon} = spawn_monitor(fun() -> receive go -> exit({bye, T}) end end),
    Tag = monitor(process, Pid, [{tag, {tag, T}}]),
    S#s{timers = [{Ref, I} | S#s.timers], specs = [{Spec, I} | S#s.specs],
        mine = lists:sublist([{I, T, End} | S#s.mine], 7),
        waiting = [{I, Pid, Mon, Tag} | S#s.waiting]}.

check(I, #s{table = Table} = S) ->
    call(S#s.keeper, {check, self()}),
    call(S#s.box, {look, self(), I}),
    [begin
         T = term(J),
         true = Mine =:= T,
         <<_:10/binary, End0/binary>> = element(4, T),
         true = End =:= End0
     end || {J, Mine, End} <- S#s.mine],
    [begin
         T = term(J),
         case J rem 3 of
             0 -> receive {timeout, Ref, Due} -> true = Due =:= T end;
             _ -> true = is_integer(erlang:cancel_timer(Ref))
         end,
         [{J, Held, Part}] = ets:take(Table, J),
         true = [Held, Part] =:= [T, element(5, T)],
         [{_, J}] = ets:take(Table, {key, element(5, T)})
     end || {Ref, J} <- S#s.timers],
    [begin
         T = term(J),
         [{J, Held}] = ets:match_spec_run([{J, T}, {J, other}], Spec),
         true = Held =:= T
     end || {Spec, J} <- S#s.specs],
    [begin
         T = term(J),
         Pid ! go,
         receive {'DOWN', Mon, process, Pid, {bye, R}} -> true = R =:= T end,
         receive {{tag, Held}, Tag, process, Pid, {bye, R2}} -> true = {Held, R2} =:= {T, T} end
     end || {J, Pid, Mon, Tag} <- S#s.waiting],
    [] = ets:tab2list(Table),
    S#s{timers = [], specs = [], waiting = []}.

call(Pid, M) ->
    Pid ! M,
    receive {Pid, ok} -> ok end.

stop(S) ->
    p(rounds, ?ROUNDS),
    S#s.keeper ! stop,
    S#s.box ! stop,
    S#s.ring ! stop,
    ets:delete(S#s.table),
    p(mine, [I || {I, T, _} <- S#s.mine, T =:= term(I)]).

%% ---- the small cases ----

small() ->
    K = {?MODULE, small},
    %% A value that is no pointer, a literal of another area inside, the same value again.
    p(put, [persistent_term:put(K, V) || V <- [1, a, [], {1}, {1}, 2]]),
    p(get, [persistent_term:get(K), persistent_term:get(K, none)]),
    V = persistent_put_get(K, {[1, 2, 3], <<"bin">>}),
    W = persistent_put_get(K, {V, V}),
    persistent_term:put(K, {W}),
    p(nested, [persistent_term:erase(K), persistent_term:erase(K), persistent_term:get(K, none)]),
    p(held, {V, W}),
    %% get/0: keys and values outlive the entry.
    persistent_term:put({K, "key"}, #{value => [K]}),
    Own = [E || {{{?MODULE, small}, _}, _} = E <- persistent_term:get()],
    persistent_term:erase({K, "key"}),
    again(50),
    p(listed, Own),
    p(held, {V, W}).

%% Values nobody but messages refers to any more go from one to the next. There are so many other
%% processes between these that not all are asked at a time to give up literals: some hand values on
%% to those that have.
moving() ->
    Last = spawn_link(fun() -> receive {next, Next} -> hand_on(Next) end end),
    {First, Others} =
        lists:foldl(fun(_, {Next, Os}) ->
                            More = [spawn_link(fun() -> receive stop -> ok end end)
                                    || _ <- lists:seq(1, 70)],
                            Pid = spawn_link(fun() -> hand_on(Next) end),
                            {Pid, [Pid | More] ++ Os}
                    end, {Last, []}, lists:seq(1, 4)),
    Last ! {next, First},
    p(moved, lists:usort([moving(I, First) || I <- lists:seq(1, 20)])),
    [Pid ! stop || Pid <- [Last | Others]],
    ok.

moving(I, First) ->
    Keys = [{?MODULE, move, K} || K <- lists:seq(1, 10)],
    [persistent_term:put(K, {K, term(I)}) || K <- Keys],
    [First ! {400, self(), K, persistent_term:get(K)} || K <- Keys],
    [persistent_term:erase(K) || K <- Keys],
    T = term(I),
    [receive {moved, K, V} -> V =:= {K, T} end || K <- Keys].

hand_on(Next) ->
    receive
        stop -> ok;
        {0, To, K, V} ->
            To ! {moved, K, V},
            hand_on(Next);
        {N, To, K, V} ->
            Next ! {N - 1, To, K, V},
            hand_on(Next)
    end.

persistent_put_get(K, V) ->
    persistent_term:put(K, V),
    persistent_term:get(K).

again(0) -> ok;
again(N) ->
    persistent_term:put({?MODULE, again}, {N, lists:seq(1, N)}),
    persistent_term:erase({?MODULE, again}),
    erlang:yield(),
    again(N - 1).
