"""Suites run by every contender, in turns, so that what the machine does besides hits all alike.

Cold is schedctl without history, warm with that of the cold run just before it. Peers that learn
times have seen the suite once before they are measured.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import contenders
import outcomes
import peers
import report
from contenders import Job, Sample, Tools

WAYS = ("serial", *peers.BY_NAME, "schedctl")
Samples = Mapping[str, Sequence[Sample]]
"""Of each round, by contender; schedctl's are "cold" and "warm"."""
Runner = Callable[[Tools, Job], dict[str, Sample]]


def serial(tools: Tools, job: Job) -> dict[str, Sample]:
    return {"serial": contenders.serial(tools, job)}


def schedctl(tools: Tools, job: Job) -> dict[str, Sample]:
    return dict(zip(("cold", "warm"), contenders.cold_and_warm(tools, job)))


def peer(which: peers.Peer, tools: Tools, job: Job) -> dict[str, Sample]:
    return {which.name: peers.run(tools, which, job)}


def runners(wanted: Sequence[str]) -> list[Runner]:
    found: dict[str, Runner] = {"serial": serial}
    found |= {name: partial(peer, which) for name, which in peers.BY_NAME.items()}
    found["schedctl"] = schedctl
    return [found[way] for way in WAYS if way in wanted]


def run(tools: Tools, job: Job, rounds: int, wanted: Sequence[str]) -> Samples:
    """Every contender once a round; each round begins with another one."""
    print(f"{job.name} …", file=sys.stderr, flush=True)
    for way in set(wanted) & set(peers.BY_NAME):
        peers.teach(tools, peers.BY_NAME[way], job)
    ways = runners(wanted)
    samples: dict[str, list[Sample]] = {}
    for n in range(rounds):
        turn = n % len(ways)
        for runner in [*ways[turn:], *ways[:turn]]:
            for name, sample in runner(tools, job).items():
                samples.setdefault(name, []).append(sample)
    return samples


def same_outcomes(tools: Tools, job: Job) -> str:
    """A serial run and one under schedctl, not timed: do they say the same of every test?"""
    files = tools.scratch / "serial.xml", tools.scratch / "schedctl.xml"
    env = contenders.environment(tools)
    plain, ours = (contenders.pytest_command(tools, job, f"--junitxml={file}") for file in files)
    for command in (plain, contenders.run_command(tools, ours)):
        contenders.measure(command, job.folder, env)
    n, lines = outcomes.differences(*files)
    return "\n".join([f"{job.name}: {n} tests, {len(lines)} differences in outcome", *lines])


@dataclass(frozen=True)
class Times:
    """Medians of one suite's contenders, of those that ended as the serial run did."""

    medians: Mapping[str, float]
    noise: Mapping[str, float]
    """Half of the range of a contender's times, relative to their median."""
    failed: Mapping[str, Sequence[int]]
    """The others, with their exit statuses."""

    def best(self, names: Sequence[str]) -> str | None:
        there = [name for name in names if name in self.medians]
        return min(there, key=lambda name: self.medians[name]) if there else None


def times(samples: Samples) -> Times:
    statuses = {way: sorted({s.status for s in found}) for way, found in samples.items()}
    right = statuses.get("serial") or statuses.get("warm") or [0]
    walls = {
        way: [s.wall for s in found] for way, found in samples.items() if statuses[way] == right
    }
    medians = {way: median(found) for way, found in walls.items()}
    return Times(
        medians,
        {way: (max(found) - min(found)) / 2 / medians[way] for way, found in walls.items()},
        {way: found for way, found in statuses.items() if found != right},
    )


XDIST = tuple(name for name in peers.BY_NAME if name.startswith("xdist"))
OTHERS = tuple(name for name in peers.BY_NAME if name not in XDIST)


def summary(results: Mapping[str, Samples], bounds: Mapping[str, float | None]) -> str:
    """Each suite's best peers and schedctl, and what schedctl takes relative to the best of all."""
    head = ["suite", "serial", "best xdist", "best other", "cold", "warm", "bound"]
    ratios = ["warm/serial", "cold/best", "warm/best", "noise"]
    rows = [[suite, *row(times(found), bounds.get(suite))] for suite, found in results.items()]
    return report.table([*head, *ratios], rows)


def row(found: Times, bound: float | None) -> list[str]:
    serial, cold, warm = (found.medians.get(way) for way in ("serial", "cold", "warm"))
    name = found.best([*XDIST, *OTHERS])
    best = found.medians[name] if name else None
    noise = max(found.noise.get(way or "", 0.0) for way in ("warm", name))
    return [
        report.seconds(serial),
        *(named(found, names) for names in (XDIST, OTHERS)),
        *map(report.seconds, (cold, warm, bound)),
        *(report.ratio(*pair) for pair in ((warm, serial), (cold, best), (warm, best))),
        f"± {noise:.2f}",
    ]


def named(found: Times, names: Sequence[str]) -> str:
    """The fastest of these: its time and its name."""
    best = found.best(names)
    return f"{report.seconds(found.medians[best])} {best.removeprefix('xdist ')}" if best else "–"


def everybody(results: Mapping[str, Samples]) -> str:
    """A row for each contender, a column for each suite."""
    found = {suite: times(samples) for suite, samples in results.items()}
    ways = [way for way in (*WAYS[:-1], "cold", "warm") if any(way in r for r in results.values())]
    rows = [[way, *(cell(times, way) for times in found.values())] for way in ways]
    return report.table(["wall seconds", *found], rows)


def cell(found: Times, way: str) -> str:
    if way in found.failed:
        return f"exit {'/'.join(map(str, found.failed[way]))}"
    return report.seconds(found.medians.get(way))
