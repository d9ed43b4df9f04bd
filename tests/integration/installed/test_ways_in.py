"""Every command in README.md's "Every way in" does what it says, in a small project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from pathlib import Path

import pytest

from .helps import BUILD, SOURCE
from .wheels import PATIENCE, environment

SECTION = (
    (SOURCE / "README.md")
    .read_text(encoding="utf-8")
    .partition("\n## Every way in\n")[2]
    .partition("\n## ")[0]
)
COMMANDS = [
    line.partition("  #")[0].strip() for line in re.findall(r"^    (\S.*)$", SECTION, re.MULTILINE)
]
MAKEFILE = """\
check: a.o b.o
\tpytest
%.o:
\ttouch $@
"""
TESTS = """
import os

import pytest

@pytest.mark.parametrize("n", range(12))
def test_worker(n):
    with open("workers", "a") as file:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "none")
        file.write(f"{worker} {len(os.sched_getaffinity(0))} {n}\\n")
"""


class Project:
    """Where the commands are run, as in a terminal of somebody who has installed all of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        (self.folder / "Makefile").write_text(MAKEFILE)
        (self.folder / "test_workers.py").write_text(TESTS)
        programs = folder / "programs"
        programs.mkdir()
        (programs / "schedctl").symlink_to(BUILD / "cli/schedctl")
        pytest_program = programs / "pytest"
        pytest_program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pytest "$@"\n')
        pytest_program.chmod(0o755)
        (folder / "config/schedctl").mkdir(parents=True)
        (folder / "config/schedctl/schedd.conf").write_text("[Headroom]\nPolicy=performance\n")
        self.environ = environment(
            PATH=f"{programs}:{os.environ['PATH']}",
            PYTHONPATH=str(BUILD / "python"),
            PYTEST_ADDOPTS="-p no:cacheprovider",
            HOME=str(folder),
            XDG_STATE_HOME=str(folder / "state"),
            XDG_CONFIG_HOME=str(folder / "config"),
            SCHEDCTL_SOCKET=str(folder / "s"),
        )

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def workers(self) -> list[list[str]]:
        """Of each test that ran: its worker, how many CPUs that may use, its number."""
        file = self.folder / "workers"
        return [line.split() for line in file.read_text().splitlines()]


@pytest.fixture
def project() -> Iterator[Project]:
    folder = Path(tempfile.mkdtemp(prefix="schedctl-"))  # short: a socket is in it
    yield Project(folder)
    shutil.rmtree(folder, ignore_errors=True)


def command(start: str) -> str:
    """The one that begins so. It is there once."""
    found = [line for line in COMMANDS if line.startswith(start)]
    assert len(found) == 1
    return str(found[0])


def test_all_are_tried() -> None:
    starts = "run -- pytest", "run -- make", "run --shard", "merge"
    ours = [command(f"schedctl {start}") for start in starts]
    assert sorted([*ours, command("pytest"), command("make")]) == sorted(COMMANDS)


def test_run(project: Project) -> None:
    assert "schedctl: 12 tests on" in project.run(command("schedctl run -- pytest"))
    assert sorted(int(n) for _, _, n in project.workers()) == list(range(12))


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
@pytest.mark.parametrize("start", ["schedctl run -- make", "make"])
def test_make(project: Project, start: str) -> None:
    said = project.run(command(start))
    assert (project.folder / "a.o").exists() and (project.folder / "b.o").exists()
    assert len(project.workers()) == 12
    assert ("schedctl: 12 tests on" in said) == start.startswith("schedctl")
    assert "jobserver" not in said  # make's warnings


def test_numprocesses(project: Project) -> None:
    pytest.importorskip("xdist")
    project.run(command("pytest"))
    for worker, cpus, _ in project.workers():
        assert worker.startswith("gw") and cpus == "1"
    assert len(project.workers()) == 12


def test_nodes(project: Project) -> None:
    """The others do the same with their own number."""
    line = command("schedctl run --shard")
    assert "2/3" in line and "node2" in line
    for n in (1, 2, 3):
        project.run(line.replace("2/3", f"{n}/3").replace("node2", f"node{n}"))
    assert sorted(int(n) for _, _, n in project.workers()) == list(range(12))
    project.run(command("schedctl merge"))
    joined = xml.parse(project.folder / "all.xml")
    assert len(joined.findall(".//testcase")) == 12
