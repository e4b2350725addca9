# SPDX-License-Identifier: GPL-2.0-only
"""A migration peer that nobody knows: it is not waited for without end, and what it says acts on nothing."""

import os
import socket
import struct
import subprocess
import tempfile
import time
import unittest
import zlib

PVTB = os.environ["PVTB"]
HEAD = struct.Struct("<IIIIQQQII")
KERNEL_AT = 144  # struct pvtb_mig_hello
MASK = (1 << 64) - 1
MIX = 0x9e3779b97f4a7c15


def data_sum(data):
    """pvtb_mig_sum()"""
    lanes = [len(data), MIX, MIX * 3 & MASK, MIX * 5 & MASK]
    words = data[:len(data) // 32 * 32] + data[len(data) // 32 * 32:].ljust(32, b"\0")
    for i, (word,) in enumerate(struct.iter_unpack("<Q", words)):
        lane = (lanes[i % 4] ^ word) * MIX & MASK
        lanes[i % 4] = (lane << 29 | lane >> 35) & MASK
    total = MIX
    for lane in lanes:
        total = (total ^ lane) * MIX & MASK
        total ^= total >> 32
    return total


def frame(kind, data, number=0):
    head = HEAD.pack(0x464d5650, kind, 0, number, len(data), 0, data_sum(data), 0, 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(head)) + data


class Peer(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.scratch.name, "s")

    def tearDown(self):
        self.scratch.cleanup()

    def test_slow(self):
        """A byte now and then: no silence, and no guest."""
        with subprocess.Popen([PVTB, "migrate-target", "--timeout", "1", "unix:" + self.path],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as target:
            while not os.path.exists(self.path) and target.poll() is None:
                time.sleep(0.01)
            with socket.socket(socket.AF_UNIX) as s:
                while s.connect_ex(self.path) and target.poll() is None:
                    time.sleep(0.01)
                for byte in frame(1, bytes(208)):
                    try:
                        s.send(bytes([byte]))
                    except OSError:
                        break
                    time.sleep(0.1)
                else:
                    target.kill()
                    self.fail("all 256 bytes were waited for")
            said = target.stderr.read().decode()
            self.assertEqual(target.wait(), 2, said)
            self.assertIn("frame 0 is too slow", said)

    def test_text(self):
        """What a guest says of itself: harmless, whether it is refused or taken in."""
        acts = b"\x1b]0;x\x07\x1b[31m\xc2\x9b31m"
        saved = os.path.join(self.scratch.name, "guest")
        done = subprocess.run([PVTB, "migrate-source", "file:" + saved], capture_output=True,
                              timeout=120)
        if done.returncode:
            self.skipTest("no KVM: " + done.stderr.decode())
        with open(saved, "rb") as f:
            stream = f.read()
        hello = bytearray(stream[48:48 + 208])
        self.assertEqual(frame(1, bytes(hello)), stream[:256])
        hello[KERNEL_AT:] = acts.ljust(64, b"\0")
        with open(saved, "wb") as f:
            f.write(frame(1, bytes(hello)) + stream[256:])
        done = subprocess.run([PVTB, "migrate-target", "-s", "0", "file:" + saved],
                              capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"\x1b", done.stdout)
        self.assertIn(b"from Linux \\x1b]0;x", done.stdout)


if __name__ == "__main__":
    unittest.main()
