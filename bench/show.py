#!/usr/bin/env python3
"""Measures what libling promises beside bench/run.py's comparison, and prints value and goal.

  bench/show.py [--ling build/release/bin/ling-run] [--only hello,idle,...] [--runs 20]

CPU and peak resident memory are /usr/bin/time's of the whole command. Costs of single operations are
CPU time; the best of several runs counts where the goal is a ratio. The exit status is 1 when a goal is missed. The modules
are in bench/show; the wall times of `two` need a machine with two idle cores.
"""
import argparse
import glob
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ARGS = None
EBIN = None
MISSED = []


def run(*words, options=()):
    """-> (figures the program printed, CPU ms, peak kB, output). Stops the script on failure."""
    log = os.path.join(EBIN, 'time')
    command = ['/usr/bin/time', '-q', '-o', log, '-f', '%U %S %M', ARGS.ling, '-pa', EBIN,
               *options, *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        sys.exit('%s: exit status %d\n%s' % (' '.join(command), done.returncode,
                                             done.stderr.decode(errors='replace')[-2000:]))
    with open(log) as f:
        user, system, peak = f.read().split()
    found = re.findall(rb'^FIGURE (\w+) (-?\d+)', done.stdout, re.M)
    return ({k.decode(): int(v) for k, v in found}, (float(user) + float(system)) * 1000,
            int(peak), done.stdout)


def show(what, value, unit, goal=None, least=False):
    """One line; goal is the greatest (least: the smallest) value that will do, None: no goal."""
    verdict = ''
    if goal is not None:
        good = value >= goal if least else value <= goal
        verdict = '%s %s %-5s %s' % ('>=' if least else '<=', format(goal, ',g'), unit,
                                     'ok' if good else 'MISSED')
        if not good:
            MISSED.append(what)
    print('%-58s %12s %-5s %s' % (what, format(round(value, 2), ',g') if value < 100 else
                                  format(round(value), ','), unit, verdict), flush=True)


def hello():
    # /usr/bin/time counts in 10 ms: the CPU time of all runs together comes from getrusage.
    import resource
    command = [ARGS.ling, '-pa', EBIN, 'show_hello']
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(ARGS.runs):
        subprocess.check_output(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    show('hello: CPU, mean of %d runs' % ARGS.runs, cpu * 1000 / ARGS.runs, 'ms', 10)
    show('hello: peak resident memory', max(run('show_hello')[2] for _ in range(3)) / 1024, 'MB', 8)


def idle():
    n = 100000
    none = run('show_idle', '0')[2]
    figures, _, peak, _ = run('show_idle', str(n))
    show('idle process: process_info(P, memory)', figures['bytes'], 'bytes', 1024)
    show('idle process: resident memory of 100,000, each', (peak - none) * 1024 / n, 'bytes', 1024)


def million():
    figures, cpu, peak, _ = run('show_idle', '1000000', options=['--max-processes', '1100000'])
    show('processes alive at once', figures['alive'], '', 1000000, least=True)
    show('  peak resident memory', peak / 1024, 'MB', 24 * 1024)
    show('  CPU of the whole program', cpu, 'ms')


def deep():
    figures, cpu, _, _ = run('show_deep', '1000000')
    show('list nested so deep: compare, hash, print, etf, send ...', figures['depth'], '', 1000000,
         least=True)
    for name in ('compare', 'hash', 'print', 'etf', 'send', 'spawn', 'collect'):
        show('  ' + name, figures[name + '_us'] / 1000, 'ms')


def mailbox():
    best = None
    for _ in range(3):
        f = run('show_mailbox', '1000000')[0]
        if best is None or f['full_ns'] < best['full_ns']:
            best = f
    show('call with an empty mailbox', best['empty_ns'], 'ns')
    show('call with 1,000,000 messages in it', best['full_ns'], 'ns')
    show('  ratio', best['full_ns'] / max(1, best['empty_ns']), '', 2)
    show('  receive that looks at all 1,000,000', best['scan_us'] / 1000, 'ms')


def timers():
    f, cpu, peak, _ = run('show_timers', '1000000')
    show('1,000,000 timers: start, each', f['start_ns'], 'ns', 2000)
    show('  cancel, each', f['cancel_ns'], 'ns', 2000)


def monitors():
    small, f = run('show_monitors', '10000')[0], run('show_monitors', '100000')[0]
    for key, text in (('on_one_set', '100,000 monitors on one process: spawn and set'),
                      ('on_one_down', '  its end is told, each'),
                      ('by_one_set', 'one process with 100,000 monitors: set'),
                      ('by_one_remove', '  take back, each'),
                      ('by_one_down', '  ends are told, each')):
        show(text, f[key + '_ns'], 'ns', 5000)
        show('    with 10,000', small[key + '_ns'], 'ns')


def thread_times(*words):
    """-> CPU clock ticks of each thread of a run, as last seen while it ran"""
    seen = {}
    p = subprocess.Popen([ARGS.ling, '-pa', EBIN, *words], stdout=subprocess.DEVNULL)
    while p.poll() is None:
        for stat in glob.glob('/proc/%d/task/*/stat' % p.pid):
            try:
                with open(stat) as f:
                    fields = f.read().rsplit(')', 1)[1].split()
                seen[stat] = int(fields[11]) + int(fields[12])
            except OSError:
                pass
        time.sleep(0.02)
    return list(seen.values())


def side_by_side(n):
    """-> seconds n programs take that know nothing of each other"""
    begin = time.time()
    programs = [subprocess.Popen([ARGS.ling, '-pa', EBIN, 'show_fib', '1', '32'],
                                 stdout=subprocess.DEVNULL) for _ in range(n)]
    for p in programs:
        p.wait()
    return time.time() - begin


def two():
    one = two_ = alone = both = 1e18
    for _ in range(5):
        alone, both = min(alone, side_by_side(1)), min(both, side_by_side(2))
        one = min(one, run('show_fib', '32', '30', options=['--schedulers', '1'])[0]['wall_us'])
        two_ = min(two_, run('show_fib', '32', '30', options=['--schedulers', '2'])[0]['wall_us'])
    machine = 2 * alone / both
    show('two programs side by side (what the machine has to give)', machine, 'times')
    # A machine whose second core is busy cannot show it by the clock.
    show('32 fib workers: wall time, one scheduler / two', one / two_, 'times',
         1.7 if machine >= 1.8 else None, least=True)
    # What the wall time would be if every thread had a core: holds on a busy machine, too.
    alone = min(sum(thread_times('--schedulers', '1', 'show_fib', '32', '34')) for _ in range(2))
    longest = min(max(thread_times('--schedulers', '2', 'show_fib', '32', '34')) for _ in range(2))
    show('  CPU time of one / of the busiest of two', alone / longest, 'times', 1.7, least=True)


def hour():
    begin = time.time()
    options = ['--host', 'sim', '--seed', '7']
    first = run('show_hour', options=options)
    took = time.time() - begin
    show('an hour of timers on virtual time', first[0]['virtual_ms'] / 1000, 's', 3600, least=True)
    show('  real time for it', took, 's', 1)
    hashes = {hashlib.sha256(run('show_hour', options=options)[3]).hexdigest() for _ in range(3)}
    show('  different outputs of three runs with one seed', len(hashes), '', 1)


def ticker():
    # Wall time: on a busy machine `spin` says how late the machine itself makes a ticker.
    erl = ['erl', '+S', '1:1', '-noshell', '-pa', EBIN, '-eval',
           'show_ticker:main(["%d"]), halt().' % ARGS.mb]
    stock = dict(re.findall(r'^FIGURE (\w+) (-?\d+)', subprocess.check_output(erl, text=True), re.M))
    figures = run('show_ticker', str(ARGS.mb), options=['--schedulers', '1'])[0]
    noise = figures['spin'] / 1000
    show('10 ms ticker on one scheduler, worst delay: spin', noise, 'ms')
    for name in figures:
        if name != 'spin':
            show('  %s of %d MB (stock erl %.1f ms)' % (name, ARGS.mb, int(stock[name]) / 1000),
                 figures[name] / 1000, 'ms', 2 if noise < 1 else None)


def tables():
    # Wall time of short rounds, the best of many; two at once need two cores that are idle meanwhile.
    ours = run('show_tables', '100', options=['--schedulers', '2'])[0]
    erl = ['erl', '+S', '2:2', '-noshell', '-pa', EBIN, '-eval', 'show_tables:main(["100"]), halt().']
    stock = dict(re.findall(r'^FIGURE (\w+) (-?\d+)', subprocess.check_output(erl, text=True), re.M))
    for name in ours:
        work, options, processes = name.split('_')
        show('one table, %s, %s, %s at once (stock erl %d ns)' % (
            work, options, processes, int(stock[name]) / 1000), ours[name] / 1000, 'ns')


PARTS = [hello, idle, million, deep, mailbox, timers, monitors, hour, two, ticker, tables]


def main():
    global ARGS, EBIN
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--ling', default=os.path.join(HERE, '../build/release/bin/ling-run'))
    ap.add_argument('--only', default='', help=', '.join(p.__name__ for p in PARTS))
    ap.add_argument('--runs', type=int, default=20)
    ap.add_argument('--mb', type=int, default=100, help='size of what `ticker` works on')
    ARGS = ap.parse_args()
    only = [w for w in ARGS.only.split(',') if w]
    with tempfile.TemporaryDirectory() as EBIN:
        subprocess.check_call(['erlc', '-o', EBIN, *glob.glob(os.path.join(HERE, 'show/*.erl'))])
        for part in PARTS:
            if not only or part.__name__ in only:
                part()
    print('all goals reached' if not MISSED else '%d goals missed' % len(MISSED))
    sys.exit(bool(MISSED))


main()
