#!/usr/bin/env python3
"""Compares ling-run with stock erl, side by side.

  bench/run.py [--ling build/release/bin/ling-run] [--modules DIR] [--only fib,ring] [--runs 5]
               [--size N] [--json FILE]

Each module in DIR (default: bench/src) exports start/0, does a fixed amount of work (-DSIZE=N at
compile time changes it) and prints "RESULT <module> <size> <integer>". The VMs take turns, so a slow
phase of the machine meets both. What is compared is CPU time (user + system) of the whole command
less that of an empty module on the same VM; the printed ratio is erl / ling-run, above 1 means
ling-run is faster. A RESULT that differs is reported as WRONG and makes the exit status 1.
"""
import argparse
import json
import math
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
NULL = ('-module(bm_null).\n-export([start/0]).\n'
        'start() -> io:format("RESULT bm_null 0 0~n").\n')


def compile_modules(sources, out, size):
    null = os.path.join(out, 'bm_null.erl')
    with open(null, 'w') as f:
        f.write(NULL)
    extra = ['-DSIZE=%d' % size] if size else []
    subprocess.check_call(['erlc', '-o', out] + extra + sources)
    subprocess.check_call(['erlc', '-o', out, null])


def run_once(command, timeout):
    """-> (result text or None, CPU seconds, peak memory of the largest child so far in kB)"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout)
    except subprocess.TimeoutExpired:
        return None, 0.0, 'timeout'
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    text = done.stdout.decode('utf-8', 'replace')
    found = re.search(r'RESULT (\w+ \d+ -?\d+)', text)
    return (found.group(1) if found else None), cpu, text + done.stderr.decode('utf-8', 'replace')


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--ling', default=os.path.join(HERE, '../build/release/bin/ling-run'))
    ap.add_argument('--modules', default=os.path.join(HERE, 'src'))
    ap.add_argument('--only', default='')
    ap.add_argument('--runs', type=int, default=5)
    ap.add_argument('--size', type=int, default=0)
    ap.add_argument('--timeout', type=float, default=120)
    ap.add_argument('--json', default='')
    a = ap.parse_args()
    names = sorted(f[:-4] for f in os.listdir(a.modules) if f.endswith('.erl'))
    only = [x for x in a.only.split(',') if x]
    if only:
        names = [n for n in names if n in only or n.replace('bm_', '') in only]
    if not names:
        sys.exit('no benchmark modules in ' + a.modules)
    wrong, ratios, data = 0, {}, {}
    with tempfile.TemporaryDirectory() as ebin:
        compile_modules([os.path.join(a.modules, n + '.erl') for n in names], ebin, a.size)
        erl = ['-noshell', '-pa', ebin, '-run', '{}', 'start', '-run', 'erlang', 'halt']
        vms = {'erl': ['erl'] + erl, 'ling-run': [a.ling, '-pa', ebin, '{}']}
        print('%-16s' % 'benchmark' + ''.join('%22s' % v for v in vms))
        base = {}
        for name in ['bm_null'] + names:
            cpu = {v: [] for v in vms}
            results = {v: set() for v in vms}
            texts = {}
            for _ in range(a.runs):
                for v, command in vms.items():
                    result, seconds, text = run_once([c.format(name) for c in command], a.timeout)
                    cpu[v].append(seconds)
                    results[v].add(result)
                    texts[v] = text
            row = '%-16s' % name
            data[name] = {}
            for v in vms:
                if None in results[v] or results[v] != results['erl']:
                    row += '%22s' % 'WRONG'
                    wrong += 1
                    print(texts[v][:500], file=sys.stderr)
                    continue
                seconds = statistics.median(cpu[v])
                if name == 'bm_null':
                    base[v] = seconds
                    row += '%21.1fm' % (seconds * 1000)
                    continue
                net = max(seconds - base.get(v, 0), 1e-6)
                data[name][v] = net
                ratio = data[name]['erl'] / net if 'erl' in data[name] else float('nan')
                ratios.setdefault(v, []).append(ratio)
                row += '%12.3fs %7.2fx' % (net, ratio)
            print(row, flush=True)
    for v, r in ratios.items():
        if v != 'erl':
            mean = math.exp(sum(math.log(x) for x in r) / len(r))
            print('geometric mean of erl / %s: %.3f over %d' % (v, mean, len(r)))
    if a.json:
        with open(a.json, 'w') as f:
            json.dump(data, f, indent=1)
    return 1 if wrong else 0


sys.exit(main())
