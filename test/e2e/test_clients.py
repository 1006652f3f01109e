# SPDX-License-Identifier: Apache-2.0
"""Clients that nobody here wrote: libraries of Python, curl, swaks, msmtp, mbsync, getmail,
fetchmail, mutt."""

import email
import imaplib
import mailbox
import os
import poplib
import pty
import select
import signal
import smtplib
import subprocess
import time
from email.message import EmailMessage

import pytest

from postern import wait_for

PASSWORD = "hungry"


def run(*command, input=None, env=None, check=True):
    result = subprocess.run([str(c) for c in command], input=input, capture_output=True, timeout=60,
                            env={**os.environ, **(env or {})})
    if check and result.returncode != 0:
        raise AssertionError(f"{command}: {result.returncode}\n{result.stdout.decode()}\n"
                             f"{result.stderr.decode()}")
    return result


def letter(subject, body="Hello.\n", sender="alice@crepes.fr", to="bob@hamburger.edu"):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = sender, to, subject
    m.set_content(body)
    return m


@pytest.fixture
def imap(server, tls):
    """A session of bob's with an empty INBOX."""
    c = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=20)
    c.starttls(tls)
    c.login("bob@hamburger.edu", PASSWORD)
    c.select("INBOX")
    c.store("1:*", "+FLAGS.SILENT", r"(\Deleted)")
    c.expunge()
    yield c
    c.logout()


def arrived(imap, subject):
    """The UID of the message with that subject, once it is there."""
    def look():
        imap.noop()
        ok, found = imap.uid("SEARCH", "SUBJECT", f'"{subject}"')
        assert ok == "OK"
        return found[0].split()
    return wait_for(look, 20, f"message '{subject}'")[-1].decode()


@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_smtplib_submits(server, tls, imap, service):
    if service == "submissions":
        s = smtplib.SMTP_SSL("localhost", server.port(service), context=tls, timeout=20)
    else:
        s = smtplib.SMTP("localhost", server.port(service), timeout=20)
        s.starttls(context=tls)
    s.login("alice", PASSWORD)
    s.send_message(letter(f"by {service}", "Gr\u00fc\u00dfe\n.a dot\n..two\n"))
    s.quit()
    ok, data = imap.uid("FETCH", arrived(imap, f"by {service}"), "(BODY.PEEK[])")
    assert ok == "OK"
    m = email.message_from_bytes(data[0][1], policy=email.policy.default)
    assert m.get_content().splitlines() == ["Gr\u00fc\u00dfe", ".a dot", "..two"]
    assert m["Date"] and m["Message-ID"]


def test_submission_refuses_strangers_and_foreign_senders(server, tls):
    s = smtplib.SMTP("localhost", server.port("submission"), timeout=20)
    s.ehlo()
    assert s.mail("alice@crepes.fr")[0] == 530
    s.starttls(context=tls)
    with pytest.raises(smtplib.SMTPAuthenticationError):
        s.login("alice", "wrong")
    s.ehlo()
    s.login("alice", PASSWORD)
    code = s.mail("bob@hamburger.edu")[0]
    if code == 250:
        code = s.rcpt("bob@hamburger.edu")[0]
    assert code // 100 == 5
    s.quit()


def test_port_25_relays_for_nobody(server):
    s = smtplib.SMTP("localhost", server.port("smtp"), timeout=20)
    s.helo("x.example")
    s.mail("alice@crepes.fr")
    for to in ("x@elsewhere.example", "x%elsewhere.example@[127.0.0.1]", "@crepes.fr:x@elsewhere.example",
               '"x@elsewhere.example"@other.example', "elsewhere.example!x@other.example"):
        assert s.rcpt(to)[0] // 100 == 5, to
    s.quit()


def test_poplib_reads_everything(server, tls):
    s = smtplib.SMTP("localhost", server.port("smtp"), timeout=20)
    for i in range(3):
        s.send_message(letter(f"pop {i}", to="carol@hamburger.edu")) if i < 0 else \
            s.send_message(letter(f"pop {i}", to="alice@crepes.fr"))
    s.quit()
    p = poplib.POP3("localhost", server.port("pop3"), timeout=20)
    p.stls(tls)
    p.user("alice")
    p.pass_(PASSWORD)
    count, size = p.stat()
    assert count >= 3 and size > 0
    assert len(p.list()[1]) == count
    uidls = [line.split()[1] for line in p.uidl()[1]]
    assert len(set(uidls)) == count
    assert b"" in p.top(count, 0)[1]
    assert any(b"Subject: pop 2" in line for line in p.retr(count)[1])
    p.dele(count)
    p.quit()
    p = poplib.POP3_SSL("localhost", server.port("pop3s"), context=tls, timeout=20)
    p.user("alice@crepes.fr")
    p.pass_(PASSWORD)
    assert [line.split()[1] for line in p.uidl()[1]] == uidls[:-1]
    p.quit()


def test_imaplib_does_the_whole_round(server, imap):
    for i in range(3):
        ok, _ = imap.append("INBOX", r"(\Flagged)" if i == 1 else None,
                            imaplib.Time2Internaldate(time.time()),
                            letter(f"round {i}").as_bytes(policy=email.policy.SMTP))
        assert ok == "OK"
    imap.noop()
    assert imap.search(None, "FLAGGED")[1][0].split() == [b"2"]
    ok, data = imap.fetch("1:3", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)")
    assert ok == "OK" and len(data) == 3
    assert imap.create("Work/2026")[0] == "OK"
    assert imap.copy("1:2", "Work/2026")[0] == "OK"
    ok, data = imap.status("Work/2026", "(MESSAGES UNSEEN UIDNEXT)")
    assert b"MESSAGES 2" in data[0]
    assert imap.rename("Work/2026", "Work/old")[0] == "OK"
    names = b" ".join(imap.list()[1])
    assert b"Work/old" in names and b"INBOX" in names and rb"\Sent" in names
    assert imap.uid("MOVE", "1:*", "Trash")[0] == "OK"
    imap.noop()
    assert imap.search(None, "ALL")[1] == [b""]
    assert imap.delete("Work/old")[0] == "OK"


def test_imaplib_is_woken_by_idle(server, imap):
    tag = imap._new_tag()
    imap.send(tag + b" IDLE\r\n")
    assert imap.readline().startswith(b"+")
    s = smtplib.SMTP("localhost", server.port("smtp"), timeout=20)
    s.send_message(letter("wake up"))
    s.quit()
    line = imap.readline()
    while b"EXISTS" not in line:
        assert line
        line = imap.readline()
    imap.send(b"DONE\r\n")
    while not imap.readline().startswith(tag):
        pass


def test_curl_speaks_all_three(server, imap, tmp_path):
    (tmp_path / "m").write_bytes(letter("by curl").as_bytes(policy=email.policy.SMTP))
    run("curl", "-sS", "--ssl-reqd", "-k", f"smtp://localhost:{server.port('submission')}",
        "--mail-from", "alice@crepes.fr", "--mail-rcpt", "bob@hamburger.edu", "-u",
        f"alice:{PASSWORD}", "-T", tmp_path / "m")
    uid = arrived(imap, "by curl")
    out = run("curl", "-sS", "-k", "-u", f"bob:{PASSWORD}",
              f"imaps://localhost:{server.port('imaps')}/INBOX;UID={uid}").stdout
    assert b"Subject: by curl" in out
    out = run("curl", "-sS", "-k", "-u", f"bob:{PASSWORD}",
              f"pop3s://localhost:{server.port('pop3s')}/").stdout
    assert out.strip()


@pytest.mark.parametrize("extra", [[], ["--pipeline"], ["--tls", "-a", "PLAIN"],
                                   ["--tls", "-a", "LOGIN"]])
def test_swaks_delivers(server, imap, extra):
    subject = "swaks" + "".join(extra).replace("-", "_")
    login = ["-au", "alice", "-ap", PASSWORD] if "-a" in extra else []
    service = "submission" if login else "smtp"
    run("swaks", "--server", "127.0.0.1", "--port", server.port(service), "--from",
        "alice@crepes.fr", "--to", "bob@hamburger.edu", "--h-Subject", subject, *extra, *login)
    arrived(imap, subject)


def test_msmtp_submits(server, imap, tmp_path):
    config = tmp_path / "msmtprc"
    config.write_text(f"account default\nhost localhost\nport {server.port('submission')}\n"
                      f"from alice@crepes.fr\nauth on\nuser alice\npassword {PASSWORD}\n"
                      "tls on\ntls_starttls on\ntls_certcheck off\n")
    config.chmod(0o600)
    run("msmtp", "-C", config, "bob@hamburger.edu", input=bytes(letter("by msmtp")))
    arrived(imap, "by msmtp")


def test_mbsync_keeps_both_sides_equal(server, imap, tmp_path):
    for i in range(5):
        imap.append("INBOX", None, None, letter(f"sync {i}").as_bytes(policy=email.policy.SMTP))
    (tmp_path / "mail").mkdir()
    config = tmp_path / "mbsyncrc"
    config.write_text(
        f"IMAPStore far\nHost localhost\nPort {server.port('imap')}\nUser bob\nPass {PASSWORD}\n"
        "SSLType None\nAuthMechs LOGIN\nTimeout 20\n\n"
        f"MaildirStore near\nPath {tmp_path}/mail/\nInbox {tmp_path}/mail/INBOX\nSubFolders Verbatim\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns INBOX Sent\nCreate Both\nExpunge Both\n"
        f"SyncState {tmp_path}/state-\n")
    run("mbsync", "-c", config, "-a")
    near = mailbox.Maildir(tmp_path / "mail/INBOX")
    assert len(near) == 5
    near.add(letter("from here").as_bytes(policy=email.policy.SMTP))
    for key in list(near.keys()):
        if near[key]["Subject"] == "sync 0":
            m = near[key]
            m.add_flag("T")
            near[key] = m
    run("mbsync", "-c", config, "-a")
    arrived(imap, "from here")
    imap.noop()
    assert len(imap.search(None, "ALL")[1][0].split()) == 5
    assert run("mbsync", "-c", config, "-a").returncode == 0


def test_getmail_fetches(server, imap, tmp_path):
    imap.append("INBOX", None, None, letter("for getmail").as_bytes(policy=email.policy.SMTP))
    (tmp_path / "box").write_bytes(b"")
    (tmp_path / "rc").write_text(
        f"[retriever]\ntype = SimplePOP3Retriever\nserver = localhost\nport = {server.port('pop3')}\n"
        f"username = bob\npassword = {PASSWORD}\n"
        # Its own mailbox writers refuse to run as root, as which the tests may run.
        "[destination]\ntype = MDA_external\npath = /bin/sh\nallow_root_commands = true\n"
        f"arguments = ('-c', 'cat >> {tmp_path}/box')\n"
        "[options]\ndelete = true\nread_all = true\n")
    run("getmail", "--getmaildir", tmp_path, "--rcfile", "rc")
    assert b"for getmail" in (tmp_path / "box").read_bytes()
    imap.noop()
    assert imap.search(None, "ALL")[1] == [b""]


@pytest.mark.parametrize("protocol", ["pop3", "imap"])
def test_fetchmail_fetches(server, imap, tmp_path, protocol):
    imap.append("INBOX", None, None, letter("for fetchmail").as_bytes(policy=email.policy.SMTP))
    config = tmp_path / "rc"
    config.write_text(f"poll localhost protocol {protocol} port {server.port(protocol)}\n"
                      f" user bob password {PASSWORD} sslproto ''\n fetchall\n"
                      f' mda "cat >> {tmp_path}/got"\n')
    config.chmod(0o600)
    run("fetchmail", "-f", config, "--pidfile", tmp_path / "pid", "--nosyslog", "-N",
        env={"FETCHMAILHOME": str(tmp_path)})
    assert b"for fetchmail" in (tmp_path / "got").read_bytes()


def at_terminal(*command, env):
    """Runs a full-screen program at a terminal of its own and returns what it showed."""
    pid, screen = pty.fork()
    if pid == 0:
        os.execvpe(command[0], [str(c) for c in command], {**os.environ, **env})
    shown, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([screen], [], [], 0.1)[0]:
            continue
        try:
            shown += os.read(screen, 65536)
        except OSError:  # the other end of a terminal is gone: the program has ended
            break
    else:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(screen)
    return shown.decode(errors="replace")


def test_mutt_reads_over_imap(server, imap, tmp_path):
    imap.append("INBOX", None, None,
                letter("for mutt", "read me\n").as_bytes(policy=email.policy.SMTP))
    (tmp_path / "muttrc").write_text(
        f"set spoolfile=imap://bob@localhost:{server.port('imap')}/INBOX\n"
        f"set folder=imap://bob@localhost:{server.port('imap')}/\n"
        f"set imap_user=bob\nset imap_pass={PASSWORD}\nset ssl_starttls=no\nset ssl_force_tls=no\n"
        f"set header_cache=\nset record=\nset move=no\nset mbox_type=mbox\nset confirmappend=no\n"
        "set confirmcreate=no\nset quit=yes\nset delete=yes\n")
    shown = at_terminal(
        "mutt", "-n", "-F", tmp_path / "muttrc", "-e",
        f'push "<copy-message><kill-line>{tmp_path}/copy<enter><delete-message><quit>"',
        env={"TERM": "xterm", "HOME": str(tmp_path)})
    assert "for mutt" in shown
    assert b"read me" in (tmp_path / "copy").read_bytes(), shown
    imap.noop()
    assert imap.search(None, "DELETED")[1] != [b""] or imap.search(None, "ALL")[1] == [b""]
