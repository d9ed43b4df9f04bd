"""What was run, as JSON lines in the cache folder: a run that ended is not lost, nor repeated.

CACHE/results.jsonl               one object a run; of two for the same key the later one holds
CACHE/serial/NAME-PYTEST.json     the outcomes of the first serial run, which the others are
                                  compared with
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

# Differences that are kept of one run; its `differing` says how many there were.
KEPT = 50

Outcome = Tuple[str, str, str]  # test id, when, outcome
Key = Tuple[str, str, str, int, int]  # project, pytest, way, workers, repeat


@dataclass(frozen=True)
class Run:
    """A session of a suite.

    commit: of the product; empty where the product took no part.
    way: serial, shuffled, xdist, or how schedctl was told to start workers: auto, fork, spawn.
    used: how many workers there really were; 1 where pytest ran the tests itself.
    started, why: how workers started, and why so.
    differing: how many outcomes only one of this run and the first serial one has.
    differences: the first of them: ["serial" or "this", test id, when, outcome].
    seconds, cpu: how long it took, and how much processor time with all its processes.
    selection: the arguments that chose the tests.
    moving: tests whose id holds the time of day or an address.
    """

    project: str
    version: str
    pytest: str
    way: str
    workers: int
    repeat: int
    commit: str
    python: str
    release: str
    seconds: float
    status: int
    tests: int
    used: int
    started: str = ""
    why: str = ""
    hung: bool = False
    differing: int = 0
    differences: List[List[str]] = field(default_factory=list, hash=False)
    moving: int = 0
    cpu: float = 0.0
    selection: str = ""

    @property
    def key(self) -> Key:
        return self.project, self.pytest, self.way, self.workers, self.repeat


class Results:
    def __init__(self, cache: Path) -> None:
        self._file = cache / "results.jsonl"
        self._serial = cache / "serial"
        self._serial.mkdir(parents=True, exist_ok=True)
        self._runs: Dict[Key, Run] = {}
        if self._file.exists():
            for line in self._file.read_text().splitlines():
                run = Run(**json.loads(line))
                self._runs[run.key] = run

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs.values())

    def get(self, key: Key, version: str, selection: str, commit: str) -> Optional[Run]:
        """The run, if it was made with that version of the project, choice of tests and commit of
        the product, and the suite could be collected."""
        run = self._runs.get(key)
        if run is None or not run.tests:
            return None
        made = (run.version, run.selection, run.commit)
        return run if made == (version, selection, commit) else None

    def add(self, run: Run) -> None:
        with open(self._file, "a") as file:
            file.write(json.dumps(dataclasses.asdict(run)) + "\n")
        self._runs[run.key] = run

    def serial(self, project: str, version: str, pytest: str) -> List[Outcome]:
        path = self._serial / f"{project}-{version}-{pytest}.json"
        return [(nodeid, when, outcome) for nodeid, when, outcome in json.loads(path.read_text())]

    def keep_serial(self, project: str, version: str, pytest: str, heard: List[Outcome]) -> None:
        path = self._serial / f"{project}-{version}-{pytest}.json"
        path.write_text(json.dumps(heard))


def compare(serial: List[Outcome], other: List[Outcome]) -> List[List[str]]:
    """What only one of the two has, an outcome as often as it lacks."""
    left, right = Counter(map(steady, serial)), Counter(map(steady, other))
    return [
        *(["serial", *outcome] for outcome in sorted((left - right).elements())),
        *(["this", *outcome] for outcome in sorted((right - left).elements())),
    ]


def is_forced(run: Run, suite: Iterable[Run]) -> bool:
    """Whether it was told to fork a suite for which --start auto starts workers afresh."""
    return run.way == "fork" and any(one.way == "auto" and one.started == "spawn" for one in suite)


def steady(outcome: Outcome) -> Outcome:
    """The same from one collection to the next: ids may hold the time of day, or an address."""
    nodeid = re.sub(r"\d\d:\d\d:\d\d(\.\d+)?", "TIME", outcome[0])
    return re.sub(r"\b0x[0-9a-f]{6,}", "ADDRESS", nodeid), outcome[1], outcome[2]


def moving(outcomes: List[Outcome]) -> int:
    """How many tests have an id that holds the time of day or an address."""
    return len({one[0] for one in outcomes if steady(one) != one})
