"""Several runs at once, beside a process that wants a CPU a thousand times a second.

Asked of schedctl against as many `pytest -n auto`: a total time no worse, the ticker's p99 at least
five times better, less memory. `nice pytest -n auto` is there to tell what niceness alone does.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import mean, median

import contenders
import memory
import peers
import real
import report
import suites
from contenders import Extent, Job, Tools

TOGETHER = (2, 4)
HEAD = [
    *("runs", "", "total, s", "slowdown", "worst", "tick p99, µs", "latest, µs", "peak, MiB"),
    *("total/auto", "p99/auto", "peak/auto"),
]
GENERATED = "heavy-tail"
REAL = "more-itertools"
IDLE_S = 3.0


@dataclass(frozen=True)
class Way:
    name: str
    command: Callable[[Tools, Job], list[str]]
    environment: Callable[[Tools], dict[str, str]] = contenders.environment


def xdist(tools: Tools, job: Job) -> list[str]:
    return contenders.pytest_command(tools, job, "-n", "auto")


WAYS = (
    Way("pytest -n auto", xdist, peers.with_xdist),
    Way(
        "nice pytest -n auto",
        lambda tools, job: ["nice", *xdist(tools, job)],
        peers.with_xdist,
    ),
    Way(
        "schedctl run",
        lambda tools, job: contenders.run_command(tools, contenders.pytest_command(tools, job)),
    ),
)
FIRST = WAYS[0].name


@dataclass(frozen=True)
class Found:
    """One round of one way, in seconds, microseconds and MiB."""

    total: float
    """From the start of all to the end of the last."""
    slowdown: float
    """Of a run against itself alone, the mean."""
    worst: float
    """The same, the largest."""
    p99: float
    late: float
    peak: float


@contextmanager
def ticking(tools: Tools, found: dict[str, float]) -> Iterator[None]:
    """What the ticker saw is in `found` afterwards."""
    ticker = subprocess.Popen([tools.build / "bench/ticker"], stdout=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        ticker.send_signal(signal.SIGTERM)
        found.update(json.loads(ticker.communicate()[0]))


def walls(tools: Tools, way: Way, job: Job, n: int) -> list[float]:
    """Starts n at once; what each took."""
    env = way.environment(tools)
    start = time.perf_counter()
    running = [contenders.launch(way.command(tools, job), job.folder, env) for _ in range(n)]
    taken = {}
    left = {process.pid: process for process in running}
    while left:
        pid, status = os.wait()
        if pid not in left:
            continue
        left.pop(pid).returncode = os.waitstatus_to_exitcode(status)
        taken[pid] = time.perf_counter() - start
    for process in running:
        if process.returncode:
            raise RuntimeError(f"{way.name}: one of {n} ended with {process.returncode}")
    return [taken[process.pid] for process in running]


def peak(tools: Tools, way: Way, job: Job, n: int) -> float:
    """MiB: the largest sum of all processes' proportional set sizes, seen in passes over them."""
    env = way.environment(tools)
    running = [contenders.launch(way.command(tools, job), job.folder, env) for _ in range(n)]
    largest = 0
    while any(process.poll() is None for process in running):
        below = [pid for process in running for pid in memory.processes_below(process.pid)]
        largest = max(largest, sum(map(memory.pss, below)))
        time.sleep(memory.INTERVAL_S)
    return largest / 1024


def measure(tools: Tools, way: Way, job: Job, n: int) -> Found:
    """Memory is measured by runs of its own: looking at it would disturb the ticker."""
    alone = walls(tools, way, job, 1)[0]
    ticks: dict[str, float] = {}
    with ticking(tools, ticks):
        taken = walls(tools, way, job, n)
    slower = [wall / alone for wall in taken]
    return Found(
        max(taken), mean(slower), max(slower), ticks["p99"], ticks["max"], peak(tools, way, job, n)
    )


def idle(tools: Tools) -> dict[str, float]:
    found: dict[str, float] = {}
    with ticking(tools, found):
        time.sleep(IDLE_S)
    return found


def jobs(tools: Tools, extent: Extent) -> Iterator[Job]:
    folder = tools.scratch / "sharing"
    suites.generate(suites.BY_NAME[GENERATED], folder, extent.scale)
    yield Job(GENERATED, folder)
    for one in real.REAL:
        if one.name == REAL and not extent.quick:
            yield Job(one.name, real.fetch(one, tools.python, extent.fetched), one.arguments)


def middle(rounds: Sequence[Found]) -> Found:
    """The median of each figure."""
    return Found(*(median(figures) for figures in zip(*map(dataclasses.astuple, rounds))))


def rows(name: str, n: int, rounds: Sequence[Mapping[str, Found]]) -> Iterator[list[str]]:
    """Medians; the ratios are to the first way's."""
    medians = {way: middle([found[way] for found in rounds]) for way in rounds[0]}
    first = medians[FIRST]
    for way, found in medians.items():
        yield [
            f"{n} x {name}",
            way,
            report.seconds(found.total),
            *(f"{value:.2f}" for value in (found.slowdown, found.worst)),
            *(f"{value:.0f}" for value in (found.p99, found.late, found.peak)),
            report.ratio(found.total, first.total),
            report.ratio(found.p99, first.p99),
            report.ratio(found.peak, first.peak),
        ]


def run(tools: Tools, extent: Extent) -> str:
    """A table: medians, in turns."""
    found: list[list[str]] = []
    quiet = idle(tools)
    for job in jobs(tools, extent):
        contenders.forget(tools)
        contenders.schedctl(tools, job).passed()
        for n in TOGETHER:
            print(f"{n} x {job.name} at once …", file=sys.stderr, flush=True)
            rounds = [
                {way.name: measure(tools, way, job, n) for way in WAYS}
                for _ in range(extent.rounds)
            ]
            found += rows(job.name, n, rounds)
    contenders.forget(tools)
    beside = f"The ticker alone: p99 {quiet['p99']:.0f} µs, latest {quiet['max']:.0f} µs."
    return f"{report.table(HEAD, found)}\n\n{beside}"
