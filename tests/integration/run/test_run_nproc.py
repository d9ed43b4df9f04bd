"""schedctl nproc within a run: what that holds, and one in a worker."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import Any, Dict, List

import pytest

from .conftest import PATIENCE, Runs, needs_two_cpus

PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
ASKS = """
import json, os, subprocess
import pytest

def ask(*words):
    asked = subprocess.run(
        [os.environ["PROGRAM"], "nproc", *words], stdout=subprocess.PIPE, check=True
    )
    return asked.stdout.decode()

def note():
    with open("notes", "a") as file:
        print(json.dumps([os.environ.get("PYTEST_XDIST_WORKER"), ask("--json")]), file=file)

@pytest.mark.parametrize("n", range(4))
def test_asks(n): note()
"""
WIDE = """
@pytest.mark.schedctl(cpus=2)
def test_asks_with_two(): note()
"""


def asked(runs: Runs, *words: str, shell: str = "{nproc}") -> "subprocess.CompletedProcess[str]":
    nproc = f"{runs.word()} nproc {' '.join(words)}"
    return runs.run("--", "sh", "-c", shell.format(nproc=nproc))


def noted(runs: Runs, text: str, *options: object) -> List[Dict[str, Any]]:
    (runs.directory / "test_asks.py").write_text(text)
    result = runs.run(*options, "--", *PYTEST, env={"PROGRAM": runs.program()})
    assert result.returncode == 0, result.stdout + result.stderr
    lines = (runs.directory / "notes").read_text().splitlines()
    assert all(worker for worker, _ in map(json.loads, lines))
    return [json.loads(answer) for _, answer in map(json.loads, lines)]


def held(runs: Runs) -> int:
    script = "import os; print(len(os.sched_getaffinity(0)))"
    return int(runs.run("--", sys.executable, "-c", script).stdout)


def test_it_is_what_the_run_holds(runs: Runs) -> None:
    assert asked(runs).stdout == f"{held(runs)}\n"
    assert asked(runs, "--max", "1").stdout == "1\n"
    answer = json.loads(asked(runs, "--json").stdout)
    assert answer["workers"] == len(answer["pus"]) == held(runs)
    assert answer["reason"] == "held by the run"


def test_the_runs_own_limit_counts(runs: Runs) -> None:
    """Also where nobody is pinned."""
    nproc = f"{runs.word()} nproc"
    assert runs.run("--max", 1, "--no-pin", "--", "sh", "-c", nproc).stdout == "1\n"


def test_a_smaller_mask_counts(runs: Runs) -> None:
    cpu = min(os.sched_getaffinity(0))
    assert asked(runs, shell=f"taskset -c {cpu} {{nproc}}").stdout == "1\n"


def test_makes_option(runs: Runs) -> None:
    (runs.directory / "Makefile").write_text("all:; @echo made\n")
    made = asked(runs, shell='make -s -j"$({nproc})"')
    assert made.stdout == "made\n", made.stderr


@pytest.mark.parametrize("options", [("-w", 2), ("-w", 4), ("-w", 2, "--no-pin")])
def test_it_is_one_in_a_worker(runs: Runs, options: Any) -> None:
    """Pinned, floating or free."""
    answers = noted(runs, ASKS, *options)
    assert [answer["workers"] for answer in answers] == [1] * 4


@needs_two_cpus
def test_it_is_two_in_a_test_that_has_two(runs: Runs) -> None:
    answers = noted(runs, ASKS + WIDE, "-w", 2)
    assert sorted(answer["workers"] for answer in answers) == [1, 1, 1, 1, 2]


def reason_within(runs: Runs, path: str) -> str:
    """What `schedctl nproc` says of its answer where that is the run's socket."""
    answer = subprocess.run(
        [runs.program(), "nproc", "--json"],
        env={**runs.environment, "SCHEDCTL_RUN": path},
        stdout=subprocess.PIPE,
        check=True,
        timeout=PATIENCE,
    )
    reason: str = json.loads(answer.stdout)["reason"]
    return reason


@pytest.mark.parametrize("path", ["", "/nowhere/control", "x" * 200])
def test_a_run_that_is_over_is_none(runs: Runs, path: str) -> None:
    assert reason_within(runs, path) != "held by the run"


def test_a_run_with_no_room_for_another_connection(runs: Runs) -> None:
    """As one that has stood still for long."""
    path = str(runs.directory / "control")
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as waiting:
        listener.bind(path)
        listener.listen(0)
        with pytest.raises(BlockingIOError):
            while True:
                client = waiting.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(path)
        reason = reason_within(runs, path)
    assert reason.startswith("the run does not answer")


def test_it_counts_for_no_pytest_that_was_not_reached(runs: Runs) -> None:
    result = runs.run("-v", "--", "sh", "-c", shlex.join([runs.program(), "nproc"]))
    assert "no pytest ran" in result.stderr and "reached" not in result.stderr, result.stderr
