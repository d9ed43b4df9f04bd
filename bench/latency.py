"""How long a failure takes to the screen: from when a test fails to when the terminal gets it.

The terminal is a pseudo-terminal, read by this process. Asked: at most 200 ms.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import contenders
import peers
import report
from contenders import Extent, Job, Tools

TESTS = """\
import os
import time
import pytest


@pytest.mark.parametrize("n", range({tests}))
def test_fails_at_times(n):
    end = time.thread_time() + {seconds}
    while time.thread_time() < end:
        pass
    if n % {every} == {every} - 1:
        with open(os.environ["LATENCY"], "a") as file:
            file.write(f"{{n}} {{time.monotonic()}}\\n")
        assert False
"""

ONE = re.compile(r"(?:FAILED \S+::\S+\[(\d+)\])|(?:::\S+\[(\d+)\] FAILED)")
"""Of -v's lines, xdist's and pytest's own."""
LINE = 200
"""No line is longer; one may come in two chunks."""


@dataclass(frozen=True)
class Suite:
    name: str
    tests: int
    seconds: float
    every: int
    """The n-th fails, the 2n-th and so on."""


SUITES = (Suite("tiny tests", 10_000, 0.0, every=50), Suite("tests of 20 ms", 500, 0.02, every=10))


@dataclass(frozen=True)
class Way:
    name: str
    command: Callable[[Tools, list[str]], list[str]]
    folders: tuple[str, ...] = ()


WAYS = (
    Way("serial", lambda _, pytest: pytest),
    Way("xdist load", lambda tools, pytest: [*pytest, "-n", str(tools.pus)], ("xdist",)),
    Way("schedctl", contenders.run_command),
)


def chunks(command: list[str], folder: Path, env: dict[str, str]) -> Iterator[tuple[float, str]]:
    """What the command writes to its terminal, and when it came."""
    ours, its = pty.openpty()
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=its, stdout=its, stderr=its)
    os.close(its)
    try:
        while data := os.read(ours, 1 << 16):
            yield time.monotonic(), data.decode(errors="replace")
    except OSError:
        pass  # the last one that had it open has closed it
    finally:
        os.close(ours)
        process.wait()


Screen = Sequence[tuple[float, str]]


def by_name(screen: Screen, failed: Mapping[int, float]) -> list[float]:
    """With -v: seconds for each test."""
    shown: dict[int, float] = {}
    text = ""
    for when, chunk in screen:
        text += chunk
        for match in ONE.finditer(text):
            shown.setdefault(int(match[1] or match[2]), when)
        text = text[-LINE:]
    return [shown[n] - at for n, at in failed.items()]


def by_letter(screen: Screen, failed: Mapping[int, float]) -> list[float]:
    """With -q: the n-th letter is the n-th failure's, though neighbours may change places."""
    shown = [when for when, chunk in screen for letter in chunk if letter == "F"]
    if len(shown) != len(failed):
        raise RuntimeError(f"{len(failed)} tests failed, {len(shown)} were shown")
    return [when - at for when, at in zip(shown, sorted(failed.values()))]


MODES = {"-v": by_name, "-q": by_letter}


def once(tools: Tools, way: Way, job: Job, mode: str) -> list[float]:
    """Milliseconds, of every failure."""
    record = tools.scratch / "latency.txt"
    record.unlink(missing_ok=True)
    env = peers.with_peers(tools, *way.folders) | {"LATENCY": str(record), "TERM": "dumb"}
    quiet = ("--tb=no", "-rN", "-p", "no:cacheprovider")
    pytest = [str(tools.python), "-m", "pytest", mode, *quiet]
    screen = list(chunks(way.command(tools, pytest), job.folder, env))
    lines = [line.split() for line in record.read_text().splitlines()]
    failed = {int(n): float(when) for n, when in lines}
    return [1000 * seconds for seconds in MODES[mode](screen, failed)]


def run(tools: Tools, extent: Extent) -> str:
    """A table: median and maximum over the failures of all rounds."""
    rows = []
    for number, suite in enumerate(SUITES):
        print(f"{suite.name}, latency …", file=sys.stderr, flush=True)
        job = Job(suite.name, tools.scratch / f"latency-{number}")
        job.folder.mkdir()
        tests = round(suite.tests * extent.scale)
        text = TESTS.format(tests=tests, seconds=suite.seconds, every=suite.every)
        (job.folder / "test_latency.py").write_text(text)
        for mode in MODES:
            for way in WAYS:
                found = [ms for _ in range(extent.rounds) for ms in once(tools, way, job, mode)]
                figures = [f"{value:.1f}" for value in (median(found), max(found))]
                rows.append([f"{suite.name}, {mode}", way.name, str(len(found)), *figures])
    contenders.forget(tools)
    return report.table(["suite", "", "failures", "median, ms", "maximum, ms"], rows)
