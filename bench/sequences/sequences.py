#!/usr/bin/env python3
"""Chooses the instruction sequences of src/vm/sequences.def by what runs.

  cmake -B build/count -DCMAKE_C_COMPILER=clang-19 -DCMAKE_BUILD_TYPE=Release -DLING_COUNT=ON \\
        -DLING_TESTS=OFF -DLING_EXAMPLES=OFF && cmake --build build/count --target ling-run
  COUNT=fib.count build/count/bin/ling-run -pa EBIN bm_fib        (and more programs)
  COUNT=rand.count build/count/bin/ling-run -pa EBIN bif_times rand   (library functions of bench/bifs)
  bench/sequences/sequences.py [-n 700] fib.count compile.count:4 ... > src/vm/sequences.def

Each file of counts weighs 1, or what stands behind its name. The last choice was of 1,100: ten
programs, 1 each, compilations of four modules, 1.5 each, and 25 library functions, 0.4 each. To be run again when instructions
change much. A sequence is of instructions as they are, or of ones with the registers they had.
The next one taken is always the one that saves most in what the others left.
"""
import argparse
import collections
import heapq
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
LONGEST = 8
# Costs in jumps: an operand that is fetched, any further instruction in a sequence.
OPERAND, PART, PER_SEQUENCE = 0.3, 0.05, 0.00002

ops = open(os.path.join(ROOT, 'src/vm/ops.def')).read()
has_body = set(re.findall(r'^BODY\((\w+),', ops, re.M))
sig = dict(re.findall(r'^\w+\((\w+), "([^"]*)"', ops, re.M))
for test in re.findall(r'^TEST\((\w+)\)', ops, re.M):
    for reg in 'xy':
        has_body.add(test + '_' + reg)
        sig[test + '_' + reg] = reg + 'f'
# A traced BIF's calls are found by their handlers (trace_code.c).
has_body -= {o for o in has_body if o.startswith(('call_bif', 'setelement'))}
never_on = {o for o in has_body if o.startswith(('call', 'return_', 'jump', 'select_'))}
varies = {o for o, s in sig.items() if s.endswith('*')}
ARITHMETIC = ('add_', 'sub_', 'mul_', 'band_', 'bor_', 'bxor_', 'bsl_', 'bsr_', 'div_', 'rem_',
              'neg_', 'bnot_', 'arith_')


def letters(op):
    return sig[op].rstrip('*')


def packed_words(op):
    return (sum(c in 'xyu' for c in letters(op)) + 3) // 4


def is_live(op, field, letter):
    """Numbers of live registers matter only when there is a collection: never fixed."""
    return letter == 'u' and (op.startswith(ARITHMETIC) or
                              op in ('allocate', 'allocate_heap') and field == 1 or
                              op in ('test_heap', 'put_map_exact1_x'))


def part(text):
    """(name, ((piece, value), ...)): pieces are 16 bits of the words behind the handler's."""
    name, *words = text.split('|')
    if name not in has_body:
        return (name, ())
    word = {int(w.split('=')[0]): int(w.split('=')[1], 16) for w in words}
    pieces, field, at = [], 0, 1 + packed_words(name)
    for c in letters(name):
        if c in 'xyu':
            if not is_live(name, field, c):
                pieces.append((field, word[1 + field // 4] >> 16 * (field % 4) & 0xffff))
            field += 1
        else:
            if (c in 'SD' or name == 'test_heap' and c == 'n') and at in word:
                pieces += [(4 * (at - 1) + i, word[at] >> 16 * i & 0xffff) for i in range(4)]
            at += 1
    if any(piece >= 16 for piece, _ in pieces):
        return (name, ())
    return (name, tuple(sorted(pieces)))


def general(p):
    return (p[0], ())


def part_cost(p):
    if p[0] not in has_body:
        return 1.0
    return PART if p[1] else PART + OPERAND * sum(c in 'xySD' for c in letters(p[0]))


def seq_cost(s):
    return 1 + sum(map(part_cost, s))


def read_runs(names):
    runs = collections.Counter()
    for name in names:
        file, _, weight = name.partition(':')
        lines = open(file).read().splitlines()
        total = int(lines[0].split()[1])
        of_file = [(int(f[0]), f[1:]) for f in map(str.split, lines[1:])]
        for count, texts in sorted(of_file, reverse=True)[:2500]:
            runs[tuple(map(part, texts))] += float(weight or 1) * count / total
    return list(runs.items())


class Chooser:
    def __init__(self, runs):
        self.runs = [r for r, _ in runs]
        self.weight = [w for _, w in runs]
        self.general = [tuple(map(general, r)) for r in self.runs]
        self.chosen = {}
        self.inside = collections.defaultdict(set)
        for i, r in enumerate(self.runs):
            self.find(i, r)
        self.cost = [self.best(i) for i in range(len(self.runs))]

    def find(self, i, r):
        for at in range(len(r)):
            for n in range(1, min(LONGEST, len(r) - at) + 1):
                s = r[at:at + n]
                name = s[-1][0]
                if name not in has_body:
                    break
                g = tuple(map(general, s))
                if n > 1 or s[0][1]:
                    self.inside[s].add(i)
                if n > 1 and g != s:
                    self.inside[g].add(i)
                if name in never_on or name in varies:
                    break

    def best(self, i, extra=None, extra_cost=0):
        r, g = self.runs[i], self.general[i]
        cost = [0.0] * (len(r) + 1)
        for k in range(len(r) - 1, -1, -1):
            cost[k] = cost[k + 1] + 1 + part_cost(g[k])
            for n in range(1, min(LONGEST, len(r) - k) + 1):
                for s in (r[k:k + n], g[k:k + n]):
                    c = extra_cost if s == extra else self.chosen.get(s)
                    if c is not None and cost[k + n] + c < cost[k]:
                        cost[k] = cost[k + n] + c
        return cost[0]

    def gain(self, s):
        c = seq_cost(s)
        saved = sum(self.weight[i] * (self.cost[i] - self.best(i, s, c)) for i in self.inside[s])
        return saved - PER_SEQUENCE * len(s)

    def choose(self, count):
        start = self.left()
        heap = [(-2.0 * len(s) * sum(self.weight[i] for i in at), s)
                for s, at in self.inside.items()]
        heap = [h for h in heap if h[0] < -0.002]
        heapq.heapify(heap)
        while heap and len(self.chosen) < count:
            _, s = heapq.heappop(heap)
            g = self.gain(s)
            if g <= 0:
                continue
            if heap and g < -heap[0][0]:
                heapq.heappush(heap, (-g, s))
                continue
            self.chosen[s] = seq_cost(s)
            for i in self.inside[s]:
                self.cost[i] = self.best(i)
            if len(self.chosen) % 100 == 0:
                print(len(self.chosen), 'sequences: cost %.3f' % (self.left() / start),
                      file=sys.stderr)

    def left(self):
        return sum(w * c for w, c in zip(self.weight, self.cost))


def text(p):
    name, pieces = p
    value, out, field, at = dict(pieces), [], 0, 1 + packed_words(name)
    for c in letters(name) if pieces else '':
        if c in 'xyu':
            if field in value:
                out.append(str(value[field]) if c == 'u' else '%s%d' % (c, value[field] // 8))
            field += 1
        else:
            piece = 4 * (at - 1)
            if piece in value:
                word = value[piece] | value[piece + 1] << 16
                out.append(str(word) if c == 'n' else
                           '%s%d' % ('y' if word & 8 else 'x', (word >> 8) // 8))
            at += 1
    return ' '.join([name] + out)


def fixed(p):
    """-> name, mask and words of a part, as the macros have them"""
    name, pieces = p
    mask, words = 0, [0]
    for piece, value in pieces:
        mask |= 1 << piece
        words += [0] * (piece // 4 + 1 - len(words))
        words[piece // 4] |= value << 16 * (piece % 4)
    return name, '0x%x' % mask, ', '.join('0x%x' % w for w in words)


def lines(sequences):
    """The lines of sequences sorted so that those that begin alike stand together: they share the
    nodes of their beginnings, which are numbered in this order."""
    nodes = {s[:i + 1] for s in sequences for i in range(len(s))}
    size = collections.Counter(n[:i + 1] for n in nodes for i in range(len(n)))
    seen = set()
    for number, s in enumerate(sequences):
        parts = []
        for i, p in enumerate(s):
            name, mask, words = fixed(p)
            node = s[:i + 1]
            if node in seen:
                parts.append('P(%s, %s, %s)' % (name, mask, words))
                continue
            seen.add(node)
            parts.append('N(%s, %s, %d, %d, %d, %s)' % (
                name, mask, i, size[node], number + 1 if i + 1 == len(s) else 0, words))
        yield 'SEQ(%d, %s, %s)' % (number, s[0][0], ' '.join(parts))


HEAD = '''\
/* sequences.def: instructions that often follow each other, and instructions with frequent registers,
 * which have handlers of their own: SEQ(number, first instruction, parts). A part is
 * N(name, mask, depth, size, ends, words) or P(name, mask, words) where a sequence before begins with
 * the same parts. mask: which 16-bit pieces of the words behind the handler's are fixed, words: what
 * they hold. Known registers are worth as much as fewer jumps: their addresses are plain
 * displacements, and what was just stored there is forwarded without delay. The Ns are the nodes of
 * the tree load_seq.c looks in: depth, nodes in its subtree, and 1 + the sequence that ends in it.
 *
 * Made by bench/sequences/sequences.py from counts of what runs in OTP's compiler and libraries and
 * in small programs; not meant to be edited. All parts but the last go on behind themselves and
 * have a fixed size. */
/* clang-format off */
'''


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('-n', type=int, default=700)
    ap.add_argument('counts', nargs='+')
    a = ap.parse_args()
    chooser = Chooser(read_runs(a.counts))
    chooser.choose(a.n)
    print(HEAD, end='')
    chosen = sorted(chooser.chosen)
    for s, line in zip(chosen, lines(chosen)):
        print('/* %s */' % '; '.join(map(text, s)))
        print(line)
    print('/* clang-format on */')


main()
