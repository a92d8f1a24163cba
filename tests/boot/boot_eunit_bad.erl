%% Unit tests most of which fail, in all the ways eunit knows.
-module(boot_eunit_bad).
-compile(nowarn_failing).
-include_lib("eunit/include/eunit.hrl").

pass_test() -> ok.
equal_test() -> ?assertEqual(one(), 2).
match_test() -> ?assertMatch({a, _}, {b, one()}).
no_match_test() -> ?assertNotMatch({_, _}, {one(), 2}).
not_equal_test() -> ?assertNotEqual(1, one()).
no_exception_test() -> ?assertException(error, badarg, one()).
other_exception_test() -> ?assertError(badarith, hd(one())).
error_test() -> error(my_error).
throw_test() -> throw(ball).
exit_test() -> exit(bye).
linked_test() -> spawn_link(fun() -> exit(linked) end), receive never -> ok end.
command_test() -> ?assertCmd("exit 3").
command_output_test() -> ?assertCmdOutput("hi\n", "echo hi").
output_test() -> io:format("some output ~p~n", [x]), error(with_output).

timeout_test_() -> {timeout, 0.05, fun() -> receive never -> ok end end}.
list_test_() -> [?_assert(one() =:= 1), ?_assert(one() =:= 2), {"titled", ?_assertEqual(a, one())}].
setup_test_() ->
    {setup, fun() -> 1 end, fun(_) -> ok end, fun(X) -> [?_assertEqual(1, X), ?_assertEqual(2, X)] end}.
bad_setup_test_() ->
    {setup, fun() -> error(no_setup) end, fun(_) -> ok end, fun(_) -> [?_assert(true)] end}.
bad_cleanup_test_() ->
    {setup, fun() -> ok end, fun(_) -> error(no_cleanup) end, fun(_) -> [?_assert(true)] end}.
foreach_test_() ->
    {foreach, fun() -> ets:new(x, []) end, fun(T) -> ets:delete(T) end,
     [fun(T) -> ?_assertEqual([], ets:tab2list(T)) end,
      fun(T) -> ?_assertEqual(1, ets:info(T, size)) end]}.
parallel_test_() -> {inparallel, [?_assert(true) || _ <- lists:seq(1, 20)]}.
order_test_() ->
    {inorder, [{spawn, ?_assert(true)}, {with, 3, [fun(3) -> ok end, fun(_) -> error(x) end]}]}.
bad_generator_test_() -> nonsense.
lazy_test_() -> {generator, fun() -> ?_assert(true) end}.
module_test_() -> {module, boot_eunit}.

one() -> list_to_integer("1").
