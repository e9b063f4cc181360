# SPDX-License-Identifier: GPL-2.0
"""Run Coccinelle: the kernel's rules on our C files, and the rules in rig/check/cocci/ on the driver.

Each rule in rig/check/cocci/ has a C file with faults in lines that are marked "wrong". The rule must report these lines
and no others. The kernel's rules run in report mode, as in the kernel's coccicheck. Each rule runs in a separate process,
so that this program notices if a rule cannot run.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys

from rig.run import boot
from rig.run.boot import say

LINUX = os.path.join(boot.BUILD, "linux")
OURS = os.path.join(boot.TOP, "rig/check/cocci")
MACROS = os.path.join(OURS, "macros.h")
# Maximum percentage of our lines that Coccinelle may fail to parse. Most of the lines that it cannot parse use macros that
# define functions.
UNREADABLE_PERCENT = 1
INCLUDES = ["arch/s390/include", "arch/s390/include/generated", "include", "arch/s390/include/uapi", "include/uapi"]


class Failed(Exception):
    pass


def spatch(rule, files, *options, cwd=boot.TOP):
    """Return the lines that a rule reports."""
    done = subprocess.run(["spatch", "-D", "report", "--very-quiet", "--no-show-diff", "--macro-file", MACROS, "--cocci-file", rule,
                           *options, *files],
                          cwd=cwd, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.split("\n") if re.search(r"rror|Fatal|xception", line)]
    # A rule that does not apply to a file is not a failure.
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
    """Check that Coccinelle can parse our files, because it silently skips functions that it cannot parse."""
    said = subprocess.run(["spatch", "--macro-file", MACROS, "--parse-c", *files], cwd=boot.TOP, capture_output=True, text=True, check=False)
    counted = re.search(r"nb good = (\d+), +nb bad = (\d+)", said.stdout + said.stderr)
    if not counted:
        raise Failed("spatch --parse-c printed no counts")
    good, bad = map(int, counted.groups())
    say(f"  {bad} of {good + bad} lines cannot be parsed")
    if bad * 100 > UNREADABLE_PERCENT * (good + bad):
        raise Failed(f"too many of our lines cannot be parsed: run spatch --macro-file {MACROS} --parse-c FILE, and look for BAD lines")


def check_ours():
    """Check that each of our rules finds the faults in its C file, and then run the rule on the driver."""
    found = []
    for rule in sorted(glob.glob(os.path.join(OURS, "*.cocci"))):
        wrong = rule.removesuffix(".cocci") + ".c"
        with open(wrong) as lines:
            expected = {number for number, line in enumerate(lines, 1) if "/* wrong */" in line}
        got = {int(line.rsplit("/", 1)[-1].split(":")[1]) for line in spatch(rule, [wrong], *options(rule))}
        if got != expected or not expected:
            raise Failed(f"{os.path.basename(wrong)} has faults in lines {sorted(expected)}, but the rule reports {sorted(got)}")
        found += spatch(rule, sources("drivers/s390/crypto/vfio_ap_*.c"), *options(rule))
        say(f"  {os.path.basename(rule)}: finds the faults in its file, lines {' '.join(map(str, sorted(expected)))}")
    return found


def check_kernels():
    """Run the kernel's rules. Return (number of rules, reports)."""
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
    """Run all rules. Return the reports, one line each."""
    try:
        found = check_ours()
        count, more = check_kernels()
    except Failed as reason:
        return [f"coccinelle: {reason}"]
    say(f"  {count} rules of the kernel, {len(more)} reports")
    return found + more


def main():
    argparse.ArgumentParser(prog="python3 -m rig.check.cocci", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    found = check()
    for line in found:
        say(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
