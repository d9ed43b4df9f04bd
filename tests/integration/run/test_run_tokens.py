"""A run below somebody else's jobserver: it takes what is there, and gives all of it back."""

from __future__ import annotations

import array
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any, Tuple

import pytest

from .conftest import PATIENCE, Barrier, Runs, children_of, until
from .scripted_service import CPUS, Service

TOKENS = b"a+b"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
TWO_CPUS = pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")

# Enough to be worth a second worker; each worker's first says that it is there, and waits.
BOTH = """
import os, pytest
before = []
@pytest.mark.parametrize("n", range(200))
def test_waits(n):
    if before: return
    before.append(n)
    with open("there", "wb", buffering=0) as there: there.write(b"x")
    with open("go", "rb", buffering=0) as go: go.read(1)
"""


class Jobserver:
    """A pipe or FIFO with tokens, and the MAKEFLAGS that name it."""

    def __init__(self, directory: Path, style: str) -> None:
        if style == "fifo":
            path = directory / "a fifo"
            os.mkfifo(path)
            self.read_fd = self.write_fd = os.open(path, os.O_RDWR)
            name = "--jobserver-auth=fifo:" + str(path).replace(" ", "\\ ")
        else:
            self.read_fd, self.write_fd = os.pipe()
            name = f"--jobserver-{style}={self.read_fd},{self.write_fd}"
        self.fds: Tuple[int, ...] = () if style == "fifo" else (self.read_fd, self.write_fd)
        self.flags = f" -j4 {name} -- X=1"
        os.write(self.write_fd, TOKENS)

    def n_left(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self.read_fd, termios.FIONREAD, count)
        return count[0]

    def expect_all(self) -> None:
        assert not fcntl.fcntl(self.read_fd, fcntl.F_GETFL) & os.O_NONBLOCK
        assert sorted(os.read(self.read_fd, self.n_left() or 1)) == sorted(TOKENS)


@pytest.fixture(params=["auth", "fds", "fifo"])
def jobserver(request: Any, tmp_path: Path) -> Jobserver:
    return Jobserver(tmp_path, request.param)


def begin(
    runs: Runs, jobserver: Jobserver, *options: object
) -> Tuple["subprocess.Popen[str]", Barrier]:
    """A run whose two tests are both there, each in a worker."""
    there, go = Barrier(runs.directory / "there"), Barrier(runs.directory / "go")
    (runs.directory / "test_both.py").write_text(BOTH)
    process = runs.start(
        "--max",
        2,
        *options,
        "--",
        *PYTEST,
        env={"MAKEFLAGS": jobserver.flags},
        pass_fds=jobserver.fds,
        start_new_session=True,
    )
    there.wait()
    there.wait()
    return process, go


@TWO_CPUS
def test_a_second_worker_takes_a_token(runs: Runs, jobserver: Jobserver) -> None:
    process, go = begin(runs, jobserver, "--json", "out")
    assert jobserver.n_left() == len(TOKENS) - 1
    go.release(2)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    summary = json.loads((runs.directory / "out").read_text())
    assert summary["mode"] == "workers"
    jobserver.expect_all()
    runs.expect_clean()


@TWO_CPUS
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_signals(runs: Runs, tmp_path: Path, sig: signal.Signals, twice: bool) -> None:
    jobserver = Jobserver(tmp_path, "fifo")
    process, _ = begin(runs, jobserver)
    os.killpg(process.pid, sig)
    if twice:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    runs.expect_clean()
    jobserver.expect_all()


@TWO_CPUS
@pytest.mark.parametrize("who", ["engine", "guardian", "worker", "pytest"])
def test_kills(runs: Runs, jobserver: Jobserver, who: str) -> None:
    process, go = begin(runs, jobserver)
    (engine,) = children_of(process.pid)
    (reporter,) = children_of(engine)
    victims = {"guardian": process.pid, "engine": engine, "pytest": reporter}
    os.kill(victims.get(who) or children_of(reporter)[0], signal.SIGKILL)
    go.release(4)
    process.communicate(timeout=PATIENCE)
    runs.expect_clean()
    jobserver.expect_all()


@TWO_CPUS
def test_a_token_that_comes_later_is_taken(runs: Runs, jobserver: Jobserver) -> None:
    taken = os.read(jobserver.read_fd, len(TOKENS))
    there, go = Barrier(runs.directory / "there"), Barrier(runs.directory / "go")
    (runs.directory / "test_both.py").write_text(BOTH)
    process = runs.start(
        "--max", 2, "--", *PYTEST, env={"MAKEFLAGS": jobserver.flags}, pass_fds=jobserver.fds
    )
    there.wait()
    assert not there.is_there()
    os.write(jobserver.write_fd, taken)
    there.wait()
    assert jobserver.n_left() == len(TOKENS) - 1
    go.release(2)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    jobserver.expect_all()


@pytest.mark.parametrize(
    "command",
    [
        # nobody holds a token that no worker needs
        "import os, time; print(os.environ['OMP_NUM_THREADS'], os.environ['MAKEFLAGS'])",
        "import subprocess, sys; print(subprocess.run([{program!r}, 'nproc'], "
        "stdout=subprocess.PIPE, text=True).stdout.strip())",
    ],
    ids=["numbers", "nproc"],
)
def test_command_has_one_job(runs: Runs, jobserver: Jobserver, command: str) -> None:
    runs.environment.pop("OMP_NUM_THREADS", None)
    process = runs.start(
        "--",
        sys.executable,
        "-c",
        command.format(program=runs.program()),
        env={"MAKEFLAGS": jobserver.flags},
        pass_fds=jobserver.fds,
    )
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert out.split()[0] == "1"
    if "MAKEFLAGS" in command:
        assert out == f"1 {jobserver.flags}\n"  # theirs is passed on as it is
    jobserver.expect_all()


def test_a_jobserver_that_cannot_be_reached_is_said_and_not_used(runs: Runs) -> None:
    (runs.directory / "test_one.py").write_text("def test_one(): pass\ndef test_two(): pass\n")
    flags = {"MAKEFLAGS": " -j4 --jobserver-auth=3,4"}
    said = runs.run("-v", "--", *PYTEST, env=flags)
    assert said.returncode == 0
    assert "the jobserver of the make above is not used: its recipe has no '+'" in said.stderr
    assert "jobserver" not in runs.run("--", *PYTEST, env=flags).stderr


# What the service hears


@pytest.fixture
def fifo(tmp_path: Path) -> Jobserver:
    return Jobserver(tmp_path, "fifo")


def start(runs: Runs, jobserver: Jobserver) -> Tuple["subprocess.Popen[str]", Barrier, Barrier]:
    there, go = Barrier(runs.directory / "there"), Barrier(runs.directory / "go")
    (runs.directory / "test_both.py").write_text(BOTH)
    environ = {"MAKEFLAGS": jobserver.flags}
    return runs.start("--max", 2, "--", *PYTEST, env=environ), there, go


@TWO_CPUS
def test_the_leases_maximum_follows(scripted: Runs, service: Service, fifo: Jobserver) -> None:
    taken = os.read(fifo.read_fd, len(TOKENS))
    process, there, go = start(scripted, fifo)
    service.grant(CPUS[:2])
    there.wait()
    assert service.expect("Update", "max")["max"] == 1
    assert len(service.expect("Return")["pus"]) == 1
    os.write(fifo.write_fd, taken)
    assert service.expect("Update", "max")["max"] == 2
    service.grant(CPUS[:2])
    there.wait()
    go.release(2)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    fifo.expect_all()


@TWO_CPUS
def test_a_paused_run_has_no_token(scripted: Runs, service: Service, fifo: Jobserver) -> None:
    process, there, go = start(scripted, fifo)
    service.grant(CPUS[:2])
    there.wait()
    there.wait()
    assert fifo.n_left() == len(TOKENS) - 1
    service.pause(CPUS[:2])
    until(lambda: fifo.n_left() == len(TOKENS))
    service.grant(CPUS[:2])
    until(lambda: fifo.n_left() == len(TOKENS) - 1)
    go.release(2)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    fifo.expect_all()


@TWO_CPUS
def test_a_token_without_a_cpu_goes_back(runs: Runs, fifo: Jobserver) -> None:
    held = runs.start(
        "--min", len(CPUS) - 1, "--", "sh", "-c", "echo up; read line", stdin=subprocess.PIPE
    )
    assert held.stdout and held.stdout.readline() == "up\n"
    process, there, go = start(runs, fifo)
    there.wait()
    until(lambda: fifo.n_left() == len(TOKENS) - 1)
    until(lambda: fifo.n_left() == len(TOKENS))
    go.release(4)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    held.communicate("done\n", timeout=PATIENCE)
    fifo.expect_all()
