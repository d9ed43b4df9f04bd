"""The speeds of kinds of core, learned from what a scripted reporter's workers tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from .conftest import SCHEDCTL, Runs

# One P core and one E core, and only that much of a machine.
SETS = 'cpuset="{}" complete_cpuset="{}" nodeset="0x1" complete_nodeset="0x1" gp_index="{}"'


def describe(kind: str, os_index: int, cpuset: str, number: int, more: str = "") -> str:
    sets = SETS.format(cpuset, cpuset, number)
    return f'<object type="{kind}" os_index="{os_index}" {sets}{more}>'


HYBRID = "\n".join(
    (
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<!DOCTYPE topology SYSTEM "hwloc2.dtd">',
        '<topology version="2.0">',
        describe("Machine", 0, "0x3", 1, ' allowed_cpuset="0x3" allowed_nodeset="0x1"'),
        describe("NUMANode", 0, "0x3", 2, ' local_memory="1073741824"'),
        "</object>",
        describe("Core", 0, "0x1", 3),
        describe("PU", 0, "0x1", 4) + "</object></object>",
        describe("Core", 1, "0x2", 5),
        describe("PU", 1, "0x2", 6) + "</object></object>",
        "</object>",
        '<cpukind cpuset="0x2"><info name="FrequencyMaxMHz" value="2000"/></cpukind>',
        '<cpukind cpuset="0x1"><info name="FrequencyMaxMHz" value="4000"/></cpukind>',
        "</topology>",
    )
)

# Forty tests, each computing for 0.05 s on the P core. One worker runs 24 of them before the other
# one begins, and then waits until that has run 12.
SCRIPT = """
import sys
import threading
sys.path.insert(0, {folder!r})
from scripted import *

first, slow, fast = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
reporter = Reporter()
reporter.suite([f"t{{i}}" for i in range(40)])
workers = [reporter.start(), reporter.start()]
workers.sort(key=lambda worker: worker.order["pus"])
assert [worker.order["pus"] for worker in workers] == ["0", "1"]
seconds = [0.05 * fast, 0.05 * slow]
turns = [threading.Event(), threading.Event()]

def work(number, pause, turn):
    worker = workers[number]
    worker.tell(READY)
    while True:
        op, item = worker.take()
        if op == END:
            return
        worker.tell(STARTED, item)
        worker.tell(DONE, item, seconds[number])
        pause -= 1
        if pause == 0:
            turns[1 - number].set()
            if turn:
                turns[number].wait()

def follow():
    turns[1 - first].wait()
    work(1 - first, 12, False)

other = threading.Thread(target=follow)
other.start()
work(first, 24, True)
other.join()
for worker in workers:
    reporter.exited(worker)
reporter.receive("finished")
counts = {{"passed": 40, "failed": 0, "skipped": 0, "errors": 0}}
reporter.send("result", exit=0, left=[], failed_items=[], skipped_items=[], **counts)
"""


class Machine:
    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        text = SCRIPT.format(folder=str(Path(__file__).parent))
        (runs.directory / "script.py").write_text(text)

    def play(self, first: int, slow: float, fast: float = 1.0) -> None:
        ran = self.runs.run("-w", 2, "--", sys.executable, "script.py", first, slow, fast)
        assert ran.returncode == 0, ran

    def speeds(self) -> List[Dict[str, Any]]:
        shown = subprocess.run(
            [str(SCHEDCTL), "history", "show", "--json"],
            cwd=self.runs.directory,
            env=self.runs.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        speeds: List[Dict[str, Any]] = json.loads(shown.stdout)["speeds"]
        return speeds


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if not {0, 1} <= os.sched_getaffinity(0):
        pytest.skip("needs CPUs 0 and 1")
    (tmp_path / "hybrid.xml").write_text(HYBRID)
    made = Runs(tmp_path)
    made.environment["HWLOC_XMLFILE"] = str(tmp_path / "hybrid.xml")
    made.start_service()
    try:
        yield Machine(made)
    finally:
        made.stop_services()


def test_kinds_are_learned(machine: Machine) -> None:
    """An E core that is assumed to be half as fast, and has four fifths. The second run is
    throttled as a whole."""
    machine.play(0, 1.25)
    assert not machine.speeds()
    machine.play(1, 1.5 * 1.25, 1.5)
    (speed,) = machine.speeds()
    assert (speed["machine"], speed["class"]) == ("P 1 x 1, E 1 x 1", "1/1")
    assert speed["ratio"] == pytest.approx(0.8)
    machine.play(0, 1.25)
    assert machine.speeds()[0]["ratio"] == pytest.approx(0.8)
