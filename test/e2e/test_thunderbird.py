# SPDX-License-Identifier: Apache-2.0
"""Thunderbird without a window, told what to do through Marionette, its own remote control; it logs in,
lists, reads, marks, moves, deletes and expunges over IMAP, with a profile of its own."""

import json
import os
import signal
import socket
import subprocess

import pytest

from postern import free_port, wait_for
from test_move import PASSWORD, account, session  # noqa: F401 (a fixture)
from test_terminal_clients import imap, subjects  # noqa: F401 (a fixture)

HERE = os.path.dirname(os.path.abspath(__file__))
MESSAGE = "From: alice@crepes.fr\r\nTo: bob@hamburger.edu\r\nSubject: letter 3\r\n\r\nthe text of 3\r\n"


def preferences(profile, port, user, marionette):
    """An IMAP account without TLS; nothing is opened, asked for or looked up at the start."""
    imap_server, local = "mail.server.server1.", "mail.server.server2."
    return {
        "mail.accountmanager.accounts": "account1,account2",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.accountmanager.localfoldersserver": "server2",
        "mail.account.account1.identities": "id1", "mail.account.account1.server": "server1",
        "mail.account.account2.server": "server2", "mail.identity.id1.valid": True,
        "mail.identity.id1.useremail": user, "mail.identity.id1.fullName": "Bob",
        imap_server + "type": "imap", imap_server + "hostname": "127.0.0.1", imap_server + "port": port,
        imap_server + "socketType": 0, imap_server + "authMethod": 3, imap_server + "userName": user,
        imap_server + "name": "bob", imap_server + "login_at_startup": False,
        imap_server + "check_new_mail": False, imap_server + "delete_model": 0,
        imap_server + "directory-rel": "[ProfD]ImapMail/bob",
        imap_server + "directory": f"{profile}/ImapMail/bob",
        local + "type": "none", local + "hostname": "Local Folders", local + "name": "Local Folders",
        local + "userName": "nobody", local + "directory-rel": "[ProfD]Mail/Local Folders",
        "mail.rights.version": 1, "mail.shell.checkDefaultClient": False, "app.update.enabled": False,
        "mailnews.start_page.enabled": False, "mailnews.database.global.indexer.enabled": False,
        "datareporting.policy.dataSubmissionEnabled": False, "marionette.port": marionette,
        "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False,
    }


class Thunderbird:
    def __init__(self, folder, port, user):
        self.folder, self.number, self.marionette = str(folder), 0, free_port()
        rows = preferences(folder, port, user, self.marionette)
        with open(f"{folder}/user.js", "w", encoding="ascii") as f:
            f.writelines(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in rows.items())

    def __enter__(self):
        self.output = open(f"{self.folder}/output", "wb")
        self.process = subprocess.Popen(
            ["thunderbird", "--headless", "--no-remote", "--profile", self.folder, "--marionette",
             "--remote-allow-system-access"], stdout=self.output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env={**os.environ, "HOME": self.folder})
        self.socket = wait_for(self._connect, 60, "Thunderbird")
        self.socket.settimeout(60)
        self._read()
        self.ask("WebDriver:NewSession", {})
        self.ask("Marionette:SetContext", {"value": "chrome"})
        self.ask("WebDriver:SetTimeouts", {"script": 40000})
        return self

    def _connect(self):
        try:
            return socket.create_connection(("127.0.0.1", self.marionette), 1)
        except OSError:
            return None

    def _octets(self, count):
        got = b""
        while len(got) < count:
            more = self.socket.recv(count - len(got))
            assert more, "Thunderbird has ended"
            got += more
        return got

    def _read(self):
        length = b""
        while not length.endswith(b":"):
            length += self._octets(1)
        return json.loads(self._octets(int(length[:-1])))

    def ask(self, command, parameters):
        self.number += 1
        text = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def run(self, name, *words):
        with open(f"{HERE}/{name}", encoding="utf-8") as f:
            script = f.read()
        return self.ask("WebDriver:ExecuteAsyncScript", {"script": script, "args": words})["value"]

    def __exit__(self, *_):
        if hasattr(self, "socket"):
            self.socket.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()


@pytest.mark.timeout(120)
def test_thunderbird_reads_marks_moves_and_deletes(server, imap, account, tmp_path):  # noqa: F811
    imap.append("INBOX", None, None, MESSAGE.encode())
    with Thunderbird(tmp_path, server.port("imap"), account) as t:
        seen = t.run("thunderbird.js", PASSWORD)
        assert "error" not in seen, seen
        assert seen["count"] == 4 and "the text of 0" in seen["text"] and seen["left"] == 2
        assert {"Archive", "Drafts", "Sent", "Trash"} <= set(seen["folders"])
        # Marks are sent behind the answer.
        wait_for(lambda: subjects(imap, "INBOX").get(1) == [r"\Flagged"], 20, "the flag")
    assert subjects(imap, "INBOX")[0] == [r"\Seen"] and len(subjects(imap, "INBOX")) == 2
    assert list(subjects(imap, "Archive")) == [2]
