"""A service of the test's own, a way to start runs, and to see what they leave behind."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

import suites

from .scripted_service import Service

BUILD = Path(os.environ.get("SCHEDCTL_BUILD", "build")).resolve()
SCHEDCTL = BUILD / "cli" / "schedctl"
SCHEDD = BUILD / "daemon" / "schedd"
PATIENCE = 60  # seconds after which a wait is a failure; nothing is measured by it

needs_two_cpus = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs to use at the same time"
)
OTHERS_MARK = "SCHEDCTL_TEST_OTHERS"
# As systemd passes a listening socket; here it comes as standard input.
ACTIVATE = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" --config "$1" 3<&0 </dev/null'
# Runs are as nice as the tests are: what else the machine does would keep nicer ones waiting.
CONFIGURATION = "[Headroom]\nPolicy=performance\n"


def until(holds: Callable[[], object]) -> None:
    """For what nobody tells of: asks again and again until it is so."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "that does not come about"
        time.sleep(0.01)


def wait_gone(pid: int) -> None:
    """Waits for the end of a process that need not be our child."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        assert poller.poll(PATIENCE * 1000), f"process {pid} does not end"
    finally:
        os.close(fd)


def processes_marked(mark: str) -> List[int]:
    """The processes that have this text in their environment, zombies left out."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if mark.encode() in file.read():
                        found.append(int(entry))
            except OSError:
                pass
    return found


def children_of(pid: int) -> List[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry))
    return found


class Runs:
    """Starts `schedctl run`; every process below carries the mark."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mark = f"SCHEDCTL_TEST_MARK={directory}"
        runtime = directory / "runtime"
        runtime.mkdir(mode=0o700)
        self.runtime = runtime
        self.started: List["subprocess.Popen[str]"] = []
        self.environment: Dict[str, str] = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SCHEDCTL_", "PYTEST_", "PYTHONPATH"))
        }
        self.environment.update(
            SCHEDCTL_SOCKET=str(directory / "schedd.sock"),
            SCHEDCTL_TEST_MARK=str(directory),
            SCHEDCTL_SHARD="no",  # the tests may run on a CI node
            SCHEDCTL_SCOPE="no",  # for root the system's manager would be asked for one
            XDG_RUNTIME_DIR=str(runtime),
            XDG_STATE_HOME=str(directory / ".state"),  # not for pytest to look into
            PYTHONDONTWRITEBYTECODE="1",
            PYTEST_ADDOPTS=suites.unloaded(()),
        )

    def start(self, *arguments: object, **keywords: Any) -> "subprocess.Popen[str]":
        command = [str(SCHEDCTL), "run", *map(str, arguments)]
        keywords.setdefault("stdout", subprocess.PIPE)
        keywords.setdefault("stderr", subprocess.PIPE)
        keywords.setdefault("stdin", subprocess.DEVNULL)
        environment = {**self.environment, **keywords.pop("env", {})}
        process = subprocess.Popen(
            command, text=True, env=environment, cwd=self.directory, **keywords
        )
        self.started.append(process)
        return process

    @staticmethod
    def program() -> str:
        return str(SCHEDCTL)

    @staticmethod
    def word() -> str:
        """The program, for a shell: its path may have spaces."""
        return shlex.quote(str(SCHEDCTL))

    def plain_environment(self) -> Dict[str, str]:
        """For what is not part of any run."""
        return {k: v for k, v in self.environment.items() if k != "SCHEDCTL_TEST_MARK"}

    def start_service(self) -> None:
        configuration = self.directory / "schedd.conf"
        configuration.write_text(CONFIGURATION)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.environment["SCHEDCTL_SOCKET"])
            listener.listen(16)
            self.service = subprocess.Popen(
                ["/bin/sh", "-c", ACTIVATE, str(SCHEDD), str(configuration)],
                env=self.plain_environment(),
                stdin=listener.fileno(),
                stderr=subprocess.DEVNULL,
            )

    def kill_service(self) -> None:
        self.service.kill()
        self.service.wait()

    def stop_runs(self) -> None:
        """What a test that failed left; nothing below a run outlives it."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()

    def stop_services(self) -> None:
        """Ours, and one that another client started."""
        if self.service.poll() is None:
            self.service.terminate()
            self.service.wait()
        for pid in processes_marked(f"{OTHERS_MARK}={self.directory}"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            wait_gone(pid)

    def use_another_client(self) -> None:
        """It starts a service where none is."""
        environment = {**self.plain_environment(), OTHERS_MARK: str(self.directory)}
        subprocess.run([str(SCHEDCTL), "nproc"], env=environment, check=True, timeout=PATIENCE)

    def run(self, *arguments: object, **keywords: Any) -> "subprocess.CompletedProcess[str]":
        process = self.start(*arguments, **keywords)
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def left(self) -> List[int]:
        """Processes of runs that are still there."""
        return processes_marked(self.mark)

    def wait_left(self) -> None:
        """For the end of all of them, and of what they have started meanwhile."""
        while left := self.left():
            wait_gone(left[0])

    def leases(self) -> List[Dict[str, Any]]:
        leases: List[Dict[str, Any]] = json.loads(self.status("--json"))["leases"]
        return leases

    def expect_apart(self, number: int) -> None:
        """As many leases, each with PUs and none with another's.

        The PU that a lease begins with is shared until the lease that had it has given it back.
        """

        def are_apart() -> bool:
            leases = self.leases()
            alone = [lease for lease in leases if lease["pus"] and not lease["shared"]]
            return len(leases) == len(alone) == number

        until(are_apart)

    def status(self, *arguments: str) -> str:
        return subprocess.run(
            [str(SCHEDCTL), "status", *arguments],
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        ).stdout

    def expect_clean(self) -> None:
        """No process, no directory, no lease."""
        self.wait_left()
        assert not list(self.runtime.glob("schedctl-*"))
        # The service notices a closed connection when its loop comes round: it is asked until then.
        until(lambda: "Nothing is lent." in self.status())


def idle_seconds() -> float:
    """Of the CPUs that this process may use, since the system started: in which they had nothing to
    do, or only what gives way to others."""
    ticks = 0
    with open("/proc/stat", encoding="ascii") as file:
        for line in file:
            name, *counts = line.split()
            if name[3:].isdigit() and int(name[3:]) in os.sched_getaffinity(0):
                _, nice, _, idle, iowait = map(int, counts[:5])
                ticks += nice + idle + iowait
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def idle_cpus() -> Iterator[None]:
    """Around what cannot happen while other work keeps the CPUs busy all the time."""
    idle, begin = idle_seconds(), time.monotonic()
    try:
        yield
    except (NobodyCame, subprocess.TimeoutExpired):
        if idle_seconds() - idle < 0.5 * (time.monotonic() - begin):
            pytest.skip("other work keeps the CPUs busy")
        raise


class NobodyCame(AssertionError):
    pass


class Barrier:
    """A FIFO on which what a run starts says that it is there, or waits for us to say so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR)

    def wait(self) -> None:
        """For somebody to write something."""
        ready, _, _ = select.select([self._fd], [], [], PATIENCE)
        if not ready:
            raise NobodyCame
        os.read(self._fd, 1)

    def is_there(self) -> bool:
        """Whether somebody has written something."""
        ready, _, _ = select.select([self._fd], [], [], 0)
        return bool(ready)

    def release(self, n: int = 1) -> None:
        """Lets n of those through that read a byte each."""
        os.write(self._fd, b"x" * n)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """Runs beside a service of their own, which is ready."""
    made = Runs(tmp_path)
    made.start_service()
    try:
        yield made
    finally:
        made.stop_runs()
        made.stop_services()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Does what the test says."""
    made = Service(tmp_path / "schedd.sock")
    yield made
    made.close()


@pytest.fixture
def scripted(tmp_path: Path, service: Service) -> Iterator[Runs]:
    """Runs beside that one."""
    made = Runs(tmp_path)
    yield made
    made.stop_runs()
