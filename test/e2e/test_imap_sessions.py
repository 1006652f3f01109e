# SPDX-License-Identifier: Apache-2.0
"""Several IMAP sessions change one mailbox at the same time, at random.

Each keeps the mailbox as its answers describe it (RFC 3501 5.2, 7.4; one session with VANISHED,
RFC 7162 3.2.10). Again and again what it believes is compared with what the server says, and the
sessions with each other. A failure prints the seed; POSTERN_SEED repeats it."""

import os
import random
import re
import socket

STEPS = 150
FLAGS = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "$Junk", "work"]


class Session:
    """rows: [UID, flags] by sequence number, None where nothing was said yet."""

    def __init__(self, port, qresync):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.socket.makefile("rb")
        self.tags, self.rows, self.qresync = 0, [], qresync
        self.answer()
        self.say("LOGIN alice@crepes.fr hungry")
        if qresync:
            self.say("ENABLE QRESYNC")
        self.say("SELECT INBOX")
        self.look()

    def close(self):
        self.file.close()
        self.socket.close()

    def answer(self):
        """One response with its literals."""
        got = b""
        while True:
            line = self.file.readline()
            assert line, "the server closed the connection"
            got += line
            literal = re.search(rb"\{(\d+)\}\r\n$", line)
            if not literal:
                return got
            got += self.file.read(int(literal.group(1)))

    def begin(self, command, literal=None):
        self.tags += 1
        text = f"t{self.tags} {command}".encode()
        if literal is not None:
            text += b" {%d+}\r\n%s" % (len(literal), literal)
        self.socket.sendall(text + b"\r\n")
        return f"t{self.tags} ".encode()

    def end(self, tag):
        while True:
            line = self.answer()
            if line.startswith(tag):
                return line
            self.learn(line)

    def say(self, command, literal=None):
        return self.end(self.begin(command, literal))

    def learn(self, line):
        what = re.match(rb"\* (\d+) (EXPUNGE|EXISTS|FETCH)", line)
        gone = re.match(rb"\* VANISHED ([\d:,]+)", line)
        if gone:
            assert self.qresync, line
            for part in gone.group(1).split(b","):
                first, _, last = part.partition(b":")
                for uid in range(int(first), int(last or first) + 1):
                    self.lose(uid)
        if not what:
            return
        number, word = int(what.group(1)), what.group(2)
        if word == b"EXISTS":
            assert number >= len(self.rows), line
            self.rows += [[None, None] for _ in range(number - len(self.rows))]
            return
        assert 1 <= number <= len(self.rows), line
        if word == b"EXPUNGE":
            assert not self.qresync, line
            del self.rows[number - 1]
            return
        row = self.rows[number - 1]
        uid, flags = re.search(rb"UID (\d+)", line), re.search(rb"FLAGS \(([^)]*)\)", line)
        if uid:
            assert row[0] in (None, int(uid.group(1))), line
            row[0] = int(uid.group(1))
        if flags:
            row[1] = frozenset(flags.group(1).lower().split()) - {b"\\recent"}

    def lose(self, uid):
        """UIDs ascend; among neighbours whose UID was never asked for any will do."""
        for i, row in enumerate(self.rows):
            before = [r[0] for r in self.rows[:i] if r[0]]
            behind = [r[0] for r in self.rows[i + 1:] if r[0]]
            if row[0] == uid or (row[0] is None and all(b < uid for b in before) and all(b > uid for b in behind)):
                del self.rows[i]
                return
        raise AssertionError(f"UID {uid} is not in {self.rows}")

    def look(self):
        self.rows = [[None, None] for _ in self.rows]
        if self.rows:
            self.say("FETCH 1:* (UID FLAGS)")


def some_command(chance, session):
    """A command that fits what the session knows, and a literal for it."""
    by_uid = chance.random() < 0.5
    numbers = [row[0] for row in session.rows if row[0]] if by_uid else range(1, len(session.rows) + 1)
    if not numbers or chance.random() < 0.25:
        return f"APPEND INBOX ({chance.choice(FLAGS)})", b"Message-ID: <%d@x>\r\n\r\nx\r\n" % chance.randint(0, 99)
    uid, first = "UID " if by_uid else "", chance.choice(numbers)
    some = f"{first}:{min(first + chance.randint(0, 6), numbers[-1])}"
    flags = " ".join(chance.sample(FLAGS, chance.randint(0, 2)))
    return chance.choice([
        f"{uid}STORE {some} {chance.choice(['', '+', '-'])}FLAGS ({flags})",
        f"{uid}STORE {some} +FLAGS (\\Deleted)", "EXPUNGE", "NOOP",
        f"{uid}FETCH {some} (FLAGS BODY[])", f"{uid}FETCH {some} BODY[TEXT]",
        f"{uid}MOVE {some} Archive", f"{uid}COPY {some} INBOX", f"{uid}SEARCH UNSEEN",
    ]), None


def test_sessions_agree_on_a_mailbox_that_all_of_them_change(server):
    seed = int(os.environ.get("POSTERN_SEED", random.SystemRandom().randint(1, 1 << 30)))
    print("POSTERN_SEED", seed)
    chance = random.Random(seed)
    sessions = [Session(server.port("imap"), qresync) for qresync in (False, False, True)]
    for step in range(STEPS):
        busy = chance.sample(sessions, chance.randint(1, 3))
        commands = [some_command(chance, s) for s in busy]
        tags = [s.begin(*command) for s, command in zip(busy, commands)]
        for s, tag, command in zip(busy, tags, commands):
            assert s.end(tag).startswith(tag + b"OK"), command
        if step % 5 != 4:
            continue
        for s in sessions:
            s.say("NOOP")
        for s in sessions:
            believed = s.rows
            s.look()
            assert s.rows == sessions[0].rows, step
            for old, new in zip(believed, s.rows, strict=True):
                assert old[0] in (None, new[0]) and old[1] in (None, new[1]), (step, s.qresync, old, new)
    for s in sessions:
        s.close()
