#!/usr/bin/env python3
"""Keeps the tables of a document that simulations print: regenerates and compares them.

usage: simulated.py DOCUMENT [--regenerate] PROGRAM...

Each PROGRAM prints a part of DOCUMENT, the one between `<!-- NAME -->` and `<!-- end of NAME -->`
with NAME the program's own, when it is started with --table; it exits with 1 if what it simulated
misses a limit that it states, and then this does as well. Numbers may differ by TOLERANCE or by one
in their last digit: compilers may round differently, and a control loop passes that on.
--regenerate writes the parts anew: look at the diff before committing it.
"""

from __future__ import annotations

import argparse
import difflib
import pathlib
import re
import subprocess
import sys

TOLERANCE = 0.02
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def begin(name: str) -> str:
    return f"<!-- {name} -->\n"


def end(name: str) -> str:
    return f"<!-- end of {name} -->\n"


def close(expected: str, actual: str) -> bool:
    """Of two numbers as they are written."""
    digits = len(expected.partition(".")[2])
    allowed = max(TOLERANCE * abs(float(expected)), 1.01 * 10.0**-digits)
    return abs(float(expected) - float(actual)) <= allowed


def alike(expected: str, actual: str) -> bool:
    """Of two lines: the same words, and numbers that are close."""
    if NUMBER.split(expected) != NUMBER.split(actual):
        return False
    return all(map(close, NUMBER.findall(expected), NUMBER.findall(actual)))


def differences(name: str, expected: str, actual: str) -> list[str]:
    """A diff in which lines that are alike are the same."""
    old, new = expected.splitlines(), actual.splitlines()
    if len(old) == len(new):
        new = [a if alike(a, b) else b for a, b in zip(old, new)]
    return list(difflib.unified_diff(old, new, f"{name}: expected", f"{name}: actual", lineterm=""))


def print_part(program: pathlib.Path) -> tuple[str, bool]:
    """What the program prints, and whether all its limits hold."""
    result = subprocess.run(
        [str(program.resolve()), "--table"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    sys.stderr.write(result.stderr)
    if result.returncode not in (0, 1):
        sys.exit(f"{program.name}: status {result.returncode}")
    return result.stdout, result.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description="tables that simulations print")
    parser.add_argument("document", type=pathlib.Path)
    parser.add_argument("programs", type=pathlib.Path, nargs="+")
    parser.add_argument("--regenerate", action="store_true")
    options = parser.parse_intermixed_args()
    failed = False

    for program in options.programs:
        document = options.document.read_text(encoding="utf-8")
        first, opened, rest = document.partition(begin(program.name))
        expected, closed, last = rest.partition(end(program.name))
        if not opened or not closed:
            sys.exit(f"{options.document} has no part for {program.name}")
        actual, holds = print_part(program)
        failed |= not holds
        if options.regenerate:
            options.document.write_text(first + opened + actual + closed + last, encoding="utf-8")
            continue
        different = differences(program.name, expected, actual)
        print("\n".join(different))
        failed |= bool(different)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
