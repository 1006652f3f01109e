# SPDX-License-Identifier: Apache-2.0
import ssl

import pytest

from postern import Postern


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One demo for the tests of a file; each test leaves the mailboxes empty or does not care."""
    with Postern(tmp_path_factory.mktemp("demo") / "data") as p:
        yield p


@pytest.fixture
def tls():
    """Accepts the demo's self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
