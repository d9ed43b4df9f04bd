"""Suites end to end: dealt to pinned workers, several at once, however pytest is started."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Dict, List

import pytest

from .conftest import Runs, needs_two_cpus

PINNED = """
import json, os, pytest
@pytest.mark.parametrize("n", range(8))
def test_pinned(n, worker_id):
    with open("seen.jsonl", "a") as file:
        cpus = sorted(os.sched_getaffinity(0))
        print(json.dumps([worker_id, os.environ["SCHEDCTL_SLOT"], cpus]), file=file)
"""

PLAIN = "def test_one(): pass\ndef test_two(): pass\n"


def pytest_command(*arguments: str) -> List[str]:
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]


def summaries(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def history(runs: Runs) -> sqlite3.Connection:
    (database,) = Path(runs.environment["XDG_STATE_HOME"]).rglob("history.db")
    return sqlite3.connect(database)


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_are_pinned_and_have_slots(runs: Runs, start: str) -> None:
    (runs.directory / "test_pinned.py").write_text(PINNED)
    result = runs.run("-w", 2, "--start", start, "--", *pytest_command())
    assert result.returncode == 0, result.stdout + result.stderr
    seen = [json.loads(line) for line in (runs.directory / "seen.jsonl").read_text().splitlines()]
    assert len(seen) == 8
    assert all(len(cpus) == 1 for _, _, cpus in seen)
    by_worker = {worker: (slot, cpus) for worker, slot, cpus in seen}
    assert len({slot for slot, _ in by_worker.values()}) == len(by_worker)
    assert "schedctl: 8 tests on" in result.stderr
    runs.expect_clean()


COMPUTING = """
import json, os, time, pytest
@pytest.mark.parametrize("n", range(16))
def test_computing(n, worker_id):
    end = time.process_time() + 0.01
    while time.process_time() < end:
        pass
    with open("seen.jsonl", "a") as file:
        cpus = sorted(os.sched_getaffinity(0))
        print(json.dumps([worker_id, os.environ["SCHEDCTL_SLOT"], cpus]), file=file)
"""


@pytest.mark.parametrize("workers, most", [(2, 1), (3, 2), (8, 2)])
def test_more_workers_than_cpus(runs: Runs, workers: int, most: int) -> None:
    """One a CPU has its own, the others all of them; each has a slot that no other has."""
    (runs.directory / "test_computing.py").write_text(COMPUTING)
    options = ("--max", most, "-w", workers, "--json", "summary")
    result = runs.run(*options, "--", *pytest_command())
    assert result.returncode == 0, result.stdout + result.stderr
    (suite,) = summaries(runs.directory / "summary")
    assert (suite["workers"], suite["done"]) == (workers, 16)
    seen = [json.loads(line) for line in (runs.directory / "seen.jsonl").read_text().splitlines()]
    by_worker = {worker: (slot, tuple(cpus)) for worker, slot, cpus in seen}
    assert len({slot for slot, _ in by_worker.values()}) == len(by_worker)
    lease = set().union(*(cpus for _, cpus in by_worker.values()))
    assert len(lease) <= most
    assert 0 < suite["bound"] <= suite["seconds"]
    runs.expect_clean()


def test_more_workers_than_cpus_without_a_service(runs: Runs) -> None:
    (runs.directory / "test_computing.py").write_text(COMPUTING)
    runs.environment["SCHEDCTL_SOCKET"] = str(runs.directory / "nobody" / "there.sock")
    result = runs.run("-w", 5, "--json", "summary", "--", *pytest_command())
    assert result.returncode == 0, result.stdout + result.stderr
    assert summaries(runs.directory / "summary")[0]["workers"] == 5


def test_no_pin(runs: Runs) -> None:
    (runs.directory / "test_pinned.py").write_text(PINNED)
    runs.run("-w", 2, "--no-pin", "--", *pytest_command())
    seen = [json.loads(line) for line in (runs.directory / "seen.jsonl").read_text().splitlines()]
    assert all(cpus == sorted(os.sched_getaffinity(0)) for _, _, cpus in seen)


def test_summary_as_json(runs: Runs) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    runs.run("-w", 2, "--quiet", "--json", "summary", "--", *pytest_command())
    (suite,) = summaries(runs.directory / "summary")
    assert (suite["mode"], suite["items"], suite["done"], suite["lost"]) == ("workers", 2, 2, 0)
    assert suite["result"]["passed"] == 2
    assert 0 < suite["bound"] <= suite["seconds"]


def test_quiet_is_quiet(runs: Runs) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    assert runs.run("-w", 2, "--quiet", "--", *pytest_command()).stderr == ""


def test_one_worker_is_pytest_itself(runs: Runs) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    result = runs.run("-w", 1, "--verbose", "--", *pytest_command())
    assert "2 passed" in result.stdout
    assert "run by pytest itself: one worker was asked for" in result.stderr


@pytest.mark.parametrize(
    "option, said", [("--pdb", True), ("--trace", True), ("--collect-only", False)]
)
def test_why_pytest_runs_its_tests_itself(runs: Runs, option: str, said: bool) -> None:
    (runs.directory / "test_plain.py").write_text("def test_one(): pass\n")
    result = runs.run("-w", 2, "--json", "summary", "--", *pytest_command(option))
    assert ("schedctl: 1 test run by pytest itself: " + option in result.stderr) is said
    (suite,) = summaries(runs.directory / "summary")
    assert (suite["mode"], suite["why"], suite["items"]) == ("serial", option, 1)


def test_the_projects_settings_are_shown(runs: Runs) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    settings = "[schedctl]\nworkers = 2\nitem-timeout = 7.5\n"
    (runs.directory / "pytest.ini").write_text("[pytest]\n" + settings)
    result = runs.run("--verbose", "--json", "summary", "--", *pytest_command())
    assert f"settings of {runs.directory}: workers 2, item-timeout 7.5" in result.stderr
    assert summaries(runs.directory / "summary")[0]["settings"] == {
        "workers": 2,
        "item-timeout": 7.5,
    }


def test_what_was_measured_is_known_the_next_time(runs: Runs) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    for known in (0, 2):
        runs.run("-w", 2, "--json", "summary", "--", *pytest_command())
        assert summaries(runs.directory / "summary")[0]["estimated"] == known


@needs_two_cpus
def test_short_suites_run_inline_once_they_are_known(runs: Runs) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    modes = []
    for _ in range(2):
        runs.run("--json", "summary", "--", *pytest_command())
        modes.append(summaries(runs.directory / "summary")[0]["mode"])
        with closing(history(runs)) as known:  # whatever they took on a machine that does more
            known.execute("UPDATE item SET wall = 0.001, cpu = 0.001")
            known.commit()
    assert modes == ["workers", "serial"]


def test_suites_one_after_the_other(runs: Runs) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    command = " ".join(pytest_command())
    result = runs.run("-w", 2, "--json", "summary", "--", "sh", "-c", f"{command}; {command}")
    assert result.stdout.count("2 passed") == 2
    assert [s["done"] for s in summaries(runs.directory / "summary")] == [2, 2]


def test_suites_at_the_same_time(runs: Runs) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    command = " ".join(pytest_command())
    script = f"for i in 1 2 3 4 5; do {command} & done; wait"
    result = runs.run("--json", "summary", "--", "sh", "-c", script)
    assert result.stdout.count("2 passed") == 5
    assert [s["result"]["passed"] for s in summaries(runs.directory / "summary")] == [2] * 5
    runs.expect_clean()


@pytest.mark.parametrize("script", ["exec {pytest}", "env {pytest}", "( {pytest} )"])
def test_pytest_below_a_script(runs: Runs, script: str) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    command = script.format(pytest=" ".join(pytest_command()))
    result = runs.run("-w", 2, "--", "sh", "-c", command)
    assert "2 passed" in result.stdout
    assert "schedctl: 2 tests on" in result.stderr


@needs_two_cpus
def test_a_suite_below_a_script_uses_fewer_cpus(runs: Runs) -> None:
    """What is beside it in COMMAND may have the others."""
    (runs.directory / "test_plain.py").write_text(PLAIN)
    (runs.directory / "pytest.ini").write_text(
        "[pytest]\n[schedctl]\nworkers = 1\nitem-timeout = 60\n"
    )
    command = " ".join(pytest_command())
    result = runs.run("--json", "summary", "--", "sh", "-c", f"{command}; {command}")
    assert result.stdout.count("2 passed") == 2
    assert [s["workers"] for s in summaries(runs.directory / "summary")] == [1, 1]


def test_an_unreachable_pytest_is_said(runs: Runs) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    command = [sys.executable, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    result = runs.run("--", *command)
    assert "2 passed" in result.stdout
    assert "a pytest could not be reached" in result.stderr


def test_pytest_of_a_test_is_left_alone(runs: Runs) -> None:
    (runs.directory / "test_outer.py").write_text(
        "import subprocess, sys\n"
        "def test_inner(tmp_path):\n"
        "    (tmp_path / 'test_x.py').write_text('def test_x(): pass')\n"
        "    subprocess.run([sys.executable, '-m', 'pytest', str(tmp_path)], check=True)\n"
        "def test_other(): pass\n"
    )
    result = runs.run("-w", 2, "--json", "summary", "--", *pytest_command())
    assert "2 passed" in result.stdout, result.stdout
    assert [s["items"] for s in summaries(runs.directory / "summary")] == [2]


OUTCOMES = """
import pytest
def test_passes(): pass
def test_fails(): assert False
def test_is_skipped(): pytest.skip()
@pytest.fixture
def broken(): raise OSError
def test_errors(broken): pass
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_outcomes_are_remembered(runs: Runs, workers: int) -> None:
    (runs.directory / "test_outcomes.py").write_text(OUTCOMES)
    runs.run("-w", workers, "--", *pytest_command())
    with closing(history(runs)) as known:
        rows = dict(known.execute("SELECT id, outcome FROM item"))
    assert rows == {
        "test_outcomes.py::test_passes": 1,
        "test_outcomes.py::test_fails": 2,
        "test_outcomes.py::test_is_skipped": 3,
        "test_outcomes.py::test_errors": 2,
    }
