# SPDX-License-Identifier: GPL-2.0
"""Find out which patch of the series a test needs, so that the test can be skipped on a kernel without this patch.

Each file in series/NAME/ describes one patch, see rig/series/series.py. Its line "Shown-by:" contains the kernel variant, if
the test needs one, and a test that fails without the patch. Lines "Needed-by:" contain patterns of more such tests.
"""
import glob
import os
import re

from rig.run import boot


def applied():
    """Return the names of the patches for this base, in the order in which rig/build/source.sh applies them."""
    own = os.path.join(boot.TOP, "backport", boot.BASE, "series")
    with open(own if os.path.exists(own) else os.path.join(boot.TOP, "patches/series")) as lines:
        return lines.read().split()


def entries_for_base():
    """Return [(path, text)] of the files in series/ for this base. An older base may not need every patch in patches/."""
    found = []
    for path in [path for name in ("fixes", "vfio-ap") for path in sorted(glob.glob(os.path.join(boot.TOP, "series", name, "[0-9]*.txt")))]:
        with open(path) as lines:
            text = lines.read()
        patches = re.findall(r"^\S+\.patch$", text, re.M)
        if not patches or any(os.path.basename(patch) in applied() for patch in patches):
            found.append((path, text))
    return found


def needed():
    """Return [(pattern of tests, path of the patch that they need)]."""
    found = []
    for _, text in entries_for_base():
        patch = re.search(r"^(?!patches/ours/)\S+\.patch$", text, re.M)
        patterns = re.findall(r"^(?:Shown-by|Needed-by): (\w+:\S+)$", text, re.M)
        found += [(pattern, patch[0]) for pattern in patterns]
    return found
