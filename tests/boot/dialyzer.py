#!/usr/bin/env python3
"""Runs dialyzer on stock erl and on ling-erl: builds a PLT, then looks for faults with it.

usage: dialyzer.py [--ling-erl PATH] [--build DIR] [--schedulers N] [--modules A,B,... | --apps A,B]

Where dialyzer is not installed as an application its sources are compiled first. Output (without
times) and exit status must be the same on both; CPU and wall times are shown. The last line is
'N passed, N failed'.
"""
import argparse
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

root = pathlib.Path(__file__).resolve().parent.parent.parent

# What dialyzer has to find fault with.
FAULTY = """-module(faulty).
-export([f/1, g/0, h/1, i/1]).
-spec f(integer()) -> atom().
f(X) -> X + 1.
g() -> lists:map(fun(X) -> X end, an_atom).
h(X) when is_list(X) -> case length(X) of N when N < 0 -> never; _ -> some end.
-record(r, {a = 1 :: integer()}).
i(X) -> #r{a = atom_to_list(X)}.
unused() -> gb_trees:insert(1, 2, not_a_tree).
"""


def parse():
    a = argparse.ArgumentParser()
    a.add_argument("--ling-erl", default=str(root / "build/release/bin/ling-erl"))
    a.add_argument("--build", default=str(root / "build/dialyzer"))
    a.add_argument("--schedulers")
    a.add_argument("--modules", default="lists,ordsets,orddict,gb_sets,gb_trees,queue,string,maps")
    a.add_argument("--apps", help="all modules of these applications")
    a.add_argument("--timeout", type=float, default=1800)
    return a.parse_args()


def lib_dir(name):
    text = 'io:format("~s", [code:lib_dir(%s)]), halt().' % name
    out = subprocess.run(["erl", "-noshell", "-eval", text], stdout=subprocess.PIPE, check=True)
    return pathlib.Path(out.stdout.decode())


def own_dialyzer(build):
    """The folder to be put on the code path, or None."""
    installed = lib_dir("dialyzer")
    if (installed / "ebin").is_dir():
        return None
    lib = build / "lib"
    ebin = lib / "dialyzer/ebin"
    if (ebin / "typer_core.beam").exists():
        return ebin
    # One source includes a file of the compiler by its place beside dialyzer.
    shutil.copytree(installed / "src", lib / "dialyzer/src", dirs_exist_ok=True)
    ebin.mkdir(exist_ok=True)
    (lib / "compiler").symlink_to(lib_dir("compiler"))
    version = installed.name.rpartition("-")[2]
    subprocess.run(["erlc", "+debug_info", "-DVSN=\"%s\"" % version, "-o", str(ebin),
                    *sorted(str(p) for p in (lib / "dialyzer/src").glob("*.erl"))],
                   check=True, stdout=subprocess.DEVNULL)
    return ebin


def run(args, words, directory):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.time()
    env = {**os.environ, "HOME": str(directory), "XDG_CACHE_HOME": str(directory)}
    p = subprocess.run(words, cwd=directory, env=env, timeout=args.timeout,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    text = re.sub(r"done in \d+m\d+\.\d+s", "done", p.stdout.decode(errors="replace"))
    return (p.returncode, text), cpu, time.time() - begin


def main():
    args = parse()
    build = pathlib.Path(args.build).resolve()
    build.mkdir(parents=True, exist_ok=True)
    ebin = own_dialyzer(build)
    stdlib = lib_dir("stdlib") / "ebin"
    files = [str(stdlib / (m + ".beam")) for m in args.modules.split(",")]
    if args.apps:
        files = [str(p) for a in args.apps.split(",") for p in sorted(lib_dir(a).glob("ebin/*.beam"))]
    (build / "faulty.erl").write_text(FAULTY)
    steps = [("build_plt", ["--build_plt", "--output_plt", "my.plt"] + files),
             ("plt_info", ["--plt_info", "--plt", "my.plt"]),
             ("check_plt", ["--check_plt", "--plt", "my.plt"]),
             ("faults", ["--plt", "my.plt", "--src", str(build / "faulty.erl")]),
             ("no_file", ["--plt", "my.plt", "nothing.beam"])]
    passed = failed = 0
    for name, words in steps:
        seen = []
        for program in ("erl", os.path.abspath(args.ling_erl)):
            directory = build / pathlib.Path(program).name
            directory.mkdir(exist_ok=True)
            flags = ["+S", args.schedulers] if args.schedulers and program != "erl" else []
            path = ["-pa", str(ebin)] if ebin else []
            seen.append(run(args, [program, *flags, *path, "-noshell", "-run", "dialyzer", "plain_cl",
                                   "-extra", *words], directory))
        (want, cpu0, wall0), (got, cpu1, wall1) = seen
        ok = want == got
        passed += ok
        failed += not ok
        print("%-6s %-10s CPU %.1f s, stock %.1f s; wall %.1f s, stock %.1f s"
              % ("ok" if ok else "FAILED", name, cpu1, cpu0, wall1, wall0), flush=True)
        if not ok:
            print("expected %s\n%s\ngot %s\n%s" % (*want, *got))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed != 0)


main()
