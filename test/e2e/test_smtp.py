# SPDX-License-Identifier: Apache-2.0
"""SMTP and POP3 at the real socket: what must be refused, what must be borne, large mail in bounded
memory, and encryption."""

import email.policy
import imaplib
import os
import poplib
import smtplib
import socket
import ssl
import time

import pytest

from postern import Line, Postern, wait_for
from test_clients import PASSWORD, letter

MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Postern(tmp_path_factory.mktemp("smtp") / "data",
                 args=["--set", 'smtp.idle_max="3s"', "--set", 'auth.failure_delay="0s"'],
                 # Memory is measured below: what is freed shall be free.
                 env={"ASAN_OPTIONS": "quarantine_size_mb=1"}) as p:
        yield p


def count(server, user="bob@hamburger.edu"):
    with Line(server.port("pop3")) as t:
        t.read()
        t.say(f"user {user}")
        assert t.say(f"pass {PASSWORD}").startswith("+OK")
        n = int(t.say("stat").split()[1])
        t.say("quit")
        return n


def to_data(server, rcpts=("bob@hamburger.edu",)):
    """A conversation that has come as far as 354."""
    t = Line(server.port("smtp"))
    t.reply()
    t.say("EHLO x.example")
    assert t.say("MAIL FROM:<x@away.example>").startswith("250")
    for rcpt in rcpts:
        assert t.say(f"RCPT TO:<{rcpt}>").startswith("250")
    assert t.say("DATA").startswith("354")
    return t


SMUGGLED = b"\r\nMAIL FROM:<evil@away.example>\r\nRCPT TO:<bob@hamburger.edu>\r\nDATA\r\nSubject: smuggled\r\n\r\n\r\n.\r\n"


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n", b"\r\n.\r", b"\r.\r\n",
                                 b"\r\n\0.\r\n", b"\r\r\n.\r\r\n"])
def test_no_other_end_of_data_is_one(server, end):
    before = count(server)
    with to_data(server) as t:
        t.raw(b"Subject: outer\r\n\r\nhello" + end + SMUGGLED)
        code = t.reply()[:3]
        t.socket.shutdown(socket.SHUT_WR)
        said = t.rest()
    # At most the one message came, whatever stood in it, and no second one was answered for.
    assert code in ("250", "500", "550", "554", "521"), code
    assert said.count(b"\n250 2.0.0") + said.startswith(b"250 2.0.0") == 0, said
    assert count(server) - before == (code == "250")
    if b"\0" not in end:
        assert code != "250", "a bare CR or LF was taken"


def test_bare_newlines_are_refused_wherever_they_stand(server):
    before = count(server)
    for octets in (b"one\ntwo\r\n", b"one\rtwo\r\n", b"\n\r\n", b"end\n", b"end\r"):
        with to_data(server) as t:
            t.raw(b"Subject: bare\r\n\r\n" + octets + b"\r\n.\r\n")
            assert t.reply()[0] == "5", octets
    assert count(server) == before


def test_nul_and_8_bit(server):
    before = count(server)
    with to_data(server) as t:  # octets of a message are kept as they are, or it is refused
        t.raw(b"Subject: nul\r\n\r\na\0b \xff\xfe\r\n.\r\n")
        code = t.reply()
        assert code[:3] in ("250", "550", "554")
    assert count(server) - before == (code[:3] == "250")
    with Line(server.port("smtp")) as t:
        t.reply()
        t.raw(b"HELO \0\r\n")
        assert t.reply()[0] == "5"
        t.raw(b"EHLO x.example\r\n")
        assert t.reply().startswith("250")
        t.raw("MAIL FROM:<\u00e9@away.example>\r\n".encode())
        assert t.reply()[0] == "5"
        t.raw(b"MAIL FROM:<x\xff@away.example> SMTPUTF8\r\n")
        assert t.reply()[0] == "5"
        t.raw("MAIL FROM:<\u00e9@away.example> SMTPUTF8\r\n".encode())
        assert t.reply()[:3] == "250"


def test_a_thousand_recipients_and_no_more(server):
    with Line(server.port("smtp"), seconds=60) as t:
        t.reply()
        t.say("EHLO x.example")
        t.say("MAIL FROM:<x@away.example>")
        t.raw(b"".join(b"RCPT TO:<bob+%d@hamburger.edu>\r\n" % i for i in range(1001)))
        replies = [t.reply()[:3] for _ in range(1001)]
        assert replies == ["250"] * 1000 + ["452"]
        before = count(server)
        t.type("DATA")
        assert t.reply().startswith("354")
        t.raw(b"Subject: to many\r\n\r\n.\r\n")
        assert t.reply().startswith("250")
        t.say("QUIT")
    assert count(server) - before in (1, 1000)


def hwm(server, role):
    """The most memory that a process of this role ever had, in octets."""
    most = 0
    for pid in server.role_pids(role):
        with open(f"/proc/{pid}/status") as f:
            most = max(most, *(int(line.split()[1]) * 1024 for line in f
                               if line.startswith("VmHWM")))
    return most


def send_until_refused(t, piece, most):
    """Sends until the peer has enough; the octets that it took."""
    sent = 0
    try:
        while sent < most:
            t.raw(piece)
            sent += len(piece)
    except (ConnectionError, TimeoutError):
        pass
    return sent


def test_lines_that_do_not_end_grow_no_memory(server):
    before = hwm(server, "gate")
    with Line(server.port("smtp")) as t:
        t.reply()
        send_until_refused(t, b"x" * 65536, 64 * MIB)
        t.raw(b"\r\n")
        assert t.reply()[:3] in ("500", "421")
    with Line(server.port("pop3")) as t:
        t.read()
        send_until_refused(t, b"x" * 65536, 64 * MIB)
        try:
            t.raw(b"\r\n")
            assert t.read().startswith("-ERR")
        except ConnectionError:
            pass
    with to_data(server) as t:  # one header line longer than any message may be
        send_until_refused(t, b"X-Long: " + b"x" * 65536, 70 * MIB)
        try:
            t.raw(b"\r\n\r\n.\r\n")
            assert t.reply()[:3] in ("552", "554", "500")
        except ConnectionError:
            pass
    assert hwm(server, "gate") - before < 24 * MIB


def test_slow_and_silent_peers_are_let_go(server):
    with Line(server.port("smtp")) as t:
        assert t.reply().startswith("220")
        began = time.monotonic()
        assert b"421" in t.rest()
        assert 2 < time.monotonic() - began < 10
    with Line(server.port("smtp")) as t:  # an octet now and then keeps nobody for ever
        t.reply()
        t.socket.settimeout(0.5)
        said = None
        for _ in range(30):
            t.raw(b"N")
            try:
                said = t.socket.recv(100)
                break
            except TimeoutError:
                pass
        assert said is not None and said.startswith(b"421"), said


def test_forty_megabytes_in_and_out(server, tls):
    """Random, so that nothing shrinks on its way; the same octets come out by both doors."""
    lines = [os.urandom(57).hex() for _ in range(1000)]
    body = ("\r\n".join(lines) + "\r\n").encode() * (40 * MIB // 116000)
    octets = letter("large").as_bytes(policy=email.policy.SMTP) + body
    assert len(octets) > 40 * 1000 * 1000
    s = smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60)
    s.ehlo()
    s.mail("x@away.example", [f"SIZE={len(octets)}"])
    s.rcpt("alice@crepes.fr")
    assert s.data(octets)[0] == 250
    s.quit()
    after_in = hwm(server, "gate")
    p = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=60)
    p.user("alice@crepes.fr")
    p.pass_(PASSWORD)
    assert b"\r\n".join(p.retr(1)[1]).endswith(body.rstrip())
    p.quit()
    c = imaplib.IMAP4_SSL("127.0.0.1", server.port("imaps"), ssl_context=tls, timeout=60)
    c.login("alice@crepes.fr", PASSWORD)
    c.select()
    got = c.fetch("1", "(BODY.PEEK[])")[1][0][1]
    assert got.endswith(body)
    assert hwm(server, "gate") - after_in < 32 * MIB, "reading is bounded by the page"
    assert c.append("Trash", None, None, got)[0] == "OK"
    c.logout()
    # Sealing looks at the message as a whole, once: no more than a few times its size.
    assert hwm(server, "gate") < 5 * len(octets)
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60) as s:
        s.ehlo()
        s.mail("x@away.example")
        s.rcpt("alice@crepes.fr")
        assert s.data(octets + body[: 20 * MIB])[0] == 552


def test_what_follows_starttls_in_the_clear_is_dropped(server, tls):
    for service, before, command, injected in (
            ("smtp", ["EHLO x.example"], b"STARTTLS\r\n", b"HELO injected\r\nMAIL FROM:<e@away.example>\r\n"),
            ("pop3", [], b"STLS\r\n", b"USER injected\r\n"),
            ("imap", [], b"a STARTTLS\r\n", b"b LOGIN injected injected\r\nc NOOP\r\n")):
        s = socket.create_connection(("127.0.0.1", server.port(service)), 20)
        f = s.makefile("rb", buffering=0)
        f.readline()
        for line in before:
            s.sendall(line.encode() + b"\r\n")
            while f.readline()[3:4] == b"-":
                pass
        s.sendall(command + injected)
        try:
            assert f.readline()[:1] in (b"2", b"+", b"a")
            t = tls.wrap_socket(s, server_hostname="localhost")
        except (ssl.SSLError, OSError):
            continue  # to end it all is right, too
        t.settimeout(1)
        try:
            said = t.recv(1000)
        except TimeoutError:
            said = b""
        assert said == b"", (service, said)
        t.sendall(b"RCPT TO:<bob@hamburger.edu>\r\n" if service == "smtp" else
                  b"PASS hungry\r\n" if service == "pop3" else b"d SELECT INBOX\r\n")
        assert t.recv(1000).split()[0 if service != "imap" else 1] in (b"503", b"-ERR", b"BAD", b"NO")
        t.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls(server, tls, version):
    tls.minimum_version = tls.maximum_version = version
    for service in ("submissions", "pop3s", "imaps"):
        with Line(server.port(service), tls=tls) as t:
            assert t.read()[:1] in "2+*"
            assert t.socket.version() == version.name.replace("_", ".")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(server, tls):
    tls.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    tls.maximum_version = ssl.TLSVersion.TLSv1_1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Line(server.port("imaps"), tls=tls)


def certificate(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.port("imaps")), 20) as s, \
            context.wrap_socket(s) as t:
        return t.getpeercert(binary_form=True)


def test_the_certificate_stays_over_a_restart(tmp_path):
    with Postern(tmp_path / "d") as p:
        first = certificate(p)
        p.stop()
        p.start()
        assert certificate(p) == first


def test_a_restart_of_each_role_under_clients(tmp_path):
    """Who is connected is told or lives on; who comes again is served."""
    with Postern(tmp_path / "d") as p:
        for role in ("courier", "keeper", "gate"):
            c = imaplib.IMAP4("127.0.0.1", p.port("imap"), timeout=20)
            c.login("bob@hamburger.edu", PASSWORD)
            c.select()
            tag = c._new_tag()
            c.send(tag + b" IDLE\r\n")
            assert c.readline().startswith(b"+")
            old = p.role_pids(role)
            for pid in old:
                os.kill(pid, 9)
            wait_for(lambda: len(p.role_pids(role)) == len(old) and
                     not set(old) & set(p.role_pids(role)), 10, f"a new {role}")
            if role == "courier":
                c.send(b"DONE\r\n")
                assert c.readline().startswith(tag + b" OK")
                c.logout()
            else:
                try:
                    said = c.readline()
                except OSError:
                    said = b""
                assert said == b"" or said.startswith(b"* BYE"), said
                c.shutdown()

            def again():
                try:
                    with imaplib.IMAP4("127.0.0.1", p.port("imap"), timeout=5) as d:
                        d.login("bob@hamburger.edu", PASSWORD)
                        return d.select()[0] == "OK"
                except (OSError, imaplib.IMAP4.error):
                    return False
            wait_for(again, 10, f"service after the end of {role}")
