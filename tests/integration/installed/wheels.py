"""The plugin as pip installs it: built from the source tree, in virtual environments."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .helps import SOURCE

PATIENCE = 300  # seconds; nothing is measured by it
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
OFFLINE = ("--no-index", "--no-build-isolation", "--no-deps")


def environment(**more: str) -> dict[str, str]:
    """Without what would steer pytest, pip or schedctl."""
    steering = ("SCHEDCTL", "PYTEST_", "XDG_", "PYTHON", "PIP_", "VIRTUAL_ENV")
    return {k: v for k, v in os.environ.items() if not k.startswith(steering)} | more


def output(*command: object, cwd: Path | None = None, **environ: str) -> str:
    """What the command prints; its failure is the test's."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment(**environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def need_builder() -> None:
    for module in ("setuptools", "wheel"):
        pytest.importorskip(module, reason="there is nothing to build a wheel with")


def copy_source(to: Path, version: str = "", protocol: int = 0) -> Path:
    """The source of the package, as of another version and protocol where these are given; and not
    what pip may have left there, which is built into the next wheel."""
    shutil.copytree(
        SOURCE / "python", to, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    )
    if version:
        (to / "VERSION").write_text(f"{version}\n")
    if protocol:
        engine = to / "schedctl_pytest/engine.py"
        text, n = re.subn(r"(?m)^VERSION = \d+$", f"VERSION = {protocol}", engine.read_text())
        assert n == 1
        engine.write_text(text)
    return to


class Environment:
    """A virtual environment that sees the system's packages, pytest among them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin/python"
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--system-site-packages", folder],
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=PATIENCE,
        )
        if made.returncode != 0:
            pytest.skip(f"no virtual environment: {made.stdout.strip() or made.stderr.strip()}")
        there = subprocess.run(
            [self.python, "-c", "import pytest, setuptools, wheel"],
            env=environment(),
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=PATIENCE,
        )
        if there.returncode != 0:
            pytest.skip("this Python's virtual environments see no pytest, setuptools or wheel")

    def install(self, *what: object) -> None:
        self.run(*PIP, "install", "-q", "--force-reinstall", *OFFLINE, *what)

    def run(self, *arguments: object, cwd: Path | None = None, **environ: str) -> str:
        return output(self.python, *arguments, cwd=cwd, **environ)

    def pytest(self, folder: Path, *arguments: str, **environ: str) -> str:
        return self.run("-m", "pytest", "-p", "no:cacheprovider", *arguments, cwd=folder, **environ)
