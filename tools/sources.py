# SPDX-License-Identifier: Apache-2.0
"""What the checks have in common: the list of files, and how a complaint is printed."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def tracked(*suffixes):
    """Paths below the root, of files that git knows or would add, ending in one of `suffixes`."""
    command = ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):  # a release tarball has no git
        names = [os.path.relpath(os.path.join(folder, name), ROOT)
                 for folder, _, found in os.walk(ROOT) for name in found]
        names = [n for n in names if not n.startswith((".git/", "build"))]
    return sorted(n for n in names
                  if n and n.endswith(suffixes or "") and os.path.isfile(os.path.join(ROOT, n)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def finish(what, complaints, checked):
    """Prints the complaints and ends the program: 0 when there are none."""
    for line in complaints:
        print(line)
    print(f"{what}: {checked} checked, {len(complaints)} to mend")
    sys.exit(1 if complaints else 0)
