# SPDX-License-Identifier: Apache-2.0
"""Many IMAP clients at once: a mix of commands beside Dovecot with sdbox and, where it can be started,
Cyrus; thousands that do nothing but wait for news, what they cost in memory when they compress, and in
CPU."""

import contextlib
import os
import subprocess
import time
import zlib

from cyrus import Cyrus, can_start
from imap_rows import Sides, make_messages
from imap_session import Session
from peers import PASSWORD, USERS, Dovecot, Ours, pss_kib

TOOLS = os.environ.get("BENCH_TOOLS", os.path.join(os.path.dirname(__file__), "../build/bench"))
MAILBOX = 500  # messages in each INBOX before the load
# Clients, commands a session, what it is.
LOADS = ((20, 0, "20 clients"), (100, 0, "100 clients"),
         (20, 20, "20 clients, a log-in every 20 commands"),
         (100, 20, "100 clients, a log-in every 20 commands"))
NO_CPU_SECONDS = 10
REST_SECONDS = 22  # memory is given back after ten seconds of silence, looked at every ten


def load(server, clients, per_session, seconds):
    """Commands a second, the 99th percentile of a command's milliseconds; none when the clients did not
    get in within a minute."""
    try:
        done = subprocess.run([f"{TOOLS}/imapblast", "127.0.0.1", str(server.imap), str(clients),
                               str(seconds), str(per_session), server.user_format, PASSWORD],
                              env={**os.environ, "USERS": str(USERS)}, capture_output=True, text=True,
                              timeout=60 + seconds)
    except subprocess.TimeoutExpired:
        print(f"{type(server).__name__}: not all of {clients} clients got in within a minute")
        return None
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    rate, _, slow, refused, answered = (float(word) for word in done.stdout.split())
    if refused > answered / 1000:
        raise RuntimeError(f"{refused} of {answered} commands were refused")
    return rate, slow


def mixed(table, quick, rounds):
    messages = make_messages(50 if quick else MAILBOX)
    seconds = 1 if quick else 5
    with contextlib.ExitStack() as stack:
        servers = [("Postern", stack.enter_context(Ours())),
                   ("sdbox", stack.enter_context(Dovecot("sdbox")))]
        for _, server in servers:
            server.user_format = "u%d@hamburger.edu"
        if can_start():
            servers.append(("Cyrus", stack.enter_context(Cyrus(USERS, PASSWORD))))
        else:
            print("Cyrus is left out: it needs root and the packages of the bench group")
        for _, server in servers:
            for n in range(USERS):
                s = Session(server.imap, server.user_format % n, PASSWORD)
                s.append_many(messages)
                s.close()
        sides = Sides(table, servers)
        for clients, per_session, name in LOADS:
            figures = sides.measure(rounds, lambda server, _: load(server, clients, per_session,
                                                                   seconds))
            sides.row(f"I3 mixed load, {name}", "commands/s", [[f[0] for f in side] for side in figures],
                      ">= 5x", "keeper's one thread; a commit for each write", higher=True)
            sides.row(f"I3 mixed load, {name}: 99 % within", "ms",
                      [[f[1] for f in side] for side in figures], "", "the same")


class Compressed(Session):
    """With COMPRESS=DEFLATE (RFC 4978); of no use but to wait, so it keeps no dictionary."""

    def __init__(self, port, user):
        super().__init__(port, user, PASSWORD)
        self.do("COMPRESS DEFLATE")
        out, back = zlib.compressobj(6, zlib.DEFLATED, -9, 1), zlib.decompressobj(-15)
        text = b""
        for command, until in ((b"s SELECT INBOX\r\n", b"s OK"), (b"i IDLE\r\n", b"+ ")):
            self.s.sendall(out.compress(command) + out.flush(zlib.Z_SYNC_FLUSH))
            while until not in text:
                text += back.decompress(self.s.recv(65536))
        self.buffer = None


def open_waiting(server, count):
    sessions = []
    for _ in range(count):
        s = Session(server.imap, "u0@hamburger.edu", PASSWORD)
        s.do("SELECT INBOX")
        s.s.sendall(b"i IDLE\r\n")
        s.s.recv(100)
        s.buffer = None
        sessions.append(s)
    return sessions


def cpu_ms(root):
    """CPU time of a process and its descendants so far."""
    total, left = 0, [root]
    while left:
        pid = left.pop()
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                left += [int(child) for child in f.read().split()]
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total / 1e6


def crowd(table, quick, rounds):
    del rounds
    count = 500 if quick else 5000
    with Ours(users=1) as us:
        pid = us.postern.process.pid
        sessions = open_waiting(us, count)
        time.sleep(5)  # what follows log-ins (memory given back, tables written) is over then
        before = cpu_ms(pid)
        time.sleep(NO_CPU_SECONDS)
        spent = cpu_ms(pid) - before
        for s in sessions:
            s.close()
    with Ours(users=1) as us:
        pid = us.postern.process.pid
        warm = [Compressed(us.imap, "u0@hamburger.edu") for _ in range(count // 10)]
        time.sleep(REST_SECONDS)
        before = pss_kib(pid, "Pss_Anon:")
        sessions = [Compressed(us.imap, "u0@hamburger.edu") for _ in range(count)]
        time.sleep(REST_SECONDS)
        grown = (pss_kib(pid, "Pss_Anon:") - before) / count
        for s in warm + sessions:
            s.close()
    table.add(f"CPU while {count} sessions wait for {NO_CPU_SECONDS} s", "ms", [spent], None, "none",
              "ticks of the roles, not of sessions", higher=False)
    table.add(f"Memory of an idle IMAP session after COMPRESS=DEFLATE ({count} of them)", "KiB",
              [grown], None, "", "what of the other side's octets may still be referred to",
              higher=False)
