# SPDX-License-Identifier: GPL-2.0
"""Write compile_commands.json for clangd at the top of this repository.

The kernel's gen_compile_commands.py lists how kbuild has compiled each file in build/linux. Our files in build/linux are
copies, so their entries name the originals in this repository, which you edit. clangd finds other headers, such as ap_bus.h,
in build/linux. The entries contain no options that only gcc supports. Our files are written for mainline, so
clangd reports errors in the lines that backport/6.12/ours/ adapts, unless you use BASE=mainline.
"""
import argparse
import json
import os
import re
import shlex
import subprocess
import sys

from rig.run import boot

LINUX = os.path.join(boot.BUILD, "linux")
OURS = ("drivers", "arch", "include")


def our_files():
    """Return {path in build/linux: path in this repository} for our files."""
    listed = subprocess.run(["git", "-C", boot.TOP, "ls-files", "-co", "--exclude-standard", "--", *OURS], check=True,
                            capture_output=True, text=True).stdout.split()
    return {os.path.join(LINUX, path): os.path.join(boot.TOP, path) for path in listed}


def mapped(entry, ours):
    """Convert an entry from gen_compile_commands.py to an entry for clangd."""
    there = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
    here = ours.get(there, there)
    words = [word for word in shlex.split(entry["command"].replace("\\#", "#")) if not re.match(r"-[fm]|-W", word)]
    # kbuild names the file relative to the entry's directory.
    words = [here if os.path.normpath(os.path.join(entry["directory"], word)) == there else word for word in words]
    words += ["--target=s390x-linux-gnu", "-march=z13", "-w"] + (["-I" + os.path.dirname(there)] if here != there else [])
    return {"directory": entry["directory"], "file": here, "arguments": words}


def main():
    parser = argparse.ArgumentParser(prog="python3 -m rig.build.compdb", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel", nargs="?", default=os.path.join(boot.BUILD, "kernel"), help="output directory of kbuild (default: build/kernel)")
    parser.add_argument("-o", "--output", default=os.path.join(boot.TOP, "compile_commands.json"), help="output file (default: compile_commands.json)")
    args = parser.parse_args()
    listed = os.path.join(boot.BUILD, "compile_commands.json")
    kernel = os.path.abspath(args.kernel)
    subprocess.run([sys.executable, os.path.join(LINUX, "scripts/clang-tools/gen_compile_commands.py"), "-d", kernel, "-o", listed, kernel],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(listed) as text:
        entries = json.load(text)
    ours = our_files()
    found = [mapped(entry, ours) for entry in entries]
    with open(args.output, "w") as out:
        json.dump(found, out, indent=1)
    number = sum(entry["file"].startswith(boot.TOP + "/") and not entry["file"].startswith(boot.BUILD + "/") for entry in found)
    boot.say(f"{boot.shown(args.output)}: {len(found)} files, {number} of them in this repository")
    return 0


if __name__ == "__main__":
    sys.exit(main())
