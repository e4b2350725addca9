# SPDX-License-Identifier: GPL-2.0-only
"""A lab that is not asked for all, or answers what it likes. The emulator is a stand-in: nothing boots."""

import copy
import json
import os
import subprocess
import tempfile
import unittest

PVTB = os.path.abspath(os.environ["PVTB"])
TOOL = os.path.join(os.environ["O"], "tests/unit/result_test")
FAKE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../faults/fake_qemu.py"))
# Keeps what the lab is booted with, and answers as the other stand-in does.
KEEPS = """#!/usr/bin/python3
import os, shutil, sys
if "-initrd" in sys.argv:
    shutil.copyfile(sys.argv[sys.argv.index("-initrd") + 1], os.environ["PVTB_TEST_INITRD"])
os.execv("/usr/bin/python3", ["python3", %r] + sys.argv[1:])
""" % FAKE


class Lab(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.top = self.scratch.name
        for name in ("bin", "answer", "work"):
            os.mkdir(os.path.join(self.top, name))
        qemu = self.path("bin/qemu-system-x86_64")
        with open(qemu, "w", encoding="ascii") as f:
            f.write(KEEPS)
        os.chmod(qemu, 0o755)
        image = bytearray(4096)
        image[0x1F1] = 1
        image[0x202:0x208] = b"HdrS\x0f\x02"
        with open(self.path("vmlinuz"), "wb") as f:
            f.write(bytes(image))
        self.initrd = self.path("initrd")
        self.env = dict(os.environ, PATH=self.path("bin") + ":" + os.environ["PATH"],
                        TMPDIR=self.path("work"), FAULT_RESULT=self.path("answer"),
                        PVTB_TEST_INITRD=self.initrd)
        subprocess.run([TOOL, "--example", self.path("example.json")], check=True)
        with open(self.path("example.json"), encoding="utf-8") as f:
            self.example = json.load(f)
        self.example["hosts"] = self.example["hosts"][:1]

    def tearDown(self):
        self.scratch.cleanup()

    def path(self, name):
        return os.path.join(self.top, name)

    def run_in_lab(self, *filters, answer=None):
        with open(self.path("answer/result.json"), "w", encoding="utf-8") as f:
            json.dump(answer or self.example, f)
        done = subprocess.run([PVTB, "run", "-H", "lab:x86_64,kernel=" + self.path("vmlinuz"), "--no-plots",
                               "-o", self.path("out"), *filters], cwd=self.path("work"), env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        self.assertGreaterEqual(done.returncode, 0, "killed by a signal")
        return done.returncode, done.stderr.decode()

    def refused(self, why, *filters, answer=None):
        status, said = self.run_in_lab(*filters, answer=answer)
        self.assertEqual(status, 2, said)
        self.assertIn(why, said)
        self.assertFalse(os.path.exists(self.path("out")), "a result was left")

    def variants(self, *archs):
        names, bench = [], None
        listed = subprocess.run([PVTB, "list"], check=True, capture_output=True).stdout.decode()
        for line in listed.splitlines():
            words = line.split()
            if line[:1] not in ("", " "):
                bench = words[0]
            elif bench and len(words) > 1 and words[1] in archs:
                names.append(bench + "." + words[0])
        return names

    def test_all_that_is_asked_for_reaches_the_lab(self):
        names = self.variants("x86_64", "any")
        self.assertGreater(len(names), 60)
        self.refused("was asked for and is not in the result", *names)
        with open(self.initrd, "rb") as f:
            inside = f.read()
        for name in names:
            self.assertIn(name.encode() + b"\0", inside)

    def test_no_host_has_the_architecture(self):
        here, other = self.variants("x86_64")[0], self.variants("arm64")[0]
        self.refused(other + ": none of the hosts has the architecture", here, other)
        self.assertFalse(os.path.exists(self.initrd), "a lab was booted before")

    def test_conformance(self):
        """What the pvtb inside says, in pieces that end inside a character."""
        text = "KTAP version 1\n1..1\nok 1 \u00e9\u2713\U0001f600 \x1b[31m \u009b \u202e\r \n".encode() + b"\xff\n"
        pieces = "/".join(text[i:i + 1].hex() for i in range(len(text)))
        with open(self.path("answer/result.json"), "w", encoding="utf-8") as f:
            json.dump(self.example, f)
        done = subprocess.run([PVTB, "conformance", "-H", "lab:x86_64,kernel=" + self.path("vmlinuz")],
                              cwd=self.path("work"), env=dict(self.env, FAULT_OUT=pieces),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        out = done.stdout.decode("utf-8")
        self.assertIn("KTAP version 1\n1..1\nok 1 \u00e9\u2713\U0001f600 \\x1b[31m \\u009b \\u202e\\x0d \n\\xff\n", out)

    def test_hostile_answers(self):
        def broken(change):
            answer = copy.deepcopy(self.example)
            change(answer)
            return answer

        def tables(answer):
            bench = answer["hosts"][0]["benches"][0]
            bench["variants"][0]["detail"] = {"tables": [{"columns": [], "rows": [["a"], ["b"]]}]}

        self.refused("a result of 0 hosts", answer=broken(lambda a: a.update(hosts=[])))
        self.refused("a result of 2 hosts", answer=broken(lambda a: a.update(hosts=a["hosts"] * 2)))
        for value in (None, {}, [None], [[]], "x", 3):
            self.refused("pvtb: ", answer=broken(lambda a, v=value: a.update(hosts=v)))
        status, said = self.run_in_lab(answer=broken(tables))
        self.assertIn(status, (0, 1, 2), said)


if __name__ == "__main__":
    unittest.main()
