# SPDX-License-Identifier: Apache-2.0
"""The way out: MX records of a real DNS server, peers that misbehave in every phase, and what
`postern queue` shows and does."""

import email.policy
import json
import smtplib

import pytest

from dns_server import DnsServer
from postern import Line, Postern, wait_for
from smtp_peer import Peer
from test_clients import PASSWORD, letter

ZONE = """@ MX 10 mx
mx A 127.0.0.1
null MX 0 .
bare A 127.0.0.1
alias CNAME bare
dead MX 10 gone
many MX 10 gone
many MX 20 mx
"""


def submit(server, tls, to, subject="out", options=(), rcpt_options=()):
    s = smtplib.SMTP("localhost", server.port("submission"), timeout=20)
    s.starttls(context=tls)
    s.login("alice", PASSWORD)
    s.ehlo()
    # Said by hand: the library does not know addresses such as x@[127.0.0.1].
    assert s.docmd("MAIL", " ".join(["FROM:<alice@crepes.fr>", *options]))[0] == 250
    assert s.docmd("RCPT", " ".join([f"TO:<{to}>", *rcpt_options]))[0] == 250
    octets = letter(subject, to=to).as_bytes(policy=email.policy.SMTP)
    assert s.data(octets)[0] == 250
    s.quit()


def reports(server):
    """The texts of the reports in alice's mailbox, which is emptied."""
    found = []
    with Line(server.port("pop3")) as t:
        t.read()
        t.say("user alice@crepes.fr")
        t.say("pass hungry")
        for n in range(1, int(t.say("stat").split()[1]) + 1):
            t.say(f"retr {n}")
            found.append("\n".join(t.lines_to_dot()))
            t.say(f"dele {n}")
        t.say("quit")
    return found


def queue(server):
    return json.loads(server.cli("queue", "list", "--json").stdout)


class Out:
    """A server whose courier speaks to `peer`."""

    def __init__(self, folder, script=None):
        self.peer = Peer(script)
        self.dns = DnsServer(folder / "dns", {"away.example": ZONE})
        self.server = Postern(folder / "data", args=["--dns", self.dns.address, "--courier-port",
                                                     self.peer.port])

    def __enter__(self):
        self.dns.start()
        self.server.start()
        return self

    def __exit__(self, *args):
        self.server.__exit__(*args)
        self.dns.stop()
        self.peer.close()


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    with Out(tmp_path_factory.mktemp("good")) as out:
        yield out


@pytest.mark.parametrize("domain", ["away.example", "bare.away.example", "alias.away.example",
                                    "many.away.example", "[127.0.0.1]"])
def test_every_kind_of_domain_is_reached(good, tls, domain):
    before = len(good.peer.messages)
    submit(good.server, tls, f"x@{domain}", f"for {domain}")
    wait_for(lambda: len(good.peer.messages) > before, 30, "message")
    envelope, octets = good.peer.messages[-1]
    assert f"RCPT TO:<x@{domain}>" in envelope[-2] + envelope[-1] + envelope[1]
    assert f"Subject: for {domain}".encode() in octets
    wait_for(lambda: not queue(good.server), 10, "empty queue")


@pytest.mark.parametrize("domain,status", [("null.away.example", "5.1.10"),
                                           ("nothere.away.example", "5.1.2"),
                                           ("dead.away.example", "5.4.4")])
def test_domains_without_mail_are_reported_at_once(good, tls, domain, status):
    submit(good.server, tls, f"x@{domain}")
    text = wait_for(lambda: reports(good.server), 30, "report")[0]
    assert f"Status: {status}" in text and "Action: failed" in text
    assert not queue(good.server)


def test_success_is_reported_when_asked(good, tls):
    submit(good.server, tls, "x@away.example", rcpt_options=["NOTIFY=SUCCESS"])
    text = wait_for(lambda: reports(good.server), 30, "report")[0]
    assert "Action: relayed" in text


def test_local_success_is_reported_when_asked(good, tls):
    submit(good.server, tls, "bob@hamburger.edu", rcpt_options=["NOTIFY=SUCCESS"])
    text = wait_for(lambda: reports(good.server), 30, "report")[0]
    assert "Action: delivered" in text and "bob@hamburger.edu" in text


def test_never_means_never(good, tls):
    submit(good.server, tls, "x@null.away.example", rcpt_options=["NOTIFY=NEVER"])
    wait_for(lambda: not queue(good.server), 30, "empty queue")
    assert reports(good.server) == []


FAILS = [(phase, reply) for phase in ("mail", "rcpt", "data", "dot")
         for reply in ("550 5.7.1 no", "554 no")]
WAITS = [(phase, reply) for phase in ("banner", "ehlo", "mail", "rcpt", "data", "dot")
         for reply in ("451 4.3.0 later", "close", "421 leaving", b"\x00\xff nonsense\r\n")
         ] + [("banner", "554 go away")]


@pytest.mark.parametrize("phase,reply", FAILS)
def test_a_refusal_is_reported_once(tmp_path, tls, phase, reply):
    with Out(tmp_path, {phase: reply}) as out:
        submit(out.server, tls, "x@away.example")
        text = wait_for(lambda: reports(out.server), 30, "report")
        assert len(text) == 1 and "Action: failed" in text[0]
        assert not queue(out.server) and not out.peer.messages


def test_everything_else_waits_and_arrives_in_the_end(tmp_path, tls):
    """One server, one peer whose mood changes: after each trouble the message still waits, with
    the reason on show; when the peer is well again, retry sends all of them, once."""
    with Out(tmp_path) as out:
        for number, (phase, reply) in enumerate(WAITS):
            out.peer.script[phase] = reply
            submit(out.server, tls, "x@away.example", f"number {number}")

            def waiting():
                entries = [e for e in queue(out.server) if e["recipients"][0]["attempts"] > 0]
                return len(entries) == number + 1
            # A destination that could not be reached is left alone for a while: ask for it.
            out.server.cli("queue", "retry", "all")
            wait_for(waiting, 30, f"{phase}: {reply}")
            assert out.peer.reached[phase] > 0, f"{phase}: was not tried"
            out.peer.reached.clear()
            out.peer.script[phase] = Peer.GOOD[phase]
            out.server.cli("queue", "hold", "all")
        assert not out.peer.messages and not reports(out.server)
        out.server.cli("queue", "release", "all")
        out.server.cli("queue", "retry", "all")
        wait_for(lambda: not queue(out.server) or out.server.cli("queue", "retry", "all") is None,
                 120, "everything sent")
        subjects = sorted(o.split(b"Subject: ")[1].split(b"\r\n")[0] for _, o in out.peer.messages)
        assert subjects == sorted(f"number {n}".encode() for n in range(len(WAITS)))


def test_the_queue_can_be_seen_and_steered(tmp_path, tls):
    with Out(tmp_path, {"rcpt": "451 4.2.1 not today"}) as out:
        submit(out.server, tls, "x@away.example")
        entry = wait_for(lambda: [e for e in queue(out.server)
                                  if e["recipients"][0]["attempts"] > 0], 30, "attempt")[0]
        assert "not today" in entry["recipients"][0]["last_reply"]
        shown = out.server.cli("queue", "show", entry["id"]).stdout
        assert b"not today" in shown and b"x@away.example" in shown
        out.server.cli("queue", "hold", entry["id"])
        assert queue(out.server)[0]["held"]
        out.server.cli("queue", "release", entry["id"])
        out.server.cli("queue", "drop", entry["id"])
        assert queue(out.server) == []
        assert out.server.cli("queue", "drop", entry["id"], check=False).returncode != 0


def test_mail_in_the_queue_survives_kill_and_restart(tmp_path, tls):
    with Out(tmp_path, {"banner": "close"}) as out:
        for n in range(10):
            submit(out.server, tls, "x@away.example", f"survivor {n}")
        out.server.kill_all()
        out.peer.script["banner"] = Peer.GOOD["banner"]
        out.server.start()
        out.server.cli("queue", "retry", "all")
        wait_for(lambda: len(out.peer.messages) == 10, 60, "ten messages")
