# SPDX-License-Identifier: Apache-2.0
"""A real Postfix as the next hop and as the sender, with names from a real DNS server."""

import smtplib

import pytest

from dns_server import DnsServer
from postern import Line, Postern, wait_for
from postfix import Postfix
from test_clients import PASSWORD, letter


@pytest.fixture(scope="module")
def postfix():
    with Postfix("burger.example") as p:
        yield p


@pytest.fixture(scope="module")
def server(tmp_path_factory, postfix):
    folder = tmp_path_factory.mktemp("postfix")
    with DnsServer(folder / "dns", {"burger.example": "@ MX 10 mx\nmx A 127.0.0.1"}) as dns, \
            Postern(folder / "data", args=["--dns", dns.address, "--courier-port",
                                           postfix.port]) as p:
        yield p


def test_mail_goes_out_to_postfix_and_the_dot_stays_a_dot(server, postfix, tls):
    s = smtplib.SMTP("localhost", server.port("submission"), timeout=20)
    s.starttls(context=tls)
    s.login("alice", PASSWORD)
    s.send_message(letter("to Postfix", "one\n.\n..two\nthree\n", to="x@burger.example"))
    s.quit()
    got = wait_for(lambda: b"to Postfix" in postfix.mail() and postfix.mail(), 30, "mail there")
    assert b"one\n.\n..two\nthree\n" in got.replace(b"\r\n", b"\n")
    wait_for(lambda: server.cli("queue", "list").stdout.strip() == b"" or
             b"burger.example" not in server.cli("queue", "list").stdout, 10, "empty queue")


def test_mail_comes_in_from_postfix(server):
    with Postfix("away.example", f"[127.0.0.1]:{server.port('smtp')}") as sender:
        s = smtplib.SMTP("127.0.0.1", sender.port, timeout=20)
        for i in range(20):
            s.send_message(letter(f"from Postfix {i}", sender="x@away.example"))
        s.quit()

        def count():
            with Line(server.port("pop3")) as t:
                t.read()
                t.say("user bob@hamburger.edu")
                t.say("pass hungry")
                n = int(t.say("stat").split()[1])
                t.say("quit")
                return n >= 20
        wait_for(count, 30, "20 messages")


def test_a_recipient_that_postfix_refuses_is_reported_to_the_sender(server, postfix, tls):
    s = smtplib.SMTP("localhost", server.port("submission"), timeout=20)
    s.starttls(context=tls)
    s.login("alice", PASSWORD)
    s.send_message(letter("refused", to="x@nowhere.invalid"), mail_options=["RET=HDRS"])
    s.quit()

    def report():
        with Line(server.port("pop3")) as t:
            t.read()
            t.say("user alice@crepes.fr")
            t.say("pass hungry")
            for n in range(1, int(t.say("stat").split()[1]) + 1):
                t.say(f"retr {n}")
                lines = t.lines_to_dot()
                if any("nowhere.invalid" in line for line in lines):
                    t.say("quit")
                    return lines
            t.say("quit")
        return None
    lines = wait_for(report, 30, "report")
    text = "\n".join(lines)
    assert lines[0] == "Return-Path: <>"
    assert "multipart/report" in text and "Action: failed" in text and "Status: 5.1.2" in text
    assert "Subject: refused" in text
