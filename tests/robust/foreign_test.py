# SPDX-License-Identifier: GPL-2.0-only
"""Results, kernels and files that somebody else made: nothing outside the result is touched, nothing
crashes, nothing waits for ever. Needs no lab and no KVM."""

import copy
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

from example import WithExample

PVTB = os.path.abspath(os.environ["PVTB"])
TOOL = os.path.join(os.environ["O"], "tests/unit/result_test")
INPUT = os.path.abspath(os.path.join(os.environ["O"], "tests/faults/input"))
ESC = "\x1b]0;title\x07\x1b[31m\u009b31m\u202e"


def run(*args, timeout=60, **kw):
    """Status and both outputs; a signal or a wait that does not end is a failure of the test."""
    done = subprocess.run([PVTB, *args], capture_output=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **kw)
    if done.returncode < 0:
        raise AssertionError("pvtb %s: killed by signal %d" % (" ".join(args), -done.returncode))
    return done.returncode, done.stdout, done.stderr


class Foreign(WithExample):
    tool = TOOL

    def setUp(self):
        self.dir = tempfile.mkdtemp(dir=self.top.name)

    def result(self, alter=None, name="r"):
        """A result directory, the example altered."""
        r = copy.deepcopy(self.example)
        if alter:
            alter(r)
        path = os.path.join(self.dir, name)
        os.mkdir(path)
        with open(os.path.join(path, "result.json"), "w", encoding="utf-8") as f:
            json.dump(r, f)
        return path

    def put(self, name, data):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def assertRefused(self, status, err):
        self.assertEqual(status, 2, err)
        lines = err.decode().splitlines()
        self.assertTrue(lines and lines[0].startswith("pvtb: "), err)

    # ---- results ----

    def test_a_table_without_columns(self):
        def alter(r):
            v = r["hosts"][0]["benches"][0]["variants"][0]
            v["detail"] = {"tables": [{"title": "t", "columns": [],
                                       "rows": [["a"], ["b"], ["c"]]}]}
        path = self.result(alter)
        for form in ("text", "markdown", "csv", "cover-letter", "seed-table", "json"):
            status, _, err = run("report", path, "--format", form)
            self.assertIn(status, (0, 1, 2), (form, err))

    def test_nothing_in_it(self):
        def no_hosts(r):
            r["hosts"] = []

        def no_benches(r):
            r["hosts"][0]["benches"] = []

        def no_variants(r):
            r["hosts"][0]["benches"][0]["variants"] = []

        for alter in (no_hosts, no_benches, no_variants):
            path = self.result(alter, alter.__name__)
            for form in ("text", "markdown", "csv", "cover-letter", "seed-table"):
                status, _, err = run("report", path, "--format", form)
                self.assertIn(status, (0, 2), (alter.__name__, form, err))

    # ---- plot ----

    @unittest.skipUnless(shutil.which("gnuplot"), "no gnuplot")
    def test_plot_data_goes_nowhere_else(self):
        path = self.result()
        plots = os.path.join(path, "plots")
        victim = os.path.join(self.dir, "victim")
        status, out, err = run("plot", "-d", path)
        self.assertEqual(status, 0, err)
        data = [n for n in os.listdir(plots) if n.endswith(".data")]
        self.assertTrue(data, out)
        # again: what the first one left is replaced
        status, _, err = run("plot", "-d", path)
        self.assertEqual(status, 0, err)
        os.mkdir(victim)
        with open(os.path.join(victim, "id"), "w", encoding="ascii") as f:
            f.write("secret")

        def restore(kind):
            shutil.rmtree(plots)
            os.mkdir(plots)
            place = os.path.join(plots, data[0])
            if kind == "link":
                os.symlink("../../victim", place)
            else:
                shutil.copytree(victim, place)
            return place
        for kind in ("link", "directory"):
            place = restore(kind)
            status, _, err = run("plot", "-d", path)
            self.assertRefused(status, err)
            self.assertTrue(os.path.exists(os.path.join(place, "id")), kind)
            self.assertEqual(os.listdir(victim), ["id"])
            self.assertEqual([n for n in os.listdir(plots) if n.startswith(".plot-")], [])
        shutil.rmtree(plots)
        os.symlink("../victim", plots)
        status, _, err = run("plot", path)
        self.assertRefused(status, err)
        self.assertEqual(os.listdir(victim), ["id"])

    # ---- files that are no files ----

    def test_a_fifo_is_refused(self):
        fifo = os.path.join(self.dir, "fifo")
        os.mkfifo(fifo)
        path = self.result()
        for args in (("report", fifo), ("plot", fifo), ("compare", fifo, path),
                     ("compare", path, path, "--thresholds", fifo), ("gate", fifo),
                     ("stress", "--replay", fifo), ("run", "-H", "lab:arm64", "-k", fifo),
                     ("run", "-H", "lab:x86_64,kernel=" + fifo),
                     ("migrate-target", "file:" + fifo)):
            if args[0] == "migrate-target" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
                continue
            status, _, err = run(*args, timeout=20)
            self.assertNotEqual(status, 0, args)
            self.assertTrue(err.startswith(b"pvtb: "), (args, err))

    # ---- the place of a result ----

    def test_a_refused_run_removes_nothing(self):
        mine = os.path.join(self.dir, ".tmp-1-abcdef")
        for d, name in ((".tmp-work", "file"), (".tmp-1-abcdef", ".pvtb-unfinished")):
            os.mkdir(os.path.join(self.dir, d))
            with open(os.path.join(self.dir, d, name), "w", encoding="ascii") as f:
                f.write("pvtb: a result in the making\n")
        missing = os.path.join(self.dir, "no-such-kernel")
        status, _, err = run("run", "-H", "lab:arm64", "-k", missing, "-o",
                             os.path.join(self.dir, "out"), "counter_read")
        self.assertRefused(status, err)
        self.assertTrue(os.path.exists(os.path.join(self.dir, ".tmp-work/file")))
        self.assertTrue(os.path.exists(mine))

    # ---- kernels and modules ----

    def boot(self, arch, kernel, modules=None):
        spec = "lab:%s,kernel=%s" % (arch, kernel) + (",modules=" + modules if modules else "")
        return run("run", "-H", spec, "-o", os.path.join(self.dir, "never"), "counter_read")

    def bzimage(self):
        image = bytearray(4096)
        image[0x202:0x206] = b"HdrS"
        return self.put("vmlinuz", bytes(image))

    @staticmethod
    def module(kind, size, data=b""):
        """An ELF file with .modinfo of section type @kind, which says it has @size bytes."""
        names = b"\0.modinfo\0.shstrtab\0"
        head = 64
        body = names + data
        sections = (struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) +
                    struct.pack("<IIQQQQIIQQ", 1, kind, 2, 0, head + len(names), size, 0, 0, 1, 0) +
                    struct.pack("<IIQQQQIIQQ", 10, 3, 0, 0, head, len(names), 0, 0, 1, 0))
        at = head + len(body)
        elf = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 1, 62, 1, 0, 0, at, 0, 64,
                          0, 0, 64, 3, 2)
        return elf + body + sections

    def test_a_module_without_its_bytes(self):
        modules = os.path.join(self.dir, "modules")
        os.mkdir(modules)
        kernel = self.bzimage()
        for kind, size, data in ((8, 4096, b""), (8, 1 << 62, b""), (1, 1 << 62, b"x"),
                                 (1, 0, b"")):
            with open(os.path.join(modules, "kvm-amd.ko"), "wb") as f:
                f.write(self.module(kind, size, data))
            status, _, err = self.boot("x86_64", kernel, modules)
            self.assertRefused(status, err)

    def test_a_kernel_that_ends_too_soon(self):
        banner = bytearray(64)
        banner[0x38:0x3c] = b"ARMd"
        for tail in (b"Linux version ", b"Linux version %", b"Linux version %sLinux version "):
            image = bytes(banner) + tail
            packed = zlib.compressobj(wbits=31)
            zipped = packed.compress(image) + packed.flush()
            zboot = (b"MZ\0\0zimg" + struct.pack("<II", 64, len(zipped)) + bytes(8) + b"gzip" +
                     bytes(36) + zipped)
            for kernel in (image, zipped, zboot):
                # it is no kernel, but looks like one: a lab boots it in vain
                status, _, err = run("run", "-H", "lab:x86_64,kernel=" + self.put("Image", kernel),
                                     "-o", os.path.join(self.dir, "never"), "counter_read")
                self.assertRefused(status, err)

    def test_a_kernel_of_zeros_compressed_well(self):
        packed = zlib.compressobj(9, wbits=31)
        data = b"".join(packed.compress(bytes(1 << 24)) for _ in range(80)) + packed.flush()
        status, _, err = self.boot("arm64", self.put("Image.gz", data))
        self.assertRefused(status, err)
        self.assertIn(b"does not decompress", err)


class Plot(unittest.TestCase):
    """Names that mean something to a shell or to gnuplot: drawn as they are, in files of plain names."""

    MEANS = "'\"`touch ran`$(touch ran)\\n%d{/b}@_^"

    @unittest.skipUnless(shutil.which("gnuplot") and os.path.exists(INPUT), "no gnuplot, or no result with samples")
    def test_names_with_quotes(self):
        with tempfile.TemporaryDirectory() as top:
            subprocess.run([INPUT, top], check=True)
            path = os.path.join(top, "it's \"new\" $(touch ran)")
            os.rename(os.path.join(top, "new"), path)
            with open(os.path.join(path, "result.json"), encoding="utf-8") as f:
                r = json.load(f)
            for host in r["hosts"]:
                for key in ("host", "kernel", "mode"):
                    host[key] += self.MEANS
                for bench in host["benches"]:
                    for item in [bench] + bench["variants"]:
                        item["name"] += self.MEANS
                        item["summary"] += self.MEANS
            with open(os.path.join(path, "result.json"), "w", encoding="utf-8") as f:
                json.dump(r, f)
            status, out, err = run("plot", path, "-o", path + "/o'u\"t", cwd=top)
            self.assertEqual((status, err), (0, b""))
            drawn = out.decode().splitlines()
            self.assertGreaterEqual(len(drawn), 4, out)
            for name in drawn:
                self.assertRegex(os.path.basename(name), r"^[A-Za-z0-9._=+-]+$")
            with open([n for n in drawn if n.endswith(".svg")][0], encoding="utf-8") as f:
                self.assertIn("$(touch ran)", f.read())
            self.assertFalse([n for _, _, files in os.walk(top) for n in files if n == "ran"])

if __name__ == "__main__":
    unittest.main()
