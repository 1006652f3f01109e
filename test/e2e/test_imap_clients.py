# SPDX-License-Identifier: Apache-2.0
"""IMAP clients that nobody here wrote, each with a mailbox of its own: mbsync and offlineimap with
many messages, Mail::IMAPClient, imapflow."""

import json
import mailbox
import os
import time

from test_clients import letter, run
from test_move import account, session  # noqa: F401 (a fixture)

PASSWORD = "hungry"
HERE = os.path.dirname(os.path.abspath(__file__))
MANY = 10000


def fill(server, folder, address, count):
    """Messages in bulk, by import; returns the maildir."""
    root = f"{folder}/source"
    for below in ("cur", "new", "tmp"):
        os.makedirs(f"{root}/{below}")
    for n in range(count):
        with open(f"{root}/cur/{1000000 + n}.M1P1.host:2,{'S' if n % 3 else ''}", "wb") as f:
            f.write(letter(f"letter {n}").as_bytes())
    server.cli("import", "maildir", root, "--account", address)
    return root


def test_mbsync_two_ways_with_many_messages(server, tmp_path, account):  # noqa: F811
    fill(server, tmp_path, account, MANY)
    (tmp_path / "near").mkdir()
    config = tmp_path / "mbsyncrc"
    config.write_text(
        f"FSync no\nIMAPStore far\nHost localhost\nPort {server.port('imap')}\nUser {account}\n"
        f"Pass {PASSWORD}\nSSLType None\nAuthMechs LOGIN\nTimeout 60\n\n"
        f"MaildirStore near\nPath {tmp_path}/near/\nInbox {tmp_path}/near/INBOX\nSubFolders Verbatim\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\n"
        f"SyncState {tmp_path}/state-\n")
    sync = ("mbsync", "-c", config, "-a")
    run(*sync)
    near = mailbox.Maildir(tmp_path / "near/INBOX", create=False)
    assert len(near) == MANY
    c = session(server, account)

    def state():
        return (c.status("INBOX", "(MESSAGES UIDNEXT HIGHESTMODSEQ)")[1],
                sorted(os.listdir(tmp_path / "near/INBOX/cur")))
    before, begun = state(), time.monotonic()
    run(*sync)
    assert time.monotonic() - begun < 20 and state() == before  # idle: nothing is done
    # Both sides change: new here, expunged there, flagged there.
    near.add(letter("from near").as_bytes())
    c.select("INBOX")
    c.store("1:50", "+FLAGS.SILENT", r"(\Deleted)")
    c.expunge()
    c.store("1:20", "+FLAGS.SILENT", r"(\Flagged)")
    c.append("INBOX", None, None, letter("from far").as_bytes())
    run(*sync)
    near = mailbox.Maildir(tmp_path / "near/INBOX", create=False)
    assert len(near) == MANY - 50 + 2
    names = os.listdir(tmp_path / "near/INBOX/cur")
    assert sum("F" in name.rsplit(",", 1)[-1] for name in names) == 20
    assert c.select("INBOX")[1] == [str(MANY - 50 + 2).encode()]
    c.logout()


def test_offlineimap_mirrors(server, tmp_path, account):  # noqa: F811
    fill(server, tmp_path, account, 300)
    config = tmp_path / "offlineimaprc"
    config.write_text(
        f"[general]\naccounts = a\nmetadata = {tmp_path}/meta\nfsync = False\n"
        "[Account a]\nlocalrepository = near\nremoterepository = far\n"
        f"[Repository near]\ntype = Maildir\nlocalfolders = {tmp_path}/near\n"
        f"[Repository far]\ntype = IMAP\nremotehost = localhost\nremoteport = {server.port('imap')}\n"
        f"remoteuser = {account}\nremotepass = {PASSWORD}\nssl = no\nstarttls = no\n"
        "auth_mechanisms = LOGIN\nexpunge = yes\n")
    sync = ("offlineimap", "-c", config, "-o", "-1", "-u", "basic")
    run(*sync, env={"HOME": str(tmp_path)})
    near = mailbox.Maildir(tmp_path / "near/INBOX", create=False)
    assert len(near) == 300
    near.add(letter("from near").as_bytes())
    keys = sorted(near.keys())
    for key in keys[:5]:
        message = near[key]
        message.add_flag("T")
        near[key] = message
    run(*sync, env={"HOME": str(tmp_path)})
    c = session(server, account)
    c.select("INBOX")
    assert len(c.search(None, "UNDELETED")[1][0].split()) == 296
    assert c.search(None, "SUBJECT", '"from near"')[1] != [b""]
    c.logout()


def test_mail_imapclient_of_perl(server, account):  # noqa: F811
    done = run("perl", f"{HERE}/client.pl", server.port("imap"), account, PASSWORD)
    assert done.stdout.decode().split("\n") == ["1", r"\Flagged \Seen", "whole", "1", ""]


def test_imapflow(server, account):  # noqa: F811
    done = run("node", f"{HERE}/imapflow/client.mjs", server.port("imaps"), account, PASSWORD)
    seen = json.loads(done.stdout)
    assert seen["subject"] == "from imapflow" and seen["flags"] == ["\\Flagged", "work"]
    assert seen["source"] == "Subject: from imapflow\r\n\r\nHello\r\n"
    assert seen["date"] == "1970-01-01T00:00:00.000Z" and seen["found"] == [seen["appended"]]
    assert seen["status"] == 1 and "Flow/Été" in seen["names"] and "Sent \\Sent" in seen["names"]
