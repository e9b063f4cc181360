# SPDX-License-Identifier: GPL-2.0
"""Print which process waits for which lock at the end of a spin trail. Run this in the directory of pan and the trail."""
import argparse
import collections
import re
import subprocess


def said(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


def waited_for():
    """Return {(process, state): the lock that its next step acquires}."""
    found, process = {}, None
    for line in said("./pan", "-d").split("\n"):
        if line.startswith("proctype "):
            process = line.split()[1]
        step = re.match(r"\s*state +(\d+) .* => \(!\((\w+)((?:\[.*\])?)\)\)$", line)
        if step:
            found[process, step[1]] = step[2], step[3].strip("[]")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("flags", nargs="*")
    args = parser.parse_args()
    waits, owner, where = waited_for(), {}, {}
    # The initial value of each variable is 0, and spin prints only changes.
    local = collections.defaultdict(lambda: collections.defaultdict(int))

    def instance(lock, index, number):
        """Return the name of a lock, with the current value of its index."""
        return f"{lock}[{eval(index, {}, local[number])}]" if index else lock

    replayed = said("spin", "-k", "vfio_ap.pml.trail", "-p", "-l", *[f"-D{flag}" for flag in args.flags], args.model)
    for line in replayed.split("\n"):
        step = re.match(r"\s*\d+:\s+proc +(\d+) \((\w+):\d+\) \S+ \(state (\d+)\)(?:\t\[(\w+)(?:\[(.*)\])? = (\d)\])?", line)
        value = re.match(r"\s*(\w+)\((\d+)\):(\w+) = (\d+)$", line)
        if value:
            local[value[2]][value[3]] = int(value[4])
        elif step:
            where[step[1]] = step[2], step[3]
            if step[6] == "1":
                owner[instance(step[4], step[5], step[1])] = step[1]

    def name(number):
        return f"{where[number][0]} {local[number]['m']}" if "m" in local[number] else where[number][0]

    for number in sorted(where, key=int):
        if where[number] in waits:
            lock = instance(*waits[where[number]], number)
            print(f"    {name(number)} waits for {lock}, which {name(owner[lock])} holds")


if __name__ == "__main__":
    main()
