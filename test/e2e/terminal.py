# SPDX-License-Identifier: Apache-2.0
"""A terminal of 24 lines of 100 columns with a full-screen program at it: what the program shows is
read all the time into a screen (pyte), keys are typed when what they answer is there. Everything is
bounded in time, and the program is ended by its process id."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pyte

LINES, COLUMNS = 24, 100
SECONDS = 20


class Terminal:
    def __init__(self, *command, home):
        self.screen = pyte.Screen(COLUMNS, LINES)
        # What a program asks its terminal is answered, or it would wait.
        self.screen.write_process_input = lambda text: os.write(self.fd, text.encode())
        self.stream = pyte.ByteStream(self.screen)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # The size is there before the program looks: without one some take 0 columns for true.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
            words = [str(c) for c in command]
            os.execvpe(words[0], words, {
                "PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm", "USER": "alice",
                "LANG": "C.UTF-8", "LOGNAME": "alice", "SHELL": "/bin/sh", "PAGER": "cat",
                "EDITOR": "true", "XDG_CONFIG_HOME": f"{home}/config",
                "XDG_CACHE_HOME": f"{home}/cache", "XDG_DATA_HOME": f"{home}/data",
                "TMPDIR": str(home)})
        self.ended = False

    def _read(self, seconds):
        """False once the program has ended."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            more = os.read(self.fd, 65536)
        except OSError:  # the other end of a terminal is gone: the program has ended
            more = b""
        self.stream.feed(more)
        self.ended = not more
        return not self.ended

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def expect(self, pattern, seconds=SECONDS):
        """Waits until that stands on the screen."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text()):
            if self.ended or time.monotonic() > deadline:
                raise AssertionError(f"'{pattern}' was not shown, but:\n{self.text()}")
            self._read(0.1)
        return self

    def type(self, keys):
        os.write(self.fd, keys.encode())
        return self

    def say(self, pattern, keys):
        """Types the keys when that is shown."""
        return self.expect(pattern).type(keys)

    def wait(self, seconds=SECONDS):
        """Until the program has ended; its exit code."""
        deadline = time.monotonic() + seconds
        while self._read(0.1):
            if time.monotonic() > deadline:
                raise AssertionError(f"it does not end:\n{self.text()}")
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = None
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
