"""Whoever is killed, nothing is left; signals reach the command, and once."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Tuple

import pytest

from .conftest import PATIENCE, Barrier, Runs, children_of, wait_gone

SLEEPERS = """
import subprocess, time, pytest
@pytest.mark.parametrize("n", range(4))
def test_sleeps(n, tmp_path_factory):
    subprocess.Popen(["sleep", "1000"])
    open("barrier", "w").write("x")
    time.sleep(1000)
"""

ONE_DIES = """
import os, pytest
@pytest.mark.parametrize("n", range(6))
def test_dies(n):
    if n == 2:
        os.kill(os.getpid(), 9)
"""

MANY = """
import pytest
@pytest.mark.parametrize("n", range(100))
def test_many(n): ...
"""

# Says "ready", then the name of every signal that arrives.
COUNTER = """
import os, signal
names = {getattr(signal, "SIG" + name): name for name in ("INT", "TERM", "HUP", "USR1")}
signal.pthread_sigmask(signal.SIG_BLOCK, names)
os.write(1, b"ready\\n")
while True:
    os.write(1, names[signal.sigwait(names)].encode() + b"\\n")
"""


def start_suite(runs: Runs) -> Tuple["subprocess.Popen[str]", int, int]:
    """A run in the midst of a suite: its process, engine and command."""
    (runs.directory / "test_sleeps.py").write_text(SLEEPERS)
    barrier = Barrier(runs.directory / "barrier")
    outer = runs.start("-w", 2, "--", sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
    barrier.wait()
    (engine,) = children_of(outer.pid)
    (command,) = children_of(engine)
    return outer, engine, command


@pytest.mark.parametrize("victim", ["guardian", "engine", "command"])
def test_nothing_is_left(runs: Runs, victim: str) -> None:
    outer, engine, command = start_suite(runs)
    os.kill({"guardian": outer.pid, "engine": engine, "command": command}[victim], signal.SIGKILL)
    outer.communicate(timeout=PATIENCE)
    assert outer.returncode == -signal.SIGKILL
    runs.expect_clean()


def test_abandoned(runs: Runs) -> None:
    """Both are killed who would have removed the run's directory. pytest and its workers end by
    themselves; nobody is left to look for what the tests have started."""
    (runs.directory / "test_sleeps.py").write_text(SLEEPERS.replace("subprocess.Popen", "len"))
    barrier = Barrier(runs.directory / "barrier")
    outer = runs.start("-w", 2, "--", sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
    barrier.wait()
    (engine,) = children_of(outer.pid)
    os.kill(outer.pid, signal.SIGSTOP)  # so that it is there when the engine is gone
    os.kill(engine, signal.SIGKILL)
    outer.kill()
    outer.communicate(timeout=PATIENCE)
    runs.wait_left()
    assert len(list(runs.runtime.glob("schedctl-*"))) == 1
    beside = runs.start("--", "sh", "-c", "echo; read line", stdin=subprocess.PIPE)
    assert beside.stdout and beside.stdin and beside.stdout.readline()
    assert runs.run("--", "true").returncode == 0
    assert len(list(runs.runtime.glob("schedctl-*"))) == 1  # of the one that lives
    beside.communicate("\n", timeout=PATIENCE)
    runs.expect_clean()


COLLECTS_LATE = """
import os, pytest

def pytest_collection_modifyitems():
    if ("PYTEST_XDIST_WORKER" in os.environ) == (os.environ["WAITS"] == "worker"):
        open("barrier", "w").write("x")
        with open("go", "rb", buffering=0) as go:
            go.read(1)

def pytest_runtest_logstart():
    open("ran", "a").write("x")
"""


@pytest.mark.parametrize("waits, workers", [("reporter", 1), ("reporter", 2), ("worker", 2)])
def test_pytest_below_a_shell_ends_with_its_run(runs: Runs, waits: str, workers: int) -> None:
    """Nothing ends it where both are killed who would have: it does not run for nobody."""
    (runs.directory / "conftest.py").write_text(COLLECTS_LATE)
    (runs.directory / "test_many.py").write_text(MANY)
    barrier, go = Barrier(runs.directory / "barrier"), Barrier(runs.directory / "go")
    pytest_line = f"{shlex.quote(sys.executable)} -m pytest -p no:cacheprovider"
    script = f"({pytest_line} >out 2>&1; echo $? >status) & wait"
    options = ("--start", "spawn", "-w", workers)
    outer = runs.start(*options, "--", "sh", "-c", script, env={"WAITS": waits})
    for _ in range(workers if waits == "worker" else 1):
        barrier.wait()
    (engine,) = children_of(outer.pid)
    os.kill(engine, signal.SIGSTOP)  # so that it is there when the guardian is gone
    outer.kill()
    outer.wait(PATIENCE)
    os.kill(engine, signal.SIGKILL)
    wait_gone(engine)
    go.release(workers)
    runs.wait_left()
    assert (runs.directory / "status").read_text() == "2\n"
    assert "no tests ran" in (runs.directory / "out").read_text()
    assert not (runs.directory / "ran").exists()


LEAVES_SOMEBODY = """
import os, signal
ready, told = os.pipe()
if os.fork() == 0:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    os.write(told, b"x")
    signal.sigwait({signal.SIGTERM})
    open("barrier", "w").write("x")
    signal.pause()
os.read(ready, 1)
os._exit(3)
"""


def test_the_status_is_known_when_the_command_has_ended(runs: Runs) -> None:
    """Whatever becomes of the engine while it ends what was left behind."""
    barrier = Barrier(runs.directory / "barrier")
    run = runs.start("--", sys.executable, "-c", LEAVES_SOMEBODY)
    barrier.wait()
    for engine in children_of(run.pid):
        with suppress(ProcessLookupError):
            os.kill(engine, signal.SIGKILL)
    run.communicate(timeout=PATIENCE)
    assert run.returncode == 3
    runs.expect_clean()


def test_a_killed_worker_fails_its_item(runs: Runs) -> None:
    (runs.directory / "test_one_dies.py").write_text(ONE_DIES)
    result = runs.run("-w", 2, "--", sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
    assert result.returncode == 1
    assert "crashed while running test_one_dies.py::" in result.stdout
    assert "it was killed by SIGKILL" in result.stdout
    assert "1 failed, 5 passed" in result.stdout
    assert "schedctl: 5 tests" in result.stderr
    assert "1 killed its worker" in result.stderr
    runs.expect_clean()


def test_leftovers_are_ended(runs: Runs) -> None:
    result = runs.run("--", "sh", "-c", "setsid sleep 1000 & exit 3", stdout=subprocess.DEVNULL)
    assert result.returncode == 3
    assert not runs.left()


def test_stubborn_leftovers_are_killed(runs: Runs) -> None:
    script = (
        "trap '' TERM; (trap '' TERM; echo up; while :; do sleep 1000; done) & read line < pipe"
    )
    os.mkfifo(runs.directory / "pipe")
    run = runs.start("--", "sh", "-c", script)
    assert run.stdout and run.stdout.readline() == "up\n"
    (runs.directory / "pipe").write_text("go\n")
    run.communicate(timeout=PATIENCE)
    assert not runs.left()


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "USR1"])
def test_a_signal_for_schedctl_alone_is_forwarded(runs: Runs, name: str) -> None:
    run = runs.start("--", sys.executable, "-c", COUNTER)
    assert run.stdout and run.stdout.readline() == "ready\n"
    run.send_signal(getattr(signal, "SIG" + name))
    assert run.stdout.readline() == name + "\n"
    run.kill()
    run.communicate(timeout=PATIENCE)
    runs.expect_clean()


def test_a_signal_for_the_group_arrives_once(runs: Runs) -> None:
    run = runs.start("--", sys.executable, "-c", COUNTER, start_new_session=True)
    assert run.stdout and run.stdout.readline() == "ready\n"
    os.killpg(run.pid, signal.SIGHUP)
    assert run.stdout.readline() == "HUP\n"
    run.send_signal(signal.SIGUSR1)
    assert run.stdout.readline() == "USR1\n"
    run.kill()
    run.communicate(timeout=PATIENCE)


def test_the_second_interrupt_ends_at_once(runs: Runs) -> None:
    run = runs.start("--", sys.executable, "-c", COUNTER)
    assert run.stdout and run.stdout.readline() == "ready\n"
    run.send_signal(signal.SIGINT)
    assert run.stdout.readline() == "INT\n"
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=PATIENCE)
    assert run.returncode == -signal.SIGINT
    runs.expect_clean()


class Terminal:
    """A run in the foreground of a terminal of its own."""

    def __init__(self, runs: Runs, *arguments: object) -> None:
        self._closed = False
        try:
            self.master, slave = pty.openpty()
        except OSError as error:
            pytest.skip(f"no terminal can be opened here: {error}")
        shell = (
            "import os, sys; os.setsid(); import fcntl, termios;"
            "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        )
        run = [str(word) for word in arguments]
        self.process = subprocess.Popen(
            [sys.executable, "-c", shell, *run],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=runs.directory,
            env=runs.environment,
        )
        os.close(slave)

    def is_open(self) -> bool:
        return not self._closed

    def read_until(self, text: str) -> str:
        """What comes up to and including the text, or the end of the output."""
        seen = ""
        while text not in seen and not self._closed:
            try:
                data = os.read(self.master, 4096)
            except OSError:  # EIO: nobody has the terminal any more
                data = b""
            self._closed = not data
            seen += data.decode(errors="replace")
        return seen

    def press(self, key: bytes) -> None:
        os.write(self.master, key)


def test_ctrl_c_ends_as_pytest_does(runs: Runs) -> None:
    (runs.directory / "test_sleeps.py").write_text(SLEEPERS)
    barrier = Barrier(runs.directory / "barrier")
    schedctl = runs.program()
    terminal = Terminal(runs, schedctl, "run", "-w", 2, "--", sys.executable, "-m", "pytest")
    barrier.wait()
    terminal.press(b"\x03")
    assert "no tests ran" in terminal.read_until("no tests ran")
    assert terminal.process.wait(timeout=PATIENCE) == 2
    runs.expect_clean()


def test_ctrl_c_twice_ends_at_once(runs: Runs) -> None:
    terminal = Terminal(runs, runs.program(), "run", "--", sys.executable, "-c", COUNTER)
    terminal.read_until("ready")
    presses, end = 0, time.monotonic() + PATIENCE
    # Those that come faster than a busy engine reads them are one to it, as pending signals are.
    while terminal.is_open() and time.monotonic() < end:
        terminal.press(b"\x03")
        presses += 1
        terminal.read_until("INT\r\n")
    assert presses >= 2
    assert terminal.process.wait(timeout=PATIENCE) == -signal.SIGINT
    runs.expect_clean()


JOB_CONTROL = """
import os, signal, sys
# A shell in miniature: its job has a process group and the terminal.
terminal = os.open("/dev/tty", os.O_RDWR)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(terminal, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
_, status = os.waitpid(pid, os.WUNTRACED)
print("stopped" if os.WIFSTOPPED(status) else "ended", flush=True)
os.tcsetpgrp(terminal, pid)
os.killpg(pid, signal.SIGCONT)
_, status = os.waitpid(pid, 0)
print("status", os.waitstatus_to_exitcode(status), flush=True)
"""


def test_job_control(runs: Runs) -> None:
    script = "import sys; print('ready', flush=True); print('got', sys.stdin.readline())"
    schedctl = runs.program()
    job = [schedctl, "run", "--", sys.executable, "-c", script]
    terminal = Terminal(runs, sys.executable, "-c", JOB_CONTROL, *job)
    terminal.read_until("ready")
    terminal.press(b"\x1a")
    assert "stopped" in terminal.read_until("stopped")
    terminal.press(b"hello\n")
    assert "status 0" in terminal.read_until("status 0")
    assert terminal.process.wait(timeout=PATIENCE) == 0
    runs.expect_clean()
