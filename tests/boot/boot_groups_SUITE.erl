%% A suite with groups of all kinds, skipped, failing and late cases.
-module(boot_groups_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("common_test/include/ct.hrl").

suite() -> [{timetrap, {seconds, 60}}].
all() ->
    [good, bad, skipped, {group, sequence}, {group, repeat}, late, {group, shuffled}, no_init,
     commented, exits, saves, uses].
groups() ->
    [{sequence, [sequence], [good, bad, never]}, {parallel, [parallel], [good, bad, commented]},
     {repeat, [{repeat, 2}], [good]}, {shuffled, [{shuffle, {1, 2, 3}}], [good, bad, commented]}].

init_per_suite(Config) -> [{key, 1} | Config].
end_per_suite(_) -> ok.
init_per_group(Group, Config) -> [{group, Group} | Config].
end_per_group(_, _) -> ok.
init_per_testcase(no_init, _) -> error(no_init);
init_per_testcase(_, Config) -> Config.
end_per_testcase(_, _) -> ok.

good(Config) -> 1 = ?config(key, Config).
bad(_) -> ct:fail("why ~p", [not_]).
skipped(_) -> {skip, "no reason"}.
never(_) -> ok.
late() -> [{timetrap, 100}].
late(_) -> receive never -> ok end.
no_init(_) -> ok.
commented(_) -> {comment, "commented"}.
exits(_) -> exit(bye).
saves(_) -> {save_config, [{a, 1}]}.
uses(Config) ->
    {saves, [{a, 1}]} = ?config(saved_config, Config),
    boot_eunit:add_test(),
    ok.
