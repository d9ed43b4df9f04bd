"""Runs suites serially, under pytest-xdist and under schedctl, in turns; prints medians and ratios.

tools/bench prepares what this needs and calls it. Cold is schedctl without history, warm with that
of the cold run just before it. The rounds are interleaved, so that what the machine does besides
hits all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import contenders
import memory
import micro
import outcomes
import real
import report
import reporting
import suites
from contenders import Job, Sample, Tools

QUICK_SCALE = 0.2
WAYS = ("serial", *contenders.XDIST, "schedctl")
GROUPS = ("micro", "reporting", "memory", "generated", "real")


def arguments() -> argparse.Namespace:
    generated, fetched = [s.name for s in suites.SUITES], [r.name for r in real.REAL]
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--xdist", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument(
        "--quick", action="store_true", help="one round of suites of a fifth the size"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--only", action="append", choices=GROUPS)
    parser.add_argument(
        "--before", type=Path, metavar="BUILD", help="reporting: an earlier build to compare with"
    )
    parser.add_argument(
        "--ways", default=",".join(WAYS), metavar="LIST", help=f"of {','.join(WAYS)}"
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=" ".join([*generated, *fetched]))
    options = parser.parse_args()
    options.ways = options.ways.split(",")
    for what, given, known in (
        ("suite", options.suites, {*generated, *fetched, *GROUPS[:3]}),
        ("way", options.ways, set(WAYS)),
    ):
        if set(given) - known:
            parser.error(f"no such {what}: {' '.join(sorted(set(given) - known))}")
    return options


def schedctl_twice(tools: Tools, job: Job) -> dict[str, Sample]:
    contenders.forget(tools)
    return {way: contenders.schedctl(tools, job) for way in ("cold", "warm")}


def interleaved(
    tools: Tools, job: Job, rounds: int, wanted: Sequence[str]
) -> dict[str, list[Sample]]:
    """Every contender once a round; each round begins with another one."""
    ways: list[Callable[[], dict[str, Sample]]] = []
    if "serial" in wanted:
        ways.append(lambda: {"serial": contenders.serial(tools, job)})
    for dist in (d for d in contenders.XDIST if d in wanted):
        ways.append(partial(lambda d: {d: contenders.xdist(tools, job, d)}, dist))
    if "schedctl" in wanted:
        ways.append(partial(schedctl_twice, tools, job))
    samples: dict[str, list[Sample]] = {}
    for n in range(rounds):
        turn = n % len(ways)
        for run in [*ways[turn:], *ways[:turn]]:
            for way, sample in run().items():
                samples.setdefault(way, []).append(sample)
    return samples


def complain(name: str, samples: dict[str, list[Sample]]) -> None:
    """Times of runs that ended differently are not to be compared."""
    statuses = {way: sorted({s.status for s in found}) for way, found in samples.items()}
    if len({tuple(s) for s in statuses.values()}) > 1:
        print(f"{name}: exit statuses differ: {statuses}", flush=True)


def compare_outcomes(tools: Tools, job: Job) -> str:
    """A serial run and one under schedctl, not timed: do they say the same of every test?"""
    files = tools.scratch / "serial.xml", tools.scratch / "schedctl.xml"
    contenders.serial(tools, job, f"--junitxml={files[0]}")
    contenders.schedctl(tools, job, f"--junitxml={files[1]}")
    n, lines = outcomes.differences(*files)
    return "\n".join([f"{job.name}: {n} tests, {len(lines)} differences in outcome", *lines])


def machine(tools: Tools) -> dict[str, object]:
    """What the figures are worth only together with."""
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    xdist = next(tools.xdist.glob("pytest_xdist-*.dist-info")).stem.split("-")[1]
    return {
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "cpu": models[0] if models else platform.machine(),
        "pus": tools.pus,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "pytest-xdist": xdist,
        "load before": round(os.getloadavg()[0], 2),
    }


class Benchmark:
    """Collects what is measured and prints it as it comes."""

    def __init__(self, tools: Tools, options: argparse.Namespace) -> None:
        self.tools = tools
        self.options = options
        self.rounds: int = 1 if options.quick else options.rounds
        self.ways: list[str] = options.ways
        self.samples: dict[str, dict[str, list[Sample]]] = {}
        self.facts: dict[str, object] = machine(tools)
        self.tables: list[str] = []

    def wanted(self, name: str, group: str) -> bool:
        if self.options.suites:
            return name in self.options.suites
        return not self.options.only or group in self.options.only

    def run(self, job: Job, rounds: int) -> None:
        print(f"{job.name} …", file=sys.stderr, flush=True)
        self.samples[job.name] = interleaved(self.tools, job, rounds, self.ways)
        complain(job.name, self.samples[job.name])

    def generated(self) -> None:
        scale = QUICK_SCALE if self.options.quick else 1.0
        for suite in (s for s in suites.SUITES if self.wanted(s.name, "generated")):
            folder = self.tools.scratch / "suites" / suite.name
            suites.generate(suite, folder, scale)
            self.run(Job(suite.name, folder), self.rounds * suite.rounds)

    def real(self) -> None:
        for suite in (r for r in real.REAL if self.wanted(r.name, "real")):
            folder = real.fetch(suite, self.tools.python, self.options.work / "real")
            job = Job(suite.name, folder, suite.arguments)
            self.run(job, self.rounds)
            if "schedctl" in self.ways:
                same = compare_outcomes(self.tools, job)
                self.facts[f"{suite.name}, outcomes"] = same
                print(same, flush=True)

    def micro(self) -> None:
        if self.wanted("micro", "micro") and "schedctl" in self.ways:
            self.facts["acquire, µs"] = micro.acquire(self.tools)
            self.facts["run -- true, ms"] = micro.run_true(self.tools)

    def costs(self) -> None:
        """What reporting and workers cost besides time."""
        if self.wanted("reporting", "reporting"):
            self.tables.append(reporting.run(self.tools, self.rounds, self.options.before))
        if self.wanted("memory", "memory"):
            self.tables.append(memory.run(self.tools, self.rounds, self.options.work / "real"))

    def print(self) -> None:
        for name, value in self.facts.items():
            if not name.endswith("outcomes"):
                print(f"{name}: {value}")
        for table in self.tables:
            print(f"\n{table}")
        bounds = {s.name: s.bound(self.tools.pus) for s in suites.SUITES if not self.options.quick}
        walls = {
            name: {way: [s.wall for s in found] for way, found in ways.items()}
            for name, ways in self.samples.items()
        }
        if walls:
            print(f"\nmedians of {self.rounds} rounds, wall seconds\n")
            print(report.times_table(walls, bounds))

    def write(self, path: Path) -> None:
        samples = {
            suite: {way: [vars(s) for s in found] for way, found in ways.items()}
            for suite, ways in self.samples.items()
        }
        path.write_text(
            json.dumps({"facts": self.facts, "tables": self.tables, "samples": samples}, indent=1)
            + "\n"
        )


def main() -> int:
    options = arguments()
    scratch = Path(tempfile.mkdtemp(prefix="schedctl-bench-"))
    pus = len(os.sched_getaffinity(0))
    tools = Tools(Path(sys.executable), options.xdist, options.build, scratch, pus)
    try:
        benchmark = Benchmark(tools, options)
        with contenders.service(tools) if "schedctl" in benchmark.ways else nullcontext():
            benchmark.micro()
            benchmark.costs()
            benchmark.generated()
            benchmark.real()
    except KeyboardInterrupt:
        print("interrupted; of what was measured so far:", file=sys.stderr)
    finally:
        shutil.rmtree(scratch)
    benchmark.print()
    if options.json:
        benchmark.write(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
