#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stores that earlier programs wrote, kept to be opened by every later one.

  test/e2e/saved_store.py NAME     writes test/corpus/NAME.tar.xz and NAME.json with POSTERN's program

NAME.json is what a reader must find in it: `seen` of the store as it was when it was written. Run it
before a change of what is on disk, never again for the same name."""

import hashlib
import imaplib
import json
import os
import re
import smtplib
import sys
import tarfile
import tempfile

from postern import Postern, wait_for

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../corpus")
PASSWORD = "hungry"
# Not part of what a store is: notes of the engine, and what the demonstration makes anew.
USELESS = re.compile(r"/(LOG.*|LOCK|.*\.pem)$")
ACCOUNTS = ("alice@crepes.fr", "bob@hamburger.edu")


def ok(answer):
    status, data = answer
    assert status == "OK", answer
    return data


def seen_by(server, account):
    """Everything that IMAP shows of an account: names, numbers, flags, dates, octets."""
    found = {}
    with imaplib.IMAP4("127.0.0.1", server.port("imap")) as imap:
        ok(imap.login(account, PASSWORD))
        subscribed = [line.decode().split(' "/" ')[1] for line in ok(imap.lsub()) if line]
        for line in ok(imap.list()):
            name = line.decode().split(' "/" ')[1]
            ok(imap.select(name, readonly=True))
            box = {"subscribed": name in subscribed,
                   "uidvalidity": int(imap.untagged_responses["UIDVALIDITY"][-1]),
                   "uidnext": int(imap.untagged_responses["UIDNEXT"][-1]), "messages": []}
            uids = ok(imap.uid("search", "ALL"))[0].split()
            for uid in uids:
                (head, octets), rest = ok(imap.uid(
                    "fetch", uid.decode(), "(FLAGS INTERNALDATE MODSEQ EMAILID THREADID ENVELOPE BODY.PEEK[])"))[:2]
                words = head.decode().split(" ", 1)[1].rsplit(" BODY[", 1)[0]
                box["messages"].append({"row": sorted_flags(words),
                                        "sha256": hashlib.sha256(octets).hexdigest()})
            found[name] = box
    return found


def sorted_flags(row):
    """The row with its flags in order, which means nothing, and without \\Recent, which passes."""
    before, rest = row.split("FLAGS (", 1)
    flags, after = rest.split(")", 1)
    return f"{before}FLAGS ({' '.join(sorted(set(flags.split()) - {chr(92) + 'Recent'}))}){after}"


def seen(server):
    queued = [[entry["from"], entry["size"], entry["held"], [to["to"] for to in entry["recipients"]]]
              for entry in json.loads(server.cli("queue", "list", "--json").stdout)]
    return {"accounts": {account: seen_by(server, account) for account in ACCOUNTS},
            "aliases": json.loads(server.cli("alias", "list", "--json").stdout),
            "queue": queued}


def letter(n, text):
    return (f"From: =?utf-8?q?Alic=C3=A9?= <alice@crepes.fr>\r\nTo: bob@hamburger.edu\r\n"
            f"Subject: lunch {n}\r\nDate: Sun, {n + 1:02} Nov 2026 12:00:00 +0100\r\n"
            f"Message-ID: <lunch-{n}@crepes.fr>\r\n" +
            (f"References: <lunch-{n - 1}@crepes.fr>\r\n" if n else "") +
            f"\r\n{text}\r\n").encode()


def fill(server):
    """Mail of every kind that leaves something of its own in the tables."""
    with smtplib.SMTP("127.0.0.1", server.port("smtp")) as smtp:
        for n in range(12):
            smtp.sendmail("alice@crepes.fr", ["bob@hamburger.edu", "bob+news@hamburger.edu"],
                          letter(n, "ketchup and pickles " * (n * 200)))
    server.cli("alias", "add", "kitchen@crepes.fr", "alice@crepes.fr", "bob@hamburger.edu")
    with smtplib.SMTP("127.0.0.1", server.port("submission")) as smtp:
        smtp.starttls()
        smtp.login("alice@crepes.fr", PASSWORD)
        smtp.sendmail("alice@crepes.fr", ["carol@elsewhere.example", "kitchen@crepes.fr"],
                      letter(20, "for others"))
    # Held, or it would be given up by the time somebody reads this.
    wait_for(lambda: b"1 changed" in server.cli("queue", "hold", "all").stdout, what="hold")
    with imaplib.IMAP4("127.0.0.1", server.port("imap")) as imap:
        ok(imap.login("bob@hamburger.edu", PASSWORD))
        for name in ("Archive/2026", "Gone", '"R&AOk-sum&AOk-"', "Old"):
            ok(imap.create(name))
        ok(imap.subscribe("Archive/2026"))
        ok(imap.select("INBOX"))
        ok(imap.store("1:3", "+FLAGS", "(\\Seen $Forwarded recipe)"))
        ok(imap.store("2", "+FLAGS", "(\\Flagged)"))
        ok(imap.copy("1:5", "Archive/2026"))
        ok(imap.uid("move", "6:7", "Gone"))
        ok(imap.store("8", "+FLAGS", "(\\Deleted)"))
        ok(imap.expunge())
        ok(imap.append('"R&AOk-sum&AOk-"', "(\\Draft)", '"07-Jul-1996 02:44:25 -0700"',
                       b"From: bob@hamburger.edu\r\nSubject: draft\r\n\r\n" + b"x" * 300000))
        ok(imap.close())
        ok(imap.delete("Gone"))
        ok(imap.rename("Old", "Archive/Older"))


def main():
    name = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "store")
        # The DNS server is one that does not answer, so that what goes out stays in the queue.
        with Postern(data, args=["--dns", "127.0.0.1:9"]) as server:
            fill(server)
            found = seen(server)
        with tarfile.open(os.path.join(CORPUS, name + ".tar.xz"), "w:xz") as archive:
            archive.add(data, "store", filter=lambda f: None if USELESS.search(f.name) else f)
        with open(os.path.join(CORPUS, name + ".json"), "w", encoding="utf-8") as out:
            json.dump(found, out, indent=1, sort_keys=True)
            out.write("\n")


if __name__ == "__main__":
    main()
