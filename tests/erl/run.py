#!/usr/bin/env python3
"""Runs tests/erl/*_t.erl on stock erl and on ling-run and compares what they print.

usage: run.py [--ling-run PATH] [--build DIR] [--host uv|sim] [--schedulers N] [--only NAME] [-v]

Each module exports main/1 (called with []) or start/0 and prints its results; both runs must print
the same and end alike (0 or not). A module that begins with `%% ling-run: OPTIONS` gets these
options, one with `%% only: sim` runs only on that host, `%% env: NAME=VALUE` is set for both. The last line is 'N passed, N failed'.
"""
import argparse
import concurrent.futures
import difflib
import os
import pathlib
import re
import subprocess
import sys
import time

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent
nif_folder = ""  # native libraries of the tests, made by the build that made ling-run


def parse():
    a = argparse.ArgumentParser()
    a.add_argument("--ling-run", default=str(root / "build/release/bin/ling-run"))
    a.add_argument("--build", default=str(root / "build/erl"))
    a.add_argument("--host", default="uv")
    a.add_argument("--schedulers", default="0")
    a.add_argument("--only", action="append", default=[])
    a.add_argument("--timeout", type=float, default=600)
    a.add_argument("--jobs", type=int, default=2)
    a.add_argument("-v", action="store_true")
    return a.parse_args()


def run(command, timeout, directory, env):
    try:
        p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=timeout, cwd=directory,
                           env={**os.environ, "LING_TEST_NIFS": nif_folder, **env})
        return p.returncode, p.stdout, p.stderr
    except subprocess.TimeoutExpired as e:
        return "timeout", e.stdout or b"", e.stderr or b""


# halt(0) may not cut output short, so the runner waits for the process to be flushed.
EVAL = ("M = '%s', {module, M} = code:load_file(M), "
        "try case erlang:function_exported(M, main, 1) of true -> M:main([]); "
        "false -> M:start() end of _ -> erlang:halt(0) "
        "catch C:R:S -> io:format(standard_error, \"~p:~p~n~p~n\", [C, R, S]), erlang:halt(1) end.")


def one(args, source):
    name = source.stem
    build = pathlib.Path(args.build)
    text = source.read_text()
    only = re.findall(r"^%% only: (\w+)", text, re.M)
    if only and args.host not in only:
        return name, None, "", 0
    extra = [w for line in re.findall(r"^%% ling-run: (.*)$", text, re.M) for w in line.split()]
    env = dict(re.findall(r"^%% env: (\w+)=(.*)$", text, re.M))
    beam = build / (name + ".beam")
    expected = build / (name + ".expected")
    if not beam.exists() or beam.stat().st_mtime < source.stat().st_mtime:
        p = subprocess.run(["erlc", "+debug_info", "-o", str(build), str(source)],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if p.returncode != 0:
            return name, False, p.stdout.decode(errors="replace"), 0
        expected.unlink(missing_ok=True)
    libs = pathlib.Path(nif_folder).glob("*.so") if "LING_TEST_NIFS" in text else []
    if expected.exists() and any(l.stat().st_mtime > expected.stat().st_mtime for l in libs):
        expected.unlink()
    if expected.exists():
        rc0, out0 = expected.read_bytes().split(b"\n", 1)
    else:
        rc, out0, err0 = run(["erl", "-noshell", "-boot", "no_dot_erlang", "-kernel", "logger_level",
                              "none", "-pa", str(build),
                              "-eval", EVAL % name], args.timeout, build, env)
        rc0 = str(rc).encode()
        if rc != 0:
            return name, False, "stock erl fails: %s\n%s" % (rc, err0.decode(errors="replace")), 0
        expected.write_bytes(rc0 + b"\n" + out0)
    begin = time.time()
    rc1, out1, err1 = run([args.ling_run, "--host", args.host, "--schedulers", args.schedulers,
                           *extra, "-pa", str(build), name], args.timeout, build, env)
    took = time.time() - begin
    if str(rc1).encode() == rc0 and out0 == out1:
        return name, True, "", took
    diff = "\n".join(difflib.unified_diff(
        out0.decode(errors="replace").splitlines(), out1.decode(errors="replace").splitlines(),
        "erl", "ling-run", lineterm="", n=1))
    return name, False, "exit %s, %s expected\n%s\n%s" % (
        rc1, rc0.decode(), "\n".join(diff.splitlines()[:40]),
        "\n".join(err1.decode(errors="replace").splitlines()[:20])), took


def compile_helpers(build):
    """Modules the tests call: *_aux.erl. They are loaded by the VM under test."""
    stale = [str(s) for s in sorted(here.glob("*_aux.erl"))
             if not (build / (s.stem + ".beam")).exists()
             or (build / (s.stem + ".beam")).stat().st_mtime < s.stat().st_mtime]
    if stale:
        subprocess.run(["erlc", "+debug_info", "-o", str(build), *stale], check=True)


def main():
    args = parse()
    global nif_folder
    args.ling_run = os.path.abspath(args.ling_run)
    nif_folder = str(pathlib.Path(args.ling_run).parent.parent / "tests/nifs")
    os.makedirs(args.build, exist_ok=True)
    compile_helpers(pathlib.Path(args.build))
    sources = sorted(here.glob("*_t.erl"))
    if args.only:
        sources = [s for s in sources if s.stem in args.only or s.stem[:-2] in args.only]
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, ok, why, took in pool.map(lambda s: one(args, s), sources):
            if ok is None:
                continue
            passed += ok
            failed += not ok
            if not ok or args.v:
                print("%-6s %s (%.2f s)" % ("ok" if ok else "FAILED", name, took))
            for line in why.splitlines()[:70]:
                print("    " + line[:300])
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed != 0 or passed == 0)


main()
