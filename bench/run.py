"""Runs suites serially, by other runners and under schedctl, in turns, and measures what schedctl
costs and keeps to; prints medians and ratios. tools/bench prepares what this needs and calls it.
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
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path

import bound
import compare
import connections
import contenders
import forking
import latency
import memory
import micro
import peers
import predictions
import real
import reporting
import scale
import sharing
import simulated
import suites
import waiting
import ways_in
from contenders import Extent, Job, Tools

QUICK_SCALE = 0.2

TITLES = {"generated": "Generated suites", "real": "Real suites"}
"""Groups of suites for every contender."""
MEASURED: dict[str, tuple[str, Callable[[Tools, Extent], str]]] = {
    "bound": ("Against the bound, with history", bound.run),
    "waiting": ("Tests that wait", waiting.run),
    "predictions": ("What schedctl plan says, and the run", predictions.run),
    "scale": ("Many items", scale.run),
    "latency": ("From a failure to the terminal", latency.run),
    "connections": ("Borrowing CPUs beside other clients", connections.run),
    "forking": ("A process for each test", forking.run),
    "simulated": ("Simulated machines", simulated.run),
    "micro": ("What schedctl itself costs", micro.run),
    "memory": ("Memory of a run", memory.run),
    "sharing": ("Several runs at once", sharing.run),
    "ways-in": ("Other ways in", ways_in.run),
}
REPORTING = "What the reporting process pays for an item"
GROUPS = (*TITLES, *MEASURED, "reporting")


def arguments() -> argparse.Namespace:
    names = [*suites.BY_NAME, *real.BY_NAME]
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one round, generated suites at a fifth of their size, two real ones",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument(
        "--only", action="append", choices=GROUPS, metavar="GROUP", help=", ".join(GROUPS)
    )
    parser.add_argument(
        "--before", type=Path, metavar="BUILD", help="reporting: an earlier build to compare with"
    )
    parser.add_argument(
        "--ways",
        default=",".join(compare.WAYS),
        metavar="LIST",
        help=f"who runs the suites: {', '.join(compare.WAYS)}; xdist: its four",
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=" ".join(names))
    options = parser.parse_args()
    four = ",".join(name for name in peers.BY_NAME if name.startswith("xdist "))
    options.ways = [four if way == "xdist" else way for way in options.ways.split(",")]
    options.ways = ",".join(options.ways).split(",")
    for what, given, known in (
        ("suite", options.suites, names),
        ("way", options.ways, compare.WAYS),
    ):
        if set(given) - set(known):
            parser.error(f"no such {what}: {' '.join(sorted(set(given) - set(known)))}")
    return options


def machine(tools: Tools) -> dict[str, object]:
    """What the figures are worth only together with."""
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    found = {packages[0]: peers.version(tools, name) for name, packages in peers.FOLDERS.items()}
    return {
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "cpu": models[0] if models else platform.machine(),
        "pus": tools.pus,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "pytest": metadata.version("pytest"),
        **found,
        "load before": round(os.getloadavg()[0], 2),
    }


class Benchmark:
    """Collects what is measured."""

    def __init__(self, tools: Tools, options: argparse.Namespace) -> None:
        self.tools = tools
        self.options = options
        self.extent = Extent(
            rounds=1 if options.quick else options.rounds,
            scale=QUICK_SCALE if options.quick else 1.0,
            fetched=options.work / "real",
        )
        self.samples: dict[str, dict[str, compare.Samples]] = {group: {} for group in TITLES}
        self.facts: dict[str, object] = machine(tools)
        self.outcomes: list[str] = []
        self.tables: dict[str, str] = {}

    def wanted(self, group: str, name: str | None = None) -> bool:
        if self.options.suites:
            return name in self.options.suites
        return not self.options.only or group in self.options.only

    def generated(self) -> Iterator[tuple[Job, int]]:
        """Suites to be compared, and how many rounds of each."""
        for suite in (s for s in suites.SUITES if self.wanted("generated", s.name)):
            folder = self.tools.scratch / "suites" / suite.name
            suites.generate(suite, folder, self.extent.scale)
            yield Job(suite.name, folder), self.extent.rounds * suite.rounds

    def reals(self) -> Sequence[real.Real]:
        """Those asked for by name are there with --quick, too."""
        return real.REAL if self.options.suites else real.chosen(self.extent.quick)

    def real(self) -> Iterator[Job]:
        for suite in (r for r in self.reals() if self.wanted("real", r.name)):
            folder = real.fetch(suite, self.tools.python, self.extent.fetched)
            yield Job(suite.name, folder, suite.arguments)

    def compare(self) -> None:
        ways = self.options.ways
        for job, rounds in self.generated():
            self.samples["generated"][job.name] = compare.run(self.tools, job, rounds, ways)
        for job in self.real():
            self.samples["real"][job.name] = compare.run(self.tools, job, self.extent.rounds, ways)
            if "schedctl" in ways:
                self.outcomes.append(compare.same_outcomes(self.tools, job))

    def measure(self) -> None:
        """The other groups; one that cannot be measured leaves the rest to be."""
        runs = dict(MEASURED)
        runs["reporting"] = REPORTING, partial(reporting.run, self.options.before)
        for group, (title, run) in runs.items():
            if self.wanted(group):
                print(f"{title} …", file=sys.stderr, flush=True)
                try:
                    self.tables[title] = run(self.tools, self.extent)
                except Exception as error:
                    self.tables[title] = f"not measured: {error}"

    def print(self) -> None:
        print(", ".join(f"{name} {value}" for name, value in self.facts.items()))
        bounds = {s.name: s.bound(self.tools.pus, self.extent.scale) for s in suites.SUITES}
        for group, samples in self.samples.items():
            if samples:
                print(f"\n## {TITLES[group]}, wall seconds, medians of {self.extent.rounds}\n")
                print(compare.summary(samples, bounds))
                print(f"\n{compare.everybody(samples)}")
        if self.outcomes:
            print("\n".join(["", *self.outcomes]))
        for title, table in self.tables.items():
            print(f"\n## {title}\n\n{table}")

    def write(self, path: Path) -> None:
        samples = {
            suite: {way: [vars(s) for s in found] for way, found in ways.items()}
            for group in self.samples.values()
            for suite, ways in group.items()
        }
        found = {"facts": self.facts, "outcomes": self.outcomes, "tables": self.tables}
        path.write_text(json.dumps(found | {"samples": samples}, indent=1) + "\n")


def main() -> int:
    options = arguments()
    scratch = Path(tempfile.mkdtemp(prefix="schedctl-bench-"))
    pus = len(os.sched_getaffinity(0))
    tools = Tools(Path(sys.executable), options.peers, options.build, scratch, pus)
    benchmark = Benchmark(tools, options)
    try:
        with contenders.service(tools):
            benchmark.compare()
            benchmark.measure()
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
