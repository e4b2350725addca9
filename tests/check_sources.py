#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Check what the conformance catalogue cites against the sources of Linux.

Each row that names a file of the kernel quotes it. The quote has to be in that file, below the heading
that the row names, if any, in every tree that is new enough for the row.

    check_sources.py CATALOGUE TREE...

CATALOGUE is the output of `pvtb conformance --markdown`.
"""
import os
import re
import sys

FILE = re.compile(r"[\w/-]+\.(?:rst|c|h)\b")
SECTIONS = re.compile(r"\.rst ((?:\d+(?:\.\d+)*(?:, )?)+)")
SINCE = re.compile(r"Linux (\d+)\.(\d+)")
HEADING = re.compile(r"^(\d+(?:\.\d+)*)\.? \S", re.M)


def plain(text):
    """Without comment stars, table bars, literals' quotes, and how it is spaced."""
    return " ".join(re.sub(r"[`*|]", " ", text).split())


def rows(catalogue):
    text = open(catalogue, encoding="utf-8").read()
    for part in re.split(r"^- \*\*", text, flags=re.M)[1:]:
        part = re.sub(r"\\([|*<>])", r"\1", part)
        ident = part.split("*")[0]
        source = re.search(r"\*Source:\* (.*)", part)
        quote = re.search(r"^  \*Quote:\* (.*)", part, flags=re.M)
        source, _, needs = (source.group(1) if source else "").partition(". *Needs:* ")
        yield ident, source, needs, quote.group(1) if quote else ""


def version(tree):
    make = open(os.path.join(tree, "Makefile"), encoding="utf-8").read()
    return tuple(int(re.search(rf"^{k} = (\d+)", make, flags=re.M).group(1)) for k in ("VERSION", "PATCHLEVEL"))


def path_of(name):
    return name if name.startswith(("arch/", "kernel/")) else "Documentation/virt/kvm/" + name


def below_heading(text, number):
    """From the heading of that number up to the next one that is not inside of it."""
    for m in HEADING.finditer(text):
        if m.group(1) != number:
            continue
        end = next((n.start() for n in HEADING.finditer(text, m.end())
                    if re.match(r"[-=]{4,}", text[text.index("\n", n.start()) + 1:][:4])
                    and not n.group(1).startswith(number + ".")), len(text))
        return text[m.start():end]
    return None


def check(row, tree, trees):
    """What is wrong, or None."""
    ident, source, needs, quote = row
    files = FILE.findall(source)
    if not quote:
        return "cites a file and quotes nothing"
    sections = [n for part in SECTIONS.findall(source) for n in part.strip(", ").split(", ")]
    seen = []
    for name in files:
        path = os.path.join(tree, path_of(name))
        if not os.path.exists(path):
            if not any(os.path.exists(os.path.join(t, path_of(name))) for t in trees):
                return f"no {path_of(name)} in any tree"
            continue
        text = open(path, encoding="utf-8", errors="replace").read()
        if sections and name.endswith(".rst"):
            parts = [below_heading(text, s) for s in sections]
            text = "\n".join(p for p in parts if p)
            if not text:
                seen.append(f"{name} has no section {' or '.join(sections)}")
                continue
        seen.append(name)
        if plain(quote) in plain(text):
            return None
    return f"{', '.join(seen)}: not there: {quote}"


def main():
    catalogue, trees = sys.argv[1], sys.argv[2:]
    failed = checked = 0
    for row in rows(catalogue):
        if not FILE.search(row[1]):
            continue
        since = [tuple(map(int, s)) for s in SINCE.findall(row[1] + " " + row[2])]
        for tree in trees:
            v = version(tree)
            if since and max(since) > v:
                continue
            checked += 1
            wrong = check(row, tree, trees)
            if wrong:
                failed += 1
                print(f"{row[0]}, Linux {v[0]}.{v[1]}: {wrong}")
    print(f"{checked} citations checked, {failed} wrong")
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
