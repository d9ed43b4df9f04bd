"""Shards of a heavy-tailed suite: the longest against the ideal, by the times that its tests are
made to take. Nothing is run: pytest says what each shard would have.

schedctl and pytest-split know the same times, exactly, or none.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

import contenders
import peers
import report
import suites
from contenders import Extent, Job, Tools

COUNTS = (2, 3, 12)
DURATIONS = "durations.json"

Pick = Callable[[Tools, Job, int, int], list[str]]
"""The command that lists shard number i, from 1 on, of n."""


def durations() -> dict[str, float]:
    """Seconds of each test, by id."""
    return {
        f"test_{n % 20:02}.py::test_{n // 20}": seconds for n, seconds in enumerate(suites.HEAVY)
    }


def ours(tools: Tools, job: Job, i: int, n: int) -> list[str]:
    command = contenders.pytest_command(tools, job, "--collect-only")
    return contenders.run_command(tools, command, "--shard", f"{i}/{n}")


def split(algorithm: str) -> Pick:
    def command(tools: Tools, job: Job, i: int, n: int) -> list[str]:
        options = ("--splits", str(n), "--group", str(i), "--splitting-algorithm", algorithm)
        file = ("--durations-path", DURATIONS)
        return contenders.pytest_command(tools, job, "--collect-only", *options, *file)

    return command


WAYS: Mapping[str, Pick] = {
    "schedctl": ours,
    "split duration_based_chunks": split("duration_based_chunks"),
    "split least_duration": split("least_duration"),
}


def listed(command: list[str], job: Job, env: dict[str, str]) -> list[str]:
    done = subprocess.run(
        command, cwd=job.folder, env=env, capture_output=True, text=True, timeout=300
    )
    if done.returncode not in (0, contenders.NO_TESTS):
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
    return re.findall(r"^test_\S+::\S+", done.stdout, re.MULTILINE)


def longest(tools: Tools, way: str, job: Job, n: int) -> float:
    """Seconds of the longest shard. Each test has to be in exactly one."""
    env = peers.with_peers(tools, "split")
    shards = [listed(WAYS[way](tools, job, i, n), job, env) for i in range(1, n + 1)]
    known = durations()
    if sorted(test for shard in shards for test in shard) != sorted(known):
        raise RuntimeError(f"{way}: {n} shards are not the suite")
    return max(sum(known[test] for test in shard) for shard in shards)


def forget(tools: Tools, job: Job) -> None:
    contenders.forget(tools)
    (job.folder / DURATIONS).unlink(missing_ok=True)


def teach(tools: Tools, job: Job) -> None:
    """Both; a division that schedctl remembers is forgotten."""
    forget(tools, job)
    (job.folder / DURATIONS).write_text(json.dumps(durations()))
    program = str(tools.build / "cli/schedctl")
    subprocess.run(
        [program, "history", "import", "--format", "pytest-split", DURATIONS],
        cwd=job.folder,
        env=contenders.environment(tools),
        stdout=subprocess.DEVNULL,
        check=True,
    )


def run(tools: Tools, extent: Extent) -> str:
    """A table. The suite's tests are never run, so its size is always the full one."""
    job = Job("shards", tools.scratch / "shards")
    shutil.rmtree(job.folder, ignore_errors=True)
    suites.generate(suites.BY_NAME["heavy-tail"], job.folder, 1.0)
    known = durations()
    rows = []
    for n in COUNTS:
        print(f"{n} shards …", file=sys.stderr, flush=True)
        ideal = max(max(known.values()), sum(known.values()) / n)
        found: dict[str, list[float]] = {}
        for prepare in (forget, teach):
            prepare(tools, job)
            for way in WAYS:
                found.setdefault(way, []).append(longest(tools, way, job, n))
        for way, (without, with_times) in found.items():
            ratios = [report.ratio(seconds, ideal) for seconds in (without, with_times)]
            seconds = map(report.seconds, (ideal, without, with_times))
            rows.append([f"{n} shards", way, *seconds, *ratios])
    forget(tools, job)
    head = ["heavy-tail", "", "ideal, s", "without times, s", "with times, s"]
    return report.table([*head, "without/ideal", "with/ideal"], rows)
