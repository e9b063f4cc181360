# SPDX-License-Identifier: GPL-2.0
"""Turn build/linux into a git repository: the pristine base, and one commit for each patch of the series.

The tag "base" is the pristine base. The branch "series" contains the patches, and its last commit is the tree that is built.
The program does not change the files in build/linux, so make does not rebuild them, and quilt still works. It adds only
.git, which takes 340 MB and about a minute of CPU time. After a change to this repository, run the program again. It keeps
the tag and replaces the branch. Do not edit files in build/linux, because make overwrites them.
"""
import argparse
import os
import subprocess
import sys
import time

from rig.run import boot
from rig.run.boot import say
from rig.series import series
from rig.series.series import LINUX, Failed, git

# Files that git, source.sh and quilt add to the tree.
NOT_IN_GIT = {".git", ".pc", ".unpacked"}
# The last commit that this program has made, to detect commits made by the user.
MADE = "refs/rig/made"


class Import:
    """A stream of commands for git fast-import, which writes one pack instead of one file per object."""

    def __init__(self):
        command = ["git", "-C", LINUX, "-c", "core.compression=1", "fast-import", "--quiet", "--force", "--depth=0"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)

    def write(self, text):
        self.process.stdin.write(text.encode())

    def data(self, content):
        self.write(f"data {len(content)}\n")
        self.process.stdin.write(content + b"\n")

    def commit(self, branch, who, message, parent=None):
        self.write(f"commit refs/heads/{branch}\n")
        for role in ("author", "committer"):
            self.write(f"{role} {who} {int(time.time())} +0000\n")
        self.data(message.encode())
        if parent:
            self.write(f"from {parent}\n")

    def file(self, path, directory):
        """Add the file `path` in `directory` to the commit. If the directory has no such file, delete `path` in the commit."""
        there = os.path.join(directory, path)
        if os.path.islink(there):
            mode, content = "120000", os.readlink(there).encode()
        elif os.path.exists(there):
            mode = "100755" if os.access(there, os.X_OK) and os.stat(there).st_mode & 0o100 else "100644"
            with open(there, "rb") as text:
                content = text.read()
        else:
            self.write(f"D {path}\n")
            return
        self.write(f"M {mode} inline {path}\n")
        self.data(content)

    def end(self):
        self.process.stdin.close()
        if self.process.wait():
            raise Failed("git fast-import failed")


def in_linux(*words, check=True):
    return series.run("git", "-C", LINUX, *words, check=check).strip()


def base_files(touched):
    """Yield the files in build/linux that the series does not change."""
    for directory, directories, files in os.walk(LINUX):
        directories[:] = sorted(set(directories) - NOT_IN_GIT)
        links = [name for name in directories if os.path.islink(os.path.join(directory, name))]
        for name in sorted(files + links):
            path = os.path.relpath(os.path.join(directory, name), LINUX)
            if path not in touched and path not in NOT_IN_GIT:
                yield path


def import_base(who, touched, pristine):
    """Create the base commit, unless the repository already has it."""
    name = f"Linux: {boot.base_source()}"
    if in_linux("log", "-1", "--format=%s", "base", check=False) == name:
        return
    stream = Import()
    stream.commit("series", who, name)
    for path in base_files(touched):
        stream.file(path, LINUX)
    for path in sorted(touched):
        if os.path.exists(os.path.join(pristine, path)):
            stream.file(path, pristine)
    stream.end()
    in_linux("tag", "-f", "base", "series")
    in_linux("update-ref", MADE, "series")


def prepare():
    """Create the repository, or check that the user has not committed to its branch "series"."""
    if not os.path.exists(os.path.join(LINUX, ".git")):
        series.run("git", "init", "-q", "--initial-branch=series", LINUX)
        for name, value in (("core.untrackedCache", "true"), ("gc.auto", "0")):
            in_linux("config", name, value)
        with open(os.path.join(LINUX, ".git/info/exclude"), "a") as ignored:
            ignored.write("/.pc\n/.unpacked\n")
    mine, made = (in_linux("rev-parse", "--verify", "-q", name, check=False) for name in ("refs/heads/series", MADE))
    if mine != made:
        raise Failed("the branch 'series' in build/linux has commits that you made: move them to another branch, "
                     f"and then run `git update-ref refs/heads/series {MADE}` there")


def make_tree():
    prepare()
    found = series.entries()
    touched = {path for entry in found for path in entry.touched()}
    work = series.unpack_base(sorted(touched))
    who = in_linux("var", "GIT_COMMITTER_IDENT", check=False).rpartition(">")[0]
    who = who + ">" if who else "vfio_ap <vfio_ap@localhost>"
    import_base(who, touched, work)
    stream, parent = Import(), "refs/tags/base^0"
    for entry in found:
        series.commit(work, entry)
        stream.commit("series", who, entry.message + "\n", parent)
        parent = None
        for path in git(work, "diff", "--name-only", "--no-renames", "HEAD^", "HEAD").split():
            stream.file(path, work)
    stream.end()
    in_linux("update-ref", MADE, "series")
    in_linux("symbolic-ref", "HEAD", "refs/heads/series")
    # Update only the index, not the files.
    in_linux("reset", "-q", "--mixed")
    differ = in_linux("status", "--porcelain")
    if differ:
        raise Failed(f"build/linux differs from the tree that the series gives:\n{differ}")
    return len(found)


def main():
    argparse.ArgumentParser(prog="python3 -m rig.series.tree", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    try:
        number = make_tree()
    except Failed as reason:
        say(f"FAILED: {reason}")
        return 1
    say(f"{boot.shown(LINUX)}: branch 'series', {number} patches on top of the tag 'base'")
    return 0


if __name__ == "__main__":
    sys.exit(main())
