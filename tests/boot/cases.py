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
    "stop_status": eval_("init:stop(4).", status=4),
}
