"""Suites that wait, where more workers than CPUs pay; suites that compute, where they must not.

Asked, start-up and collection taken off: 20 sleeping tests within 1.5 times the longest on the
first run and 1.2 times with history, mixed suites within 1.1 of their bound with history.
"""

from __future__ import annotations

import sys
from statistics import median

import contenders
import peers
import report
import suites
from contenders import Extent, Job, Tools
from suites import Suite, write_waiting

SUITES = (
    Suite("20 sleep", "20 tests of 2 s", write_waiting([(2.0, 0.0)] * 20), longest=2.0),
    Suite(
        "half of the tests",
        "20 tests that sleep for 1 s among 20 that compute for 0.5 s",
        write_waiting([(1.0, 0.0), (0.0, 0.5)] * 20),
        longest=1.0,
        work=10.0,
    ),
    Suite(
        "half of each test",
        "20 tests that sleep for 0.5 s, then compute for 0.5 s",
        write_waiting([(0.5, 0.5)] * 20),
        longest=1.0,
        work=10.0,
    ),
)
COMPUTING = ("heavy-tail", "modules", "empty")


def same_workers(tools: Tools, job: Job, workers: int) -> float:
    """xdist with as many workers as schedctl had."""
    options = ("-n", str(workers))
    command = contenders.pytest_command(tools, job, *options)
    return contenders.measure(command, job.folder, peers.with_peers(tools, "xdist")).passed().wall


def measure(tools: Tools, job: Job) -> dict[str, float]:
    """One round, in seconds; and how many workers the warm run had."""
    contenders.forget(tools)
    found = {
        "collect": contenders.collect(tools, job).wall,
        "xdist": peers.run(tools, peers.BY_NAME["xdist load"], job).passed().wall,
        "cold": contenders.schedctl(tools, job).passed().wall,
    }
    warm, summary = contenders.summarised(tools, job)
    workers = summary.get("workers", 1)
    return found | {
        "warm": warm.passed().wall,
        "workers": workers,
        "same": same_workers(tools, job, workers),
    }


def row(name: str, bound: float, rounds: list[dict[str, float]]) -> list[str]:
    found = {key: median(r[key] for r in rounds) for key in rounds[0]}
    own = [found[key] - found["collect"] for key in ("cold", "warm")]
    seconds = [found[key] for key in ("collect", "xdist", "same", "cold", "warm")]
    return [
        name,
        *map(report.seconds, seconds),
        f"{found['workers']:.0f}",
        report.seconds(bound),
        *(f"{part / bound:.2f}" for part in own),
    ]


def waiting(tools: Tools, extent: Extent) -> str:
    rows = []
    for suite in SUITES:
        print(f"{suite.name} …", file=sys.stderr, flush=True)
        job = Job(suite.name, tools.scratch / "waiting" / suite.name.replace(" ", "-"))
        suites.generate(suite, job.folder, extent.scale)
        rounds = [measure(tools, job) for _ in range(extent.rounds)]
        rows.append(row(suite.name, suite.bound(tools.pus, extent.scale) or 0, rounds))
    xdist = [f"xdist -n {tools.pus}", "-n as ours"]
    head = ["waits", "start, collect", *xdist, "cold", "warm", "workers", "bound"]
    return report.table([*head, "(cold - start)/bound", "(warm - start)/bound"], rows)


def computing(tools: Tools, extent: Extent) -> str:
    """Suites that never wait, by default and with no more workers than CPUs."""
    rows = []
    for suite in (suites.BY_NAME[name] for name in COMPUTING):
        print(f"{suite.name}, --max-workers …", file=sys.stderr, flush=True)
        job = Job(suite.name, tools.scratch / "computing" / suite.name)
        suites.generate(suite, job.folder, extent.scale)
        bare, limited = [], []
        for _ in range(extent.rounds):
            bare.append(contenders.cold_and_warm(tools, job))
            limited.append(contenders.cold_and_warm(tools, job, "--max-workers", str(tools.pus)))
        by_default, at_most = (
            [median(sample.passed().wall for sample in column) for column in zip(*pairs)]
            for pairs in (bare, limited)
        )
        ratios = [report.ratio(part, whole) for part, whole in zip(by_default, at_most)]
        rows.append([suite.name, *map(report.seconds, [*by_default, *at_most]), *ratios])
    limit = f"--max-workers {tools.pus}"
    head = ["computes", "cold", "warm", f"cold {limit}", f"warm {limit}", "cold/cold", "warm/warm"]
    return report.table(head, rows)


def run(tools: Tools, extent: Extent) -> str:
    """Two tables: medians, in turns."""
    return f"{waiting(tools, extent)}\n\n{computing(tools, extent)}"
