"""A process for every test: schedctl recycling its workers after each, and pytest-forked."""

from __future__ import annotations

from statistics import median

import contenders
import peers
import report
from contenders import Extent, Job, Tools

ITEMS = 200

TESTS = """\
import pytest

ran = []


@pytest.mark.parametrize("n", range({items}))
def test_is_the_first_of_its_process(n):
    ran.append(n)
    assert ran == [n]
"""


def forked(tools: Tools, job: Job, *options: str) -> float:
    """With xdist's workers or without; they fork for every test, too."""
    command = contenders.pytest_command(tools, job, "--forked", *options)
    env = peers.with_peers(tools, "forked", *(["xdist"] if options else []))
    return contenders.measure(command, job.folder, env).passed().wall


def recycled(tools: Tools, job: Job) -> float:
    contenders.forget(tools)
    return contenders.schedctl(tools, job, "--max-items-per-worker", "1").passed().wall


def run(tools: Tools, extent: Extent) -> str:
    """A table: medians, in turns."""
    job = Job("forking", tools.scratch / "forking")
    job.folder.mkdir()
    (job.folder / "test_forking.py").write_text(TESTS.format(items=ITEMS))
    workers = ("-n", str(tools.pus))
    rounds = [
        (forked(tools, job), forked(tools, job, *workers), recycled(tools, job))
        for _ in range(extent.rounds)
    ]
    alone, beside, own = (median(column) for column in zip(*rounds))
    xdist = f"pytest-forked, xdist -n {tools.pus}"
    head = [f"{ITEMS} tests, a process each", "pytest-forked", xdist, "schedctl", "schedctl/best"]
    times = map(report.seconds, (alone, beside, own))
    row = ["wall seconds", *times, report.ratio(own, min(alone, beside))]
    return report.table(head, [row])
