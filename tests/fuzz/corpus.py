#!/usr/bin/env python3
"""Makes starting corpora for the fuzz targets out of stock OTP: small beam files and mutations of
them that keep the outer form (sizes of chunks right), so that the fuzzer gets past the container;
external terms and their mutations; literals as text.

usage: corpus.py [--otp-root DIR] [--mutations N] [--seed N] OUTPUT

Writes OUTPUT/beam, OUTPUT/etf and OUTPUT/parse. Then for example
    build/fuzz/fuzz/fuzz_beam -max_total_time=120 -max_len=20000 OUTPUT/beam
"""
import argparse
import pathlib
import random
import struct
import subprocess
import sys
import zlib

TERMS = r"""
Ts = [0, -1, 255, 1 bsl 40, -(1 bsl 200), 1 bsl 3000, 1.5, atom, 'a b', [], "text", [a | b], {}, {a, 1},
      <<>>, <<1, 2, 3>>, <<5:3>>, #{}, #{a => 1, 2 => [x]}, maps:from_list([{I, I} || I <- lists:seq(1, 40)]),
      self(), make_ref(), fun lists:sort/1, fun() -> ok end, lists:seq(1, 300), lists:duplicate(20, {x, [y]})],
[ok = file:write_file(filename:join(D, integer_to_list(N)), term_to_binary(T, O))
 || {N, {T, O}} <- lists:zip(lists:seq(1, 2 * length(Ts)), [{T, O} || T <- Ts, O <- [[], [compressed]]])],
halt().
"""
TEXTS = ["[1,2|x]", "#{a=>1,\"s\"=>[<<1,2,\"ab\">>]}", "{1.5e3,-7,16#ff,$c,$\\n}", "'quoted \\x41 atom'",
         "\"a\\\"b\\x{263a}\"", "lists:sort([3,1,2])", "m:f({},[],#{})", "<<\"text\"/utf8>>", "[[[[[]]]]]",
         "1_000", "-0.0", "<<1:16>>", "% comment\n[a]."]


def chunks(data):
    """The chunks of a beam file as a list of (name, bytes)."""
    out, at = [], 12
    while at + 8 <= len(data):
        name, size = data[at:at + 4], struct.unpack(">I", data[at + 4:at + 8])[0]
        out.append((name, data[at + 8:at + 8 + size]))
        at += 8 + (size + 3) // 4 * 4
    return out


def beam(parts):
    body = b"".join(n + struct.pack(">I", len(d)) + d + bytes(-len(d) % 4) for n, d in parts)
    return b"FOR1" + struct.pack(">I", len(body) + 4) + b"BEAM" + body


def mutate(r, data):
    """A few changes of bytes, runs of bytes and 32-bit numbers."""
    b = bytearray(data)
    for _ in range(r.randint(1, 4)):
        if not b:
            break
        i, what = r.randrange(len(b)), r.randrange(6)
        if what == 0:
            b[i] ^= 1 << r.randrange(8)
        elif what == 1:
            b[i] = r.choice([0, 1, 0x7f, 0x80, 0xff, r.randrange(256)])
        elif what == 2:
            del b[i:i + r.randint(1, 8)]
        elif what == 3:
            b[i:i] = bytes(r.randrange(256) for _ in range(r.randint(1, 8)))
        elif what == 4:
            b[i:i + 4] = struct.pack(">I", r.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, len(b)]))
        else:
            j = r.randrange(len(b))
            b[i:i + 16] = b[j:j + 16]
    return bytes(b)


def mutate_literals(r, data):
    if data[:4] == b"\0\0\0\0":
        return data[:4] + mutate(r, data[4:])
    body = mutate(r, zlib.decompress(data[4:]))
    return struct.pack(">I", len(body)) + zlib.compress(body)


def mutate_beam(r, data):
    parts = chunks(data)
    i = r.randrange(len(parts))
    name, body = parts[i]
    what = r.randrange(10)
    if what == 0:
        return data[:r.randrange(len(data))]
    if what == 1:
        return mutate(r, data)
    if what == 2:
        del parts[i]
    elif what == 3:
        parts.append(parts[i])
    elif name == b"LitT" and len(body) > 4:
        parts[i] = (name, mutate_literals(r, body))
    else:
        parts[i] = (name, mutate(r, body))
    return beam(parts)


def otp_root():
    return subprocess.run(["erl", "-noshell", "-eval", "io:put_chars(code:root_dir()), halt()."],
                          stdout=subprocess.PIPE, check=True).stdout.decode()


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--otp-root")
    a.add_argument("--mutations", type=int, default=20)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("output")
    args = a.parse_args()
    r, out = random.Random(args.seed), pathlib.Path(args.output)
    for name in ("beam", "etf", "parse"):
        (out / name).mkdir(parents=True, exist_ok=True)

    lib = pathlib.Path(args.otp_root or otp_root()) / "lib"
    beams = sorted(p for p in lib.glob("*/ebin/*.beam") if p.stat().st_size < 12000)
    if not beams:
        sys.exit("no beam files below %s" % lib)
    for p in r.sample(beams, min(40, len(beams))):
        # Without the chunks the loader never reads.
        parts = [c for c in chunks(p.read_bytes()) if c[0] not in (b"Dbgi", b"Docs", b"ExCk")]
        (out / "beam" / p.stem).write_bytes(beam(parts))
        for i in range(args.mutations):
            (out / "beam" / ("%s.%d" % (p.stem, i))).write_bytes(mutate_beam(r, beam(parts)))

    subprocess.run(["erl", "-noshell", "-eval", "D = \"%s\"," % (out / "etf").absolute() + TERMS],
                   check=True)
    for p in sorted((out / "etf").glob("[0-9]*")):
        if "." not in p.name:
            for i in range(args.mutations):
                p.with_name("%s.%d" % (p.name, i)).write_bytes(mutate(r, p.read_bytes()))
    for n, text in enumerate(TEXTS):
        (out / "parse" / str(n)).write_text(text)


main()
