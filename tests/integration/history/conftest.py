"""A project with a history of its own, and `schedctl history` in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BUILD = Path(os.environ.get("SCHEDCTL_BUILD", "build")).resolve()


class Project:
    """Runs `schedctl` in a directory, with a state directory that nobody else uses."""

    def __init__(self, directory: Path, state: Path) -> None:
        self.directory = directory
        self.directory.mkdir()
        self.env = {
            key: value for key, value in os.environ.items() if not key.startswith("SCHEDCTL_")
        }
        self.env["XDG_STATE_HOME"] = str(state)
        # A machine of its own, which no service knows another one for.
        self.env.update(HWLOC_SYNTHETIC="core:2 pu:1", SCHEDCTL_SOCKET=f"{state}/no-service")

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(BUILD / "cli" / "schedctl"), *arguments],
            cwd=self.directory,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def history(self, *arguments: str, stdin: str = "") -> str:
        """What `schedctl history` prints; it has to succeed, without a word on stderr."""
        done = self.run("history", *arguments, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def refused(self, *arguments: str, stdin: str = "", status: int = 1) -> str:
        """What it says of arguments that it cannot follow."""
        done = self.run("history", *arguments, stdin=stdin)
        assert (done.returncode, done.stdout) == (status, ""), done
        return done.stderr

    def items(self) -> dict[str, dict[str, Any]]:
        shown = json.loads(self.history("show", "--json"))
        return {item["id"]: item for item in shown["items"]}

    def pytest(self, *arguments: str) -> str:
        """A serial run that schedctl has nothing to do with."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(
            command, cwd=self.directory, env=self.env, capture_output=True, text=True, check=False
        ).stdout


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", tmp_path / "state")
