#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""tests/check_sources.py finds a citation that is not there: wrong words, section, file."""
import os
import subprocess
import sys
import tempfile

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "check_sources.py")
API = "4.1 KVM_ONE\n-----------\n\nIt may return\nan `error`.\n\n4.2 KVM_TWO\n-----------\n\nIt is exact.\n"
CODE = "/*\n * Start counting\n * here.\n */\nif (a)\n\treturn -EINVAL;\n"

#	source, quote, in 6.12 and 7.3 there?
CASES = [
    ("api.rst 4.1", "It may return an error", True),
    ("api.rst 4.2", "It may return an error", False),
    ("api.rst 4.1, 4.2", "It is exact", True),
    ("api.rst 4.3", "It is exact", False),
    ("api.rst", "It is exact", True),
    ("arch/arm64/kvm/a.c", "Start counting here.", True),
    ("arch/arm64/kvm/a.c", "if (a) return -EINVAL;", True),
    ("arch/arm64/kvm/a.c", "if (a) return -EBUSY;", False),
    ("arch/arm64/kvm/none.c", "if (a) return -EINVAL;", False),
    ("arch/arm64/kvm/a.c", "moved", False),
    ("arch/arm64/kvm/a.c, arch/arm64/kvm/b.c", "moved", False),  # to b.c in 7.3, and 6.12 has neither
    ("arch/arm64/kvm/b.c (Linux 7.0)", "moved", True),
    ("arch/arm64/kvm/a.c", "", False),
]


def write(root, name, text):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as top:
        trees = []
        for major, minor in ((6, 12), (7, 3)):
            root = os.path.join(top, f"{major}.{minor}")
            write(root, "Makefile", f"VERSION = {major}\nPATCHLEVEL = {minor}\n")
            write(root, "Documentation/virt/kvm/api.rst", API)
            write(root, "arch/arm64/kvm/a.c", CODE)
            trees.append(root)
        write(trees[1], "arch/arm64/kvm/b.c", "moved")
        for source, quote, there in CASES:
            row = f"- **ABC-01** (code) statement\n  *Source:* {source}. *Needs:* a host\n"
            row += f"  *Quote:* {quote}\n" if quote else ""
            write(top, "catalogue", "# head\n" + row)
            got = subprocess.run([sys.executable, SCRIPT, os.path.join(top, "catalogue"), *trees],
                                 capture_output=True, text=True, check=False)
            if (got.returncode == 0) != there:
                failed += 1
                print(f"{source}: {quote!r}: expected {'there' if there else 'not there'}: {got.stdout}")
    print(f"{len(CASES)} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
