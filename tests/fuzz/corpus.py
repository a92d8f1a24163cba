#!/usr/bin/env python3
"""Makes starting corpora for the fuzz targets out of stock OTP: small beam files and mutations of
them that keep the outer form (sizes of chunks right), so that the fuzzer gets past the container;
external terms and their mutations; calls of functions in C; literals as text.

usage: corpus.py [--otp-root DIR] [--mutations N] [--seed N] OUTPUT

Writes OUTPUT/beam, OUTPUT/etf, OUTPUT/calls and OUTPUT/parse. Then for example
    build/fuzz/fuzz/fuzz_beam -max_total_time=120 -max_len=20000 OUTPUT/beam
"""
import argparse
import pathlib
import random
import re
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

# Calls for fuzz_calls, by function.
CALLS = r"""
MS = [{{'$1','$2'},[{'>','$1',{'const',3}},{'orelse',{is_atom,'$2'},{'=:=',{element,1,'$_'},x}}],
       [{{'$1',[a|'$2']}}]},{'_',[],['$$']},{#{k=>'$1'},[{is_map_key,k,'$_'}],[{map_get,k,'$_'}]}],
TMS = [{['$1','_'],[{'==','$1',1}],[{message,{self}},{return_trace},{set_seq_token,label,1}]}],
Cs = #{{re,run,3} => [[<<"aab">>,<<"(a+)(?<n>b)?|[[:alpha:]]{2,3}$">>,[global,{capture,all,list},{offset,1}]],
                      ["x1y",<<"\\d(?=y)(*ANY)">>,[{capture,[1,n],index},{newline,crlf},unicode,caseless]],
                      [<<"abcabc">>,"(?|(a)|(b))\\1(?R)?",[dupnames,{match_limit,100},report_errors]]],
       {re,compile,2} => [[<<"(?i)a{2,}?(?:b|[^c-e])\\x{41}\\p{Lu}">>,[unicode,extended,multiline]],
                          ["^(((((a)))))(?(1)b|c)\\k<x>(?<x>y)",[anchored,ungreedy,{newline,anycrlf}]]],
       {ets,match_spec_compile,1} => [[MS]], {ets,test_ms,2} => [[{5,x},MS]],
       {erlang,match_spec_test,3} => [[{5,x},MS,table],[[1,2],TMS,trace]],
       {erlang,decode_packet,3} => [[T,B,O] || {T,B} <- [{http_bin,<<"GET http://h:80/p HTTP/1.1\r\n">>},
             {httph,<<"Host: x\r\n y\r\n\r\n">>},{asn1,<<16#30,16#82,0,2,1,2>>},{cdr,<<"GIOP",1,0,1,0,2,0,0,0,1,2>>},
             {fcgi,<<1,1,0,1,0,2,1,0,1,2,3>>},{tpkt,<<3,0,0,6,1,2>>},{ssl_tls,<<22,3,1,0,2,1,2>>},{sunrm,<<128,0,0,1,9>>},
             {line,<<"ab\nc">>},{4,<<0,0,0,1,7>>}], O <- [[],[{packet_size,3}],[{line_length,1}]]],
       {erlang,binary_to_term,2} => [[term_to_binary(X,[compressed]),[safe,used]] || X <- [lists:seq(1,99),#{a=>1},MS]]
                                   ++ [[term_to_binary({self(),make_ref(),fun lists:map/2,1.5,<<1:3>>,1 bsl 99}),[used]]],
       {erlang,term_to_binary,2} => [[{a,[b|<<1:7>>]},[{compressed,9},{minor_version,1}]]],
       {zlib,uncompress,1} => [[zlib:compress(<<"aaaaaaaabbbb">>)]], {zlib,gunzip,1} => [[zlib:gzip(<<"aaaaaaaabbbb">>)]],
       {unicode,characters_to_binary,3} => [[["a",<<195,165>>,[960|<<"b">>]],utf8,{utf16,little}],[<<216,0,1>>,utf16,latin1]],
       {binary,matches,3} => [[<<"abcabc">>,[<<"bc">>,<<"c">>],[{scope,{1,4}}]]],
       {binary,replace,4} => [[<<"abc">>,<<"b">>,<<"[]">>,[global,{insert_replaced,1}]]],
       {binary,split,3} => [[<<"a,b;c">>,[<<",">>,<<";">>],[global,trim_all]]],
       {erlang,float_to_binary,2} => [[1.5,[{decimals,4},compact]],[1.0e22,[short]],[0.1,[{scientific,20}]]],
       {erlang,spawn_opt,4} => [[erlang,self,[],[link,monitor,{min_heap_size,99},{max_heap_size,#{size=>999,kill=>true}}]]],
       {erlang,trace_pattern,3} => [[{lists,seq,'_'},TMS,[local,call_count]]],
       {erlang,system_monitor,1} => [[[{long_gc,1},{large_heap,99},busy_port]]],
       {ets,new,2} => [[t,[ordered_set,public,{keypos,2},{write_concurrency,auto},{heir,none}]]],
       {io_lib,format,2} => [["~p ~10.3.0f ~*s ~ts~n",[#{a=>[1]},1.5,4,"ab","\x{3c0}"]]],
       {erl_scan,string,3} => [["f(X)-> $a,16#ff,\"s\",'q',1.5e3.",1,[return,text]]],
       {maps,from_list,1} => [[[{I,I} || I <- lists:seq(1,40)]]]},
[begin [ok = file:write_file(filename:join(D, lists:concat([F, I, "_", N])),
                             [I, term_to_binary(A)])
        || {N, A} <- lists:zip(lists:seq(1, length(As)), As)] end
 || {I, {M, F, N0}} <- Is, As <- [maps:get({M, F, N0}, Cs, [lists:sublist([1, [a], <<"b">>, #{}], N0)])]],
halt().
"""


def calls(out):
    """Writes a call or more of each function in fuzz_calls.c's table."""
    out.mkdir(parents=True, exist_ok=True)
    table = re.findall(r'^    \{"(\w+)", "([^"]+)", (\d)\},',
                       (pathlib.Path(__file__).parent / "fuzz_calls.c").read_text(), re.M)
    names = "Is = [%s]," % ",".join("{%d,{%s,'%s',%s}}" % (i, m, f, n)
                                    for i, (m, f, n) in enumerate(table))
    script = "D = \"%s\", %s %s" % (out.absolute(), names, CALLS)
    subprocess.run(["erl", "-noshell", "-eval", script], check=True)


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
    calls(out / "calls")
    for p in sorted((out / "calls").iterdir()):
        if "." not in p.name:
            for i in range(args.mutations):
                p.with_name("%s.%d" % (p.name, i)).write_bytes(mutate(r, p.read_bytes()))
    for n, text in enumerate(TEXTS):
        (out / "parse" / str(n)).write_text(text)


main()
