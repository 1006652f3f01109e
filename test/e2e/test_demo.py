# SPDX-License-Identifier: Apache-2.0
"""`postern demo` as a person meets it: the two textbook dialogues, restart, two side by side."""

import os

from postern import Line, Postern, free_offset, wait_for


def send_ketchup(server, host="127.0.0.1"):
    with Line(server.port("smtp"), host) as t:
        assert t.reply().startswith("220 ")
        assert t.say("HELO crepes.fr").startswith("250 ")
        assert t.say("MAIL FROM: <alice@crepes.fr>").startswith("250 ")
        assert t.say("RCPT TO: <bob@hamburger.edu>").startswith("250 ")
        assert t.say("DATA").startswith("354 ")
        t.type("Do you like ketchup?")
        t.type("How about pickles?")
        assert t.say(".").startswith("250 ")
        assert t.say("QUIT").startswith("221 ")
        assert t.rest() == b""


def test_the_textbook_dialogues_work_by_hand(tmp_path):
    with Postern(tmp_path / "d") as server:
        send_ketchup(server)
        send_ketchup(server, "::1")
        with Line(server.port("pop3")) as t:
            assert t.read().startswith("+OK")
            assert t.say("user bob").startswith("+OK")
            assert t.say("pass hungry").startswith("+OK")
            assert t.say("list").startswith("+OK")
            assert [line.split()[0] for line in t.lines_to_dot()] == ["1", "2"]
            for n in ("1", "2"):
                assert t.say(f"retr {n}").startswith("+OK")
                lines = t.lines_to_dot()
                assert lines[-2:] == ["Do you like ketchup?", "How about pickles?"]
                assert lines[0] == "Return-Path: <alice@crepes.fr>"
                assert any(line.startswith("Received: from crepes.fr") for line in lines)
                assert t.say(f"dele {n}").startswith("+OK")
            assert t.say("quit").startswith("+OK")
        with Line(server.port("pop3")) as t:
            t.read()
            t.say("user bob@hamburger.edu")
            t.say("pass hungry")
            assert t.say("stat") == "+OK 0 0"
            t.say("quit")


def test_the_greeting_names_ports_accounts_and_a_dialogue(tmp_path):
    with Postern(tmp_path / "d") as server:
        for words in ("alice@crepes.fr", "bob@hamburger.edu", "hungry", "MAIL FROM", "RCPT TO",
                      str(server.port("smtp")), str(server.port("submissions")),
                      str(server.port("pop3")), str(server.port("imap")),
                      str(server.port("imaps"))):
            assert words in server.greeting, words


def test_sigterm_stops_cleanly_and_a_second_start_finds_the_mail(tmp_path):
    server = Postern(tmp_path / "d")
    with server:
        send_ketchup(server)
    assert server.start().stop() == 0
    with server:
        with Line(server.port("pop3")) as t:
            t.read()
            t.say("user bob")
            assert t.say("pass hungry").startswith("+OK")
            assert t.say("stat").startswith("+OK 1 ")
            t.say("quit")


def test_two_demos_run_side_by_side(tmp_path):
    with Postern(tmp_path / "one") as one:
        other = free_offset()
        with Postern(tmp_path / "two", other) as two:
            send_ketchup(one)
            for server, count in ((one, "1"), (two, "0")):
                with Line(server.port("pop3")) as t:
                    t.read()
                    t.say("user bob")
                    t.say("pass hungry")
                    assert t.say("stat").split()[1] == count
                    t.say("quit")


def test_more_domains_and_another_host_name(tmp_path):
    with Postern(tmp_path / "d", args=["--host", "mx.crepes.fr", "--domain", "burger.example",
                                       "--domain", "soup.example"]) as server:
        with Line(server.port("smtp")) as t:
            assert t.reply().startswith("220 mx.crepes.fr")
            t.say("HELO x.example")
            t.say("MAIL FROM:<alice@crepes.fr>")
            for name in ("alice", "bob", "carol", "dave"):
                for domain in ("burger.example", "soup.example"):
                    assert t.say(f"RCPT TO:<{name}@{domain}>").startswith("250 ")
            assert t.say("RCPT TO:<erin@soup.example>").startswith("550 ")
            assert t.say("RCPT TO:<Postmaster>").startswith("250 ")
            assert t.say("RCPT TO:<postmaster@soup.example>").startswith("250 ")
            t.say("QUIT")
        with Line(server.port("pop3")) as t:
            t.read()
            t.say("user carol")  # two accounts have that name: which one is meant?
            assert t.say("pass hungry").startswith("-ERR")
            t.say("quit")


def test_roles_are_processes_and_one_process_is_possible(tmp_path):
    with Postern(tmp_path / "d") as server:
        names = [name for _, name in server.roles()]
        assert sum("gate" in n for n in names) == os.cpu_count()
        assert sum("keeper" in n for n in names) == 1
        assert sum("courier" in n for n in names) == 1
    with Postern(tmp_path / "one", args=["--one-process"]) as server:
        assert server.roles() == []
        send_ketchup(server)


def test_a_dir_in_use_is_refused_with_words(tmp_path):
    with Postern(tmp_path / "d") as server:
        second = Postern(tmp_path / "d", free_offset())
        try:
            second.start()
            raise AssertionError("two servers on one folder")
        except AssertionError as e:
            assert "demo ended with" in str(e)
            wait_for(lambda: "in use" in second.log_text(), 5, "words about it")
        send_ketchup(server)
