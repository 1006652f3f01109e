# SPDX-License-Identifier: Apache-2.0
"""Cyrus IMAP as Debian packages it, as a third side: a folder and a port of its own on loopback, ended
by its pid. It changes to the user cyrus by itself, so it can be started by root alone. The package
cyrus-imapd excludes dovecot-imapd, so its program is unpacked into that folder; what is shared comes
from cyrus-common, which excludes nothing."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from peers import free_port, wait_for

PROGRAMS = "/usr/lib/cyrus/bin"

IMAPD = """configdirectory: {dir}/config
proc_path: {dir}/proc
mboxname_lockpath: {dir}/lock
partition-default: {dir}/mail
defaultpartition: default
servername: localhost
admins: cyrus
altnamespace: yes
unixhierarchysep: yes
autocreate_quota: 0
autocreate_inbox_folders: Sent
allowplaintext: yes
sasl_mech_list: PLAIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {dir}/sasldb2
idlesocket: {dir}/idle
notifysocket: {dir}/notify
lmtpsocket: {dir}/lmtp
conversations: no
"""
SERVICES = """START {{
  recover cmd="{programs}/ctl_cyrusdb -C {dir}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{dir}/package/usr/lib/cyrus/bin/imapd -C {dir}/imapd.conf -U 100000" listen="127.0.0.1:{imap}" proto="tcp4"
    prefork=5 maxchild=6000
}}
EVENTS {{
}}
"""


def can_start():
    return os.getuid() == 0 and os.path.exists(f"{PROGRAMS}/master") and \
        shutil.which("saslpasswd2") is not None


class Cyrus:
    """Its users are u0, u1 ... without a domain."""

    user_format = "u%d"

    def __init__(self, users, password):
        self.folder = tempfile.mkdtemp(prefix="cyrus-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.imap = free_port()
        owner = pwd.getpwnam("cyrus")
        for name in ("config", "proc", "lock", "mail"):
            os.mkdir(f"{self.folder}/{name}")
        for name, text in (("imapd.conf", IMAPD), ("cyrus.conf", SERVICES)):
            with open(f"{self.folder}/{name}", "w", encoding="ascii") as f:
                f.write(text.format(dir=self.folder, imap=self.imap, programs=PROGRAMS)
                        .replace('"\n    prefork', '" prefork'))
        subprocess.run("apt-get -qq download cyrus-imapd && dpkg -x cyrus-imapd_*.deb package",
                       shell=True, cwd=self.folder, check=True, capture_output=True)
        for n in range(users):
            subprocess.run(["saslpasswd2", "-p", "-c", "-f", f"{self.folder}/sasldb2", "-u",
                            "localhost", f"u{n}"], input=password.encode(), check=True)
        for name in ("", "/config", "/proc", "/lock", "/mail", "/sasldb2"):
            os.chown(self.folder + name, owner.pw_uid, owner.pw_gid)
        self.process = None

    def greets(self):
        import socket
        try:
            with socket.create_connection(("127.0.0.1", self.imap), 1) as s:
                s.settimeout(5)
                return s.recv(100).startswith(b"* OK")
        except OSError:
            return False

    def __enter__(self):
        self.process = subprocess.Popen(
            [f"{PROGRAMS}/master", "-C", f"{self.folder}/imapd.conf", "-M",
             f"{self.folder}/cyrus.conf", "-p", f"{self.folder}/pid"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.greets, 30, "Cyrus")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
