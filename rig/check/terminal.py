# SPDX-License-Identifier: GPL-2.0
"""Check that make, boot.py and QEMU end when the terminal of `xterm -e make shell` is closed.

When xterm starts make, make is the session leader, so the kernel sends SIGHUP only to make. The check builds nothing: a
sleeping program replaces QEMU, and a temporary directory replaces this repository. The exit status is 0 if all three programs
have ended.
"""
import argparse
import os
import pty
import shutil
import signal
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Timeout of each step, in seconds. On an idle machine, a step takes one second.
PATIENCE = 60
QEMU = """#!/bin/sh
echo $PPID $$ >pids.new
mv pids.new pids
exec sleep 600
"""


def until(condition):
    """Wait until the condition is true. Return False after PATIENCE seconds."""
    end = time.time() + PATIENCE
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as text:
            return text.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def tree_make(tree):
    """Create the files that boot.py needs, and a Makefile that calls boot.py like the real Makefile."""
    for directory in ("rig/run", "build", "bin"):
        os.makedirs(os.path.join(tree, directory))
    shutil.copy(os.path.join(TOP, "rig/run/boot.py"), os.path.join(tree, "rig/run"))
    os.symlink(os.path.join(TOP, "drivers"), os.path.join(tree, "drivers"))
    with open(os.path.join(tree, "Makefile"), "w") as out:
        out.write("shell:\n\t@python3 -m rig.run.boot shell\n")
    with open(os.path.join(tree, "bin/qemu-system-s390x"), "w") as out:
        out.write(QEMU)
    os.chmod(out.name, 0o755)


def shell_start(tree):
    """Start make as a session leader. Return (its pid, the master side of its terminal)."""
    pid, master = pty.fork()
    if not pid:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.chdir(tree)
        os.environ["PATH"] = f"{tree}/bin:{os.environ['PATH']}"
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            os.environ.pop(name, None)
        os.execvp("make", ["make", "shell"])
    return pid, master


def main():
    argparse.ArgumentParser(prog="python3 -m rig.check.terminal", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as tree:
        tree_make(tree)
        make, terminal = shell_start(tree)
        started = until(lambda: os.path.exists(os.path.join(tree, "pids")))
        pids = [make]
        if started:
            with open(os.path.join(tree, "pids")) as text:
                pids += map(int, text.read().split())
        os.close(terminal)
        ended = until(lambda: not any(map(runs, pids)))
        left = [name for name, pid in zip(("make", "boot.py", "QEMU"), pids) if runs(pid)]
        for pid in filter(runs, pids):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(make, 0)
    if not started:
        print("make shell did not start QEMU")
    elif not ended:
        print(f"still running after the terminal was closed: {' '.join(left)}")
    return 0 if started and ended else 1


if __name__ == "__main__":
    sys.exit(main())
