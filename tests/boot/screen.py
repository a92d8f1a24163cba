"""A terminal's screen: takes the bytes a program writes and keeps what somebody would see.

Understands what line editors send: printing with wide and combining characters, wrapping at the last
column, CR, LF, BS, TAB, and the ANSI sequences for moving, erasing, inserting and deleting. Colours
and the bell are ignored. Nothing scrolls away: the screen grows downwards.
"""
import codecs
import re
import unicodedata

CARET = "\u2038"  # where the cursor is, in Screen.text()
SEQUENCE = re.compile(r"\x1b\[([?>]?[0-9;]*)([@-~])")


def width(char):
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Screen:
    def __init__(self, columns=80):
        self.columns = columns
        self.lines = [[]]
        self.x = self.y = 0
        self.full = False  # the last column was just written: the next character wraps
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.rest = ""  # an unfinished sequence

    def line(self):
        while len(self.lines) <= self.y:
            self.lines.append([])
        return self.lines[self.y]

    def feed(self, data):
        text = self.rest + self.decoder.decode(data)
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self.char(text[at])
                at += 1
                continue
            m = SEQUENCE.match(text, at)
            if m:
                self.sequence(m.group(1), m.group(2))
                at = m.end()
            elif re.fullmatch(r"\x1b(\[[?>]?[0-9;]*)?", text[at:]):
                break
            else:
                at += 2 if text[at + 1] not in "()" else 3
        self.rest = text[at:]

    def put(self, cell):
        line = self.line()
        line.extend([" "] * (self.x + 1 - len(line)))
        line[self.x] = cell

    def char(self, c):
        if c == "\r":
            self.x, self.full = 0, False
        elif c == "\n":
            self.y, self.full = self.y + 1, False
            self.line()
        elif c == "\b":
            self.x, self.full = max(0, self.x - 1), False
        elif c == "\t":
            self.x = min(self.columns - 1, (self.x | 7) + 1)
        elif c >= " " and c != "\x7f":
            self.printed(c)

    def printed(self, c):
        w = width(c)
        if w == 0:
            at = max(0, self.x - (not self.full))
            line = self.line()
            while at > 0 and at < len(line) and line[at] == "":
                at -= 1
            if at < len(line):
                line[at] += c
            return
        if self.full or self.x + w > self.columns:
            self.x, self.y, self.full = 0, self.y + 1, False
        self.put(c)
        for _ in range(w - 1):
            self.x += 1
            self.put("")
        if self.x + 1 >= self.columns:
            self.full = True
        else:
            self.x += 1

    def sequence(self, parameters, what):
        n = [int(p) if p.isdigit() else 0 for p in parameters.split(";")]
        count = max(1, n[0])
        line = self.line()
        if what in "ABCDGH":
            self.full = False
        if what == "A":
            self.y = max(0, self.y - count)
        elif what == "B":
            self.y += count
        elif what == "C":
            self.x = min(self.columns - 1, self.x + count)
        elif what == "D":
            self.x = max(0, self.x - count)
        elif what == "G":
            self.x = min(self.columns, count) - 1
        elif what == "H":
            self.y = count - 1
            self.x = max(1, n[1] if len(n) > 1 else 1) - 1
        elif what == "@":
            line[self.x:self.x] = [" "] * count
            del line[self.columns:]
        elif what == "P":
            del line[self.x:self.x + count]
        elif what == "K" or what == "J":
            if n[0] == 0:
                del line[self.x:]
            elif n[0] == 1:
                line[:self.x + 1] = [" "] * (self.x + 1)
            else:
                line.clear()
            if what == "J" and n[0] != 1:
                del self.lines[self.y + 1:]
                if n[0] == 2:
                    del self.lines[:]
        self.line()

    def text(self, caret=False):
        """The lines with something in them, without spaces at their ends; with the cursor."""
        lines = []
        for y, line in enumerate(self.lines):
            cells = list(line)
            if caret and y == self.y:
                at = self.x + self.full
                cells.extend([" "] * (at - len(cells)))
                cells.insert(at, CARET)
            lines.append("".join(cells).rstrip(" "))
        return "\n".join(lines).rstrip("\n")
