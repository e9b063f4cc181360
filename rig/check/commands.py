# SPDX-License-Identifier: GPL-2.0
"""Check the commands in README.md and Documentation/, and extract them for documents_test.

documents_test executes each literal block unchanged, unless the paragraph before the block says "on a real host". A literal
block follows `::` in reStructuredText, or is indented in Markdown. Drawings and output belong in `.. code-block:: none`, or
in a fence. With --write DIRECTORY, the program writes each block that documents_test executes to DIRECTORY/DOCUMENT/LINE.

documents_test does not execute `make` commands, which are for the machine that builds the kernel. `make help` must list
their targets and variables. The program prints each fault: a command in a block that is not executed, an inline
command that is in no block, and an unknown target or variable. The exit status is 1 if there is a fault.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEBIAN = os.path.join(TOP, "build/debian")
REAL_HOST = re.compile(r"\bon\s+a\s+real\s+host\b", re.I)
# Commands that every document may use. programs() adds those in the Debian packages.
PROGRAMS = set("apt cat cd chmod cp echo grep insmod kill ls make mkdir modprobe mount mv printf rm rmdir rmmod sed sh".split())


class Block:
    """A literal block: its document, the number of its first line, and whether it shows commands.

    intro: the lines of the paragraph before the block
    """

    def __init__(self, document, number, intro, lines, shows_commands):
        while not lines[-1].strip():
            lines.pop()
        while not lines[0].strip():
            lines, number = lines[1:], number + 1
        indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        self.document, self.number, self.lines = document, number, [line[indent:] for line in lines]
        self.commands, self.real_host = shows_commands, bool(REAL_HOST.search(" ".join(intro)))
        self.make = all(line.startswith("make ") for line in self.lines)

    def typed(self):
        return self.commands and not self.real_host and not self.make


def indent_of(line):
    return len(line) - len(line.lstrip())


def taken(lines, start, indent):
    """Return (the lines from `start` up to the first one that is indented by indent or less, the index of this line)."""
    end = start
    while end < len(lines) and (not lines[end].strip() or indent_of(lines[end]) > indent):
        end += 1
    return lines[start:end], end


def blocks_of_rst(document, lines):
    """Return (blocks, [(line number, text)] of the lines outside of blocks). Files in Documentation/ABI/ work as well."""
    blocks, prose, paragraph, here = [], [], [], 0
    while here < len(lines):
        line = lines[here]
        directive = re.match(r"\s*\.\. ([\w-]+)::\s*(\S*)", line)
        is_code = directive and directive[1] == "code-block"
        if is_code or line.endswith("::") and not directive:
            body, end = taken(lines, here + 1, indent_of(line))
            if any(text.strip() for text in body):
                intro = paragraph if is_code or line.strip() == "::" else paragraph + [line]
                known = not is_code or directive[2] in ("sh", "shell", "bash", "console")
                blocks.append(Block(document, here + 2, intro, body, known))
            prose.append((here + 1, line))
            here, paragraph = end, []
            continue
        # An empty line does not end the paragraph, because `::` and a directive follow the paragraph after an empty line.
        if line.strip():
            paragraph = paragraph + [line] if here and lines[here - 1].strip() else [line]
        prose.append((here + 1, line))
        here += 1
    return blocks, prose


def blocks_of_markdown(document, lines):
    """Return (blocks, [(line number, text)] of the lines outside of blocks)."""
    blocks, prose, paragraph, here = [], [], [], 0
    while here < len(lines):
        line = lines[here]
        if line.startswith("```"):
            end = lines.index("```", here + 1)
            blocks.append(Block(document, here + 2, paragraph, lines[here + 1:end], line[3:] in ("sh", "shell", "bash", "console")))
            here, paragraph = end + 1, []
        elif line.startswith("    "):
            body, end = taken(lines, here, 3)
            blocks.append(Block(document, here + 1, paragraph, body, True))
            here, paragraph = end, []
        else:
            if line:
                paragraph = paragraph + [line] if here and lines[here - 1] else [line]
            prose.append((here + 1, line))
            here += 1
    return blocks, prose


def documents():
    """Return the paths of the documents."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", "README.md", "Documentation"], cwd=TOP,
                           check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return [name for name in names if not name.endswith(".svg") and os.path.exists(os.path.join(TOP, name))]


def read(document):
    with open(os.path.join(TOP, document)) as text:
        lines = [line.rstrip().expandtabs() for line in text]
    return (blocks_of_markdown if document.endswith(".md") else blocks_of_rst)(document, lines)


def programs(blocks):
    """Return the names of known commands: those in blocks, and those from Debian that `make shell` provides."""
    known = set(PROGRAMS)
    for block in blocks:
        known |= {found[0] for found in (re.match(r"[a-z][\w.+-]+(?= )", line) for line in block.lines) if found and block.commands}
    for place in ("bin", "sbin", "usr/bin", "usr/sbin"):
        path = os.path.join(DEBIAN, place)
        known |= set(os.listdir(path)) if os.path.isdir(path) else set()
    return known


def inline_literals(prose):
    """Yield (line number, text) for each inline literal, even if it continues on the next line."""
    text = "\n".join(line for _, line in prose)
    for found in re.finditer(r"(`+)([^`]+)\1", text):
        yield prose[text.count("\n", 0, found.start())][0], " ".join(found[2].split())


def help_words():
    """Return the targets and the variables that `make help` lists."""
    with open(os.path.join(TOP, "Makefile")) as makefile:
        text = "".join(re.findall(r"^## .*\n", makefile.read(), re.M))
    return {"help", *re.findall(r"^## make (\w+)", text, re.M)}, set(re.findall(r"\b([A-Z]+)=", text))


def make_findings(place, command):
    verbs, variables = help_words()
    for word in command.partition(" #")[0].split()[1:]:
        name, equals, _ = word.partition("=")
        if name not in (variables if equals else verbs):
            yield f"{place}: `make help` does not list {word}"


def findings(blocks, prose):
    """Yield one line for each fault in the documents. prose: {document: lines outside of its blocks}"""
    known = programs(blocks)
    shown = [" ".join(line.split()) for block in blocks if block.commands for line in block.lines]
    for block in blocks:
        for offset, line in enumerate(block.lines):
            place = f"{block.document}:{block.number + offset}"
            first = line.split()[0] if line.split() else ""
            if not block.commands and first in known and len(line.split()) > 1:
                yield f"{place}: a command in a block that is not executed: {line}"
            elif block.commands and first == "make":
                yield from make_findings(place, line)
    for document, lines in prose.items():
        for number, text in inline_literals(lines):
            place, first = f"{document}:{number}", text.split()[0]
            if first == "make":
                yield from make_findings(place, text)
            elif first in known and " " in text and not any(text in line for line in shown):
                yield f"{place}: an inline command that is in no block: {text}"


def write(directory, blocks):
    """Write a file for each block that documents_test executes. The file name is the number of the block's first line."""
    shutil.rmtree(directory, ignore_errors=True)
    for block in blocks:
        if not block.typed():
            continue
        place = os.path.join(directory, os.path.basename(block.document))
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, f"{block.number:04}"), "w") as out:
            out.write("\n".join(block.lines) + "\n")


def main():
    parser = argparse.ArgumentParser(prog="python3 -m rig.check.commands", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="DIRECTORY", help="write the blocks that documents_test executes to this directory")
    args = parser.parse_args()
    blocks, prose = [], {}
    for document in documents():
        found, prose[document] = read(document)
        blocks += found
    wrong = list(findings(blocks, prose))
    print(*wrong, sep="\n", end="\n" if wrong else "")
    if args.write:
        write(args.write, blocks)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
