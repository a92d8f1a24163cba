#!/usr/bin/env python3
"""Compiles sources of the installed OTP on stock erl and on ling-run and compares what comes out.

usage: compare.py [--ling-run PATH] [--apps stdlib,kernel] [--biggest N] [--schedulers N] [-v]

Every module is compiled in memory by compile:noenv_file/2 with `deterministic`. The whole file must be
equal, byte by byte; where it is not, the chunks that differ are named. Also told: CPU time of both, and
stock's divided by ling-run's. Ends with 1 when something differs.
"""
import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent


def otp_lib():
    out = subprocess.run(["erl", "-noshell", "-eval",
                          'io:put_chars(code:lib_dir()), halt().'], stdout=subprocess.PIPE, check=True)
    return pathlib.Path(out.stdout.decode())


def sources(lib, apps, biggest):
    """The biggest of each application, 0: all; with the folders their includes are in."""
    for app in apps:
        for d in sorted(lib.glob(app + "-*")):
            files = sorted(d.glob("src/*.erl"), key=lambda f: -f.stat().st_size)
            for f in files[:biggest or None]:
                yield " ".join(map(str, [f, d / "include", d / "src", *lib.glob("kernel-*/include")]))


def cpu(command, timeout):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=timeout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if p.returncode:
        sys.exit("%s: exit %d" % (command[0], p.returncode))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def read(file):
    table = {}
    for line in file.read_text().splitlines():
        words = line.split()
        table[words[0]] = (int(words[1]), words[2:])
    return table


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--ling-run", default=str(root / "build/release/bin/ling-run"))
    a.add_argument("--apps", default="stdlib,kernel")
    a.add_argument("--biggest", type=int, default=0)
    a.add_argument("--schedulers", default="0")
    a.add_argument("--timeout", type=float, default=3600)
    a.add_argument("-v", action="store_true")
    args = a.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        subprocess.run(["erlc", "-o", str(tmp), str(here / "compile_otp.erl")], check=True)
        (tmp / "list").write_text("\n".join(sources(otp_lib(), args.apps.split(","), args.biggest)))
        erl = cpu(["erl", "-noshell", "-kernel", "logger_level", "none", "-pa", str(tmp), "-eval",
                   'compile_otp:main(["%s", "%s"]), halt().' % (tmp / "list", tmp / "erl")],
                  args.timeout)
        ling = cpu([os.path.abspath(args.ling_run), "--schedulers", args.schedulers, "-pa", str(tmp),
                    "compile_otp", str(tmp / "list"), str(tmp / "ling")], args.timeout)
        one, two = read(tmp / "erl"), read(tmp / "ling")
    differ = 0
    for source, (ms, result) in one.items():
        ms2, result2 = two.get(source, (0, ["missing"]))
        name = source.split("/")[-1]
        if result == result2:
            if args.v:
                print("equal %s (%s, %d ms, %d ms)" % (name, result[0], ms, ms2))
            continue
        differ += 1
        parts = [w.split("=")[0] for w in result2 if "=" in w and w not in result]
        print("DIFFERENT %s: %s, %s %s" % (name, result[0], result2[0], " ".join(parts)))
    refused = sum(r[0] == "error" for _, r in one.values())
    print("%d modules compared (%d of them refused by both), %d different" %
          (len(one), refused, differ))
    print("CPU: erl %.2f s, ling-run %.2f s, ratio %.2f" % (erl, ling, erl / ling))
    sys.exit(differ != 0 or not one)


main()
