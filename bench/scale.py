"""What schedctl itself pays for many items: CPU time, memory, and the time in which it plans.

Asked: less than 20 µs an item; for 100,000 items with history less than 200 ms before the first
test, and less than 100 MB.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import contenders
import report
import suites
from contenders import Extent, Job, Tools

SIZES = (10_000, 100_000)
PER_FILE = 100
POLL_S = 0.005
PLANNING = Path(__file__).parent / "planning.py"


@dataclass(frozen=True)
class Engine:
    """What the process did that deals the items."""

    cpu: float
    """Seconds, up to POLL_S before its end."""
    peak: int
    """KiB."""


def write(folder: Path, items: int) -> None:
    folder.mkdir(parents=True)
    for n in range(items // PER_FILE):
        (folder / f"test_{n:04}.py").write_text(suites.module([0.0] * PER_FILE))


def read(pid: int) -> Engine:
    """OSError or ValueError if it has ended."""
    process = Path(f"/proc/{pid}")
    (peak,) = [
        int(line.split()[1])
        for line in (process / "status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]
    threads = [task.joinpath("schedstat").read_text() for task in (process / "task").iterdir()]
    return Engine(sum(int(text.split()[0]) for text in threads) / 1e9, peak)


def watch(tools: Tools, job: Job) -> Engine:
    """Runs the suite; the engine is the only child of the process that was started."""
    command = contenders.run_command(tools, contenders.pytest_command(tools, job))
    process = contenders.launch(command, job.folder, contenders.environment(tools))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    last = Engine(0.0, 0)
    while process.poll() is None:
        try:
            last = read(int(children.read_text()))
        except (OSError, ValueError):
            pass  # not yet, or no more
        time.sleep(POLL_S)
    if process.returncode:
        raise RuntimeError(f"{job.name} ended with {process.returncode}")
    return last


def planning(tools: Tools, job: Job, items: int) -> float:
    """Milliseconds from a suite's announcement to the first worker's start, with history."""
    answer = tools.scratch / "planning.json"
    script = [str(tools.python), str(PLANNING), str(items), str(PER_FILE), str(answer)]
    command = contenders.run_command(tools, script)
    contenders.measure(command, job.folder, contenders.environment(tools))
    return float(json.loads(answer.read_text())["ms"])


def run(tools: Tools, extent: Extent) -> str:
    """A table, of one run each: what it counts does not vary by much."""
    rows = []
    for size in (round(size * extent.scale) for size in SIZES):
        print(f"{size} items …", file=sys.stderr, flush=True)
        job = Job(f"{size:,}", tools.scratch / f"scale-{size}")
        write(job.folder, size)
        contenders.forget(tools)
        for history in ("none", "of the run before"):
            engine = watch(tools, job)
            plan = planning(tools, job, size) if history != "none" else None
            rows.append(
                [
                    job.name,
                    history,
                    f"{engine.cpu / size * 1e6:.1f}",
                    f"{engine.peak / 1024:.0f}",
                    "–" if plan is None else f"{plan:.0f}",
                ]
            )
    contenders.forget(tools)
    head = ["items", "history", "schedctl's CPU, µs an item", "its peak, MiB"]
    return report.table([*head, "suite known to first start, ms"], rows)
