# SPDX-License-Identifier: Apache-2.0
"""Starts the built program for a test and stops it again, by its process id."""

import os
import random
import re
import select
import signal
import socket
import subprocess
import time

SERVICES = {"smtp": 25, "submission": 587, "submissions": 465, "pop3": 110, "pop3s": 995,
            "imap": 143, "imaps": 993}
START_SECONDS = 20
PROGRAM = os.environ.get("POSTERN", os.path.join(os.path.dirname(__file__),
                                                 "../../build-test/postern"))


def port_is_free(port):
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((host, port))
            except OSError:
                return False
    return True


def free_offset():
    """An offset at which every service's port is free."""
    for _ in range(100):
        offset = random.randrange(10000, 50000)
        if all(port_is_free(port + offset) for port in SERVICES.values()):
            return offset
    raise RuntimeError("no free ports")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds=20, what="condition"):
    """Polls until condition() is true and returns its value; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return " Z " in f.read()
    except (FileNotFoundError, ProcessLookupError):
        return True


class Postern:
    """One `postern demo` with a folder and ports of its own."""

    def __init__(self, folder, offset=None, args=(), env=None):
        self.folder = str(folder)
        self.offset = free_offset() if offset is None else offset
        self.args = [str(a) for a in args]
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.log = os.path.join(self.folder + ".log")

    def port(self, service):
        return SERVICES[service] + self.offset

    def start(self):
        log = open(self.log, "ab")
        self.process = subprocess.Popen(
            [PROGRAM, "demo", "--dir", self.folder, "--offset", str(self.offset), *self.args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=self.env)
        log.close()
        self.greeting = self._read_until_ready()
        for service in SERVICES:
            self._wait_port(self.port(service))
        return self

    def _read_until_ready(self):
        """The demo prints its ports and the dialogue, then stays silent."""
        out = b""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"demo ended with {self.process.returncode}: "
                                     f"{out.decode()}{self.log_text()}")
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                more = os.read(self.process.stdout.fileno(), 65536)
                if not more:  # it closed its output: it is ending, and the check above says how
                    self.process.wait(START_SECONDS)
                out += more
            elif b"QUIT" in out.upper():
                break
        return out.decode()

    def _wait_port(self, port):
        def answers():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False
        wait_for(answers, START_SECONDS, f"port {port}")

    def log_text(self):
        with open(self.log, "rb") as f:
            return f.read().decode(errors="replace")

    def stop(self, seconds=15):
        """SIGTERM, and the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server does not stop")
        finally:
            self.process.stdout.close()
            self.process = None
        return code

    def kill_all(self):
        """kill -9 of every process of this server, the warden first."""
        pids = [self.process.pid] + [pid for pid, _ in self.roles()]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.process = None
        for pid in pids[1:]:
            wait_for(lambda: is_gone(pid), 10, "end of a role")

    def roles(self):
        """(pid, role) of the children, by the name they gave themselves."""
        found = []
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(children) as f:
            for pid in f.read().split():
                try:
                    with open(f"/proc/{pid}/comm") as comm:
                        found.append((int(pid), comm.read().strip()))
                except (FileNotFoundError, ProcessLookupError):  # it ended just now
                    pass
        return found

    def role_pids(self, role):
        return [pid for pid, name in self.roles() if role in name]

    def cli(self, *args, check=True, input=None):
        result = subprocess.run([PROGRAM, *[str(a) for a in args], "--dir", self.folder],
                                capture_output=True, timeout=60, input=input)
        if check and result.returncode != 0:
            raise AssertionError(f"postern {args}: {result.returncode}\n"
                                 f"{result.stdout.decode()}{result.stderr.decode()}")
        return result

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        assert "ERROR: AddressSanitizer" not in self.log_text(), self.log_text()[-5000:]
        assert not re.search(r"runtime error:|ERROR: LeakSanitizer|^BUG ", self.log_text(), re.M), \
            self.log_text()[-5000:]


class Line:
    """A person at telnet: types lines, reads lines, over any socket."""

    def __init__(self, port, host="127.0.0.1", tls=None, seconds=20):
        self.socket = socket.create_connection((host, port), seconds)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def read(self):
        return self.file.readline().decode("utf-8", "surrogateescape").rstrip("\r\n")

    def type(self, text):
        self.socket.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")
        return self

    def say(self, text):
        """Types a line and reads the (last line of the) reply."""
        self.type(text)
        return self.reply()

    def reply(self):
        line = self.read()
        while re.match(r"\d{3}-", line):
            line = self.read()
        return line

    def lines_to_dot(self):
        lines = []
        while True:
            line = self.read()
            if line == ".":
                return lines
            assert line != "" or self.file.peek(1), "connection ended within a reply"
            lines.append(line)

    def raw(self, octets):
        self.socket.sendall(octets)

    def rest(self):
        """Everything until the peer closes."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
