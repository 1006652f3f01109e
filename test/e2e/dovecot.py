# SPDX-License-Identifier: Apache-2.0
"""A real Dovecot on loopback for a test, with a folder and ports of its own, ended by its pid."""

import os
import pwd
import signal
import socket
import subprocess

from postern import free_port, wait_for

CONFIG = """
base_dir = {run}
state_dir = {run}
log_path = {folder}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain
auth_master_user_separator = *
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
first_valid_uid = {uid}
mail_location = maildir:{folder}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
passdb {{
  driver = static
  master = yes
  args = password=master
}}
passdb {{
  driver = static
  args = password=hungry
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox "Sent Messages" {{
    special_use = \\Sent
    auto = create
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    def __init__(self, folder):
        self.folder = str(folder)
        self.ports = {name: free_port() for name in ("imap", "imaps", "pop3")}
        self.process = None

    def __enter__(self):
        mail, run = f"{self.folder}/mail", f"{self.folder}/run"
        os.makedirs(mail)
        os.makedirs(run)
        who = pwd.getpwuid(os.getuid())
        worker = pwd.getpwnam("nobody") if who.pw_uid == 0 else who
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", f"{self.folder}/key.pem", "-out", f"{self.folder}/cert.pem"],
                       check=True, capture_output=True)
        import grp
        for path in (self.folder, mail, run):
            os.chmod(path, 0o755)
        parent = self.folder
        while parent != "/":  # the folders of a test are closed for others
            os.chmod(parent, os.stat(parent).st_mode | 0o011)
            parent = os.path.dirname(parent)
        os.chown(mail, worker.pw_uid, worker.pw_gid)
        with open(f"{self.folder}/dovecot.conf", "w", encoding="utf-8") as f:
            f.write(CONFIG.format(folder=self.folder, run=run, user=worker.pw_name,
                                  group=grp.getgrgid(worker.pw_gid).gr_name, uid=worker.pw_uid,
                                  gid=worker.pw_gid, **self.ports))
        self.process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c",
                                         f"{self.folder}/dovecot.conf"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for(self.answers, 20, "Dovecot")
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"dovecot: {self.process.stderr.read().decode()}")
        try:
            with socket.create_connection(("127.0.0.1", self.ports["imap"]), 1) as s:
                s.settimeout(2)
                return s.recv(100).startswith(b"* OK")
        except OSError:
            return False

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)
        self.process.stderr.close()
