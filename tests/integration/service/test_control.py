"""Control and Update: priorities, pauses, weights, cgroups; and who may do what to whose leases."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from .conftest import NO_RESERVE, STRANGER, Service, StartService, as_root
from .varlink_client import NO_SUCH_LEASE, PATIENCE, SCHEDULER, Connection, Json, invalid

EIGHT = set(range(8))
OTHER = STRANGER + 1


def named(grant: Json, **more: object) -> Json:
    return {"lease": grant["lease"], "token": grant["token"], **more}


def control(connection: Connection, grant: Json, **what: object) -> Json:
    return connection.exchange(SCHEDULER + "Control", {"lease": grant["lease"], **what})


def status(service: Service) -> "list[Json]":
    with service.connect() as connection:
        found: list[Json] = connection.call(SCHEDULER + "GetStatus")["leases"]
        return found


class Sharers:
    """Leases whose holders give back at once what is wanted of them."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.calls: "dict[Connection, Connection]" = {}
        self.tokens: "dict[Connection, str]" = {}
        self.names: "dict[Connection, str]" = {}

    def add(self, stream: Connection, grant: Json, uid: "int | None" = None) -> None:
        """A stream's first grant, and whose it is where that is not the tests' user."""
        self.calls[stream] = self.service.connect_as(uid) if uid else self.service.connect()
        self.tokens[stream] = grant["token"]
        self.names[stream] = grant["lease"]
        self.answer(stream, grant)

    def close(self) -> None:
        for connection in self.calls.values():
            connection.close()

    def answer(self, stream: Connection, grant: Json) -> None:
        if grant.get("wanted"):
            returned = {"generation": grant["generation"], "pus": grant["wanted"]["pus"]}
            lease = {"lease": self.names[stream], "token": self.tokens[stream]}
            self.calls[stream].call(SCHEDULER + "Return", {**lease, **returned})

    def counts(self) -> "list[int]":
        """PUs that each holds and shares with nobody, in the order of adding."""
        found = {lease["lease"]: lease for lease in status(self.service)}
        held = [found[name] for name in self.names.values()]
        return [len(set(lease["pus"]) - set(lease["shared"])) for lease in held]

    def settle(self, reached: "Callable[[list[int]], bool]") -> None:
        """Answers until the counts are as they should be."""
        while not reached(self.counts()):
            readable = [stream for stream in self.names if b"\0" in stream.buffer]
            if not readable:
                ready, _, _ = select.select([s.socket for s in self.names], [], [], PATIENCE)
                readable = [stream for stream in self.names if stream.socket in ready]
            assert readable, f"comes to rest at {self.counts()}"
            for stream in readable:
                self.answer(stream, stream.grant())


@pytest.fixture
def sharers(service: Service) -> "Iterator[Sharers]":
    sharers = Sharers(service)
    yield sharers
    sharers.close()


# Control.


def test_control(service: Service) -> None:
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(weight=5)
        (lease,) = status(service)
        assert (lease["priority"], lease["weight"], lease["paused"]) == ("normal", 5, False)
        assert control(calls, grant, priority="batch") == {"parameters": {}}
        assert control(calls, grant, weight=70) == {"parameters": {}}
        (lease,) = status(service)
        assert (lease["priority"], lease["weight"], lease["paused"]) == ("batch", 70, False)
        assert control(calls, grant) == {"parameters": {}}


@pytest.mark.parametrize(
    ("name", "value"),
    [("priority", "urgent"), ("priority", 1), ("weight", 0), ("weight", 10001), ("paused", 1)],
)
def test_control_refuses_by_name(service: Service, name: str, value: object) -> None:
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire()
        assert control(calls, grant, **{name: value}) == invalid(name)
        assert calls.exchange(SCHEDULER + "Control", {"weight": 1}) == invalid("lease")


def test_control_of_no_lease(connection: Connection) -> None:
    assert connection.exchange(SCHEDULER + "Control", {"lease": "1"}) == NO_SUCH_LEASE


def test_pause(service: Service, sharers: Sharers) -> None:
    """Everything is wanted back, goes to others, and comes again."""
    with service.connect() as a, service.connect() as b, service.connect() as calls:
        first = a.acquire()
        control(calls, first, paused=True)
        asked = a.grant()
        assert asked["paused"] is True and set(asked["wanted"]["pus"]) == EIGHT
        assert asked["wanted"]["reason"] == "paused"
        back = named(first, generation=asked["generation"], pus=asked["wanted"]["pus"])
        calls.call(SCHEDULER + "Return", back)
        while "wanted" in (empty := a.grant()):  # after a second it has asked again
            pass
        assert empty["pus"] == [] and empty["paused"] is True
        assert (status(service)[0]["paused"], status(service)[0]["reason"]) == (True, "paused")
        second = b.acquire()
        assert set(second["pus"]) == EIGHT
        control(calls, first, paused=False)
        again = a.grant()
        assert len(again["pus"]) == 1 and "paused" not in again
        sharers.add(b, second)
        sharers.add(a, {**again, "token": first["token"]})
        sharers.settle(lambda counts: counts == [4, 4])


def test_niceness_follows_the_priority(service: Service) -> None:
    with service.connect() as a, service.connect() as calls:
        lease = a.acquire()
        before = lease.get("nice")
        control(calls, lease, priority="batch")
        while (now := a.grant()).get("nice") != 19:
            pass
        assert now["pus"] == lease["pus"]
        control(calls, lease, priority="normal")
        while a.grant().get("nice") != before:
            pass


def test_paused_from_the_first_wait(service: Service) -> None:
    """A lease that waits is paused and goes on waiting where it was left."""
    with service.connect() as a, service.connect() as b, service.connect() as calls:
        first = a.acquire(min=8)
        waiting = b.acquire(priority="batch")
        assert waiting["nice"] == 19
        assert waiting["pus"] == [] and waiting["position"] == 1
        control(calls, waiting, paused=True)
        while not (now := b.grant()).get("paused"):
            pass
        assert now["pus"] == []
        a.close()
        control(calls, waiting, paused=False)
        while set(now["pus"]) != EIGHT:
            now = b.grant()
        assert first["lease"] != now["lease"]


def test_priority_weight_and_pause_survive_a_restart(start: StartService) -> None:
    service = start()
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(weight=42, priority="interactive")
        control(calls, grant, paused=True)
        a.grant()
        service.end(signal.SIGKILL)
    service = start()
    (lease,) = status(service)
    assert (lease["weight"], lease["priority"], lease["paused"]) == (42, "interactive", True)
    with service.connect() as a:
        claim = named(grant, generation=grant["generation"], pus=grant["pus"])
        a.send(SCHEDULER + "Claim", claim, more=True)
        assert a.grant()["paused"] is True


# Update.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min", 0),
        ("max", 4097),
        ("weight", 0),
        ("priority", "urgent"),
        ("slots", -1),
        ("memoryPerWorker", "1G"),
        ("workRate", "fast"),
        ("workRate", -1),
        ("endsInMs", -1),
        ("endsInMs", 1.5),
        ("endsInMs", 2**62),
        ("allowed", "3-1"),
        ("quota", -1),
        ("cgroup", 7),
        ("cgroup", "x" * 4097),
    ],
)
def test_update_refuses_by_name(service: Service, name: str, value: object) -> None:
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire()
        assert calls.exchange(SCHEDULER + "Update", named(grant, **{name: value})) == invalid(name)


def test_nulls_change_nothing(service: Service) -> None:
    names = ("min", "max", "weight", "priority", "slots", "memoryPerWorker", "workRate")
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(max=3, weight=9, priority="batch", quota=3, cgroup="/g")
        before = {**status(service)[0], "ageMs": 0}
        more = dict.fromkeys((*names, "endsInMs", "allowed", "quota", "cgroup"))
        calls.call(SCHEDULER + "Update", named(grant, **more))
        control(calls, grant, priority=None, weight=None, paused=None)
        assert {**status(service)[0], "ageMs": 0} == before


def test_reports(service: Service) -> None:
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire()
        assert not {"workRate", "endsInMs"} & status(service)[0].keys()
        calls.call(SCHEDULER + "Update", named(grant, workRate=2.5, endsInMs=1_000_000))
        (lease,) = status(service)
        assert lease["workRate"] == 2.5 and 0 < lease["endsInMs"] <= 1_000_000
        calls.call(SCHEDULER + "Update", named(grant, workRate=0))
        (lease,) = status(service)
        assert lease["workRate"] == 0 and 0 < lease["endsInMs"] <= 1_000_000


def test_a_report_is_no_change(service: Service, socket_path: Path) -> None:
    """Nothing is recorded and nobody is told: the allocator has not been asked."""
    record = socket_path.with_name("s.state")
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(max=3, weight=9)
        far = 1_000_000  # an eighth of it is more than this test takes
        calls.call(SCHEDULER + "Update", named(grant, endsInMs=far))
        size = record.stat().st_size
        for i in range(100):
            calls.call(SCHEDULER + "Update", named(grant, workRate=i, endsInMs=far + i))
            calls.call(SCHEDULER + "Update", named(grant, max=3, weight=9, priority="normal"))
        assert record.stat().st_size == size
        calls.call(SCHEDULER + "Update", named(grant, max=2))
        assert record.stat().st_size > size
        assert a.grant()["wanted"]


def test_an_end_that_moved_far_is_a_change(service: Service) -> None:
    """Somebody who waits hears until when."""
    with service.connect() as a, service.connect() as b, service.connect() as calls:
        grant = a.acquire(min=8)
        calls.call(SCHEDULER + "Update", named(grant, endsInMs=600_000))
        waiting = b.acquire(priority="batch")
        assert waiting["position"] == 1
        while not 500_000 < waiting.get("expectedMs", 0) <= 600_000:
            waiting = b.grant()
        calls.call(SCHEDULER + "Update", named(grant, endsInMs=100_000))
        while not 0 < waiting["expectedMs"] <= 100_000:
            waiting = b.grant()
        assert 0 < status(service)[1]["expectedMs"] <= 100_000


def test_allowed_changes(service: Service, sharers: Sharers) -> None:
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(allowed="0-3")
        assert set(grant["pus"]) == {0, 1, 2, 3}
        calls.call(SCHEDULER + "Update", named(grant, allowed="2-5"))
        sharers.add(a, grant)
        while set(status(service)[0]["pus"]) != {2, 3, 4, 5}:
            sharers.answer(a, a.grant())


def test_quota_changes(service: Service, sharers: Sharers) -> None:
    """quota 0: none any more. Another lease of the group is bounded with it."""
    with service.connect() as a, service.connect() as b, service.connect() as calls:
        first = a.acquire(quota=2, cgroup="/g")
        assert len(first["pus"]) == 2
        calls.call(SCHEDULER + "Update", named(first, quota=4))
        assert len(a.grant()["pus"]) == 4
        second = b.acquire(quota=4, cgroup="/g", max=5)
        sharers.add(a, first)
        sharers.add(b, second)
        sharers.settle(lambda counts: counts == [2, 2])
        calls.call(SCHEDULER + "Update", named(second, cgroup="/h"))
        sharers.settle(lambda counts: counts == [4, 4])
        calls.call(SCHEDULER + "Update", named(first, max=1))
        sharers.settle(lambda counts: counts == [1, 4])
        calls.call(SCHEDULER + "Update", named(second, quota=0))
        sharers.settle(lambda counts: counts == [1, 5])


# Users.


@as_root
def test_others_leases_are_none(service: Service) -> None:
    with service.connect_as(STRANGER) as a, service.connect_as(OTHER) as b:
        grant = a.acquire(label="secret")
        assert control(b, grant, weight=1) == NO_SUCH_LEASE
        assert control(b, grant) == NO_SUCH_LEASE
        (lease,) = b.call(SCHEDULER + "GetStatus")["leases"]
        assert "label" not in lease and lease["weight"] == 100
        with service.connect_as(STRANGER) as same, service.connect() as root:
            assert control(same, grant, weight=2) == {"parameters": {}}
            assert control(root, grant, priority="batch") == {"parameters": {}}
            assert same.call(SCHEDULER + "GetStatus")["leases"][0]["label"] == "secret"
            assert root.call(SCHEDULER + "GetStatus")["leases"][0]["weight"] == 2


@as_root
def test_shares_are_users_first(service: Service, sharers: Sharers) -> None:
    """However many leases a user has, another has as much in sum."""
    with ExitStack() as stack:
        one = stack.enter_context(service.connect_as(OTHER))
        sharers.add(one, one.acquire(), OTHER)
        for _ in range(3):
            stream = stack.enter_context(service.connect_as(STRANGER))
            sharers.add(stream, stream.acquire(), STRANGER)
        sharers.settle(lambda n: n[0] == 4 and sorted(n[1:]) == [1, 1, 2])


@as_root
def test_users_weights(start: StartService, rundir: Path) -> None:
    config = rundir / "schedd.conf"
    config.write_text(f"{NO_RESERVE}[Users]\n{STRANGER}=300\n")
    service = start("--config", str(config))
    with ExitStack() as stack:
        sharers = stack.enter_context(closing(Sharers(service)))
        a = stack.enter_context(service.connect_as(STRANGER))
        b = stack.enter_context(service.connect_as(OTHER))
        sharers.add(a, a.acquire(), STRANGER)
        sharers.add(b, b.acquire(), OTHER)
        sharers.settle(lambda counts: counts == [6, 2])
        config.write_text(f"{NO_RESERVE}[Users]\n{STRANGER}=100\n{OTHER}=700\n")
        with service.connect() as root:
            root.call(SCHEDULER + "Reload")
        sharers.settle(lambda counts: counts == [1, 7])


@as_root
def test_users_weights_that_changed_while_no_service_was_there(
    start: StartService, rundir: Path
) -> None:
    config = rundir / "schedd.conf"
    config.write_text(NO_RESERVE)
    service = start("--config", str(config))
    with service.connect_as(STRANGER) as a, service.connect_as(OTHER) as b:
        grants = {STRANGER: a.acquire(max=4, allowed="0-3"), OTHER: b.acquire()}
        service.end(signal.SIGKILL)
    config.write_text(f"{NO_RESERVE}[Users]\n{STRANGER}=700\n")
    service = start("--config", str(config))
    with ExitStack() as stack:
        sharers = stack.enter_context(closing(Sharers(service)))
        calls = stack.enter_context(service.connect_as(STRANGER))
        for uid, grant in grants.items():
            stream = stack.enter_context(service.connect_as(uid))
            claim = named(grant, generation=grant["generation"], pus=grant["pus"])
            stream.send(SCHEDULER + "Claim", claim, more=True)
            sharers.add(stream, {**stream.grant(), "token": grant["token"]}, uid)
        calls.call(SCHEDULER + "Update", named(grants[STRANGER], max=8, allowed="0-7"))
        sharers.settle(lambda counts: counts == [7, 1])


# The client's library.


def test_public_library(start: StartService, build: Path, env: "dict[str, str]") -> None:
    """Niceness and a pause as programs in C see them; what is paused holds nothing."""
    mine = sorted(os.sched_getaffinity(0))[:2]
    if mine != [0, 1]:
        pytest.skip("needs the CPUs 0 and 1")
    service = start(HWLOC_SYNTHETIC="core:2 pu:1")
    with subprocess.Popen(
        [build / "tests/hold"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as hold, service.connect() as calls:
        assert hold.stdin and hold.stdout
        assert hold.stdout.readline() == "held 0 1 wanted slots 0 1 nice 14\n"
        control(calls, {"lease": "1"}, paused=True)
        assert hold.stdout.readline() == "held 0 1 wanted 0 1 slots 0 1 paused nice 14\n"
        for pu in mine:
            hold.stdin.write(f"return {pu}\n")
            hold.stdin.flush()
        while hold.stdout.readline() != "held wanted slots 0 1 paused nice 14\n":
            pass
        assert status(service)[0]["pus"] == []
        control(calls, {"lease": "1"}, paused=False)
        assert hold.stdout.readline() == "held 0 1 wanted slots 0 1 nice 14\n"
        hold.stdin.close()
        assert hold.wait(PATIENCE) == 0


class Drive:
    """tests/drive: a lease of the library's."""

    def __init__(self, build: Path, env: "dict[str, str]") -> None:
        self.process = subprocess.Popen(
            [build / "tests/drive"],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pus = self.read()[1]

    def read(self) -> "tuple[str, set[int]]":
        assert self.process.stdout
        result, *pus = self.process.stdout.readline().split()
        return result, set(map(int, pus))

    def __call__(self, command: str) -> str:
        assert self.process.stdin
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        result, self.pus = self.read()
        return result


@pytest.fixture
def drive(build: Path, service: Service, env: "dict[str, str]") -> Iterator[Drive]:
    drive = Drive(build, env)
    yield drive
    _, err = drive.process.communicate(timeout=PATIENCE)
    assert drive.process.returncode == 0, err


def test_library_reports(drive: Drive, service: Service) -> None:
    assert drive("report 1.5 60000") == "0"
    (lease,) = status(service)
    assert lease["workRate"] == 1.5 and 0 < lease["endsInMs"] <= 60_000
    assert drive("report nan 0") == "EINVAL" and drive("report -1 0") == "EINVAL"
    assert status(service)[0]["workRate"] == 1.5


def test_library_sets_the_priority(drive: Drive, service: Service) -> None:
    for number, priority in enumerate(("normal", "batch", "interactive")):
        assert drive(f"priority {number}") == "0"
        assert status(service)[0]["priority"] == priority
    assert drive("priority 3") == "EINVAL"


def test_library_reads_a_stream(drive: Drive) -> None:
    assert drive("monitor") == "1"


def test_library_without_a_service(drive: Drive, service: Service) -> None:
    service.end(signal.SIGKILL)
    service.path.unlink()
    assert drive("monitor") == "ENOENT"
    assert drive("report 1 1") == "ENOTCONN"


def test_library_does_not_take_its_own_pinning_for_a_limit(drive: Drive, service: Service) -> None:
    if len(drive.pus) < 2:
        pytest.skip("this process may use one CPU alone")
    held = drive.pus
    assert drive("refresh") == "0"
    assert drive(f"pin {min(os.sched_getaffinity(0))}") == "0"
    assert drive("refresh") == "0" and set(status(service)[0]["pus"]) == held


def test_library_tells_a_new_service_everything(
    drive: Drive, service: Service, start: StartService
) -> None:
    assert drive("refresh") == "0"
    service.end(signal.SIGKILL)
    start()
    while drive("wait") != "1":
        pass
    assert drive("refresh") == "1" and drive("refresh") == "0"


CPUSET = Path("/sys/fs/cgroup/cpuset")


@pytest.fixture
def cpuset() -> "Iterator[Callable[[int, set[int]], None]]":
    """Puts a process into a cgroup of these CPUs alone."""
    group = CPUSET / f"schedctl-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as e:
        pytest.skip(f"no cpuset cgroup can be made: {e}")
    mems = (CPUSET / "cpuset.mems").read_text()

    def confine(pid: int, cpus: "set[int]") -> None:
        (group / "cpuset.mems").write_text(mems)
        (group / "cpuset.cpus").write_text(",".join(map(str, cpus)))
        (group / "cgroup.procs").write_text(str(pid))

    yield confine
    for pid in (group / "cgroup.procs").read_text().split():
        (CPUSET / "cgroup.procs").write_text(pid)
    group.rmdir()


def test_library_follows_its_cgroup(
    cpuset: "Callable[[int, set[int]], None]", drive: Drive, service: Service
) -> None:
    """Both ways, although it has pinned itself."""
    mine = sorted(os.sched_getaffinity(0) & EIGHT)
    if len(mine) < 2 or drive.pus != set(mine):
        pytest.skip("needs two CPUs")
    drive(f"pin {mine[0]}")
    cpuset(drive.process.pid, {mine[0]})
    assert drive("refresh") == "1"
    assert drive("wait") == "1"
    (lease,) = status(service)
    cpuset(drive.process.pid, set(mine))
    assert drive("refresh") == "1"
    assert drive("refresh") == "0"
    assert set(lease["pus"]) <= set(mine)
