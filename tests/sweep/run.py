#!/usr/bin/env python3
"""The differential sweep: calls the pure functions of OTP with generated arguments on stock erl and on
ling-run and compares value or exception of every call.

usage: run.py [--seed N | --seeds A..B] [--calls N] [--modules M,M...] [--ling-run PATH] [--host uv|sim]
              [--schedulers N] [--show N]

--calls is per function and seed; --seeds runs one seed after the other and adds up. Prints the seed, the number of calls compared and of those skipped (killed for
time or memory on either machine), and for the first differences the call with both outcomes. Exit
status 0 only if there are none.
"""
import argparse
import base64
import os
import pathlib
import random
import subprocess
import sys
import time

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent
SKIP = b"\xff\xff\xff\xff"


def span(text):
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def parse():
    a = argparse.ArgumentParser()
    a.add_argument("--ling-run", default=str(root / "build/release/bin/ling-run"))
    a.add_argument("--build", default=str(root / "build/sweep"))
    a.add_argument("--seed", type=int, default=random.randrange(1, 1 << 27))
    a.add_argument("--seeds", type=span, metavar="A..B", help="all seeds from A to B, both included")
    a.add_argument("--calls", type=int, default=50)
    a.add_argument("--modules", default="")
    a.add_argument("--host", default="uv")
    a.add_argument("--schedulers", default="0")
    a.add_argument("--show", type=int, default=3, help="differences shown for each function")
    a.add_argument("--timeout", type=float, default=1800)
    return a.parse_args()


def compile_all(args):
    build = pathlib.Path(args.build)
    build.mkdir(parents=True, exist_ok=True)
    for s in sorted(here.glob("*.erl")):
        beam = build / (s.stem + ".beam")
        if not beam.exists() or beam.stat().st_mtime < s.stat().st_mtime:
            subprocess.run(["erlc", "+nowarn_unused_function", "-o", str(build), str(s)], check=True)
    modules = [m for m in args.modules.split(",") if m]
    names = ", ".join('"%s"' % m for m in [str(build), str(args.seed), *modules])
    subprocess.run(["erl", "-noshell", "-boot", "no_dot_erlang", "-pa", str(build), "-eval",
                    "sweep_specs:main([%s]), halt()." % names], check=True)
    generated = [str(build / n) for n in ("sweep_table.erl", "sweep_bits_g.erl") if (build / n).exists()]
    subprocess.run(["erlc", "-o", str(build), *generated], check=True, stdout=subprocess.DEVNULL)


def command(args, stock, words):
    if stock:
        text = ", ".join('"%s"' % w for w in words)
        return ["erl", "-noshell", "-boot", "no_dot_erlang", "-kernel", "logger_level", "none", "-pa", args.build,
                "-eval", "sweep:main([%s]), halt()." % text]
    return [args.ling_run, "--host", args.host, "--schedulers", args.schedulers, "-pa", args.build, "sweep", *words]


def both(args, words, timeout):
    ps = [subprocess.Popen(command(args, stock, words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL if stock else None) for stock in (True, False)]
    import threading
    outs = [b"", b""]

    def read(i):
        begin = time.time()
        try:
            outs[i] = ps[i].communicate(timeout=timeout)[0]
        except subprocess.TimeoutExpired:
            ps[i].kill()
            outs[i] = ps[i].communicate()[0]
        took[i] = time.time() - begin
    took = [0, 0]
    ts = [threading.Thread(target=read, args=(i,)) for i in (0, 1)]
    [t.start() for t in ts]
    [t.join() for t in ts]
    return outs, took, [p.returncode for p in ps]


def functions(out):
    table = {}
    for line in out.split(b"\n"):
        w = line.split(b" ")
        if len(w) == 4 and w[0] == b"F":
            table[int(w[1])] = (w[2].decode(), base64.b64decode(w[3]))
    return table


def show(args, index, numbers):
    outs, _, _ = both(args, ["show", str(args.seed), str(index), *map(str, numbers)], 120)
    rows = []
    for out in outs:
        rows.append([base64.b64decode(l[2:]).decode("utf-8", "replace") if l[:1] in b"CR" else l.decode()
                     for l in out.split(b"\n") if l[:2] in (b"C ", b"R ", b"T ")])
    for i in range(0, min(map(len, rows)) - 1, 2):
        print("  " + rows[0][i][:1500])
        if rows[0][i] != rows[1][i]:
            print("    made on ling: " + rows[1][i][:1500])
        a, b = rows[0][i + 1], rows[1][i + 1]
        at = next((k for k in range(min(len(a), len(b))) if a[k] != b[k]), min(len(a), len(b)))
        cut = max(0, at - 300)
        print("    erl:      " + a[cut:cut + 700])
        print("    ling-run: " + b[cut:cut + 700])


def sweep(args):
    """Runs one seed, returns the numbers of calls compared, skipped and different."""
    print("seed %d, %d calls of each function" % (args.seed, args.calls), flush=True)
    compile_all(args)
    outs, took, codes = both(args, ["run", str(args.seed), str(args.calls)], args.timeout)
    a, b = map(functions, outs)
    compared = skipped = differ = 0
    bad = []
    for index in sorted(set(a) | set(b)):
        if index not in a or index not in b:
            bad.append((index, (a.get(index) or b.get(index))[0], None))
            continue
        name, x = a[index]
        y = b[index][1]
        numbers = []
        for i in range(0, max(len(x), len(y)), 4):
            p, q = x[i:i + 4], y[i:i + 4]
            if p == SKIP or q == SKIP:
                skipped += 1
                who = "both" if p == q else "erl" if p == SKIP else "ling-run"
                print("skipped, killed on %s: %s call %d" % (who, name, i // 4 + 1))
            else:
                compared += 1
                if p != q:
                    numbers.append(i // 4 + 1)
        if numbers:
            differ += len(numbers)
            bad.append((index, name, numbers))
    for index, name, numbers in bad:
        if numbers is None:
            print("%s: only one machine got here" % name)
            continue
        print("%s (%d): %d differences" % (name, index, len(numbers)))
        show(args, index, numbers[:args.show])
    for who, out, code in (("erl", outs[0], codes[0]), ("ling-run", outs[1], codes[1])):
        if code != 0 or not out.rstrip().endswith(b"END"):
            print("%s ended early, exit status %s: %r" % (who, code, out[-300:]))
            differ += 1
    print("erl %.1f s, ling-run %.1f s" % tuple(took))
    print("seed %d: %d functions, %d calls compared, %d skipped, %d differences"
          % (args.seed, len(a), compared, skipped, differ), flush=True)
    return compared, skipped, differ


def main():
    args = parse()
    args.ling_run = os.path.abspath(args.ling_run)
    args.build = os.path.abspath(args.build)
    compared = skipped = differ = 0
    seeds = args.seeds or [args.seed]
    for args.seed in seeds:
        totals = sweep(args)
        compared, skipped, differ = (x + y for x, y in zip((compared, skipped, differ), totals))
    if len(seeds) > 1:
        print("seeds %d to %d: %d calls compared, %d skipped, %d differences"
              % (seeds[0], seeds[-1], compared, skipped, differ))
    sys.exit(differ != 0 or compared == 0)


main()
