"""Sums test results: count.py FILE…, each a meson testlog.json or a JUnit XML file.

The last line is `N passed, N failed, N skipped`; before it, what failed. Exits 1 if anything failed
or nothing ran.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


def from_meson(path: Path) -> Iterator[tuple[str, str]]:
    """(name, outcome) of each test in a testlog.json: one JSON object a line."""
    outcomes = {"OK": PASSED, "EXPECTEDFAIL": PASSED, "SKIP": SKIPPED}
    for line in path.read_text().splitlines():
        test = json.loads(line)
        yield test["name"], outcomes.get(test["result"], FAILED)


def from_junit(path: Path) -> Iterator[tuple[str, str]]:
    for case in ElementTree.parse(path).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = (
            FAILED if kinds & {"failure", "error"} else SKIPPED if "skipped" in kinds else PASSED
        )
        yield f"{case.get('classname')}::{case.get('name')}", outcome


def main() -> int:
    totals = {PASSED: 0, FAILED: 0, SKIPPED: 0}
    for path in map(Path, sys.argv[1:]):
        for name, outcome in from_junit(path) if path.suffix == ".xml" else from_meson(path):
            totals[outcome] += 1
            if outcome == FAILED:
                print(f"FAILED {path.stem}: {name}")
    print(", ".join(f"{n} {outcome}" for outcome, n in totals.items()))
    return 1 if totals[FAILED] or not totals[PASSED] else 0


if __name__ == "__main__":
    sys.exit(main())
