# SPDX-License-Identifier: GPL-2.0
"""Report the lines of the driver that no test has executed.

A kernel with gcov counts how often each line is executed. After each test, init prints the counts, and Debian's gcov for
s390x decodes them. This module adds up the counts. It reports a failure for each line that no test has executed, unless
rig/test/not-run.txt gives a reason for the line.
"""
import concurrent.futures
import difflib
import glob
import gzip
import json
import os
import re
import shutil
import subprocess

from rig.run import boot

COUNTS = os.path.join(boot.BUILD, "coverage")
# A directory with this suffix contains the counts of a repeated run of a test.
AGAIN = "~"
# The driver's source files at the time of the run.
COUNTED = os.path.join(COUNTS, "sources")
NOTES = os.path.join(boot.BUILD, "kernel-memory/drivers/s390/crypto")
# The driver as it is built, with patches/ours/ and backport/BASE/ours/ applied.
SOURCES = os.path.join(boot.BUILD, "linux/drivers/s390/crypto")
EXCUSES = os.path.join(boot.TOP, "rig/test/not-run.txt")


def forget():
    shutil.rmtree(COUNTS, ignore_errors=True)


def keep(name, counts):
    """Store the counts of one boot, [(test, file name, bytes)], and the source files that they belong to."""
    for test, file, data in counts:
        directory = os.path.join(COUNTS, name, test)
        # A test can run more than once, for example with N=2.
        while os.path.exists(os.path.join(directory, file)):
            directory += AGAIN
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, file), "wb") as out:
            out.write(data)
        shutil.copy(os.path.join(NOTES, file.replace(".gcda", ".gcno")), directory)
    if counts:
        os.makedirs(COUNTED, exist_ok=True)
        for path in glob.glob(os.path.join(SOURCES, "vfio_ap_*.[ch]")):
            shutil.copy(path, COUNTED)


def lines_of(directory):
    """Return [(source file, line, count)] for one test."""
    counts = sorted(glob.glob("*.gcda", root_dir=directory))
    subprocess.run(["s390x-linux-gnu-gcov", "--json-format", *counts], cwd=directory, check=True, stdout=subprocess.DEVNULL)
    found = []
    for report in glob.glob(os.path.join(directory, "*.gcov.json.gz")):
        with gzip.open(report) as text:
            files = json.load(text)["files"]
        found += [(os.path.basename(file["file"]), line["line_number"], line["count"]) for file in files for line in file["lines"]
                  if re.fullmatch(r"vfio_ap_\w+(?<!_test)\.[ch]", os.path.basename(file["file"]))]
    return found


def lines_run():
    """Return {source file: {line: {test: count}}}. The innermost dictionary is empty for a line that no test executes.

    Lines that are executed outside of a test, for example at the end of a program, are counted for the program.
    """
    total, directories = {}, sorted({os.path.dirname(path) for path in glob.glob(os.path.join(COUNTS, "*/*/*.gcda"))})
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for directory, found in zip(directories, pool.map(lines_of, directories)):
            test = os.path.basename(directory).rstrip(AGAIN)
            for file, line, times in found:
                here = total.setdefault(file, {}).setdefault(line, {})
                if times:
                    here[test] = here.get(test, 0) + times
    return total


def tests_of_lines():
    """Return {source file: {line: {test}}}. If the driver has changed since the tests ran, use its current line numbers."""
    total = {}
    for file, lines in lines_run().items():
        texts = []
        for directory in (COUNTED, SOURCES):
            with open(os.path.join(directory, file)) as source:
                texts.append(source.read().splitlines())
        here = total[file] = {}
        for block in difflib.SequenceMatcher(None, *texts, autojunk=False).get_matching_blocks():
            for line in range(block.size):
                if block.a + line + 1 in lines:
                    here[block.b + line + 1] = set(lines[block.a + line + 1])
    return total


def excuses():
    """Return [(file, text of the line)]. Each entry excuses only one line, even if other lines have the same text."""
    with open(EXCUSES) as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return [(file, text) for file, text, _ in rows]


def report(count):
    """Print how many lines were executed. Add a failure for each line that was neither executed nor excused."""
    total, known, used = lines_run(), excuses(), 0
    if not total:
        count.fail("coverage: no boot has counted lines")
        return
    for file, lines in sorted(total.items()):
        with open(os.path.join(SOURCES, file)) as source:
            text = source.read().splitlines()
        for number in sorted(number for number, tests in lines.items() if not tests):
            key = (file, text[number - 1].strip())
            if key in known:
                known.remove(key)
                used += 1
            else:
                count.fail(f"coverage: {file}:{number} was never executed: {key[1]}")
    covered = sum(bool(tests) for lines in total.values() for tests in lines.values())
    boot.say(f"coverage: {covered} of {sum(map(len, total.values()))} lines of the driver were executed, "
             f"{used} were not, for a reason in rig/test/not-run.txt")
