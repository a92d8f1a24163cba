#!/usr/bin/env python3
"""Programs of several processes, made at random, on stock erl and on ling-erl: every step's value, messages and
relations are compared.

usage: procs.py [--seeds A..B] [--programs N] [--ling-erl PATH] [--show N]

Exit status 0 only if all lines are the same. A program is compared up to its first difference.
"""
import argparse
import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent


def parse():
    a = argparse.ArgumentParser()
    a.add_argument("--ling-erl", default=str(root / "build/release/bin/ling-erl"))
    a.add_argument("--build", default=str(root / "build/sweep_procs"))
    a.add_argument("--seeds", default="1")
    a.add_argument("--programs", type=int, default=40)
    a.add_argument("--show", type=int, default=3)
    return a.parse_args()


def run(args, erl, seed):
    p = subprocess.run([erl, "+S", "1", "-noshell", "-boot", "no_dot_erlang", "-pa", args.build, "-eval",
                        "sweep_procs:main([%d, %d]), halt()." % (seed, args.programs)],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=600)
    lines = [l for l in p.stdout.decode("utf-8", "replace").split("\n") if l]
    return p.returncode, lines


def compare(args, seed):
    (code_a, a), (code_b, b) = run(args, "erl", seed), run(args, args.ling_erl, seed)
    different = int(code_a != 0 or code_b != 0)
    if different:
        print("seed %d: exit status %d on erl, %d on ling-erl" % (seed, code_a, code_b))
    programs = {}
    for side, lines in enumerate((a, b)):
        for line in lines:
            programs.setdefault(line.split(".")[0], ([], []))[side].append(line)
    for name, (x, y) in programs.items():
        if x == y:
            continue
        different += 1
        n = next((i for i in range(min(len(x), len(y))) if x[i] != y[i]), min(len(x), len(y)))
        if different <= args.show:
            print("seed %d\n  erl:      %s\n  ling-erl: %s" % (seed, (x + ["-"])[min(n, len(x))][:1500], (y + ["-"])[min(n, len(y))][:1500]))
    return len(programs), len(a), different


def main():
    args = parse()
    pathlib.Path(args.build).mkdir(parents=True, exist_ok=True)
    sources = [str(here / n) for n in ("sweep_gen.erl", "sweep_procs.erl", "sweep_procs_ops.erl")]
    subprocess.run(["erlc", "+nowarn_unused_function", "-o", args.build, *sources], check=True)
    first, _, last = args.seeds.partition("..")
    totals = [compare(args, s) for s in range(int(first), int(last or first) + 1)]
    programs, steps, different = map(sum, zip(*totals))
    print("%d programs, %d steps compared, %d differences" % (programs, steps, different))
    sys.exit(different != 0 or steps == 0)


main()
