"""The sessions of terminal.py. A step: keys to send, then what the screen must end with (shows; CARET
is the cursor) or contain (matches)."""
import signal

from screen import CARET as C

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"


def ctrl(letter):
    return chr(ord(letter) & 31)


def step(keys, shows):
    return {"keys": keys, "shows": shows}


def prompt(n):
    return "\n%d> %s" % (n, C)


START = {"shows": prompt(1)}
BREAK = ("\nBREAK: (a)bort (A)bort with dump (c)ontinue (p)roc info (i)nfo\n"
         "       (l)oaded (v)ersion (k)ill (D)b-tables (d)istribution\n" + C)


KILL = "\n(k)ill (n)ext (r)eturn:\n"
QUIT = {"keys": "q().\r"}

# Shows each line it reads.
ECHO = """(fun F() -> io:put_chars("got " ++ io:get_line("more: ")), F() end)()."""

SESSIONS = {
    "expressions": {"steps": [
        START,
        step("1 + 2.\r", "\n3" + prompt(2)),
        step("X = {a,\r", "\n2> " + C),
        step("\"b\"}.\r", "\n{a,\"b\"}" + prompt(3)),
        step("rd(point, {x, y = 2}).\r", "\npoint" + prompt(4)),
        step("#point{x = X}.\r", "\n#point{x = {a,\"b\"},y = 2}" + prompt(5)),
        step("v(1).\r", "\n3" + prompt(6)),
        step("foo(.\r", "\n* 1:5: syntax error before: '.'" + prompt(6)),
        step("1/0.\r", "operator  '/'/2\n        called as 1 / 0" + prompt(7)),
        step("[$a, 955, $b].\r", "\n[97,955,98]" + prompt(8)),
        step("io:format(\"~ts~n\", [[955, 8364]]).\r", "\n\u03bb\u20ac\nok" + prompt(9)),
        step("io:get_line(\"name: \").\r", "\nname: " + C),
        step("me\r", "\n\"me\\n\"" + prompt(10)),
        QUIT,
    ]},
    "editing": {"steps": [
        START,
        step("abcdef", "\n1> abcdef" + C),
        step(LEFT * 3, "\n1> abc" + C + "def"),
        step("X", "\n1> abcX" + C + "def"),
        step(ctrl("a"), "\n1> " + C + "abcXdef"),
        step("9", "\n1> 9" + C + "abcXdef"),
        step(ctrl("e"), "\n1> 9abcXdef" + C),
        step("\x7f", "\n1> 9abcXde" + C),
        step(ctrl("b") * 2 + ctrl("d"), "\n1> 9abcX" + C + "e"),
        step(ctrl("t"), "\n1> 9abceX" + C),
        step(" two  three", "\n1> 9abceX two  three" + C),
        step(ctrl("w"), "\n1> 9abceX two  " + C),
        step(ctrl("y"), "\n1> 9abceX two  three" + C),
        step("\x1bb", "\n1> 9abceX two  " + C + "three"),
        step("\x1bb", "\n1> 9abceX " + C + "two  three"),
        step("\x1bf", "\n1> 9abceX two" + C + "  three"),
        step("\x1bd", "\n1> 9abceX two" + C),
        step(ctrl("a") + RIGHT + ctrl("k"), "\n1> 9" + C),
        step(ctrl("u"), "\n1> " + C),
        step("ok.\r", "\nok" + prompt(2)),
        # Rows: in the middle of a line that is longer than the terminal is wide.
        step("[" + "1," * 60 + "2]", "1,1,2]" + C),
        step(ctrl("a") + RIGHT, "\n2> [" + C + "1," + "1," * 37 + "\n" + "1," * 22 + "2]"),
        step("333,", "\n2> [333," + C + "1," + "1," * 35 + "\n" + "1," * 24 + "2]"),
        step(ctrl("k"), "\n2> [333," + C),
        step("4].\r", "\n[333,4]" + prompt(3)),
        # Exactly as wide as the terminal.
        step("\"" + "a" * 74 + "\"", "\n3> \"" + "a" * 74 + "\"" + C),
        step(LEFT * 2 + "b", "\n3> \"" + "a" * 73 + "b" + C + "a\""),
        step(ctrl("a") + ctrl("k") + "x.\r", "\nx" + prompt(4)),
        QUIT,
    ]},
    "wide": {"steps": [
        START,
        step("\"\u4f60\u597d\u4e16\u754c\"", "\n1> \"\u4f60\u597d\u4e16\u754c\"" + C),
        step(LEFT * 3, "\n1> \"\u4f60\u597d" + C + "\u4e16\u754c\""),
        step("\u00e9", "\n1> \"\u4f60\u597d\u00e9" + C + "\u4e16\u754c\""),
        step("\x7f\x7f", "\n1> \"\u4f60" + C + "\u4e16\u754c\""),
        step(ctrl("e") + ".\r", "\n[20320,19990,30028]" + prompt(2)),
        step("\"\u03bb\u03b1\u043f\"", "\n2> \"\u03bb\u03b1\u043f\"" + C),
        step(ctrl("a") + RIGHT * 2 + "\u00df", "\n2> \"\u03bb\u00df" + C + "\u03b1\u043f\""),
        step(ctrl("e") + ".\r", "\n[955,223,945,1087]" + prompt(3)),
        QUIT,
    ]},
    "history": {"steps": [
        START,
        step("first.\r", "\nfirst" + prompt(2)),
        step("second.\r", "\nsecond" + prompt(3)),
        step(UP, "\n3> second." + C),
        step(UP, "\n3> first." + C),
        step(DOWN, "\n3> second." + C),
        step(ctrl("p"), "\n3> first." + C),
        step(LEFT + "x\r", "\nfirstx" + prompt(4)),
        step("half" + UP, "\n4> firstx." + C),
        step(ctrl("n"), "\n4> half" + C),
        step(ctrl("u"), "\n4> " + C),
        step(ctrl("r"), "\n(search)`': half" + C),
        step("sec", "\n(search)`sec': second." + C),
        step("\r", "\nsecond" + prompt(5)),
        step("h().\r", "\nok" + prompt(6)),
        step("e(1).\r", "\nfirst" + prompt(7)),
        QUIT,
    ]},
    "completion": {"steps": [
        START,
        step("list\t", "\n1> lists:" + C),
        step("rev\t", "\n1> lists:reverse(" + C),
        step("[1,2]).\r", "\n[2,1]" + prompt(2)),
        step("io_lib:form\t", "\n2> io_lib:format" + C),
        step("\t", "\n2> io_lib:format" + C),
        step("(\"~p\", [x]).\r", "\n[\"x\"]" + prompt(3)),
        step("string:\t", "\n3> string:" + C),
        step("tit\t\"a\").\r", "\n\"A\"" + prompt(4)),
        step("nosuchthing:a\t", "\n4> nosuchthing:a" + C),
        step(ctrl("u") + "ok.\r", "\nok" + prompt(5)),
        QUIT,
    ]},
    "jobs": {"steps": [
        START,
        step("A = 1.\r", "\n1" + prompt(2)),
        step(ctrl("g"), "\n --> " + C),
        step("?\r", "? | h             - this message\n --> " + C),
        step("j\r", "\n   1* {shell,start,[init]}\n --> " + C),
        step("s\r", "\n --> s\n --> " + C),
        step("j\r", "\n   2* {shell,start,[]}\n --> " + C),
        step("c\r", "\n1> " + C),
        step("A.\r", "* 1:1: variable 'A' is unbound" + prompt(2)),
        step("receive a -> b end.\r", "\n2> receive a -> b end.\n" + C),
        step(ctrl("g"), "\n --> " + C),
        step("i 2\r", "\n --> i 2\n --> " + C),
        step("c 2\r", "** exception exit: killed" + prompt(3)),
        step(ctrl("g"), "\n --> " + C),
        step("k 2\r", "\n --> k 2\n --> " + C),
        step("j\r", "\n   1  {shell,start,[init]}\n --> " + C),
        step("x\r", "\n --> x\nUnknown command\n --> " + C),
        step("c 1\r", "\n --> c 1\n" + C),
        step("\r", "\n2> " + C),
        step("A.\r", "\n1" + prompt(3)),
        step(ctrl("g"), "\n --> " + C),
        {"keys": "q\r"},
    ]},
    # ^C
    "continue": {"steps": [
        START,
        step("A = 1", "\n1> A = 1" + C),
        step(ctrl("c"), BREAK),
        step("\r", "\n\n" + C),
        step("x\r", "\nInvalid option 'x'. Please enter one of the following:" + BREAK),
        {"keys": "c\r", "shows": "\nc\n" + C, "raw": True},
        step("23.\r", "\n123" + prompt(2)),
        step("receive after 100000000 -> b end.\r", "-> b end.\n" + C),
        step(ctrl("c"), BREAK),
        {"keys": "d\r", "shows": "\n=node:'nonode@nohost'\n=no_distribution\n" + C, "raw": True},
        step(ctrl("g"), "\n --> " + C),
        step("i\r", "\n --> i\n --> " + C),
        step("c\r", "killed" + prompt(3)),
        QUIT,
    ]},
    "break_oldshell": {"args": ["-oldshell"], "steps": [
        START,
        step("1 + 1.\r", "\n2" + prompt(2)),
        step(ctrl("c"), BREAK),
        {"keys": "c\r"},
        step("2 + 1.\r", "\n3" + prompt(3)),
        QUIT,
    ]},
    "abort": {"steps": [START, step(ctrl("c"), BREAK), {"keys": "a\r"}]},
    "abort_twice": {"steps": [START, step(ctrl("c"), BREAK), {"keys": ctrl("c")}]},
    "abort_end": {"steps": [START, step(ctrl("c"), BREAK), {"keys": ctrl("d")}]},
    "abort_dump": {"steps": [START, step(ctrl("c"), BREAK), {"keys": "A\r"}],
                   "files": ["erl_crash.dump"]},
    "noshell": {"args": ["-noshell", "-eval", ECHO], "steps": [
        {"shows": "more: " + C},
        step("a line\r", "\ngot a line\nmore: " + C),
        step(ctrl("c"), BREAK),
        {"keys": "c\r"},
        step("another\r", "\ngot another\nmore: " + C),
        step(ctrl("c"), BREAK),
        {"keys": "a\r"},
    ]},
    "noinput": {"args": ["-noinput", "-eval", "io:put_chars(\"up\\n\")."], "steps": [
        {"shows": "up\n" + C}, step(ctrl("c"), BREAK), {"keys": ctrl("c")}]},
    # +B
    "break_off": {"args": ["+B"], "steps": [START, {"keys": "a" + ctrl("c")}]},
    "break_disabled": {"args": ["+Bd", "-noshell", "-eval", "io:put_chars(\"up\\n\")."],
                       "steps": [{"shows": "up\n" + C}, {"keys": ctrl("c")}]},
    "break_ignored": {"args": ["+Bi"], "steps": [
        START,
        step("[a", "\n1> [a" + C),
        step(ctrl("c") + "b].\r", "\n[ab]" + prompt(2)),
        step("q().\r", ""),
    ]},
    "break_shell": {"args": ["+Bc"], "steps": [
        START,
        step("receive a -> b end.\r", "a -> b end.\n" + C),
        step(ctrl("c"), "\n** exception exit: killed" + prompt(2)),
        step("foo.\r", "\nfoo" + prompt(3)),
        step("bar(", "\n3> bar(" + C),
        step(ctrl("c"), "bar(** exception exit: killed" + prompt(3)),
        {"kill": signal.SIGINT, "shows": BREAK},
        {"keys": "c\r", "shows": "\nc\n" + C, "raw": True},
        step("3.\r", "\n3" + prompt(4)),
        QUIT,
    ]},
    # What is shown there is each machine's own; that it is there is the test.
    "reports": {"steps": [
        START,
        step("T = ets:new(my_table, [named_table]), ets:insert(T, {k, v}).\r", "\ntrue" + prompt(2)),
        step("P = spawn(fun() -> put(my, key), receive stop -> ok end end), register(my_name, P).\r",
             "\ntrue" + prompt(3)),
        step("my_name ! my_message, erlang:yield(), 0.\r", "\n0" + prompt(4)),
        step(ctrl("c"), BREAK),
        {"keys": "p\r", "raw": True, "contains": [
            "\n=proc:<0.0.0>\nState: ", "\nName: init\nSpawned as: erl_init:start/2\n",
            "\nName: my_name\nSpawned as: ", "\nMessage queue length: 1\n",
            "Message queue: [", "\nDictionary: [{my,key}]\n", "\nReductions: ",
            "\nStack+heap: ", "\nStack dump:\nProgram counter: ",
            "\n=port:#Port<0.", "\nPort controls linked-in driver: tty_sl -c -e\n", "\nQueue: 0\n"]},
        step("ok.\r", "\nok" + prompt(5)),
        step(ctrl("c"), BREAK),
        {"keys": "D\r", "raw": True, "contains": [
            "\n=ets:<0.", "\nName: my_table\n", "{k,v}", "\nObjects: 1\n",
            "\nType: set\nProtection: protected\nCompressed: false\n"]},
        step("ok.\r", "\nok" + prompt(6)),
        step(ctrl("c"), BREAK),
        {"keys": "l\r", "raw": True, "contains": ["\nCurrent code: ", "\nOld code: 0\n", "\nlists "]},
        step("ok.\r", "\nok" + prompt(7)),
        step(ctrl("c"), BREAK),
        {"keys": "i\r", "raw": True, "contains": ["\n=memory\ntotal: ", "\n=index_table:atom_tab\n"]},
        step("ok.\r", "\nok" + prompt(8)),
        step(ctrl("c"), BREAK),
        {"keys": "v\r", "raw": True, "contains": ["\nErlang (", ") emulator version 13.1.5\n"]},
        step("ok.\r", "\nok" + prompt(9)),
        QUIT,
    ], "mask": [(r"(?s)BREAK: .*?\nok\.\n", "BREAK\n")]},
    "kill": {"steps": [
        START,
        step("P = spawn(fun() -> receive stop -> ok end end), register(my_name, P).\r",
             "\ntrue" + prompt(2)),
        step("M = monitor(process, P), 1.\r", "\n1" + prompt(3)),
        step(ctrl("c"), BREAK),
        step("k\r", KILL + C),
        {"until": ["n\r", ["Name: my_name\nSpawned as: "], KILL]},
        {"keys": "k\r", "shows": KILL + C, "contains": ["\nName: my_name\n", KILL + "k\n", KILL + C]},
        {"keys": "r\r", "raw": True},
        step("receive {'DOWN', M, _, _, Why} -> Why end.\r", "\nkilled" + prompt(4)),
        QUIT,
    ], "mask": [(r"(?s)BREAK: .*\nreceive ", "BREAK\nreceive ")]},
    # The size of the window.
    "window": {"steps": [
        START,
        step("{io:columns(), io:rows()}.\r", "\n{{ok,80},{ok,50}}" + prompt(2)),
        {"columns": 40, "keys": "{io:columns(), io:rows()}.\r", "shows": "\n{{ok,40},{ok,50}}" + prompt(3)},
        step("[" + "1," * 18, "\n3> [" + "1," * 18 + "\n" + C),
        step("2,3]", "\n3> [" + "1," * 18 + "\n2,3]" + C),
        step(ctrl("a") + RIGHT + "4,", "\n3> [4," + C + "1," * 17 + "\n1,2,3]"),
        step(ctrl("e") + ".\r", "2,3]" + prompt(4)),
        {"columns": 100, "keys": "io:columns().\r", "shows": "\n{ok,100}" + prompt(5)},
        step("[" + "1," * 40 + "5]", "\n5> [" + "1," * 40 + "5]" + C),
        step(ctrl("a") + RIGHT + "4,", "\n5> [4," + C + "1," * 40 + "5]"),
        step(ctrl("a") + ctrl("k") + "7.\r", "\n7" + prompt(6)),
        QUIT,
    ]},
    "window_noshell": {"args": ["-noshell", "-eval", "io:get_line(\"\"), io:format(\"~p~n\", [io:columns()]), "
                                "halt()."], "columns": 33, "steps": [{"keys": "\r"}]},
}
