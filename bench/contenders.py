"""Who runs a suite, and how one run is measured. The user's state and service stay untouched."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

XDIST = ("load", "worksteal", "loadscope")


@dataclass(frozen=True)
class Tools:
    """What the contenders are made of."""

    python: Path
    """The interpreter with pytest and what the suites need, without pytest-xdist."""
    xdist: Path
    """A folder for PYTHONPATH that adds pytest-xdist."""
    build: Path
    """schedctl's build folder."""
    scratch: Path
    """For sockets and state; short, because a socket's path is at most 107 bytes."""
    pus: int


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
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    return Sample(wall, usage.ru_utime + usage.ru_stime, process.returncode)


def pytest_command(tools: Tools, job: Job, *options: str) -> list[str]:
    base = [str(tools.python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return [*base, *options, *job.arguments]


def serial(tools: Tools, job: Job, *options: str) -> Sample:
    return measure(pytest_command(tools, job, *options), job.folder, environment(tools))


def xdist(tools: Tools, job: Job, dist: str) -> Sample:
    env = environment(tools) | {"PYTHONPATH": str(tools.xdist)}
    command = pytest_command(tools, job, "-n", str(tools.pus), "--dist", dist)
    return measure(command, job.folder, env)


def schedctl(tools: Tools, job: Job, *options: str) -> Sample:
    command = [
        str(tools.build / "cli/schedctl"),
        "run",
        "--",
        *pytest_command(tools, job, *options),
    ]
    return measure(command, job.folder, environment(tools))


def forget(tools: Tools) -> None:
    """Drops what schedctl has learned."""
    shutil.rmtree(tools.scratch / "state", ignore_errors=True)


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
