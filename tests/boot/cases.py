"""Command lines of tests/boot/run.py: each runs on stock erl and on ling-erl.

args: of erl; @EBIN@ stands for the folder with the modules beside this file, @ERL@ for the program.
status: what the exit status must be on both. stderr: compared, too. env, files (written to the
case's folder), results (files there whose contents belong to the output), stdin, mask (pattern, replacement), sort (lines), timeout, program (instead of erl).
"""


def eval_(text, *more, **options):
    return dict(args=["-noshell", *more, "-eval", text], status=options.pop("status", 0), **options)


CASES = {
    "release": eval_('io:format("~s~n",[erlang:system_info(otp_release)]), halt().'),
    "init_stop": dict(args=["-noshell", "-s", "init", "stop"], status=0),
    "halt_status": eval_("halt(3).", status=3),
    # A crash goes to the logger, and what kills OTP's own processes ends it.
    "crash_report": eval_("{_, M} = spawn_monitor(fun() -> 1 / (length(get()) * 0) end),"
                          "receive {'DOWN', M, _, _, _} -> sys:get_state(logger_proxy) end,"
                          "logger_std_h:filesync(default), init:stop().",
                          mask=[(r"/tmp/\\S+", "DIR")]),
    "eval_throws": eval_("throw(ball).", status=1, stderr=True),
    "system_process": eval_("exit(whereis(init), kill), timer:sleep(5000).", status=1, stderr=True),
    "system_process_2": eval_("exit(whereis(erts_code_purger), kill), timer:sleep(5000).",
                              status=1, stderr=True),
    "system_processes": eval_(
        "[io:format(\"~p~n\", [process_info(whereis(P), [registered_name, priority, trap_exit,"
        " message_queue_data, initial_call])]) || P <- [init, erts_code_purger]], halt()."),
    "slogan": eval_("halt(\"the end\").", status=1, stderr=True),
    "stop_status": eval_("init:stop(4).", status=4),
}


# Erlang time: modes, and what happens when a preliminary offset becomes final.
for name, flags in {"no": "+C no_time_warp", "single": "+C single_time_warp",
                    "multi": "+Cmulti_time_warp", "uncorrected": "+c false +C single_time_warp",
                    "uncorrected_multi": "+C multi_time_warp +c", "corrected": "+c true"}.items():
    CASES["time_" + name] = eval_(
        'I = fun() -> io:format("~p~n", [[erlang:system_info(I) ||'
        ' I <- [time_offset, time_warp_mode, time_correction]]]) end, I(),'
        ' R = erlang:monitor(time_offset, clock_service), F = erlang:system_flag(time_offset,'
        ' finalize), io:format("~p~n", [F]),'
        ' F =:= preliminary andalso receive {C, R, T, S, O} ->'
        ' io:format("~p~n", [{C, T, S, O =:= erlang:time_offset()}]) end,'
        ' I(), io:format("~p~n", [erlang:system_flag(time_offset, finalize)]),'
        ' io:format("~p~n", [abs(erlang:system_time(second) - os:system_time(second)) < 60]),'
        ' T0 = erlang:monotonic_time(), erlang:send_after(10, self(), x), receive x -> ok end,'
        ' io:format("~p~n", [erlang:monotonic_time() > T0]), halt().', *flags.split())


def tool(name, **options):
    """A function of boot_tools.erl."""
    return dict(args=["-noshell", "-pa", "@EBIN@", "-s", "boot_tools", "run", name], status=0,
                **options)


for name in ("dets mnesia_ram mnesia_disc sasl xref cover compile parsetools files programs crypto"
             " distribution purge restart figures").split():
    CASES[name] = tool(name, timeout=300)
# Reports of the logger and what a program prints may change places.
CASES["mnesia_disc"].update(mask=[(r'"/[^"]*/db"', "DIR")], sort=True)
CASES["mnesia_ram"]["sort"] = True
CASES["figures"]["mask"] = [(r"system version: .*", "system version: V")]
FIGURES = [(r"(heap_size|stack_size|reductions): \d+", r"\1: N")]

CASES.update({
    "application": dict(args=["-noshell", "-pa", "@EBIN@", "-s", "boot_app", "run"], status=0,
                        mask=FIGURES),
    "config": dict(args=["-noshell", "-pa", "@EBIN@", "-config", "sys", "-boot_app", "other", "1",
                         "-s", "boot_app", "run"], status=0, mask=FIGURES,
                   files={"sys.config": "[{boot_app, [{greeting, {hello, 1}}]},"
                          " {kernel, [{logger_level, error}]}]."}),
    "start_sasl": eval_("io:format(\"~p~n\", [[A || {A, _, _} <- application:which_applications()"
                        "]]), init:stop().", "-boot", "start_sasl"),
    "embedded": eval_("io:format(\"~p~n\", [code:get_mode()]), halt().", "-mode", "embedded"),
    "run_function": dict(args=["-noshell", "-run", "io", "format", "hello ", "-s", "init", "stop",
                               "-extra", "x"], status=0),
    "arguments": dict(args=["-noshell", "-a", "1", "2", "-eval",
                            "io:format(\"~p~n~p~n\", [tl(lists:keydelete(progname, 1,"
                            " init:get_arguments())), init:get_plain_arguments()]), halt().",
                            "--", "plain", "-b", "-extra", "+S", "-x"], status=0),
    "environment": eval_("io:format(\"~p ~p~n\", [os:getenv(\"A\"), init:get_argument(z)]),"
                         " halt().", "-env", "A", "value of A", env={"ERL_ZFLAGS": "-z 1 2"}),
    "libs": eval_("io:format(\"~p~n\", [filename:basename(code:lib_dir(mine))]), halt().",
                  env={"ERL_LIBS": "libs"},
                  files={"libs/mine-1.2/ebin/mine.app": "{application, mine, []}."}),
    "no_such_boot": dict(args=["-noshell", "-boot", "nothing"], status=1),
    "no_such_function": dict(args=["-noshell", "-s", "lists", "nothing"], status=1, stderr=True),
    "syntax_error": eval_("a b.", status=1, stderr=True),
    "bad_config": dict(args=["-noshell", "-config", "nothing"], status=1),
    "undefined": eval_("catch nothing:at_all(1), io:format(\"~p~n\", [catch lists:nothing()]),"
                       " init:stop()."),
    "eunit": eval_("io:format(\"~p~n\", [eunit:test(boot_eunit, [verbose])]), halt().", "-pa",
                   "@EBIN@", mask=[(r"\[\d+\.\d+ s\] ", ""), (r"in \d+\.\d+ s", "")]),
    "common_test": eval_(
        "file:make_dir(\"logs\"), R = ct:run_test([{dir, \"@EBIN@\"}, {suite, boot_SUITE},"
        " {logdir, \"logs\"}, {auto_compile, false}]), io:format(\"~p~n\", [R]), halt().",
        "-pa", "@EBIN@", mask=[(r"/tmp/\S+?(?=[/\s\"])", "DIR"), (r"ct_run\.\S+", "RUN")],
        timeout=300),
    "pipe_shell": dict(args=[], status=0, stdin="1+2.\nX = [a|b].\nlists:nothing().\nX.\nf().\n"),
    # What the shell says after that is open: the system is on its way down.
    "pipe_quit": dict(args=[], status=0, stdin="1+2.\nq().\n", mask=[(r"(?s)\n2> .*", "\n2> ")]),
    "old_shell": dict(args=["-oldshell"], status=0, stdin="catch 1/0.\nhalt(0).\n"),
    "read_stdin": eval_("io:format(\"~p~n\", [[io:get_line(\"\") || _ <- [1,2,3]]]), halt().",
                        stdin="one\ntwo\n"),
    "noinput": dict(args=["-noinput", "-eval", "io:format(\"hello~n\"), halt()."], status=0),
    "warning_map": eval_("io:format(\"~p ~p~n\", [error_logger:warning_map(),"
                         " io:printable_range()]), halt().", "+Wi", "+pc", "unicode"),
    "unicode_out": eval_("io:setopts([{encoding, unicode}]), io:format(\"~ts~n\", [[8364, 955]]),"
                         "halt().", env={"LC_ALL": "C.UTF-8"}),
    "much_output": eval_("[io:format(\"~p ~s~n\", [I, lists:duplicate(100, $x)]) ||"
                         " I <- lists:seq(1, 3000)], halt()."),
    "much_output_stop": eval_("[io:format(\"~p ~s~n\", [I, lists:duplicate(100, $x)]) ||"
                              " I <- lists:seq(1, 3000)], init:stop()."),
    "erlc": dict(program=["erlc"], args=["-Wall", "m.erl"], status=0,
                 files={"m.erl": "-module(m).\n-export([f/1]).\nf(X) -> Y = 1, X.\n"}),
    "erlc_error": dict(program=["erlc"], args=["m.erl"], status=1,
                       files={"m.erl": "-module(m).\n-export([f/1]).\nf(X) -> Z.\n"}),
    "escript": dict(program=["escript"], args=["e.escript", "a", "b"], status=7,
                    files={"e.escript": "#!/usr/bin/env escript\nmain(A) -> io:format(\"~p~n\", "
                           "[A]), halt(7).\n"}),
})



def more(name, *words, **options):
    """A function of boot_more.erl."""
    return dict(args=["-noshell", "-pa", "@EBIN@", "-s", "boot_more", "run", name, *words],
                status=0, timeout=300, **options)


for name in ("log_overload log_files disk_logs cover_html xref_queries generators"
             " archives mnesia_more keys asn1 xml mib helpers").split():
    CASES[name] = more(name)
CASES["mnesia_more"].update(mask=[(r'"/[^"]*/db"', "DIR")], sort=True)
CASES["reports"] = more("reports", sort=True, mask=[(r"rb: reading report\.\.\.|done\.", ""), (r" +", " ")])
CASES["cover_html"]["mask"] = [(r"at [\d-]+ at [\d:]+", "TIME"), (r"/tmp/[^/]+", "DIR")]
CASES["xref_queries"]["sort"] = True
# Times, and the columns that are as wide as they need.
CASES["profilers"] = more("profilers", mask=[(r" +[\d.]+( +\d+ +\[ *[\d.]+\])", " N"),
                                             (r"(Total: +\d+).*", r"\1"), (r"-+( +-+)*", "-"),
                                             (r" +", " ")])
CASES["surefire"] = more("surefire", mask=[(r"\[\d+\.\d+ s\] ", ""), (r"in \d+\.\d+ s", ""),
                                           (r'time="[\d.]+"', "TIME")])
CASES["groups"] = dict(
    args=["-noshell", "-pa", "@EBIN@", "-run", "boot_more", "groups", "@EBIN@"], status=0,
    timeout=300, sort=True,
    mask=[(r"/tmp/\S+?(?=[/\s\"])", "DIR"), (r"ct_run\.[^/\s\"]+", "RUN"), (r"run\.[\d_.-]+", "RUN"), (r"\.\d+\.html", ".html"), (r" +", " "),
          (r'time(stamp)?="[^"]+"', "TIME"), (r'hostname="[^"]+"', "HOST")])
CASES["debugger"] = dict(args=["-noshell", "-pa", "@EBIN@", "-s", "boot_debugger", "run"], status=0)

# The logger writes when it comes to it: its reports stand before or after what the program prints.
for name in ("application", "config", "crash_report"):
    CASES[name]["sort"] = True

# heart: what it does when the system ends in some way. It shares the standard error: the case is over
# when heart is, and what it started. It counts seconds.
AGAIN = ("@ERL@ -noshell -eval 'io:format(\"again ~p~n\", [init:get_argument(heart)]), halt().'"
         " >>again")


def heart(text, **options):
    return eval_("io:format(\"~p~n\", [heart:get_cmd() =/= {ok, []}]), " + text, "-heart",
                 env={"HEART_COMMAND": AGAIN, "HEART_BEAT_TIMEOUT": "20"},
                 results=["again"], **options)


CASES.update({
    "heart": dict(args=["-noshell", "-heart", "-pa", "@EBIN@", "-s", "boot_heart", "run"], status=0,
                  env={"HEART_COMMAND": "echo wrong", "LC_ALL": "C.UTF-8"}),
    "heart_stop": heart("init:stop()."),
    "heart_halt": heart("halt(3).", status=3),
    "heart_reboot": heart("init:reboot()."),
    "heart_killed": heart("os:cmd(\"kill -9 \" ++ os:getpid()).", status=-9),
    # It ends by itself unless heart, whose port closes first, is quicker to kill it.
    "heart_crash": heart("exit(whereis(erl_prim_loader), kill).", status=(1, -9)),
    "heart_unwanted": eval_("io:format(\"~p ~p~n\", [whereis(heart), catch heart:get_cmd()]), halt().",
                            env={"HEART_COMMAND": "echo wrong"}),
    "reboot": eval_("init:reboot()."),
})

# Nobody ever writes to the pipe: the thread that opens it never comes back.
FIFO = ("[] = os:cmd(\"mkfifo pipe\"), [spawn(fun() -> file:open(\"pipe\", [raw, read]) end) ||"
        " _ <- lists:seq(1, 3)], (fun F() -> case erlang:statistics(total_run_queue_lengths_all) of"
        " 0 -> ok; _ -> erlang:yield(), F() end end)(), ")
for name, end, status in (("halt", "halt(5).", 5), ("halt_now", "halt(6, [{flush, false}]).", 6),
                          ("stop", "init:stop(7).", 7), ("slogan", "halt(\"the end\").", 1)):
    CASES["blocked_" + name] = eval_(FIFO + end, status=status)
CASES["blocked_killed"] = eval_(
    FIFO.replace("[spawn(", "Blocked = [spawn(") + "[exit(P, kill) || P <- Blocked], io:format(\"~p ~p~n\","
    " [[is_process_alive(P) || P <- Blocked], Blocked -- processes() =:= Blocked]), halt().")
