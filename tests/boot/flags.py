#!/usr/bin/env python3
"""The command line, without booting: what init and the emulator get, and what is refused.

usage: flags.py [--ling-erl PATH]

Each line is given to stock `erl` and to ling-erl. With -emu_args_exit both print what they make of
it; a refused flag must be refused with the same first line and status.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parent.parent.parent
a = argparse.ArgumentParser()
a.add_argument("--ling-erl", default=str(root / "build/release/bin/ling-erl"))
args = a.parse_args()

SHOWN = [
    "", "a", "-- a", "a -- -- b", "+S 2 -- +S 3", "-boot foo -config bar -detached -noinput -x",
    "-noshell -s foo", "-env A B x", "-smp enable x", "-smp", "-name a@b x", "-sname a -noshell",
    "-heart x", "-compile foo", "-make", "-home q", "-root q", "-bindir z x", "-configfd 3",
    "-boot_var A B", "- x", "-d x", "-sasl a b", "+A3 +P1024 +hms20", "+A 3 +P 4000 -- hello -y",
    "-args_file FILE y", "-args_file FILE y -args_file FILE z", "+B +Bi +fnu -x",
    "+sbwt none +sbwtdcpu none +swt low +K true -x", "-pa a b -pz c",
]
ENVIRONMENTS = [
    {"ERL_AFLAGS": "-a1"}, {"ERL_FLAGS": "-f1 'x y' \"z w\" q\\ r"}, {"ERL_ZFLAGS": "-z1"},
    {"ERL_AFLAGS": "-- z"}, {"ERL_AFLAGS": ""}, {"ERL_AFLAGS": "+S 3 x"},
    {"ERL_AFLAGS": "-a1", "ERL_FLAGS": "-f1 +A 3", "ERL_ZFLAGS": "-z1", "ERL_OTP25_FLAGS": "-o"},
]
REFUSED = """
+Zfoo|+S x|+S 2:3|+S 1025|+SP x|+SDcpu x|+SDio 0|+SDio x|+Sx|+P 1|+P 1023|+P 134217728|+P x|+Q 5
+A 1025|+a 15|+Bx|+C x|+fnx|+hms x|+hmaxk x|+hpds x|+hmqd x|+IOt x|+IOx|+IOs x|+JPperf x|+nx|+Mx
+Mbas aobf|+M|+pc x|+R 22|+R x|+rg x|+sbt x|+sbwt x|+sbwtdcpu x|+scl x|+sub x|+sws x|+swct x|+swt x
+swtdio x|+sss 1|+sss x|+spp x|+sxx|+s|+t 8191|+t x|+T 10|+Wx|+zdntgc x|+zosrl 0|+zebwt x|+zx|+z|+l
+x|+E x|+#|+0|+f|+m|+w w|+p|+S|-env|-env A|-args_file|-args_file /nonexistent/x|-smp disable
"""


def run(program, words, env):
    full = {k: v for k, v in os.environ.items() if not k.startswith("ERL_")}
    full.update(env)
    p = subprocess.run([program] + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, env=full, timeout=300)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


failed = passed = 0


def check(what, want, got):
    global failed, passed
    if want == got:
        passed += 1
        return
    failed += 1
    print("FAILED: %s\n  erl:      %.300s\n  ling-erl: %.300s" % (what, want, got))


def shown(words, env):
    results = []
    for program in ("erl", args.ling_erl):
        rc, out, err = run(program, ["-emu_args_exit"] + words, env)
        name = os.path.basename(program)
        lines = ["PROGNAME" if line == name else line for line in out.splitlines()]
        results.append((rc, lines, err))
    check(" ".join(words) + " " + str(env), *results)


def refused(words):
    results = []
    for program in ("erl", args.ling_erl):
        rc, out, err = run(program, ["-noshell"] + words, {})
        first = (err or out).splitlines()[0] if err or out else ""
        if " unknown flag" in first:
            first = first[first.index(" unknown flag"):]
        results.append((rc, first))
    check(" ".join(words), *results)


with tempfile.NamedTemporaryFile("w", suffix=".args") as f:
    f.write("-x 1 # a comment\n-pa \"a b\" +S 2\n")
    f.flush()
    lines = [[f.name if w == "FILE" else w for w in line.split()] for line in SHOWN]
    for line in lines:
        shown(line, {})
    for env in ENVIRONMENTS:
        shown(["b", "-x"], env)
        shown(lines[-1], env)
        shown(lines[25], env)
for line in REFUSED.replace("\n", "|").split("|"):
    if line:
        refused(line.split())
# What follows -extra is nobody's but the program's.
for program in ("erl", args.ling_erl):
    rc, out, err = run(program, ["-emu_args_exit", "x", "-extra", "+Z", "-env"],
                       {"ERL_ZFLAGS": "-z"})
    check("-extra", ["x", "--", "-z", "--", "-extra", "+Z", "-env"], out.splitlines()[-7:])
print("%d passed, %d failed" % (passed, failed))
sys.exit(failed != 0)
