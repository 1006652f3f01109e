# SPDX-License-Identifier: Apache-2.0
"""Single operations on a large mailbox, beside Dovecot with each of its two packed formats; the
better one of the two is what we are compared with. Every figure is of a session of its own, the
servers take turns."""

import concurrent.futures
import contextlib
import email.utils
import os
import random
import shutil
import socket
import stat
import time

from imap_session import Session
from peers import PASSWORD, Dovecot, Ours

WORDS = ("ketchup pickles burger crepe butter sugar flour onion tomato lettuce cheese mustard "
         "invoice meeting report question answer garden window summer winter letter station"
         ).split()


def make_messages(count):
    """Mail of about 6 KiB, every third with an attachment, from 50 people, in threads."""
    rnd = random.Random(1)
    made = []
    lines = [" ".join(rnd.choice(WORDS) for _ in range(11)) for _ in range(5000)]
    for n in range(count):
        subject = " ".join(rnd.choice(WORDS) for _ in range(5))
        reply = f"In-Reply-To: <{n - 1}@crepes.fr>\r\nReferences: <{n - 1}@crepes.fr>\r\n" \
            if n % 4 else ""
        text = "\r\n".join(rnd.choices(lines, k=60))
        head = (f"From: Person {n % 50} <p{n % 50}@crepes.fr>\r\nTo: bob@hamburger.edu\r\n"
                f"Subject: {subject}\r\nDate: {email.utils.formatdate(1.6e9 + n * 60)}\r\n"
                f"Message-ID: <{n}@crepes.fr>\r\n{reply}MIME-Version: 1.0\r\n")
        if n % 3 == 0:
            made.append((head + 'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
                         f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--b\r\n"
                         'Content-Type: application/pdf; name="a.pdf"\r\n'
                         "Content-Transfer-Encoding: base64\r\n\r\n" +
                         "JVBERi0xLjQK" * 90 + "\r\n--b--\r\n").encode())
        else:
            made.append((head + f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n").encode())
    return made


ENVELOPES = "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"
FIELDS = "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (From To Subject Date Message-ID)])"
STRUCTURES = "FETCH 1:* (BODYSTRUCTURE)"

# Command, name, goal, what limits it, the extension that it needs.
FIRST = (
    (ENVELOPES, "ENVELOPE of all", ">= 10x", "records are made at arrival; theirs are made now"),
    (FIELDS, "header fields of all", ">= 10x", "walking the records, formatting"),
    (STRUCTURES, "BODYSTRUCTURE of all", ">= 10x", "walking the records"),
)
WARM = (
    ("FETCH 1:* (FLAGS)", "FLAGS of all", ">= 2x", "formatting; the view is in memory", ""),
    (ENVELOPES, "ENVELOPE of all, warm", ">= 2x", "walking the records, formatting", ""),
    (FIELDS, "header fields of all, warm", ">= 2x", "walking the records, formatting", ""),
    (STRUCTURES, "BODYSTRUCTURE of all, warm", ">= 2x", "walking the records, formatting", ""),
    ("FETCH 1:* (BODY.PEEK[])", "download of all", ">= 2x",
     "unpacking zstd is half of it; theirs is not packed", ""),
    ("SEARCH UNSEEN", "SEARCH UNSEEN", ">= 2x", "the view is in memory", ""),
    ("SEARCH SINCE 1-Jan-2030", "SEARCH SINCE", ">= 2x", "", ""),
    ("SEARCH SUBJECT ketchup", "SEARCH SUBJECT", ">= 10x", "", ""),
    ("SEARCH BODY \"ketchup mustard tomato\"", "SEARCH BODY, three words in a row", ">= 10x", "", ""),
    ("SEARCH TEXT \"ketchup mustard tomato\"", "SEARCH TEXT, three words in a row", ">= 10x", "", ""),
    ("SORT (DATE) UTF-8 ALL", "SORT DATE", ">= 2x", "", "SORT"),
    ("SORT (SUBJECT) UTF-8 ALL", "SORT SUBJECT", ">= 2x", "", "SORT"),
    ("THREAD REFERENCES UTF-8 ALL", "THREAD REFERENCES", ">= 2x", "", "THREAD=REFERENCES"),
)


def timed(session, command):
    start = time.monotonic()
    session.do(command)
    return (time.monotonic() - start) * 1000


def session_of(server, user="u0", mailbox="INBOX"):
    s = Session(server.imap, f"{user}@hamburger.edu", PASSWORD)
    if mailbox is not None:
        s.do(f"SELECT {mailbox}")
    return s


def fill(port, messages, sessions, multi=False, user="u0"):
    """Messages a second, in shares from several sessions; multi: 50 messages a command. One logs in
    first: many at once of whom nobody has come in yet are taken for guesses."""
    Session(port, f"{user}@hamburger.edu", PASSWORD).close()
    start = time.monotonic()

    def append(part):
        s = Session(port, f"{user}@hamburger.edu", PASSWORD)
        s.append_many(part, multi=multi)
        s.close()

    with concurrent.futures.ThreadPoolExecutor(sessions) as pool:
        list(pool.map(append, [messages[n::sessions] for n in range(sessions)]))
    return len(messages) / (time.monotonic() - start)


def upload(server, messages, mailbox):
    """Milliseconds for all of them in one command, into a mailbox of its own."""
    s = session_of(server, mailbox=None)
    s.do(f"CREATE {mailbox}")
    start = time.monotonic()
    s.upload(messages, mailbox)
    took = (time.monotonic() - start) * 1000
    s.close()
    return took


class Sides:
    """The servers, ours first, and what they took for one row after the other."""

    def __init__(self, table, servers):
        self.table, self.servers = table, servers

    def row(self, name, unit, figures, goal, limit, higher=False):
        """figures: a list for each server; those of one that cannot do it are empty."""
        names = [n for n, _ in self.servers]
        self.table.add(name, unit, figures[0], dict(zip(names[1:], figures[1:])), goal, limit,
                       higher)

    def measure(self, rounds, one):
        """one(server, round) gives a figure, or None."""
        figures = [[] for _ in self.servers]
        for n in range(rounds):
            for side, (_, server) in enumerate(self.servers):
                value = one(server, n)
                if value is not None:
                    figures[side].append(value)
        return figures


def copy(source, target):
    """Files of mail are not written to by reading, and those of sdbox are many: a second name will do."""
    def one(a, b):
        if os.path.basename(a)[:2] in ("u.", "m."):
            os.link(a, b)
        else:
            shutil.copy2(a, b)
        owner = os.stat(a)
        os.chown(b, owner.st_uid, owner.st_gid)

    def sockets(folder, names):
        return [n for n in names if stat.S_ISSOCK(os.lstat(os.path.join(folder, n)).st_mode)]

    shutil.copytree(source, target, ignore=sockets, copy_function=one)
    for folder, _, _ in os.walk(source):
        owner = os.stat(folder)
        os.chown(os.path.join(target, os.path.relpath(folder, source)), owner.st_uid, owner.st_gid)


def first_times(sides, rounds):
    """Each figure with a copy of the mail as it was when it had come in, and a server that has
    just started. What the kernel has in its memory stays there, on both sides."""
    for _, server in sides.servers:
        server.halt()
        copy(server.store(), server.store() + ".new")

    def one(server, command):
        shutil.rmtree(server.store())
        copy(server.store() + ".new", server.store())
        server.start()
        s = session_of(server)
        took = timed(s, command)
        s.close()
        server.halt()
        return took

    for command, name, goal, limit in FIRST:
        figures = sides.measure(rounds, lambda server, _: one(server, command))
        sides.row(f"I1 {name}, first time", "ms", figures, goal, limit)
    for _, server in sides.servers:
        shutil.rmtree(server.store() + ".new")
        server.start()


def capable(server, need):
    if not need:
        return True
    s = session_of(server, mailbox=None)
    s.s.sendall(b"c CAPABILITY\r\n")
    answer = b""
    while b"c OK" not in answer:
        answer += s.s.recv(4096)
    s.close()
    return need.encode() in answer.upper().split()


def warm_times(sides, rounds):
    selects = sides.measure(rounds, lambda server, _: select_time(server))
    sides.row("I1 SELECT", "ms", selects, "<= 2 ms", "the view is in memory")
    for command, name, goal, limit, need in WARM:
        able = {id(server): capable(server, need) for _, server in sides.servers}

        def one(server, n):
            if not able[id(server)]:
                return None
            s = session_of(server)
            if n == 0:
                timed(s, command)  # the first time is another row's
            took = timed(s, command)
            s.close()
            return took

        sides.row(f"I1 {name}", "ms", sides.measure(rounds, one), goal, limit)


def select_time(server):
    s = session_of(server, mailbox=None)
    took = timed(s, "SELECT INBOX")
    s.close()
    return took


def write_times(sides, rounds, messages):
    """Marks, copies, moves and removes everything, each round in mailboxes of its own."""
    figures = {name: [[] for _ in sides.servers] for name in
               ("STORE +FLAGS on all", "COPY of all", "MOVE of all", "EXPUNGE of all",
                "500 single APPENDs")}
    for n in range(rounds):
        for side, (_, server) in enumerate(sides.servers):
            s = session_of(server)
            s.do(f"CREATE copy{n}")
            s.do(f"CREATE moved{n}")
            flag = "+" if n % 2 == 0 else "-"
            took = {"STORE +FLAGS on all": timed(s, f"STORE 1:* {flag}FLAGS (\\Flagged)"),
                    "COPY of all": timed(s, f"COPY 1:* copy{n}")}
            s.do(f"SELECT copy{n}")
            took["MOVE of all"] = timed(s, f"MOVE 1:* moved{n}")
            s.do(f"SELECT moved{n}")
            s.do("STORE 1:* +FLAGS.SILENT (\\Deleted)")
            took["EXPUNGE of all"] = timed(s, "EXPUNGE")
            start = time.monotonic()
            for m in messages[:500]:
                s.append_many([m], f"copy{n}")
            took["500 single APPENDs"] = (time.monotonic() - start) * 1000
            s.do("SELECT INBOX")
            s.do(f"DELETE copy{n}")
            s.do(f"DELETE moved{n}")
            s.close()
            for name, value in took.items():
                figures[name][side].append(value)
    for name, values in figures.items():
        sides.row(f"I1 {name}", "ms", values, ">= 2x", "durable when answered, on both sides")


@contextlib.contextmanager
def all_servers(table, users=1):
    with Ours(users=users) as us, Dovecot("mdbox") as mdbox, Dovecot("sdbox") as sdbox:
        yield Sides(table, (("Postern", us), ("mdbox", mdbox), ("sdbox", sdbox)))


def imap(table, quick, rounds):
    count = 5000 if quick else 100000
    messages = make_messages(count)
    few = 1000
    with all_servers(table) as sides:
        rates = sides.measure(1, lambda server, _: fill(server.imap, messages[:few], 1))
        sides.row("I1 APPEND, 1 session, 50 in flight", "messages/s", rates, ">= 2x",
                  "one durable commit after the other", higher=True)
        uploads = sides.measure(rounds, lambda server, turn: upload(server, messages[:5000],
                                                                    f"upload{turn}"))
        sides.row("I1 MULTIAPPEND of 5,000", "ms", uploads, ">= 2x",
                  "records and packing, one after the other")
        # The rest as fast as each can: only what is read later is compared.
        for name, server in sides.servers:
            fill(server.imap, messages[few:], 20 if name == "Postern" else 1,
                 multi=name != "Postern")
        for name, server in sides.servers:
            if name == "Postern":
                server.wait_for_index()  # it costs CPU behind the commits; theirs has none
        first_times(sides, rounds)
        warm_times(sides, rounds)
        write_times(sides, rounds, messages)


# ---- POP3 ----

class Pop3:
    def __init__(self, port, user):
        self.s = socket.create_connection(("127.0.0.1", port), 60)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(1 << 20)
        self.line()
        for command in (f"USER {user}@hamburger.edu", f"PASS {PASSWORD}"):
            self.s.sendall(command.encode() + b"\r\n")
            self.line()

    def line(self):
        got = b""
        while not got.endswith(b"\r\n"):
            got += self.s.recv(1000)
        if not got.startswith(b"+OK"):
            raise RuntimeError(got.decode(errors="replace"))

    def ends(self, count):
        """Reads until `count` multi-line replies are through."""
        tail = b""
        while count > 0:
            n = self.s.recv_into(self.buffer)
            if n == 0:
                raise EOFError("server closed the connection")
            seen = tail + bytes(self.buffer[:n])
            count -= seen.count(b"\r\n.\r\n")
            tail = seen[-4:]

    def close(self):
        self.s.sendall(b"QUIT\r\n")
        self.line()
        self.s.close()


def pop3(table, quick, rounds):
    count = 500 if quick else 2000
    messages = make_messages(count)

    def one(server, pipelined):
        p = Pop3(server.pop3, "u0")
        commands = [b"RETR %d\r\n" % n for n in range(1, count + 1)]
        start = time.monotonic()
        if pipelined:
            p.s.sendall(b"".join(commands))
            p.ends(count)
        else:
            for c in commands:
                p.s.sendall(c)
                p.ends(1)
        took = time.monotonic() - start
        p.close()
        return count / took

    with all_servers(table) as sides:
        for _, server in sides.servers:
            fill(server.imap, messages, 1, multi=True)
            one(server, True)
        for pipelined, name in ((False, "one after the other"), (True, "pipelined")):
            figures = sides.measure(rounds, lambda server, _: one(server, pipelined))
            sides.row(f"P1 POP3 RETR of {count}, {name}", "messages/s", figures, ">= 2x", "",
                      higher=True)
