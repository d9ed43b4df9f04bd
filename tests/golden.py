#!/usr/bin/env python3
"""Golden tests of what hw/ makes of a machine: model, order of lending, drawing.

usage: golden.py SHOW_MACHINE [--regenerate] [NAME...]

SHOW_MACHINE is the built tests/machine/show-machine. The machines are made trees (see
fixtures/machines.py), hwloc's recorded or written XML (fixtures/topologies/*.xml) and synthetic
strings; what is expected of each is in fixtures/topologies/NAME.txt. --regenerate writes that anew:
look at the diff before committing it.
"""

from __future__ import annotations

import argparse
import difflib
import os
import pathlib
import subprocess
import sys
import tempfile

from fixtures import machines

TOPOLOGIES = pathlib.Path(__file__).parent / "fixtures" / "topologies"
LENT = "0-2"
# A tree is thousands of small files: better in memory than on a disk.
MEMORY = pathlib.Path("/dev/shm")

# Machines by hwloc's synthetic strings: no kinds, no files.
SYNTHETIC = {
    "numa-2s-192c": "pack:2 [numa] l3:12 core:8 pu:2(indexes=2*192:192*1)",
    "synthetic-smt8-512": "pack:2 [numa] l3:4 core:8 pu:8",
    "synthetic-many-packages": "numa:4 pack:4 core:1 pu:4",
    "synthetic-no-caches": "pack:2 core:4 pu:1",
    "synthetic-refused": "nonsense",
}


# A sanitizer's report must not look like a refusal, which is status 1.
SANITIZERS = {"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99"}


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HWLOC_")}
    return kept | SANITIZERS | more


def show(program: str, name: str) -> str:
    """What the program prints of one machine; a crash or a sanitizer's report fails the test."""
    arguments = [program, "--lent", LENT]
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as root:
        made = (machines.MACHINES | machines.BROKEN).get(name)
        if made:
            machines.write(made, pathlib.Path(root))
            arguments.append(root)
            env = environment()
        elif name in SYNTHETIC:
            env = environment(HWLOC_SYNTHETIC=SYNTHETIC[name])
        else:
            env = environment(HWLOC_XMLFILE=str(TOPOLOGIES / f"{name}.xml"))
        result = subprocess.run(arguments, env=env, capture_output=True, text=True, check=False)
        if result.returncode not in (0, 1):
            return f"status {result.returncode}\n{result.stdout}\n{result.stderr}\n"
        return result.stdout.replace(root, "ROOT")


def all_names() -> list[str]:
    recorded = sorted(path.stem for path in TOPOLOGIES.glob("*.xml"))
    return [*machines.MACHINES, *machines.BROKEN, *SYNTHETIC, *recorded]


def compare(name: str, actual: str) -> bool:
    file = TOPOLOGIES / f"{name}.txt"
    expected = file.read_text() if file.exists() else ""
    if actual == expected:
        return True
    lines = difflib.unified_diff(
        expected.splitlines(),
        actual.splitlines(),
        f"{name}: expected",
        f"{name}: actual",
        lineterm="",
    )
    print("\n".join(lines))
    return False


def find_leftovers(names: list[str]) -> list[str]:
    return sorted(path.name for path in TOPOLOGIES.glob("*.txt") if path.stem not in names)


def main() -> int:
    parser = argparse.ArgumentParser(description="golden tests of the machine model")
    parser.add_argument("program")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--regenerate", action="store_true")
    options = parser.parse_intermixed_args()
    names = options.names or all_names()
    failed = [f"{name} (belongs to nothing)" for name in find_leftovers(all_names())]

    for name in names:
        actual = show(options.program, name)
        if options.regenerate and not actual.startswith("status"):
            (TOPOLOGIES / f"{name}.txt").write_text(actual)
        elif not compare(name, actual):
            failed.append(name)
    print(f"{len(names)} machines, {len(failed)} differ: {' '.join(failed)}".rstrip(": "))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
