# SPDX-License-Identifier: Apache-2.0
"""IMAP by Python's imaplib: every command of RFC 3501 and of the extensions that are offered, on one
known mailbox, and two sessions that see each other's changes."""

import base64
import email.policy
import imaplib
import re
from email.message import EmailMessage

import pytest

from postern import Line
from test_clients import PASSWORD

PICTURE = b"\x89PNG picture"
DATE = '"05-Feb-2026 10:11:12 +0100"'


def message(number, sender="alice@crepes.fr", text="pancakes", date="Thu, 05 Feb 2026 10:11:12 +0100",
            attachment=False):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"], m["Date"] = sender, "bob@hamburger.edu", f"dish {number}", date
    m["Message-ID"] = f"<dish{number}@crepes.fr>"
    m["Cc"] = "carol@hamburger.edu"
    m["X-Oven"] = "hot" if number % 2 else "cold"
    m.set_content(f"{text} number {number}\n")
    if attachment:
        m.add_attachment(PICTURE, "image", "png", filename="p.png")
    return m.as_bytes(policy=email.policy.SMTP)


FIVE = [(None, message(1)), (r"(\Seen)", message(2, text="waffles")),
        (r"(\Flagged \Answered)", message(3, sender="dave@crepes.fr", attachment=True)),
        (r"(\Draft $Hot)", message(4, date="Fri, 06 Mar 2026 23:00:00 +0000")),
        (r"(\Deleted)", message(5, text="p\u00e2tisserie"))]


def session(server, tls, user="bob@hamburger.edu", box="INBOX"):
    c = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=20)
    c.starttls(tls)
    c.login(user, PASSWORD)
    if box:
        assert c.select(box)[0] == "OK"
    return c


def do(c, line, want="OK"):
    """One command as it stands; the untagged lines (literals inside) and the tagged text."""
    tag = c._new_tag()
    c.send(tag + b" " + line.encode() + b"\r\n")
    lines = []
    while True:
        got = c.readline()
        assert got, "connection ended"
        while (size := re.search(rb"\{(\d+)\}\r\n$", got)) is not None:
            got += c.read(int(size[1])) + c.readline()
        if got.startswith(tag + b" "):
            assert got.split()[1].decode() == want, (line, lines, got)
            return lines, got[len(tag) + 1:].strip().decode()
        lines.append(got)


@pytest.fixture
def box(server, tls):
    """A session with the five known messages in a mailbox of its own, selected."""
    c = session(server, tls, box=None)
    c.delete("Menu")
    assert c.create("Menu")[0] == "OK"
    for flags, octets in FIVE:
        assert c.append("Menu", flags, DATE, octets)[0] == "OK"
    assert c.select("Menu")[1] == [b"5"]
    yield c
    try:
        c.logout()
    except imaplib.IMAP4.abort:
        pass


def test_what_can_be_asked_before_and_after_logging_in(server, tls):
    c = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=20)
    assert all(word in c.capabilities for word in ("IMAP4REV1", "STARTTLS", "SASL-IR"))
    do(c, "NOOP")
    do(c, "SELECT INBOX", "BAD")
    do(c, "FROBNICATE", "BAD")
    c.starttls(tls)
    assert "STARTTLS" not in c.capabilities and "AUTH=PLAIN" in c.capabilities
    do(c, "LOGIN bob@hamburger.edu wrong", "NO")
    assert c.authenticate("PLAIN", lambda _: b"\0bob@hamburger.edu\0hungry")[0] == "OK"
    words = do(c, "CAPABILITY")[0][0].decode().split()
    for word in ("IDLE", "NAMESPACE", "ID", "UIDPLUS", "MOVE", "SPECIAL-USE", "ENABLE", "UNSELECT"):
        assert word in words, word
    assert "LITERAL+" in words or "LITERAL-" in words
    assert b"* NAMESPACE ((" in do(c, "NAMESPACE")[0][0]
    assert b"* ID (" in do(c, 'ID ("name" "imaplib")')[0][0]
    do(c, "ENABLE IMAP4rev2")
    do(c, "LOGIN bob@hamburger.edu hungry", "BAD")
    do(c, "CHECK", "BAD")
    do(c, "LOGOUT")


def test_sasl_ir_and_non_synchronising_literals(server):
    with Line(server.port("imap")) as t:
        t.read()
        t.type("a AUTHENTICATE PLAIN AGJvYkBoYW1idXJnZXIuZWR1AGh1bmdyeQ==")
        assert t.read().startswith("a OK")
    with Line(server.port("imap")) as t:
        t.read()
        t.raw(b"a LOGIN {17+}\r\nbob@hamburger.edu {6+}\r\nhungry\r\n")
        assert t.read().startswith("a OK")


def test_mailboxes_are_made_listed_renamed_and_removed(server, tls):
    c = session(server, tls, box=None)
    do(c, 'CREATE "A/B/C"')
    do(c, 'CREATE "A/B/C"', "NO")
    do(c, 'CREATE "inbox"', "NO")
    do(c, 'CREATE "gr&APw-n"')
    names = b"".join(do(c, 'LIST "" *')[0])
    for name in (b"INBOX", b"A/B/C", b"gr&APw-n"):
        assert name in names
    level = b"".join(do(c, 'LIST "" %')[0])
    assert b"A/B" not in level and rb"\HasChildren" in level
    assert b'"/"' in do(c, 'LIST "" ""')[0][0]
    special = b"".join(do(c, 'LIST (SPECIAL-USE) "" *')[0])
    for use in (rb"\Sent", rb"\Trash", rb"\Junk", rb"\Drafts"):
        assert use in special
    assert b"INBOX" not in special
    do(c, "SUBSCRIBE A/B/C")
    assert b"A/B/C" in b"".join(do(c, 'LSUB "" *')[0])
    do(c, "UNSUBSCRIBE A/B/C")
    assert b"A/B/C" not in b"".join(do(c, 'LSUB "" *')[0])
    do(c, "RENAME A X")
    names = b"".join(do(c, 'LIST "" *')[0])
    assert b"X/B/C" in names and b"A/B" not in names
    do(c, "RENAME nothing Y", "NO")
    do(c, "DELETE INBOX", "NO")
    do(c, "DELETE nothing", "NO")
    for name in ("X/B/C", "X/B", "X", "gr&APw-n"):
        do(c, f"DELETE {name}")
    status = do(c, "STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)")[0][0]
    assert re.match(rb'\* STATUS "?INBOX"? \(MESSAGES \d+ RECENT \d+ UIDNEXT \d+ UIDVALIDITY \d+ '
                    rb"UNSEEN \d+\)", status)
    do(c, "STATUS nothing (MESSAGES)", "NO")
    _, text = do(c, "APPEND nothing {3+}\r\nabc", "NO")
    assert "[TRYCREATE]" in text
    c.logout()


def test_select_says_all_that_is_needed(box):
    lines, text = do(box, "SELECT Menu")
    said = b"".join(lines)
    for words in (b"* 5 EXISTS", b" RECENT", b"* FLAGS (", b"[UNSEEN 1]"):
        assert words in said, said
    assert b"[UIDNEXT 6]" in said and b"[UIDVALIDITY " in said
    assert rb"[PERMANENTFLAGS (" in said and rb"\*" in said and b"$Hot" in said
    assert "[READ-WRITE]" in text
    assert "[READ-ONLY]" in do(box, "EXAMINE Menu")[1]
    do(box, r"STORE 1 +FLAGS (\Seen)", "NO")
    assert "[CLOSED]" not in do(box, "UNSELECT")[1]
    do(box, "FETCH 1 FLAGS", "BAD")
    do(box, "SELECT nothing", "NO")
    do(box, "FETCH 1 FLAGS", "BAD")  # a SELECT that fails leaves nothing selected
    do(box, "SELECT Menu")
    do(box, "CHECK")
    lines, _ = do(box, "CLOSE")  # removes the deleted one, silently
    assert not any(b"EXPUNGE" in line for line in lines)
    assert b"* 4 EXISTS" in b"".join(do(box, "SELECT Menu")[0])


def fetched(c, what, messages="1"):
    return b"".join(do(c, f"FETCH {messages} {what}")[0])


def test_every_fetch_item(box):
    first = FIVE[0][1]
    head, body = first.split(b"\r\n\r\n", 1)
    head += b"\r\n\r\n"
    assert b"RFC822.SIZE %d" % len(first) in fetched(box, "FAST") and \
        b'INTERNALDATE " 5-Feb-2026 10:11:12 +0100"' in fetched(box, "FAST")
    assert b'"dish 1"' in fetched(box, "ALL") and b'"TEXT" "PLAIN"' in fetched(box, "FULL").upper()
    assert b"UID 1" in fetched(box, "UID")
    assert b"{%d}\r\n%s" % (len(first), first) in fetched(box, "BODY.PEEK[]")
    assert rb"\Seen" not in fetched(box, "FLAGS")
    assert head in fetched(box, "RFC822.HEADER") and rb"\Seen" not in fetched(box, "FLAGS")
    assert body in fetched(box, "BODY.PEEK[TEXT]")
    assert body in fetched(box, "BODY.PEEK[1]")
    assert b"BODY[]<3> {7}\r\n" + first[3:10] in fetched(box, "BODY.PEEK[]<3.7>")
    assert b"BODY[]<100000> " in fetched(box, "BODY.PEEK[]<100000.7>")
    assert b"X-Oven: hot\r\n\r\n" in fetched(box, "BODY.PEEK[HEADER.FIELDS (X-OVEN)]")
    rest = fetched(box, "BODY.PEEK[HEADER.FIELDS.NOT (X-Oven From)]")
    assert b"X-Oven: " not in rest and b"Subject: dish 1" in rest
    envelope = fetched(box, "ENVELOPE")
    assert b'((NIL NIL "alice" "crepes.fr"))' in envelope and b'"<dish1@crepes.fr>"' in envelope
    assert b'((NIL NIL "carol" "hamburger.edu"))' in envelope
    structure = fetched(box, "BODYSTRUCTURE", "3").upper()
    assert b'"MIXED"' in structure and b'"IMAGE" "PNG"' in structure and b'"P.PNG"' in structure
    assert b'"BOUNDARY"' in structure
    assert b"Content-Type: image/png" in fetched(box, "BODY.PEEK[2.MIME]", "3")
    assert base64.b64encode(PICTURE) in fetched(box, "BODY.PEEK[2]", "3")
    assert b"BODY[7] NIL" in fetched(box, "BODY.PEEK[7]", "3")
    assert body in fetched(box, "RFC822.TEXT")
    assert rb"\Seen" in fetched(box, "FLAGS")  # the one before was no PEEK
    assert fetched(box, "(UID FLAGS)", "1:*").count(b" FETCH (") == 5
    assert fetched(box, "(UID)", "5:1,2").count(b" FETCH (") == 5
    do(box, "FETCH 1 NONSENSE", "BAD")
    do(box, "FETCH 0 FLAGS", "BAD")
    lines, _ = do(box, "UID FETCH 4:* (FLAGS)")
    assert len(lines) == 2 and all(b"UID " in line for line in lines)
    assert do(box, "UID FETCH 100 (FLAGS)")[0] == []


SEARCHES = [
    ("ALL", "1 2 3 4 5"), ("1:2", "1 2"), ("UID 4:*", "4 5"), ("SEEN", "2"), ("UNSEEN", "1 3 4 5"),
    ("FLAGGED", "3"), ("UNFLAGGED", "1 2 4 5"), ("ANSWERED", "3"), ("UNANSWERED", "1 2 4 5"),
    ("DELETED", "5"), ("UNDELETED", "1 2 3 4"), ("DRAFT", "4"), ("UNDRAFT", "1 2 3 5"),
    ("KEYWORD $Hot", "4"), ("UNKEYWORD $Hot", "1 2 3 5"), ("KEYWORD $None", ""),
    ("FROM alice", "1 2 4 5"), ('FROM "dave@"', "3"), ("TO bob", "1 2 3 4 5"), ("CC carol", "1 2 3 4 5"),
    ("BCC carol", ""), ('SUBJECT "dish 4"', "4"), ("SUBJECT DISH", "1 2 3 4 5"),
    ("HEADER X-Oven hot", "1 3 5"), ('HEADER X-Oven ""', "1 2 3 4 5"), ('HEADER X-Fridge ""', ""),
    ("BODY waffles", "2"), ("TEXT waffles", "2"), ("TEXT dave", "3"), ("BODY dave", ""),
    ("BODY NUMBER", "1 2 3 4 5"), ("CHARSET UTF-8 BODY p\u00e2tisserie", "5"),
    ("CHARSET UTF-8 BODY P\u00c2TISSERIE", "5"),
    ("SENTON 5-Feb-2026", "1 2 3 5"), ("SENTBEFORE 6-Mar-2026", "1 2 3 5"), ("SENTSINCE 6-Mar-2026", "4"),
    ("ON 5-Feb-2026", "1 2 3 4 5"), ("BEFORE 5-Feb-2026", ""), ("SINCE 5-Feb-2026", "1 2 3 4 5"),
    ("LARGER 500", "3"), ("SMALLER 500", "1 2 4 5"), ("NOT SEEN", "1 3 4 5"), ("OR SEEN DELETED", "2 5"),
    ("OR (SEEN) (FLAGGED ANSWERED)", "2 3"), ("NOT (OR SEEN DELETED)", "1 3 4"),
    ("FLAGGED SEEN", ""), ("OLD", None), ("NEW", None), ("RECENT", None)]


def test_every_search_key(box):
    for key, want in SEARCHES:
        key = re.sub(r"([^\x00-\x7f]\S*|\S*[^\x00-\x7f]\S*)",
                     lambda m: "{%d+}\r\n%s" % (len(m[0].encode()), m[0]), key)
        for command in ("SEARCH", "UID SEARCH"):
            lines, _ = do(box, f"{command} {key}")
            got = [line for line in lines if line.startswith(b"* SEARCH")][0].decode().split()[2:]
            if want is not None:
                assert got == want.split(), (command, key)
    do(box, "SEARCH CHARSET X-NONE ALL", "NO")
    do(box, "SEARCH NONSENSE", "BAD")


def test_store_copy_move_expunge_and_their_codes(box):
    lines, _ = do(box, r"STORE 1:2 +FLAGS (\Flagged $New)")
    assert sum(b"$New" in line and b"FETCH" in line for line in lines) == 2
    lines, _ = do(box, r"STORE 1 FLAGS.SILENT (\Seen)")
    assert not any(b"FETCH" in line for line in lines)
    assert b"(FLAGS (\\Seen" in fetched(box, "FLAGS") and b"$New" not in fetched(box, "FLAGS")
    lines, _ = do(box, r"UID STORE 2 -FLAGS ($New)")
    assert b"UID 2" in lines[0] and b"$New" not in lines[0]
    _, text = do(box, "COPY 1:2 Trash")
    assert re.search(r"\[COPYUID \d+ 1:2 \d+:\d+\]", text)
    _, text = do(box, "COPY 1 nothing", "NO")
    assert "[TRYCREATE]" in text
    _, text = do(box, "UID COPY 100 Trash")
    assert "COPYUID" not in text
    lines, text = do(box, "UID MOVE 1 Trash")
    assert b"* 1 EXPUNGE\r\n" in lines and "COPYUID" in b"".join(lines).decode() + text
    lines, _ = do(box, "UID EXPUNGE 2:3")
    assert not any(b"EXPUNGE" in line for line in lines)  # those are not deleted
    do(box, r"STORE 2 +FLAGS.SILENT (\Deleted)")  # UID 3
    lines, _ = do(box, "UID EXPUNGE 3")
    assert [line for line in lines if b"EXPUNGE" in line] == [b"* 2 EXPUNGE\r\n"]
    lines, _ = do(box, "EXPUNGE")
    assert [line for line in lines if b"EXPUNGE" in line] == [b"* 3 EXPUNGE\r\n"]
    lines, _ = do(box, "UID SEARCH ALL")
    assert lines[0].split()[2:] == [b"2", b"4"]
    _, text = do(box, f"APPEND Menu (\\Seen $Mild) {DATE} {{{len(FIVE[0][1])}+}}\r\n" +
                 FIVE[0][1].decode())
    assert re.search(r"\[APPENDUID \d+ 6\]", text)
    row = b"".join(do(box, "UID FETCH 6 (FLAGS INTERNALDATE)")[0])
    assert rb"\Seen" in row and b"$Mild" in row
    assert b'" 5-Feb-2026 10:11:12 +0100"' in row


def test_two_sessions_see_each_other(server, tls, box):
    other = session(server, tls, box="Menu")
    do(box, r"STORE 1 +FLAGS (\Answered)")
    assert any(b"* 1 FETCH" in line and rb"\Answered" in line for line in do(other, "NOOP")[0])
    do(box, "EXPUNGE")
    # A FETCH may not renumber (RFC 3501 7.4.1): the news waits for the next NOOP.
    lines, _ = do(other, "FETCH 1:4 FLAGS")
    assert not any(b"EXPUNGE" in line for line in lines)
    assert any(b"* 5 EXPUNGE" in line for line in do(other, "NOOP")[0])
    tag = other._new_tag()
    other.send(tag + b" IDLE\r\n")
    assert other.readline().startswith(b"+")
    box.append("Menu", None, None, message(6))
    lines = []
    while not any(b"EXISTS" in line for line in lines):
        lines.append(other.readline())
    assert b"* 5 EXISTS\r\n" in lines
    do(box, r"STORE 2 +FLAGS (\Deleted)")
    do(box, "UID EXPUNGE 2")
    while not any(b"EXPUNGE" in line for line in lines):
        lines.append(other.readline())
    assert b"* 2 EXPUNGE\r\n" in lines
    other.send(b"DONE\r\n")
    while not lines[-1].startswith(tag):
        lines.append(other.readline())
    assert b" OK" in lines[-1]
    other.logout()
    # A third session removes the mailbox under the first.
    third = session(server, tls, box=None)
    do(third, "DELETE Menu")
    third.logout()
    with pytest.raises(imaplib.IMAP4.abort, match="gone"):  # and is told so, then let go
        box.noop()


def test_input_that_is_no_imap(server):
    def hello():
        t = Line(server.port("imap"))
        t.read()
        t.type("a LOGIN bob@hamburger.edu hungry")
        assert t.read().startswith("a OK")
        return t
    with hello() as t:  # more than any message may have, announced or sent
        t.type("b APPEND INBOX {4294967295}")
        assert t.read().split()[1] in ("NO", "BAD")
        t.type("c NOOP")
        line = t.read()
        while line.startswith("* "):
            line = t.read()
        assert line.startswith("c OK")
    with hello() as t:
        t.raw(b"b APPEND INBOX {4294967295+}\r\n")
        assert t.read().split()[1] in ("NO", "BAD", "BYE")
    with hello() as t:
        t.raw(b"b LOGIN {99999999999999999999}\r\n")
        assert t.read().split()[1] in ("NO", "BAD", "BYE")
    with hello() as t:
        t.raw(b"b SEARCH " + b"(" * 20000 + b"ALL" + b")" * 20000 + b"\r\n")
        assert t.read().split()[1] in ("NO", "BAD")
    with hello() as t:
        t.raw(b"b SELECT \0\r\n")
        assert t.read().split()[1] in ("NO", "BAD")
    with hello() as t:  # a line that would not end: nothing of it is kept
        t.raw(b"b LOGIN ")
        for _ in range(200):
            t.raw(b"x" * 65536)
        t.raw(b"\r\n")
        assert t.read().split()[1] == "BAD"
