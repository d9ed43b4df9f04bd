"""`pytest -n auto` with the real engine: leases, CPUs, and what one session leaves for the next."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from typing import Any, Dict, List

import pytest
from run.conftest import PATIENCE, Barrier, Runs, children_of, needs_two_cpus, runs, wait_gone
from suites import plugin_path, unloaded

__all__ = ["runs"]

CPUS = sorted(os.sched_getaffinity(0))

# The first ones wait for each other: else one worker's second might begin before another's first.
NOTING = """
    import os, pytest, time

    FIRST = min(10, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)))

    @pytest.mark.parametrize("name, seconds", [(n, 0.02 * n) for n in range(10)])
    def test_one(name, seconds, worker_id):
        with open("/proc/self/status") as file:
            (pus,) = [line.split()[1] for line in file if line.startswith("Cpus_allowed_list")]
        with open(os.environ["NOTES"], "a") as file:
            file.write(f"{name} {worker_id} {pus} {os.environ['SCHEDCTL_SLOT']}\\n")
        end = time.monotonic() + 60
        while len(open(os.environ["NOTES"]).readlines()) < FIRST:
            assert time.monotonic() < end
            time.sleep(0.01)
        time.sleep(seconds)
"""
WAITING = """
    import os

    def test_waits():
        with open(os.environ["THERE"], "w") as there:
            there.write("x")
        with open(os.environ["GO"]) as go:
            go.read(1)

    def test_other(): pass
"""


class Sessions:
    """Plain pytest with the plugin, beside a service."""

    def __init__(self, runs: Runs) -> None:
        pytest.importorskip("xdist")
        self.runs = runs
        self.notes = runs.directory / "notes"

    def write(self, text: str) -> "Sessions":
        (self.runs.directory / "test_some.py").write_text(textwrap.dedent(text))
        return self

    def start(self, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        environment = {
            **self.runs.environment,
            "SCHEDCTL_PROGRAM": self.runs.program(),
            "PYTHONPATH": plugin_path(),
            "PYTEST_ADDOPTS": unloaded(()) + " -p no:cacheprovider",
            "NOTES": str(self.notes),
            **environ,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=self.runs.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.runs.started.append(process)
        return process

    def run(self, *arguments: str, **environ: str) -> str:
        process = self.start(*arguments, **environ)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, ""), out + err
        return out

    def noted(self) -> List[List[str]]:
        """Name, worker, CPUs and slot of each test, in the order in which they began."""
        lines = [line.split() for line in self.notes.read_text().splitlines()]
        self.notes.unlink()
        return lines

    def known(self) -> Any:
        """What schedctl has measured."""
        done = subprocess.run(
            [self.runs.program(), "history", "export"],
            cwd=self.runs.directory,
            env=self.runs.environment,
            stdout=subprocess.PIPE,
            check=True,
            timeout=PATIENCE,
        )
        return json.loads(done.stdout)

    def barriers(self, session: str = "") -> Dict[str, Barrier]:
        return {name: Barrier(self.runs.directory / (name + session)) for name in ("THERE", "GO")}


@pytest.fixture
def sessions(runs: Runs) -> Sessions:
    return Sessions(runs)


def paths(barriers: Dict[str, Barrier]) -> Dict[str, str]:
    return {name: str(barrier.path) for name, barrier in barriers.items()}


def test_the_next_session_begins_with_the_longest(sessions: Sessions) -> None:
    sessions.write(NOTING).run("-n", "auto")
    first = sessions.noted()
    assert sorted(int(name) for name, *_ in first) == list(range(10))
    items = sessions.known()["items"]
    known: Dict[str, float] = {re.split(r"\[|-", item["id"])[1]: item["wall"] for item in items}
    sessions.run("-n", "auto")
    begun: Dict[str, str] = {}
    for name, worker, *_ in sessions.noted():
        begun.setdefault(worker, name)
    longest = sorted(known, key=lambda name: -known[name])[: len(begun)]
    assert set(begun.values()) == set(longest)
    sessions.runs.expect_clean()


def test_set_ups_are_remembered(sessions: Sessions) -> None:
    """Those that sleep take as long as that at least."""
    text = """
        import pytest, time

        @pytest.fixture(scope="module")
        def dear():
            time.sleep(0.1)

        def test_one(dear): pass
        def test_two(dear): pass
    """
    sessions.write(text).run("-n", "auto")
    groups = {group["id"]: group.get("setup") for group in sessions.known()["groups"]}
    assert groups["test_some.py"] >= 0.1


def test_sleeping_is_remembered_as_such(sessions: Sessions) -> None:
    sessions.write("import time\n\ndef test_sleeps():\n    time.sleep(1)\n").run("-n", "auto")
    (item,) = sessions.known()["items"]
    assert 0 <= item["cpu"] < 0.5


def test_each_worker_has_a_cpu_and_a_slot(sessions: Sessions) -> None:
    sessions.write(NOTING).run("-n", "auto")
    places = {worker: (pus, slot) for _, worker, pus, slot in sessions.noted()}
    assert all(pus.isdigit() and int(pus) in CPUS for pus, _ in places.values())
    assert len(set(places.values())) == len(places)


def test_holds_a_lease_while_it_lives(sessions: Sessions) -> None:
    barriers = sessions.barriers()
    process = sessions.write(WAITING).start("-n", "auto", **paths(barriers))
    barriers["THERE"].wait()
    (lease,) = sessions.runs.leases()
    assert lease["pus"]
    barriers["GO"].release()
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, ""), out
    sessions.runs.expect_clean()


def test_a_pytest_that_is_killed_gives_everything_back(sessions: Sessions) -> None:
    barriers = sessions.barriers()
    process = sessions.write(WAITING).start("-n", "auto", **paths(barriers))
    barriers["THERE"].wait()
    process.kill()
    process.wait()
    barriers["GO"].release()
    sessions.runs.expect_clean()


@needs_two_cpus
def test_two_at_once(sessions: Sessions) -> None:
    """Each has a worker, and together they hold no more than there is to lend."""
    sessions.write(WAITING)
    both = [sessions.barriers("one"), sessions.barriers("other")]
    started = [sessions.start("-n", "auto", **paths(barriers)) for barriers in both]
    for barriers in both:
        barriers["THERE"].wait()
    sessions.runs.expect_apart(2)
    for barriers in both:
        barriers["GO"].release()
    for process in started:
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, ""), out
    sessions.runs.expect_clean()


@pytest.mark.parametrize("options, arguments", [([], ["-n2"]), (["--engine=xdist"], ["-nauto"])])
def test_below_a_run(sessions: Sessions, options: List[str], arguments: List[str]) -> None:
    sessions.write(NOTING)
    summary = sessions.runs.directory / "summary.json"
    command = [sys.executable, "-m", "pytest", *arguments]
    ran = sessions.runs.run(
        *options, "--json", summary, "--", *command, env={"NOTES": str(sessions.notes)}
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(sessions.noted()) == 10
    suite = json.loads(summary.read_text())
    assert (suite["mode"], suite["done"]) == ("xdist", 10)


@pytest.mark.parametrize("dist", ["load", "each", "loadfile"])
def test_a_dry_run_runs_nothing(sessions: Sessions, dist: str) -> None:
    """How pytest-xdist deals by itself nobody else can say."""
    sessions.write(NOTING)
    command = [sys.executable, "-m", "pytest", "-n2", "--dist", dist]
    ran = sessions.runs.run("--dry-run", "--", *command, env={"NOTES": str(sessions.notes)})
    assert not sessions.notes.exists()
    assert ran.returncode == (4 if dist == "each" else 0), ran.stdout + ran.stderr
    assert ("dealt by pytest-xdist, with --dist each" in ran.stderr) is (dist == "each")


def test_a_dry_run_with_the_project_s_own_scheduler(sessions: Sessions) -> None:
    sessions.write(NOTING)
    (sessions.runs.directory / "conftest.py").write_text(
        "def pytest_xdist_make_scheduler(config, log):\n"
        "    from xdist.scheduler import LoadScheduling\n"
        "    return LoadScheduling(config, log)\n"
    )
    command = [sys.executable, "-m", "pytest", "-n2"]
    ran = sessions.runs.run("--dry-run", "--", *command, env={"NOTES": str(sessions.notes)})
    assert ran.returncode == 4, ran.stdout + ran.stderr
    assert "dealt by pytest_xdist_make_scheduler of conftest" in ran.stderr
    assert not sessions.notes.exists()


@pytest.mark.parametrize("killed", ["guardian", "engine"])
def test_an_engine_that_is_killed(sessions: Sessions, killed: str) -> None:
    """The other one of the two clears up. That is the next run's where both are."""
    barriers = sessions.barriers()
    process = sessions.write(WAITING).start("-n", "auto", **paths(barriers))
    barriers["THERE"].wait()
    guardian, engine = programs_below(process.pid, sessions.runs.program())
    os.kill(guardian if killed == "guardian" else engine, signal.SIGKILL)
    wait_gone(guardian)
    wait_gone(engine)
    barriers["GO"].release()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and "2 passed" in out
    assert err.startswith("schedctl: the run is gone")
    sessions.runs.expect_clean()


def programs_below(pid: int, program: str) -> List[int]:
    found = []
    for child in children_of(pid):
        if os.path.samefile(f"/proc/{child}/exe", program):
            found += [child, *programs_below(child, program)]
    return found
