# SPDX-License-Identifier: Apache-2.0
"""Several IMAP sessions change one mailbox at the same time, at random.

Each keeps the mailbox as its answers describe it (RFC 3501 5.2, 7.4; one session with VANISHED and
MODSEQ, RFC 7162; one with UIDONLY, RFC 9586). Again and again what it believes is compared with what
the server says, and the sessions with each other. One that was away asks what happened since it left
(RFC 7162 3.2.5) and must arrive at the same. A failure prints the seed; POSTERN_SEED repeats it."""

import os
import random
import re
import socket

STEPS = 150
FLAGS = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "$Junk", "work"]


class Session:
    """rows: [UID, flags, modseq] by sequence number, None where nothing was said yet. mode: what is
    enabled."""

    def __init__(self, port, mode=""):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.socket.makefile("rb")
        self.tags, self.rows, self.mode = 0, [], mode
        self.vanishes, self.uid_only = mode in ("QRESYNC", "UIDONLY"), mode == "UIDONLY"
        self.highest = 0  # no modseq may be told that is below one told before of the same message
        self.answer()
        self.say("LOGIN alice@crepes.fr hungry")
        if mode:
            self.say(f"ENABLE {mode}")
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
        what = re.match(rb"\* (\d+) (EXPUNGE|EXISTS|FETCH|UIDFETCH)", line)
        gone = re.match(rb"\* VANISHED ([\d:,]+)", line)
        if gone:
            assert self.vanishes, line
            for part in gone.group(1).split(b","):
                first, _, last = part.partition(b":")
                for uid in range(int(first), int(last or first) + 1):
                    self.lose(uid)
        if not what:
            return
        number, word = int(what.group(1)), what.group(2)
        if word == b"EXISTS":
            assert number >= len(self.rows), line
            self.rows += [[None] * 3 for _ in range(number - len(self.rows))]
            return
        assert self.uid_only == (word == b"UIDFETCH"), line
        if self.uid_only:
            number = self.place(number) + 1
        assert 1 <= number <= len(self.rows), line
        if word == b"EXPUNGE":
            assert not self.vanishes, line
            del self.rows[number - 1]
            return
        row = self.rows[number - 1]
        uid, flags = re.search(rb"UID (\d+)", line), re.search(rb"FLAGS \(([^)]*)\)", line)
        if uid:
            assert row[0] in (None, int(uid.group(1))), line
            row[0] = int(uid.group(1))
        if flags:
            row[1] = frozenset(flags.group(1).lower().split()) - {b"\\recent"}
        modseq = re.search(rb"MODSEQ \((\d+)\)", line)
        if modseq:
            assert row[2] is None or row[2] <= int(modseq.group(1)), line
            row[2] = int(modseq.group(1))
            self.highest = max(self.highest, row[2])

    def place(self, uid):
        """UIDs ascend; among neighbours whose UID was never asked for any will do. Who knows no numbers
        knows no order either."""
        if self.uid_only:
            i = [row[0] for row in self.rows].index(uid if any(row[0] == uid for row in self.rows) else None)
            self.rows[i][0] = uid
            return i
        for i, row in enumerate(self.rows):
            before = [r[0] for r in self.rows[:i] if r[0]]
            behind = [r[0] for r in self.rows[i + 1:] if r[0]]
            if row[0] == uid or (row[0] is None and all(b < uid for b in before) and all(b > uid for b in behind)):
                row[0] = uid
                return i
        raise AssertionError(f"UID {uid} is not in {self.rows}")

    def lose(self, uid):
        del self.rows[self.place(uid)]

    def look(self):
        self.rows = [[None] * 3 for _ in self.rows]
        modseq = " MODSEQ" if self.mode == "QRESYNC" else ""
        if self.rows:
            self.say(f"{'UID ' if self.uid_only else ''}FETCH 1:* (UID FLAGS{modseq})")

    def known(self):
        """What all sessions can know."""
        return sorted((row[:2] for row in self.rows), key=lambda row: row[0])


class Traveller:
    """Comes back now and then and asks what happened since it left (QRESYNC)."""

    def __init__(self, port):
        self.port, self.flags, self.modseq, self.uidvalidity = port, {}, 0, 0

    def come(self):
        s = Session.__new__(Session)
        s.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        s.file = s.socket.makefile("rb")
        s.tags, lines = 0, []
        s.learn = lines.append
        s.answer()
        s.say("LOGIN alice@crepes.fr hungry")
        s.say("ENABLE QRESYNC")
        lines.clear()
        since = f" (QRESYNC ({self.uidvalidity} {self.modseq}))" if self.modseq else ""
        assert b" OK" in s.say(f"SELECT INBOX{since}")
        told = b"".join(lines)
        self.uidvalidity = int(re.search(rb"UIDVALIDITY (\d+)", told).group(1))
        if not self.modseq:
            s.say("UID FETCH 1:* (FLAGS MODSEQ)")
        for line in lines:
            gone = re.match(rb"\* VANISHED \(EARLIER\) ([\d:,]+)", line)
            for part in gone.group(1).split(b",") if gone else ():
                first, _, last = part.partition(b":")
                for uid in range(int(first), int(last or first) + 1):
                    self.flags.pop(uid, None)
            uid, flags = re.search(rb"UID (\d+)", line), re.search(rb"\bFLAGS \(([^)]*)\)", line)
            if re.match(rb"\* \d+ FETCH", line) and uid and flags:
                self.flags[int(uid.group(1))] = frozenset(flags.group(1).lower().split()) - {b"\\recent"}
        self.modseq = max([int(n) for n in re.findall(rb"HIGHESTMODSEQ (\d+)", told)])
        s.close()


def some_command(chance, session):
    """A command that fits what the session knows, and a literal for it."""
    by_uid = session.uid_only or chance.random() < 0.5
    numbers = sorted(row[0] for row in session.rows if row[0]) if by_uid else range(1, len(session.rows) + 1)
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
    sessions = [Session(server.port("imap"), mode) for mode in ("", "", "QRESYNC", "UIDONLY")]
    traveller = Traveller(server.port("imap"))
    for step in range(STEPS):
        busy = chance.sample(sessions, chance.randint(1, 4))
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
            assert s.known() == sessions[0].known(), step
            if s.uid_only:
                rows = {row[0]: row for row in believed if row[0]}
                assert len(believed) == len(s.rows) and rows.keys() <= {row[0] for row in s.rows}, (step, rows)
                believed = [rows.get(row[0], row) for row in s.rows]
            for old, new in zip(believed, s.rows, strict=True):
                assert all(o in (None, n) for o, n in zip(old, new)), (step, s.mode, old, new)
        if step % 15 == 14:
            traveller.come()
            assert traveller.flags == {uid: flags for uid, flags in sessions[0].known()}, step
    for s in sessions:
        s.close()
