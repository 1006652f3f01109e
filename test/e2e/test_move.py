# SPDX-License-Identifier: Apache-2.0
"""Mail taken in from maildirs and mbox files and written out again, while the server runs."""

import imaplib
import json
import mailbox
import os
import signal
import subprocess
import time

import pytest

from dovecot import Dovecot
from postern import PROGRAM, wait_for

ALICE, BOB = "alice@crepes.fr", "bob@hamburger.edu"
PASSWORD = "hungry"


def session(server, user):
    c = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=20)
    c.login(user, PASSWORD)
    return c


@pytest.fixture
def account(server, request):
    """An account of its own for each test."""
    address = f"m{abs(hash(request.node.name)) % 10**9}@crepes.fr"
    server.cli("account", "add", address, "--password", PASSWORD)
    return address


def letter(n, body="Hello.\n"):
    return (f"From: {ALICE}\nTo: {BOB}\nSubject: letter {n}\nMessage-ID: <{n}@crepes.fr>\n"
            f"Date: Thu, 1 Jan 2026 00:00:00 +0000\n\n{body}").encode()


def write(path, octets, mtime=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(octets)
    if mtime is not None:
        os.utime(path, (mtime, mtime))


def make_maildir(root):
    for folder in ("", ".Work.Caf&AOk-/", ".Sent/"):
        for below in ("cur", "new", "tmp"):
            os.makedirs(f"{root}/{folder}{below}")
    write(f"{root}/cur/100.M1P1.host:2,RS", letter(1), 1000000000)
    write(f"{root}/cur/101.M1P1.host,S=5:2,Fab", letter(2), 1000000001)
    write(f"{root}/new/102.M1P1.host", letter(3).replace(b"\n", b"\r\n"), 1000000002)
    write(f"{root}/dovecot-uidlist",
          b"3 V1275660208 N30 Gabc\n7 :100.M1P1.host\n"
          b"9 Pold-uidl :101.M1P1.host,S=5\n12 :102.M1P1.host\n")
    write(f"{root}/dovecot-keywords", b"0 work\n1 $Junk\n")
    write(f"{root}/subscriptions", b"V\t2\n\nWork\tCaf&AOk-\nGone\n")
    write(f"{root}/.Work.Caf&AOk-/cur/200.M1P1.host:2,S", letter(4), 1000000003)
    write(f"{root}/.Sent/cur/300.M1P1.host:2,S", letter(5), 1000000004)


def rows(result):
    return {row["mailbox"]: row for row in json.loads(result.stdout)}


def test_a_maildir_of_dovecot_keeps_everything(server, tmp_path, account):
    root = f"{tmp_path}/Maildir"
    make_maildir(root)
    done = rows(server.cli("import", "maildir", root, "--account", account, "--json"))
    assert done["INBOX"]["imported"] == 3 and done["INBOX"]["uids_kept"] == 3
    assert done["Work/Café"]["imported"] == 1 and done["Sent"]["imported"] == 1
    c = session(server, account)
    c.select("INBOX")
    assert c.response("UIDVALIDITY")[1] == [b"1275660208"]
    ok, data = c.uid("FETCH", "1:*", "(FLAGS INTERNALDATE)")
    text = b"\n".join(data)
    assert b"UID 7)" in data[0] and rb"(\Seen \Answered" in data[0], text
    assert b'INTERNALDATE " 9-Sep-2001 01:46:40 +0000"' in data[0], text
    assert b"UID 9)" in data[1] and rb"\Flagged" in data[1] and b"work" in data[1], text
    assert b"$Junk" in data[1] and b"UID 12)" in data[2] and rb"\Seen" not in data[2], text
    assert c.uid("FETCH", "12", "(BODY.PEEK[])")[1][0][1] == letter(3).replace(b"\n", b"\r\n")
    assert c.uid("FETCH", "7", "(BODY.PEEK[])")[1][0][1] == letter(1).replace(b"\n", b"\r\n")
    assert c.status("INBOX", "(UIDNEXT)")[1][0].endswith(b"(UIDNEXT 30)")
    subscribed = b"\n".join(c.lsub()[1])
    assert b"Work/Caf&AOk-" in subscribed and b"Gone" in subscribed
    c.logout()
    again = rows(server.cli("import", "maildir", root, "--account", account, "--json"))
    assert all(row["imported"] == 0 for row in again.values())
    assert again["INBOX"]["known"] == 3
    write(f"{root}/new/103.M1P1.host", letter(6))
    more = rows(server.cli("import", "maildir", root, "--account", account, "--json"))
    assert more["INBOX"]["imported"] == 1 and more["INBOX"]["known"] == 3


def test_uidls_of_dovecot_are_shown(server, tmp_path, account, tls):
    import poplib
    make_maildir(f"{tmp_path}/Maildir")
    server.cli("import", "maildir", f"{tmp_path}/Maildir", "--account", account)
    p = poplib.POP3_SSL("127.0.0.1", server.port("pop3s"), context=tls, timeout=20)
    p.user(account)
    p.pass_(PASSWORD)
    assert p.uidl()[1] == [b"1 000000074c0907b0", b"2 old-uidl", b"3 0000000c4c0907b0"]
    p.quit()


def test_damaged_files_are_passed_over_and_named(server, tmp_path, account):
    root = f"{tmp_path}/Maildir"
    make_maildir(root)
    write(f"{root}/cur/104.M1P1.host:2,S", b"")
    os.makedirs(f"{root}/cur/105.M1P1.host:2,S")
    os.symlink("/etc/passwd", f"{root}/cur/106.M1P1.host:2,S")
    os.makedirs(f"{root}/.bad..name/cur")
    write(f"{root}/dovecot-uidlist", b"3 V1275660208 N30\ngarbage\n7 :100.M1P1.host\n")
    result = server.cli("import", "maildir", root, "--account", account, "--json", check=False)
    assert result.returncode == 2, result
    for name in (b"104.M1P1.host", b"105.M1P1.host", b"106.M1P1.host", b".bad..name", b"uidlist"):
        assert name in result.stderr, result.stderr
    assert rows(result)["INBOX"]["imported"] == 3 and rows(result)["INBOX"]["skipped"] == 3


def test_a_cut_import_goes_on(server, tmp_path, account):
    root = f"{tmp_path}/Maildir"
    for below in ("cur", "new", "tmp"):
        os.makedirs(f"{root}/{below}")
    for n in range(6000):
        write(f"{root}/cur/{1000 + n}.M1P1.host:2,S", letter(n))
    command = [PROGRAM, "import", "maildir", root, "--account", account, "--dir", server.folder]
    cut = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    c = session(server, account)
    wait_for(lambda: int(c.status("INBOX", "(MESSAGES)")[1][0].split()[-1][:-1]) > 500, 30, "some")
    cut.send_signal(signal.SIGKILL)
    cut.wait()
    before = int(c.status("INBOX", "(MESSAGES)")[1][0].split()[-1][:-1])
    done = rows(server.cli("import", "maildir", root, "--account", account, "--json"))["INBOX"]
    assert done["imported"] + done["known"] == 6000 and done["known"] >= before > 0
    c.select("INBOX")
    ok, data = c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    subjects = [d[1].strip() for d in data if isinstance(d, tuple)]
    assert len(subjects) == len(set(subjects)) == 6000
    c.logout()


def test_over_quota_nothing_is_lost(server, tmp_path, account):
    make_maildir(f"{tmp_path}/Maildir")
    server.cli("account", "quota", account, "300")
    full = server.cli("import", "maildir", f"{tmp_path}/Maildir", "--account", account, check=False)
    assert full.returncode == 73 and b"over quota" in full.stderr
    server.cli("account", "quota", account, "0")
    done = rows(server.cli("import", "maildir", f"{tmp_path}/Maildir", "--account", account, "--json"))
    assert sum(row["imported"] for row in done.values()) == 5


def test_mbox_files_keep_flags_dates_and_uids(server, tmp_path, account):
    write(f"{tmp_path}/lists.mbox",
          b"From MAILER-DAEMON Thu Jan  1 00:00:01 2026\nSubject: DON'T DELETE THIS MESSAGE\n"
          b"X-IMAP: 1275660208 0000000020 work\nStatus: RO\n\nInternal data.\n\n"
          b"From alice@crepes.fr Thu Jan  1 00:00:02 2026\nX-UID: 5\nStatus: RO\nX-Status: F\n"
          b"X-Keywords: work\n" + letter(1, ">From here\n") + b"\n"
          b"From alice@crepes.fr Thu Jan  1 00:00:03 2026\nX-UID: 8\nStatus: O\n" + letter(2) +
          b"\nFrom alice@crepes.fr Thu Jan  1 00:00:03 2026\nX-UID: 9\nStatus: O\n" + letter(2))
    command = ("import", "mbox", f"{tmp_path}/lists.mbox", "--account", account, "--into", "Lists",
               "--json")
    done = rows(server.cli(*command))["Lists"]
    assert done["imported"] == 3 and done["uids_kept"] == 3
    c = session(server, account)
    c.select("Lists")
    assert c.response("UIDVALIDITY")[1] == [b"1275660208"]
    ok, data = c.uid("FETCH", "1:*", "(FLAGS INTERNALDATE)")
    assert b"UID 5" in data[0] and rb"\Flagged" in data[0] and b"work" in data[0]
    assert b'" 1-Jan-2026 00:00:02 +0000"' in data[0] and b"UID 8" in data[1]
    body = c.uid("FETCH", "5", "(BODY.PEEK[])")[1][0][1]
    assert body == letter(1, "From here\n").replace(b"\n", b"\r\n")
    c.logout()
    assert rows(server.cli(*command))["Lists"] == {**done, "imported": 0, "known": 3, "octets": 0,
                                                   "uids_kept": 0}


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_what_was_exported_can_be_imported(server, tmp_path, account, form, tls):
    import poplib
    root, out = f"{tmp_path}/Maildir", f"{tmp_path}/out"
    make_maildir(root)
    write(f"{root}/cur/108.M1P1.host:2,S", letter(8, "From me\n>From you\n" + "x" * 70 + "\n" +
                                                  "0123456789abcde\n" * 60000), 1000000009)
    write(f"{root}/.v1\\2e2/cur/400.M1P1.host:2,S", letter(9))
    server.cli("import", "maildir", root, "--account", account)
    server.cli("export", form, out, "--account", account)
    again = server.cli("export", form, out, "--account", account, "--json")
    assert all(row["exported"] == 0 for row in json.loads(again.stdout))
    if form == "maildir":
        box = mailbox.Maildir(out, create=False)
        assert len(box) == 4 and sorted(box.list_folders()) == sorted(
            ["Archive", "Drafts", "Junk", "Sent", "Trash", "Work", "Work.Caf&AOk-", "v1\\2e2"])
    else:
        assert len(mailbox.mbox(f"{out}/INBOX.mbox")) == 4
    other = "copy" + account
    server.cli("account", "add", other, "--password", PASSWORD)
    server.cli("import", form, out, "--account", other)

    def everything(user):
        c = session(server, user)
        found = {}
        for name in ("INBOX", "Sent", "Work/Caf&AOk-", "v1.2"):
            assert c.select(f'"{name}"')[0] == "OK", name
            validity = c.response("UIDVALIDITY")[1]
            data = c.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
            found[name] = (validity, [d for d in data])
        c.logout()
        return found
    assert everything(account) == everything(other)
    if form == "maildir":
        lists = []
        for user in (account, other):
            p = poplib.POP3_SSL("127.0.0.1", server.port("pop3s"), context=tls, timeout=20)
            p.user(user)
            p.pass_(PASSWORD)
            lists.append(p.uidl()[1])
            p.quit()
        assert lists[0] == lists[1]


def test_an_import_is_fast(server, tmp_path, account):
    root = f"{tmp_path}/Maildir"
    for below in ("cur", "new", "tmp"):
        os.makedirs(f"{root}/{below}")
    for n in range(10000):
        write(f"{root}/cur/{1000 + n}.M1P1.host:2,S", letter(n, "x" * 70 + "\n"))
    begun = time.monotonic()
    server.cli("import", "maildir", root, "--account", account)
    seconds = time.monotonic() - begun
    print(f"{10000 / seconds:.0f} messages/s")
    assert seconds < 30


def test_without_a_server_the_store_is_used_alone(server, tmp_path, account):
    make_maildir(f"{tmp_path}/Maildir")
    server.stop()
    try:
        done = rows(server.cli("import", "maildir", f"{tmp_path}/Maildir", "--account", account, "--json"))
        assert done["INBOX"]["imported"] == 3
        assert server.cli("check").returncode == 0
    finally:
        server.start()
    c = session(server, account)
    assert c.select("INBOX")[1] == [b"3"]
    c.logout()


def test_what_dovecot_alone_can_read_is_named(server, tmp_path, account):
    root = f"{tmp_path}/fs"
    make_maildir(root)
    write(f"{root}/Work/Deep/cur/500.M1P1.host:2,S", letter(50))
    write(f"{root}/Work/cur/501.M1P1.host:2,S", letter(51))
    result = server.cli("import", "maildir", root, "--account", account, "--json", check=False)
    assert result.returncode == 2 and b"LAYOUT=fs" in result.stderr and b"/Work" in result.stderr
    assert rows(result)["INBOX"]["imported"] == 3
    one = server.cli("import", "maildir", f"{root}/Work", "--account", account, "--into", "Work", "--json",
                     check=False)
    assert one.returncode == 2 and rows(one)["Work"]["imported"] == 1 and b"/Deep" in one.stderr
    for name in ("mailboxes", "storage"):
        os.makedirs(f"{tmp_path}/{name}box/{name}")
        result = server.cli("import", "maildir", f"{tmp_path}/{name}box", "--account", account, check=False)
        assert result.returncode == 65 and b"import imap" in result.stderr, result


def test_memory_of_an_import_does_not_grow_with_the_mail(server, tmp_path, account):
    """Peak memory of the command for 30 MB is that for 6 MB."""
    def peak_kib(form, path):
        # The quarantine of the sanitized build would keep what was freed.
        process = subprocess.Popen([PROGRAM, "import", form, path, "--account", account, "--dir", server.folder],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=1"})
        peak = 0
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
                peak = max([peak] + [int(line.split()[1]) for line in f if line.startswith("VmHWM")])
            time.sleep(0.01)
        assert process.returncode == 0
        return peak
    body = "0123456789abcde\n" * 131072
    for form in ("maildir", "mbox"):
        peaks = []
        for count in (3, 15):
            root = f"{tmp_path}/{form}{count}"
            if form == "maildir":
                os.makedirs(f"{root}/cur")
                os.makedirs(f"{root}/new")
                for n in range(count):
                    write(f"{root}/cur/{n}.M{count}P1.host:2,S", letter(count * 100 + n, body))
            else:
                with open(root, "wb") as f:
                    for n in range(count):
                        f.write(b"From alice@crepes.fr Thu Jan  1 00:00:00 2026\n" +
                                letter(count * 1000 + n, body) + b"\n")
            peaks.append(peak_kib(form, root))
        assert 0 < peaks[1] < peaks[0] + 16 * 1024, (form, peaks)
        print(form, peaks)


def test_wrong_words_are_explained(server, tmp_path):
    for words, code, text in (
            (("import", "maildir", tmp_path, "--account", ALICE), 65, b"is no maildir"),
            (("import", "maildir", tmp_path), 65, b"is no maildir"),
            (("import", "mbox", f"{tmp_path}/x", "--account", ALICE), 67, b"no file"),
            (("import", "mbox", tmp_path), 65, b"--account"),
            (("import", "mbox", tmp_path, "--account", "nobody@crepes.fr"), 67, b"nobody"),
            (("import", "mbox", tmp_path, "--account", ALICE, "--quoting", "x"), 65, b"mboxrd"),
            (("export", "maildir", tmp_path, "--account", "nobody@crepes.fr"), 67, b"nobody")):
        result = server.cli(*words, check=False)
        assert result.returncode == code and text in result.stderr, (words, result)


def test_expunged_mail_and_deleted_mailboxes_come_back(server, account, tls):
    import poplib
    c = session(server, account)
    for n in range(3):
        c.append("INBOX", r"(\Flagged)", imaplib.Time2Internaldate(1e9 + n),
                 letter(n).replace(b"\n", b"\r\n"))
    c.create("Old/Work")
    c.select("INBOX")
    c.copy("1:2", "Old/Work")
    before = c.fetch("2", "(INTERNALDATE BODY.PEEK[])")[1]
    c.store("2:3", "+FLAGS", r"(\Deleted)")
    c.expunge()
    c.delete("Old/Work")

    def undelete(*words):
        return json.loads(server.cli("mailbox", "undelete", account, *words, "--json").stdout)
    listed = undelete("INBOX", "--list")
    assert [(g["uid"], g["subject"], g["mailbox"]) for g in listed] == [
        (2, "letter 1", "INBOX"), (3, "letter 2", "INBOX")]
    assert undelete("INBOX", "--list", "--since", "2000-01-01T00:00:00Z") == listed
    assert undelete("INBOX", "--uid", "2", "--since", "1h") == [{"restored": 1}]
    wait_for(lambda: len(undelete("Old/Work", "--list")) == 2, 20, "the swept mailbox")
    assert undelete("Old/Work") == [{"restored": 2}]
    assert c.select("Old/Work")[1] == [b"2"]
    assert c.select("INBOX")[1] == [b"2"]
    after = c.fetch("2", "(INTERNALDATE BODY.PEEK[])")[1]
    assert after == before
    assert b"Deleted" not in c.fetch("2", "(FLAGS)")[1][0]
    c.logout()
    p = poplib.POP3_SSL("127.0.0.1", server.port("pop3s"), context=tls, timeout=20)
    p.user(account)
    p.pass_(PASSWORD)
    uidls = [line.split()[1].split(b".")[1] for line in p.uidl()[1]]
    p.quit()
    assert uidls == [b"1", b"2"]  # as it was before it went
    for words, text in ((("INBOX", "--since", "yesterday"), b"no time"), (("INBOX", "--uid", "x"), b"no set")):
        result = server.cli("mailbox", "undelete", account, *words, check=False)
        assert result.returncode == 65 and text in result.stderr
    assert server.cli("check").returncode == 0


def pull(server, dovecot, account, *words, user="alice", password="hungry", check=True):
    return server.cli("import", "imap", "--host", "127.0.0.1", "--user", user, "--account", account,
                      "--password-stdin", "--json", *words, check=check, input=password.encode())


def test_an_account_is_pulled_from_dovecot(server, tmp_path, account):
    with Dovecot(tmp_path / "dovecot") as d:
        there = imaplib.IMAP4("127.0.0.1", d.ports["imap"], timeout=20)
        there.login("alice", "hungry")
        big = letter(99, "0123456789abcde\n" * 40000).replace(b"\n", b"\r\n")
        for n in range(250):
            there.append("INBOX", r"(\Seen \Flagged work)" if n % 2 else None,
                         '"17-Jul-1996 02:44:25 -0700"', letter(n).replace(b"\n", b"\r\n"))
        there.select("INBOX")
        there.store("1:10", "+FLAGS", r"(\Deleted)")
        there.expunge()
        there.create("Lists/&AOk-t&AOk-")
        there.append("Lists/&AOk-t&AOk-", None, None, big)
        there.append('"Sent Messages"', r"(\Seen)", None, letter(7).replace(b"\n", b"\r\n"))
        validity = there.status("INBOX", "(UIDVALIDITY)")[1][0].split()[-1][:-1]
        port = ("--plain", "--port", d.ports["imap"])
        done = rows(pull(server, d, account, *port))
        assert done["INBOX"]["imported"] == 240 == done["INBOX"]["uids_kept"]
        assert done["Lists/été"]["imported"] == 1 and done["Sent"]["imported"] == 1
        c = session(server, account)
        c.select("INBOX")
        assert c.response("UIDVALIDITY")[1] == [validity]
        data = c.uid("FETCH", "12", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
        assert b"work" in data[0][0] and rb"\Flagged" in data[0][0], data
        # Dovecot keeps the instant alone, and tells it in a zone of its own.
        date = there.uid("FETCH", "12", "(INTERNALDATE)")[1][0].split(b"INTERNALDATE ")[1][:28]
        assert date in data[0][0]
        assert data[0][1] == letter(11).replace(b"\n", b"\r\n")
        c.select("Lists/&AOk-t&AOk-")
        assert c.fetch("1", "(BODY.PEEK[])")[1][0][1] == big
        there.append("INBOX", None, None, letter(300).replace(b"\n", b"\r\n"))
        again = rows(pull(server, d, account, *port))
        assert again["INBOX"]["imported"] == 1 and again["INBOX"]["known"] == 240
        there.logout()
        c.logout()
        for words, user, password in ((("--port", d.ports["imaps"], "--no-verify"), "alice", "hungry"),
                                      (("--starttls", "--port", d.ports["imap"], "--no-verify"),
                                       "alice*admin", "master")):
            done = rows(pull(server, d, account, *words, "--into", "Copy of " + user[5:],
                             user=user, password=password))
            assert sum(row["imported"] for row in done.values()) == 243, done
        for words, password, code, text in (
                (port, "wrong", 69, b"failed"),
                (("--port", d.ports["imaps"]), "hungry", 76, b"TLS"),
                (("--starttls", "--tls"), "hungry", 65, b"one of"),
                (("--plain", "--port", 1), "hungry", 69, b"ended")):
            result = pull(server, d, account, *words, password=password, check=False)
            assert result.returncode == code and text in result.stderr, (words, result)
