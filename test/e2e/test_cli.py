# SPDX-License-Identifier: Apache-2.0
"""The command line: every command, with a server running and without one, its exit codes, its words
and its JSON; what accounts, aliases and quotas mean for mail."""

import email.policy
import json
import os
import shutil
import smtplib
import subprocess

import pytest

from postern import PROGRAM, Line, Postern
from test_clients import PASSWORD, letter

EX_USAGE, EX_DATAERR, EX_NOUSER, EX_UNAVAILABLE, EX_CANTCREAT = 64, 65, 67, 69, 73


@pytest.fixture(params=["running", "stopped"], scope="module")
def house(request, tmp_path_factory):
    """A server that runs, and the folder of one that does not."""
    p = Postern(tmp_path_factory.mktemp("cli") / "data")
    with p:
        if request.param == "stopped":
            p.stop()
        yield p


def fails(house, code, words, *command, input=None):
    result = house.cli(*command, check=False, input=input)
    text = result.stderr.decode()
    assert result.returncode == code, (command, result.returncode, text)
    assert text.startswith("postern: ") and words in text, (command, text)


def listed(house, *command):
    return json.loads(house.cli(*command, "--json").stdout)


def test_domains(house):
    house.cli("domain", "add", "soup.example")
    assert "soup.example" in [d["domain"] for d in listed(house, "domain", "list")]
    assert b"soup.example" in house.cli("domain", "list").stdout
    fails(house, EX_CANTCREAT, "soup.example", "domain", "add", "soup.example")
    fails(house, EX_DATAERR, "", "domain", "add", "not a domain")
    house.cli("account", "add", "erin@soup.example", "--password", "x")
    assert house.cli("domain", "remove", "soup.example", check=False).returncode != 0
    house.cli("account", "remove", "erin@soup.example")
    house.cli("domain", "remove", "soup.example")
    fails(house, EX_NOUSER, "soup.example", "domain", "remove", "soup.example")


def test_accounts(house):
    house.cli("account", "add", "carol@crepes.fr", "--password-stdin", "--quota", "1MB",
              input=b"secret words\n")
    one = [a for a in listed(house, "account", "list") if a["account"] == "carol@crepes.fr"][0]
    assert one["enabled"] and one["quota_bytes"] == 1 << 20 or one["quota_bytes"] == 1000000
    fails(house, EX_CANTCREAT, "carol@crepes.fr", "account", "add", "carol@crepes.fr", "--password",
          "x")
    fails(house, EX_NOUSER, "", "account", "add", "carol@nowhere.example", "--password", "x")
    fails(house, EX_DATAERR, "", "account", "add", "carol", "--password", "x")
    house.cli("account", "disable", "carol@crepes.fr")
    one = [a for a in listed(house, "account", "list") if a["account"] == "carol@crepes.fr"][0]
    assert not one["enabled"]
    house.cli("account", "enable", "carol@crepes.fr")
    house.cli("account", "quota", "carol@crepes.fr", "2MB", "10", "50")
    house.cli("account", "administrator", "carol@crepes.fr", "on")
    one = [a for a in listed(house, "account", "list") if a["account"] == "carol@crepes.fr"][0]
    assert one["quota_messages"] == 10 and one["quota_mailboxes"] == 50 and one["administrator"]
    fails(house, EX_DATAERR, "many", "account", "quota", "carol@crepes.fr", "1MB", "10", "many")
    fails(house, EX_DATAERR, "maybe", "account", "administrator", "carol@crepes.fr", "maybe")
    house.cli("account", "password", "carol@crepes.fr", "--password", "other")
    house.cli("account", "remove", "carol@crepes.fr")
    for command in ("remove", "enable", "disable"):
        fails(house, EX_NOUSER, "carol@crepes.fr", "account", command, "carol@crepes.fr")
    assert "carol" not in house.cli("account", "list").stdout.decode()


def test_mailboxes(house):
    alice = "alice@crepes.fr"

    def names():
        return [m["mailbox"] for m in listed(house, "mailbox", "list", alice)]
    house.cli("mailbox", "create", alice, "Projekte/für 2026")
    assert {"INBOX", "Projekte", "Projekte/für 2026"} <= set(names())
    house.cli("mailbox", "create", alice, "Alt", "--use", "junk")
    one = [m for m in listed(house, "mailbox", "list", alice) if m["mailbox"] == "Alt"][0]
    assert one["use"] == "junk" and one["messages"] == 0 and one["uidnext"] == 1
    house.cli("mailbox", "rename", alice, "Projekte", "Work")
    assert "Work/für 2026" in names() and "Projekte" not in names()
    house.cli("mailbox", "acl", alice, "Work", "bob@hamburger.edu", "lrs")
    house.cli("mailbox", "acl", alice, "Work", "bob@hamburger.edu", "+i")
    house.cli("mailbox", "acl", alice, "Work", "-bob@hamburger.edu", "x")
    rights = {r["identifier"]: r["rights"] for r in listed(house, "mailbox", "acl", alice, "Work")}
    assert rights["bob@hamburger.edu"] == "lrsi" and rights[alice].startswith("lrswi")
    house.cli("mailbox", "acl", alice, "Work", "bob@hamburger.edu", "none")
    assert b"\nbob@" not in house.cli("mailbox", "acl", alice, "Work").stdout
    fails(house, EX_CANTCREAT, "Work", "mailbox", "create", alice, "Work")
    fails(house, EX_DATAERR, "", "mailbox", "create", alice, "a//b")
    fails(house, EX_DATAERR, "laundry", "mailbox", "create", alice, "x", "--use", "laundry")
    fails(house, EX_NOUSER, "", "mailbox", "delete", alice, "Nowhere")
    fails(house, EX_NOUSER, "", "mailbox", "list", "nobody@crepes.fr")
    fails(house, EX_DATAERR, "lrQ", "mailbox", "acl", alice, "Work", "bob@hamburger.edu", "lrQ")
    fails(house, EX_DATAERR, "rights", "mailbox", "acl", alice, "Work", "bob@hamburger.edu")
    assert house.cli("mailbox", "delete", alice, "INBOX", check=False).returncode != 0
    for name in ("Work/für 2026", "Work", "Alt"):
        house.cli("mailbox", "delete", alice, name)
    assert "Work" not in names()


def test_aliases(house):
    house.cli("alias", "add", "team@crepes.fr", "alice@crepes.fr", "x@away.example")
    one = [a for a in listed(house, "alias", "list") if a["alias"] == "team@crepes.fr"][0]
    assert one["targets"] == ["alice@crepes.fr", "x@away.example"]
    house.cli("alias", "remove", "team@crepes.fr")
    fails(house, EX_NOUSER, "team@crepes.fr", "alias", "remove", "team@crepes.fr")


def test_queue_check_status_and_compact(house):
    assert listed(house, "queue", "list") == []
    fails(house, EX_NOUSER, "", "queue", "show", "77")
    fails(house, EX_DATAERR, "", "queue", "retry", "seven")
    counted = {c["counter"]: c["value"] for c in listed(house, "check")}
    assert counted["accounts"] == 2 and counted["messages"] == 0
    assert {"counter", "value"} == set(listed(house, "status")[0])
    house.cli("compact")


def test_usage():
    for command, words in (([], b""), (["frobnicate"], b"frobnicate"), (["queue"], b"usage"),
                           (["queue", "list", "--color"], b"--color"), (["alias", "add", "x"], b"usage"),
                           (["account", "add"], b"usage")):
        result = subprocess.run([PROGRAM, *command], capture_output=True, timeout=20)
        assert result.returncode == EX_USAGE and words in result.stderr, (command, result)
    for command in (["version"], ["help"], ["queue", "list", "--help"], ["--version"], ["--help"]):
        result = subprocess.run([PROGRAM, *command], capture_output=True, timeout=20)
        assert result.returncode == 0 and result.stdout, (command, result)


def test_configuration(tmp_path):
    def postern(*command):
        return subprocess.run([PROGRAM, *[str(c) for c in command]], capture_output=True, timeout=20)
    default = postern("config", "default").stdout
    assert b"[smtp]" in default
    (tmp_path / "c").write_bytes(default)
    assert postern("config", "check", tmp_path / "c").returncode == 0
    (tmp_path / "c").write_text('[smtp]\nsize_max = "50MB"\nsize_mx = 3\n')
    bad = postern("config", "check", tmp_path / "c")
    assert bad.returncode != 0 and b"size_mx" in bad.stderr and b"3" in bad.stderr
    shown = postern("config", "show", "--set", "smtp.size_max=1MB", "--config", tmp_path / "none")
    assert shown.returncode != 0 and b"none" in shown.stderr
    (tmp_path / "c").write_text('[smtp]\nsize_max = "9MB"\n')
    assert b"9MB" in postern("config", "show", "--config", tmp_path / "c").stdout


def test_a_folder_that_is_not_there(tmp_path):
    result = subprocess.run([PROGRAM, "account", "list", "--dir", str(tmp_path / "none")],
                            capture_output=True, timeout=20)
    assert result.returncode not in (0, -6, -11) and str(tmp_path / "none") in result.stderr.decode()
    assert not (tmp_path / "none").exists()


def test_setup_makes_a_house_that_serves(tmp_path):
    here = ["--config", tmp_path / "conf", "--dir", tmp_path / "d"]
    for role in ("gate", "keeper", "courier"):  # a test does not make users
        here += ["--set", f'server.{role}_user=""']
    (tmp_path / "conf").write_text("")
    for _ in range(2):  # what is there already is left as it is
        done = subprocess.run([PROGRAM, "setup", "soup.example", "--password", "hungry", *here],
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done
        assert b"MX" in done.stdout and b"soup.example" in done.stdout
    again = subprocess.run([PROGRAM, "account", "list", "--json", *here], capture_output=True,
                           timeout=60)
    assert [a["account"] for a in json.loads(again.stdout)] == ["postmaster@soup.example"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Postern(tmp_path_factory.mktemp("mail") / "data", args=["--domain", "soup.example"]) as p:
        yield p


def count(server, user):
    with Line(server.port("pop3")) as t:
        t.read()
        t.say(f"user {user}")
        assert t.say(f"pass {PASSWORD}").startswith("+OK")
        return int(t.say("stat").split()[1])


def send(server, to, size=100):
    """The reply to RCPT when it refuses, else that to the message."""
    s = smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=20)
    s.ehlo()
    s.mail("x@away.example", [f"SIZE={size}"])
    reply = s.rcpt(to)
    if reply[0] == 250:
        reply = s.data(letter("hi", "x" * 70 + "\n").as_bytes(policy=email.policy.SMTP) +
                       (b"y" * 76 + b"\r\n") * (size // 78))
    s.quit()
    return reply


def test_aliases_sub_addresses_and_catch_all(server):
    server.cli("alias", "add", "team@soup.example", "alice@soup.example", "bob@soup.example")
    server.cli("alias", "add", "nested@soup.example", "team@soup.example", "dave@soup.example")
    server.cli("alias", "add", "loop@soup.example", "loop@soup.example")
    before = {u: count(server, f"{u}@soup.example") for u in ("alice", "bob", "dave")}
    assert send(server, "team@soup.example")[0] == 250
    assert send(server, "nested@soup.example")[0] == 250
    assert send(server, "bob+news@soup.example")[0] == 250
    assert send(server, "BOB@Soup.Example")[0] == 250
    assert send(server, "loop@soup.example")[0] // 100 in (4, 5)
    after = {u: count(server, f"{u}@soup.example") - n for u, n in before.items()}
    assert after == {"alice": 2, "bob": 4, "dave": 1}
    assert send(server, "nobody@soup.example")[0] == 550
    server.cli("alias", "add", "@soup.example", "carol@soup.example")
    carol = count(server, "carol@soup.example")
    assert send(server, "nobody@soup.example")[0] == 250
    assert send(server, "bob@soup.example")[0] == 250  # a name of its own comes first
    assert count(server, "carol@soup.example") == carol + 1
    server.cli("alias", "remove", "@soup.example")
    # A foreign target waits for its way out.
    server.cli("alias", "add", "far@soup.example", "x@[127.0.0.1]")
    assert send(server, "far@soup.example")[0] == 250
    entry = listed(server, "queue", "list")[0]
    assert entry["recipients"][0]["to"] == "x@[127.0.0.1]"
    server.cli("queue", "drop", "all")


def test_quota_refuses_at_the_door(server):
    server.cli("account", "quota", "dave@soup.example", "100KB")
    assert send(server, "dave@soup.example", 90000)[0] == 250
    code, words = send(server, "dave@soup.example", 50000)
    assert code in (452, 552) and b".2.2" in words
    server.cli("account", "quota", "dave@soup.example", "0")
    assert send(server, "dave@soup.example", 50000)[0] == 250
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=20) as s:
        s.ehlo()
        assert s.mail("x@away.example", ["SIZE=999999999"])[0] == 552


def test_a_disabled_account_takes_and_gives_nothing(server):
    server.cli("account", "disable", "dave@soup.example")
    assert send(server, "dave@soup.example")[0] // 100 in (4, 5)
    with Line(server.port("pop3")) as t:
        t.read()
        t.say("user dave@soup.example")
        assert t.say(f"pass {PASSWORD}").startswith("-ERR")
    server.cli("account", "enable", "dave@soup.example")
    assert send(server, "dave@soup.example")[0] == 250


def test_rebuild_finds_all_mail_again(tmp_path):
    with Postern(tmp_path / "d") as p:
        for _ in range(20):
            assert send(p, "bob@hamburger.edu")[0] == 250
        with Line(p.port("imap")) as t:
            t.read()
            t.type("a LOGIN bob@hamburger.edu hungry")
            assert t.read().startswith("a OK")
            fails(p, EX_UNAVAILABLE, "stop the server", "rebuild")
        p.stop()
        shutil.rmtree(os.path.join(p.folder, "tables"))
        p.cli("rebuild")
        assert p.cli("check").returncode == 0
        p.start()
        assert count(p, "bob@hamburger.edu") == 20
        p.stop()
        shutil.rmtree(os.path.join(p.folder, "tables"))
        p.start()  # without being asked, too
        assert count(p, "bob@hamburger.edu") == 20
