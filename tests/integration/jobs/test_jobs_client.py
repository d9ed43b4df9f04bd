"""A run below somebody else's make: one of its jobs, and one more for each token that it takes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import MANY, PATIENCE, Log, Make, Runs, Served, needs_two_cpus

PYTEST = f"{shlex.quote(sys.executable)} -m pytest -q -p no:cacheprovider"
MAKEFILE = """
all: tests a b c
tests: ; {mark}{run} run {options} -- {pytest}
a b c: ; @{python} job.py
"""
NOTED = """
import contextlib, os, time

def note(what):
    with open("log", "a") as log:
        log.write(what + " job\\n")

@contextlib.contextmanager
def job():
    note("begin")
    try: yield
    finally: note("end")

def wait_for(name):
    end = time.monotonic() + 60
    while not os.path.exists(name):
        assert time.monotonic() < end, name
        time.sleep(0.01)
"""
# The others hold their tokens until the suite has begun, which then waits for its second worker.
JOB = """
import noted
with noted.job():
    noted.wait_for("begun")
"""
TESTS = """
import os, pytest, noted
@pytest.mark.parametrize("n", range(12))
def test_noted(n):
    with noted.job():
        open("begun", "w").close()
        open(os.environ["PYTEST_XDIST_WORKER"], "w").close()
        if n == 1:
            noted.wait_for("gw1")
"""
KILLS = """
import os, pytest, signal
@pytest.mark.parametrize("n", range(4))
def test_kills_the_engine(n):
    pid = os.getpid()
    while b"run-engine" not in open(f"/proc/{pid}/comm", "rb").read():
        with open(f"/proc/{pid}/stat") as file:
            pid = int(file.read().rpartition(")")[2].split()[1])
    os.kill(pid, signal.SIGKILL)
"""
# Two suites: one says that it wants two workers, and lasts until the other has had six.
MODEST = """
import noted, pytest
@pytest.mark.parametrize("n", range(4))
def test_lasts(n):
    noted.note("begin")
    noted.wait_for("../b/gw5")
    noted.note("end")
"""
EAGER = """
import noted, os, pytest
@pytest.mark.parametrize("n", range(40))
def test_eager(n):
    open(os.environ["PYTEST_XDIST_WORKER"], "w").close()
    noted.wait_for("gw5")
"""


def write(runs: Runs, tests: str, mark: str = "+", options: str = "") -> None:
    makefile = MAKEFILE.format(
        mark=mark,
        run=runs.word(),
        options=options,
        pytest=PYTEST,
        python=shlex.quote(sys.executable),
    )
    files = {"Makefile": makefile, "noted.py": NOTED, "job.py": JOB, "test_noted.py": tests}
    for name, text in files.items():
        (runs.directory / name).write_text(text)


def run_make(runs: Runs, make: Make, *words: object) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in runs.environment.items() if not k.startswith(("MAKE", "MFL"))}
    done = subprocess.run(
        [str(make.program), *map(str, words)],
        cwd=runs.directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
    )
    # It counts its tokens at its end: "exiting with 1 jobserver tokens available; should be 3!"
    assert "jobserver tokens" not in done.stderr
    runs.expect_clean()
    return done


@needs_two_cpus
@pytest.mark.parametrize("jobs", [2, 4])
def test_never_more_jobs_than_make_allows(runs: Runs, log: Log, make: Make, jobs: int) -> None:
    write(runs, TESTS, options="-v --max 2 --json out")
    made = run_make(runs, make, f"-j{jobs}", "all")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "schedctl: at most 1 token of the make above at a time" in made.stderr
    assert 2 <= log.most() <= jobs
    (summary,) = map(json.loads, (runs.directory / "out").read_text().splitlines())
    assert summary["workers"] == 2


def test_a_recipe_without_a_plus(runs: Runs, new_make: Path) -> None:
    """A FIFO's name is there for every recipe."""
    write(runs, "def test_one(): pass\ndef test_two(): pass\n", mark="", options="-v")
    made = run_make(runs, Make(new_make), "-j2", "tests")
    assert "that of the make above is there" in made.stderr


def test_a_recipe_without_a_plus_below_an_old_make(runs: Runs) -> None:
    old = shutil.which("make", path="/usr/bin:/bin") or pytest.skip("there is no make")
    write(runs, "def test_one(): pass\ndef test_two(): pass\n", mark="", options="-v")
    made = run_make(runs, Make(Path(old)), "-j2", "tests")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "its recipe has no '+'" in made.stderr


@pytest.mark.parametrize("jobs", [1, 4])
def test_all_tokens_are_there_after_a_kill(runs: Runs, make: Make, jobs: int) -> None:
    write(runs, KILLS)
    made = run_make(runs, make, "-k", f"-j{jobs}", "tests")
    assert made.returncode == 2
    assert "Killed" in made.stderr, made.stderr


def test_what_one_suite_has_no_use_for_another_may_use(served: Served) -> None:
    """Each of eight jobs is a worker, though one suite is to have two alone."""
    fifo = served.directory / "fifo"
    os.mkfifo(fifo)
    pool = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    os.write(pool, b"abcdefg")
    for name, text in {"a": MODEST, "b": EAGER}.items():
        (served.directory / name).mkdir()
        (served.directory / name / "noted.py").write_text(NOTED)
        (served.directory / name / "test_suite.py").write_text(text)
    (served.directory / "a" / "pytest.ini").write_text("[pytest]\n[schedctl]\nworkers = 2\n")
    command = (
        f"(cd a && {PYTEST}) & until test -e a/log; do sleep 0.01; done; cd b && {PYTEST}; wait"
    )
    flags = {"MAKEFLAGS": f" -j4 --jobserver-auth=fifo:{fifo}"}
    run = served.start("--json", "out", "--", "sh", "-c", command, env=flags)
    served.lend(MANY, slots=[*range(32)])
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0 and "4 passed" in out and "40 passed" in out, out + err
    assert sorted(os.read(pool, 16)) == sorted(b"abcdefg")
    os.close(pool)
