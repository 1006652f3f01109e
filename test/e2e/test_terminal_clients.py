# SPDX-License-Identifier: Apache-2.0
"""Full-screen mail readers that nobody here wrote, at a terminal: neomutt, alpine, aerc. Each reads
a message, saves or moves it to another mailbox and expunges, with a mailbox of its own; what it did is
then looked up from outside."""

import os
import re
import shutil

import pytest

from terminal import Terminal
from test_move import PASSWORD, account, session  # noqa: F401 (a fixture)

MESSAGE = ("From: alice@crepes.fr\r\nTo: bob@hamburger.edu\r\nSubject: letter {0}\r\n"
           "Date: Sun, 1 Mar 2026 10:0{0}:00 +0000\r\nMessage-ID: <{0}@crepes.fr>\r\n\r\n"
           "the text of {0}\r\n")


@pytest.fixture
def imap(server, account):  # noqa: F811
    """A session of an account with three letters in INBOX."""
    c = session(server, account)
    for n in range(3):
        c.append("INBOX", None, None, MESSAGE.format(n).encode())
    c.select("INBOX")
    yield c
    c.logout()


def subjects(imap, name):
    """number of the letter → its flags, of all in that mailbox."""
    imap.select(name)
    ok, data = imap.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert ok == "OK"
    found = {}
    for row in data:
        if isinstance(row, tuple):
            flags = re.search(rb"FLAGS \((.*?)\)", row[0])[1].decode().split()
            found[int(row[1].split()[-1])] = sorted(f for f in flags if f != r"\Recent")
    return found


def test_neomutt_reads_saves_and_expunges(server, imap, account, tmp_path):  # noqa: F811
    port = server.port("imap")
    (tmp_path / "rc").write_text(
        f"set folder=imap://127.0.0.1:{port}/ spool_file=+INBOX imap_user={account}\n"
        f"set imap_pass={PASSWORD} ssl_starttls=no ssl_force_tls=no wait_key=no\n"
        f"set header_cache={tmp_path}/headers message_cachedir={tmp_path}/bodies\n"
        f"set history_file={tmp_path}/history mailcap_path={tmp_path}/mailcap\n"
        "set move=no confirm_append=no confirm_create=no delete=yes quit=yes imap_qresync=yes\n"
        "unset record\n")
    command = ("neomutt", "-n", "-F", tmp_path / "rc")
    with Terminal(*command, home=tmp_path) as t:
        t.say("letter 2", "2\n")  # a number is a jump
        t.say("letter 1", "\n")
        t.say("the text of 1", "q")
        t.say("letter 0", "s")
        t.say("Save to mailbox", "\x15=Kept\n")
        t.say("D .*letter 1", "q")
        assert t.wait() == 0
    assert subjects(imap, "Kept") == {1: [r"\Seen"]}
    assert sorted(subjects(imap, "INBOX")) == [0, 2]
    imap.append("INBOX", None, None, MESSAGE.format(3).encode())
    with Terminal(*command, home=tmp_path) as t:  # once more, with its cache of headers
        t.expect("letter 3").type("q")
        assert t.wait() == 0
    assert len(subjects(imap, "INBOX")) == 3


def test_alpine_reads_saves_and_expunges(server, imap, account, tmp_path):  # noqa: F811
    box = f"{{localhost:{server.port('imaps')}/imap/ssl/novalidate-cert/user={account}}}"
    (tmp_path / "rc").write_text(
        f"inbox-path={box}INBOX\nfolder-collections=Mail {box}[]\ndefault-fcc=\"\"\n"
        "user-domain=hamburger.edu\npersonal-name=Bob\nsmtp-server=localhost\n"
        "feature-list=expunge-without-confirm,quit-without-confirm,save-will-not-delete\n"
        "last-version-used=6.26\n")
    with Terminal("alpine", "-p", tmp_path / "rc", "-i", home=tmp_path) as t:
        t.say("PASSWORD", PASSWORD + "\r")
        t.say("Preserve password", "n")
        t.say("letter 2", "\r")
        t.say("the text of 0", "s")
        t.say("SAVE Msg", "Archive\r")
        t.say(r"copied to folder|DONE\]", "<")  # the other one when it took a second
        t.say("letter 1", "d")
        t.say("marked for deletion", "x")
        t.say(r"expunged from folder|DONE\]", "q")
        assert t.wait() == 0
    assert subjects(imap, "Archive") == {0: [r"\Seen"]}
    assert sorted(subjects(imap, "INBOX")) == [1, 2]


def test_aerc_reads_moves_and_deletes(server, imap, account, tmp_path):  # noqa: F811
    folder = tmp_path / "config/aerc"
    folder.mkdir(parents=True)
    shutil.copy("/usr/share/aerc/binds.conf", folder)
    (folder / "accounts.conf").write_text(
        f"[bob]\nsource = imap+insecure://{account.replace('@', '%40')}:{PASSWORD}@127.0.0.1:"
        f"{server.port('imap')}\nfrom = Bob <bob@hamburger.edu>\ndefault = INBOX\n")
    os.chmod(folder / "accounts.conf", 0o600)
    with Terminal("aerc", home=tmp_path) as t:
        t.say("letter 2", "\r")  # the newest is on top
        t.say("the text of 2", ":close\r")
        t.say("letter 1", ":mv Archive\r")
        t.say("moved to Archive", ":flag -t\r")
        t.say("O! .*letter 1", ":delete\r")
        t.say("Messages deleted", ":quit\r")
        assert t.wait() == 0
    assert subjects(imap, "Archive") == {2: [r"\Seen"]}
    assert len(subjects(imap, "INBOX")) == 1
