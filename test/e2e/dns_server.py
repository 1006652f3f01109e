# SPDX-License-Identifier: Apache-2.0
"""A real authoritative DNS server (nsd) on a port of its own, with zones that a test writes."""

import os
import signal
import socket
import subprocess

from postern import free_port, wait_for

TEMPLATE = """server:
  ip-address: 127.0.0.1@{port}
  port: {port}
  username: ""
  chroot: ""
  zonesdir: "{dir}"
  database: ""
  pidfile: "{dir}/nsd.pid"
  xfrdfile: "{dir}/xfrd.state"
  xfrdir: "{dir}"
  zonelistfile: "{dir}/zone.list"
  server-count: 1
  verbosity: 0
remote-control:
  control-enable: no
"""


class DnsServer:
    def __init__(self, folder, zones):
        """zones: name -> records below it, as in a zone file."""
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.port = free_port()
        config = TEMPLATE.format(port=self.port, dir=self.folder)
        for name, records in zones.items():
            with open(f"{self.folder}/{name}.zone", "w") as f:
                f.write(f"$ORIGIN {name}.\n$TTL 60\n@ SOA ns hostmaster 1 60 60 60 5\n@ NS ns\n"
                        f"ns A 127.0.0.1\n{records}\n")
            config += f'zone:\n  name: "{name}"\n  zonefile: "{name}.zone"\n'
        with open(f"{self.folder}/nsd.conf", "w") as f:
            f.write(config)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        nsd = "/usr/sbin/nsd"
        self.process = subprocess.Popen([nsd, "-d", "-c", f"{self.folder}/nsd.conf"],
                                        stdout=subprocess.DEVNULL,
                                        stderr=open(f"{self.folder}/nsd.log", "wb"))
        name = next(f for f in os.listdir(self.folder) if f.endswith(".zone"))[:-5]

        question = (b"\x12\x34\0\0\0\1\0\0\0\0\0\0" +
                    b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) +
                    b"\0\0\x06\0\x01")  # SOA, IN

        def answers():
            assert self.process.poll() is None, open(f"{self.folder}/nsd.log").read()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(0.1)
                s.connect(("127.0.0.1", self.port))
                try:
                    s.send(question)
                    reply = s.recv(512)
                except OSError:  # nobody listens yet
                    return False
                return reply[:2] == question[:2] and reply[3] & 15 == 0
        wait_for(answers, 15, "nsd")
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
