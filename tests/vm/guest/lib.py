"""What the guest's tests share: commands, the system's service, runs that wait to be let go on."""

from __future__ import annotations

import fcntl
import os
import pwd
import select
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence

from service.varlink_client import SCHEDULER, Connection

SOCKET = Path("/run/schedd/schedd.sock")
SECONDS = 120.0  # what any one thing may take here
UNIT = "schedd.service"


class Skip(Exception):
    """Raised by a test that cannot be run here: why."""


def as_user(user: str, command: Sequence[str]) -> list[str]:
    """The command as a user whose manager runs (lingering()), or might."""
    if user == "root":
        return list(command)
    runtime = f"/run/user/{pwd.getpwnam(user).pw_uid}"
    bus = f"DBUS_SESSION_BUS_ADDRESS=unix:path={runtime}/bus"
    where = (f"XDG_RUNTIME_DIR={runtime}", bus, f"HOME=/home/{user}")
    return ["runuser", "-u", user, "--", "env", *where, *command]


def sh(*command: str, user: str = "root", status: int | None = 0) -> str:
    """What the command prints on both outputs. status: how it has to end; None: as it likes."""
    done = subprocess.run(
        as_user(user, command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        cwd="/",
    )
    said = f"{' '.join(command)}: {done.returncode}: {done.stdout}"
    assert status is None or done.returncode == status, said
    return done.stdout


def until(what: str, happened: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Asks again and again until the answer is true, and returns it: for what tells nobody."""
    deadline = time.monotonic() + seconds
    while not (answer := happened()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)
    return answer


def unit(name: str, *properties: str, user: str = "root") -> dict[str, str]:
    manager = () if user == "root" else ("--user",)
    wanted = f"--property={','.join(properties)}"
    lines = sh("systemctl", *manager, "show", wanted, name, user=user).splitlines()
    return dict(line.split("=", 1) for line in lines)


def drop_in(name: str, text: str) -> None:
    """Adds to the service's unit, as an administrator does. Without text: takes it out again."""
    path = Path(f"/run/systemd/system/{UNIT}.d/{name}.conf")
    path.parent.mkdir(parents=True, exist_ok=True)
    if text:
        path.write_text(text)
    else:
        path.unlink()
    sh("systemctl", "daemon-reload")


def enable() -> None:
    """Puts the installed system's units into operation, as the README says; again is no harm."""
    if unit("schedd.socket", "ActiveState")["ActiveState"] != "active":
        sh("systemd-sysusers")
        sh("systemctl", "daemon-reload")
        sh("systemctl", "enable", "--now", "schedd.socket")


def call(method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    with Connection(SOCKET) as connection:
        reply: dict[str, Any] = connection.call(SCHEDULER + method, parameters)
        return reply


def leases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call("GetStatus")["leases"]
    return found


def all_back() -> None:
    """After a run's end: the service hears of it when its loop comes round."""
    until("all CPUs are back", lambda: not leases())


def cpus(text: str) -> set[int]:
    """The kernel's cpulist form."""
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def allowed(pid: int) -> set[int]:
    """As the kernel has it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("Cpus_allowed_list:"):
            return cpus(line.split(":")[1])
    raise AssertionError(f"/proc/{pid}/status")


def core_of(cpu: int) -> int:
    """Its core, by the first of the core's CPUs."""
    siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return min(cpus(siblings.read_text()))


def online() -> set[int]:
    return cpus(Path("/sys/devices/system/cpu/online").read_text())


def lingering(user: str) -> None:
    """The user's manager runs, without anybody being logged in."""
    sh("loginctl", "enable-linger", user)
    uid = pwd.getpwnam(user).pw_uid
    bus = Path(f"/run/user/{uid}/bus")
    until(f"{user}'s manager is up", bus.exists)


TESTS = """
import fcntl, os, pytest

{preamble}

@pytest.mark.parametrize("n", range({n}))
def test(n):
    with open("arrived", "w") as arrived, open("gate") as gate:
        arrived.write("%d %d\\n" % (n, os.getpid()))
        arrived.flush()
        fcntl.flock(gate, fcntl.LOCK_SH)
"""


class Run:
    """`schedctl run` of a suite whose tests tell that they have begun, and wait to be let go on."""

    def __init__(
        self,
        tests: int,
        workers: int,
        *options: str,
        user: str = "root",
        prefix: Iterable[str] = (),
        preamble: str = "",
    ) -> None:
        """prefix: a command that runs schedctl; preamble: Python that comes before the tests."""
        self.tests = tests
        self.pids: dict[int, int] = {}
        self.times = [0] * tests
        self.folder = Path(tempfile.mkdtemp(prefix="run-"))
        self._make(user, preamble)
        limits = ("-w", str(workers), "--max", str(workers))
        pytest = ("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests.py")
        command = [*prefix, "schedctl", "run", *limits, *options, "--", *pytest]
        with (self.folder / "out").open("w") as out:
            self.process = subprocess.Popen(
                as_user(user, command),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _make(self, user: str, preamble: str) -> None:
        (self.folder / "tests.py").write_text(TESTS.format(n=self.tests, preamble=preamble))
        os.mkfifo(self.folder / "arrived")
        self._arrived = os.open(self.folder / "arrived", os.O_RDWR | os.O_NONBLOCK)
        self._gate = os.open(self.folder / "gate", os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        for path in (self.folder, *self.folder.iterdir()):
            os.chown(path, pwd.getpwnam(user).pw_uid, -1)

    def hear(self, tests: int) -> dict[int, int]:
        """Waits until so many tests have begun, and no longer than SECONDS; their workers' pids."""
        deadline = time.monotonic() + SECONDS
        rest = b""
        while len(self.pids) < tests:
            left = deadline - time.monotonic()
            ready = select.select([self._arrived], [], [], max(0, left))[0]
            assert ready, f"{len(self.pids)} of {tests} tests have begun: {self.said()}"
            *lines, rest = (rest + os.read(self._arrived, 65536)).split(b"\n")
            for line in lines:
                n, pid = map(int, line.split())
                self.pids[n] = pid
                self.times[n] += 1
        return self.pids

    def masks(self) -> list[set[int]]:
        """Where the kernel lets each worker run that has begun a test."""
        return [allowed(pid) for pid in sorted(set(self.pids.values()))]

    def said(self) -> str:
        return (self.folder / "out").read_text()

    def let_go_on(self) -> None:
        fcntl.flock(self._gate, fcntl.LOCK_UN)

    def finish(self) -> str:
        """Lets the tests end; all of them must have passed, each once. What the run printed."""
        self.let_go_on()
        self.hear(self.tests)
        status = self.process.wait(SECONDS)
        said = self.said()
        assert status == 0, f"{status}: {said}"
        assert f"{self.tests} passed" in said, said
        assert self.times == [1] * self.tests, f"run so many times: {self.times}"
        self.close()
        return said

    def close(self) -> None:
        if self._gate < 0:
            return
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._arrived)
        os.close(self._gate)
        self._gate = -1

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind:
            self.close()


def double(leases: list[dict[str, Any]]) -> set[int]:
    """PUs that more than one lease has to itself."""
    seen: set[int] = set()
    twice: set[int] = set()
    for lease in leases:
        own = set(lease["pus"]) - set(lease["shared"])
        twice |= own & seen
        seen |= own
    return twice


class Watch:
    """Looks on from the side, whichever service answers: whether a PU is ever lent twice."""

    def __init__(self) -> None:
        self.looks = 0
        self.services: set[int] = set()
        self.wrong: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                with Connection(SOCKET) as connection:
                    self._stream(connection)
            except (OSError, AssertionError):
                self._over.wait(0.05)  # between two services

    def _stream(self, connection: Connection) -> None:
        connection.send(SCHEDULER + "Monitor", {"intervalMs": 100}, more=True)
        while not self._over.is_set():
            status = connection.expect()["parameters"]["status"]
            self.looks += 1
            self.services.add(status["pid"])
            twice = double(status["leases"])
            if twice:
                self.wrong.append(f"{sorted(twice)}: {status['leases']}")

    def __enter__(self) -> Watch:
        self._thread.start()
        until("the first look", lambda: self.looks)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if not kind:
            assert not self.wrong, "lent twice: " + "; ".join(self.wrong)
