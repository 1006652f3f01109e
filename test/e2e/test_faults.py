# SPDX-License-Identifier: Apache-2.0
"""Power and memory of the promise: what was answered 250 is there exactly once, whoever dies."""

import base64
import errno
import os
import signal
import smtplib
import subprocess
import threading
import time

import pytest

from postern import Line, Postern, wait_for


class Load:
    """Sends numbered messages over a few connections until told to stop; `kept` are those that were
    answered 250, `refused` those answered 4xx or 5xx after the data. What broke in between is
    neither: it may be there or not, but at most once."""

    def __init__(self, server, threads=4, size=2000, first=0):
        self.server = server
        # What can be compressed would hardly fill a disk.
        self.body = base64.encodebytes(os.urandom(size * 3 // 4)).decode().replace("\n", "\r\n")
        self.kept, self.refused, self.running = set(), set(), True
        self.lock = threading.Lock()
        self.number = first
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for t in self.threads:
            t.start()

    def _next(self):
        with self.lock:
            self.number += 1
            return self.number

    def _run(self):
        s = None
        while self.running:
            n = self._next()
            try:
                if s is None:
                    s = smtplib.SMTP("127.0.0.1", self.server.port("smtp"), timeout=10)
                    s.ehlo()
                if s.mail("alice@crepes.fr")[0] != 250 or s.rcpt("bob@hamburger.edu")[0] != 250:
                    with self.lock:
                        self.refused.add(n)
                    time.sleep(0.05)
                    s.rset()
                    continue
                code, _ = s.data(f"Subject: number {n} end\r\n\r\n" + "x" * 70 + "\r\n" +
                                 self.body)
                with self.lock:
                    (self.kept if code == 250 else self.refused).add(n)
            except (smtplib.SMTPException, OSError):
                s = None
                time.sleep(0.05)

    def stop(self):
        self.running = False
        for t in self.threads:
            t.join(20)


def stored(server):
    """Number -> how often, over POP3."""
    found = {}
    with Line(server.port("pop3")) as t:
        t.read()
        t.say("user bob@hamburger.edu")
        assert t.say("pass hungry").startswith("+OK")
        count = int(t.say("stat").split()[1])
        t.raw(b"".join(b"TOP %d 0\r\n" % n for n in range(1, count + 1)))
        for _ in range(count):
            assert t.read().startswith("+OK")
            for line in t.lines_to_dot():
                if line.startswith("Subject: number "):
                    n = int(line.split()[2])
                    found[n] = found.get(n, 0) + 1
        t.say("quit")
    return found


def verify(server, load):
    found = stored(server)
    lost = load.kept - set(found)
    assert not lost, f"{len(lost)} of {len(load.kept)} acknowledged messages are lost"
    assert all(times == 1 for times in found.values()), "stored twice"
    assert not load.refused & set(found), "refused, yet stored"
    assert len(load.kept) > 20, "no load worth speaking of"
    result = server.cli("check", check=False)
    assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()


@pytest.mark.parametrize("role", ["gate", "keeper", "courier"])
def test_a_killed_role_is_restarted_and_loses_nothing(tmp_path, role):
    with Postern(tmp_path / "d") as server:
        load = Load(server)
        for _ in range(3):
            time.sleep(0.7)
            before = server.role_pids(role)
            os.kill(before[0], signal.SIGKILL)
            wait_for(lambda: len(server.role_pids(role)) == len(before) and
                     before[0] not in server.role_pids(role), 10, f"a new {role}")
        kept = len(load.kept)
        wait_for(lambda: len(load.kept) > kept + 5, 20, "mail flowing again")
        load.stop()
        verify(server, load)


def test_kill_9_of_everything_under_load(tmp_path):
    server = Postern(tmp_path / "d").start()
    try:
        for turn in range(3):
            load = Load(server, first=turn * 1_000_000)
            time.sleep(1.5)
            server.kill_all()
            load.running = False
            server.start()
            load.stop()
            verify(server, load)
    finally:
        server.stop()


def fill(path):
    """Takes all room that is left on a disk."""
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 20, 4096):
            try:
                while True:
                    f.write(b"\0" * size)
            except OSError as e:
                assert e.errno == errno.ENOSPC


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_refuses_mail_and_keeps_what_was_taken(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(disk)], check=True)
    try:
        with Postern(disk / "d") as server:
            load = Load(server, size=20_000)
            wait_for(lambda: len(load.kept) > 100, 30, "load")
            fill(disk / "filler")
            wait_for(lambda: len(load.refused) > 10, 30, "refusals")
            kept = len(load.kept)
            time.sleep(0.5)
            assert len(load.kept) == kept, "mail was taken with no room for it"
            with Line(server.port("imap")) as t:  # and reading goes on
                t.read()
                t.type("a LOGIN bob@hamburger.edu hungry")
                assert t.read().startswith("a OK")
                t.type("b SELECT INBOX")
                while not t.read().startswith("b OK"):
                    pass
            (disk / "filler").unlink()
            wait_for(lambda: len(load.kept) > kept + 20, 30, "mail again once there is room")
            load.stop()
            verify(server, load)
            fill(disk / "filler")
            server.stop()
            (disk / "filler").unlink()
            server.start()
            verify(server, load)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
