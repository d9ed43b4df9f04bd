"""The engine's side of suites that pytest-xdist deals, with a scripted controller."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from .conftest import Runs
from .scripted_service import CPUS, Service
from .test_run_protocol import PREFACE, Scripts
from .test_run_suites import ONE_CPU

needs_two_cpus = pytest.mark.skipif(ONE_CPU, reason="needs two CPUs")


@pytest.fixture
def scripts(runs: Runs) -> Scripts:
    return Scripts(runs)


def test_workers_are_pinned(scripts: Scripts) -> None:
    """One a CPU where the engine says how many; and those beyond float."""
    chosen, pinned, where, extra, float_where = scripts.play(
        """
controller = Controller(0)
print(json.dumps(controller.workers))
pinned = [controller.node(number) for number in range(controller.workers)]
print(json.dumps(pinned))
print(json.dumps([controller.pus(number) for number in range(controller.workers)]))
extra = controller.node(controller.workers)
print(json.dumps(extra))
print(json.dumps(controller.pus(controller.workers)))
controller.plan(["a.py::a"])
controller.ran([0, 0, 0.5])
controller.finish()
"""
    )
    assert chosen == len(CPUS)
    assert sorted(sum(where, [])) == CPUS
    assert [said["pus"] for said in pinned] == [str(pus[0]) for pus in where]
    assert len({said["slot"] for said in [*pinned, extra]}) == chosen + 1
    assert float_where == CPUS
    assert scripts.summary["mode"] == "xdist" and scripts.summary["done"] == 1
    assert f"1 test on {chosen + 1} xdist workers" in scripts.stderr
    assert scripts.history() == {"a.py::a": 0.5}
