# SPDX-License-Identifier: GPL-2.0
"""Make the patch series build/series/fixes and build/series/vfio-ap, and check them as a maintainer would.

The series fixes applies to the base kernel, and vfio-ap applies on top of fixes. Each file in series/NAME/ describes one
patch. It contains the subject and the message, a line ---, and patterns for the files in the patch, one per line. A pattern
that ends with .patch names a patch in patches/, which also provides the message if the file contains none. A patch in
backport/BASE/ replaces the patch of the same name in patches/. The series for a base contains only the patches that
backport/BASE/series lists, or patches/series if the base has no backport.

The driver in drivers/ does not depend on patches to other code. If the driver can use such a patch, a patch in patches/ours/
adds the necessary lines to the driver. One file in series/ names both patches, and the message of the first is followed by
the text of the one in patches/ours/.

If a patch changes code of the base kernel and adds no files of this repository, its file in series/ needs a line "Shown-by:"
with a test that fails without the patch, or a line "Not-shown:" with the reason why no test fails. Lines "Needed-by:" have
patterns of additional tests that fail without the patch, see rig/test/patches.py. series/NAME/cover.txt is the cover letter,
in which the program replaces @BASE@, @SIZES@, @MEASURED@, @FAULTS@, @SHOWN@ and the names of patches, such as @18-sie@.

The program checks that each of our files is in exactly one patch, that `git am` on the pristine base gives the tree that is
built, that checkpatch and get_maintainer report nothing, that SPDX lines are present, and that UAPI headers compile. Without
--fast, it also runs Coccinelle, builds the kernel after each patch, and runs the test of each fix with and without the fix.
The kernel without a fix still has all later patches, because they add the tests and the simulator. `make check` runs sparse,
kernel-doc and Sphinx.
"""
import argparse
import concurrent.futures
import fnmatch
import glob
import os
import re
import shutil
import subprocess
import sys
import time

from rig.check import cocci
from rig.mutate import mutate
from rig.run import boot
from rig.run.boot import say
from rig.series import series_builds
from rig.test import test
from rig.test.patches import applied, entries_for_base

TOP = boot.TOP
LINUX = os.path.join(boot.BUILD, "linux")
WORK = os.path.join(boot.BUILD, "series-work")
OUT = os.path.join(boot.BUILD, "series")
NAMES = ("fixes", "vfio-ap")
BACKPORT = os.path.join("backport", boot.BASE)
TARBALL = os.path.join(boot.BUILD, "linux-source.tar.xz")
# If a patch adds more lines than this, the cover letter must explain why.
LARGE = 1500
CROSS = "s390x-linux-gnu-"
# main() sets this for --signoff.
sign_off = False


class Failed(Exception):
    pass


def run(*command, cwd=None, text=None, check=True):
    done = subprocess.run(command, cwd=cwd, input=text, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise Failed(f"{' '.join(command[:6])}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def git(tree, *words, **more):
    nobody = [] if sign_off else ["-c", "user.name=vfio_ap", "-c", "user.email=vfio_ap@localhost"]
    return run("git", "-C", tree, *nobody, "-c", "gc.auto=0", *words, **more)


def ours():
    """Return the files of this repository that belong in the kernel."""
    return git(TOP, "ls-files", "-co", "--exclude-standard", "--", "arch", "drivers", "include", "Documentation", "tools").split()


def for_base(path):
    """Return the path of the patch that this base uses in place of a patch in patches/."""
    own = path.replace("patches/", BACKPORT + "/", 1)
    return own if os.path.exists(os.path.join(TOP, own)) else path


def is_ours(path):
    """Check whether a patch changes files of this repository."""
    return path.startswith("patches/ours/")


def text_of(path):
    """Return the subject and the text of a patch's message."""
    with open(os.path.join(TOP, path)) as patch:
        subject, _, text = patch.read().partition("---\n")[0].partition("\n")
    return subject, text.strip()


def place(path):
    """Map the path of a file in this repository to its path in the kernel, as rig/build/overlay.sh does."""
    return path.replace("Documentation/s390/", "Documentation/arch/s390/")


def patched(path):
    with open(os.path.join(TOP, path)) as patch:
        return re.findall(r"^\+\+\+ [^/\n]*/(\S+)", patch.read(), re.M)


class Entry:
    """One patch of a series."""

    def __init__(self, path, files):
        self.series, self.name = os.path.basename(os.path.dirname(path)), os.path.splitext(os.path.basename(path))[0]
        with open(path) as lines:
            self.message, _, rest = lines.read().partition("---\n")
        shown = [line for line in rest.split("\n") if re.match(r"(Shown-by|Not-shown): \S", line)]
        patterns = [line for line in rest.split("\n") if line and not re.match(r"[A-Z][a-z-]+: ", line)]
        self.patches = [for_base(pattern) for pattern in patterns if pattern.endswith(".patch")]
        self.files = [file for pattern in patterns for file in files if fnmatch.fnmatch(file, pattern)]
        if not self.message.strip():
            self.message = "\n\n".join([*text_of(self.patches[0]), *(text_of(patch)[1] for patch in self.patches if is_ours(patch))])
        self.message = self.message.removeprefix("Subject: ").strip()
        if not self.files and not self.patches:
            raise Failed(f"{path}: names no files and no patches")
        of_base = not self.files and any(file.endswith((".c", ".h")) for patch in self.patches for file in patched(patch))
        if len(shown) != of_base:
            raise Failed(f"{path}: must have one line `Shown-by: test` or `Not-shown: reason` if the patch changes only code of the base, and otherwise none")

    def touched(self):
        return sorted({*map(place, self.files), *(file for patch in self.patches for file in patched(patch))})


def entries():
    """Return all patches of both series. Fail unless each file is in exactly one patch."""
    files = ours()
    found = [Entry(path, files) for path, _ in entries_for_base()]
    carried = [file for entry in found for file in entry.files]
    left = [file for file in files if carried.count(file) != 1]
    patches = sorted({for_base(os.path.relpath(path, TOP)) for directory in ("patches", "patches/ours", BACKPORT)
                      for path in glob.glob(os.path.join(TOP, directory, "*.patch"))
                      if os.path.basename(path) in applied()})
    left += [path for path in patches if sum(path in entry.patches for entry in found) != 1]
    if left:
        raise Failed(f"not in exactly one patch of series/: {' '.join(left)}")
    return found


def unpack_base(paths):
    """Create a repository whose first commit contains the pristine base files that the series changes."""
    tree = os.path.join(WORK, "base")
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(tree)
    top = boot.base_source().split()[0]
    names = [f"{top}/{path}" for path in paths]
    # tar reports an error for each file that a patch adds, and unpacks all other files.
    done = subprocess.run(["tar", "-C", tree, "--strip-components=1", "-xf", TARBALL, *names], capture_output=True, text=True, check=False)
    wrong = [line for line in done.stderr.split("\n") if line and not re.search(r"Not found in archive|previous errors", line)]
    if wrong:
        raise Failed(f"{TARBALL}: {wrong[0]}")
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "base")
    git(tree, "tag", "base")
    unpatch_ours()
    return tree


def unpatch_ours():
    """In WORK/plain, make copies of the files that patches/ours/ changes, and revert these patches in the copies."""
    plain = os.path.join(WORK, "plain")
    patches = [f"patches/ours/{name}" for name in applied() if os.path.exists(os.path.join(TOP, "patches/ours", name))]
    for file in {file for path in patches for file in patched(path)}:
        os.makedirs(os.path.dirname(os.path.join(plain, file)), exist_ok=True)
        shutil.copy(os.path.join(LINUX, file), os.path.join(plain, file))
    for path in reversed(patches):
        run("patch", "-p1", "-R", "-F0", "--batch", "--no-backup-if-mismatch", "-d", plain, "-i", os.path.join(TOP, path))


def commit(tree, entry):
    for patch in entry.patches:
        run("patch", "-p1", "--batch", "--forward", "--no-backup-if-mismatch", "-d", tree, "-i", os.path.join(TOP, patch))
    for file in entry.files:
        there = os.path.join(tree, place(file))
        os.makedirs(os.path.dirname(there), exist_ok=True)
        # Copy the file from LINUX, where it is adapted to this base.
        plain = os.path.join(WORK, "plain", place(file))
        shutil.copy(plain if os.path.exists(plain) else os.path.join(LINUX, place(file)), there)
    git(tree, "add", "-A")
    git(tree, "commit", "-q", *(["-s"] if sign_off else []), "-F", "-", text=entry.message)


def sizes(tree, found):
    """Return [(entry, lines added, lines removed)]."""
    rows = []
    for entry, line in zip(found, git(tree, "log", "--reverse", "--format=%x00", "--numstat", "base..").split("\0")[1:]):
        numbers = [row.split("\t") for row in line.split("\n") if row.strip()]
        rows.append((entry, sum(int(row[0]) for row in numbers), sum(int(row[1]) for row in numbers)))
    return rows


def results(page):
    with open(os.path.join(TOP, "doc", page)) as text:
        return text.read()


def measured():
    """Return the first table in doc/measurements.rst as plain text, without markup."""
    rule = r"=+(?:  =+)+\n"
    table = re.search(rf"^{rule}(.*?\n)(?={rule}\n)", results("measurements.rst"), re.M | re.S)[1].replace(
        re.search(rule, results("measurements.rst"))[0], "").rstrip("\n")
    # Keep the columns aligned.
    return re.sub(r"``(.*?)``(.*?)(?=  )", r"\1\2    ", table)


def faults():
    """Return a list of the tests that fail with the stock driver and pass with this driver."""
    cells = re.findall(r"^   \* - (.*) \(\w+\)\n     - fails\n(?:     - .*\n)?     - passes$", results("tests-by-driver.rst"), re.M)
    return "\n".join(f"- {name}" for name in cells)


def shown(missing, rows):
    """Return a list of the patches without which a test fails."""
    numbers = {f"without-{entry.name}": number for number, (entry, _, _) in enumerate(rows, 1)}
    missing = [each for each in missing if each.name in numbers]
    return "\n".join(f"  patch {numbers[each.name]}: {each.test}" + (f" (in the {each.variant} kernel)" if each.variant else "") for each in missing)


def write_series(tree, rows, missing):
    shutil.rmtree(OUT, ignore_errors=True)
    first = "base"
    for name in NAMES:
        these = [row for row in rows if row[0].series == name]
        last = git(tree, "rev-list", "--reverse", f"{first}..").split()[len(these) - 1]
        git(tree, "format-patch", "-q", "-o", os.path.join(OUT, name), "--cover-letter", "--zero-commit", f"{first}..{last}")
        write_cover(name, these, missing)
        first = last


def write_cover(name, rows, missing):
    with open(os.path.join(TOP, "series", name, "cover.txt")) as text:
        subject, _, cover = text.read().partition("\n")
    table = "\n".join(f"  {add:6} {gone:5}  {entry.message.partition(chr(10))[0]}" for entry, add, gone in rows)
    for entry, add, _ in rows:
        if add > LARGE and f"{entry.name}:" not in cover:
            raise Failed(f"{entry.name}: {add} lines, but the cover letter does not explain why in a line `{entry.name}: ...`")
    # Refer to patches by number, because the readers of the cover letter do not know the file names in series/.
    for number, (entry, _, _) in enumerate(rows, 1):
        cover = cover.replace(f"{entry.name}:", f"patch {number}:").replace(f"@{entry.name}@", str(number))
    cover = cover.replace("@SIZES@", "   added  gone  patch\n" + table)
    cover = cover.replace("@MEASURED@", measured()).replace("@FAULTS@", faults())
    cover = cover.replace("@SHOWN@", shown(missing, rows)).replace("@BASE@", boot.base_source())
    left = re.search(r"@[\w-]+@|^None$", cover, re.M)
    if left or not faults():
        raise Failed(f"the cover letter of {name} lacks {left[0] if left else 'the faults'}")
    path = glob.glob(os.path.join(OUT, name, "0000-*"))[0]
    with open(path) as letter:
        text = letter.read()
    text = text.replace("*** SUBJECT HERE ***", subject.removeprefix("Subject: ")).replace("*** BLURB HERE ***", cover.strip())
    with open(path, "w") as letter:
        letter.write(text)


def written():
    """Return the paths of the patches of both series in order, without the cover letters."""
    return [path for name in NAMES for path in sorted(glob.glob(os.path.join(OUT, name, "0*.patch")))[1:]]


def check_am(tree, found):
    """Check that `git am` on the pristine base gives the tree that is built."""
    again = os.path.join(WORK, "am")
    run("git", "clone", "-q", tree, again)
    git(again, "reset", "-q", "--hard", "base")
    git(again, "am", "-q", *written())
    differ = []
    for path in sorted({path for entry in found for path in entry.touched()}):
        here, there = os.path.join(again, path), os.path.join(LINUX, path)
        if not os.path.exists(here) or not os.path.exists(there) or open(here, "rb").read() != open(there, "rb").read():
            differ.append(path)
    if differ:
        raise Failed(f"git am gives a tree that differs from the built tree: {' '.join(differ)}")
    return again


def exceptions():
    with open(os.path.join(TOP, "rig/check/exceptions.txt")) as lines:
        rules = [f"(?:{line.partition(chr(9))[0]})" for line in lines if line.strip() and line[0] != "#"]
    # An empty expression would match every line.
    return re.compile("|".join(rules) or "(?!)")


def check_style():
    """Run checkpatch --strict on each patch."""
    found, excepted = [], exceptions()
    for path in written():
        said = run("perl", "scripts/checkpatch.pl", "--strict", "--emacs", "--show-types", "--showfile",
                   *([] if sign_off else ["--no-signoff"]), path, cwd=LINUX, check=False)
        # Without --terse, checkpatch prints a total if it was able to read the patch.
        if "total:" not in said:
            raise Failed(f"{os.path.basename(path)}: checkpatch failed")
        found += [line for line in said.split("\n") if re.search(r": (ERROR|WARNING|CHECK):", line) and not excepted.search(line)]
    return found


def check_maintainers(found):
    """Check that get_maintainer.pl finds more than linux-kernel@vger.kernel.org for each file except MAINTAINERS."""
    files = sorted({file for entry in found for file in entry.touched()} - {"MAINTAINERS"})

    def people(file):
        return run("perl", "scripts/get_maintainer.pl", "--no-git", "--no-git-fallback", "--no-rolestats", "-f", file, cwd=LINUX, check=False)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [f"{file}: get_maintainer.pl finds no maintainer" for file, said in zip(files, pool.map(people, files))
                if not [line for line in said.split("\n") if "@" in line and "linux-kernel@vger" not in line]]


def check_licences(found):
    bad = []
    for file in (file for entry in found for file in entry.files):
        with open(os.path.join(TOP, file), errors="replace") as text:
            head = "".join(text.readline() for _ in range(3))
        # In the kernel, ABI descriptions, pictures, text files and the configuration of selftests have no SPDX line.
        if "SPDX-License-Identifier" not in head and not re.search(r"Documentation/ABI/|\.svg$|\.txt$|/(config|settings)$", file):
            bad.append(f"{file}: no SPDX line")
    return bad


def check_uapi(tree, found):
    """Check that each UAPI header, in its installed form, compiles as C90."""
    headers = [file for entry in found for file in entry.touched() if "/uapi/" in file]
    place = os.path.join(WORK, "headers")
    os.makedirs(os.path.join(place, "scripts"))
    run("gcc", "-O", "-w", "-o", os.path.join(place, "scripts/unifdef"), os.path.join(LINUX, "scripts/unifdef.c"))
    for header in sorted(set(headers)):
        name = header.partition("/uapi/")[2]
        installed = os.path.join(place, name)
        os.makedirs(os.path.dirname(installed), exist_ok=True)
        run("sh", os.path.join(LINUX, "scripts/headers_install.sh"), os.path.join(tree, header), installed, cwd=place)
        run(f"{CROSS}gcc", "-Wall", "-Werror", "-fsyntax-only", "-std=c90", "-I", place, "-x", "c", "-", text=f"#include <{name}>\n")


def check_builds(tree, found, long):
    """Build the kernel after each patch. Return the faults that were found."""
    commits = git(tree, "log", "--reverse", "--format=%H", "base..").split()
    fragments = sorted(glob.glob(os.path.join(TOP, "rig/config/*.config")))

    def show(*words):
        try:
            return git(tree, *words)
        except Failed:
            return None

    changed = [(entry.name, commit, git(tree, "diff", "--name-only", f"{commit}^", commit).split())
               for entry, commit in zip(found, commits)]
    return series_builds.build_all(series_builds.Tree(WORK, TARBALL, fragments), show, changed, say, long)


def check_fixes(missing, long):
    """Run the test of each fix with and without the fix. Return the faults that were found."""
    for each in missing:
        if each.variant and not long:
            say(f"  only with LONG=1: {each.name} ({each.variant} kernel)")
    tried = [each for each in missing if not each.variant or long]
    wrong = []
    for each in tried:
        word, tells = test.trial(each.test, variant=each.variant)
        if word != "passes":
            wrong.append(f"{each.test} {word}: {tells}")
    return wrong + [text for caught, text in mutate.try_kernels(tried) if not caught]


def main():
    global sign_off
    parser = argparse.ArgumentParser(prog="python3 -m rig.series.series", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="do not build, boot or run Coccinelle")
    parser.add_argument("--long", action="store_true", help="also run the tests of fixes that need another kernel")
    parser.add_argument("--signoff", action="store_true", help="make you the author, and add your Signed-off-by (user.name and user.email of git)")
    args = parser.parse_args()
    sign_off = args.signoff
    begin = time.time()
    try:
        found = entries()
        missing = mutate.patches_missing()
        tree = unpack_base(sorted({path for entry in found for path in entry.touched()}))
        for entry in found:
            commit(tree, entry)
        rows = sizes(tree, found)
        write_series(tree, rows, missing)
        again = check_am(tree, found)
        say("git am on the pristine base gives the built tree")
        objections = check_style() + check_maintainers(found) + check_licences(found)
        check_uapi(again, found)
        if not args.fast:
            # Coccinelle and boots do not use all CPUs, so build at the same time, with a lower priority.
            with concurrent.futures.ThreadPoolExecutor(1) as beside:
                builds = beside.submit(check_builds, again, found, args.long)
                excepted = exceptions()
                objections += [line for line in cocci.check() if not excepted.search(line)]
                objections += check_fixes(missing, args.long)
                objections += builds.result()
    except Failed as reason:
        say(f"FAILED: {reason}")
        return 1
    for line in objections:
        say(line)
    for entry, add, gone in rows:
        say(f"  {entry.series:7} {entry.name[:2]} {add:+6} {-gone:+6}  {entry.message.partition(chr(10))[0]}")
    say(f"series: {boot.base_source()}")
    say(f"series: {len(found)} patches, {len(objections)} objections, {time.time() - begin:.0f} s")
    return 1 if objections else 0


if __name__ == "__main__":
    sys.exit(main())
