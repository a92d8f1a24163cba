%% ets_t: tables. Values, errors and their causes; all kinds of tables against a plain list; fixed
%% traversal; portions; owners and heirs; match specifications. What has no order is sorted.
-module(ets_t).
-export([main/1, start/0]).
-include_lib("stdlib/include/ms_transform.hrl").

start() -> main([]).

main(_) ->
    Seed = 20261122,
    values(),
    errors(),
    specs(),
    replaces(),
    bags(),
    chunks(),
    [model(Type, Seed + N) || Type <- [set, ordered_set, bag, duplicate_bag], N <- lists:seq(1, 3)],
    fixed(),
    owners(),
    names(),
    big(),
    big_terms(),
    itself(),
    workers(),
    library(),
    io:format("done~n").

t(L, F) ->
    R = try F()
        catch C:Rz:St ->
            {C, Rz, case St of
                        [{M, Fn, _, Loc} | _] -> {M, Fn, proplists:get_value(error_info, Loc)};
                        O -> O
                    end}
        end,
    io:format("~s: ~0p~n", [L, R]).

%% Random numbers of our own, the same everywhere.
rnd(N) ->
    S = (get(seed) * 6364136223846793005 + 1442695040888963407) band 16#ffffffffffffffff,
    put(seed, S),
    (S bsr 33) rem N.

values() ->
    T = ets:new(v, [ordered_set, public]),
    Terms = [1, 1.5, -0.0, 1 bsl 80, -(1 bsl 80), a, 'B', "text", <<"bin">>, <<1:3>>, self(),
             [], {}, {1, {2, [3]}}, #{a => 1}, maps:from_list([{I, [I]} || I <- lists:seq(1, 100)]),
             binary:copy(<<"x">>, 1000), binary:part(binary:copy(<<"xy">>, 1000), 3, 700),
             fun lists:map/2, make_ref(), [a | b], lists:seq(1, 100), "a" ++ [<<"b">> | {c}]],
    lists:foreach(fun(X) ->
                          true = ets:insert(T, {X, X, [X]}),
                          [{X, X, [X]}] = ets:lookup(T, X),
                          X = ets:lookup_element(T, X, 2),
                          true = ets:member(T, X)
                  end, Terms),
    lists:foreach(fun(X) -> [{X, X, [X]}] = ets:lookup(T, X) end, Terms),
    N = 7,
    F = fun(Y) -> {N, Y} end,
    ets:insert(T, {closure, F}),
    [{_, G}] = ets:lookup(T, closure),
    ets:delete(T, closure),
    t("fun", fun() -> G(8) end),
    garbage_collect(),
    t("sizes", fun() -> [ets:info(T, I) || I <- [size, type, keypos, protection, named_table]] end),
    t("order", fun() -> [K || {K, _, _} <- ets:tab2list(T), not is_reference(K), not is_pid(K),
                              not is_map(K), not is_function(K)] end),
    t("number keys", fun() ->
        O = ets:new(o, [ordered_set]), S = ets:new(s, [set]),
        [ets:insert(X, [{1, a}, {1.0, b}, {2.0, c}, {0.0, d}, {-0.0, e}]) || X <- [O, S]],
        {ets:tab2list(O), ets:lookup(O, 2), ets:match(O, {2, '$1'}), ets:member(O, 1),
         lists:sort(ets:tab2list(S)), ets:lookup(S, 2), ets:lookup(S, 1.0)} end),
    ets:delete(T),
    t("gone", fun() -> ets:lookup(T, 1) end),
    t("gone", fun() -> ets:info(T) end).

errors() ->
    S = ets:new(s, []), B = ets:new(b, [bag]), D = ets:new(d, [duplicate_bag]),
    O = ets:new(o, [ordered_set]),
    t("info", fun() -> [I || I <- ets:info(S), not lists:member(element(1, I), [id, memory, owner])] end),
    t("ins1",fun() -> ets:insert(S,a) end),
    t("ins2",fun() -> ets:insert(S,{}) end),
    t("ins3",fun() -> ets:insert(S,[{a}|b]) end),
    t("ins4",fun() -> ets:insert(S,[{a},b]) end),
    t("ins5",fun() -> ets:insert(S,[]) end),
    t("ins6",fun() -> ets:insert(nope,[]) end),
    t("ins7",fun() -> ets:insert(1,[]) end),
    t("ins8",fun() -> ets:insert(make_ref(),[]) end),
    t("lookup nope",fun() -> ets:lookup(nope,1) end),
    t("le1",fun() -> ets:lookup_element(S,x,1) end),
    t("le2",fun() -> ets:insert(S,{a,1}),ets:lookup_element(S,a,3) end),
    t("le3",fun() -> ets:lookup_element(S,a,0) end),
    t("le4",fun() -> ets:lookup_element(S,a,x) end),
    t("uc1",fun() -> ets:update_counter(S,x,1) end),
    t("uc2",fun() -> ets:update_counter(S,a,{1,1}) end),
    t("uc3",fun() -> ets:update_counter(S,a,{3,1}) end),
    t("uc4",fun() -> ets:update_counter(S,a,x) end),
    t("uc5",fun() -> ets:update_counter(S,a,[{2,1},{2,1,0,7},{2,1,100,1}]) end),
    t("uc6",fun() -> ets:update_counter(S,a,[]) end),
    t("uc7",fun() -> ets:update_counter(S,a,{2,x}) end),
    t("uc8",fun() -> ets:update_counter(S,a,{2,1,2}) end),
    t("uc8b",fun() -> ets:update_counter(S,a,{2,1,2,x}) end),
    t("uc8c",fun() -> ets:update_counter(S,a,{2,1,x,1}) end),
    t("uc9",fun() -> ets:update_counter(S,b,{2,1},{z,0}) end),
    t("uc10",fun() -> ets:update_counter(S,c,{2,1},{z}) end),
    t("uc11",fun() -> ets:update_counter(S,c,{2,1},x) end),
    t("uc12",fun() -> ets:update_counter(S,c,{1,1},{c,1}) end),
    t("uc13",fun() -> ets:insert(S,{q,w}),ets:update_counter(S,q,1) end),
    t("uc14",fun() -> ets:update_counter(S,c,[],{c,1}),ets:lookup(S,c) end),
    t("uc15",fun() -> ets:update_counter(B,c,1) end),
    t("uc16",fun() -> ets:update_counter(S,a,[{2,-3},{2,-1000,0,3}]) end),
    t("uc17",fun() -> ets:update_counter(S,a,{0,1}) end),
    t("uc18",fun() -> ets:update_counter(S,a,1 bsl 70) end),
    t("uc19",fun() -> ets:update_counter(S,a,-(1 bsl 70)) end),
    t("uc20",fun() -> ets:update_counter(S,zz,1,{zz,a}),ets:lookup(S,zz) end),
    t("uc21",fun() -> ets:lookup(S,zz) end),
    t("uc22",fun() -> ets:update_counter(S,a,{2,1,-1,10}) end),
    t("uc23",fun() -> ets:update_counter(S,yy,[{2,1}|x],{zz,1}) end),
    t("ue1",fun() -> ets:update_element(S,a,{2,foo}) end),
    t("ue2",fun() -> ets:update_element(S,nope,{2,foo}) end),
    t("ue3",fun() -> ets:update_element(S,a,{1,foo}) end),
    t("ue4",fun() -> ets:update_element(S,a,{3,foo}) end),
    t("ue5",fun() -> ets:update_element(S,a,[]) end),
    t("ue6",fun() -> ets:update_element(S,a,[{2,1}|2]) end),
    t("ue7",fun() -> ets:update_element(S,a,{0,1}) end),
    t("ue8",fun() -> ets:update_element(B,a,{2,1}) end),
    t("ue9",fun() -> ets:update_element(S,nope,{1,1}) end),
    t("ue10",fun() -> ets:update_element(S,nope,x) end),
    t("ue11",fun() -> ets:update_element(S,nope,[]) end),
    t("new1",fun() -> ets:new(x,[foo]) end),
    t("new2",fun() -> ets:new(1,[]) end),
    t("new3",fun() -> ets:new(x,foo) end),
    t("new4",fun() -> ets:new(ff,[named_table]),ets:new(ff,[named_table]) end),
    [t("new5",fun() -> is_reference(ets:new(x,[Opt])) end)||Opt<-[{keypos,0},{keypos,a},{keypos,1 bsl 70},{read_concurrency,1},{read_concurrency,true},{write_concurrency,auto},{write_concurrency,true},{write_concurrency,x},{heir,none},{heir,self(),1},{heir,x,1},{heir,self()},{decentralized_counters,true},{decentralized_counters,1},compressed,public,private,{heir,list_to_pid("<0.9999.0>"),1}]],
    t("new6",fun() -> ets:new(x,[set|a]) end),
    t("next",fun() -> ets:next(S,nokey) end),
    t("nexto",fun() -> ets:next(O,nokey) end),
    t("nextb",fun() -> ets:next(B,nokey) end),
    t("prev",fun() -> ets:prev(S,nokey) end),
    t("first",fun() -> ets:first(B) end),
    t("last",fun() -> ets:last(B) end),
    t("slot",fun() -> ets:slot(B,-1) end),
    t("slot3",fun() -> ets:slot(O,0) end),
    t("slot4",fun() -> ets:slot(O,1) end),
    t("slot5",fun() -> ets:slot(O,x) end),
    t("whereis",fun() -> {ets:whereis(ff)==ets:info(ff,id),ets:whereis(nope)} end),
    t("whereis",fun() -> ets:whereis(1) end),
    t("whereis",fun() -> ets:whereis(S) end),
    t("rename",fun() -> ets:rename(S,1) end),
    t("rename",fun() -> ets:rename(nope,a) end),
    t("rename",fun() -> is_reference(ets:rename(S,ggg)) end),
    t("rename",fun() -> ets:new(f2,[named_table]),ets:rename(f2,ff) end),
    t("rename",fun() -> ets:rename(f2,f2) end),
    t("rename",fun() -> ets:rename(f2,f3) end),
    t("fix",fun() -> ets:safe_fixtable(S,x) end),
    t("fix",fun() -> ets:safe_fixtable(S,false) end),
    t("ga",fun() -> ets:give_away(S,self(),x) end),
    t("ga",fun() -> ets:give_away(S,x,x) end),
    t("ga",fun() -> ets:give_away(S,list_to_pid("<0.9999.0>"),x) end),
    t("so",fun() -> ets:setopts(S,x) end),
    t("so",fun() -> ets:setopts(S,[]) end),
    t("so",fun() -> ets:setopts(S,{heir,none}) end),
    t("so",fun() -> ets:setopts(S,[{protection,public},{heir,self(),data}]) end),
    t("so",fun() -> ets:setopts(S,[{protection,public},{protection,private}]) end),
    t("so",fun() -> ets:setopts(S,{protection,x}) end),
    t("so",fun() -> ets:setopts(S,{keypos,2}) end),
    t("sel",fun() -> ets:select(S,x) end),
    t("sel",fun() -> ets:select(S,[]) end),
    t("sel",fun() -> ets:select(S,[{'$1',[],['$1']}],0) end),
    t("sel",fun() -> ets:select(S,[{'$1',[],['$1']}],x) end),
    t("sel",fun() -> ets:select(x) end),
    t("sel",fun() -> ets:select('$end_of_table') end),
    t("sel",fun() -> ets:match('$end_of_table') end),
    t("sel",fun() -> ets:match_object('$end_of_table') end),
    t("sel",fun() -> ets:match_object(foo) end),
    t("sel",fun() -> ets:match(foo) end),
    t("selr",fun() -> ets:select_reverse(foo) end),
    t("sel",fun() -> ets:select_count(S,x) end),
    t("sel",fun() -> ets:select_delete(S,x) end),
    t("sel",fun() -> ets:select_replace(S,x) end),
    t("selrep",fun() -> ets:select_replace(S,[{{'$1','$2'},[],[{{'$2','$1'}}]}]) end),
    t("selrep",fun() -> ets:select_replace(S,[{{'$1','$2'},[],[{{'$1',{{'$2'}}}}]}]) end),
    t("selrep",fun() -> ets:select_replace(B,[{{'$1','$2'},[],[{{'$1',{{'$2'}}}}]}]) end),
    t("msc",fun() -> ets:match_spec_compile(x) end),
    t("msc",fun() -> X=ets:match_spec_compile([{'$1',[],['$1']}]),{is_reference(X),ets:is_compiled_ms(X),ets:match_spec_run([1,2],X)} end),
    t("msr",fun() -> ets:match_spec_run([1],x) end),
    t("msr",fun() -> ets:match_spec_run_r([1],x,[]) end),
    t("msr",fun() -> ets:match_spec_run_r([1|2],ets:match_spec_compile([{'$1',[],['$1']}]),[]) end),
    t("all",fun() -> lists:member(S,ets:all()) end),
    t("del",fun() -> ets:delete(nope) end),
    t("take",fun() -> ets:take(nope,1) end),
    t("sc",fun() -> ets:internal_select_delete(S,[{'_',[],[true]}]) end),
    t("ida",fun() -> ets:internal_delete_all(S,undefined) end),
    t("do",fun() -> ets:delete_object(S,x) end),
    t("do",fun() -> ets:delete_object(S,{}) end),
    t("do",fun() -> ets:delete_object(S,{1}) end),
    P = spawn(fun() ->
                  ets:new(p, [private, named_table]), ets:new(p2, [protected, named_table]),
                  receive X -> X end
              end),
    wait(fun() -> ets:whereis(p2) =/= undefined end),
    t("acc",fun() -> ets:lookup(p,1) end),
    t("acc",fun() -> ets:insert(p2,{1}) end),
    t("acc",fun() -> ets:lookup(p2,1) end),
    t("acc",fun() -> ets:delete(p) end),
    t("acc",fun() -> ets:info(p,size) end),
    t("acc",fun() -> ets:rename(p2,p4) end),
    t("acc",fun() -> ets:give_away(p2,self(),1) end),
    t("acc",fun() -> ets:setopts(p2,{heir,none}) end),
    t("acc",fun() -> ets:safe_fixtable(p,true) end),
    t("acc",fun() -> ets:safe_fixtable(p2,true) end),
    t("acc",fun() -> ets:select(p,[{'_',[],['$_']}]) end),
    t("acc",fun() -> ets:select_delete(p2,[{'_',[],['$_']}]) end),
    t("acc",fun() -> ets:delete_all_objects(p2) end),
    t("acc",fun() -> ets:info(p,foo) end),
    t("acc",fun() -> ets:info(nope,foo) end),
    t("acc",fun() -> ets:info({a},size) end),
    t("acc",fun() -> ets:info({a}) end),
    t("acc",fun() -> ets:info(make_ref()) end),
    exit(P, kill),
    t("match", fun() -> [lists:sort(ets:match(S, X)) || X <- [{'$1', '$3'}, '$1', '_', foo, {}]] end),
    ets:delete(S), ets:delete(B), ets:delete(D), ets:delete(O).

wait(F) ->
    case F() of
        true -> ok;
        false -> receive after 5 -> wait(F) end
    end.

ms(O, Ms) ->
    R = try erlang:match_spec_test(O, Ms, table) of
            {error, L} -> {error, [lists:flatten(X) || {_, X} <- L]};
            V -> V
        catch C:Rz -> {C, Rz}
        end,
    io:format("~0p ~0p => ~0p~n", [O, Ms, R]).

specs() ->
    Names = ['+', '-', '*', '/', 'div', 'rem', 'band', 'bor', 'bxor', 'bnot', 'bsl', 'bsr', '==',
             '/=', '=:=', '=/=', '<', '>', '=<', '>=', abs, element, hd, tl, length, size, node,
             self, round, trunc, float, map_get, map_size, is_map_key, is_atom, is_record, is_list,
             is_function, is_boolean, tuple_size, byte_size, bit_size, binary_part, max, ceil,
             'and', 'or', 'xor', 'not', 'andalso', 'orelse', const, message, get_tcw, set_tcw,
             display, is_seq_trace, set_seq_token, foo, '$1', '$_', 'hello world'],
    [begin
         C = list_to_tuple([N | Args]),
         ms({1}, [{{'$1'}, [C], [yes]}]),
         N =:= self orelse ms({1}, [{{'$1'}, [], [C]}])
     end || N <- Names,
            Args <- [[], [1], [{{a, '$1'}}], [true, false], [1, '$_'], ['$1', 2], [true, 1, x]]],
    [ms({1}, [{{'$1'}, [], [E]}]) ||
        E <- [{'andalso',true,foo},{'andalso',foo,true},{'andalso',true,false,foo},{'andalso',true},{'orelse',false,foo},{'orelse',true,foo},{'and',true,foo},{'and',true},{'and',true,true,true},{'not',foo},{'or',false,false,true},{'xor',true,true},[a|'$1'],['$1','$1'|b],#{a=>'$1'},#{'$1'=>b},{const,'$1'},{const,{'$1'}},{const},{const,a,b},{foo},{1,2},{},{{}},{{},1},{{{}}},{{1,{{'$1'}}}},"abc",<<"x">>,1.5,'_','$_','$$',{element,1,'$_'},{hd,'$$'},{self,1},{is_record,'$_',a},{is_record,'$_',1},{is_record,{{a,1}},a,2},{is_record,{{a,1}},a},{is_record,'$_',a,x},{'$1',a},{'$_',a}]],
    [ms(O, [{P, [], [yes]}]) || {O,P}<-[{{#{a=>1}},{#{}}},{{#{a=>1,b=>2}},{#{a=>1}}},{{#{a=>1,b=>2}},{#{a=>'$1'}}},{{#{a=>1}},{#{'$1'=>1}}},{{#{a=>1}},{#{'_'=>1}}},{{#{a=>1}},{#{a=>1.0}}},{{1.0},{1}},{{1},{'$01'}},{{1},{'$100000000'}},{{1},{'$99999999'}},{{1,1.0},{'$1','$1'}},{{1,1},{'$1','$1'}},{{[1,2]},{['$1'|'$2']}},{{a,b},'_'},{{a,b},{'_','_','_'}},{{a},foo},{{a},1},{{a},[]},{{},{}},{{0.0},{-0.0}}]],
    [ms({1, 2}, Ms) || Ms<-[[],x,[x],[{x}],[{'_',x,[1]}],[{'_',[],x}],[{'_',[],[]}],[{'_',[x|y],[1]}],[{'_',[],[1|y]}],[{'_',[],[1]}|y],[{'_',[],[1],2}],[{'_',['$1'],[1]}],[{{'$1','_'},['$1'],[1]}],[{'_',[true,false],[1]}],[{'_',[{'==',1,1}],[1,2,3]}],[{'_',[{'div',1,0}],[1]},{'_',[],[2]}],[{'_',[],[{'div',1,0}]},{'_',[],[2]}],[{'_',[],[{'div',1,0},5]}],[{'_',[],[{'+',a,1}]}],[{'_',[{'orelse',{'+',a,1},true}],[1]}],[{'_',[foo],[1]}],[{'_',['$$'],[1]}],[{#{'$1'=>1},['$3'],[{foo}]}]]],
    [ms({1}, [{{'$1'}, [], [{{a, E, b}}]}]) || E<-[{'and',1,true},{'or',1,true},{'andalso',1,true},{'andalso',true,1},{'orelse',1,true},{'orelse',false,1,2},{'not',1},{'xor',1,true},{is_record,1,2,3},{'+',{'+',a,1},1},{element,3,'$_'},{hd,[]},{map_get,a,#{}},{'orelse',{'+',a,1},true},{'==',{'+',a,1},'EXIT'}]],
    [ms({1}, [{{'$1'}, [E], [x]}]) || E<-[{'==',{'+',a,1},'EXIT'},{'orelse',{'==',{'+',a,1},'EXIT'},true},{'andalso',true,1},{'orelse',true,1},{is_map_key,a,#{a=>1}},{'>',#{a=>'$1'},[]},{'=:=',{{'$1'}},{const,{1}}},{'=:=',['$1'|'$1'],{const,[1|1]}},{'=:=','$_',{{'$1'}}},{'=:=','$$',['$1']}]],
    Deep = lists:foldl(fun(_, A) -> [A] end, '$1', lists:seq(1, 60)),
    DeepV = lists:foldl(fun(_, A) -> [A] end, 1, lists:seq(1, 60)),
    {ok, 1, [], []} = erlang:match_spec_test({DeepV}, [{{Deep}, [], ['$1']}], table),
    {ok, DeepV, [], []} = erlang:match_spec_test({1}, [{{'$1'}, [], [Deep]}], table),
    Long = lists:duplicate(100, '$1'),
    {ok, R, [], []} = erlang:match_spec_test({1, 1}, [{{'$1', '_'}, [], [Long]}], table),
    100 = length(R),
    {ok, 1, [], []} = erlang:match_spec_test({R}, [{{Long}, [], ['$1']}], table),
    Many = [list_to_atom("$" ++ integer_to_list(I)) || I <- lists:seq(300, 1, -1)],
    {ok, All, [], []} = erlang:match_spec_test({lists:seq(1, 300)}, [{{Many}, [], ['$$']}], table),
    true = All =:= lists:seq(300, 1, -1),
    T = ets:new(ms, []),
    ets:insert(T, [{I, I rem 7, {x, I}} || I <- lists:seq(1, 100)]),
    t("fun2ms", fun() -> lists:sort(ets:select(T, ets:fun2ms(
        fun({A, B, {x, Z}}) when B == 3, A > 20; A =:= 100 -> {A, [Z, B], #{k => Z}} end))) end),
    t("fun2ms object", fun() -> lists:sort(ets:select(T, ets:fun2ms(
        fun({A, _, _} = Ob) when A rem 33 =:= 0 -> Ob end))) end),
    t("no clause", fun() -> {ets:select(T, []), ets:select_count(T, []), ets:select(T, [], 3)} end),
    t("keys", fun() -> lists:sort(ets:select(T, [{{5, '_', '$1'}, [], ['$1']}, {{7, '$2', '_'}, [], ['$2']},
        {{5, '$1', '_'}, [], ['$1']}, {x, [], [1]}, {{1000, '_', '_'}, [], [2]}])) end),
    t("exit", fun() -> ets:select(T, [{{5, '_', '$1'}, [], [{hd, '$1'}]}]) end),
    C = ets:match_spec_compile([{{'$1', '$2'}, [{'>', '$1', 3}], [{{'$2', '$1'}}]}]),
    t("run", fun() -> ets:match_spec_run([{I, I * I} || I <- lists:seq(1, 6)] ++ [x, {4}], C) end),
    t("run", fun() -> length(ets:match_spec_run([{I, I} || I <- lists:seq(1, 50000)], C)) end),
    t("compiled", fun() -> {ets:is_compiled_ms(C), ets:is_compiled_ms(make_ref()), ets:is_compiled_ms(1)} end),
    ets:delete(T).

replaces() ->
    S = ets:new(r, []), O = ets:new(r, [ordered_set]), D = ets:new(r, [duplicate_bag]),
    [t("replace", fun() ->
        [begin
             ets:delete_all_objects(T),
             ets:insert(T, [{1, 2}, {2, 3, a}, {{k}, 1}, {[l], 2}]),
             R = (catch ets:select_replace(T, Ms)),
             {case R of {'EXIT', {B, _}} -> B; _ -> R end, lists:sort(ets:tab2list(T))}
         end || T <- [S, O, D]]
     end) || Ms <-
        [[{'_',[],['$_']}],[{'$1',[],['$1']}],[{{'$1','_'},[],[{{'$1','$1'}}]}],[{{'$1','_'},[],[{const,{1,2}}]}],[{{1,'_'},[],[{const,{1,3}}]}],[{{1,'_'},[],[{{1,3}}]}],[{{'$1','$2'},[],[{setelement,2,'$_',5}]}],[{{'$1','_'},[],[1,{{'$1','$1'}}]}],[{{'$1','_'},[],[{{{element,1,'$_'},'$1'}}]}],[{{{'$1'},'_'},[],[{{{{'$1'}},'$1'}}]}],[{{['$1'],'_'},[],[{{['$1'],'$1'}}]}],[{{'$1','_'},[],[{{'$1','$1',{'div',1,0}}}]}],[{'_',[],[x]}], [{{'_','$1'},[],[{{'_','$1'}}]}],[{{'$1','$1'},[],[{{'$1',1}}]}],[{{{const,a},'$1'},[],[{{{const,a},1}}]}],[{{{const,a},'$1'},[],[{{{{const,a}},1}}]}]]],
    [ets:delete(T) || T <- [S, O, D]],
    ok.

bags() ->
    B = ets:new(b, [bag]), D = ets:new(d, [duplicate_bag, {keypos, 2}]),
    [begin ets:insert(B, {1, I rem 3, z}), ets:insert(D, {I rem 3, 1, z}) end || I <- lists:seq(1, 6)],
    t("bags", fun() -> [ets:lookup(B, 1), ets:lookup(D, 1), ets:lookup_element(B, 1, 2), ets:tab2list(B),
        ets:match(B, {1, '$1', '_'}), ets:select_reverse(B, [{'$1', [], ['$1']}])] end),
    ets:insert(B, {1, 2, z}),
    t("again", fun() -> ets:lookup(B, 1) end),
    t("take", fun() -> {ets:take(D, 1), ets:take(D, 1), ets:info(D, size)} end),
    ets:insert(B, [{1, 2, z}, {1, 77, a}, {1, 0, z}]),
    ets:insert(D, [{2, 1, z}, {77, 1, a}, {2, 1, z}, {0, 1, z}]),
    t("more", fun() -> {ets:lookup(B, 1), ets:lookup(D, 1)} end),
    t("delete_object", fun() -> ets:delete_object(D, {2, 1, z}), ets:delete_object(B, {1, 2, z}),
                                {ets:lookup(B, 1), ets:lookup(D, 1)} end),
    t("insert_new", fun() -> [ets:insert_new(B, X) || X <- [{1, q}, {9, q}, [{9, r}, {10, r}], [{11, r}, {11, s}]]] end),
    t("fixed", fun() ->
        ets:safe_fixtable(B, true), ets:delete(B, 1), ets:insert(B, {1, 5, z}), ets:insert(B, {1, 77, a}),
        R = {lists:sort(ets:lookup(B, 1)), ets:info(B, size)}, ets:safe_fixtable(B, false),
        {R, lists:sort(ets:lookup(B, 1)), lists:sort(ets:tab2list(B))} end),
    ets:delete(B), ets:delete(D).

chunks() ->
    [begin
         T = ets:new(c, [Type]),
         ets:insert(T, [{I, I rem 10} || I <- lists:seq(1, 997)]),
         [begin
              A = all(ets:select(T, [{{'$1', '_'}, [], ['$1']}], N), fun ets:select/1, []),
              true = lists:sort(A) =:= lists:seq(1, 997),
              M = all(ets:match(T, {'$1', 3}, N), fun ets:match/1, []),
              O = all(ets:match_object(T, {'_', 3}, N), fun ets:match_object/1, []),
              R = all(ets:select_reverse(T, [{{'$1', 4}, [], ['$1']}], N), fun ets:select_reverse/1, []),
              io:format("~p ~p ~p ~p ~p~n", [Type, N, length(M), length(O), length(R)]),
              Type =:= ordered_set andalso
                  io:format("~0p~n", [{lists:sublist(A, 5), lists:sublist(R, 5), hd(M), hd(O)}])
          end || N <- [1, 3, 100, 996, 997, 998, 100000]],
         ets:delete(T)
     end || Type <- [set, ordered_set, bag, duplicate_bag]],
    T = ets:new(c, [ordered_set]),
    ets:insert(T, [{I} || I <- lists:seq(1, 10)]),
    {[1, 2, 3], C} = ets:select(T, [{{'$1'}, [], ['$1']}], 3),
    ets:insert(T, {3.5}), ets:delete(T, 3), ets:delete(T, 4),
    t("changed", fun() -> element(1, ets:select(C)) end),
    C2 = ets:repair_continuation(setelement(5, C, <<>>), [{{'$1'}, [], ['$1']}]),
    t("repaired", fun() -> element(1, ets:select(C2)) end),
    [t("bad", fun() -> ets:select(setelement(I, C, x)) end) || I <- [1, 4, 5]],
    ets:delete(T),
    t("deleted", fun() -> ets:select(C) end).

all('$end_of_table', _, Acc) -> lists:append(lists:reverse(Acc));
all({L, '$end_of_table'}, _, Acc) -> lists:append(lists:reverse([L | Acc]));
all({L, C}, F, Acc) -> all(F(C), F, [L | Acc]).

%% ---- against a list of {Key, Value, Extra}, oldest first ----

model(Type, Seed) ->
    put(seed, Seed),
    T = ets:new(m, [Type]),
    L = model(3000, T, Type, []),
    io:format("~p ~p ~p~n", [Type, length(L), erlang:phash2(lists:sort(L))]),
    ets:delete(T).

model(0, _, _, L) -> L;
model(N, T, Type, L) ->
    K = key(rnd(60)),
    V = rnd(4),
    L1 = case rnd(12) of
             0 -> ets:delete(T, K), without(Type, K, L);
             1 ->
                 true = lists:sort(ets:take(T, K)) =:= lists:sort(with(Type, K, L)),
                 without(Type, K, L);
             2 -> ets:delete_object(T, {K, V, x}), [O || O <- L, O =/= {K, V, x}];
             3 ->
                 Is = with(Type, K, L) =:= [],
                 Is = ets:insert_new(T, {K, V, x}),
                 if Is -> L ++ [{K, V, x}]; true -> L end;
             4 when Type =:= set; Type =:= ordered_set ->
                 case with(Type, K, L) of
                     [{K0, V0, X}] ->
                         V1 = V0 + V * 3,
                         V1 = ets:update_counter(T, K, {2, V * 3}),
                         replace(K0, {K0, V1, X}, L);
                     [] ->
                         {'EXIT', _} = (catch ets:update_counter(T, K, {2, 1})),
                         V = ets:update_counter(T, K, {2, V}, {d, 0, <<"long", 0:500>>}),
                         L ++ [{K, V, <<"long", 0:500>>}]
                 end;
             5 when Type =:= set; Type =:= ordered_set ->
                 case with(Type, K, L) of
                     [{K0, V0, _}] ->
                         true = ets:update_element(T, K, {3, {n, V}}),
                         replace(K0, {K0, V0, {n, V}}, L);
                     [] -> false = ets:update_element(T, K, {3, x}), L
                 end;
             6 ->
                 Del = ets:select_delete(T, [{{'_', V, x}, [], [true]}, {{K, '_', '_'}, [], [true]}]),
                 L2 = [O || {K1, V1, X1} = O <- L, not (V1 == V andalso X1 == x), K1 =/= K],
                 true = Del =:= length(L) - length(L2),
                 L2;
             7 when N rem 50 =:= 0 -> ets:delete_all_objects(T), [];
             _ ->
                 true = ets:insert(T, {K, V, x}),
                 put_in(Type, {K, V, x}, L)
         end,
    check(Type, T, L1, key(rnd(60)), V),
    model(N - 1, T, Type, L1).

key(N) when N < 20 -> N;
key(N) when N < 30 -> N * 1.0;
key(N) when N < 40 -> {N rem 7, [N]};
key(N) when N < 50 -> <<N:64>>;
key(N) -> (1 bsl 70) + N rem 5.

same(ordered_set, A, B) -> A == B;
same(_, A, B) -> A =:= B.
with(Type, K, L) -> [O || O <- L, same(Type, element(1, O), K)].
without(Type, K, L) -> [O || O <- L, not same(Type, element(1, O), K)].
replace(K, New, L) -> [case O of {K, _, _} -> New; _ -> O end || O <- L].
put_in(duplicate_bag, O, L) -> L ++ [O];
put_in(bag, O, L) ->
    case lists:member(O, L) of
        true -> L;
        false -> L ++ [O]
    end;
put_in(Type, O, L) -> without(Type, element(1, O), L) ++ [O].

check(Type, T, L, K, V) ->
    true = ets:info(T, size) =:= length(L),
    W = with(Type, K, L),
    W = ets:lookup(T, K),
    true = ets:member(T, K) =:= (W =/= []),
    case rnd(8) of
        0 ->
            Sorted = lists:sort(L),
            Sorted = lists:sort(ets:tab2list(T)),
            Count = length([1 || {_, V1, _} <- L, V1 =:= V]),
            Count = ets:select_count(T, [{{'_', V, '_'}, [], [true]}]),
            Keys = lists:usort([K1 || {K1, _, _} <- L]),
            Keys = lists:usort(keys(T, ets:first(T), [])),
            true = length(Keys) =:= length(keys(T, ets:first(T), [])),
            Type =:= ordered_set andalso begin
                ByKey = lists:keysort(1, L),
                ByKey = ets:tab2list(T),
                Rev = lists:reverse(ByKey),
                Rev = ets:select_reverse(T, [{'$1', [], ['$1']}]),
                Next = case [K1 || {K1, _, _} <- ByKey, K1 > K] of [] -> '$end_of_table'; [A | _] -> A end,
                Next = ets:next(T, K),
                Prev = case [K1 || {K1, _, _} <- Rev, K1 < K] of [] -> '$end_of_table'; [B | _] -> B end,
                Prev = ets:prev(T, K)
            end;
        _ -> ok
    end.

keys(_, '$end_of_table', Acc) -> Acc;
keys(T, K, Acc) -> keys(T, ets:next(T, K), [K | Acc]).

%% ---- traversal of a fixed table that changes ----

fixed() ->
    [begin
         T = ets:new(f, [Type]),
         ets:insert(T, [{I, x} || I <- lists:seq(1, 1000)]),
         ets:safe_fixtable(T, true),
         Seen = walk(T, ets:first(T), []),
         Old = [K || K <- Seen, K =< 1000],
         true = length(Old) =:= length(lists:usort(Old)),
         %% All that stayed were seen.
         true = [K || K <- lists:seq(1, 1000), K rem 3 =:= 0] -- Old =:= [],
         %% What is there depends on the order: only ordered tables have one to print.
         Size = ets:info(T, size),
         true = Size =:= length(ets:tab2list(T)),
         ets:safe_fixtable(T, false),
         Size = ets:info(T, size),
         L = lists:sort([K || {K, _} <- ets:tab2list(T)]),
         true = L =:= lists:usort(L) andalso length(L) =:= Size,
         Type =:= ordered_set andalso io:format("~p~n", [{Size, erlang:phash2(L)}]),
         ets:delete(T)
     end || Type <- [set, ordered_set, bag, duplicate_bag]],
    T = ets:new(f, [public]),
    ets:insert(T, [{I} || I <- lists:seq(1, 100)]),
    {P, M} = spawn_monitor(fun() -> ets:safe_fixtable(T, true), ets:safe_fixtable(T, true),
                                    receive go -> ok end end),
    wait(fun() -> ets:info(T, fixed) end),
    t("fixed by", fun() -> {_, [{P, N}]} = ets:info(T, safe_fixed), N end),
    [ets:delete(T, I) || I <- lists:seq(1, 100, 2)],
    P ! go,
    receive {'DOWN', M, _, _, _} -> ok end,
    wait(fun() -> not ets:info(T, fixed) end),
    t("free", fun() -> {ets:info(T, fixed), ets:info(T, safe_fixed), length(ets:tab2list(T))} end),
    ets:safe_fixtable(T, true),
    ets:delete_all_objects(T),
    t("all gone", fun() -> {ets:tab2list(T), ets:first(T), ets:info(T, size)} end),
    ets:insert(T, [{I} || I <- lists:seq(1, 50)]),
    ets:safe_fixtable(T, false),
    t("some back", fun() -> {length(ets:tab2list(T)), ets:info(T, size)} end),
    ets:delete(T).

walk(_, '$end_of_table', Acc) -> lists:reverse(Acc);
walk(T, K, Acc) ->
    K rem 3 =:= 1 andalso ets:delete(T, K),
    K rem 3 =:= 2 andalso K < 1000 andalso ets:delete(T, (K * 7) rem 1000 div 3 * 3 + 1),
    K < 1000 andalso ets:insert(T, {K + 10000, y}),
    walk(T, ets:next(T, K), [K | Acc]).

%% ---- owners ----

owners() ->
    Me = self(),
    Heir = fun() -> receive {'ETS-TRANSFER', T, From, Data} ->
                        Me ! {heir, ets:info(T, owner) =:= self(), is_pid(From), Data, ets:tab2list(T)},
                        receive stop -> ok end end end,
    H = spawn(Heir),
    {P, M} = spawn_monitor(fun() ->
        T = ets:new(inherited, [{heir, H, {data, "list"}}]), ets:insert(T, {1, 2}),
        ets:new(own, [named_table]), exit(bye) end),
    receive {'DOWN', M, _, P, R} -> t("exit", fun() -> R end) end,
    receive Msg -> t("heir", fun() -> Msg end) end,
    wait(fun() -> ets:whereis(own) =:= undefined end),
    H ! stop,
    G = spawn(Heir),
    T2 = ets:new(given, [named_table]),
    ets:insert(T2, {3, 4}),
    t("give", fun() -> ets:give_away(T2, G, gift) end),
    receive Msg2 -> t("given", fun() -> Msg2 end) end,
    t("not ours", fun() -> ets:insert(given, {1}) end),
    t("not ours", fun() -> ets:give_away(given, G, x) end),
    t("still", fun() -> ets:lookup(given, 3) end),
    exit(G, kill),
    wait(fun() -> ets:whereis(given) =:= undefined end),
    T3 = ets:new(x, [{heir, G, dead}]),
    t("dead heir", fun() -> ets:info(T3, heir) =:= G orelse ets:info(T3, heir) end),
    t("setopts", fun() -> ets:setopts(T3, [{heir, none}, {protection, private}]),
                          {ets:info(T3, heir), ets:info(T3, protection)} end),
    ets:delete(T3),
    Self = self(),
    {P4, M4} = spawn_monitor(fun() -> [ets:new(n, [{heir, Self, I}]) || I <- lists:seq(1, 20)] end),
    L = lists:sort([receive {'ETS-TRANSFER', T4, P4, D4} -> ets:delete(T4), D4 end || _ <- lists:seq(1, 20)]),
    receive {'DOWN', M4, _, _, _} -> ok end,
    t("many", fun() -> L end).

names() ->
    T = ets:new(name1, [named_table]),
    ets:insert(name1, {a}),
    W = ets:whereis(name1),
    t("names", fun() -> {T, ets:lookup(W, a), ets:rename(name1, name2), ets:whereis(name1),
                         ets:whereis(name2) =:= W, ets:info(W, name), ets:lookup(name2, a),
                         lists:member(name2, ets:all())} end),
    R = binary_to_term(term_to_binary(W)),
    t("same", fun() -> {R =:= W, ets:lookup(R, a)} end),
    ets:new(name1, [named_table]),
    t("taken", fun() -> ets:rename(name2, name1) end),
    t("delete", fun() -> ets:delete(name2) end),
    t("gone", fun() -> {ets:lookup(W, a)} end),
    ets:delete(name1),
    N = length(ets:all()),
    Ts = [ets:new(list_to_atom("many" ++ integer_to_list(I)), [named_table]) || I <- lists:seq(1, 1000)],
    t("many", fun() -> length(ets:all()) - N end),
    [ets:insert(X, {1, X}) || X <- Ts],
    true = [ets:lookup_element(X, 1, 2) || X <- Ts] =:= Ts,
    [ets:delete(X) || X <- Ts],
    t("none", fun() -> length(ets:all()) - N end),
    C = erlang:system_info(ets_count), B = erlang:memory(ets),
    X = ets:new(x, []),
    ets:insert(X, [{I, "text"} || I <- lists:seq(1, 10000)]),
    t("counted", fun() -> {erlang:system_info(ets_count) - C, erlang:memory(ets) - B > 500000} end),
    ets:delete(X),
    %% OTP frees the memory behind delete/1.
    t("counted", fun() -> {erlang:system_info(ets_count) - C, freed(B + 100000)} end).

freed(Below) ->
    erlang:memory(ets) < Below orelse receive after 1 -> freed(Below) end.

%% ---- what takes more than one slice ----

big() ->
    [begin
         T = ets:new(big, [Type]),
         N = 60000,
         ets:insert(T, [{I, I rem 100, "x"} || I <- lists:seq(1, N)]),
         Sum = lists:sum(ets:select(T, [{{'$1', '_', '_'}, [], ['$1']}])),
         true = Sum =:= N * (N + 1) div 2,
         Type =:= ordered_set andalso
             (true = ets:select(T, [{{'$1', '_', '_'}, [], ['$1']}]) =:= lists:seq(1, N)),
         Type =:= ordered_set andalso
             (true = ets:select_reverse(T, [{{'$1', '_', '_'}, [], ['$1']}]) =:= lists:seq(N, 1, -1)),
         false = ets:info(T, fixed),
         io:format("~p~n", [{Type, ets:select_count(T, [{{'_', 5, '_'}, [], [true]}]),
             catch ets:select_replace(T, [{{'$1', 7, '_'}, [], [{{'$1', 107, "yy"}}]}]) =:= x,
             ets:select_delete(T, [{{'_', '$1', '_'}, [{'<', '$1', 60}], [true]}]), ets:info(T, size),
             ets:select_count(T, [{'_', [], [true]}]), ets:info(T, fixed)}]),
         io:format("~p~n", [{length(ets:match_object(T, {'_', 99, '_'})), length(ets:tab2list(T)),
             ets:foldl(fun({_, A, _}, B) -> A + B end, 0, T)}]),
         true = ets:insert(T, [{I, 1, y} || I <- lists:seq(1, 1000)]),
         io:format("~p~n", [ets:delete_all_objects(T)]),
         ets:insert(T, [{I} || I <- lists:seq(1, N)]),
         io:format("~p~n", [{ets:info(T, size), ets:delete(T)}])
     end || Type <- [set, ordered_set, duplicate_bag]],
    %% A process that is killed while it goes through a table leaves it as it was.
    T = ets:new(big, [public]),
    ets:insert(T, [{I, x} || I <- lists:seq(1, 50000)]),
    Ps = [spawn(fun() -> loop(T) end) || _ <- lists:seq(1, 3)],
    [erlang:yield() || _ <- lists:seq(1, 50)],
    [exit(P, kill) || P <- Ps],
    wait(fun() -> not lists:any(fun is_process_alive/1, Ps) end),
    wait(fun() -> not ets:info(T, fixed) end),
    [ets:delete(T, I) || I <- lists:seq(1, 49999)],
    io:format("~p~n", [{ets:tab2list(T), ets:info(T, fixed)}]),
    ets:delete(T).

loop(T) ->
    ets:select_count(T, [{{'$1', '_'}, [{'>', {'+', '$1', 1}, 10}], [true]}]),
    loop(T).

big_terms() ->
    T = ets:new(bt, []),
    Bin = binary:copy(<<1, 2, 3, 4>>, 25000),
    [ets:insert(T, {I, Bin, [Bin, binary:part(Bin, I, 100)], I bsl 100}) || I <- lists:seq(1, 50)],
    [ets:update_counter(T, I, {4, 1}) || I <- lists:seq(1, 50)],
    [ets:update_element(T, I, {3, {binary:part(Bin, 10, 80), I}}) || I <- lists:seq(1, 50)],
    garbage_collect(),
    [{B, S}] = lists:usort([{element(2, O), element(1, element(3, O))} || O <- ets:tab2list(T)]),
    true = B =:= Bin,
    io:format("~p~n", [{byte_size(S), lists:sum([element(4, O) || O <- ets:tab2list(T)])}]),
    io:format("~p~n", [length(ets:info(T, binary)) >= 50]),
    [R] = ets:select(T, [{{7, '$1', '$2', '_'}, [], [{{{element, 1, '$2'}, {binary_part, '$1', 4, 90}}}]}]),
    ets:delete(T),
    garbage_collect(),
    io:format("~p~n", [{byte_size(element(1, R)), erlang:phash2(R)}]).

%% Tables that hold themselves and each other.
itself() ->
    T = ets:new(i, []), U = ets:new(i, [ordered_set]),
    [ets:insert(X, {Y, X}) || X <- [T, U], Y <- [T, U]],
    t("itself", fun() -> [ets:lookup_element(X, T, 2) =:= X || X <- [T, U]] end),
    ets:delete(T),
    {_, M} = spawn_monitor(fun() -> V = ets:new(i, []), ets:insert(V, {V, T, U}) end),
    receive {'DOWN', M, _, _, _} -> ok end,
    ets:delete_all_objects(U),
    ets:insert(U, {U}).

workers() ->
    T = ets:new(w, [public, {write_concurrency, true}, {read_concurrency, true}]),
    O = ets:new(w, [public, ordered_set]),
    B = ets:new(w, [public, bag]),
    Ps = [spawn_monitor(fun() -> work(N, 2000, T, O, B) end) || N <- lists:seq(1, 8)],
    [receive {'DOWN', M, _, P, Why} -> normal = Why end || {P, M} <- Ps],
    io:format("~p~n", [{ets:lookup(T, count), ets:info(T, size), ets:info(O, size), ets:info(B, size),
                        lists:sum([V || {_, V} <- ets:tab2list(O)]), length(ets:lookup(B, 3))}]),
    [ets:delete(X) || X <- [T, O, B]].

work(_, 0, _, _, _) -> ok;
work(N, I, T, O, B) ->
    ets:update_counter(T, count, 1, {count, 0}),
    ets:insert(T, {{N, I}, I}),
    ets:update_counter(O, I rem 100, {2, N}, {x, 0}),
    ets:insert(B, {I rem 10, N}),
    I rem 100 =:= 0 andalso ets:select_count(T, [{{{N, '_'}, '_'}, [], [true]}]),
    I rem 2 =:= 0 andalso ets:delete(T, {N, I}),
    I rem 500 =:= 0 andalso ets:tab2list(O),
    work(N, I - 1, T, O, B).

library() ->
    T = ets:new(l, [ordered_set]),
    ets:insert(T, [{I, I * I} || I <- lists:seq(1, 10)]),
    t("foldr", fun() -> ets:foldr(fun({A, _}, L) -> [A | L] end, [], T) end),
    t("to dets-like list", fun() -> ets:match_delete(T, {'_', 49}), ets:tab2list(T) end),
    t("from list", fun() -> ets:from_dets(T, x) end),
    t("init_table", fun() ->
        ets:init_table(T, fun(read) -> {[{a, 1}, {b, 2}], fun(read) -> end_of_input; (close) -> ok end};
                             (close) -> ok end), ets:tab2list(T) end),
    t("qlc table", fun() -> element(1, ets:table(T)) end),
    t("test_ms", fun() -> ets:test_ms({a, 1}, [{{'$1', '$2'}, [], ['$2']}]) end),
    ets:delete(T).
