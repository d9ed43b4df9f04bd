"""A run that is paused: everything below it stands still, nothing is held, and then it goes on."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty
from typing import List, Tuple

import pytest

from .conftest import PATIENCE, Barrier, Runs, children_of, needs_two_cpus, until, wait_gone
from .scripted_service import CPUS, Service
from .test_run_suites import pytest_command

PAUSED, GOES_ON = "schedctl: paused; its CPUs are given back\n", "schedctl: goes on\n"

# Says that it is up, and goes on until its input ends.
UP = "echo up; read line"


@pytest.fixture
def runs(scripted: Runs) -> Runs:
    return scripted


def state_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def below(run: "subprocess.Popen[str]") -> List[int]:
    """All that the engine has started, in whatever depth."""
    (engine,) = children_of(run.pid)
    found = children_of(engine)
    for pid in found:
        found.extend(children_of(pid))
    return found


def start_up(runs: Runs, service: Service, *command: str) -> "subprocess.Popen[str]":
    run = runs.start("--", *command, stdin=subprocess.PIPE)
    service.grant(CPUS)
    assert run.stdout and run.stdout.readline() == "up\n"
    return run


def goes_on(run: "subprocess.Popen[str]", service: Service) -> None:
    service.grant(CPUS)
    assert run.stderr
    assert run.stderr.readline() == PAUSED
    assert run.stderr.readline() == GOES_ON


def test_everything_stands_still_and_goes_on(runs: Runs, service: Service) -> None:
    run = start_up(runs, service, "sh", "-c", f"sleep 1000 & sh -c 'sleep 1000; true' & {UP}")
    service.pause(CPUS)
    processes = below(run)
    assert len(processes) >= 3
    # A shell may wait in vfork() for a child that was stopped before it could become a program.
    until(lambda: "T" in {state_of(pid) for pid in processes} <= {"T", "D"})
    goes_on(run, service)
    assert "T" not in {state_of(pid) for pid in processes}
    run.communicate("done\n", timeout=PATIENCE)
    assert run.returncode == 0


def test_children_that_are_born_meanwhile_stand_still_too(runs: Runs, service: Service) -> None:
    born = "while :; do (:) & (:) & wait $!; done"
    run = start_up(runs, service, "sh", "-c", f"{born} & {UP}")
    service.pause(CPUS)
    until(lambda: {state_of(pid) for pid in below(run)} <= {"T", "Z"})
    goes_on(run, service)
    run.communicate("done\n", timeout=PATIENCE)
    assert run.returncode == 0


STOPPED_BEFORE = """
import os, signal, sys
child = os.fork()
if child == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(0)
os.waitpid(child, os.WUNTRACED)
print("up", flush=True)
sys.stdin.readline()
"""


def test_who_was_stopped_before_stays_so(runs: Runs, service: Service) -> None:
    run = start_up(runs, service, sys.executable, "-c", STOPPED_BEFORE)
    service.pause(CPUS)
    command, child = below(run)
    goes_on(run, service)
    assert (state_of(command) != "T", state_of(child)) == (True, "T")
    run.communicate("done\n", timeout=PATIENCE)
    assert run.returncode == 0
    wait_gone(child)


# A shell that has said that it is up may be about to read, and would not look for a signal then.
WAITS_FOR_A_SIGNAL = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {int(sys.argv[1])})
print("up", flush=True)
signal.sigwait({int(sys.argv[1])})
sys.exit(7)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_still_ends_it(runs: Runs, service: Service, how: signal.Signals) -> None:
    run = start_up(runs, service, sys.executable, "-c", WAITS_FOR_A_SIGNAL, str(int(how)))
    service.pause(CPUS)
    run.send_signal(how)
    assert run.wait(PATIENCE) == 7
    runs.wait_left()


@pytest.mark.parametrize("victim", ["guardian", "engine", "command"])
def test_nothing_is_left_of_one_that_is_killed(runs: Runs, service: Service, victim: str) -> None:
    run = start_up(runs, service, "sh", "-c", f"sleep 1000 & {UP}")
    service.pause(CPUS)
    (engine,) = children_of(run.pid)
    (command,) = children_of(engine)
    os.kill({"guardian": run.pid, "engine": engine, "command": command}[victim], signal.SIGKILL)
    run.wait(PATIENCE)
    runs.wait_left()


def test_it_goes_on_where_the_service_is_gone(runs: Runs, service: Service) -> None:
    run = start_up(runs, service, "sh", "-c", UP)
    service.pause(CPUS)
    service.close()
    assert run.stderr
    assert run.stderr.readline() == PAUSED
    assert run.stderr.readline() == GOES_ON
    run.communicate("done\n", timeout=PATIENCE)
    assert run.returncode == 0


def test_a_suite_begins_where_the_service_has_gone(runs: Runs, service: Service) -> None:
    """It gave all its CPUs back, and there is nobody to lend it others."""
    (runs.directory / "test_two.py").write_text("def test_a(): pass\ndef test_b(): pass\n")
    run = start_up(runs, service, "sh", "-c", f"{UP}; {' '.join(pytest_command())}")
    service.pause(CPUS)
    service.close()
    assert run.stderr
    assert [run.stderr.readline(), run.stderr.readline()] == [PAUSED, GOES_ON]
    out, err = run.communicate("done\n", timeout=PATIENCE)
    assert "2 passed" in out, out + err
    assert err.startswith("schedctl: 2 tests on "), err


# Each says that it has begun, and waits for a word.
ITEMS = """
import pytest
@pytest.mark.parametrize("n", range(2))
def test_item(n):
    with open("here", "w") as file:
        file.write("x")
    with open("go", "rb", buffering=0) as file:
        file.read(1)
"""


def start_suite(
    runs: Runs, service: Service, *options: object
) -> Tuple["subprocess.Popen[str]", Barrier]:
    (runs.directory / "test_items.py").write_text(ITEMS)
    here, go = Barrier(runs.directory / "here"), Barrier(runs.directory / "go")
    run = runs.start("-w", 2, "--json", "summary", *options, "--", *pytest_command())
    service.grant(CPUS)
    here.wait()
    here.wait()
    return run, go


def directory_of(run: "subprocess.Popen[str]") -> Path:
    (engine,) = children_of(run.pid)
    (command,) = children_of(engine)
    for variable in Path(f"/proc/{command}/environ").read_text().split("\0"):
        name, _, value = variable.partition("=")
        if name == "SCHEDCTL_RUN":
            return Path(value).parent
    raise AssertionError("the command knows of no run")


def began(run: "subprocess.Popen[str]") -> List[float]:
    """When each worker's item began, as who watches --item-timeout sees it."""
    states = sorted(directory_of(run).glob("suite-0/state-*"))
    return [struct.unpack_from("@Id", path.read_bytes())[1] for path in states]


@needs_two_cpus
def test_clocks_stand_still(runs: Runs, service: Service) -> None:
    run, go = start_suite(runs, service)
    before = began(run)
    service.pause(CPUS)
    paused_at = time.monotonic()
    until(lambda: {state_of(pid) for pid in below(run)} == {"T"})
    pause = time.monotonic() - paused_at
    goes_on(run, service)
    later = [b - a for a, b in zip(before, began(run))]
    assert len(later) == 2 and min(later) >= pause
    go.release(2)
    out, err = run.communicate(timeout=PATIENCE)
    assert "2 passed" in out, err
    summary = json.loads((runs.directory / "summary").read_text())
    assert summary["paused"] >= pause


def sleeps_ms(pid: int) -> int:
    """How long the loop of libuv's waits at most for what comes next; 0 where it does not wait."""
    try:
        words = Path(f"/proc/{pid}/syscall").read_text().split()
    except OSError as error:
        pytest.skip(f"the kernel does not say what it waits for: {error}")
    return int(words[4], 16) if words[3:4] == ["0x400"] else 0  # of epoll_pwait(2): so many events


@needs_two_cpus
def test_it_wakes_for_nothing(runs: Runs, service: Service) -> None:
    """But to see whether somebody has continued what it has stopped."""
    run, go = start_suite(runs, service)
    service.pause(CPUS)
    (engine,) = children_of(run.pid)
    until(lambda: sleeps_ms(engine) > 500)
    goes_on(run, service)
    go.release(2)
    out, err = run.communicate(timeout=PATIENCE)
    assert "2 passed" in out, err


@needs_two_cpus
def test_what_stood_still_teaches_the_history_nothing(runs: Runs, service: Service) -> None:
    run, go = start_suite(runs, service)
    service.pause(CPUS)
    goes_on(run, service)
    go.release(2)
    out, err = run.communicate(timeout=PATIENCE)
    assert "2 passed" in out, err
    listing = subprocess.run(
        [runs.program(), "history", "show", "--all"],
        env=runs.environment,
        cwd=runs.directory,
        text=True,
        capture_output=True,
    )
    assert "test_item" not in listing.stdout and "nothing is known" in listing.stderr


ALONE = """
import pytest
@pytest.mark.schedctl(exclusive=True)
def test_item():
    with open("here", "w") as file:
        file.write("x")
    with open("go", "rb", buffering=0) as file:
        file.read(1)
"""


def test_alarms_stand_still(runs: Runs) -> None:
    """Its limit is an alarm's, which goes on while the process stands still. Where the machine is
    so slow that the item had that time without the pause, a longer limit has to show it."""
    (runs.directory / "test_alone.py").write_text(ALONE)
    here, go = Barrier(runs.directory / "here"), Barrier(runs.directory / "go")
    for limit in (2.0, 8.0, 32.0):
        address = runs.directory / f"service-{limit}"
        begin, out, err, pause = time.monotonic(), "", "", 0.0
        over = suppress(Empty, BrokenPipeError)  # before the pause
        with closing(Service(address)) as service, over:
            options = ("--item-timeout", limit, "--", *pytest_command())
            run = runs.start(*options, env={"SCHEDCTL_SOCKET": str(address)})
            service.grant(CPUS)
            here.wait()
            service.pause(CPUS)
            paused_at = time.monotonic()
            time.sleep(limit)
            pause = time.monotonic() - paused_at
            goes_on(run, service)
            go.release(1)
            out, err = run.communicate(timeout=PATIENCE)
        if "1 passed" in out:
            return
        assert time.monotonic() - begin - pause > limit, out + err
        if go.is_there():
            go.wait()
    pytest.skip("the machine is too slow")
