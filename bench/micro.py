"""What schedctl itself costs: a lease's round trip, and `schedctl run` around an empty command."""

from __future__ import annotations

import json
import subprocess
from statistics import median

import report
from contenders import Extent, Tools, environment, measure, run_command

ROUNDS = 100


def run_true(tools: Tools) -> dict[str, float]:
    """Median milliseconds of `true`, of `schedctl run -- true`, and what is between; in turns."""
    env, folder = environment(tools), tools.scratch
    wrapped = run_command(tools, ["true"])
    pairs = [
        (measure(["true"], folder, env).wall, measure(wrapped, folder, env).wall)
        for _ in range(ROUNDS)
    ]
    plain, run = (1000 * median(column) for column in zip(*pairs))
    return {"true": plain, "schedctl run -- true": run, "cost": run - plain}


def acquire(tools: Tools) -> dict[str, float]:
    """What bench/acquire.c measured: medians and 99th percentiles in microseconds."""
    command = [str(tools.build / "bench/acquire"), "--json"]
    return dict(
        json.loads(
            subprocess.run(command, env=environment(tools), check=True, capture_output=True).stdout
        )
    )


def run(tools: Tools, _: Extent) -> str:
    """A table of both."""
    figures = {f"{name}, µs": value for name, value in acquire(tools).items()}
    figures |= {f"{name}, ms": value for name, value in run_true(tools).items()}
    return report.table(["", "median"], [[name, f"{v:.1f}"] for name, v in figures.items()])
