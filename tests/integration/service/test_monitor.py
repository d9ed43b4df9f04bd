"""Monitor: at once, at every change, in its interval; what a reader who does not keep up gets."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from .conftest import STRANGER, Service, as_root
from .varlink_client import SCHEDULER, Connection, Json, encode, error, invalid

RARELY = 60_000


@contextmanager
def monitor(service: Service, interval: "int | None" = None) -> Iterator[Connection]:
    parameters = {} if interval is None else {"intervalMs": interval}
    with service.connect() as connection:
        connection.send(SCHEDULER + "Monitor", parameters, more=True)
        yield connection


def report(connection: Connection) -> Json:
    reply = connection.expect()
    assert reply.get("continues") is True, reply
    told: Json = reply["parameters"]
    return told


def leases(told: Json) -> "list[Json]":
    found: list[Json] = told["status"]["leases"]
    return found


def test_at_once_and_again(service: Service) -> None:
    with monitor(service, 100) as watching:
        for _ in range(3):
            assert leases(report(watching)) == []


def test_what_is_told(service: Service) -> None:
    """What GetStatus and GetHeadroom answer; without "more" once."""
    with service.connect() as a, service.connect() as calls, monitor(service) as watching:
        a.acquire(label="seen")
        status = calls.call(SCHEDULER + "GetStatus")
        headroom = calls.call(SCHEDULER + "GetHeadroom")["headroom"]
        told = report(watching)
        while not leases(told):
            told = report(watching)
        assert told["status"].keys() == status.keys()
        assert told["headroom"].keys() == headroom.keys()
        assert leases(told)[0]["label"] == "seen" and leases(told)[0]["paused"] is False
        once = calls.exchange(SCHEDULER + "Monitor")
        assert "continues" not in once and once["parameters"].keys() == told.keys()


def test_at_every_change_of_a_lease(service: Service) -> None:
    """Long before the interval is over."""
    with monitor(service, RARELY) as watching:
        assert leases(report(watching)) == []
        with service.connect() as a, service.connect() as calls:
            grant = a.acquire(max=3)
            (lease,) = leases(report(watching))
            assert lease["pus"] == grant["pus"]
            calls.call(
                SCHEDULER + "Update",
                {"lease": grant["lease"], "token": grant["token"], "weight": 7},
            )
            (lease,) = leases(report(watching))
            assert lease["weight"] == 7
        assert leases(report(watching)) == []


def test_not_more_often_than_ten_times_a_second(service: Service) -> None:
    with monitor(service, RARELY) as watching, service.connect() as a, service.connect() as calls:
        report(watching)
        grant = a.acquire()
        begin = time.monotonic()
        for weight in range(1, 301):
            calls.call(
                SCHEDULER + "Update",
                {"lease": grant["lease"], "token": grant["token"], "weight": weight},
            )
        told = 1
        while leases(report(watching))[0]["weight"] != 300:
            told += 1
        assert told <= 10 * (time.monotonic() - begin) + 2


def test_slow_reader_gets_the_latest(service: Service) -> None:
    """Reports far larger in sum than a socket holds, none of which is read for ten intervals."""
    label = "\x01" * 128  # each byte of which is told as five
    with ExitStack() as stack:
        grants = [
            stack.enter_context(service.connect()).acquire(max=1, label=label) for _ in range(120)
        ]
        watching = stack.enter_context(monitor(service, 100))
        calls = stack.enter_context(service.connect())
        end = time.monotonic() + 1
        weight = 1
        while weight < 100 or time.monotonic() < end:
            weight += 1
            calls.call(
                SCHEDULER + "Update",
                {"lease": grants[0]["lease"], "token": grants[0]["token"], "weight": weight},
            )
        told = 1
        while leases(report(watching))[0]["weight"] != weight:
            told += 1
        assert told <= 6


@pytest.mark.parametrize("interval", [99, 60_001, 0, -1, "100", 100.5])
def test_interval_out_of_range(connection: Connection, interval: object) -> None:
    reply = connection.exchange(SCHEDULER + "Monitor", {"intervalMs": interval}, more=True)
    assert reply == invalid("intervalMs")


def test_a_stream_carries_nothing_else(service: Service) -> None:
    with monitor(service, RARELY) as watching:
        report(watching)
        watching.send(SCHEDULER + "GetStatus")
        assert watching.expect() == error(
            SCHEDULER + "LimitExceeded", limit="calls beside a stream", maximum=0
        )
        assert watching.ends()


def test_monitors_per_user(service: Service) -> None:
    with ExitStack() as stack:
        watching = [stack.enter_context(monitor(service, RARELY)) for _ in range(16)]
        for each in watching:
            report(each)
        with service.connect() as one_more:
            reply = one_more.exchange(SCHEDULER + "Monitor", more=True)
            assert reply == error(
                SCHEDULER + "LimitExceeded", limit="monitors per user", maximum=16
            )
            watching[3].close()
            while "error" in one_more.exchange(SCHEDULER + "Monitor", more=True):
                pass


def test_after_calls_that_were_not_read(service: Service) -> None:
    """The first report waits until what was asked before has been written."""
    with service.connect() as connection:
        connection.send_bytes(encode(SCHEDULER + "GetMachine") * 200)
        connection.send(SCHEDULER + "Monitor", more=True)
        for _ in range(200):
            assert "pus" in connection.expect()["parameters"]
        assert leases(report(connection)) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_service_ends(service: Service, how: signal.Signals) -> None:
    with monitor(service, RARELY) as watching:
        report(watching)
        service.end(how)
        assert watching.ends()


def test_oneway_is_not_answered(service: Service) -> None:
    with service.connect() as connection:
        connection.send(SCHEDULER + "Monitor", oneway=True, more=True)
        assert connection.call(SCHEDULER + "GetStatus")["leases"] == []


@as_root
def test_labels_are_hidden_from_others(service: Service) -> None:
    with service.connect() as a, service.connect_as(STRANGER) as stranger:
        a.acquire(label="secret")
        stranger.send(SCHEDULER + "Monitor", more=True)
        assert "label" not in leases(report(stranger))[0]
