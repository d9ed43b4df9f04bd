"""Machines that are not there: the tables that the dispatcher's simulator prints (tests/sim)."""

from __future__ import annotations

import subprocess

from contenders import Extent, Tools

PROGRAM = "tests/sim/sim-dispatch"


def run(tools: Tools, _: Extent) -> str:
    return subprocess.run(
        [tools.build / PROGRAM], capture_output=True, check=True, text=True
    ).stdout.rstrip()
