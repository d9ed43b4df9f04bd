"""A process for every test: schedctl recycling its workers after each, and pytest-forked."""

from __future__ import annotations

from statistics import median

import contenders
import peers
import report
import suites
from contenders import Extent, Job, Tools

ITEMS = 200


def forked(tools: Tools, job: Job) -> float:
    command = contenders.pytest_command(tools, job, "--forked")
    return contenders.measure(command, job.folder, peers.with_peers(tools, "forked")).wall


def both(tools: Tools, job: Job) -> float:
    """xdist's workers, each forking for every test."""
    options = ("--forked", "-n", str(tools.pus))
    command = contenders.pytest_command(tools, job, *options)
    return contenders.measure(command, job.folder, peers.with_peers(tools, "forked", "xdist")).wall


def recycled(tools: Tools, job: Job) -> float:
    return contenders.schedctl(tools, job, "--max-items-per-worker", "1").wall


def run(tools: Tools, extent: Extent) -> str:
    """A table: medians, in turns."""
    job = Job("forking", tools.scratch / "forking")
    job.folder.mkdir()
    (job.folder / "test_forking.py").write_text(suites.module([0.0] * ITEMS))
    contenders.forget(tools)
    rounds = [
        (forked(tools, job), both(tools, job), recycled(tools, job)) for _ in range(extent.rounds)
    ]
    alone, beside, own = (median(column) for column in zip(*rounds))
    xdist = f"pytest-forked, xdist -n {tools.pus}"
    head = [f"{ITEMS} tests, a process each", "pytest-forked", xdist, "schedctl", "schedctl/best"]
    row = [
        "wall seconds",
        *map(report.seconds, (alone, beside, own)),
        report.ratio(own, min(alone, beside)),
    ]
    return report.table(head, [row])
