#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The JSON Schema against what pvtb writes, and against every way of breaking it: schema and
program must agree on each. Run by tests/run.sh, which sets O to the build directory."""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest

try:
    import jsonschema
except ImportError:
    print("SKIP python3-jsonschema is not installed")
    sys.exit(4)

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(os.environ.get("O", os.path.join(TOP, "build")), "tests/unit/result_test")


def places(node, path=()):
    """Every place in the document, the benchmark's own objects left out: those are free."""
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in ("environment", "detail"):
                yield from places(value, path + (key,))
            else:
                yield path + (key,)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from places(value, path + (index,))


def at(node, path):
    for step in path:
        node = node[step]
    return node


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(TOP, "results/schema/result.schema.json")) as f:
            schema = json.load(f)
        kind = jsonschema.validators.validator_for(schema)
        kind.check_schema(schema)
        cls.validator = kind(schema)
        cls.dir = tempfile.TemporaryDirectory()
        cls.file = os.path.join(cls.dir.name, "result.json")
        subprocess.run([TOOL, "--example", cls.file], check=True)
        with open(cls.file) as f:
            cls.example = json.load(f)

    @classmethod
    def tearDownClass(cls):
        cls.dir.cleanup()

    def program_accepts(self, document):
        with open(self.file, "w") as f:
            json.dump(document, f)
        done = subprocess.run([TOOL, "--load", self.file], capture_output=True, text=True)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.returncode == 0

    def agree(self, document, accepted, what):
        self.assertEqual(self.validator.is_valid(document), accepted, "schema: %s" % what)
        self.assertEqual(self.program_accepts(document), accepted, "pvtb: %s" % what)

    def test_what_pvtb_writes_is_valid(self):
        self.validator.validate(self.example)
        self.agree(self.example, True, "example")

    def test_every_member_is_required_and_no_other_allowed(self):
        count = 0
        for path in places(self.example):
            node = at(self.example, path)
            if not isinstance(node, dict) or (path and path[-1] in ("environment", "detail")):
                continue
            broken = copy.deepcopy(self.example)
            at(broken, path)["unheard_of"] = 1
            self.agree(broken, False, "%s has one more" % (path,))
            for key in node:
                broken = copy.deepcopy(self.example)
                del at(broken, path)[key]
                self.agree(broken, False, "%s without %s" % (path, key))
                count += 1
        self.assertGreater(count, 60)

    def test_every_value_of_another_type(self):
        others = [None, True, -1, 1.5, "", "nonsense", [], {}, "0xffffffffffffffff", 12]
        for path in places(self.example):
            if not path:
                continue
            for other in others:
                changed = copy.deepcopy(self.example)
                at(changed, path[:-1])[path[-1]] = other
                # What is right here the schema says; the program must say the same.
                self.agree(changed, self.validator.is_valid(changed), "%s = %r" % (path, other))

    def test_free_objects_are_free(self):
        changed = copy.deepcopy(self.example)
        changed["hosts"][0]["environment"] = {"any": {"thing": [1, None, "x"]}}
        changed["hosts"][0]["benches"][0]["variants"][0]["detail"] = {"table": [[1.5]]}
        self.agree(changed, True, "free objects")

    def test_what_is_written_about_stolen_time(self):
        """Details are free to the program, but those of stolen time are described: what is written
        is right, and nothing of it may be missing, more, or of another type."""
        tool = os.path.join(os.path.dirname(TOOL), "steal_detail_test")
        subprocess.run([tool, "--example", self.file], check=True)
        with open(self.file) as f:
            document = json.load(f)
        self.agree(document, True, "stolen time")
        bench = ("hosts", 0, "benches", 0)
        count = 0
        for start in (bench + ("detail", "stolen"),
                      bench + ("variants", 0, "detail", "stolen")):
            for path in places(at(document, start)):
                node = at(document, start + path)
                if isinstance(node, dict):
                    for key in list(node) + ["unheard_of"]:
                        broken = copy.deepcopy(document)
                        if key in node:
                            del at(broken, start + path)[key]
                        else:
                            at(broken, start + path)[key] = 1
                        self.assertFalse(self.validator.is_valid(broken), (start + path, key))
                        count += 1
                elif path:
                    broken = copy.deepcopy(document)
                    at(broken, start + path[:-1])[path[-1]] = {}
                    self.assertFalse(self.validator.is_valid(broken), start + path)
        self.assertGreater(count, 100)
        broken = copy.deepcopy(document)
        at(broken, bench)["detail"]["stolen"]["causes"][0]["class"] = "nonsense"
        self.assertFalse(self.validator.is_valid(broken))

    def test_paths_stay_inside(self):
        for path, good in (("a", True), ("a/b..c", True), ("..a", True), ("a/..", False),
                           ("../a", False), ("/a", False), ("a/../b", False), ("", False)):
            changed = copy.deepcopy(self.example)
            changed["hosts"][0]["benches"][0]["variants"][0]["files"][0]["path"] = path
            self.agree(changed, good, path)

    def test_counts(self):
        for value, good in ((0, True), (2**63 - 1, True), ("0x8000000000000000", True),
                            ("0x7fffffffffffffff", False), ("0x80", False), (-1, False),
                            ("0XFFFFFFFFFFFFFFFF", False), (2**63, False)):
            changed = copy.deepcopy(self.example)
            changed["hosts"][0]["samples"] = value
            self.agree(changed, good, repr(value))


if __name__ == "__main__":
    unittest.main()
