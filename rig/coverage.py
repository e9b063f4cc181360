# SPDX-License-Identifier: GPL-2.0
"""Which lines of the driver no test has run.

A kernel with gcov tells, after each test, how often the test ran each line. Debian's gcov for s390x reads
these counts; this adds them up. A line that never ran is shown and counted as a failure, unless not-run.txt says why.
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

import boot

COUNTS = os.path.join(boot.BUILD, "coverage")
# At the end of the name of a directory: another run of the same test.
AGAIN = "~"
# The driver's files as they were when it was counted.
COUNTED = os.path.join(COUNTS, "sources")
NOTES = os.path.join(boot.BUILD, "kernel-memory/drivers/s390/crypto")
SOURCES = os.path.join(boot.TOP, "drivers/s390/crypto")
EXCUSES = os.path.join(boot.TOP, "rig/not-run.txt")


def forget():
    shutil.rmtree(COUNTS, ignore_errors=True)


def keep(name, counts):
    """Keep what one boot counted, [(test, file name, bytes)], and the sources that it counted."""
    for test, file, data in counts:
        directory = os.path.join(COUNTS, name, test)
        # With N=2, or as a variant, a test runs more than once.
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
    """[(source file, line, how often it ran)] of one test."""
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
    """{source file: {line: {test: how often}}}. A line that no test runs has an empty entry. What runs in no test, such as the end
    of a program, counts for the program."""
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
    """{source file: {line: {test}}}, with the lines where they are now if the driver has changed since it was counted."""
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
    """[(file, text of the line)]: each excuses one line, though others may have the same text."""
    with open(EXCUSES) as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return [(file, text) for file, text, _ in rows]


def report(count):
    """Say how many lines ran; each that did not, and has no excuse, is a failure."""
    total, known, used = lines_run(), excuses(), 0
    if not total:
        count.fail("coverage: no boot has counted any line")
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
                count.fail(f"coverage: {file}:{number} never ran: {key[1]}")
    covered = sum(bool(tests) for lines in total.values() for tests in lines.values())
    boot.say(f"coverage: {covered} of {sum(map(len, total.values()))} lines of the driver ran, "
             f"{used} did not for a reason in rig/not-run.txt")
