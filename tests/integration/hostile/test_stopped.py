"""Suites that go on while a part of them, or the service, is stopped; and where files may not
grow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from run.conftest import Barrier, needs_two_cpus
from service.conftest import Service, StartService
from service.varlink_client import PATIENCE

from .conftest import leases_of, wait_until

N = 60
# Every test writes down that it runs, and in which process; the first of each worker then says that
# it is there, and waits for a word.
ITEMS = f"""
import os, pytest
held = False
@pytest.mark.parametrize("n", range({N}))
def test_item(n):
    global held
    with open("ran", "a") as file:
        print(n, os.getpid(), file=file)
    if not held:
        held = True
        with open("here", "w") as file:
            file.write("x")
        with open("go", "rb", buffering=0) as file:
            file.read(1)
"""


@pytest.fixture
def service(start: StartService, configuration: Path) -> Service:
    return start("--config", str(configuration))


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][1] == "T")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Suite:
    """In two workers, which are both held in their first test."""

    def __init__(self, build: Path, env: dict[str, str], directory: Path, *options: str) -> None:
        self.directory = directory
        (directory / "test_items.py").write_text(ITEMS)
        self.here, self.go = Barrier(directory / "here"), Barrier(directory / "go")
        pytest_command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        self.run = subprocess.Popen(
            [build / "cli/schedctl", "run", "-w", "2", *options, "--", *pytest_command],
            env={**env, "PYTHONDONTWRITEBYTECODE": "1", "SCHEDCTL_SCOPE": "no"},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.here.wait()
        self.here.wait()

    def ran(self) -> list[list[int]]:
        """Tests that began, and where."""
        lines = (self.directory / "ran").read_text().splitlines()
        return [[int(word) for word in line.split()] for line in lines]

    def finish(self) -> None:
        out, err = self.run.communicate(timeout=PATIENCE)
        assert self.run.returncode == 0 and f"{N} passed" in out, out + err
        assert sorted(n for n, _ in self.ran()) == list(range(N))

    def close(self) -> None:
        if self.run.poll() is None:
            self.run.kill()
            self.run.communicate()


StartSuite = Callable[..., Suite]


@pytest.fixture
def start_suite(
    service: Service, build: Path, env: dict[str, str], tmp_path: Path
) -> Iterator[StartSuite]:
    suites: list[Suite] = []
    directory = tmp_path / "suite"
    directory.mkdir()
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}

    def start_one(*options: str) -> Suite:
        suites.append(Suite(build, {**env, **state}, directory, *options))
        return suites[-1]

    yield start_one
    for suite in suites:
        suite.close()


@needs_two_cpus
def test_a_suite_whose_service_is_stopped(service: Service, start_suite: StartSuite) -> None:
    """From its beginning to after its end: all but the first tests are dealt meanwhile. (That it
    waits for no answer: run/test_run_follow.py.)"""
    suite = start_suite()
    with stopped(service.process.pid):
        suite.go.release(2)
        suite.finish()
    with service.connect() as calls:
        wait_until(lambda: not leases_of(calls))


@needs_two_cpus
def test_a_worker_is_stopped(service: Service, start_suite: StartSuite) -> None:
    """The other one does all that can be done without it; then it goes on, and so does the end."""
    suite = start_suite()
    (_, first), (_, second) = suite.ran()
    with stopped(first):
        suite.go.release(2)
        wait_until(lambda: len([n for n, pid in suite.ran() if pid == second]) > N // 2)
        assert suite.run.poll() is None
        assert len([n for n, pid in suite.ran() if pid == first]) == 1
    suite.finish()
    with service.connect() as calls:
        wait_until(lambda: not leases_of(calls))


def test_files_that_may_not_grow(
    service: Service, build: Path, env: dict[str, str], tmp_path: Path
) -> None:
    """As a full disk: the run's status is the command's, and each file that could not be written is
    named once."""
    (tmp_path / "test_plain.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(100))\ndef test_it(n): assert n\n"
    )
    script = 'ulimit -f 1; exec "$@"'  # 512 bytes: without any, pytest finds no place for its files
    report = tmp_path / "report.json"
    pytest_command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = [str(build / "cli/schedctl"), "run", "--json", str(report), "--", *pytest_command]
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *run],
        env={**env, "PYTHONDONTWRITEBYTECODE": "1", "XDG_STATE_HOME": str(tmp_path / "state")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1 and "99 passed" in done.stdout, done.stdout + done.stderr
    assert "killed" not in done.stderr
    assert done.stderr.count("no history") == 1 and "rollback" not in done.stderr, done.stderr
    assert done.stderr.count("report.json: File too large") == 1, done.stderr
