"""What a run does without: a service, a runtime directory, a history, a home, room on the disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from .conftest import PATIENCE, Runs
from .test_run_suites import PLAIN, pytest_command, summaries


def run_plain_suite(runs: Runs, **environment: str) -> "subprocess.CompletedProcess[str]":
    (runs.directory / "test_plain.py").write_text(PLAIN)
    result = runs.run("-w", 2, "--json", "out", "--", *pytest_command(), env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 passed" in result.stdout
    assert summaries(runs.directory / "out")[0]["done"] == 2
    return result


def test_no_service(runs: Runs) -> None:
    nowhere = {"SCHEDCTL_SOCKET": str(runs.directory / "none"), "SCHEDCTL_SCHEDD": "/none"}
    assert "on the CPUs of its own mask" in run_plain_suite(runs, **nowhere).stderr


@pytest.mark.parametrize("directory", ["/none", "/proc"])
def test_no_runtime_directory(runs: Runs, directory: str) -> None:
    run_plain_suite(runs, XDG_RUNTIME_DIR=directory, TMPDIR=directory)


def test_a_runtime_directory_that_is_no_text(runs: Runs) -> None:
    with TemporaryDirectory(suffix=b"\xff") as directory:  # whose path is short enough for a run's
        run_plain_suite(runs, XDG_RUNTIME_DIR=os.fsdecode(directory))


def test_history_has_no_place(runs: Runs) -> None:
    (runs.directory / "file").write_text("")
    result = run_plain_suite(runs, XDG_STATE_HOME=str(runs.directory / "file" / "state"))
    assert result.stderr.count("schedctl: history: ") == 1


def test_history_is_corrupt(runs: Runs) -> None:
    run_plain_suite(runs)
    (database,) = Path(runs.environment["XDG_STATE_HOME"]).rglob("history.db")
    database.write_bytes(b"not a database" * 1000)
    result = run_plain_suite(runs)
    assert result.stderr.count("schedctl: history: ") == 1
    assert "schedctl: history: " not in run_plain_suite(runs).stderr


def test_no_home(runs: Runs) -> None:
    run_plain_suite(runs, HOME="", XDG_STATE_HOME="", XDG_RUNTIME_DIR="")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a mount of its own")
def test_the_disk_is_full(runs: Runs) -> None:
    (runs.directory / "test_plain.py").write_text(PLAIN)
    state = Path(runs.environment["XDG_STATE_HOME"])
    state.mkdir()
    mount = f"mount -t tmpfs -o size=4k none {state} && head -c 4096 /dev/zero > {state}/full"
    command = [runs.program(), "run", "-w", "2", "--", *pytest_command()]
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", *command],
        env=runs.environment,
        cwd=runs.directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if "unshare" in result.stderr or "mount" in result.stderr:
        pytest.skip(result.stderr)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 passed" in result.stdout
    assert result.stderr.count("schedctl: history: ") == 1
