"""What a suite asks of the engine: serial groups, order, items alone, and items that kill."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Dict, List

import pytest

from .conftest import Runs
from .test_run_suites import pytest_command, summaries

# Each test notes when it begins and ends. Two serial groups, their items scattered over two
# modules; the fifth of the first one kills its worker.
MODULE = """
import os, pytest

def note(what, name, worker_id):
    line = f"{what} {name} {worker_id} {os.getpid()}\\n"
    fd = os.open("notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, line.encode())
    os.close(fd)

@pytest.fixture
def noted(request, worker_id):
    note("begin", request.node.name, worker_id)
    yield
    note("end", request.node.name, worker_id)

@pytest.mark.parametrize("n", range(8))
@pytest.mark.parametrize("group", ["a", "b", "free"])
def test_MODULE(n, group, noted):
    if (group, n, "MODULE") == ("a", 4, "x"):
        os._exit(7)
"""
SETTINGS = """
[tool.schedctl]
alone = ["*free-0*"]
[tool.schedctl.serial]
first = ["*a-*"]
second = ["*b-*"]
"""


def notes(directory: Path) -> List[List[str]]:
    return [line.split() for line in (directory / "notes").read_text().splitlines()]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_serial_groups(runs: Runs, start: str) -> None:
    """Of each, in collection order, on one worker to its death, none beside another."""
    for module in "xy":
        text = MODULE.replace("MODULE", module)
        (runs.directory / f"test_{module}.py").write_text(text)
    (runs.directory / "pyproject.toml").write_text(SETTINGS)
    options = ("-w", 4, "--start", start, "--json", "summary", "--")
    result = runs.run(*options, *pytest_command())
    assert "1 failed, 47 passed" in result.stdout, result.stdout + result.stderr
    (suite,) = summaries(runs.directory / "summary")
    assert (suite["lost"], suite["left"]) == (1, 2)
    running: Dict[str, str] = {}
    ran: Dict[str, List[str]] = defaultdict(list)
    processes: Dict[str, List[str]] = defaultdict(list)
    for what, name, worker, pid in notes(runs.directory):
        group = name[name.index("[") + 1]
        assert (worker == "master") is ("free-0" in name)
        if what == "end":
            running.pop(group, None)
            continue
        if group in "ab":
            assert running.get(group) in (None, "test_x[a-4]")
            running[group] = name
        ran[group].append(name)
        if pid not in processes[group]:
            processes[group].append(pid)
    for group, n_processes in (("a", 2), ("b", 1)):
        names = [f"test_{module}[{group}-{n}]" for module in "xy" for n in range(8)]
        assert ran[group] == names
        assert len(processes[group]) == n_processes


def test_every_test_kills_its_worker(runs: Runs) -> None:
    """However many do so one after the other, the suite goes on to its end."""
    (runs.directory / "test_deadly.py").write_text(
        "import os, pytest\n"
        "@pytest.mark.parametrize('n', range(12))\n"
        "def test_deadly(n): os._exit(9) if n % 4 else os.kill(os.getpid(), 9)\n"
        "def test_fine(): pass\n"
    )
    result = runs.run("-w", 2, "--json", "summary", "--", *pytest_command())
    assert "12 failed, 1 passed" in result.stdout, result.stdout + result.stderr
    (suite,) = summaries(runs.directory / "summary")
    assert (suite["lost"], suite["crashes"], suite["left"]) == (12, 12, 0)


ORDERED = """
import os, pytest
@pytest.mark.parametrize("n", range(30))
def test_one_of_many(n):
    with open("notes", "a") as file:
        file.write(f"{n}\\n")
    assert n != 6
"""


def test_stepwise_runs_in_order(runs: Runs) -> None:
    """Whatever history says, and hardly beyond the failure."""
    (runs.directory / "test_ordered.py").write_text(ORDERED)
    runs.run("-w", 2, "--", *pytest_command())
    (runs.directory / "notes").unlink()
    stepwise = [sys.executable, "-m", "pytest", "-q", "--stepwise"]
    result = runs.run("-w", 2, "--json", "summary", "--", *stepwise)
    assert "1 failed, 6 passed" in result.stdout, result.stdout + result.stderr
    ran = [int(line) for line in (runs.directory / "notes").read_text().split()]
    # What has begun without one before it having begun: no more than the other worker holds.
    assert all(max(ran[:n]) + 1 - n <= 1 for n in range(1, len(ran) + 1)), ran
    (suite,) = summaries(runs.directory / "summary")
    assert suite["estimated"] == 30
