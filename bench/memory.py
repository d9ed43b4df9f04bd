"""Memory of a whole run with eight workers: the proportional set sizes of all its processes, at
their peak.

A page that several processes share counts for each of them in part, so the sum is what the run
takes from the machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import contenders
import peers
import real
import report
from contenders import Extent, Job, Tools, environment, pytest_command, run_command

WORKERS = 8
ITEMS = 400
REAL = "networkx"
INTERVAL_S = 0.1

TESTS = """\
import time
import pytest
{data}

@pytest.mark.parametrize("n", range({tests}))
def test_waits(n):
    time.sleep(0.02)
    {use}
"""
HEAP = 'data = {n: [f"record {n} {m}" for m in range(20)] for n in range(30_000)}'


@dataclass(frozen=True)
class Suite:
    name: str
    data: str
    use: str


SUITES = (
    Suite("nothing but pytest", "", "pass"),
    Suite("60 MB of objects, unused", HEAP, "pass"),
    Suite("60 MB of objects, a quarter read", HEAP, "sum(len(data[k]) for k in range(7_500))"),
)


def processes_below(root: int) -> list[int]:
    """root and its descendants, as /proc has them now."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    waiting += map(int, file.read().split())
        except OSError:
            continue  # it has ended
    return found


def pss(pid: int) -> int:
    """KiB; 0 for a process that has ended."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except (OSError, ValueError):
        return 0


def peak(command: list[str], folder: Path, env: dict[str, str]) -> int:
    """KiB: the largest sum that was seen while the command ran."""
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    largest = 0
    while True:
        largest = max(largest, sum(map(pss, processes_below(process.pid))))
        try:
            if process.wait(INTERVAL_S):
                raise RuntimeError(f"{command} ended with {process.returncode}")
            return largest
        except subprocess.TimeoutExpired:
            continue


def jobs(tools: Tools, extent: Extent) -> Iterator[Job]:
    tests = round(ITEMS * extent.scale)
    for number, suite in enumerate(SUITES):
        folder = tools.scratch / f"memory-{number}"
        folder.mkdir()
        (folder / "test_memory.py").write_text(
            TESTS.format(data=suite.data, use=suite.use, tests=tests)
        )
        yield Job(suite.name, folder)
    for one in real.chosen(extent.quick):
        if one.name == REAL:
            yield Job(one.name, real.fetch(one, tools.python, extent.fetched), one.arguments)


def ways(tools: Tools, job: Job) -> dict[str, Callable[[], int]]:
    pytest = pytest_command(tools, job)
    options = ("-q", "-w", str(WORKERS), "--start")
    env, xdist = environment(tools), peers.with_peers(tools, "xdist")
    return {
        "serial": lambda: peak(pytest, job.folder, env),
        "xdist": lambda: peak([*pytest, "-n", str(WORKERS)], job.folder, xdist),
        "fork": lambda: peak(run_command(tools, pytest, *options, "fork"), job.folder, env),
        "spawn": lambda: peak(run_command(tools, pytest, *options, "spawn"), job.folder, env),
    }


def run(tools: Tools, extent: Extent) -> str:
    """A table: medians, in turns."""
    rows = []
    for job in jobs(tools, extent):
        peaks: dict[str, list[int]] = {}
        for _ in range(extent.rounds):
            for name, way in ways(tools, job).items():
                peaks.setdefault(name, []).append(way())
        medians = {name: median(found) / 1024 for name, found in peaks.items()}
        cells = [f"{value:.0f}" for value in medians.values()]
        rows.append([job.name, *cells, f"{medians['fork'] / medians['xdist']:.2f}"])
    contenders.forget(tools)
    heads = ["MiB at 8 workers", "serial", "xdist", "fork", "spawn", "fork/xdist"]
    return report.table(heads, rows)
