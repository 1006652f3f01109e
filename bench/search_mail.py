# SPDX-License-Identifier: Apache-2.0
"""Mail as people get it, for measuring searches: a large vocabulary of which few words make most of
the text, header fields of relays and signatures, some HTML with links, some attachments."""

import base64
import email.utils
import random

SYLLABLES = ("ba be bi bo bu ca ce ci co cu da de di do du fa fe fi fo fu ga ge gi go gu ha he hi ho hu "
             "ka ke ki ko la le li lo lu ma me mi mo mu na ne ni no nu pa pe pi po pu ra re ri ro ru "
             "sa se si so su ta te ti to tu va ve vi vo wa we wi wo za ze zi zo zu").split()
VOCABULARY = 60000
COMMON = "pancake"      # in about a third of the messages
RARE = "quicksilver"    # in about one of a thousand


def vocabulary(rnd):
    words = set()
    while len(words) < VOCABULARY:
        words.add("".join(rnd.choice(SYLLABLES) for _ in range(rnd.randint(2, 5))))
    return sorted(words, key=lambda w: rnd.random())


def token(rnd, count):
    return base64.b64encode(rnd.randbytes(count)).decode().rstrip("=")


def make_messages(count, seed=1):
    rnd = random.Random(seed)
    words = vocabulary(rnd)
    weights = [1 / (n + 3) for n in range(VOCABULARY)]
    pool = rnd.choices(words, weights, k=2_000_000)
    for n in range(count):
        at = rnd.randrange(len(pool) - 1000)
        text = pool[at:at + rnd.randint(100, 700)]
        if rnd.random() < 0.33:
            text[rnd.randrange(len(text))] = COMMON
        if rnd.random() < 0.001:
            text[rnd.randrange(len(text))] = RARE
        body = "\r\n".join(" ".join(text[i:i + 11]) for i in range(0, len(text), 11))
        subject = " ".join(rnd.choice(text) for _ in range(5))
        ident = token(rnd, 15).replace("/", "x").replace("+", "y")
        head = (f"Received: from mx{n % 7}.crepes.fr (mx{n % 7}.crepes.fr [192.0.2.{n % 250}])\r\n"
                f"\tby in.hamburger.edu with ESMTPS id {ident[:12]}\r\n"
                f"\tfor <u0@hamburger.edu>; {email.utils.formatdate(1.6e9 + n * 60)}\r\n"
                "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=crepes.fr; s=a1;\r\n"
                f"\th=from:to:subject:date:message-id; bh={token(rnd, 32)}=;\r\n"
                "\tb=" + "\r\n\t ".join(token(rnd, 48) for _ in range(5)) + "\r\n"
                f"From: Person {n % 500} <p{n % 500}@crepes.fr>\r\nTo: bob@hamburger.edu\r\n"
                f"Subject: {subject}\r\nDate: {email.utils.formatdate(1.6e9 + n * 60)}\r\n"
                f"Message-ID: <{ident}@crepes.fr>\r\nMIME-Version: 1.0\r\n")
        if n % 4 == 0:
            links = "".join(f'<p><a href="https://crepes.fr/t/{token(rnd, 30)}">{w}</a></p>\r\n'
                            for w in text[:10])
            yield (head + "Content-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>p { "
                   "color: #333; margin: 0 }</style></head><body><table width=600><tr><td>\r\n" +
                   body.replace("\r\n", "<br>\r\n") + links +
                   "</td></tr></table></body></html>\r\n").encode()
        elif n % 10 == 1:
            yield (head + 'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
                   f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n--b\r\n"
                   f'Content-Type: application/pdf; name="{text[0]}.pdf"\r\n'
                   "Content-Transfer-Encoding: base64\r\n\r\n" +
                   "\r\n".join(token(rnd, 57) for _ in range(40)) + "\r\n--b--\r\n").encode()
        else:
            yield (head + f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n").encode()
