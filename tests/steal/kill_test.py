# SPDX-License-Identifier: GPL-2.0-only
# alone: it looks for control groups that are left, whoever made them
"""A stolen-time run killed with SIGKILL at random moments leaves nothing behind: no process of its
own, running, stopped or frozen, no control group, no result. Natively; skipped without /dev/kvm."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

PVTB = os.environ["PVTB"]
# Scenarios with something to put back, each for itself: the moments are short compared to a run.
SCENARIOS = ("quota_50", "freezer", "sigstop", "cpuset_away", "moved", "deadline_hog", "shares")
KILLS = 14
LONGEST_S = 4.0
GONE_S = 10.0


def started_by(mark):
    """Processes that inherited the mark, whatever became of their parents."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                marked = mark in f.read()
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if marked and state != "Z":
            found.append((int(pid), state))
    return found


def groups():
    found = set()
    for at, dirs, _ in os.walk("/sys/fs/cgroup"):
        found.update(os.path.join(at, d) for d in dirs if d.startswith("pvtb-"))
    return found


class Kill(unittest.TestCase):
    def gone(self, what):
        until = time.monotonic() + GONE_S
        while what() and time.monotonic() < until:
            time.sleep(0.02)
        return what()

    def test_sigkill_at_random_moments(self):
        seed = int(os.environ.get("SEED", time.time_ns() & 0xFFFFFFFF))
        print(f"SEED={seed}")
        rnd = random.Random(seed)
        before = groups()
        grouped = 0
        for i in range(KILLS):
            scenario = SCENARIOS[i % len(SCENARIOS)]
            mark = f"PVTB_TEST_MARK={uuid.UUID(int=rnd.getrandbits(128))}".encode()
            name, value = mark.decode().split("=")
            with tempfile.TemporaryDirectory() as scratch:
                out = os.path.join(scratch, "result")
                run = subprocess.Popen(
                    [PVTB, "run", "steal." + scenario, "-H", "native", "-o", out],
                    env=dict(os.environ, **{name: value}),
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(rnd.uniform(0.0, LONGEST_S))
                ended = run.poll() is not None
                grouped += bool(groups() - before)
                run.send_signal(signal.SIGKILL)
                run.wait()
                left = self.gone(lambda: started_by(mark))
                self.assertEqual(left, [], f"{scenario}: processes left")
                left = self.gone(lambda: groups() - before)
                self.assertEqual(left, set(), f"{scenario}: control groups left")
                if not ended:
                    self.assertFalse(os.path.exists(out), f"{scenario}: half a result")
        # else there was nothing to put back, and nothing was tested
        with open("/proc/self/mounts") as mounts:
            if not any(line.split()[2].startswith("cgroup") for line in mounts):
                self.skipTest("no control groups are mounted")
        self.assertGreater(grouped, 0, "no kill found a control group in use")


if __name__ == "__main__":
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or os.geteuid():
        print("SKIP: needs /dev/kvm and root")
        sys.exit(4)
    unittest.main()
