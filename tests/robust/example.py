# SPDX-License-Identifier: GPL-2.0-only
"""A result as pvtb writes one, for tests that change it: cls.example, and a directory, cls.top, that is
removed after the last test."""

import json
import os
import subprocess
import tempfile
import unittest


class WithExample(unittest.TestCase):
    tool = None  # the program that writes the example

    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.TemporaryDirectory()
        path = os.path.join(cls.top.name, "example.json")
        subprocess.run([cls.tool, "--example", path], check=True)
        with open(path, encoding="utf-8") as f:
            cls.example = json.load(f)

    @classmethod
    def tearDownClass(cls):
        cls.top.cleanup()
