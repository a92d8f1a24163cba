#!/usr/bin/env python3
"""Runs the same command lines on stock `erl` and on ling-erl and compares what comes of them.

usage: run.py [--ling-erl PATH] [--build DIR] [--schedulers N] [--jobs N] [--only NAME] [-v]

The cases are in cases.py beside this file. Standard output and the exit status must be the same,
and standard error, too, where a case says so. Erlang modules beside this file are compiled into
the build directory, which is on the code path of every case; each case runs in an empty directory
of its own. The last line is 'N passed, N failed'.
"""
import argparse
import concurrent.futures
import difflib
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent
sys.path.insert(0, str(here))
from cases import CASES  # noqa: E402


def parse():
    a = argparse.ArgumentParser()
    a.add_argument("--ling-erl", default=str(root / "build/release/bin/ling-erl"))
    a.add_argument("--build", default=str(root / "build/boot"))
    a.add_argument("--schedulers", help="+S of ling-erl where the case does not say")
    a.add_argument("--timeout", type=float, default=300)
    a.add_argument("--jobs", type=int, default=2)
    a.add_argument("--only", action="append", default=[])
    a.add_argument("-v", action="store_true")
    return a.parse_args()


# Pids, references, ports and times differ from run to run.
MASKS = [
    (r"<\d+\.\d+\.\d+>", "<P>"),
    (r"#Ref<[\d.]+>", "#Ref<R>"),
    (r"#Port<[\d.]+>", "#Port<P>"),
    (r"\d+-[A-Z][a-z]{2}-\d{4}::\d\d:\d\d:\d\d(\.\d+)?", "<TIME>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d)?", "<TIME>"),
]


def masked(case, data):
    text = data.decode("utf-8", "surrogateescape")
    for pattern, to in case.get("mask", []) + MASKS:
        text = re.sub(pattern, to, text)
    if case.get("sort"):
        text = "\n".join(sorted(text.splitlines()))
    return text


def run(args, case, program, directory, extra):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("ERL_") and k not in ("ROOTDIR", "BINDIR", "EMU", "PROGNAME")}
    env.update({k: v.replace("@ERL@", program) for k, v in case.get("env", {}).items()})
    # The emulator of erlc and escript.
    env["ERLC_EMULATOR"] = env["ESCRIPT_EMULATOR"] = program
    env["ERLC_USE_SERVER"] = "no"
    for name, text in case.get("files", {}).items():
        path = pathlib.Path(directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [w.replace("@EBIN@", args.build) for w in case["args"]]
    command = case.get("program", [program]) + extra + command
    command = [w.replace("@ERL@", program) for w in command]
    limit = case.get("timeout", args.timeout)
    status, out, err = outcome(command, case.get("stdin", "").encode(), directory, env, limit)
    for name in case.get("results", []):
        path = pathlib.Path(directory, name)
        out += path.read_bytes() if path.exists() else b"no " + name.encode() + b"\n"
    return status, masked(case, out), masked(case, err)


def outcome(command, text, directory, env, limit):
    """Exit status, standard output and error. It is waited for at once (heart looks for processes that
    are gone), but over only when all who have its standard output or error are."""
    p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, cwd=directory, env=env)
    found = {}

    def read(name, stream):
        with stream:
            found[name] = stream.read()

    readers = [threading.Thread(target=read, args=a, daemon=True)
               for a in (("out", p.stdout), ("err", p.stderr))]
    for r in readers:
        r.start()
    end = time.monotonic() + limit
    try:
        with p.stdin:
            p.stdin.write(text)
    except BrokenPipeError:
        pass
    try:
        status = p.wait(limit)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
        status = "timeout"
    for r in readers:
        r.join(max(0.5, end - time.monotonic()))
        if r.is_alive():
            status = "timeout"
    return status, found.get("out", b""), found.get("err", b"")


def expected(args, case, name):
    """What stock erl does, kept in the build directory until the case changes."""
    sources = b"".join(sorted(p.read_bytes() for p in here.glob("*.erl")))
    key = hashlib.sha1(json.dumps(case, sort_keys=True).encode() + sources).hexdigest()
    kept = pathlib.Path(args.build, name + ".expected")
    if kept.exists():
        saved = json.loads(kept.read_text())
        if saved["key"] == key:
            return saved["result"]
    with tempfile.TemporaryDirectory() as directory:
        result = run(args, case, "erl", directory, [])
    kept.write_text(json.dumps({"key": key, "result": result}))
    return result


def differences(title, want, got):
    lines = difflib.unified_diff(want.splitlines(), got.splitlines(), "erl " + title,
                                 "ling-erl " + title, lineterm="", n=2)
    return list(lines)[:25]


def one(args, name):
    case = CASES[name]
    want = expected(args, case, name)
    extra = []
    if args.schedulers and not any(w.startswith("+S") for w in case["args"]) \
            and "program" not in case:
        extra = ["+S", args.schedulers]
    begin = time.time()
    with tempfile.TemporaryDirectory() as directory:
        got = run(args, case, args.ling_erl, directory, extra)
    took = time.time() - begin
    why = []
    status = case.get("status", want[0])
    if isinstance(status, tuple):  # either machine may end in one or the other way
        for vm, ended in ("stock erl", want[0]), ("ling-erl", got[0]):
            if ended not in status:
                why.append("%s ended with %s, the case says one of %s" % (vm, ended, status))
    elif status != want[0]:
        why.append("stock erl ended with %s, the case says %s" % (want[0], status))
    if not isinstance(status, tuple) and want[0] != got[0]:
        why.append("exit status %s, %s expected" % (got[0], want[0]))
    why += differences("stdout", want[1], got[1])
    if case.get("stderr"):
        why += differences("stderr", want[2], got[2])
    elif why and got[2]:
        why += ["stderr:"] + got[2].splitlines()[:20]
    return name, not why, why, took


def compile_modules(args):
    build = pathlib.Path(args.build)
    build.mkdir(parents=True, exist_ok=True)
    for source in sorted(here.glob("*.erl")):
        beam = build / (source.stem + ".beam")
        if not beam.exists() or beam.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["erlc", "+debug_info", "-o", str(build), str(source)], check=True)
    for data in list(here.glob("*.app")):
        shutil.copy(data, build)


def main():
    args = parse()
    args.ling_erl = os.path.abspath(args.ling_erl)
    args.build = os.path.abspath(args.build)
    compile_modules(args)
    names = [n for n in CASES if not args.only or n in args.only]
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, ok, why, took in pool.map(lambda n: one(args, n), names):
            passed += ok
            failed += not ok
            if not ok or args.v:
                print("%-6s %s (%.2f s)" % ("ok" if ok else "FAILED", name, took), flush=True)
            for line in why:
                print("    " + line[:300])
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed != 0 or passed == 0)


main()
