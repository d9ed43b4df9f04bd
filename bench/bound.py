"""Against the least time possible: suites with history, also with their files in another order.

Asked: end / (bound + start-up and collection) at most 1.05, the suite of module fixtures faster
than under xdist's loadscope and load, and no difference for the order of files.
"""

from __future__ import annotations

import sys
from statistics import median

import contenders
import peers
import report
import suites
from contenders import Extent, Job, Tools

NAMES = ("long-last-3", "long-last-9", "heavy-tail", "modules")
AGAINST = {"modules": ("xdist load", "xdist loadscope")}
"""Who else runs it here, so that the ratio is of one run."""


def jobs(tools: Tools, suite: suites.Suite, scale: float) -> tuple[Job, Job | None]:
    """The suite, and the shuffled one if it has more than one file."""
    folder, other = tools.scratch / "bound" / suite.name, tools.scratch / "shuffled" / suite.name
    suites.generate(suite, folder, scale)
    suites.generate(suite, other, scale)
    if len(list(other.glob("test_*.py"))) == 1:
        return Job(suite.name, folder), None
    suites.shuffle(other)
    return Job(suite.name, folder), Job(f"{suite.name}, shuffled", other)


def warm(tools: Tools, job: Job) -> float:
    return contenders.cold_and_warm(tools, job)[1].passed().wall


def measure(tools: Tools, job: Job, shuffled: Job | None) -> dict[str, float]:
    """One round, in seconds."""
    found = {"collect": contenders.collect(tools, job).wall, "warm": warm(tools, job)}
    if shuffled:
        found["shuffled"] = warm(tools, shuffled)
    for name in AGAINST.get(job.name, ()):
        found[name] = peers.run(tools, peers.BY_NAME[name], job).passed().wall
    return found


def row(name: str, bound: float, rounds: list[dict[str, float]]) -> list[str]:
    found = {key: median(r[key] for r in rounds) for key in rounds[0]}
    end = found["warm"]
    others = [found.get(key) for key in ("xdist load", "xdist loadscope")]
    times = [found["collect"], bound, end, found.get("shuffled"), *others]
    least = min((other for other in others if other is not None), default=None)
    return [
        name,
        *map(report.seconds, times),
        f"{end / (bound + found['collect']):.3f}",
        report.ratio(found.get("shuffled"), end),
        report.ratio(end, least),
    ]


def run(tools: Tools, extent: Extent) -> str:
    """A table: medians, in turns."""
    rows = []
    for suite in (suites.BY_NAME[name] for name in NAMES):
        print(f"{suite.name}, bound …", file=sys.stderr, flush=True)
        pair = jobs(tools, suite, extent.scale)
        rounds = [measure(tools, *pair) for _ in range(extent.rounds)]
        rows.append(row(suite.name, suite.bound(tools.pus, extent.scale) or 0, rounds))
    times = ["start, collect", "bound", "warm", "shuffled", "load", "loadscope"]
    ratios = ["warm/(bound + start)", "shuffled/warm", "warm/best of them"]
    return report.table(["suite", *times, *ratios], rows)
