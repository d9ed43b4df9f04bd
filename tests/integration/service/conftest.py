"""What the service's tests share: the built programs, a place for sockets, services that end."""

from __future__ import annotations

import os
import queue
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from .varlink_client import PATIENCE, SCHEDULER, Connection

SOURCE = Path(__file__).resolve().parents[3]
# A user who is nobody else on the machine.
STRANGER = 61234
as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs a second user")
# Nothing is kept for whoever sits at the machine that the tests run on.
NO_RESERVE = "[Headroom]\nReserve=0\n"
# Eight PUs on four cores, whatever the machine that runs the tests has.
EIGHT_PUS = "core:4 pu:2"


@pytest.fixture(scope="session")
def build() -> Path:
    return Path(os.environ["SCHEDCTL_BUILD"])


@pytest.fixture(scope="session")
def source() -> Path:
    return SOURCE


@pytest.fixture
def rundir() -> Iterator[Path]:
    """A private folder with a path short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="schedctl-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def socket_path(rundir: Path) -> Path:
    return rundir / "s"


def wait_gone(pid: int) -> None:
    """Waits for a process that is not our child."""
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


def stop_service(path: Path) -> None:
    """Ends whatever service answers at the path."""
    try:
        with Connection(path) as connection:
            pid: int = connection.call(SCHEDULER + "GetStatus")["pid"]
    except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, AssertionError):
        return
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    wait_gone(pid)


@pytest.fixture
def env(build: Path, tmp_path: Path, socket_path: Path) -> Iterator[dict[str, str]]:
    """An environment for clients that start their service on demand, which ends with the test."""
    without = ("XDG_RUNTIME_DIR", "NOTIFY_SOCKET")
    env = {k: v for k, v in os.environ.items() if k not in without and not k.startswith("SCHEDCTL")}
    env["SCHEDCTL_SOCKET"] = str(socket_path)
    env["XDG_CONFIG_HOME"] = str(tmp_path)
    (tmp_path / "schedctl").mkdir()
    (tmp_path / "schedctl/schedd.conf").write_text(NO_RESERVE)
    env["SCHEDCTL_SCHEDD"] = str(build / "daemon/schedd")
    yield env
    stop_service(socket_path)


class Datagrams:
    """What is sent to a socket, in order. All of it is taken at once, as the manager and the
    journal do: few datagrams may wait, and with them whoever sends the next one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._taken: queue.Queue[bytes] = queue.Queue()
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        while data := self._socket.recv(65536):
            self._taken.put(data)

    def next(self) -> bytes:
        return self._taken.get(timeout=PATIENCE)

    def drain(self) -> list[bytes]:
        """Everything that has been sent until now."""
        here, found = b"until here", []
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(here, str(self.path))
        while (data := self.next()) != here:
            found.append(data)
        return found

    def close(self) -> None:
        if self._socket.fileno() < 0:
            return
        self._socket.shutdown(socket.SHUT_RD)
        self._thread.join()
        self._socket.close()
        self.path.unlink()


class Notifications(Datagrams):
    """The service manager's end of sd_notify()."""

    def wait_for(self, field: str) -> dict[str, str]:
        while True:
            lines = self.next().decode().splitlines()
            fields = dict(line.split("=", 1) for line in lines)
            if field in fields:
                return fields

    def wait_for_status(self, status: str) -> None:
        while self.wait_for("STATUS")["STATUS"] != status:
            pass


class Service:
    """A schedd that the test has started itself; ready when this is made.

    NO_RESERVE is its configuration, unless the options name another, or a root.
    """

    def __init__(self, build: Path, path: Path, *options: str, **env: str) -> None:
        self.path = path
        self.notifications = Notifications(path.with_name(path.name + ".notify"))
        self.log_path = path.with_name(path.name + ".err")
        if not {"--config", "--root"} & set(options):
            config = path.with_name("config." + path.name)
            config.write_text(NO_RESERVE)
            options = ("--config", str(config), *options)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [build / "daemon/schedd", "--socket", path, "--log-level", "debug", *options],
                env={**os.environ, "NOTIFY_SOCKET": str(self.notifications.path), **env},
                stderr=log,
            )
        self.notifications.wait_for("READY")

    def connect(self) -> Connection:
        return Connection(self.path)

    def connect_as(self, uid: int) -> Connection:
        """Needs root. The service lets everybody in from now on, as the system's does."""
        self.path.chmod(0o666)
        self.path.parent.chmod(0o711)
        os.seteuid(uid)
        try:
            return Connection(self.path)
        finally:
            os.seteuid(0)

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(PATIENCE)
        if self.notifications.path.exists():
            self.notifications.close()
        return status


StartService = Callable[..., Service]


@pytest.fixture
def start(build: Path, socket_path: Path) -> Iterator[StartService]:
    """Starts services: start(*options, path=…, **environment). Eight PUs unless told otherwise."""
    services: list[Service] = []

    def start_one(
        *options: str, path: Path = socket_path, build: Path = build, **env: str
    ) -> Service:
        service = Service(build, path, *options, **{"HWLOC_SYNTHETIC": EIGHT_PUS, **env})
        services.append(service)
        return service

    yield start_one
    for service in services:
        status = service.end()
        # Leaks and undefined behaviour that a sanitizer found end the service with its own status.
        assert status in (0, -signal.SIGKILL), service.log


@pytest.fixture
def service(start: StartService) -> Service:
    return start()


@pytest.fixture
def connection(service: Service) -> Iterator[Connection]:
    with service.connect() as connection:
        yield connection
