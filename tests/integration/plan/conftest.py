"""A history of the test's own making, and a way to ask for plans by it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BUILD = Path(os.environ.get("SCHEDCTL_BUILD", "build")).resolve()
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
RAPTOR_LAKE = FIXTURES / "topologies" / "raptorlake-1370p.xml"  # recorded: 6 P cores of two, 8 E
HYBRID = FIXTURES / "plan" / "hybrid-8p8e.xml"  # 8 P cores with two threads each, 8 E cores


class History:
    """One project's, in a file that schedctl itself has made."""

    def __init__(self, state: Path, project: Path) -> None:
        self.project = project
        self.path = state / "schedctl" / "history.db"
        self.n_items = 0
        self.db = sqlite3.connect(self.path)
        self.execute(
            "INSERT INTO project(key, name, runs, items, wall, collection, serial)"
            " VALUES(1, ?, 3, 0, 10.0, 0.5, 0.75)",
            str(project),
        )

    def add(self, name: str, seconds: float, waits: float = 0.0, **columns: Any) -> None:
        """A test, after those that are there."""
        row: dict[str, Any] = {
            "project": 1,
            "id": name,
            "samples": 3,
            "wall": seconds,
            "cpu": seconds * (1 - waits),
            "spread": 0.0,
            "last": seconds,
            "rss": 0,
            "outcome": 1,
            "run": 3,
            "seen": 1_700_000_000,
            "position": self.n_items,
            **columns,
        }
        self.n_items += 1
        self.insert("item", row)

    def add_group(self, name: str, setup: float, parent: str = "", loose: bool = False) -> None:
        row = {"project": 1, "id": name, "samples": 3, "setup": setup, "run": 3, "seen": 0}
        self.insert("fixture_group", {**row, "parent": parent, "loose": int(loose)})

    def insert(self, table: str, row: dict[str, Any]) -> None:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self.execute(f"INSERT INTO {table}({names}) VALUES({marks})", *row.values())

    def execute(self, statement: str, *values: Any) -> None:
        self.db.execute(statement, values)


class Planner:
    """Runs `schedctl plan` where no service is and none is started."""

    def __init__(self, directory: Path) -> None:
        self.project = directory / "project"
        self.project.mkdir()
        self.state = directory / "state"
        self.known: History | None = None
        self.env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("SCHEDCTL_", "HWLOC_"))
        }
        self.env.update(
            XDG_STATE_HOME=str(self.state),
            XDG_RUNTIME_DIR=str(directory),
            SCHEDCTL_SOCKET=str(directory / "no-service"),
            HWLOC_SYNTHETIC="core:4 pu:1",
        )

    def __call__(self, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
        if self.known:
            self.known.db.commit()
        return subprocess.run(
            [BUILD / "cli/schedctl", "plan", *map(str, arguments)],
            env={**self.env, **env},
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def json(self, *arguments: object, **env: str) -> dict[str, Any]:
        result = self(*arguments, "--json", **env)
        assert (result.stderr, result.returncode) == ("", 0)
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    def history(self) -> History:
        assert self().returncode == 1  # nothing is known, but the file is there now
        self.known = History(self.state, self.project)
        return self.known


@pytest.fixture
def plan(tmp_path: Path) -> Planner:
    return Planner(tmp_path)


@pytest.fixture
def history(plan: Planner) -> Iterator[History]:
    history = plan.history()
    yield history
    history.db.close()
