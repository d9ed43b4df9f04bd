"""The generated suites: each stands for one way in which a test run is slow.

Work is done in busy loops that count the thread's CPU time, so an item costs the same on a machine
that is busy with other things; only where a suite is about waiting does it sleep. All contenders
run SUITES; waiting.py has more that wait.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BUSY = """\
import time


def busy(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
"""


@dataclass(frozen=True)
class Suite:
    """A generated suite: write(folder, scale) makes it; scale 1 is the full size, 0.1 a tenth."""

    name: str
    what: str
    write: Callable[[Path, float], None]
    rounds: int = 1
    """Rounds for each round asked for: small suites need more of them for a steady median."""
    longest: float = 0.0
    """Seconds that the longest item takes: with work, what bounds the makespan."""
    work: float = 0.0
    """CPU seconds of all items, each fixture set up once."""

    def bound(self, pus: int, scale: float = 1.0) -> float | None:
        """The least makespan on so many equal PUs, start-up not counted."""
        return scale * max(self.longest, self.work / pus) or None


def module(tests: list[float], prefix: str = "") -> str:
    """A test module whose n-th test is busy for tests[n] seconds."""
    lines = [BUSY if any(tests) else "", prefix]
    for n, seconds in enumerate(tests):
        lines.append(f"\n\ndef test_{n}():\n    {f'busy({seconds:.4f})' if seconds else 'pass'}\n")
    return "".join(lines)


def write_empty(folder: Path, scale: float) -> None:
    for n in range(100):
        (folder / f"test_{n:03}.py").write_text(module([0.0] * max(1, round(100 * scale))))


def write_few(tests: int) -> Callable[[Path, float], None]:
    def write(folder: Path, scale: float) -> None:
        (folder / "test_few.py").write_text(module([0.0] * tests))

    return write


def write_long_last(short: list[float]) -> Callable[[Path, float], None]:
    def write(folder: Path, scale: float) -> None:
        (folder / "test_long_last.py").write_text(module([s * scale for s in [*short, 2.0]]))

    return write


def heavy_tail(items: int, seconds: float) -> list[float]:
    """Lengths as in real suites: most short, few long (Pareto, cut at 60 times the least)."""
    source = random.Random(20)
    raw = [min(source.paretovariate(1.1), 60.0) for _ in range(items)]
    return [seconds * length / sum(raw) for length in raw]


HEAVY = heavy_tail(400, 20.0)


def write_heavy(folder: Path, scale: float) -> None:
    for n in range(20):
        (folder / f"test_{n:02}.py").write_text(module([s * scale for s in HEAVY[n::20]]))


MODULES = 30
FIXTURE = """

import pytest


@pytest.fixture(scope="module", autouse=True)
def service():
    busy(0.5)
    yield
"""


def write_modules(folder: Path, scale: float) -> None:
    for n in range(max(2, round(MODULES * scale))):
        (folder / f"test_{n:02}.py").write_text(module([0.005] * 20, FIXTURE))


def write_import(folder: Path, scale: float) -> None:
    (folder / "conftest.py").write_text(BUSY + f"\n\nbusy({3.0 * scale})\n")
    (folder / "test_slow_import.py").write_text(module([0.1 * scale] * 20))


def write_waiting(tests: Sequence[tuple[float, float]]) -> Callable[[Path, float], None]:
    """Tests that each wait, then compute, for so many seconds."""

    def write(folder: Path, scale: float) -> None:
        bodies = [
            f"    time.sleep({waits * scale:.4f})\n    busy({computes * scale:.4f})\n"
            for waits, computes in tests
        ]
        functions = "".join(f"\n\ndef test_{n}():\n{body}" for n, body in enumerate(bodies))
        (folder / "test_waiting.py").write_text(BUSY + functions)

    return write


SUITES = (
    Suite("one", "1 empty test", write_few(1), rounds=4),
    Suite("five", "5 empty tests", write_few(5), rounds=4),
    Suite("empty", "10,000 empty tests in 100 modules", write_empty),
    Suite(
        "long-last-3",
        "3 tests, 3.6 s of work, the longest (2 s) last",
        write_long_last([0.8] * 2),
        longest=2.0,
        work=3.6,
    ),
    Suite(
        "long-last-9",
        "9 tests, 3.6 s of work, the longest (2 s) last",
        write_long_last([0.2] * 8),
        longest=2.0,
        work=3.6,
    ),
    Suite(
        "heavy-tail",
        "400 tests of heavy-tailed length, 20 s of work",
        write_heavy,
        longest=max(HEAVY),
        work=20.0,
    ),
    Suite(
        "modules",
        f"{MODULES} modules, each with a 0.5 s fixture and 20 tests of 5 ms",
        write_modules,
        longest=0.505,
        work=0.6 * MODULES,
    ),
    Suite("slow-import", "a conftest that computes for 3 s, 20 tests of 0.1 s", write_import),
    Suite("sleep", "20 tests that sleep for 0.5 s", write_waiting([(0.5, 0.0)] * 20), longest=0.5),
)
BY_NAME = {suite.name: suite for suite in SUITES}


def generate(suite: Suite, folder: Path, scale: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    suite.write(folder, scale)


def shuffle(folder: Path) -> None:
    """Exchanges a generated suite's files, so that they are collected in another order."""
    files = sorted(folder.glob("test_*.py"))
    texts = [file.read_text() for file in files]
    random.Random(4).shuffle(texts)
    for file, text in zip(files, texts):
        file.write_text(text)


def main() -> int:
    """suites.py NAME FOLDER: writes one suite, to try by hand."""
    generate(BY_NAME[sys.argv[1]], Path(sys.argv[2]), 1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
