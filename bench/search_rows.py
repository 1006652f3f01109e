# SPDX-License-Identifier: Apache-2.0
"""Searches for words on a large mailbox and the index behind them, beside Dovecot with mdbox as it is
and with fts-xapian; the better one of the two is what we are compared with."""

import time

import search_mail
from imap_rows import fill, timed
from imap_session import Session
from peers import FTS_XAPIAN, PASSWORD, Dovecot, Ours

USER = "u0@hamburger.edu"
# The keys, and what they are.
SEARCHES = (
    (f"BODY {search_mail.COMMON}", "BODY, a word in a third of the mail"),
    (f"BODY {search_mail.RARE}", "BODY, a rare word"),
    ("BODY absentword", "BODY, a word that is nowhere"),
    (f"BODY {search_mail.COMMON[1:-1]}", "BODY, a piece of a word"),
    (f"BODY {search_mail.COMMON} BODY {search_mail.RARE}", "BODY, two words"),
    (f"TEXT {search_mail.COMMON}", "TEXT, a word in a third of the mail"),
    (f"TEXT {search_mail.RARE}", "TEXT, a rare word"),
    ("TEXT absentword", "TEXT, a word that is nowhere"),
    ("FROM p17@crepes.fr", "FROM"),
    ("HEADER Received mx3", "HEADER, a piece of a field's text"),
    ("HEADER X-Sauce \"\"", "HEADER, a field that none has"),
)
MESSAGES, MESSAGES_QUICK = 20000, 2000


def phrases(messages):
    """Words that follow each other in one of the messages."""
    plain = next(m for m in messages if b"text/plain; charset=utf-8\r\n\r\n" in m)
    words = plain.split(b"\r\n\r\n", 1)[1].split(b"\r\n")[0].decode().split()
    return ((f'BODY "{" ".join(words[2:4])}"', "BODY, two words in a row"),
            (f'BODY "{" ".join(words[2:5])}"', "BODY, three words in a row"),
            (f'TEXT "{" ".join(words[2:8])}"', "TEXT, six words in a row"))


def searches(table, quick, rounds):
    """20,000 messages: fts-xapian takes its time to index more."""
    count = MESSAGES_QUICK if quick else MESSAGES
    messages = list(search_mail.make_messages(count))
    asked = SEARCHES + phrases(messages)
    octets = sum(map(len, messages))
    with Ours(users=1) as us, Dovecot() as plain, Dovecot(more=FTS_XAPIAN) as fts:
        fill(us.imap, messages, 20)
        for server in (plain, fts):
            fill(server.imap, messages, 1, multi=True)
        us.wait_for_index()
        start = time.monotonic()
        us.postern.cli("index", "rebuild")
        us.wait_for_index()
        ours = count / (time.monotonic() - start)
        start = time.monotonic()
        fts.doveadm("index", "-u", USER, "INBOX")
        theirs = count / (time.monotonic() - start)
        table.add("I2 indexing", "messages/s", [ours], {"fts-xapian": [theirs]}, ">= 5000",
                  "one thread: reading, cutting into words")
        table.add("I2 index, of the octets of the mail", "%",
                  [100 * us.index_status()["bytes"] / octets], None, "<= 35 %",
                  "odd words of headers and links", higher=False)
        figures = [{"ours": [], "mdbox": [], "fts-xapian": []} for _ in asked]
        for _ in range(rounds):
            for side, server in (("ours", us), ("mdbox", plain), ("fts-xapian", fts)):
                s = Session(server.imap, USER, PASSWORD)
                s.do("SELECT INBOX")
                for row, (keys, _) in zip(figures, asked):
                    row[side].append(timed(s, "SEARCH " + keys))
                s.close()
        for (_, name), row in zip(asked, figures):
            table.add("I2 SEARCH " + name, "ms", row.pop("ours"), row, ">= 10x",
                      "going through the terms", higher=False)
