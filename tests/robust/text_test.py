# SPDX-License-Identifier: GPL-2.0-only
"""Text that somebody else wrote does not act on a terminal, in Markdown or in a spreadsheet."""

import copy
import csv
import io
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from example import WithExample

PVTB = os.environ["PVTB"]
TOOL = os.path.join(os.environ["O"], "tests/unit/result_test")
ACTS = "\x1b]0;title\x07\x1b[31mred\x7f\u0085\u009b31m\u202ertl\u2066\nline\ttab\r"
KEEP = ("status", "unit", "kind", "direction", "profile", "created", "path", "arch")


def everywhere(node, change, key=None):
    """Every string that may be anything, changed; keys of free objects, too."""
    if isinstance(node, dict):
        free = key in ("environment", "detail")
        return {change(k) if free else k: everywhere(v, change, "detail" if free else k)
                for k, v in node.items()}
    if isinstance(node, list):
        return [everywhere(v, change, key) for v in node]
    if isinstance(node, str) and key not in KEEP and not node.startswith("0x"):
        return change(node)
    return node


class Text(WithExample):
    tool = TOOL

    def written(self, change):
        path = os.path.join(tempfile.mkdtemp(dir=self.top.name), "result.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(everywhere(copy.deepcopy(self.example), change), f)
        return path

    def shown(self, *args):
        done = subprocess.run([PVTB, *args], capture_output=True, timeout=60)
        self.assertIn(done.returncode, (0, 1, 2), done.stderr)
        return done

    def assertHarmless(self, raw, what):
        text = raw.decode("utf-8")  # never cut inside a character
        for c in text:
            self.assertFalse((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or
                             0x202a <= ord(c) <= 0x202e or 0x2066 <= ord(c) <= 0x2069,
                             (what, hex(ord(c))))

    def test_terminals(self):
        path = self.written(lambda s: s + ACTS)
        for form in ("text", "markdown", "csv", "cover-letter", "seed-table", "json"):
            done = self.shown("report", path, "--format", form)
            self.assertHarmless(done.stdout + done.stderr, form)
        self.assertIn(b"\\x1b", self.shown("report", path).stdout)
        for form in ("text", "markdown", "json", "ktap", "go-benchmark", "kcidb"):
            done = self.shown("compare", path, path, "--format", form)
            self.assertHarmless(done.stdout + done.stderr, form)

    def test_errors(self):
        for name in ("no\x1b[31mfile", "no\udc9bfile", "\u202efile"):
            done = self.shown("report", name)
            self.assertEqual(done.returncode, 2)
            self.assertHarmless(done.stderr, name)
        long_name = "é" * 2000
        done = self.shown("report", long_name)
        self.assertHarmless(done.stderr, "long")
        self.assertIn(b"...", done.stderr)

    def test_long_names_are_whole(self):
        for name in ("/nowhere/" + "word" * 50 + "/end", "é" * 120):
            done = self.shown("report", name)
            self.assertIn(name.encode() + b":", done.stderr)

    def test_long_lists_end_after_a_word(self):
        words = ["option%d" % i for i in range(400)]
        done = self.shown("report", " ".join(words))
        said = done.stderr.decode().split("pvtb: ", 1)[1].split("...", 1)[0]
        self.assertEqual(said.split(), words[:len(said.split())])

    def test_long_names_are_not_cut_inside_a_character(self):
        path = self.written(lambda s: s + "é" * 150)
        for form in ("text", "markdown", "csv", "cover-letter", "seed-table"):
            self.assertHarmless(self.shown("report", path, "--format", form).stdout, form)

    def test_formulas(self):
        for first in "=+-@":
            path = self.written(lambda s, c=first: c + s)
            rows = csv.reader(io.StringIO(self.shown("report", path, "--format", "csv").stdout.decode()))
            for field in (f for row in list(rows)[1:] for f in row[:4]):
                self.assertNotIn(field[:1], "=+@-" if field else "x", field)

    def test_markdown(self):
        path = self.written(lambda s: s + "<img src=x>|[x](javascript:x)")
        text = self.shown("report", path, "--format", "markdown").stdout.decode()
        self.assertNotIn("<img", text)
        self.assertNotIn("](javascript", text)
        for line in text.splitlines():
            if line.startswith("|"):
                self.assertNotIn(">|[", line)

    def test_markdown_of_compare(self):
        old = self.written(lambda s: s + "<img src=x>|[x](javascript:x)")
        new = os.path.join(tempfile.mkdtemp(dir=self.top.name), "<b>[y](z)")
        os.mkdir(new)
        new = os.path.join(new, "result.json")
        shutil.copy(old, new)
        for args in ((old, old), (old, new), (new, old)):
            text = self.shown("compare", *args, "--format", "markdown").stdout.decode()
            self.assertIn("&lt;img", text)
            for bad in ("<img", "<b>", "](javascript", "](z"):
                self.assertNotIn(bad, text)

    def test_ktap_of_compare(self):
        """A name does not end the name of a test: no outcome can be made of it."""
        path = self.written(lambda s: s + " # SKIP all\nok 2 # TO" "DO")
        lines = self.shown("compare", path, path, "--format", "ktap").stdout.decode().splitlines()
        self.assertTrue(any("\\x23 SKIP all" in line for line in lines), lines)
        for line in lines:
            words = line.split(" # ")
            self.assertLessEqual(len(words), 2, line)
            if len(words) == 2 and words[0].strip():
                self.assertRegex(words[1], "^SKIP ", line)
            self.assertNotRegex(line, r"# SKIP all|# TO[D]O")

    def test_abbreviated_options(self):
        for args, name in ((("stress", "--time", "20"), "--timeout"),
                           (("run", "--prof=quick"), "--profile"),
                           (("report", "--form", "csv", "x"), "--format"), (("run", "--hel"), None)):
            done = self.shown(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn(b"unknown option", done.stderr)
            if name:
                self.assertIn(b"did you mean " + name.encode() + b"?", done.stderr)
        self.assertEqual(self.shown("run", "--help").returncode, 0)


if __name__ == "__main__":
    unittest.main()
