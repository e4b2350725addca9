# SPDX-License-Identifier: GPL-2.0-only
# alone: two observers' times of this machine are compared
"""watch-steal finds the vCPU of another process by its KVM descriptors, and its two witnesses agree
on what was stolen from it. Natively; skipped without /dev/kvm."""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

PVTB = os.environ["PVTB"]
# Clocks and, on this host's own hypervisor, what it takes between two stamps.
DISAGREE = 0.05


class Watch(unittest.TestCase):
    def test_overcommitted_vcpu(self):
        with tempfile.TemporaryDirectory() as scratch:
            run = subprocess.Popen(
                [PVTB, "run", "steal.overcommit_2", "-H", "native", "--no-plots",
                 "-o", os.path.join(scratch, "r")],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while True:
                watch = subprocess.run(
                    [PVTB, "watch-steal", "-s", "60", "-p", str(run.pid), "--json"],
                    capture_output=True, text=True, timeout=100, check=False)
                # 4: not a VM yet
                if watch.returncode != 4 or run.poll() is not None:
                    break
            run.wait()
        self.assertEqual(watch.returncode, 0, watch.stderr)
        lines = [json.loads(line) for line in watch.stdout.splitlines()]
        ended = [line["vcpu"] for line in lines if line["type"] == "ended"]
        self.assertTrue(ended, watch.stdout)
        seen = max(ended, key=lambda v: v["wall_ns"])
        self.assertEqual(seen["vcpu"], 0)
        self.assertEqual(seen["lost"], 0)
        stolen, told = seen["stolen_ns"], seen["k_minus_b"]
        self.assertGreater(stolen, seen["wall_ns"] * 0.2)
        self.assertGreater(told["switch_ins"], 10)
        self.assertLess(abs(told["last_ns"]), stolen * DISAGREE)
        # whoever else is busy here may have taken more than the scenario's hog
        took = [who["ns"] for who in seen["taken_by"]]
        self.assertEqual(took, sorted(took, reverse=True))
        self.assertGreater(took[0], 0)
        self.assertLessEqual(sum(took), stolen)
        self.assertTrue(all(who["comm"] for who in seen["taken_by"]))
        # every nanosecond of what B saw has one cause
        self.assertEqual(sum(seen["causes"].values()), seen["b_wall_ns"])

    def test_wait_for_the_first_vm_ends(self):
        began = time.monotonic()
        watch = subprocess.run(
            [PVTB, "watch-steal", "-p", str(os.getpid()), "--wait", "2", "-s", "1"],
            capture_output=True, text=True, timeout=100, check=False)
        self.assertEqual(watch.returncode, 4, watch.stderr)
        self.assertIn("no vCPU is open in that process", watch.stderr)
        self.assertGreaterEqual(time.monotonic() - began, 2)


if __name__ == "__main__":
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or os.geteuid():
        print("SKIP: needs /dev/kvm and root")
        sys.exit(4)
    unittest.main()
