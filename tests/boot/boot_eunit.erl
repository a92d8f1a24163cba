%% What eunit makes of tests that pass, fail, crash, print, are grouped and set up.
-module(boot_eunit).
-include_lib("eunit/include/eunit.hrl").

add_test() -> ?assertEqual(3, 1 + two()).
fails_test() -> ?assertEqual(4, 1 + two()).
crashes_test() -> error(crash).
throws_test() -> throw(ball).
prints_test() -> io:format("printed~n").
generated_test_() -> [?_assert(is_atom(a)), ?_assertError(badarith, 1 / (two() - 2))].
table_test_() ->
    {setup, fun() -> ets:new(t, []) end, fun ets:delete/1,
     fun(T) -> [?_assertEqual([], ets:tab2list(T)), ?_assertMatch([_], ets:tab2list(T))] end}.
timeout_test_() -> {timeout, 0.1, fun() -> timer:sleep(10000) end}.
processes_test_() ->
    {inparallel, [fun() -> N = lists:sum(lists:seq(1, N)) end || N <- [1, 1, 3]]}.

two() -> list_to_integer("2").
