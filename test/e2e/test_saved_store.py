# SPDX-License-Identifier: Apache-2.0
"""Every store that an earlier program wrote opens, is whole, and shows what it showed then; also when
its tables are lost and made anew from the journal."""

import glob
import json
import os
import shutil
import tarfile

import pytest

from postern import Postern
from saved_store import CORPUS, seen

NAMES = sorted(os.path.basename(path)[:-len(".tar.xz")]
               for path in glob.glob(os.path.join(CORPUS, "*.tar.xz")))


def test_there_is_a_saved_store():
    assert "store-1" in NAMES


@pytest.mark.parametrize("tables", ["kept", "lost"])
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_store_opens_whole(tmp_path, name, tables):
    with tarfile.open(os.path.join(CORPUS, name + ".tar.xz")) as archive:
        archive.extractall(tmp_path)
    if tables == "lost":
        shutil.rmtree(tmp_path / "store/tables")
    with open(os.path.join(CORPUS, name + ".json"), encoding="utf-8") as f:
        expected = json.load(f)
    with Postern(tmp_path / "store", args=["--dns", "127.0.0.1:9"]) as server:
        assert seen(server) == expected
        server.cli("check")  # fails when something does not agree
