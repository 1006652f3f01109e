# SPDX-License-Identifier: Apache-2.0
"""Mailboxes that several people use, with clients of others: imaplib and curl on one mailbox, rights
that are taken away while it is open, public mailboxes, quotas that an administrator sets."""

import imaplib
import subprocess
import urllib.parse

import pytest

from postern import Postern

ALICE, BOB, PUBLIC = "alice@crepes.fr", "bob@hamburger.edu", "public@crepes.fr"
LETTER = b"From: bob@hamburger.edu\r\nSubject: %s\r\n\r\nThe kitchen is open.\r\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Postern(tmp_path_factory.mktemp("sharing") / "data",
                 args=("--set", f'imap.public_owner="{PUBLIC}"')) as p:
        yield p


def imap(server, who):
    client = imaplib.IMAP4("127.0.0.1", server.port("imap"))
    client.login(who, "hungry")
    return client


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def curl(server, who, mailbox, *args, check=True):
    url = f"imap://127.0.0.1:{server.port('imap')}/{urllib.parse.quote(mailbox, safe='')}"
    done = subprocess.run(["curl", "-sS", "--user", f"{who}:hungry", url + args[0], *args[1:]],
                          capture_output=True, timeout=30)
    assert not check or done.returncode == 0, done.stderr
    return done


def upload(server, who, mailbox, folder, subject):
    (folder / "letter").write_bytes(LETTER % subject)
    curl(server, who, mailbox, "", "--upload-file", str(folder / "letter"))


def test_two_clients_use_one_mailbox_until_the_right_is_taken_away(shared, tmp_path):
    alice, bob = imap(shared, ALICE), imap(shared, BOB)
    name = f"Other Users/{ALICE}/Work"
    ok(alice.create("Work"))
    upload(shared, ALICE, "Work", tmp_path, b"one")
    assert bob.select(f'"{name}"')[0] == "NO"
    ok(alice.setacl("Work", BOB, "lrswi"))
    assert ok(bob.select(f'"{name}"')) == [b"1"]
    assert ok(bob.myrights(f'"{name}"'))[0].endswith(b" lrswi")
    # what each of them does reaches the other
    upload(shared, BOB, name, tmp_path, b"two")
    ok(alice.select("Work"))
    ok(bob.noop())
    assert bob.response("EXISTS")[1][-1] == b"2"
    ok(alice.store("2", "+FLAGS", "\\Flagged"))
    assert b"\\Flagged" in ok(bob.fetch("2", "(FLAGS)"))[0]
    assert b"Subject: two" in curl(shared, ALICE, "Work", ";UID=2").stdout
    assert b"Subject: one" in curl(shared, BOB, name, ";UID=1").stdout
    ok(bob.store("1", "+FLAGS", "\\Seen"))
    assert b"\\Seen" in ok(alice.fetch("1", "(FLAGS)"))[0]
    # the owner's quota root is shown to those who may read
    root, quota = ok(bob.getquotaroot(f'"{name}"'))
    assert f"#user/{ALICE}".encode() in root[0] and quota
    # rights taken away while it is open
    ok(alice.setacl("Work", BOB, '""'))
    try:
        assert bob.fetch("1", "(BODY.PEEK[])")[0] == "NO"
    except imaplib.IMAP4.abort:
        pass  # told with BYE
    assert curl(shared, BOB, name, ";UID=1", check=False).returncode != 0
    again = imap(shared, BOB)
    assert again.select(f'"{name}"')[0] == "NO"
    assert b"Work" not in b"".join(line for line in ok(again.list()) if line)
    assert ok(alice.fetch("1:2", "(UID)"))[1] is not None
    alice.logout(), again.logout()


def test_public_mailboxes_are_for_those_who_were_granted_rights(shared):
    shared.cli("account", "add", PUBLIC, "--password", "x")
    for mailbox in ("News", "News/Old", "Hidden"):
        shared.cli("mailbox", "create", PUBLIC, mailbox)
    shared.cli("mailbox", "acl", PUBLIC, "News", "anyone", "lr")
    shared.cli("mailbox", "acl", PUBLIC, "News", BOB, "lrsi")
    alice, bob = imap(shared, ALICE), imap(shared, BOB)
    assert b'"Public/"' in ok(alice.namespace())[0]
    listed = b"".join(ok(alice.list('""', "Public/*")))
    assert b"Public/News" in listed and b"Hidden" not in listed and b"INBOX" not in listed
    ok(bob.append("Public/News", "", None, LETTER % b"menu"))
    assert alice.append("Public/News", "", None, LETTER % b"no")[0] == "NO"
    assert b"MESSAGES 1" in ok(alice.status("Public/News", "(MESSAGES UNSEEN)"))[0]
    ok(alice.subscribe("Public/News"))
    assert b"Public/News" in b"".join(ok(alice.lsub('""', "Public/*")))
    with pytest.raises(imaplib.IMAP4.readonly):  # it is opened without a right to change anything
        alice.select("Public/News")
    assert ok(alice.select("Public/News", readonly=True)) == [b"1"]
    assert b"Subject: menu" in curl(shared, ALICE, "Public/News", ";UID=1").stdout
    alice.logout(), bob.logout()


def test_an_administrator_sets_the_quotas_of_others(shared):
    alice, bob = imap(shared, ALICE), imap(shared, BOB)
    root = f"#user/{BOB}"
    assert bob.setquota(root, "(STORAGE 1000000)")[0] == "NO"
    assert alice.setquota(root, "(MESSAGE 1)")[0] == "NO"
    shared.cli("account", "administrator", ALICE, "on")
    have = int(bob.select("INBOX")[1][0])
    assert f"(MESSAGE {have} {have + 1})".encode() in ok(alice.setquota(root, f"(MESSAGE {have + 1})"))[0]
    ok(bob.append("INBOX", "", None, LETTER % b"fits"))
    full = bob.append("INBOX", "", None, LETTER % b"does not")
    assert full[0] == "NO" and b"OVERQUOTA" in full[1][0]
    ok(bob.select("INBOX"))
    assert bob.copy("1", "Archive")[0] == "NO"
    assert f"MESSAGE {have + 1} {have + 1}".encode() in ok(bob.getquota(root))[0]
    shared.cli("account", "quota", BOB, "0", "0", "7")
    ok(bob.create("One"))
    assert bob.create("Two")[0] == "NO"
    shared.cli("account", "quota", BOB, "0")
    ok(bob.create("Two"))
    shared.cli("account", "administrator", ALICE, "off")
    assert alice.setquota(root, "(MESSAGE 1)")[0] == "NO"
    alice.logout(), bob.logout()
