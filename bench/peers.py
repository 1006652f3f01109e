# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured beside each other: Postern, and Postfix with Dovecot as Debian
packages them, each with durable settings, a folder and ports of its own, on loopback."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../test/e2e"))
os.environ.setdefault("POSTERN", os.path.join(os.path.dirname(__file__), "../build/postern"))
from postern import Postern, free_port, wait_for  # noqa: E402
from postfix import Postfix  # noqa: E402

USERS = 20
PASSWORD = "hungry"

DOVECOT = """base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
protocols = imap lmtp pop3
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
mail_uid = {uid}
mail_gid = {gid}
mail_location = {format}:{dir}/mail/%u
mail_fsync = optimized
mail_max_userip_connections = 100000
default_process_limit = 6000
default_client_limit = 20000
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
  service_count = 0
  process_min_avail = 2
}}
service imap {{
  process_limit = 6000
}}
service pop3-login {{
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
  service_count = 0
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
"""

FTS_XAPIAN = """
mail_plugins = fts fts_xapian
service indexer-worker {{
  vsz_limit = 0
}}
plugin {{
  fts = xapian
  fts_xapian = partial=3 full=20
  fts_autoindex = no
  fts_enforced = yes
}}
"""


class Dovecot:
    def __init__(self, format="mdbox", more=""):
        self.folder = tempfile.mkdtemp(prefix="dovecot-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.imap, self.lmtp, self.pop3 = free_port(), free_port(), free_port()
        user = pwd.getpwnam("mail")
        for name in ("run", "state", "mail"):
            os.mkdir(f"{self.folder}/{name}")
        os.chown(f"{self.folder}/mail", user.pw_uid, user.pw_gid)
        self.config = f"{self.folder}/dovecot.conf"
        with open(self.config, "w") as f:
            f.write((DOVECOT + more).format(dir=self.folder, uid=user.pw_uid, gid=user.pw_gid,
                                   format=format, imap=self.imap, lmtp=self.lmtp,
                                   pop3=self.pop3, password=PASSWORD))

    def doveadm(self, *args):
        subprocess.run(["doveadm", "-c", self.config, *args], check=True, capture_output=True)

    def start(self):
        # The master keeps what it was given as output, so a pipe would never end.
        subprocess.run(["dovecot", "-c", self.config], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: answers(self.imap) and answers(self.lmtp) and
                 os.path.exists(f"{self.folder}/run/master.pid"), 20, "Dovecot")
        return self

    def pid(self):
        with open(f"{self.folder}/run/master.pid") as f:
            return int(f.read())

    def halt(self):
        pid = self.pid()
        subprocess.run(["doveadm", "-c", self.config, "stop"], capture_output=True)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 20, "Dovecot's end")

    def stop(self):
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def store(self):
        """What a fresh copy of all mail is a copy of."""
        return f"{self.folder}/mail"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def answers(port):
    import socket
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class PostfixDovecot:
    """Postfix takes the mail and gives it to Dovecot by LMTP."""

    def __init__(self):
        self.dovecot = Dovecot()
        self.postfix = Postfix("hamburger.edu")
        with open(f"{self.postfix.folder}/etc/main.cf", "a") as f:
            f.write(f"mailbox_transport = lmtp:inet:127.0.0.1:{self.dovecot.lmtp}\n"
                    "local_transport = $mailbox_transport\n"
                    f"transport_maps =\nlmtp_destination_recipient_limit = 50\n")
        self._add_lmtp(self.postfix)

    @staticmethod
    def _add_lmtp(postfix):
        with open(f"{postfix.folder}/etc/master.cf", "a") as f:
            f.write("lmtp unix - - n - - lmtp\n")

    def __enter__(self):
        self.dovecot.start()
        self.postfix.start()
        return self

    def __exit__(self, *_):
        self.postfix.stop()
        self.dovecot.stop()

    @property
    def smtp(self):
        return self.postfix.port

    @property
    def imap(self):
        return self.dovecot.imap


class Ours:
    """`postern demo` as released, with accounts u0..u19@hamburger.edu."""

    def __init__(self, args=(), users=USERS):
        self.folder = tempfile.mkdtemp(prefix="postern-", dir="/var/tmp")
        self.users = users
        self.postern = Postern(f"{self.folder}/data", args=args)

    def __enter__(self):
        self.postern.start()
        for n in range(self.users):
            self.postern.cli("account", "add", f"u{n}@hamburger.edu", "--password-stdin",
                             input=PASSWORD.encode() + b"\n")
        return self

    def __exit__(self, *_):
        self.postern.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        self.postern.start()

    def halt(self):
        self.postern.stop()

    def index_status(self):
        rows = json.loads(self.postern.cli("index", "status", "--json").stdout)
        return {row["counter"]: row["value"] for row in rows}

    def wait_for_index(self):
        while self.index_status()["emails_waiting"] > 0:
            time.sleep(0.1)

    def store(self):
        return f"{self.folder}/data"

    @property
    def pop3(self):
        return self.postern.port("pop3")

    @property
    def smtp(self):
        return self.postern.port("smtp")

    @property
    def imap(self):
        return self.postern.port("imap")


def pss_kib(root, what="Pss:"):
    """Sum of PSS of a process and all its descendants. Pss_Anon: without the pages of programs and
    libraries, whose share changes with what else runs on the machine."""
    total, left = 0, [root]
    while left:
        pid = left.pop()
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as f:
                    left += [int(c) for c in f.read().split()]
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith(what))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total
