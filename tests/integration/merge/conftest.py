"""A folder with files to merge, and `schedctl merge` in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

BUILD = Path(os.environ.get("SCHEDCTL_BUILD", "build")).resolve()
SAMPLES = Path(__file__).parents[2] / "fuzz" / "corpus" / "merge"

Case = tuple[str, str, str]


def outcome(case: ElementTree.Element) -> str:
    tags = {child.tag for child in case}
    return next((tag for tag in ("error", "failure", "skipped") if tag in tags), "passed")


class Place:
    """Runs commands in a directory; nothing of the user's is seen."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.directory.mkdir()
        self.env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("SCHEDCTL_", "COVERAGE_", "PYTEST_"))
        }
        self.env.update(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        self.env.update(PYTHON=sys.executable, XDG_STATE_HOME=str(directory / "state"))

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def sample(self, name: str, to: str = "") -> Path:
        return self.write(to or f"{name}.xml", (SAMPLES / name).read_bytes())

    def call(self, *command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.directory,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def pytest(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        head = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        return self.call(*head, *arguments, **env)

    def schedctl(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        return self.call(BUILD / "cli" / "schedctl", *arguments, **env)

    def merge(self, *arguments: str | Path, status: int = 0, **env: str) -> str:
        """What it prints; what it complains of with another status than 0."""
        done = self.schedctl("merge", *arguments, **env)
        assert done.returncode == status, done
        return done.stderr if status else done.stdout

    def facts(self, *arguments: str | Path, status: int = 0) -> Any:
        done = self.schedctl("merge", "--json", *arguments)
        assert (done.returncode, done.stderr) == (status, ""), done
        return json.loads(done.stdout)

    def tree(self, name: str) -> ElementTree.Element:
        return ElementTree.parse(self.directory / name).getroot()

    def cases(self, name: str) -> list[Case]:
        """Testcases with their outcome, by name."""
        found = self.tree(name).iter("testcase")
        return sorted((c.get("classname", ""), c.get("name", ""), outcome(c)) for c in found)

    def knows_unnamed(self) -> bool:
        """Whether files without a name can be made in it."""
        try:
            os.close(os.open(self.directory, os.O_TMPFILE | os.O_WRONLY))
        except OSError:
            return False
        return True


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "with space")
