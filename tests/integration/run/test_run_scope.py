"""A run is a unit where there is a manager, and the same run where there is none, or a bad one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from .conftest import PATIENCE, Barrier, Runs, children_of, until, wait_gone
from .managers import FAKE, FakeManager, UserManager, why_no_manager

SUITE = """
import pytest
@pytest.mark.parametrize("n", range(8))
def test_computes(n):
    sum(range(200_000))
"""
# Leaves a process behind that is nobody's child, in no session of anybody's, and deaf to SIGTERM.
DAEMON = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open("daemon", "w").write(str(os.getpid()))
        open("barrier", "w").write("x")
        time.sleep(1000)
    os._exit(0)
os.wait()
"""

StartFake = Callable[[str], FakeManager]
no_manager = why_no_manager()
needs_manager = pytest.mark.skipif(bool(no_manager), reason=no_manager)
needs_fake = pytest.mark.skipif(not FAKE.exists(), reason="the fake manager is not built")


@pytest.fixture(autouse=True)
def ask_for_scopes(runs: Runs) -> None:
    runs.environment["SCHEDCTL_SCOPE"] = "auto"


@pytest.fixture
def fake(runs: Runs) -> Iterator[StartFake]:
    started: List[FakeManager] = []

    def start(way: str) -> FakeManager:
        started.append(FakeManager(runs.runtime, way))
        return started[-1]

    yield start
    for manager in started:
        manager.close()


@pytest.fixture
def manager(runs: Runs) -> Iterator[UserManager]:
    made = UserManager(runs.runtime, runs.plain_environment())
    try:
        yield made
    finally:
        runs.stop_runs()
        made.close()


# What a manager may do.


@needs_fake
@pytest.mark.parametrize(
    "way, why",
    [
        ("refuse", "the manager refuses: not today"),
        ("fail", "the manager could not start it: failed"),
        ("silent", "does not answer"),
    ],
)
def test_a_run_does_not_depend_on_it(runs: Runs, fake: StartFake, way: str, why: str) -> None:
    fake(way)
    run = runs.run("-v", "--", "sh", "-c", "exit 3")
    assert run.returncode == 3
    (line,) = [line for line in run.stderr.splitlines() if "in no scope: " in line]
    assert why in line
    runs.expect_clean()


@needs_fake
@pytest.mark.parametrize("way", ["refuse", "silent"])
def test_a_run_that_has_to_be_one_does_not_begin(runs: Runs, fake: StartFake, way: str) -> None:
    fake(way)
    run = runs.run("--scope", "yes", "--", "touch", "begun")
    assert run.returncode == 1
    assert run.stderr.startswith("schedctl run: no scope: ")
    assert not (runs.directory / "begun").exists()
    runs.expect_clean()


@needs_fake
def test_the_command_waits_for_it(runs: Runs, fake: StartFake) -> None:
    made = fake("late")
    barrier = Barrier(runs.directory / "barrier")
    run = runs.start("--", "sh", "-c", "echo >barrier")
    assert made.line()[0] == "start"
    assert not barrier.is_there()
    made.go_on()
    barrier.wait()
    run.communicate(timeout=PATIENCE)
    assert run.returncode == 0


@needs_fake
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_whoever_gives_up_meanwhile_is_heard(
    runs: Runs, fake: StartFake, send: Callable[[int, int], None], sig: signal.Signals
) -> None:
    made = fake("late")
    run = runs.start("--", "touch", "begun", start_new_session=True)
    assert made.line()[0] == "start"
    send(run.pid, sig)
    run.communicate(timeout=PATIENCE)
    assert run.returncode == -sig
    assert not (runs.directory / "begun").exists()
    runs.expect_clean()


@needs_fake
def test_an_older_manager_is_asked_for_what_it_knows(runs: Runs, fake: StartFake) -> None:
    made = fake("plain")
    run = runs.run("-v", "--", "true")
    first, second, third = (made.line() for _ in range(3))
    assert {"OOMPolicy", "AllowedCPUs", "CPUWeight"} <= set(first)
    assert "OOMPolicy" not in second and "AllowedCPUs" in second
    assert "AllowedCPUs" not in third and {"Slice", "PIDs", "MemoryMax"} <= set(third)
    assert f"in {third[1]}" in run.stderr


@needs_fake
def test_a_run_outlives_it(runs: Runs, fake: StartFake) -> None:
    made = fake("leave")
    barrier = Barrier(runs.directory / "barrier")
    run = runs.start("-v", "--", "sh", "-c", "echo >barrier; read line; exit 4", stdin=-1)
    barrier.wait()
    made.go_on()
    _, told = run.communicate("go\n", timeout=PATIENCE)
    assert run.returncode == 4
    assert f"in {made.line()[1]}" in told


@needs_fake
def test_what_cannot_be_followed_is_no_limit(runs: Runs, fake: StartFake) -> None:
    """The fake manager moves nobody: the run is in no group of the scope's name."""
    made = fake("done")
    assert runs.run("--", "true").returncode == 0
    first, second = made.asked()
    assert {"MemoryHigh", "MemoryMax", "AllowedCPUs"} <= set(first)
    assert second[0] == "set" and {"MemoryHigh", "MemoryMax", "AllowedCPUs"} <= set(second)


@needs_fake
def test_it_is_connected_to_once(runs: Runs, fake: StartFake) -> None:
    """systemd's logs an error of who connects and leaves without a word."""
    made = fake("count")
    assert runs.run("--", "true").returncode == 0
    assert [line[0] for line in made.asked()] == ["connected", "start", "set"]


@needs_fake
def test_nobody_is_asked_for_none(runs: Runs, fake: StartFake) -> None:
    made = fake("done")
    assert runs.run("--scope", "no", "--", "true").returncode == 0
    assert not made.asked()


@needs_fake
def test_a_run_within_a_run_is_part_of_it(runs: Runs, fake: StartFake) -> None:
    made = fake("done")
    assert runs.run("--", runs.program(), "run", "--", "true").returncode == 0
    assert [line[0] for line in made.asked()].count("start") == 1


@needs_fake
def test_what_explain_says_of_the_next_run(runs: Runs, fake: StartFake) -> None:
    fake("done")

    def explain(*command: str) -> str:
        told = subprocess.run(
            [*command, runs.program(), "explain"],
            env=runs.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return told.stdout.splitlines()[-1]

    assert explain().startswith("A run begun here would be a unit of its own: the manager at ")
    inside = explain(runs.program(), "run", "--")
    assert inside == "A run begun here would be part of the run that this is in."


@needs_fake
def test_the_service_hears_of_it(runs: Runs, fake: StartFake) -> None:
    made = fake("done")
    barrier = Barrier(runs.directory / "barrier")
    run = runs.start("--", "sh", "-c", "echo >barrier; read line", stdin=-1)
    unit = made.line()[1]
    barrier.wait()
    (lease,) = runs.leases()
    assert lease["unit"] == unit
    run.communicate("go\n", timeout=PATIENCE)


def test_without_a_manager_nothing_is_said_of_memory(runs: Runs) -> None:
    (runs.directory / "test_computes.py").write_text(SUITE)
    run = runs.run("--scope", "no", "--json", "told", "--", sys.executable, "-m", "pytest", "-q")
    assert run.returncode == 0, run.stdout
    told = json.loads((runs.directory / "told").read_text())["run"]
    assert set(told) == {"cpuSeconds"} and told["cpuSeconds"] > 0
    assert " s of CPU time\n" in run.stderr


# With systemd's own.


def group_of(pid: int) -> str:
    lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith("0::")]
    return line


class Daemon:
    """A run that has one left, and is still there."""

    def __init__(self, runs: Runs, manager: UserManager) -> None:
        barrier = Barrier(runs.directory / "barrier")
        script = DAEMON + "time.sleep(1000)\n"
        self.run = runs.start("--", sys.executable, "-c", script, preexec_fn=manager.enter("shell"))
        barrier.wait()
        self.pid = int((runs.directory / "daemon").read_text())
        self.guardian = self.run.pid
        (self.engine,) = children_of(self.guardian)


def expect_no_units(manager: UserManager) -> None:
    """The manager hears of a cgroup's end when its loop comes round: it is asked until then."""
    until(lambda: not manager.units())
    assert not manager.ctl("list-units", "--failed", "--no-legend")


@needs_manager
def test_all_but_the_guardian_is_in_the_scope(runs: Runs, manager: UserManager) -> None:
    daemon = Daemon(runs, manager)
    (scope,) = [unit for unit in manager.units() if unit.endswith(".scope")]
    assert group_of(daemon.guardian).endswith("/shell")
    for pid in (daemon.engine, daemon.pid):
        assert group_of(pid).endswith(f"/schedctl.slice/{scope}")
    for pid in (daemon.engine, *children_of(daemon.engine)):
        if pid != daemon.pid:
            assert os.getpgid(pid) == os.getpgid(daemon.guardian)
            assert os.getsid(pid) == os.getsid(daemon.guardian)
    set_to = manager.properties(scope)
    assert 0 < int(set_to["MemoryHigh"]) < int(set_to["MemoryMax"])
    assert set_to["TasksMax"] == "infinity"
    assert set_to["OOMPolicy"] == "continue" or set_to["MemoryAccounting"] == "no"


@needs_manager
@pytest.mark.parametrize("victims", [["guardian"], ["engine"], ["guardian", "engine"]])
def test_a_daemon_outlives_nobody(runs: Runs, manager: UserManager, victims: List[str]) -> None:
    daemon = Daemon(runs, manager)
    for victim in victims:
        os.kill(getattr(daemon, victim), signal.SIGKILL)
    wait_gone(daemon.pid)
    daemon.run.communicate(timeout=PATIENCE)
    runs.wait_left()
    expect_no_units(manager)


@needs_manager
def test_units_are_gone_when_runs_are(runs: Runs, manager: UserManager) -> None:
    Barrier(runs.directory / "barrier")
    for _ in range(3):
        run = runs.run("--", sys.executable, "-c", DAEMON)
        assert run.returncode == 0
    expect_no_units(manager)
    runs.expect_clean()


@needs_manager
def test_who_stops_the_unit_ends_the_run(runs: Runs, manager: UserManager) -> None:
    daemon = Daemon(runs, manager)
    manager.ctl("stop", "schedctl-run-*.scope")
    wait_gone(daemon.pid)
    daemon.run.communicate(timeout=PATIENCE)
    assert daemon.run.returncode != 0
    expect_no_units(manager)


@needs_manager
def test_a_stopped_manager_holds_nothing_up(runs: Runs, manager: UserManager) -> None:
    manager.process.send_signal(signal.SIGSTOP)
    try:
        run = runs.run("-v", "--", "sh", "-c", "exit 5")
    finally:
        manager.process.send_signal(signal.SIGCONT)
    assert run.returncode == 5
    assert "does not answer" in run.stderr
    expect_no_units(manager)


@needs_manager
def test_what_was_used_is_told(runs: Runs, manager: UserManager) -> None:
    (runs.directory / "test_computes.py").write_text(SUITE)
    run = runs.run("--json", "told", "-v", "--", sys.executable, "-m", "pytest", "-q")
    assert run.returncode == 0, run.stdout
    told = json.loads((runs.directory / "told").read_text())["run"]
    assert told["cpuSeconds"] > 0
    assert f"; in {told['unit']}\n" in run.stderr
