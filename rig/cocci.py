# SPDX-License-Identifier: GPL-2.0
"""Semantic patches: the kernel's own over our C files, and those of rig/cocci/, which know the driver's rules.

Each of ours has a file beside it that is wrong on purpose, in the lines that say so: it must report these and no other.
The kernel's are run as its coccicheck does in the mode "report", one by one, so that none is left out unseen.
"""
import concurrent.futures
import glob
import os
import re
import subprocess

import boot
from boot import say

LINUX = os.path.join(boot.BUILD, "linux")
OURS = os.path.join(boot.TOP, "rig/cocci")
MACROS = os.path.join(OURS, "macros.h")
# Of the lines of our C files. What is left are mostly macros that make functions.
UNREADABLE_PERCENT = 1
INCLUDES = ["arch/s390/include", "arch/s390/include/generated", "include", "arch/s390/include/uapi", "include/uapi"]


class Failed(Exception):
    pass


def spatch(rule, files, *options, cwd=boot.TOP):
    """What a rule reports, a line each."""
    done = subprocess.run(["spatch", "-D", "report", "--very-quiet", "--no-show-diff", "--macro-file", MACROS, "--cocci-file", rule,
                           *options, *files],
                          cwd=cwd, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.split("\n") if re.search(r"rror|Fatal|xception", line)]
    # A rule for what a file does not have is no failure.
    if (done.returncode or said) and "No rules apply" not in done.stderr:
        raise Failed(f"{os.path.basename(rule)}: {' '.join(said[:2]) or done.returncode}")
    return sorted({line for line in done.stdout.split("\n") if re.match(r"\S+:\d+", line)})


def options(rule):
    with open(rule) as lines:
        found = re.search(r"^//+ *Options: *(.*)$", lines.read(), re.M)
    return found[1].split() if found else []


def sources(*patterns):
    listed = subprocess.run(["git", "-C", boot.TOP, "ls-files", "--", *patterns], capture_output=True, text=True, check=True).stdout
    return listed.split()


def check_readable(files):
    """What Coccinelle cannot parse it skips, function by function, and finds nothing there."""
    said = subprocess.run(["spatch", "--macro-file", MACROS, "--parse-c", *files], cwd=boot.TOP, capture_output=True, text=True, check=False)
    counted = re.search(r"nb good = (\d+), +nb bad = (\d+)", said.stdout + said.stderr)
    if not counted:
        raise Failed("spatch --parse-c counts nothing")
    good, bad = map(int, counted.groups())
    say(f"  {bad} of {good + bad} lines cannot be parsed")
    if bad * 100 > UNREADABLE_PERCENT * (good + bad):
        raise Failed(f"too much of our C cannot be parsed: spatch --macro-file {MACROS} --parse-c FILE, and see what is BAD")


def check_ours():
    """Our rules on our driver, each after it has shown that it finds something."""
    found = []
    for rule in sorted(glob.glob(os.path.join(OURS, "*.cocci"))):
        wrong = rule.removesuffix(".cocci") + ".c"
        with open(wrong) as lines:
            expected = {number for number, line in enumerate(lines, 1) if "/* wrong */" in line}
        got = {int(line.rsplit("/", 1)[-1].split(":")[1]) for line in spatch(rule, [wrong], *options(rule))}
        if got != expected or not expected:
            raise Failed(f"{os.path.basename(wrong)} is wrong in lines {sorted(expected)}, but reported are {sorted(got)}")
        found += spatch(rule, sources("drivers/s390/crypto/vfio_ap_*.c"), *options(rule))
        say(f"  {os.path.basename(rule)}: finds what is wrong on purpose, lines {' '.join(map(str, sorted(expected)))}")
    return found


def check_kernels():
    """Return: (rules run, what they found)"""
    rules = [rule for rule in sorted(glob.glob(os.path.join(LINUX, "scripts/coccinelle/**/*.cocci"), recursive=True))
             if re.search(r"^virtual.*\breport\b", open(rule).read(), re.M)]
    files = [file for file in sources("drivers/*.c", "tools/*.c") if os.path.exists(os.path.join(LINUX, file))]
    check_readable(files)
    includes = [word for path in INCLUDES for word in ("-I", path)]

    def one(rule):
        return spatch(rule, files, *options(rule), *includes, cwd=LINUX)

    found = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for rule, lines in zip(rules, pool.map(one, rules)):
            found += [f"{line} ({os.path.basename(rule)})" for line in lines]
    return len(rules), found


def check():
    """What there is to object to, a line each."""
    try:
        found = check_ours()
        count, more = check_kernels()
    except Failed as reason:
        return [f"coccinelle: {reason}"]
    say(f"  {count} rules of the kernel, {len(more)} reports")
    return found + more
