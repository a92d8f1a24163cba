#!/usr/bin/env python3
"""Sessions in a pseudo-terminal: somebody types, stock `erl` and ling-erl must show the same.

usage: terminal.py [--ling-erl PATH] [--schedulers N] [--only NAME] [--repeat N] [-v]

The sessions are in sessions.py. A step sends keys and waits until the screen ends with a text, in
which a caret stands for the cursor; the next step follows at once. Both machines go through the
same steps; afterwards their screens must be equal, line by line, and their exit status. The last
line is 'N passed, N failed'.
"""
import argparse
import difflib
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here))
from screen import Screen  # noqa: E402
from sessions import SESSIONS  # noqa: E402

ROWS = 50


class Failed(Exception):
    pass


def no_echo_of_control_keys():
    """The kernel shows ^C only after the signal: before or behind what the program says to it."""
    mode = termios.tcgetattr(0)
    mode[3] &= ~termios.ECHOCTL
    termios.tcsetattr(0, termios.TCSANOW, mode)


def set_size(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command, directory, columns, env, timeout):
        self.screen = Screen(columns)
        self.raw = b""
        self.timeout = timeout
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                no_echo_of_control_keys()
                set_size(0, columns)
                os.chdir(directory)
                os.execvpe(command[0], command, env)
            finally:
                os._exit(127)

    def resize(self, columns):
        self.screen.columns = columns
        set_size(self.fd, columns)

    def send(self, keys):
        data = keys.encode()
        while data:
            data = data[os.write(self.fd, data):]

    def read(self, deadline):
        """Some output. False: there is none any more."""
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.fd], [], [], left)[0]:
            raise Failed("nothing more came in time")
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: the other side is gone
            data = b""
        self.raw += data
        self.screen.feed(data)
        return bool(data)

    def wait_for(self, test):
        deadline = time.monotonic() + self.timeout
        while not test():
            if not self.read(deadline):
                raise Failed("it ended")

    def wait_for_raw(self):
        """Until the program takes keys one by one: what is typed before that the terminal echoes."""
        deadline = time.monotonic() + self.timeout
        while termios.tcgetattr(self.fd)[3] & termios.ICANON:
            if time.monotonic() > deadline:
                raise Failed("the terminal's mode does not change")
            if select.select([self.fd], [], [], 0.01)[0] and not self.read(deadline):
                raise Failed("it ended")

    def wait_for_end(self):
        deadline = time.monotonic() + self.timeout
        while self.read(deadline):
            pass
        status = os.waitpid(self.pid, 0)[1]
        self.status = os.waitstatus_to_exitcode(status)

    def close(self):
        os.close(self.fd)
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def shows(screen, text):
    """The screen ends with these lines; the first may be the end of a line's."""
    return screen.text(caret=True).endswith(text)


def contains(screen, texts):
    """These texts are there, one behind the other, since somebody last pressed ^C."""
    text = screen.text(caret=True)
    at = max(0, text.rfind("BREAK:"))
    for wanted in texts:
        at = text.find(wanted, at)
        if at < 0:
            return False
        at += len(wanted)
    return True


def go_on(t, keys, texts, question):
    """Answers a question with keys, each time it comes, until the texts are there before it."""
    def asked():
        return t.screen.text(caret=True).count(question)
    while True:
        last = t.screen.text(caret=True).split(question)[-2]
        at = 0
        if all((at := last.find(w, at)) >= 0 for w in texts):
            return
        n = asked()
        t.send(keys)
        t.wait_for(lambda: asked() > n)


# Whose machine it is.
BANNER = (r"(Erlang/OTP 25 )\[[^$]*?\n\n", r"\1\n\n")
# What the shell says after q() is open: the system is on its way down.
QUIT = (r"(?<=> q\(\)\.)(\nok(\n\d+>)?)?\Z", "")


def masked(session, text):
    for pattern, to in [BANNER, QUIT] + session.get("mask", []):
        text = re.sub(pattern, to, text)
    return text


def play(args, session, program, extra):
    """What somebody would have seen, and the exit status; why it failed, or None."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("ERL_")}
    env.update({"TERM": "xterm", "LC_ALL": "C.UTF-8"})
    env.update(session.get("env", {}))
    command = [program] + extra + session.get("args", [])
    with tempfile.TemporaryDirectory() as directory:
        env["HOME"] = directory
        t = Terminal(command, directory, session.get("columns", 80), env, args.timeout)
        at = "the start"
        try:
            for step in session["steps"]:
                at = repr(step)
                if "columns" in step:
                    t.resize(step["columns"])
                if "kill" in step:
                    os.kill(t.pid, step["kill"])
                t.send(step.get("keys", ""))
                if "shows" in step:
                    t.wait_for(lambda: shows(t.screen, step["shows"]))
                if "contains" in step:
                    t.wait_for(lambda: contains(t.screen, step["contains"]))
                if "until" in step:
                    go_on(t, *step["until"])
                if "raw" in step:
                    t.wait_for_raw()
            at = "the end"
            t.wait_for_end()
        except Failed as e:
            why = "at %s: %s" % (at, e)
            return (t.screen.text(caret=True), t.status), why
        finally:
            t.close()
            if args.v:
                print("%r" % t.raw)
        for name in session.get("files", []):
            if not pathlib.Path(directory, name).exists():
                return (t.screen.text(), t.status), "no file " + name
    return (masked(session, t.screen.text()), t.status), None


def one(args, name):
    session = SESSIONS[name]
    extra = ["+S", args.schedulers] if args.schedulers else []
    results = []
    for program in ("erl",) if args.stock else ("erl", args.ling_erl):
        if program == "erl" and name in args.expected:
            results.append(args.expected[name])
            continue
        result, why = play(args, session, program, extra if program != "erl" else [])
        if why:
            return ["%s: %s; the screen:" % (program, why)] + result[0].splitlines()[-25:]
        results.append(result)
        if program == "erl":
            args.expected[name] = result
        if args.v:
            print(result[0])
    if args.stock:
        return []
    (want, want_status), (got, got_status) = results
    why = []
    if want_status != got_status:
        why.append("exit status %s, %s expected" % (got_status, want_status))
    return why + list(difflib.unified_diff(want.splitlines(), got.splitlines(), "erl", "ling-erl",
                                           lineterm=""))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--ling-erl", default=str(here.parent.parent / "build/release/bin/ling-erl"))
    a.add_argument("--schedulers", help="+S of ling-erl")
    a.add_argument("--timeout", type=float, default=300, help="of each step, seconds")
    a.add_argument("--only", action="append", default=[])
    a.add_argument("--repeat", type=int, default=1)
    a.add_argument("--stock", action="store_true", help="only see that stock goes through the steps")
    a.add_argument("-v", action="store_true")
    args = a.parse_args()
    args.ling_erl = os.path.abspath(args.ling_erl)
    args.expected = {}
    passed = failed = 0
    if not shutil.which("erl"):
        sys.exit("no erl on the PATH")
    for _ in range(args.repeat):
        for name in SESSIONS:
            if args.only and name not in args.only:
                continue
            why = one(args, name)
            passed += not why
            failed += bool(why)
            if why:
                print("FAILED %s" % name)
                print("\n".join("    " + line for line in why), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed != 0 or passed == 0)


main()
