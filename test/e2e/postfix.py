# SPDX-License-Identifier: Apache-2.0
"""A real Postfix with a configuration, queue and ports of its own, on loopback."""

import os
import pwd
import shutil
import subprocess
import tempfile

from postern import Line, free_port, wait_for

MAIN = """compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = {host}
mydomain = {host}
myorigin = {host}
mydestination = {host}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
mailbox_transport = virtual
virtual_mailbox_base = {dir}/mail
virtual_mailbox_domains =
virtual_mailbox_maps = static:box
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
relayhost = {relay}
smtp_dns_support_level = disabled
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
smtpd_peername_lookup = no
smtputf8_enable = yes
import_environment = MAIL_CONFIG={dir}/etc
"""

MASTER = """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    def __init__(self, host, relay=""):
        # Postfix's users must be able to reach the folder: tests' own folders are private.
        self.folder = tempfile.mkdtemp(prefix="postfix-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.host, self.port = host, free_port()
        user = pwd.getpwnam("postfix")
        for name in ("etc", "queue", "data", "mail"):
            os.mkdir(f"{self.folder}/{name}")
        os.chown(f"{self.folder}/data", user.pw_uid, user.pw_gid)
        os.chown(f"{self.folder}/mail", user.pw_uid, user.pw_gid)
        with open(f"{self.folder}/etc/main.cf", "w") as f:
            f.write(MAIN.format(dir=self.folder, host=host, relay=relay, uid=user.pw_uid,
                                gid=user.pw_gid))
        with open(f"{self.folder}/etc/master.cf", "w") as f:
            f.write(MASTER.format(port=self.port))

    def start(self):
        subprocess.run(["postfix", "-c", f"{self.folder}/etc", "start"], check=True,
                       capture_output=True, timeout=30)

        def answers():
            try:
                with Line(self.port) as t:
                    return t.reply().startswith("220")
            except OSError:
                return False
        wait_for(answers, 20, "Postfix")
        return self

    def mail(self):
        """The mbox that takes everything."""
        try:
            with open(f"{self.folder}/mail/box", "rb") as f:
                return f.read()
        except FileNotFoundError:
            return b""

    def flush(self):
        """Asks it to try everything that waits again, now."""
        subprocess.run(["postqueue", "-c", f"{self.folder}/etc", "-f"], check=True, timeout=30)

    def log(self):
        with open(f"{self.folder}/log", "rb") as f:
            return f.read().decode(errors="replace")

    def stop(self):
        subprocess.run(["postfix", "-c", f"{self.folder}/etc", "stop"], capture_output=True,
                       timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
