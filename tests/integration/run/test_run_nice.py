"""A run is as nice as the service says, and its session with it, as long as it lasts."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from .conftest import PATIENCE, Runs, children_of, wait_gone
from .scripted_service import CPUS, Service

NICENESS = 3
SWITCH = Path("/proc/sys/kernel/sched_autogroup_enabled")


@pytest.fixture
def runs(scripted: Runs) -> Runs:
    return scripted


class Session:
    """A shell that leads a session, with a run in it."""

    def __init__(self, runs: Runs, service: Service, before: str = "") -> None:
        command = f"{before} {runs.word()} run -- sh -c 'echo up; read line'; read line"
        self.shell = subprocess.Popen(
            ["sh", "-c", f"echo $$; {command}"],
            env=runs.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        runs.started.append(self.shell)
        service.grant(CPUS, nice=NICENESS)
        assert self.shell.stdout and self.shell.stdout.readline()
        assert self.shell.stdout.readline() == "up\n"
        (self.guardian,) = children_of(self.shell.pid)
        (self.engine,) = children_of(self.guardian)
        (self.command,) = children_of(self.engine)

    def end_run(self) -> None:
        assert self.shell.stdin
        self.shell.stdin.write("done\n")
        self.shell.stdin.flush()
        wait_gone(self.guardian)

    def weight(self) -> str:
        """The session's, as the kernel has it."""
        return Path(f"/proc/{self.shell.pid}/autogroup").read_text().split()[-1]

    def end(self) -> None:
        self.shell.communicate("done\n", timeout=PATIENCE)


def niceness_of(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


def own_niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def sessions_are_groups() -> bool:
    """Sessions count where no cgroup does, as in the root of version 1's hierarchy."""
    if not SWITCH.exists() or SWITCH.read_text().strip() != "1":
        return False
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().split()]
    return any("cpu" in names.split(",") and path == "/" for _, names, path in lines)


needs_autogroup = pytest.mark.skipif(
    not sessions_are_groups(), reason="the kernel makes no group of a session here"
)


def test_the_command_is_as_nice_as_the_service_says(runs: Runs, service: Service) -> None:
    session = Session(runs, service)
    assert niceness_of(session.command) == max(own_niceness(), NICENESS)
    assert niceness_of(session.shell.pid) == own_niceness()
    session.end_run()
    session.end()


def test_who_is_nicer_stays_so(runs: Runs, service: Service) -> None:
    session = Session(runs, service, before="nice -n 7")
    assert niceness_of(session.command) == min(own_niceness() + 7, 19)
    session.end_run()
    session.end()


@needs_autogroup
def test_the_session_is_too_while_the_run_lasts(runs: Runs, service: Service) -> None:
    session = Session(runs, service)
    assert session.weight() == str(NICENESS)
    session.end_run()
    assert session.weight() == "0"
    session.end()


@needs_autogroup
@pytest.mark.parametrize("victim", ["guardian", "engine"])
def test_its_weight_comes_back_whoever_is_killed(runs: Runs, service: Service, victim: str) -> None:
    session = Session(runs, service)
    os.kill(getattr(session, victim), signal.SIGKILL)
    wait_gone(session.guardian)
    wait_gone(session.engine)
    assert session.weight() == "0"
    session.end()


def test_nothing_changes_where_the_service_says_nothing(runs: Runs, service: Service) -> None:
    run = runs.start("--", "nice")
    service.grant(CPUS)
    out, _ = run.communicate(timeout=PATIENCE)
    assert out == f"{own_niceness()}\n"
