"""Nodes that share the tests of a project: each run beside the others' service, with a history of
its own or one for all."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional
from xml.etree import ElementTree

import pytest

from run.conftest import Runs, runs  # noqa: F401  (a fixture)

__all__ = ["Node", "Nodes", "nodes", "runs"]

# Each test says that it ran.
RECORDER = """
import os
import pytest

@pytest.hookimpl
def pytest_runtest_call(item):
    with open(os.environ["RAN"], "a") as file:
        file.write(item.nodeid + "\\n")
"""


@dataclass
class Node:
    """What came of one shard."""

    status: int
    out: str
    err: str
    ran: List[str]
    suite: Dict[str, Any] = field(default_factory=dict)  # of --json

    @property
    def shard(self) -> Dict[str, Any]:
        shard: Dict[str, Any] = self.suite.get("shard", {})
        return shard


class Nodes:
    def __init__(self, runs: Runs) -> None:  # noqa: F811
        self.runs = runs
        self.directory = runs.directory
        self.write("conftest.py", RECORDER)
        self._count = 0

    def write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")

    def remember(self, seconds: Dict[str, float], count: int) -> None:
        """So many nodes' history, until one of them adds to it."""
        self.write("durations.json", json.dumps(seconds))
        subprocess.run(
            [self.runs.program(), "history", "import", "durations.json"],
            cwd=self.directory,
            env={**self.runs.environment, "XDG_STATE_HOME": self._state(0)},
            check=True,
            capture_output=True,
            timeout=60,
        )
        for number in range(1, count):
            shutil.copytree(self._state(0), self._state(number))

    def _state(self, number: int) -> str:
        return str(self.directory / f".state-{number}")

    def run(
        self,
        *words: str,
        options: str = "",
        own: int = 0,
        python: str = sys.executable,
        env: Optional[Dict[str, str]] = None,
        **more: str,
    ) -> Node:
        """One node's pytest, with the history number `own`; options: of schedctl run;
        env and more: variables."""
        self._count += 1
        ran = self.directory / f".ran-{self._count}"
        summary = self.directory / f".summary-{self._count}.json"
        done = self.runs.run(
            *("--json", summary, *options.split(), "--"),
            *(python, "-m", "pytest", "-p", "no:cacheprovider", *words),
            env={
                "RAN": str(ran),
                "XDG_STATE_HOME": self._state(own),
                "SCHEDCTL_SHARD": "",
                **(env or {}),
                **more,
            },
        )
        lines = summary.read_text().splitlines() if summary.exists() else []
        return Node(
            status=done.returncode,
            out=done.stdout,
            err=done.stderr,
            ran=ran.read_text().splitlines() if ran.exists() else [],
            suite=json.loads(lines[0]) if lines else {},
        )

    def all(self, count: int, *words: str, options: str = "") -> List[Node]:
        """Each of so many shards, one after the other, with histories that know the same."""
        return [
            self.run(*words, options=f"--shard {number + 1}/{count} {options}", own=number)
            for number in range(count)
        ]


def properties(path: Path) -> Dict[str, str]:
    """Those of a JUnit file's suite."""
    return {
        str(each.get("name")): str(each.get("value"))
        for each in ElementTree.parse(path).iter("property")
    }


@pytest.fixture
def nodes(runs: Runs) -> Iterator[Nodes]:  # noqa: F811
    yield Nodes(runs)
