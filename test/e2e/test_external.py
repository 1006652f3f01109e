# SPDX-License-Identifier: Apache-2.0
"""Logging in with a certificate (SASL EXTERNAL) over IMAP, POP3 and submission, with certificates
that an authority made here has signed, and some that do not count."""

import imaplib
import poplib
import signal
import smtplib
import socket
import ssl
import subprocess
import types

import pytest

from postern import Postern, wait_for
from test_clients import PASSWORD, letter

ALICE = "alice@crepes.fr"


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def authority(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")


def client(folder, name, signer, alt_names, days=2):
    """name.pem: the certificate and its key in one file."""
    (folder / f"{name}.ext").write_text(f"subjectAltName={alt_names}\nextendedKeyUsage=clientAuth\n")
    openssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{signer}.pem", "-CAkey",
            f"{signer}.key", "-CAcreateserial", "-out", f"{name}.crt", "-days", str(days),
            "-extfile", f"{name}.ext")
    both = (folder / f"{name}.crt").read_text() + (folder / f"{name}.key").read_text()
    (folder / f"{name}.pem").write_text(both)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("external")
    authority(folder, "ours")
    authority(folder, "foreign")
    client(folder, "alice", "ours", f"email:{ALICE}")
    client(folder, "nobody", "ours", "email:carol@elsewhere.example")
    client(folder, "forged", "foreign", f"email:{ALICE}")
    client(folder, "expired", "ours", f"email:{ALICE}", days=-1)
    with Postern(folder / "data", args=["--set", f'tls.client_ca_file="{folder}/ours.pem"', "--set",
                                        'auth.failure_delay="0s"']) as p:
        yield types.SimpleNamespace(server=p, folder=folder)


def tls_as(house, name, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version is not None:
        context.maximum_version = version
    if name is not None:
        context.load_cert_chain(house.folder / f"{name}.pem")
    return context


def imap_as(house, name, version=None):
    return imaplib.IMAP4_SSL("127.0.0.1", house.server.port("imaps"),
                             ssl_context=tls_as(house, name, version))


@pytest.mark.parametrize("version", [None, ssl.TLSVersion.TLSv1_2])
def test_a_certificate_lets_in_whom_it_names(house, version):
    with imap_as(house, "alice", version) as c:
        assert "AUTH=EXTERNAL" in c.capabilities
        c.authenticate("EXTERNAL", lambda _: b"")
        assert c.select()[0] == "OK"


def test_it_lets_her_act_as_nobody_else(house):
    with imap_as(house, "alice") as c:
        for name in (b"bob@hamburger.edu", b"carol@nowhere.example"):
            with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
                c.authenticate("EXTERNAL", lambda _: name)
        c.authenticate("EXTERNAL", lambda _: ALICE.encode())


@pytest.mark.parametrize("name", ["forged", "expired", None])
def test_a_certificate_that_does_not_count_is_no_way_in_and_no_hindrance(house, name):
    with imap_as(house, name) as c:
        assert "AUTH=EXTERNAL" not in c.capabilities
        with pytest.raises(imaplib.IMAP4.error):
            c.authenticate("EXTERNAL", lambda _: b"")
        c.login(ALICE, PASSWORD)


def test_a_certificate_of_somebody_without_an_account_is_refused(house):
    with imap_as(house, "nobody") as c:
        assert "AUTH=EXTERNAL" in c.capabilities
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            c.authenticate("EXTERNAL", lambda _: b"")


def test_pop3_and_starttls(house):
    p = poplib.POP3("127.0.0.1", house.server.port("pop3"))
    assert "EXTERNAL" not in p.capa()["SASL"]
    p.stls(tls_as(house, "alice"))
    assert "EXTERNAL" in p.capa()["SASL"]
    p._shortcmd("AUTH EXTERNAL =")
    assert p.stat()[0] >= 0
    p.quit()


def test_submission(house):
    with smtplib.SMTP("127.0.0.1", house.server.port("submission"), "there.example") as s:
        s.starttls(context=tls_as(house, "alice"))
        s.ehlo()
        assert "EXTERNAL" in s.esmtp_features["auth"]
        assert s.docmd("AUTH", "EXTERNAL =")[0] == 235
        s.send_message(letter("certified"))


def test_a_resumed_session_is_still_hers(house):
    context = tls_as(house, "alice", ssl.TLSVersion.TLSv1_2)
    with imaplib.IMAP4_SSL("127.0.0.1", house.server.port("imaps"), ssl_context=context) as c:
        session = c.sock.session

    def resumed():
        with socket.create_connection(("127.0.0.1", house.server.port("imaps"))) as plain:
            with context.wrap_socket(plain, session=session) as s:
                assert b"AUTH=EXTERNAL" in s.recv(4096)
                return s.session_reused
    # Each gate knows its own sessions alone, and the kernel chooses the gate.
    assert any(resumed() for _ in range(40))


def test_a_reload_brings_another_authority(house):
    """The file's place stays, what is in it counts from the signal on."""
    ours = (house.folder / "ours.pem").read_text()
    (house.folder / "ours.pem").write_text((house.folder / "foreign.pem").read_text())
    house.server.process.send_signal(signal.SIGHUP)

    def offered(name):
        with imap_as(house, name) as c:
            return "AUTH=EXTERNAL" in c.capabilities
    wait_for(lambda: offered("forged"), 5, "the other authority")
    wait_for(lambda: not offered("alice"), 5, "the other authority in every gate")
    (house.folder / "ours.pem").write_text(ours)
    house.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: offered("alice"), 5, "the first authority")
