#!/usr/bin/env python3
"""Release handling on stock erl and on ling-erl: systools makes two releases of a small application,
a system is started with the first, upgraded to the second, downgraded, upgraded again, made
permanent, stopped and started again. What it prints must be the same on both.

usage: release.py [--ling-erl PATH] [--build DIR] [--schedulers N] [-v]

The system has a root of its own below the build directory, with links to OTP's applications. The
last line is 'N passed, N failed'.
"""
import argparse
import difflib
import os
import pathlib
import shutil
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent

APP = """{application, rel_app, [{description, "d"}, {vsn, "%(v)s"}, {modules, [%(modules)s]},
 {registered, [rel_sup, rel_server]}, {applications, [kernel, stdlib, sasl]},
 {mod, {rel_top, []}}]}.
"""
TOP = """-module(rel_top).
-behaviour(application).
-export([start/2, stop/1]).
start(_, _) -> rel_sup:start_link().
stop(_) -> ok.
"""
SUP = """-module(rel_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).
start_link() -> supervisor:start_link({local, rel_sup}, rel_sup, []).
init([]) -> {ok, {#{}, [#{id => server, start => {rel_server, start_link, []}}%(more)s]}}.
"""
SERVER_1 = """-module(rel_server).
-vsn(1).
-behaviour(gen_server).
-export([start_link/0, add/1, get/0, init/1, handle_call/3, handle_cast/2, code_change/3]).
start_link() -> gen_server:start_link({local, rel_server}, rel_server, 1, []).
add(N) -> gen_server:cast(rel_server, {add, N}).
get() -> gen_server:call(rel_server, get).
init(N) -> {ok, N}.
handle_call(get, _, N) -> {reply, {first, N}, N}.
handle_cast({add, M}, N) -> {noreply, N + M}.
code_change({down, 1}, #{sum := N}, Extra) -> io:format("down ~p~n", [Extra]), {ok, N}.
"""
SERVER_2 = """-module(rel_server).
-vsn(2).
-behaviour(gen_server).
-export([start_link/0, add/1, get/0, init/1, handle_call/3, handle_cast/2, code_change/3]).
start_link() -> gen_server:start_link({local, rel_server}, rel_server, 1, []).
add(N) -> gen_server:cast(rel_server, {add, N}).
get() -> gen_server:call(rel_server, get).
init(N) -> {ok, #{sum => N}}.
handle_call(get, _, S) -> {reply, {second, S, rel_new:twice(maps:get(sum, S))}, S}.
handle_cast({add, M}, S) -> {noreply, maps:update_with(sum, fun(N) -> N + M end, S)}.
code_change({down, 1}, #{sum := N}, Extra) -> io:format("down ~p~n", [Extra]), {ok, N};
code_change(1, N, Extra) -> io:format("up ~p~n", [Extra]), {ok, #{sum => N}}.
"""
UTIL = "-module(rel_util).\n-export([version/0]).\nversion() -> %s.\n"
NEW = "-module(rel_new).\n-export([twice/1]).\ntwice(X) -> 2 * X.\n"
APPUP = """{"2",
 [{"1", [{add_module, rel_new}, {load_module, rel_util},
         {update, rel_server, {advanced, up_extra}, [rel_new]},
         {update, rel_sup, supervisor},
         {apply, {supervisor, restart_child, [rel_sup, more]}}]}],
 [{"1", [{apply, {supervisor, terminate_child, [rel_sup, more]}},
         {apply, {supervisor, delete_child, [rel_sup, more]}},
         {update, rel_sup, supervisor},
         {update, rel_server, {advanced, down_extra}, [rel_util]}, {load_module, rel_util},
         {delete_module, rel_new}]}]}.
"""
MORE = (", #{id => more, start => {gen_event, start_link, [{local, rel_more}]}, type => worker}")


def parse():
    a = argparse.ArgumentParser()
    a.add_argument("--ling-erl", default=str(root / "build/release/bin/ling-erl"))
    a.add_argument("--build", default=str(root / "build/boot-release"))
    a.add_argument("--schedulers")
    a.add_argument("--timeout", type=float, default=300)
    a.add_argument("-v", action="store_true")
    return a.parse_args()


def otp():
    text = ('io:format("~s~n~s~n~s~n", [code:root_dir(), erlang:system_info(version),'
            ' string:join([filename:basename(code:lib_dir(A)) || A <- [kernel, stdlib, sasl]],'
            ' " ")]), halt().')
    out = subprocess.run(["erl", "-noshell", "-eval", text], stdout=subprocess.PIPE, check=True)
    top, version, apps = out.stdout.decode().splitlines()
    return pathlib.Path(top), version, apps.split()


def make_sources(work, version, apps):
    for v, server, more in (("1", SERVER_1, ""), ("2", SERVER_2, MORE)):
        ebin = work / ("v" + v) / "lib" / ("rel_app-" + v) / "ebin"
        ebin.mkdir(parents=True)
        texts = {"rel_top": TOP, "rel_sup": SUP % {"more": more}, "rel_server": server,
                 "rel_util": UTIL % v}
        if v == "2":
            texts["rel_new"] = NEW
        for name, text in texts.items():
            (ebin / (name + ".erl")).write_text(text)
        subprocess.run(["erlc", "-o", str(ebin)] + [str(ebin / (n + ".erl")) for n in texts],
                       check=True)
        (ebin / "rel_app.app").write_text(APP % {"v": v, "modules": ", ".join(texts)})
        if v == "2":
            (ebin / "rel_app.appup").write_text(APPUP)
        (work / ("rel-%s.rel" % v)).write_text(
            '{release, {"small", "%s"}, {erts, "%s"}, [%s]}.\n'
            % (v, version, ", ".join('{%s, "%s"}' % tuple(a.rsplit("-", 1))
                                     for a in apps + ["rel_app-" + v])))


def whole(args, program, work):
    """All that is printed, with the exit statuses."""
    shutil.rmtree(work, ignore_errors=True)
    top, version, apps = otp()
    place = work / "root"
    (place / "lib").mkdir(parents=True)
    (place / "releases").mkdir()
    for app in apps:
        (place / "lib" / app).symlink_to(top / "lib" / app)
    (place / ("erts-" + version)).symlink_to(top / ("erts-" + version))
    # The preloaded modules, which libling reads.
    (place / "lib" / ("erts-" + version)).symlink_to(top / "lib" / ("erts-" + version))
    (place / "bin").symlink_to(top / "bin")
    make_sources(work, version, apps)
    subprocess.run(["erlc", "-o", str(work), str(here / "boot_release.erl")], check=True)
    env = {k: v for k, v in os.environ.items() if not k.startswith("ERL_")}
    env.update(REL_ROOT=str(place), OTP_LIB=str(top / "lib"), EMU="beam", PROGNAME="erl",
               ROOTDIR=str(place), ERL_ROOTDIR=str(place),
               BINDIR=str(top / ("erts-" + version) / "bin"))
    # Debian's `erl` knows its own root only.
    command = [program] if program != "erl" else [env["BINDIR"] + "/erlexec"]
    if args.schedulers and program != "erl":
        command += ["+S", args.schedulers]
    system = command + ["-noshell", "-pa", ".", "-boot_var", "OTP", str(top / "lib"), "-mode",
                        "interactive", "-sasl", "releases_dir", '"%s"' % (place / "releases")]
    text = ""
    for name, words in (
            ("make", [program, "-noshell", "-pa", ".", "-s", "boot_release", "make"]),
            ("first", system + ["-boot", str(place / "releases/1/start"), "-config",
                                str(place / "releases/1/sys"), "-s", "boot_release", "first"]),
            ("second", system + ["-boot", str(place / "releases/2/start"),
                                 "-s", "boot_release", "second"])):
        own = {k: v for k, v in env.items()
               if name != "make" or k not in ("ROOTDIR", "ERL_ROOTDIR", "BINDIR", "EMU")}
        p = subprocess.run(words, cwd=work, env=own, timeout=args.timeout,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        text += "%s\n%sstatus %s\n" % (name, p.stdout.decode(errors="replace"), p.returncode)
    return text.replace(str(work), "DIR")


def main():
    args = parse()
    build = pathlib.Path(args.build).resolve()
    want = whole(args, "erl", build / "stock")
    got = whole(args, os.path.abspath(args.ling_erl), build / "ling")
    if args.v:
        print(want)
    for line in difflib.unified_diff(want.splitlines(), got.splitlines(), "erl", "ling-erl",
                                     lineterm=""):
        print(line)
    ok = want == got and want.count("status 0") == 2 and "status 3" in want
    print("1 passed, 0 failed" if ok else "0 passed, 1 failed")
    sys.exit(not ok)


main()
