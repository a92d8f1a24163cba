%% Cases that pass, fail, are skipped, repeated and grouped, for common_test.
-module(boot_SUITE).
-include_lib("common_test/include/ct.hrl").
-compile([export_all, nowarn_export_all]).

suite() -> [{timetrap, {seconds, 30}}].
all() -> [passes, fails, skipped, crashes, {group, twice}, times_out].
groups() -> [{twice, [parallel, {repeat, 2}], [one, two]}].

init_per_suite(Config) -> [{number, 17} | Config].
end_per_suite(_) -> ok.
init_per_group(_, Config) -> [{group, here} | Config].
end_per_group(_, _) -> ok.
init_per_testcase(_, Config) -> Config.
end_per_testcase(_, _) -> ok.

passes(Config) -> 17 = ?config(number, Config), ct:pal("from ~p", [?FUNCTION_NAME]).
fails(Config) -> 18 = ?config(number, Config).
skipped(_) -> {skip, "not today"}.
crashes(_) -> spawn_link(fun() -> exit(gone) end), timer:sleep(infinity).
one(Config) -> here = ?config(group, Config), {comment, "a comment"}.
two(_) -> ct:fail("no").
times_out() -> [{timetrap, 1000}].
times_out(_) -> timer:sleep(infinity).
