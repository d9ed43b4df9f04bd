"""How one run of a suite is measured. The user's state and service stay untouched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NO_TESTS = 5
"""Exit status of a pytest that was given none."""
LIMIT_S = 300.0
"""No suite takes that long serially."""


@dataclass(frozen=True)
class Tools:
    """What the contenders are made of."""

    python: Path
    """The interpreter with pytest and what the suites need, without any runner."""
    peers: Path
    """Folders for PYTHONPATH, each of which adds one runner; peers.py says which."""
    build: Path
    """schedctl's build folder."""
    scratch: Path
    """For sockets and state; short, because a socket's path is at most 107 bytes."""
    pus: int


@dataclass(frozen=True)
class Extent:
    """How much is to be measured."""

    rounds: int
    scale: float
    """Of the generated suites: 1 is the full size."""
    fetched: Path
    """Where real projects' sources are kept."""

    @property
    def quick(self) -> bool:
        return self.scale < 1


@dataclass(frozen=True)
class Job:
    """A suite to run: where, with which arguments of pytest's."""

    name: str
    folder: Path
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    wall: float
    cpu: float
    """Of the process and everything it waited for."""
    status: int

    def passed(self) -> Sample:
        """Itself, of a run whose time counts: all tests passed."""
        if self.status:
            raise RuntimeError(f"a run ended with {self.status}")
        return self


def environment(tools: Tools) -> dict[str, str]:
    """The caller's, without what would steer pytest or schedctl, with private places for state."""
    steering = ("SCHEDCTL_", "PYTEST_", "XDG_", "PYTHON")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(steering)}
    private = {
        "SCHEDCTL_SOCKET": tools.scratch / "s",
        "XDG_RUNTIME_DIR": tools.scratch / "run",
        "XDG_STATE_HOME": tools.scratch / "state",
    }
    return kept | {name: str(path) for name, path in private.items()}


def measure(command: list[str], folder: Path, env: dict[str, str]) -> Sample:
    """Runs a command to its end with its output thrown away."""
    return measure_together([command], folder, env)


def measure_together(commands: Sequence[list[str]], folder: Path, env: dict[str, str]) -> Sample:
    """Runs commands beside each other to the end of the last. One of several may have no tests.

    What hangs is killed after LIMIT_S.
    """
    start = time.perf_counter()
    processes = [launch(command, folder, env) for command in commands]
    cpu, statuses = 0.0, []
    for process in processes:
        with limited(process):
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu += usage.ru_utime + usage.ru_stime
        statuses.append(process.returncode)
    wall = time.perf_counter() - start
    return Sample(wall, cpu, worst(statuses))


def worst(statuses: Sequence[int]) -> int:
    """The first that is not success, where having no tests is one beside somebody who had."""
    told = [status for status in statuses if status != NO_TESTS]
    return next((status for status in told if status), 0) if told else NO_TESTS


@contextmanager
def limited(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kills it and all of its process group if it is not waited for in time."""
    timer = threading.Timer(LIMIT_S, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def launch(command: list[str], folder: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def pytest_command(tools: Tools, job: Job, *options: str) -> list[str]:
    base = [str(tools.python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return [*base, *options, *job.arguments]


def run_command(tools: Tools, command: list[str], *options: str) -> list[str]:
    """schedctl run with options of its own around a command."""
    return [str(tools.build / "cli/schedctl"), "run", *options, "--", *command]


def serial(tools: Tools, job: Job, *options: str) -> Sample:
    return measure(pytest_command(tools, job, *options), job.folder, environment(tools))


def collect(tools: Tools, job: Job) -> Sample:
    """What nobody can do beside the tests: pytest starts, and finds them."""
    return serial(tools, job, "--collect-only")


def schedctl(tools: Tools, job: Job, *options: str) -> Sample:
    """options: schedctl run's."""
    command = run_command(tools, pytest_command(tools, job), *options)
    return measure(command, job.folder, environment(tools))


def summarised(tools: Tools, job: Job, *options: str) -> tuple[Sample, dict[str, Any]]:
    """The same, with what --json says of it."""
    file = tools.scratch / "summary.json"
    file.unlink(missing_ok=True)
    sample = schedctl(tools, job, "--json", str(file), *options)
    return sample, json.loads(file.read_text().splitlines()[0])


def forget(tools: Tools) -> None:
    """Drops what schedctl has learned."""
    shutil.rmtree(tools.scratch / "state", ignore_errors=True)


def cold_and_warm(tools: Tools, job: Job, *options: str) -> tuple[Sample, Sample]:
    """A run without history, and one with what it left."""
    forget(tools)
    return schedctl(tools, job, *options), schedctl(tools, job, *options)


@contextmanager
def service(tools: Tools) -> Iterator[None]:
    """A service of the benchmark's own, running before the first measurement."""
    (tools.scratch / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = tools.scratch / "s"
    schedd = subprocess.Popen(
        [tools.build / "daemon/schedd", "--socket", socket],
        env=environment(tools),
        stdin=subprocess.DEVNULL,
        stderr=(tools.scratch / "schedd.log").open("w"),
    )
    try:
        wait_for(tools)
        yield
    finally:
        schedd.terminate()
        schedd.wait()


def wait_for(tools: Tools) -> None:
    """Until the service answers; it is an error if it does not within ten seconds."""
    end = time.monotonic() + 10
    command = [str(tools.build / "cli/schedctl"), "status", "--json"]
    while True:
        answer = subprocess.run(command, env=environment(tools), capture_output=True, check=False)
        if answer.returncode == 0:
            return
        if time.monotonic() > end:
            raise RuntimeError(f"the service does not answer: {answer.stderr.decode()}")
        time.sleep(0.05)
