"""What `schedctl plan` says of a suite against the run that follows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from statistics import median
from typing import Any

import contenders
import real
import report
import suites
from contenders import Extent, Job, Tools

GENERATED = ("long-last-9", "heavy-tail", "modules", "sleep", "empty")
REAL = ("jinja2", "attrs", "networkx")


def jobs(tools: Tools, extent: Extent) -> Iterator[Job]:
    for name in GENERATED:
        folder = tools.scratch / "predictions" / name
        suites.generate(suites.BY_NAME[name], folder, extent.scale)
        yield Job(name, folder)
    for one in (r for r in real.chosen(extent.quick) if r.name in REAL):
        yield Job(one.name, real.fetch(one, tools.python, extent.fetched), one.arguments)


def plan(tools: Tools, job: Job) -> dict[str, Any]:
    command = [str(tools.build / "cli/schedctl"), "plan", "--json"]
    env = contenders.environment(tools)
    answer = subprocess.run(command, cwd=job.folder, env=env, capture_output=True, check=True)
    return dict(json.loads(answer.stdout))


def measure(tools: Tools, job: Job) -> dict[str, float]:
    """One round, in seconds: a run to learn from, the plan, and the run that it was for."""
    contenders.forget(tools)
    contenders.schedctl(tools, job)
    planned = plan(tools, job)
    sample, found = contenders.summarised(tools, job)
    return {
        "planned": planned["makespan"],
        "measured": found["seconds"],
        "planned in all": planned["total"] or 0.0,
        "measured in all": sample.wall,
    }


def run(tools: Tools, extent: Extent) -> str:
    """A table: medians."""
    rows = []
    for job in jobs(tools, extent):
        print(f"{job.name}, prediction …", file=sys.stderr, flush=True)
        rounds = [measure(tools, job) for _ in range(extent.rounds)]
        found = {key: median(r[key] for r in rounds) for key in rounds[0]}
        rows.append(
            [
                job.name,
                *map(report.seconds, found.values()),
                report.ratio(found["planned"], found["measured"]),
                report.ratio(found["planned in all"], found["measured in all"]),
            ]
        )
    head = ["suite", "makespan planned", "measured", "in all planned", "measured"]
    return report.table([*head, "planned/measured", "in all"], rows)
