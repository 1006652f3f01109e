#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: figures of Postern beside Postfix and Dovecot in the same run, taking turns, as a
table with spread and ratio, on the screen and in bench/RESULTS.md.

  bench/run.py [--quick] [NAME ...]      names: s1 s1single s2 imap pop3 searches login mixed idle crowd
                                                start

Every measurement is a row of functions below: it returns one figure for one server. Rows that were
not measured this time stay in the file as they are. --quick takes smaller numbers (to try the script
out) and does not write the file."""

import argparse
import os
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

from crowd_rows import crowd, mixed
from imap_rows import imap, pop3
from imap_session import Session
from peers import PASSWORD, USERS, Dovecot, Ours, Postern, PostfixDovecot, pss_kib, wait_for
from postern import free_port
from postfix import Postfix
from search_rows import searches

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.environ.get("BENCH_TOOLS", os.path.join(HERE, "../build/bench"))


def cpu_seconds():
    """CPU of the whole machine so far: user, nice, system, interrupts."""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:9]]
    return (v[0] + v[1] + v[2] + v[5] + v[6]) / os.sysconf("SC_CLK_TCK")


def blast(port, connections, messages, per_connection, to="u%d@hamburger.edu", rcpts=USERS,
          size=4096):
    out = subprocess.run([f"{TOOLS}/smtpblast", "127.0.0.1", str(port), str(connections),
                          str(messages), str(size), str(per_connection), to],
                         env={**os.environ, "RCPTS": str(rcpts)}, check=True,
                         capture_output=True, text=True, timeout=600).stdout.split()
    return {"seconds": float(out[0]), "rate": float(out[1]), "p50": float(out[2]),
            "p99": float(out[3])}


class Table:
    """Rows: name, unit, goal, figures of ours and theirs, limit. Theirs may be those of several
    servers, by name: then the best one is shown, and its name."""

    def __init__(self):
        self.rows = []

    def add(self, name, unit, ours, theirs, goal, limit, higher=True):
        ratio, whose = None, ""
        if isinstance(theirs, dict):
            best = max if higher else min
            sides = {n: v for n, v in theirs.items() if v}
            whose = best(sides, key=lambda n: statistics.median(sides[n])) if sides else ""
            theirs = sides.get(whose)
        if ours and theirs:
            a, b = statistics.median(ours), statistics.median(theirs)
            ratio = a / b if higher else b / a
        self.rows.append((name, unit, ours, theirs, ratio, goal, limit, whose))
        print(self.line(self.rows[-1]), flush=True)

    @staticmethod
    def cell(values):
        if not values:
            return "-"
        return (f"**{statistics.median(values):.4g}** "
                f"({min(values):.4g}-{max(values):.4g}, n={len(values)})")

    def line(self, row):
        name, unit, ours, theirs, ratio, goal, limit, whose = row
        shown = "-" if ratio is None else f"{ratio:.1f}x"
        return (f"| {name} | {unit} | {self.cell(ours)} | {self.cell(theirs)} {whose} | {shown} | "
                f"{goal} | {limit} |")

    HEAD = ("| what | unit | Postern | Postfix + Dovecot | ratio | goal | what limits it |\n"
            "|---|---|---|---|---|---|---|")


# ---- S1: receive and deliver ----

def inbox_counts(port, users=USERS):
    total = 0
    for n in range(users):
        s = Session(port, f"u{n}@hamburger.edu", PASSWORD)
        s.s.sendall(b"s STATUS INBOX (MESSAGES)\r\n")
        data = b""
        while b"s OK" not in data:
            data += s.s.recv(4096)
        total += int(data.split(b"MESSAGES ")[1].split(b")")[0])
        s.close()
    return total


def delivered(server, connections, messages, per_connection):
    """(delivered messages a second, CPU ms a message of the whole machine)."""
    before = inbox_counts(server.imap)
    cpu, start = cpu_seconds(), time.monotonic()
    result = blast(server.smtp, connections, messages, per_connection)
    while True:
        # Counting costs the server time: only near the end, and not often.
        if inbox_counts(server.imap) - before >= messages:
            break
        time.sleep(0.2)
    seconds = time.monotonic() - start
    if result["seconds"] > 0.98 * seconds - 0.3:
        seconds = result["seconds"]
    return messages / seconds, (cpu_seconds() - cpu) * 1000 / messages


def measure_s1(table, quick, rounds, per_connection, name, goal, cpu_goal):
    ours, theirs, our_cpu, their_cpu = [], [], [], []
    our_count, their_count = (2000, 400) if quick else (20000, 2000)
    with Ours() as us, PostfixDovecot() as they:
        for _ in range(rounds):
            rate, cpu = delivered(us, 20, our_count, per_connection)
            ours.append(rate)
            our_cpu.append(cpu)
            rate, cpu = delivered(they, 20, their_count, per_connection)
            theirs.append(rate)
            their_cpu.append(cpu)
    table.add(f"S1 delivered, 4 KiB, 20 sessions, {name}", "messages/s", ours, theirs, goal,
              "CPU of both cores, load generator included")
    table.add(f"S1 CPU, {name}", "ms/message", our_cpu, their_cpu, cpu_goal, "the same",
              higher=False)


def s1(table, quick, rounds):
    measure_s1(table, quick, rounds, 10 ** 6, "many messages a connection", ">= 15x", ">= 20x")


def s1single(table, quick, rounds):
    measure_s1(table, quick, rounds, 1, "1 message a connection", ">= 5x", ">= 5x")


# ---- S2: relay through the queue ----

class Sink:
    def __init__(self):
        while True:
            self.port = free_port()
            self.process = subprocess.Popen([f"{TOOLS}/smtpsink", str(self.port)],
                                            stdin=subprocess.PIPE)
            time.sleep(0.2)
            if self.process.poll() is None:
                return

    def count(self):
        with socket.create_connection(("127.0.0.1", self.port + 1), 5) as s:
            return int(s.recv(100))

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def relayed(port, sink, messages):
    before, start = sink.count(), time.monotonic()
    blast(port, 20, messages, 10 ** 6, "x%d@away.example", 1)
    wait_for(lambda: sink.count() - before >= messages, 300, "relayed mail")
    return messages / (time.monotonic() - start)


def s2(table, quick, rounds):
    sink = Sink()
    ours, theirs = [], []
    our_count, their_count = (1000, 400) if quick else (10000, 2000)
    settings = ["--set", "smtp.trusted_networks=[\"127.0.0.0/8\"]", "--set",
                f"courier.smarthost=127.0.0.1:{sink.port}"]
    try:
        with Ours(settings, users=0) as us, \
                Postfix("relay.example", f"[127.0.0.1]:{sink.port}") as they:
            for _ in range(rounds):
                ours.append(relayed(us.smtp, sink, our_count))
                theirs.append(relayed(they.port, sink, their_count))
    finally:
        sink.close()
    table.add("S2 relayed to a sink through the queue, 4 KiB, 20 sessions", "messages/s", ours,
              theirs, ">= 4x", "two commits a message; CPU")


# ---- log-ins ----

def logged_in(port, mechanism, count):
    out = subprocess.run([f"{TOOLS}/loginblast", "127.0.0.1", str(port), "50", str(count), mechanism,
                          "u%d@hamburger.edu", str(USERS), PASSWORD], check=True,
                         capture_output=True, text=True, timeout=600).stdout.split()
    return float(out[1])


def login(table, quick, rounds):
    """Each log-in is a connection of its own, by users who have logged in before. SCRAM is ours
    alone: Dovecot would need stored keys, and makes new ones each time from a password."""
    our_count, their_count = (1000, 200) if quick else (20000, 1000)
    plain, scram, theirs = [], [], []
    with Ours() as us, Dovecot() as they:
        for _ in range(rounds):
            plain.append(logged_in(us.imap, "plain", our_count))
            scram.append(logged_in(us.imap, "scram", our_count))
            theirs.append(logged_in(they.imap, "plain", their_count))
    table.add("I1 log-ins by PLAIN, 50 connections at a time", "log-ins/s", plain, theirs,
              ">= 2,000", "a socket each; CPU of both cores, load generator included")
    table.add("I1 log-ins by SCRAM-SHA-256, 50 connections at a time", "log-ins/s", scram, None,
              ">= 2,000", "the same, two more messages and their digests")


# ---- memory and start ----

def open_idle(port, count, tls=None):
    sessions = []
    for _ in range(count):
        s = Session(port, "u0@hamburger.edu", PASSWORD, tls)
        s.do("SELECT INBOX")
        s.s.sendall(b"i IDLE\r\n")
        s.s.recv(100)
        s.buffer = None
        sessions.append(s)
    time.sleep(2)
    return sessions


def session_kib(root, port, count, tls=None):
    """Growth by `count` sessions, after a tenth of them has warmed everything up."""
    warm = open_idle(port, count // 10, tls)
    before = pss_kib(root, "Pss_Anon:")
    sessions = open_idle(port, count, tls)
    grown = pss_kib(root, "Pss_Anon:") - before
    for s in warm + sessions:
        s.close()
    return grown / count


def idle(table, quick, rounds):
    count = 500 if quick else 5000
    del rounds
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with Ours(users=1) as us:
        pid = us.postern.process.pid
        time.sleep(2)
        rest = pss_kib(pid)
        plain = session_kib(pid, us.imap, count)
    with Ours(users=1) as us:
        secure = session_kib(us.postern.process.pid, us.postern.port("imaps"), count // 5, tls)
    with PostfixDovecot() as they:
        time.sleep(2)
        their_rest = pss_kib(they.dovecot.pid())
        with open(f"{they.postfix.folder}/queue/pid/master.pid") as f:
            their_rest += pss_kib(int(f.read()))
    table.add("Memory of the whole system at rest (PSS)", "MiB", [rest / 1024],
              [their_rest / 1024], "<= 40 MiB", "RocksDB, OpenSSL and ICU tables", higher=False)
    table.add(f"Memory of an idle IMAP session in the clear ({count} of them)", "KiB", [plain], None,
              "<= 1 KiB", "structs of session, machine, mailbox and stream", higher=False)
    table.add(f"Memory of an idle IMAP session over TLS ({count // 5} of them)", "KiB", [secure],
              None, "<= 20 KiB", "OpenSSL's connection", higher=False)


def start(table, quick, rounds):
    del quick
    figures = []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        for _ in range(rounds):
            p = Postern(f"{folder}/data")
            p.start()
            p.stop()
            begun = time.monotonic()
            process = subprocess.Popen([os.environ["POSTERN"], "demo", "--dir", p.folder,
                                        "--offset", str(p.offset)], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", p.port("imap")), 1) as s:
                        if s.recv(100).startswith(b"* OK"):
                            break
                except OSError:
                    time.sleep(0.001)
            figures.append((time.monotonic() - begun) * 1000)
            process.terminate()
            process.wait(20)
            process.stdout.close()
    table.add("Start until the IMAP banner (existing store)", "ms", figures, None, "<= 150 ms",
              "opening the tables, certificate", higher=False)


ALL = {"s1": s1, "s1single": s1single, "s2": s2, "imap": imap, "pop3": pop3,
       "searches": searches, "login": login, "mixed": mixed, "idle": idle, "crowd": crowd,
       "start": start}


def machine():
    with open("/proc/cpuinfo") as f:
        model = next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    versions = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", "postfix",
                               "dovecot-imapd", "cyrus-common"], capture_output=True, text=True).stdout
    return f"{os.cpu_count()} cores ({model}), Linux {os.uname().release}; {versions.rstrip(', ')}"


RESULTS = os.path.join(HERE, "RESULTS.md")


def written_rows():
    """The rows of the file by what they measure."""
    if not os.path.exists(RESULTS):
        return {}
    with open(RESULTS, encoding="utf-8") as f:
        lines = [line.rstrip("\n") for line in f]
    return {line.split("|")[1].strip(): line for line in lines[lines.index(Table.HEAD.split("\n")[1]) + 1:]}


def write_results(table):
    rows = written_rows()
    rows.update({row[0]: table.line(row) for row in table.rows})
    with open(RESULTS, "w", encoding="utf-8") as f:
        f.write("# Measured figures\n\nMade by `make bench`. Median (least-most, number of runs); "
                "ratio above 1 means Postern is better.\nBoth sides durable, in the same run, taking "
                f"turns. {machine()}.\n\n{Table.HEAD}\n")
        f.write("\n".join(rows.values()) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("names", nargs="*", default=list(ALL))
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    table = Table()
    print(Table.HEAD)
    for name in options.names or ALL:
        ALL[name](table, options.quick, options.rounds)
        if not options.quick:
            write_results(table)


if __name__ == "__main__":
    sys.exit(main())
