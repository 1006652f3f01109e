# SPDX-License-Identifier: Apache-2.0
"""Other mail servers that behave as a script says: for every phase a reply, silence, or the end."""

import collections
import socket
import threading
import time


class Peer:
    """Listens on 127.0.0.1; `script` maps a phase (banner, ehlo, mail, rcpt, data, dot, quit) to a
    reply line, "hang", "close", or bytes sent as they are. Messages taken are in `messages`."""

    GOOD = {"banner": "220 peer", "ehlo": "250-peer\r\n250 8BITMIME", "mail": "250 ok",
            "rcpt": "250 ok", "data": "354 go", "dot": "250 taken", "quit": "221 bye",
            "rset": "250 ok"}

    def __init__(self, script=None, address=("127.0.0.1", 0)):
        self.script = {**self.GOOD, **(script or {})}
        self.messages, self.connections, self.commands = [], 0, []
        self.reached = collections.Counter()  # phases
        self.listener = socket.create_server(address)
        self.port = self.listener.getsockname()[1]
        self.open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while self.open:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _answer(self, s, phase):
        """False: the connection is over."""
        reply = self.script[phase]
        self.reached[phase] += 1
        if callable(reply):
            reply = reply(self)
        if reply == "hang":
            while self.open:
                time.sleep(0.05)
            return False
        if reply == "close":
            return False
        s.sendall(reply if isinstance(reply, bytes) else reply.encode() + b"\r\n")
        return True

    def _is_good(self, phase):
        return isinstance(self.script[phase], str) and self.script[phase].startswith("2")

    def _serve(self, s):
        with s, s.makefile("rb") as f:
            try:
                if not self._answer(s, "banner"):
                    return
                envelope = []
                while True:
                    line = f.readline()
                    if not line:
                        return
                    self.commands.append(line.decode(errors="replace").strip())
                    verb = line[:4].lower().decode(errors="replace")
                    phase = {"helo": "ehlo"}.get(verb, verb)
                    if phase not in self.script:
                        s.sendall(b"500 what?\r\n")
                        continue
                    envelope.append(self.commands[-1])
                    if not self._answer(s, phase):
                        return
                    if phase == "data" and self.script["data"] == self.GOOD["data"]:
                        octets = b""
                        while not octets.endswith(b"\r\n.\r\n") and octets != b".\r\n":
                            more = f.readline()
                            if not more:
                                return
                            octets += more
                        if not self._answer(s, "dot"):
                            return
                        if not self._is_good("dot"):
                            envelope = []
                            continue
                        self.messages.append((envelope, octets[:-3].replace(b"\r\n..", b"\r\n.")))
                        envelope = []
                    if phase == "quit":
                        return
            except OSError:
                return

    def close(self):
        self.open = False
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
