"""What a run would be, by `schedctl plan` and by `schedctl run --dry-run`: the same."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from .conftest import PATIENCE, Runs
from .test_run_suites import pytest_command, summaries

N_CPUS = len(os.sched_getaffinity(0))

# Where the long one goes decides; a class and a module have fixtures that take a while.
SUITE = """
import pytest, time

@pytest.fixture(scope="module")
def database():
    time.sleep(0.05)

@pytest.fixture(scope="class")
def table():
    time.sleep(0.02)

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

@pytest.mark.parametrize("n", range(12))
def test_short(n):
    burn(0.005)

class TestTable:
    @pytest.mark.parametrize("n", range(6))
    def test_row(self, database, table, n):
        burn(0.01)

def test_long():
    burn(0.3)
"""


@pytest.mark.skipif(N_CPUS < 2, reason="with one CPU the reporter runs all by itself")
@pytest.mark.parametrize("workers", [(), ("-w", 3)])
def test_a_plan_and_a_dry_run_agree(runs: Runs, workers: tuple[object, ...]) -> None:
    (runs.directory / "test_it.py").write_text(SUITE)
    runs.run("-w", 2, "--", *pytest_command())
    dry = runs.run(*workers, "--dry-run", "--json", "summary", "--", *pytest_command())
    (suite,) = summaries(runs.directory / "summary")
    plan = subprocess.run(
        [runs.program(), "plan", "--json", "--schedule", *map(str, workers)],
        env=runs.environment,
        cwd=runs.directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    answer = json.loads(plan.stdout)
    assert suite["mode"] == "dry", dry.stdout + dry.stderr
    assert answer["items"] == answer["known"] == 19
    said = suite["plan"]
    for field in ("items", "known", "workers", "critical", "enough"):
        assert said[field] == answer[field], field
    for field in ("makespan", "bound", "serial", "utilisation"):
        assert said[field] == pytest.approx(answer[field], rel=1e-3), field
    assert said["schedule"] == answer["schedule"]
    runs.expect_clean()
