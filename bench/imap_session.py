# SPDX-License-Identifier: Apache-2.0
"""A bare IMAP session that costs the measuring side as little as can be: it looks for the tagged
line only."""

import socket

LINE_MAX = 2000  # of a tagged line; capabilities make it long


class Session:
    def __init__(self, port, user, password, tls=None):
        self.s = socket.create_connection(("127.0.0.1", port), 600)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if tls is not None:
            self.s = tls.wrap_socket(self.s)
        self.buffer = bytearray(1 << 20)
        self.number = 0
        self.s.recv(4096)
        self.do(f"LOGIN {user} {password}")

    def do(self, command):
        """Sends a command and reads to its tagged line; returns (octets read, last line)."""
        self.number += 1
        tag = f"t{self.number}".encode()
        self.s.sendall(tag + b" " + command.encode() + b"\r\n")
        return self.until(tag)

    def until(self, tag):
        total, tail = 0, b""
        while True:
            n = self.s.recv_into(self.buffer)
            if n == 0:
                raise EOFError("server closed the connection")
            total += n
            tail = (tail + bytes(self.buffer[max(0, n - LINE_MAX):n]))[-LINE_MAX:]
            if tail.endswith(b"\r\n"):
                last = tail[:-2].rsplit(b"\r\n", 1)[-1]
                if last.startswith(tag + b" "):
                    if not last.startswith(tag + b" OK"):
                        raise RuntimeError(last.decode(errors="replace"))
                    return total, last

    def append_many(self, messages, mailbox="INBOX", multi=False):
        """LITERAL+ appends, 50 in flight; multi: as one command (RFC 3502)."""
        for start in range(0, len(messages), 50):
            out = bytearray()
            for m in messages[start:start + 50]:
                if not multi or not out:
                    out += b"\r\n" if out else b""
                    self.number += 1
                    out += b"t%d APPEND %s" % (self.number, mailbox.encode())
                out += b" {%d+}\r\n" % len(m) + m
            self.s.sendall(out + b"\r\n")
            self.until(b"t%d" % self.number)

    def upload(self, messages, mailbox):
        """All of them in one APPEND (RFC 3502); the time is the caller's to take."""
        self.number += 1
        parts = [b"t%d APPEND %s" % (self.number, mailbox.encode())]
        parts += [b" {%d+}\r\n%s" % (len(m), m) for m in messages]
        self.s.sendall(b"".join(parts) + b"\r\n")
        self.until(b"t%d" % self.number)

    def close(self):
        self.s.close()
