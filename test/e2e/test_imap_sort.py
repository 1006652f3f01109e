# SPDX-License-Identifier: Apache-2.0
"""SORT and THREAD of the server against a plain model of RFC 5256, on random mailboxes.

The model is written from the RFC's text and knows nothing of the server: lists, dictionaries and
recursion. A failure prints the seed; POSTERN_SEED repeats it."""

import imaplib
import os
import random
import re
import time

MESSAGES = 120
NAMES = ["alice", "Bob", "carol", "DAVE", "_x", "erin"]
WORDS = ["ham", "Eggs", "crepes", "", "pickles", "a_b", "A^b"]
KEYS = ["ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO"]


class Message:
    def __init__(self, rng, number, ids):
        self.number = number
        self.id = f"{number}@crepes.fr" if rng.random() < 0.9 else None
        if self.id and rng.random() < 0.05 and ids:
            self.id = rng.choice(ids)  # one id for two messages
        known = ids + [f"gone{n}@crepes.fr" for n in range(4)] + [f"{number + 3}@crepes.fr"]
        self.references = [rng.choice(known) for _ in range(rng.choice([0, 0, 1, 1, 2, 3]))]
        self.references = list(dict.fromkeys(self.references))
        self.base = rng.choice(WORDS)
        self.reply = bool(self.references) and bool(self.base) and rng.random() < 0.7
        self.sent = 1769900000 + rng.randrange(40) * 3600
        self.arrived = 1769800000 + rng.randrange(40) * 3600
        self.people = {field: rng.choice(NAMES) for field in ("From", "To", "Cc")}
        self.shown = {field: rng.choice(["", "Zoe Z", "mike"]) for field in self.people}
        self.body = "x" * rng.randrange(50)

    def text(self):
        lines = []
        for field, local in self.people.items():
            name = self.shown[field]
            address = f"{local}@crepes.fr"
            lines.append(f"{field}: {name} <{address}>" if name else f"{field}: {address}")
        lines.append("Subject: " + ("Re: " if self.reply else "") + self.base)
        lines.append("Date: " + time.strftime("%d %b %Y %H:%M:%S +0000", time.gmtime(self.sent)))
        if self.id:
            lines.append(f"Message-ID: <{self.id}>")
        if self.references:
            lines.append("References: " + " ".join(f"<{r}>" for r in self.references))
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body + "\r\n").encode()

    def key(self, name):
        if name in ("CC", "FROM", "TO"):
            return self.people[name.capitalize()].upper()
        if name in ("DISPLAYFROM", "DISPLAYTO"):
            field = name[7:].capitalize()
            return (self.shown[field] or f"{self.people[field]}@crepes.fr").upper()
        return {"ARRIVAL": self.arrived, "DATE": self.sent, "SIZE": len(self.text()),
                "SUBJECT": self.base.upper()}[name]


def model_sort(messages, criteria):
    out = sorted(messages, key=lambda m: m.number)
    for name, reverse in reversed(criteria):
        out.sort(key=lambda m: m.key(name), reverse=reverse)  # Python keeps equals in order either way
    return [m.number for m in out]


class Node:
    def __init__(self, message=None):
        self.message, self.parent, self.children = message, None, []

    def adopt(self, child):
        if child.parent:
            child.parent.children.remove(child)
        child.parent = self
        self.children.append(child)

    def is_below(self, other):
        node = self
        while node:
            if node is other:
                return True
            node = node.parent
        return False

    def key(self):
        first = self.message or min(self.children, key=Node.key).message
        return (first.sent, first.number)

    def subject(self):
        return self.message or min(self.children, key=Node.key).message

    def write(self):
        kids = [k.write() for k in sorted(self.children, key=Node.key)]
        head = str(self.message.number) if self.message else ""
        if len(kids) == 1:
            return f"{head} {kids[0]}".strip()
        return " ".join(filter(None, [head, "".join(f"({k})" for k in kids)]))


def link(messages):
    """Step 1."""
    nodes, by_id = [], {}
    for m in messages:
        node = Node(m)
        nodes.append(node)
        if m.id and m.id not in by_id:
            by_id[m.id] = node
    every = list(nodes)
    for node in nodes:
        before = None
        for reference in node.message.references:
            if reference not in by_id:
                by_id[reference] = Node()
                every.append(by_id[reference])
            this = by_id[reference]
            if before and not this.parent and not before.is_below(this):
                before.adopt(this)
            before = this
        if node.parent:
            node.parent.children.remove(node)
            node.parent = None
        if before and not before.is_below(node):
            before.adopt(node)
    return every


def prune(node, at_root):
    """Step 3: what takes the node's place."""
    kids = [k for child in node.children for k in prune(child, False)]
    if node.message or (at_root and len(kids) > 1):
        node.children = kids
        for k in kids:
            k.parent = node
        return [node]
    for k in kids:
        k.parent = None
    return kids


def merge(roots):
    """Step 5."""
    table = {}
    for root in roots:
        s = root.subject()
        there = table.get(s.base.upper())
        if s.base and (there is None or (there.message and (
                not root.message or (there.subject().reply and not s.reply)))):
            table[s.base.upper()] = root
    out = list(roots)
    for root in roots:
        s = root.subject()
        there = table.get(s.base.upper())
        if not s.base or there is root:
            continue
        out.remove(root)
        if not there.message and not root.message:
            for child in list(root.children):
                there.adopt(child)
        elif not there.message or (s.reply and not there.subject().reply):
            there.adopt(root)
        else:
            dummy = Node()
            out[out.index(there)] = dummy
            dummy.adopt(there)
            dummy.adopt(root)
            table[s.base.upper()] = dummy
    return out


def newest(node):
    return max([node.message.sent] if node.message else [], default=0) if not node.children else max(
        [newest(k) for k in node.children] + ([node.message.sent] if node.message else []))


def model_thread(messages, algorithm):
    if algorithm == "ORDEREDSUBJECT":
        groups = {}
        for m in sorted(messages, key=lambda m: (m.sent, m.number)):
            groups.setdefault(m.base.upper(), []).append(m)
        roots = []
        for group in groups.values():
            root = Node(group[0])
            for m in group[1:]:
                root.adopt(Node(m))
            roots.append(root)
    else:
        roots = [r for n in link(messages) if not n.parent for r in prune(n, True)]
        if algorithm == "REFERENCES":
            roots = merge(sorted(roots, key=Node.key))
    order = (lambda n: (newest(n), n.key()[1])) if algorithm == "REFS" else Node.key
    return "".join(f"({r.write()})" for r in sorted(roots, key=order))


def ask(imap, command, word):
    """The text behind "* word"."""
    name, rest = command.split(" ", 1)
    imaplib.Commands.setdefault(name, ("SELECTED",))
    status, _ = imap._simple_command(name, rest)
    assert status == "OK", command
    return (imap.response(word)[1][-1] or b"").decode()


def check_sorts(imap, rng, messages):
    for _ in range(40):
        names = rng.sample(KEYS, rng.randrange(1, 4))
        criteria = [(n, rng.random() < 0.4) for n in names]
        few = sorted(rng.sample(messages, rng.choice([len(messages), 5])), key=lambda m: m.number)
        text = " ".join(("REVERSE " if r else "") + n for n, r in criteria)
        numbers = ",".join(str(m.number) for m in few)
        got = ask(imap, f"SORT ({text}) UTF-8 {numbers}", "SORT")
        assert [int(n) for n in got.split()] == model_sort(few, criteria), text


def check_threads(imap, rng, messages):
    for algorithm in ("ORDEREDSUBJECT", "REFERENCES", "REFS"):
        for count in (len(messages), 40, 7):
            few = sorted(rng.sample(messages, count), key=lambda m: m.number)
            numbers = ",".join(str(m.number) for m in few)
            got = ask(imap, f"THREAD {algorithm} UTF-8 {numbers}", "THREAD")
            assert got == model_thread(few, algorithm), f"{algorithm} of {count}"


def test_sort_and_thread_are_those_of_the_rfc(server):
    seed = int(os.environ.get("POSTERN_SEED", random.randrange(1 << 30)))
    print(f"POSTERN_SEED={seed}")
    rng = random.Random(seed)
    messages, ids = [], []
    with imaplib.IMAP4("127.0.0.1", server.port("imap")) as imap:
        imap.login("alice@crepes.fr", "hungry")
        imap.create("sorted")
        for number in range(1, MESSAGES + 1):
            m = Message(rng, number, ids)
            messages.append(m)
            if m.id:
                ids.append(m.id)
            status, _ = imap.append("sorted", None, imaplib.Time2Internaldate(m.arrived), m.text())
            assert status == "OK"
        imap.select("sorted")
        check_sorts(imap, rng, messages[:60])
        check_sorts(imap, rng, messages)
        check_threads(imap, rng, messages)
        # What is removed is in no answer, and numbers move up.
        gone = rng.sample(messages, 20)
        imap.store(",".join(str(m.number) for m in gone), "+FLAGS.SILENT", "\\Deleted")
        imap.expunge()
        left = [m for m in messages if m not in gone]
        for number, m in enumerate(left, 1):
            m.number = number
        check_sorts(imap, rng, left)
        check_threads(imap, rng, left)
        got = ask(imap, "SEARCH SUBJECT ham", "SEARCH")
        assert re.findall(r"\d+", got) == [str(m.number) for m in left if m.base == "ham"]
