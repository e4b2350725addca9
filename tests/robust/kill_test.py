# SPDX-License-Identifier: GPL-2.0-only
"""A command killed with SIGKILL leaves nothing behind: no process that it started and no file of its own.
The emulator and gnuplot are stand-ins that never end, so nothing is measured and no lab boots."""

import os
import signal
import subprocess
import tempfile
import time
import unittest
import uuid

PVTB = os.path.abspath(os.environ["PVTB"])
TOOL = os.path.join(os.environ["O"], "tests/unit/result_test")
KILLS = 3
GONE_S = 10.0
STAND_IN = """#!/bin/sh
case "$*" in *version*) echo "QEMU emulator version 7.2.0"; exit 0 ;; esac
case "$*" in *help*) echo max; exit 0 ;; esac
echo x >>"$PVTB_TEST_STARTED"
exec sleep 1000
"""


def started_by(mark):
    """Processes that inherited the mark, whatever became of their parents."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                marked = mark.encode() in f.read()
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read()[:80]
        except OSError:
            continue
        if marked and state != "Z":
            found.append((int(pid), state, line))
    return found


def tree(top):
    return sorted(os.path.join(at, n) for at, dirs, files in os.walk(top) for n in dirs + files)


class Kill(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.top = self.scratch.name
        bin_dir = os.path.join(self.top, "bin")
        os.mkdir(bin_dir)
        for name in ("qemu-system-x86_64", "qemu-system-aarch64", "gnuplot"):
            with open(os.path.join(bin_dir, name), "w", encoding="ascii") as f:
                f.write(STAND_IN)
            os.chmod(os.path.join(bin_dir, name), 0o755)
        self.kernel = os.path.join(self.top, "vmlinuz")
        image = bytearray(4096)
        image[0x202:0x206] = b"HdrS"
        with open(self.kernel, "wb") as f:
            f.write(bytes(image))
        self.work = os.path.join(self.top, "work")
        os.mkdir(self.work)
        self.env = dict(os.environ, PATH=bin_dir + ":" + os.environ["PATH"],
                        TMPDIR=os.path.join(self.top, "work"))

    def tearDown(self):
        self.scratch.cleanup()

    def wait_for(self, what):
        until = time.monotonic() + GONE_S
        while not what() and time.monotonic() < until:
            time.sleep(0.01)
        return what()

    def killed(self, *args):
        """Start it, kill it when a stand-in runs, look for what is left."""
        before = tree(self.work)
        for _ in range(KILLS):
            mark = "PVTB_TEST_MARK=%s" % uuid.uuid4()
            name, value = mark.split("=")
            started = os.path.join(self.top, "started-" + value)
            run = subprocess.Popen([PVTB, *args], cwd=self.work, stdin=subprocess.DEVNULL,
                                   env=dict(self.env, PVTB_TEST_STARTED=started, **{name: value}),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.assertTrue(self.wait_for(lambda: os.path.exists(started) or
                                          run.poll() is not None))
            if run.poll() is not None:
                self.fail("%s ended: %s" % (args, run.stderr.read().decode()))
            run.send_signal(signal.SIGKILL)
            run.wait()
            run.stderr.close()
            self.wait_for(lambda: not started_by(mark) and tree(self.work) == before)
            self.assertEqual(started_by(mark), [], args)
            self.assertEqual(tree(self.work), before, args)

    def lab(self):
        return "lab:x86_64,kernel=" + self.kernel

    def test_run(self):
        self.killed("run", "-H", self.lab(), "counter_read")

    def test_gate(self):
        self.killed("gate", "base.json", "--update", "-H", self.lab(), "counter_read")

    def test_ab(self):
        self.killed("ab", "-a", self.kernel, "-b", self.kernel, "counter_read")

    def test_plot(self):
        path = os.path.join(self.work, "r")
        os.mkdir(path)
        subprocess.run([TOOL, "--example", os.path.join(path, "result.json")], check=True)
        self.killed("plot", path)

    def test_conformance(self):
        self.killed("conformance", "-H", self.lab())

    def test_stress(self):
        self.killed("stress", "-H", self.lab(), "--ops", "1000")

    def test_lab_run(self):
        self.killed("lab", "run", self.lab(), "--", "doctor")


if __name__ == "__main__":
    unittest.main()
