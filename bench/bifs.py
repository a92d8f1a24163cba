#!/usr/bin/env python3
"""How long calls of BIFs and library functions take: ling-run beside stock erl.

  bench/bifs.py [--ling build/release/bin/ling-run] [--only NAME,NAME] [--runs 3]

bench/bifs/bif_times.erl calls each of some 140 functions until a tenth of a second of CPU time has
passed. The VMs take turns; the least of all runs counts. The ratio is erl / ling-run: above 1
ling-run is faster. The functions are listed slowest first, with a geometric mean at the end.
"""
import argparse
import math
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--ling', default=os.path.join(HERE, '../build/release/bin/ling-run'))
    ap.add_argument('--only', default='')
    ap.add_argument('--runs', type=int, default=3)
    a = ap.parse_args()
    only = [x for x in a.only.split(',') if x]
    best = {'erl': {}, 'ling-run': {}}
    with tempfile.TemporaryDirectory() as ebin:
        subprocess.check_call(['erlc', '-o', ebin, os.path.join(HERE, 'bifs/bif_times.erl')])
        call = 'bif_times:main([%s]).' % ','.join('"%s"' % x for x in only)
        commands = {'erl': ['erl', '+S', '1:1', '-noshell', '-pa', ebin, '-eval', call],
                    'ling-run': [a.ling, '-pa', ebin, 'bif_times'] + only}
        for _ in range(a.runs):
            for vm, command in commands.items():
                out = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                                     text=True, timeout=600)
                for name, ns in re.findall(r'^TIME (\w+) (\d+)', out.stdout, re.M):
                    best[vm][name] = min(int(ns), best[vm].get(name, 1 << 60))
                if out.returncode or 'FAIL' in out.stdout:
                    sys.exit('%s: %s%s' % (vm, out.stdout[-500:], out.stderr))
    if best['erl'].keys() != best['ling-run'].keys() or not best['erl']:
        sys.exit('no such function, or the VMs did not call the same ones')
    ratio = {n: max(best['erl'][n], 1) / max(best['ling-run'][n], 1) for n in best['erl']}
    print('%-24s%14s%14s%10s' % ('ns per call', 'erl', 'ling-run', 'ratio'))
    for n in sorted(ratio, key=ratio.get):
        print('%-24s%14d%14d%10.2f' % (n, best['erl'][n], best['ling-run'][n], ratio[n]))
    print('%-24s%38.2f' % ('geometric mean',
                           math.exp(sum(map(math.log, ratio.values())) / len(ratio))))


main()
