# SPDX-License-Identifier: GPL-2.0
"""Check that references between the files of the driver, and between the files of the simulator, form no cycles.

A file refers to another file if its object uses a function of that file, or a table of functions of that file, such as an
attribute group. Other shared variables, such as matrix_dev, do not count. The program ignores test files, and prints each
cycle. The exit status is 1 if there is a cycle, or if an object is missing.
"""
import argparse
import glob
import os
import re
import subprocess
import sys

from rig.run import boot

DRIVER = "drivers/s390/crypto"
# Names of variables that are tables of functions.
TABLE = re.compile(r"_(groups?|ops)$")
MODULES = {"vfio_ap": f"{DRIVER}/vfio_ap_*.c", "ap_hwsim": f"{DRIVER}/ap_hwsim/*.c"}


def symbols(path):
    """Return (global functions and tables of functions that an object defines, its undefined symbols)."""
    listed = subprocess.run(["s390x-linux-gnu-nm", "--extern-only", "--format=posix", path], check=True, capture_output=True,
                            text=True).stdout.splitlines()
    words = [line.split() for line in listed]
    defined = {word[0] for word in words if word[1] in "TW" or word[1] != "U" and TABLE.search(word[0])}
    return defined, {word[0] for word in words if word[1] == "U"}


def references(objects):
    """Return {file: {other file: {its symbols that the file uses}}}. objects: {file: path of its object}"""
    known = {file: symbols(path) for file, path in objects.items()}
    return {file: {other: undefined & known[other][0] for other in known if other != file and undefined & known[other][0]}
            for file, (_, undefined) in known.items()}


def path_between(graph, start, end):
    """Return the shortest path from one file to another, or None."""
    paths, seen = [[start]], {start}
    for path in paths:
        for file in sorted(graph[path[-1]]):
            if file == end:
                return path + [file]
            if file not in seen:
                seen.add(file)
                paths.append(path + [file])
    return None


def cycles(graph):
    """Return a shortest cycle for each file that is in a cycle, without duplicates."""
    found = {}
    for file in sorted(graph):
        path = path_between(graph, file, file)
        if path and frozenset(path) not in found:
            found[frozenset(path)] = path
    return list(found.values())


def levels(graph):
    """Return the levels of the files. If there is no cycle, each file refers only to files in later levels."""
    left, rows = set(graph), []
    while left:
        row = sorted(file for file in left if not any(file in graph[other] for other in left))
        rows.append(row or sorted(left))
        left -= set(rows[-1])
    return rows


def show(graph):
    for row in levels(graph):
        for file in row:
            print(f"  {file:22} {' '.join(sorted(graph[file]))}")
        print()


def main():
    parser = argparse.ArgumentParser(prog="python3 -m rig.check.graph", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel", nargs="?", default=os.path.join(boot.BUILD, "kernel"), help="output directory of kbuild (default: build/kernel)")
    parser.add_argument("-g", "--graph", action="store_true", help="print the files of each level, and for each file the files to which it refers")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only faults")
    args = parser.parse_args()
    faults = []
    for name, pattern in MODULES.items():
        sources = sorted(path for path in glob.glob(pattern, root_dir=boot.TOP) if not path.endswith("_test.c"))
        objects = {os.path.basename(path).removeprefix("vfio_ap_").removesuffix(".c"): os.path.join(args.kernel, path[:-2] + ".o") for path in sources}
        missing = [path for path in objects.values() if not os.path.exists(path)]
        if missing:
            faults.append(f"{name}: not built: {' '.join(missing)}")
            continue
        graph = references(objects)
        if args.graph:
            print(f"{name}:")
            show(graph)
        found = cycles(graph)
        for cycle in found:
            calls = [f"{file} -> {other} ({', '.join(sorted(graph[file][other])[:3])})" for file, other in zip(cycle, cycle[1:])]
            faults.append(f"{name}: cycle of references: {', '.join(calls)}")
        if not found and not args.quiet:
            print(f"{name}: {len(graph)} files, no cycle")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
