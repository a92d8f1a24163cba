"""Command lines of tests/boot/run.py: each runs on stock erl and on ling-erl.

args: of erl; @EBIN@ stands for the folder with the modules beside this file, @ERL@ for the program.
status: what the exit status must be on both. stderr: compared, too. env, files (written to the
case's folder), stdin, mask (pattern, replacement), sort (lines), timeout, program (instead of erl).
"""


def eval_(text, *more, **options):
    return dict(args=["-noshell", *more, "-eval", text], status=options.pop("status", 0), **options)


CASES = {
    "release": eval_('io:format("~s~n",[erlang:system_info(otp_release)]), halt().'),
    "init_stop": dict(args=["-noshell", "-s", "init", "stop"], status=0),
    "halt_status": eval_("halt(3).", status=3),
    # A crash goes to the logger, and what kills OTP's own processes ends it.
    "crash_report": eval_("spawn(fun() -> 1 / (length(get()) * 0) end),"
                          "timer:sleep(300), init:stop().",
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
