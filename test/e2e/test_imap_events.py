# SPDX-License-Identifier: Apache-2.0
"""What one IMAP session does and another is told, through the whole house."""

import re
import socket

from test_imap_faults import Client


def unasked(client, seconds=3.0):
    """The next line that comes without a command."""
    client.socket.settimeout(seconds)
    line = client.line().decode()
    return line.rstrip("\r\n")


def nothing_comes(client, seconds=0.3):
    client.socket.settimeout(seconds)
    try:
        raise AssertionError(client.file.readline())
    except (TimeoutError, socket.timeout):
        client.file = client.socket.makefile("rb")  # a file that timed out reads no more
    client.socket.settimeout(20)


def two(server):
    return Client(server.port("imap")), Client(server.port("imap"))


def test_notify_tells_between_commands(server):
    watcher, other = two(server)
    other.say("CREATE Lists/Lemonade")
    answer, lines = watcher.say("NOTIFY SET STATUS (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange)) "
                                "(SUBTREE Lists (MessageNew MessageExpunge)) (PERSONAL (MailboxName "
                                "SubscriptionChange MailboxMetadataChange ServerMetadataChange))")
    assert answer.startswith(b"OK"), answer
    assert re.search(rb"\* STATUS Lists/Lemonade \(MESSAGES 0 UIDNEXT 1 UIDVALIDITY \d+\)", b"".join(lines)), lines
    watcher.say("SELECT INBOX")
    other.say("APPEND Lists/Lemonade", b"Subject: x\r\n\r\nx\r\n")
    assert unasked(watcher) == "* STATUS Lists/Lemonade (MESSAGES 1 UIDNEXT 2)"
    answer, _ = other.say("APPEND INBOX (\\Flagged)", b"Subject: y\r\n\r\ny\r\n")
    uid = int(re.search(rb"APPENDUID \d+ (\d+)", answer).group(1))
    number = int(re.fullmatch(r"\* (\d+) EXISTS", unasked(watcher)).group(1))
    assert unasked(watcher).endswith(" RECENT")
    fetched = unasked(watcher)
    assert fetched.startswith(f"* {number} FETCH (") and f"UID {uid}" in fetched and "\\Flagged" in fetched
    other.say("SELECT INBOX")
    other.say(f"UID STORE {uid} +FLAGS (\\Deleted)")
    changed = unasked(watcher)
    assert changed.startswith(f"* {number} FETCH (FLAGS (") and f"UID {uid}" in changed, changed
    other.say(f"UID EXPUNGE {uid}")
    assert unasked(watcher) == f"* {number} EXPUNGE"
    other.say("CREATE brandnew")
    assert unasked(watcher) == '* LIST (\\HasNoChildren) "/" brandnew'
    other.say("RENAME brandnew renamed")
    assert unasked(watcher) == '* LIST (\\HasNoChildren) "/" renamed ("OLDNAME" (brandnew))'
    other.say("SUBSCRIBE renamed")
    assert unasked(watcher) == '* LIST (\\HasNoChildren \\Subscribed) "/" renamed'
    other.say('SETMETADATA renamed (/private/comment "x")')
    assert unasked(watcher) == "* METADATA renamed /private/comment"
    other.say('SETMETADATA "" (/private/comment "x")')
    assert unasked(watcher) == '* METADATA "" /private/comment'
    other.say("DELETE renamed")
    assert unasked(watcher).startswith("* LIST (\\NonExistent")
    # What it does itself it is not told.
    for command in ("CREATE mine", "SUBSCRIBE mine", 'SETMETADATA mine (/private/comment "x")', "UNSUBSCRIBE mine",
                    "DELETE mine"):
        answer, lines = watcher.say(command)
        assert answer.startswith(b"OK") and not lines, (command, lines)
        nothing_comes(watcher)
    watcher.say("NOTIFY NONE")
    other.say("APPEND INBOX", b"Subject: z\r\n\r\nz\r\n")
    nothing_comes(watcher)
    for client in (watcher, other):
        client.close()


def test_filters_are_kept_and_used(server):
    here, there = two(server)
    here.say("APPEND INBOX", b"From: boss@example.com\r\nSubject: raise\r\n\r\nx\r\n")
    answer, _ = here.say('SETMETADATA "" (/private/filters/values/boss "FROM \\"boss@example.com\\" SUBJECT raise")')
    assert answer.startswith(b"OK"), answer
    there.say("SELECT INBOX")
    answer, lines = there.say("SEARCH FILTER boss")
    assert answer.startswith(b"OK") and re.match(rb"\* SEARCH \d+", lines[0]), lines
    answer, _ = there.say("SEARCH FILTER nobody")
    assert answer.startswith(b"NO [UNDEFINED-FILTER nobody]"), answer
    for client in (here, there):
        client.close()


def test_an_idle_session_hears_that_its_mailbox_is_gone(server):
    idle, other = two(server)
    other.say("CREATE short-lived")
    idle.say("SELECT short-lived")
    idle.socket.sendall(b"i IDLE\r\n")
    assert unasked(idle).startswith("+ ")
    other.say("CREATE another")
    nothing_comes(idle)
    other.say("DELETE short-lived")
    assert unasked(idle).startswith("* BYE")
    for client in (idle, other):
        client.close()
