#!/usr/bin/env python3
"""simulated.py on made documents: what it writes it accepts, and what differs it refuses."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("simulated.py")
DOCUMENT = "# Title\n\n<!-- made -->\n<!-- end of made -->\nafter\n"


class Simulated(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.document = pathlib.Path(folder.name) / "doc ument.md"
        self.program = pathlib.Path(folder.name) / "made"
        self.document.write_text(DOCUMENT, encoding="utf-8")

    def run_with(self, prints: str, *options: str, status: int = 0) -> int:
        """The exit status after a program that prints that and ends so."""
        self.program.write_text(f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\nexit {status}\n")
        self.program.chmod(0o755)
        command = [sys.executable, str(SCRIPT), str(self.document), str(self.program), *options]
        return subprocess.run(command, capture_output=True, check=False).returncode

    def test_what_is_written_is_accepted(self) -> None:
        self.assertEqual(self.run_with("| a | 10.0 |", "--regenerate"), 0)
        text = self.document.read_text(encoding="utf-8")
        self.assertEqual(text, DOCUMENT.replace("<!-- end", "| a | 10.0 |\n<!-- end"))
        self.assertEqual(self.run_with("| a | 10.0 |"), 0)

    def test_numbers_may_be_close(self) -> None:
        self.run_with("| a | 10.0 | 100 % | 0 |", "--regenerate")
        self.assertEqual(self.run_with("| a | 10.1 | 99 % | 1 |"), 0)
        self.assertEqual(self.run_with("| a | 10.3 | 99 % | 1 |"), 1)
        self.assertEqual(self.run_with("| a | 10.0 | 97 % | 0 |"), 1)
        self.assertEqual(self.run_with("| a | 10.0 | 100 % | 2 |"), 1)

    def test_words_and_lines_may_not(self) -> None:
        self.run_with("| a | 10.0 |", "--regenerate")
        self.assertEqual(self.run_with("| b | 10.0 |"), 1)
        self.assertEqual(self.run_with("| a | 10.0 |\n| b | 1 |"), 1)

    def test_a_limit_that_is_missed(self) -> None:
        self.run_with("| a | 10.0 |", "--regenerate")
        self.assertEqual(self.run_with("| a | 10.0 |", status=1), 1)
        self.assertNotEqual(self.run_with("| a | 10.0 |", status=99), 0)

    def test_a_document_without_its_part(self) -> None:
        self.document.write_text("nothing", encoding="utf-8")
        self.assertNotEqual(self.run_with("| a | 10.0 |", "--regenerate"), 0)
        self.assertEqual(self.document.read_text(encoding="utf-8"), "nothing")


if __name__ == "__main__":
    unittest.main()
