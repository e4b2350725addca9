# SPDX-License-Identifier: GPL-2.0-only
"""Small files that expand: what reads them holds no more than is stated, and says so."""

import copy
import json
import os
import resource
import struct
import subprocess
import tempfile
import unittest
import zlib

from example import WithExample

PVTB = os.environ["PVTB"]
TOOL = os.path.join(os.environ["O"], "tests/unit/result_test")
MIB = 1 << 20
OF_RUN, OF_SIDE = 4 * MIB, 64 * MIB  # samples of 8 bytes
PROGRAM_KIB = 64 << 10  # all but samples


def frame(data):
    """One zstd frame, of data that a generator may give."""
    with subprocess.Popen(["zstd", "-qc", "--check"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as z:
        for block in data:
            z.stdin.write(block)
        z.stdin.close()
        return z.stdout.read()


def samples(n):
    """A sample file of n durations."""
    text = b"{}"
    head = struct.pack("<8sIIII", b"PVTBSMP1", 1, 3, 8, len(text)) + text
    end = struct.pack("<8sQII", b"PVTBEND1", n, zlib.crc32(head), 0)
    block = struct.pack("<q", 40) * 65536
    full = [block] * (n // 65536) + [block[:n % 65536 * 8]]
    return head + frame(full) + frame([end])


class Bounds(WithExample):
    tool = TOOL

    def result(self, data, counted=1 << 40):
        """A result directory with that sample file, which says how many samples it has."""
        r = copy.deepcopy(self.example)
        r["hosts"] = r["hosts"][:1]
        r["hosts"][0]["samples"] = counted
        path = tempfile.mkdtemp(dir=self.top.name)
        os.mkdir(os.path.join(path, "samples"))
        with open(os.path.join(path, "samples/a..b.zst"), "wb") as f:
            f.write(data)
        with open(os.path.join(path, "result.json"), "w", encoding="utf-8") as f:
            json.dump(r, f)
        return path

    def compare(self, *args):
        """Status, what it said, and the most it held (KiB)."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        done = subprocess.run(["sh", "-c", "ulimit -v 4000000; exec \"$@\"", "sh", PVTB, "compare", *args],
                              capture_output=True, timeout=120)
        after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return done.returncode, done.stderr.decode(), max(before, after)

    def test_one_file_expands(self):
        good = self.result(samples(1000))
        status, said, _ = self.compare(good, good)
        self.assertIn(status, (0, 1), said)
        for n in (OF_RUN + 1, 16 * OF_RUN):
            data = samples(n)
            self.assertLess(len(data), 1 * MIB)
            status, said, held = self.compare(good, self.result(data))
            self.assertEqual(status, 2, said)
            self.assertIn("holds more than %d samples" % OF_RUN, said)
            self.assertLess(held, 8 * OF_RUN // 1024 + PROGRAM_KIB)

    def test_more_than_the_result_counts(self):
        good = self.result(samples(1000))
        status, said, _ = self.compare(good, self.result(samples(2000), counted=1999))
        self.assertEqual(status, 2, said)
        self.assertIn("holds more than 1999 samples", said)

    def test_sum_over_runs(self):
        """Each is as large as a run may be."""
        good = self.result(samples(1000))
        data = samples(OF_RUN)
        many = [self.result(data) for _ in range(OF_SIDE // OF_RUN + 1)]
        args = [w for path in many for w in ("--new", path)]
        status, said, held = self.compare("--old", good, *args)
        self.assertEqual(status, 2, said)
        self.assertIn("%d samples fit for a side" % OF_SIDE, said)
        self.assertLess(held, 8 * OF_SIDE // 1024 + PROGRAM_KIB)


if __name__ == "__main__":
    unittest.main()
