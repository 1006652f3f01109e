# SPDX-License-Identifier: Apache-2.0
"""Uploads: many messages in one APPEND, roles that die in the middle of it, messages put together
from others and replaced, and IMAP4rev2, over real sockets and a real store."""

import os
import random
import re
import signal
import socket
import time

import pytest

from postern import Line, Postern, wait_for

COUNT = 200


def log_in(line, rev2=False):
    line.read()
    assert tagged(line, "a", "LOGIN bob@hamburger.edu hungry")[-1].startswith("a OK")
    if rev2:
        assert "* ENABLED IMAP4rev2" in tagged(line, "b", "ENABLE IMAP4rev2")


def tagged(line, tag, command):
    """The lines of an answer, without their ends."""
    line.raw(f"{tag} {command}\r\n".encode())
    return answer(line, tag)


def answer(line, tag):
    out = []
    while not out or not out[-1].startswith(f"{tag} "):
        octets = line.file.readline()
        if octets == b"":
            raise EOFError("the server closed the connection")
        out.append(octets.decode("utf-8", "surrogateescape").rstrip("\r\n"))
    return out


def upload(box, count, size=3000):
    out = [f"u APPEND {box}".encode()]
    for n in range(count):
        text = f"Subject: number {n} end\r\n\r\n".encode() + b"pancake " * (size // 8) + b"\r\n"
        out.append(b" (\\Seen) \"05-Feb-2026 10:11:12 +0530\" {%d+}\r\n" % len(text) + text)
    return b"".join(out) + b"\r\n"


def count_of(server, box):
    with Line(server.port("imap")) as line:
        log_in(line)
        for text in tagged(line, "s", f"STATUS {box} (MESSAGES)"):
            found = re.match(r"\* STATUS \S+ \(MESSAGES (\d+)\)", text)
            if found:
                return int(found[1])
    return None


def test_many_messages_of_one_append_come_with_their_dates(tmp_path):
    with Postern(tmp_path / "d") as server, Line(server.port("imap")) as line:
        log_in(line)
        line.raw(upload("INBOX", 1000))
        assert re.match(r"u OK \[APPENDUID \d+ 1:1000\]", answer(line, "u")[-1])
        tagged(line, "x", "EXAMINE INBOX")
        rows = tagged(line, "f", "FETCH 1,500,1000 (FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        assert 'INTERNALDATE " 5-Feb-2026 10:11:12 +0530"' in rows[0]
        assert [r for r in rows if r.startswith("Subject")] == [
            f"Subject: number {n} end" for n in (0, 499, 999)]
        assert server.cli("check", check=False).returncode == 0


@pytest.mark.parametrize("role", ["gate", "keeper"])
def test_a_role_that_dies_in_an_append_leaves_all_or_none(tmp_path, role):
    dice = random.Random(8508)
    with Postern(tmp_path / "d") as server:
        for turn in range(6):
            box = f"box{turn}"
            with Line(server.port("imap")) as line:
                log_in(line)
                tagged(line, "c", f"CREATE {box}")
                octets = upload(box, COUNT)
                cut = dice.choice([len(octets), len(octets) - 1, dice.randrange(len(octets))])
                before = server.role_pids(role)
                promised = False
                try:
                    line.raw(octets[:cut])
                    if cut == len(octets):
                        time.sleep(dice.uniform(0, 0.03))
                    for pid in before:
                        os.kill(pid, signal.SIGKILL)
                    line.raw(octets[cut:])
                    promised = answer(line, "u")[-1].startswith("u OK")
                except (OSError, EOFError, socket.timeout):
                    pass
            wait_for(lambda: len(server.role_pids(role)) == len(before) and
                     not set(before) & set(server.role_pids(role)), 10, f"a new {role}")

            def there():
                try:
                    return count_of(server, box) is not None
                except (OSError, EOFError, AssertionError):
                    return False

            wait_for(there, 20, "an answer")
            count = count_of(server, box)
            assert count in (0, COUNT), f"turn {turn}: {count} messages"
            assert not promised or count == COUNT, f"turn {turn}: promised, yet not there"
        assert server.cli("check", check=False).returncode == 0


def test_drafts_are_put_together_and_replaced(tmp_path):
    with Postern(tmp_path / "d") as server, Line(server.port("imap")) as line:
        log_in(line, rev2=True)
        line.raw(upload("Drafts", 1))
        answer(line, "u")
        assert '* LIST (\\Drafts) "/" Drafts' in tagged(line, "x", "SELECT Drafts")
        line.raw(b'r UID REPLACE 1 Drafts (\\Draft) CATENATE (TEXT {18+}\r\nTo: a@crepes.fr\r\n\r'
                 b' URL "/Drafts/;UID=1/;SECTION=TEXT/;PARTIAL=0.7" TEXT {2+}\r\n\r\n)\r\n')
        lines = answer(line, "r")
        assert re.match(r"\* OK \[APPENDUID \d+ 2\]", lines[0])
        assert "* 1 EXPUNGE" in lines and lines[-1].startswith("r OK")
        assert '* ESEARCH (TAG "s") UID ALL 2' in tagged(line, "s", "UID SEARCH TEXT pancake")
        rows = tagged(line, "f", "FETCH 1 (FLAGS BINARY.SIZE[1] BINARY.PEEK[1])")
        assert "FLAGS (\\Draft)" in rows[0] and "\\Recent" not in rows[0]
        bad = tagged(line, "b", 'APPEND Drafts CATENATE (URL "/Drafts/;UID=1")')
        assert bad[-1].startswith('b NO [BADURL "/Drafts/;UID=1"]')
        assert server.cli("check", check=False).returncode == 0
