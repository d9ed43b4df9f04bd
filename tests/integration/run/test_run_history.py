"""What a run stores of its items, groups and their files, told by a scripted reporter."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, List, Tuple

import pytest

from .conftest import Runs

SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from scripted import *

SETUP, SESSION = 5, 0xFFFFFFFF
seconds, setup, part = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
items = ["a.py::x", "b.py::z", "a.py::C::y"][:part]
groups = [
    {{"id": "pkg", "parent": -1, "loose": True}},
    {{"id": "a.py", "parent": 0}},
    {{"id": "a.py::C", "parent": 1}},
    {{"id": "b.py", "parent": -1}},
]
reporter = Reporter()
fields = {{"group": [1, 3, 2][:part], "groups": groups, "start": "fork", "why": ""}}
reporter.send("suite", items=items, **fields)
reporter.receive("plan")
workers = [reporter.start(), reporter.start()]
workers[0].tell(SETUP, SESSION, setup)
workers[0].tell(SETUP, 2, setup / 2)
for worker in workers:
    worker.work(seconds)
for worker in workers:
    reporter.exited(worker)
reporter.receive("finished")
counts = {{"passed": part, "failed": 0, "skipped": 0, "errors": 0}}
reporter.send("result", exit=0, left=[], failed_items=[], skipped_items=[], **counts)
"""


class Scripts:
    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        text = SCRIPT.format(folder=str(Path(__file__).parent))
        (runs.directory / "script.py").write_text(text)
        for name in ("a.py", "b.py"):
            (runs.directory / name).write_text("")

    def play(self, seconds: float, setup: float = 1.0, part: int = 3) -> None:
        script = (sys.executable, "script.py", seconds, setup, part)
        ran = self.runs.run("-w", 2, "--", *script)
        assert (ran.returncode, ran.stdout) == (0, ""), ran

    def ask(self, query: str) -> List[Tuple[Any, ...]]:
        (database,) = Path(self.runs.environment["XDG_STATE_HOME"]).rglob("history.db")
        with closing(sqlite3.connect(database)) as history:
            return list(history.execute(query))

    def walls(self) -> List[float]:
        return [wall for (wall,) in self.ask("SELECT wall FROM item ORDER BY position")]


@pytest.fixture
def scripts(runs: Runs) -> Scripts:
    return Scripts(runs)


def test_groups_and_order(scripts: Scripts) -> None:
    scripts.play(0.25)
    assert scripts.ask("SELECT id, parent, loose, setup FROM fixture_group ORDER BY id") == [
        ("", "", 0, 1.0),
        ("a.py", "pkg", 0, -1.0),
        ("a.py::C", "a.py", 0, 0.5),
        ("b.py", "", 0, -1.0),
        ("pkg", "", 1, -1.0),
    ]
    items = scripts.ask("SELECT id FROM item ORDER BY position")
    assert items == [("a.py::x",), ("b.py::z",), ("a.py::C::y",)]
    scripts.play(0.25, setup=4.0)
    assert scripts.ask("SELECT setup FROM fixture_group WHERE id = ''") == [(2.0,)]


def test_a_changed_file(scripts: Scripts) -> None:
    """Another time is believed at once where the file has changed, and only of those that ran."""
    for _ in range(3):
        scripts.play(0.25)
    scripts.play(5.0)
    assert scripts.walls() == [0.25, 0.25, 0.25]
    scripts.play(0.25)
    os.utime(scripts.runs.directory / "a.py", (1000, 1000))
    scripts.play(5.0, part=2)
    assert scripts.walls() == [5.0, pytest.approx(0.25), 0.25]
    scripts.play(4.0)
    assert scripts.walls()[2] == 4.0
