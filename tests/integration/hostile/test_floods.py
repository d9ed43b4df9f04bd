"""Calls without end, leases without end, and streams and replies that nobody reads."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.conftest import Service, StartService
from service.varlink_client import PATIENCE, SCHEDULER, SERVICE, Connection, Json, encode, error

from .conftest import (
    ATTACKER,
    IS_ROOT,
    Attackers,
    Bystander,
    as_root,
    connect,
    leases_of,
    memory,
    unharmed,
    wait_until,
)

MAXIMUM = 64 * 1024
OF_ONE_USER = 8 << 20  # bytes of unfinished messages and unread replies
TOO_MANY_BYTES = error(
    SCHEDULER + "LimitExceeded",
    limit="bytes of unfinished messages and unread replies",
    maximum=OF_ONE_USER,
)
LEASES_OF_ONE_USER = 128
# A machine that takes long to describe.
LARGE = "pack:8 core:64 pu:2"


@contextmanager
def stopped(service: Service) -> Iterator[None]:
    """What is sent meanwhile is all there when the service goes on."""
    service.process.send_signal(signal.SIGSTOP)
    try:
        os.waitpid(service.process.pid, os.WUNTRACED)
        yield
    finally:
        service.process.send_signal(signal.SIGCONT)


def n_answered(connections: list[Connection]) -> int:
    """Replies that have arrived and were not looked at."""
    n = 0
    for c in connections:
        c.socket.setblocking(False)
        try:
            while data := c.socket.recv(1 << 20):
                n += data.count(b"\0")
        except BlockingIOError:
            pass
        c.socket.settimeout(PATIENCE)
    return n


@as_root
def test_a_flood_of_calls_is_answered_in_turn(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    """One call behind twenty thousand of another user's: it waits for few of them, whoever came
    first. How many they were is only seen if we hear of the answer before the others have theirs:
    the machine may need several attempts."""
    calls = 200
    with unharmed(service, bystander), attackers:
        crowd = attackers.connect(100)
        for c in crowd:
            c.call(SERVICE + "GetInfo")

        def is_in_turn() -> bool:
            with stopped(service):
                for c in crowd:
                    c.send_bytes(encode("a.B") * calls)
                bystander.calls.send(SERVICE + "GetInfo")
            assert "error" not in bystander.calls.expect()
            with stopped(service):
                early = n_answered(crowd)
            bystander.is_served()
            left = calls * len(crowd) - early
            while left > 0:
                left -= n_answered(crowd)
                bystander.is_served()
            assert left == 0
            return early < calls * len(crowd) / 2

        wait_until(is_in_turn)


def test_a_flood_of_calls_loses_none(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    def send(c: Connection) -> None:
        c.send_bytes(encode(SCHEDULER + "GetStatus") * 300)

    with unharmed(service, bystander), attackers:
        crowd = attackers.connect(20)
        threads = [threading.Thread(target=send, args=(c,)) for c in crowd]
        for thread in threads:
            thread.start()
        bystander.is_served()
        for c in crowd:
            assert all("error" not in c.expect() for _ in range(300))
        for thread in threads:
            thread.join()


@as_root
def test_who_has_used_up_his_time_waits_alone(start: StartService) -> None:
    """On a large machine, calls that take far more than a second together: all are answered, in
    their time, and others at once."""
    service = start(HWLOC_SYNTHETIC=LARGE)
    calls = 220
    bystander = Bystander(service)
    with unharmed(service, bystander), Attackers(service) as attackers:
        (c,) = attackers.connect(1)
        c.call(SERVICE + "GetInfo")
        with stopped(service):
            for _ in range(20):
                c.send_bytes(encode(SCHEDULER + "GetMachine") * 10)
            bystander.calls.send(SERVICE + "GetInfo")
        assert "error" not in bystander.calls.expect()
        sender = threading.Thread(
            target=lambda: c.send_bytes(encode(SCHEDULER + "GetMachine") * (calls - 200))
        )
        sender.start()
        for _ in range(calls):
            assert len(c.expect()["parameters"]["pus"]) == 1024
        bystander.is_served()
        sender.join()
    bystander.close()


def test_leases_without_end(service: Service, bystander: Bystander, attackers: Attackers) -> None:
    """Whoever comes finds a PU at once, and nobody's PU is lent twice. Without root who comes is
    one of the many: a user who has a PU may have to wait for another."""
    users = 4 if IS_ROOT else 1
    with unharmed(service, bystander), attackers:
        for user in range(users):
            for c in attackers.connect(80, ATTACKER + user):
                c.send(SCHEDULER + "Acquire", {"min": 8, "weight": 10_000}, more=True)
                assert c.expect()["continues"]
            bystander.is_served()
        assert len(leases_of(bystander.calls)) == 1 + 80 * users
        with connect(service, ATTACKER + users) as newcomer:
            assert newcomer.acquire()["pus"] or not IS_ROOT
            bystander.is_served()


def test_more_leases_than_a_user_has(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    with unharmed(service, bystander), attackers:
        most = LEASES_OF_ONE_USER if IS_ROOT else LEASES_OF_ONE_USER - 1
        for c in attackers.connect(most):
            c.acquire(max=1, priority="batch")
        for c in attackers.connect(5):
            reply = c.exchange(SCHEDULER + "Acquire", more=True)
            assert reply["parameters"] == {"limit": "leases per user", "maximum": 128}
        bystander.is_served()


def test_slots_without_end(service: Service, bystander: Bystander, attackers: Attackers) -> None:
    with unharmed(service, bystander), attackers:
        for c in attackers.connect(30):
            grant = c.acquire(max=1)
            with connect(service, ATTACKER) as calls:
                named = {"lease": grant["lease"], "token": grant["token"]}
                calls.exchange(SCHEDULER + "Update", {**named, "slots": 4096})
        bystander.is_served()
        with connect(service, ATTACKER + 1) as newcomer:
            assert newcomer.acquire(max=1)["slots"]


def test_opening_and_closing_leases(service: Service, bystander: Bystander) -> None:
    with unharmed(service, bystander):
        for i in range(300):
            with connect(service, ATTACKER) as c:
                c.send(SCHEDULER + "Acquire", more=True)
                if i % 2:
                    c.grant()
            if i % 50 == 0:
                bystander.is_served()


def test_streams_that_nobody_reads(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    """Grants and reports: each is told the latest when it reads again, not everything."""
    changes = 300
    pid = service.process.pid
    with unharmed(service, bystander), attackers:
        for c in attackers.connect(16):
            c.send(SCHEDULER + "Monitor", {"intervalMs": 100}, more=True)
        grants = [c.acquire(label="x" * 128) for c in attackers.connect(40)]
        (calls,) = attackers.connect(1)
        before = memory(pid)
        for i in range(changes):
            named = {name: grants[i % 40][name] for name in ("lease", "token")}
            calls.call(SCHEDULER + "Update", {**named, "max": 1 + i % 8})
        bystander.is_served()
        assert memory(pid) - before < 16 << 20


def test_replies_that_nobody_reads(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    """Calls are left in the socket beyond some unread replies; later all of them are answered."""
    calls = 250
    pid = service.process.pid
    with unharmed(service, bystander), attackers:
        before = memory(pid)
        crowd = attackers.connect(40)
        threads = [
            threading.Thread(target=c.send_bytes, args=(encode(SCHEDULER + "GetMachine") * calls,))
            for c in crowd
        ]
        for thread in threads:
            thread.start()
        bystander.is_served()
        assert memory(pid) - before < OF_ONE_USER + (8 << 20)
        for c in crowd:
            assert all("error" not in c.expect() for _ in range(calls))
        for thread in threads:
            thread.join()


def test_replies_that_nobody_reads_on_many_connections(start: StartService) -> None:
    """More calls than one wait on each of them: their user is charged for the replies all the same,
    and refused before they are too many. On a large machine a few replies are more than a socket
    holds."""
    service = start(HWLOC_SYNTHETIC=LARGE)
    pid = service.process.pid
    bystander = Bystander(service)
    with unharmed(service, bystander), Attackers(service) as attackers:
        before = memory(pid)
        for _ in range(OF_ONE_USER // MAXIMUM):
            (c, probe) = attackers.connect(2)
            c.send_bytes(encode(SCHEDULER + "GetMachine") * 3)
            reply = probe.exchange(SERVICE + "GetInfo")
            if "error" in reply:
                break
        assert reply == TOO_MANY_BYTES
        bystander.is_served()
        assert memory(pid) - before < OF_ONE_USER + (8 << 20)
    bystander.close()


def fill(c: Connection) -> bool:
    """The largest message but its end; whether the service goes on waiting for that."""
    try:
        c.send_bytes(b'{"x": "' + b"x" * (MAXIMUM - 8))
        c.socket.setblocking(False)
        c.send_bytes(b"x")
        return not c.socket.recv(4096)
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_unfinished_messages(service: Service, bystander: Bystander, attackers: Attackers) -> None:
    """As many as a user may have connections: he is charged for all of them together."""
    pid = service.process.pid
    with unharmed(service, bystander), attackers:
        before = memory(pid)
        crowd = attackers.connect(316)
        for c in crowd:
            fill(c)
        bystander.is_served()
        wait_until(lambda: memory(pid) - before < OF_ONE_USER + (8 << 20))
        refused: list[Json] = []

        def are_refused() -> bool:
            refused.extend(reply for reply in map(last_word, crowd) if reply)
            return len(refused) >= 316 - OF_ONE_USER // MAXIMUM

        wait_until(are_refused)
        assert all(reply == TOO_MANY_BYTES for reply in refused)


def last_word(c: Connection) -> Json | None:
    c.socket.settimeout(0.01 if not c.buffer else PATIENCE)
    try:
        return c.receive()
    except (BlockingIOError, TimeoutError):
        return None
    except ConnectionResetError:  # it said so, but had not read everything
        return None


@as_root
def test_a_thousand_unfinished_messages(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    """Of so many users that none has too much: that is what all connections can hold at most."""
    pid = service.process.pid
    with unharmed(service, bystander), attackers:
        before = memory(pid)
        crowd = [c for user in range(10) for c in attackers.connect(95, ATTACKER + user)]
        for c in crowd:
            fill(c)
        bystander.is_served()
        # A buffer holds the largest message and what is read at once behind it.
        assert memory(pid) - before < len(crowd) * (MAXIMUM + (24 << 10))
