# SPDX-License-Identifier: GPL-2.0
"""Which lines of the driver no test has run.

A kernel with gcov tells, after each test program, how often the program ran each line. Debian's gcov for s390x reads
these counts; this adds them up. A line that never ran is shown and counted as a failure, unless not-run.txt says why.
"""
import glob
import gzip
import json
import os
import re
import shutil
import subprocess

import boot

COUNTS = os.path.join(boot.BUILD, "coverage")
NOTES = os.path.join(boot.BUILD, "kernel-memory/drivers/s390/crypto")
SOURCES = os.path.join(boot.TOP, "drivers/s390/crypto")
EXCUSES = os.path.join(boot.TOP, "rig/not-run.txt")


def forget():
    shutil.rmtree(COUNTS, ignore_errors=True)


def keep(name, counts):
    """Keep what one boot counted: {(program, file name): bytes}."""
    for (program, file), data in counts.items():
        directory = os.path.join(COUNTS, name, program, file.removesuffix(".gcda"))
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, file), "wb") as out:
            out.write(data)


def lines_run():
    """{source file: {line: how often}}"""
    total = {}
    for counts in sorted(glob.glob(os.path.join(COUNTS, "*/*/*/*.gcda"))):
        directory, name = os.path.split(counts)
        shutil.copy(os.path.join(NOTES, name.replace(".gcda", ".gcno")), directory)
        subprocess.run(["s390x-linux-gnu-gcov", "--json-format", name], cwd=directory, check=True,
                       stdout=subprocess.DEVNULL)
        for report in glob.glob(os.path.join(directory, "*.gcov.json.gz")):
            with gzip.open(report) as text:
                files = json.load(text)["files"]
            for file in files:
                if not re.fullmatch(r"vfio_ap_\w+(?<!_test)\.[ch]", os.path.basename(file["file"])):
                    continue
                lines = total.setdefault(os.path.basename(file["file"]), {})
                for line in file["lines"]:
                    number = line["line_number"]
                    lines[number] = lines.get(number, 0) + line["count"]
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
        for number in sorted(number for number, times in lines.items() if not times):
            key = (file, text[number - 1].strip())
            if key in known:
                known.remove(key)
                used += 1
            else:
                count.fail(f"coverage: {file}:{number} never ran: {key[1]}")
    covered = sum(times > 0 for lines in total.values() for times in lines.values())
    boot.say(f"coverage: {covered} of {sum(map(len, total.values()))} lines of the driver ran, "
             f"{used} did not for a reason in rig/not-run.txt")
