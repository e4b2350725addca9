# SPDX-License-Identifier: GPL-2.0-only
"""Commands that read files of others give up their rights before they open one (what that takes from them:
tests/unit/rights_test.c)."""

import os
import shutil
import subprocess
import tempfile
import unittest

PVTB = os.environ["PVTB"]
TOOL = os.path.join(os.environ["O"], "tests/unit/result_test")


@unittest.skipUnless(shutil.which("strace"), "strace shows the calls")
class Rights(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.scratch.name, "result.json")
        subprocess.run([TOOL, "--example", self.path], check=True)

    def tearDown(self):
        self.scratch.cleanup()

    def calls(self, *args):
        done = subprocess.run(["strace", "-o", self.path + ".calls", "-e",
                               "trace=prctl,openat,open,execve,socket", PVTB, *args],
                              capture_output=True, timeout=60)
        self.assertIn(done.returncode, (0, 1, 2), done.stderr)
        with open(self.path + ".calls", encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()

    def test_before_the_first_input(self):
        for args in (("report", self.path), ("compare", self.path, self.path), ("list",),
                     ("plot", self.path)):
            calls = self.calls(*args)
            dropped = [i for i, c in enumerate(calls) if "PR_SET_SECCOMP" in c and "= 0" in c]
            opened = [i for i, c in enumerate(calls) if self.path in c and c.startswith("open")]
            self.assertEqual(len(dropped), 1, (args, calls))
            self.assertEqual(bool(opened), args[0] != "list")
            self.assertTrue(all(i > dropped[0] for i in opened), (args, calls))


if __name__ == "__main__":
    unittest.main()
