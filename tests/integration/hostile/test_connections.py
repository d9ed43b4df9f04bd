"""Many connections, slow ones, half-closed ones, and more than there are descriptors for."""

from __future__ import annotations

import resource
import shlex
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from service.conftest import Service, StartService
from service.varlink_client import NO_SUCH_LEASE, SCHEDULER, SERVICE, Connection, encode, error

from .conftest import (
    ATTACKER,
    BYSTANDER,
    IS_ROOT,
    Attackers,
    Bystander,
    as_root,
    connect,
    leases_of,
    memory,
    n_files,
    unharmed,
    wait_until,
)

OF_ONE_USER = 320
OF_ALL = 1024
KEPT_FOR_ROOT = 16
IDLE_BYTES = 2048  # of an idle connection; docs/robustness.md has what is measured


def is_refused(connection: Connection, limit: str) -> bool:
    """Whether the service has ended it by that limit, or goes on serving it."""
    try:
        reply = connection.exchange(SERVICE + "GetInfo")
    except (BrokenPipeError, ConnectionResetError):
        return True
    if "error" not in reply:
        return False
    assert reply["error"] == SCHEDULER + "LimitExceeded"
    assert reply["parameters"]["limit"] == limit
    assert connection.ends()
    return True


def test_a_users_connections_leave_the_others_theirs(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    with unharmed(service, bystander), attackers:
        pid = service.process.pid
        before = memory(pid)
        # Without root the bystander's three are the same user's.
        most = OF_ONE_USER if IS_ROOT else OF_ONE_USER - 3
        taken = attackers.connect(most)
        assert not any(is_refused(c, "connections per user") for c in taken)
        bystander.is_served()
        assert memory(pid) - before < (most * IDLE_BYTES) + (1 << 20)
        for refused in attackers.connect(20):
            assert is_refused(refused, "connections per user")
        bystander.is_served()


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many as all connections take at both their ends."""
    soft, hard = usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, 2 * OF_ALL)
    if wanted > hard:
        pytest.skip(f"no more than {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, usual)


@as_root
def test_a_thousand_connections_of_many_users(
    many_files: None, service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    """However many users take what they can, the next one finds something, and root anything."""
    with unharmed(service, bystander), attackers:
        counts = []
        for user in range(20):
            n = 0
            while not is_refused(
                attackers.connect(1, ATTACKER + user)[0],
                "connections per user" if n == OF_ONE_USER else "connections",
            ):
                n += 1
            counts.append(n)
        assert counts[0] == counts[1] == OF_ONE_USER
        assert counts == sorted(counts, reverse=True) and counts[5] > 0
        assert sum(counts) >= OF_ALL - KEPT_FOR_ROOT - 3 - 1
        bystander.is_served()
        with service.connect() as root:
            assert len(root.acquire(max=1)["pus"]) == 1
            assert len(leases_of(bystander.calls)) == 2
        wait_until(lambda: len(leases_of(bystander.calls)) == 1)


def test_slow_senders(service: Service, bystander: Bystander, attackers: Attackers) -> None:
    call = encode(SERVICE + "GetInfo")
    with unharmed(service, bystander), attackers:
        slow = attackers.connect(200)
        for i in range(len(call)):
            for c in slow:
                c.send_bytes(call[i : i + 1])
            if i % 16 == 0:
                bystander.is_served()
        assert all("error" not in c.expect() for c in slow)


def test_who_says_nothing_or_half_a_message(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    """Is left alone: it is its own user's connection and memory."""
    with unharmed(service, bystander), attackers:
        silent, half = attackers.connect(2)
        half.send_bytes(b'{"method": "org.var')
        bystander.is_served()
        half.send_bytes(encode(SERVICE + "GetInfo").removeprefix(b'{"method": "org.var'))
        assert "error" not in half.expect()
        assert "error" not in silent.exchange(SERVICE + "GetInfo")


def test_half_closed_gets_its_answers(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    n = 2000
    with unharmed(service, bystander), attackers:
        for c in attackers.connect(20):
            c.send_bytes(encode(SERVICE + "GetInfo") * 3)
            c.socket.shutdown(socket.SHUT_WR)
            assert all("error" not in c.expect() for _ in range(3))
            assert c.ends()
        (much,) = attackers.connect(1)

        def send() -> None:
            much.send_bytes(encode(SCHEDULER + "GetMachine") * n)
            much.socket.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        bystander.is_served()
        assert all("error" not in much.expect() for _ in range(n))
        sender.join()
        assert much.ends()


def test_half_closed_streams_end(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    with unharmed(service, bystander), attackers:
        lease, asked, monitor = attackers.connect(3)
        lease.acquire(max=1)
        lease.socket.shutdown(socket.SHUT_WR)
        assert lease.ends()
        asked.send(SCHEDULER + "Acquire", {"max": 1}, more=True)
        asked.socket.shutdown(socket.SHUT_WR)
        while asked.receive() is not None:
            pass
        monitor.send(SCHEDULER + "Monitor", more=True)
        monitor.socket.shutdown(socket.SHUT_WR)
        while monitor.receive() is not None:
            pass
        wait_until(lambda: len(leases_of(bystander.calls)) == 1)


def test_closed_for_reading(service: Service, bystander: Bystander, attackers: Attackers) -> None:
    """The service's writes fail: the connection is over, and nothing else."""
    with unharmed(service, bystander), attackers:
        for c in attackers.connect(50):
            c.send_bytes(encode(SCHEDULER + "GetMachine") * 10)
            c.socket.shutdown(socket.SHUT_RD)
        bystander.is_served()


def test_streams_closed_for_reading(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    """A lease is changed whose client cannot be told of it: it ends, and the change is answered."""
    with unharmed(service, bystander), attackers:
        (calls,) = attackers.connect(1)
        for stream in attackers.connect(20):
            grant = stream.acquire(max=2)
            named = {name: grant[name] for name in ("lease", "token")}
            calls.call(SCHEDULER + "Update", {**named, "unit": "first.scope"})
            stream.socket.shutdown(socket.SHUT_RD)
            change = {"max": 1, "priority": "batch", "unit": "second.scope"}
            assert calls.call(SCHEDULER + "Update", {**named, **change}) == {}
            assert calls.exchange(SCHEDULER + "Update", named) == NO_SUCH_LEASE
        bystander.is_served()


def test_connecting_all_the_time(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    over = threading.Event()

    def attack() -> None:
        while not over.is_set():
            try:
                Connection(service.path).close()
            except OSError:
                pass

    with unharmed(service, bystander):
        threads = [threading.Thread(target=attack) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            bystander.is_served()
            with connect(service, ATTACKER) as newcomer:
                newcomer.call(SERVICE + "GetInfo")
        over.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def narrow(start: StartService, build: Path, rundir: Path) -> Service:
    """A service that may open 100 files."""
    program = rundir / "narrow/daemon/schedd"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\nulimit -n 100\nexec {shlex.quote(str(build))}/daemon/schedd "$@"\n'
    )
    program.chmod(0o755)
    return start(build=rundir / "narrow")


def test_few_descriptors_are_few_connections(narrow: Service) -> None:
    """The service's own files are not what its clients can use up."""
    assert "at most 100 files may be open: 50 connections are taken" in narrow.log
    with ExitStack() as stack:
        bystander = Bystander(narrow)
        stack.callback(bystander.close)
        with unharmed(narrow, bystander), Attackers(narrow) as attackers:
            outcomes = [is_refused(c, "connections") for c in attackers.connect(80)]
            assert outcomes.count(False) >= (16 if IS_ROOT else 47)
            bystander.is_served()
            assert n_files(narrow.process.pid) < 90
            narrow.process.send_signal(signal.SIGHUP)
            bystander.is_served()
    assert "cannot be read" not in narrow.log and "cannot write" not in narrow.log


def test_no_descriptors(service: Service, bystander: Bystander, attackers: Attackers) -> None:
    """Taken away while it runs: who comes is turned away, who is there is served, nothing spins."""
    pid = service.process.pid
    with unharmed(service, bystander), attackers:
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        files = min(n_files(pid) for _ in range(10))  # without a sensor's that is being read
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files + 4, usual[1]))
        try:
            ended = sum(c.ends() for c in attackers.connect(40) if not serves(c))
            assert ended >= 36
            for _ in range(10):
                bystander.is_served()
            service.process.send_signal(signal.SIGHUP)
            bystander.is_served()
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
        bystander.is_served()
        with connect(service, BYSTANDER) as later:
            later.call(SERVICE + "GetInfo")
    assert service.log.count("cannot accept") <= 40


def test_fewer_descriptors_than_are_open(service: Service, bystander: Bystander) -> None:
    """Not even one to turn somebody away by: who comes waits, nothing spins, it is said once, and
    when there are descriptors again everybody is served."""
    pid = service.process.pid
    with unharmed(service, bystander), ExitStack() as stack:
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (5, usual[1]))
        try:
            coming = [stack.enter_context(connect(service, BYSTANDER)) for _ in range(20)]
            for _ in range(10):
                bystander.is_served()
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
        # The first one at least had no descriptor left; it may have been turned away by the spare.
        assert sum(serves(c) for c in coming) >= 18
    assert service.log.count("cannot accept") == 1


def serves(connection: Connection) -> bool:
    try:
        connection.send(SERVICE + "GetInfo")
        return connection.receive() is not None
    except (BrokenPipeError, ConnectionResetError):
        return False


def test_nobody_is_who_he_says(service: Service, bystander: Bystander) -> None:
    """The user is the socket's, whatever a message or a control message says."""
    with unharmed(service, bystander), connect(service, ATTACKER) as c:
        uid = ATTACKER if IS_ROOT else leases_of(bystander.calls)[0]["uid"]
        claims = {"uid": 0, "pid": 1, "user": "root", "peer": {"uid": BYSTANDER}}
        message = encode(SCHEDULER + "Acquire", {"max": 1, **claims}, more=True)
        message = message.replace(b"{", b'{"uid": 0, ', 1)
        credentials = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, (0).to_bytes(4, "little"))]
        c.socket.sendmsg([message], credentials)
        c.grant()
        found = {lease["lease"]: lease["uid"] for lease in leases_of(bystander.calls)}
        assert found.pop(bystander.lease["lease"]) in (BYSTANDER, uid)
        assert list(found.values()) == [uid]
        if IS_ROOT:
            reply = c_reload(service)
            assert reply == error(SCHEDULER + "NotPermitted")


def c_reload(service: Service) -> object:
    with connect(service, ATTACKER) as c:
        return c.exchange(SCHEDULER + "Reload", {"uid": 0})
