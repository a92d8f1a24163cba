#!/usr/bin/env python3
"""Boots OTP on ling-erl again and again and counts the boots that went wrong.

usage: many.py [N] [--ling-erl PATH] [--schedulers LIST] [--timeout SECONDS] [--keep]

N boots (1000) for each number of schedulers of LIST (1,2,4), each ended in one of the ways of WAYS
in turn. A boot has failed when its output or its exit status are not the expected ones, when it
writes to standard error, or when it does not end in time; a boot that hangs is shown with its
threads (eu-stack or gdb, where there are). --keep leaves it running. The last line is
'N passed, N failed'.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

root = pathlib.Path(__file__).resolve().parent.parent.parent
SAY = "io:format(\"~s~n\", [erlang:system_info(otp_release)])"

# Arguments and the exit status.
WAYS = [
    (["-noshell", "-eval", SAY + ", halt()."], 0),
    (["-noshell", "-eval", SAY + ", init:stop()."], 0),
    (["-noshell", "-eval", SAY + ", halt(7)."], 7),
    (["-noinput", "-eval", SAY + ".", "-s", "init", "stop"], 0),
    (["-noshell", "-boot", "start_sasl", "-eval", SAY + ", init:stop(3)."], 3),
    (["-noshell", "-eval", SAY + ", spawn(fun() -> halt(2) end), receive after infinity -> x end."],
     2),
]


def parse():
    a = argparse.ArgumentParser()
    a.add_argument("count", type=int, nargs="?", default=1000)
    a.add_argument("--ling-erl", default=str(root / "build/release/bin/ling-erl"))
    a.add_argument("--schedulers", default="1,2,4")
    a.add_argument("--timeout", type=float, default=120)
    a.add_argument("--keep", action="store_true")
    return a.parse_args()


def threads_of(pid):
    for tool in (["eu-stack", "-p", str(pid)],
                 ["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt"]):
        if shutil.which(tool[0]):
            done = subprocess.run(tool, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            return done.stdout.decode(errors="replace")
    return ""


def boot(args, schedulers, way, directory):
    """Returns what went wrong, or an empty string."""
    words, status = WAYS[way]
    command = [args.ling_erl, "+S", schedulers] + words
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, cwd=directory)
    try:
        out, err = p.communicate(timeout=args.timeout)
    except subprocess.TimeoutExpired:
        what = "pid %d does not end:\n%s" % (p.pid, threads_of(p.pid))
        if not args.keep:
            p.kill()
            out, err = p.communicate()
            what += "\n%r %r" % (out, err)
        return what
    if p.returncode != status or out != b"25\n" or err:
        return "status %s, expected %s; %r %r" % (p.returncode, status, out, err)
    return ""


def main():
    args = parse()
    args.ling_erl = os.path.abspath(args.ling_erl)
    passed = failed = 0
    for schedulers in args.schedulers.split(","):
        begin = time.time()
        bad = 0
        with tempfile.TemporaryDirectory() as directory:
            for i in range(args.count):
                what = boot(args, schedulers, i % len(WAYS), directory)
                if what:
                    bad += 1
                    print("FAILED +S %s, boot %d, %s: %s"
                          % (schedulers, i, " ".join(WAYS[i % len(WAYS)][0]), what), flush=True)
        print("+S %s: %d boots, %d failed (%.0f s)"
              % (schedulers, args.count, bad, time.time() - begin), flush=True)
        passed += args.count - bad
        failed += bad
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed != 0)


main()
