"""A run below somebody else's jobserver: it takes what is there, and gives all of it back."""

from __future__ import annotations

import array
import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import pytest

from .conftest import PATIENCE, Barrier, Runs, children_of

TOKENS = b"a+b"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
TWO_CPUS = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")

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
    process = runs.start("--", *PYTEST, env={"MAKEFLAGS": jobserver.flags}, pass_fds=jobserver.fds)
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


# GNU make itself

COUNTED = """
import contextlib, fcntl, os, time

@contextlib.contextmanager
def job():
    '''Writes down how many there are as it begins.'''
    with change(+1): pass
    try: yield
    finally:
        with change(-1): pass

@contextlib.contextmanager
def change(by):
    with open("count", "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        most, now = map(int, file.read().split())
        now += by
        file.seek(0)
        file.truncate()
        file.write(f"{max(most, now)} {now}")
        file.flush()
        yield

def wait_for(name):
    for _ in range(2000):
        if os.path.exists(name): return
        time.sleep(0.01)
    raise AssertionError(name)
"""
JOB = """
import counted
with counted.job():
    counted.wait_for("begun")
"""
TESTS = """
import os, pytest, counted
@pytest.mark.parametrize("n", range(12))
def test_counted(n):
    with counted.job():
        open("begun", "w").close()
        open(os.environ["PYTEST_XDIST_WORKER"], "w").close()
        if n == 1:
            counted.wait_for("gw1")  # the other recipes' tokens are free by then
"""
MAKEFILE = """
all: tests a b c
tests: ; +{run} --json out -- {pytest}
a b c: ; {python} job.py
"""


@pytest.fixture
def project(runs: Runs) -> Iterator[Runs]:
    here = runs.directory
    for name, text in {
        "counted.py": COUNTED,
        "job.py": JOB,
        "test_counted.py": TESTS,
        "count": "0 0",
        "Makefile": MAKEFILE.format(
            run=runs.word() + " run",
            pytest=" ".join(map(shlex.quote, PYTEST)),
            python=shlex.quote(sys.executable),
        ),
    }.items():
        (here / name).write_text(text)
    yield runs


def makes() -> List[str]:
    """GNU make, and a newer one where there is one."""
    found = [shutil.which("make"), os.environ.get("SCHEDCTL_TEST_MAKE")]
    return [program for program in found if program]


@TWO_CPUS
@pytest.mark.parametrize("program", makes())
@pytest.mark.parametrize("jobs", [2, 4])
def test_never_more_jobs_than_make_allows(project: Runs, program: str, jobs: int) -> None:
    environment = {k: v for k, v in project.environment.items() if not k.startswith("MAKE")}
    made = subprocess.run(
        [program, f"-j{jobs}", "all"],
        cwd=project.directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "jobserver" not in made.stderr  # "exiting with 1 jobserver tokens available"
    most, now = map(int, (project.directory / "count").read_text().split())
    assert now == 0
    assert 2 <= most <= jobs
    (summary,) = map(json.loads, (project.directory / "out").read_text().splitlines())
    assert summary["workers"] == 2
    project.expect_clean()


@TWO_CPUS
def test_makes_tokens_are_all_there_after_a_kill(project: Runs) -> None:
    """It counts them at its end."""
    (project.directory / "test_counted.py").write_text(
        "import os, pytest, signal\n"
        "@pytest.mark.parametrize('n', range(4))\n"
        "def test_kills_the_engine(n):\n"
        "    pid = os.getpid()\n"
        "    while b'run-engine' not in open(f'/proc/{pid}/comm', 'rb').read():\n"
        "        with open(f'/proc/{pid}/stat') as file:\n"
        "            pid = int(file.read().rpartition(')')[2].split()[1])\n"
        "    os.kill(pid, signal.SIGKILL)\n"
    )
    environment = {k: v for k, v in project.environment.items() if not k.startswith("MAKE")}
    made = subprocess.run(
        ["make", "-k", "-j4", "tests"],
        cwd=project.directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
    )
    assert made.returncode == 2
    assert "Killed" in made.stderr and "jobserver" not in made.stderr, made.stderr
    project.expect_clean()
