"""What the tests of hostile and unlucky clients share: attackers, a bystander who goes on being
served, and the service's own health afterwards. The services are those of service/."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from service.conftest import (  # noqa: F401  (fixtures)
    Service,
    StartService,
    as_root,
    build,
    connection,
    rundir,
    service,
    socket_path,
    source,
    start,
)
from service.conftest import env as plain_env  # noqa: F401
from service.varlink_client import PATIENCE, SCHEDULER, SERVICE, Connection, Json

__all__ = ["as_root", "build", "connection", "env", "rundir", "service", "socket_path", "source"]
__all__ += ["start"]

IS_ROOT = os.getuid() == 0
# Users who are nobody else on the machine; without root everybody is the one user there is.
BYSTANDER = 61_300
ATTACKER = 61_400
# Of the C library's allocator, which keeps some of what was freed; and of what the service keeps by
# itself: its sensors' readings, its log's buffer.
KEPT = 8 << 20


# Runs are as nice as the tests are: what else the machine does would keep nicer ones waiting.
CONFIGURATION = "[Headroom]\nReserve=0\nPolicy=performance\n"


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    path = tmp_path / "runs.conf"
    path.write_text(CONFIGURATION)
    return path


@pytest.fixture
def env(plain_env: dict[str, str], tmp_path: Path) -> dict[str, str]:  # noqa: F811
    (tmp_path / "schedctl/schedd.conf").write_text(CONFIGURATION)
    return plain_env


def connect(service: Service, uid: int) -> Connection:
    """Waits where many others are to be accepted first, which Python's sockets with a time limit do
    not by themselves."""
    for _ in range(100 * PATIENCE):
        try:
            return service.connect_as(uid) if IS_ROOT else service.connect()
        except BlockingIOError:
            time.sleep(0.01)
    raise AssertionError("nobody accepts")


class Bystander:
    """A well-behaved client with a lease of up to two PUs, who watches the service and asks it."""

    def __init__(self, service: Service, uid: int = BYSTANDER) -> None:
        self.stack = ExitStack()
        self.calls, self.stream, self.monitor = (
            self.stack.enter_context(connect(service, uid)) for _ in range(3)
        )
        grant = self.stream.acquire(max=2)
        self.lease = {"lease": grant["lease"], "token": grant["token"]}
        self.wanted = 2
        self.held = grant["pus"]
        self.monitor.send(SCHEDULER + "Monitor", {"intervalMs": 100}, more=True)

    def is_served(self) -> None:
        """Every kind of service: an answer, a change of its lease that is granted, and a report."""
        assert "interfaces" in self.calls.call(SERVICE + "GetInfo")
        self.wanted = 3 - self.wanted
        self.calls.call(SCHEDULER + "Update", {**self.lease, "max": self.wanted})
        if self.wanted == 1:
            self.give_back()
        while len(self.held) > self.wanted or not self.held:
            self.take_grant()
        found = self.monitor.expect()["parameters"]["status"]["leases"]
        assert self.lease["lease"] in [lease["lease"] for lease in found]
        assert_lent_once(found)

    def take_grant(self) -> Json:
        grant = self.stream.grant()
        self.held = grant["pus"]
        if "wanted" in grant:
            self.give_back(grant)
        return grant

    def give_back(self, grant: Json | None = None) -> None:
        pus = grant["wanted"]["pus"] if grant else self.held[1:]
        parameters = {**self.lease, "generation": 2**62, "pus": pus}
        self.calls.call(SCHEDULER + "Return", parameters)
        self.held = [pu for pu in self.held if pu not in pus]

    def close(self) -> None:
        self.stack.close()


def assert_lent_once(leases: list[Json]) -> None:
    """No PU has two holders beside those it is lent to as a shared one."""
    holders = [pu for lease in leases for pu in set(lease["pus"]) - set(lease["shared"])]
    assert len(holders) == len(set(holders)), leases


@pytest.fixture
def bystander(service: Service) -> Iterator[Bystander]:
    made = Bystander(service)
    yield made
    made.close()


def n_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory(pid: int) -> int:
    """Bytes resident; 0 where a sanitizer's are not the program's own."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    if int(fields[0]) * 4096 > 1 << 40:
        return 0
    return int(fields[1]) * 4096


def leases_of(connection: Connection) -> list[Json]:
    found: list[Json] = connection.call(SCHEDULER + "GetStatus")["leases"]
    return found


def wait_until(true: Callable[[], bool]) -> None:
    """For what nobody tells: asked in between, and not for ever."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "that does not come about"
        time.sleep(0.01)


@contextmanager
def unharmed(service: Service, bystander: Bystander) -> Iterator[None]:
    """Around an attack: the bystander is served before and after it, and what the service had to
    open and to remember for it is gone."""
    bystander.is_served()
    pid = service.process.pid
    files, before = n_files(pid), memory(pid)
    yield
    bystander.is_served()
    wait_until(lambda: n_files(pid) <= files)
    bystander.is_served()
    assert len(leases_of(bystander.calls)) == 1
    assert memory(pid) <= before + KEPT
    assert service.process.poll() is None


class Attackers:
    """Connections of one user after the other, closed together."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.stack = ExitStack()

    def connect(self, n: int, uid: int = ATTACKER) -> list[Connection]:
        return [self.stack.enter_context(connect(self.service, uid)) for _ in range(n)]

    def __enter__(self) -> "Attackers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()


@pytest.fixture
def attackers(service: Service) -> Iterator[Attackers]:
    with Attackers(service) as made:
        yield made
