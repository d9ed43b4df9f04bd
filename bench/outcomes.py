"""Compares what two runs of a suite said: outcomes.py SERIAL.xml OTHER.xml, from --junitxml.

Prints how many tests there are and each one whose outcome differs; exits 1 if any does.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def read(path: Path) -> Counter[tuple[str, str]]:
    """(test, outcome) pairs; a test may be reported twice, for its call and for its teardown."""
    found: Counter[tuple[str, str]] = Counter()
    for case in ElementTree.parse(path).iter("testcase"):
        kinds = sorted({c.tag for c in case} & {"failure", "error", "skipped"})
        found[f"{case.get('classname')}::{case.get('name')}", "+".join(kinds) or "passed"] += 1
    return found


def differences(serial: Path, other: Path) -> tuple[int, list[str]]:
    """How many tests the serial run reported, and a line for each difference."""
    expected, got = read(serial), read(other)
    lines = [f"only serial: {test} {outcome}" for test, outcome in sorted(expected - got)]
    lines += [f"not serial: {test} {outcome}" for test, outcome in sorted(got - expected)]
    return expected.total(), lines


def main() -> int:
    n, lines = differences(Path(sys.argv[1]), Path(sys.argv[2]))
    for line in lines:
        print(line)
    print(f"{n} tests, {len(lines)} differences in outcome")
    return 1 if lines or not n else 0


if __name__ == "__main__":
    sys.exit(main())
