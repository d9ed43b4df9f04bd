"""Machines that are not there: what the dispatcher's simulations print (tests/sim).

They are the project's tests of these names, so that what is shown here is also what is held to.
"""

from __future__ import annotations

import json
import subprocess

from contenders import Extent, Tools

NAMES = ("sim-dispatch-bound", "sim-dispatch-optimum", "sim-dispatch-peers")


def commands(tools: Tools) -> dict[str, list[str]]:
    """By test, with the arguments that meson gives it."""
    introspect = ["meson", "introspect", "--tests", str(tools.build)]
    tests = json.loads(subprocess.run(introspect, capture_output=True, check=True).stdout)
    return {test["name"]: test["cmd"] for test in tests}


def run(tools: Tools, _: Extent) -> str:
    found = commands(tools)
    texts = [
        subprocess.run(found[name], capture_output=True, check=True, text=True).stdout.rstrip()
        for name in NAMES
    ]
    return "```\n" + "\n\n".join(texts) + "\n```"
