"""The service as a Varlink peer: introspection, framing, flags, faults, limits of size."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from .conftest import Service
from .varlink_client import SCHEDULER, SERVICE, Connection, encode, error, invalid
from .varlink_types import Interface

MAXIMUM = 64 * 1024


def test_get_info(connection: Connection) -> None:
    info = connection.call(SERVICE + "GetInfo")
    assert info["product"] == "schedd"
    assert info["interfaces"] == ["org.schedctl.Scheduler", "org.varlink.service"]
    assert all(isinstance(info[name], str) for name in ("vendor", "version", "url"))


@pytest.mark.parametrize("interface", ["org.schedctl.Scheduler", "org.varlink.service"])
def test_descriptions_are_the_documents(
    connection: Connection, source: Path, interface: str
) -> None:
    text = connection.call(SERVICE + "GetInterfaceDescription", {"interface": interface})
    assert text["description"] == (source / "docs" / f"{interface}.varlink").read_text()


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("org.example.Foo", error(SERVICE + "InterfaceNotFound", interface="org.example")),
        ("Foo", error(SERVICE + "InterfaceNotFound", interface="")),
        ("", error(SERVICE + "InterfaceNotFound", interface="")),
        (SCHEDULER + "Foo", error(SERVICE + "MethodNotFound", method=SCHEDULER + "Foo")),
        (SERVICE + "getinfo", error(SERVICE + "MethodNotFound", method=SERVICE + "getinfo")),
    ],
)
def test_unknown_methods(connection: Connection, method: str, expected: object) -> None:
    assert connection.exchange(method) == expected
    connection.call(SERVICE + "GetInfo")


def test_unknown_description(connection: Connection) -> None:
    reply = connection.exchange(SERVICE + "GetInterfaceDescription", {"interface": "org.example"})
    assert reply == error(SERVICE + "InterfaceNotFound", interface="org.example")
    assert connection.exchange(SERVICE + "GetInterfaceDescription") == invalid("interface")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min", "1"),
        ("min", 0),
        ("min", -1),
        ("min", 1.5),
        ("min", 4097),
        ("max", True),
        ("max", 0),
        ("weight", 10001),
        ("weight", [1]),
        ("memoryPerWorker", -1),
        ("memoryPerWorker", "1G"),
        ("label", 7),
        ("label", "x" * 129),
        ("priority", 1),
        ("priority", "urgent"),
        ("allowed", [0, 1]),
        ("allowed", "3-1"),
        ("allowed", "4096"),
        ("quota", "1"),
        ("quota", -0.5),
        ("cgroup", {}),
        ("bootId", 1),
    ],
)
def test_refused_by_name(connection: Connection, name: str, value: object) -> None:
    assert connection.exchange(SCHEDULER + "Acquire", {name: value}, more=True) == invalid(name)
    connection.call(SERVICE + "GetInfo")


def test_min_above_max(connection: Connection) -> None:
    reply = connection.exchange(SCHEDULER + "Acquire", {"min": 3, "max": 2}, more=True)
    assert reply == invalid("max")


def test_every_method_of_the_interface_is_there(connection: Connection, source: Path) -> None:
    text = (source / "docs/org.schedctl.Scheduler.varlink").read_text(encoding="ascii")
    methods = Interface(text).replies
    assert len(methods) == 11
    for method in methods:
        reply = connection.exchange(SCHEDULER + method, {"lease": 1, "max": "x", "intervalMs": 1})
        assert reply.get("error") != SERVICE + "MethodNotFound"


def test_replies_are_as_described(service: Service, source: Path) -> None:
    """A lease that shares, one that waits and one that is paused: in everything that tells them."""
    interface = Interface((source / "docs/org.schedctl.Scheduler.varlink").read_text())
    with ExitStack() as stack:
        first, second, batch, calls, watching = (
            stack.enter_context(service.connect()) for _ in range(5)
        )
        grants = [first.acquire(label="a"), second.acquire(min=3), batch.acquire(priority="batch")]
        lease = {"lease": grants[0]["lease"], "token": grants[0]["token"]}
        calls.call(SCHEDULER + "Update", {**lease, "workRate": 1, "endsInMs": 9000})
        calls.call(SCHEDULER + "Control", {"lease": grants[1]["lease"], "paused": True})
        grants += [first.grant(), second.grant()]
        found = [interface.faults(grant, "Grant") for grant in grants]
        for method in ("GetMachine", "GetStatus", "GetHeadroom", "SuggestWorkers", "Monitor"):
            reply = calls.call(SCHEDULER + method)
            found.append(interface.faults(reply, interface.replies[method], method))
        watching.send(SCHEDULER + "Monitor", more=True)
        told = watching.expect()["parameters"]
        found.append(interface.faults(told, interface.replies["Monitor"], "Monitor"))
    assert not [fault for faults in found for fault in faults]
    assert interface.faults({**grants[0], "nice": "10", "other": 1}, "Grant") == [
        ".other: not described",
        ".nice: '10' is no int",
    ]


def test_required_parameters(connection: Connection) -> None:
    assert connection.exchange(SCHEDULER + "Update", {"token": "x"}) == invalid("lease")
    assert connection.exchange(SCHEDULER + "Update", {"lease": "1"}) == invalid("token")
    reply = connection.exchange(SCHEDULER + "Return", {"lease": "1", "token": "x", "pus": []})
    assert reply == invalid("generation")


def test_absent_and_null_are_the_same(service: Service) -> None:
    names = ("min", "max", "weight", "memoryPerWorker", "label", "priority", "allowed", "quota")
    with service.connect() as connection:
        plain = connection.acquire()
    with service.connect() as connection:
        nulls = connection.acquire(**dict.fromkeys(names), unknown={"a": [None]})
    same = ("pus", "slots", "reason", "generation")
    assert [plain[name] for name in same] == [nulls[name] for name in same]


def test_null_parameters(connection: Connection) -> None:
    connection.send_bytes(b'{"method": "org.varlink.service.GetInfo", "parameters": null}\0')
    assert "error" not in connection.expect()


@pytest.mark.parametrize("method", ["Acquire", "Claim"])
def test_streams_need_more(connection: Connection, method: str) -> None:
    assert connection.exchange(SCHEDULER + method) == error(SERVICE + "ExpectedMore")


def test_upgrade_is_refused(connection: Connection) -> None:
    assert connection.exchange(SERVICE + "GetInfo", upgrade=True) == invalid("upgrade")


def test_more_without_a_stream_gets_one_reply(connection: Connection) -> None:
    reply = connection.exchange(SERVICE + "GetInfo", more=True)
    assert "error" not in reply and not reply.get("continues")


def test_oneway_is_not_answered(connection: Connection) -> None:
    connection.send(SERVICE + "GetInfo", oneway=True)
    connection.send("org.example.Foo", oneway=True)
    connection.send(SCHEDULER + "Acquire", {"min": "x"}, oneway=True)
    connection.send(SCHEDULER + "Acquire", oneway=True, more=True)
    assert connection.call(SCHEDULER + "GetStatus")["leases"] == []


def test_pipelined_calls_are_answered_in_order(connection: Connection) -> None:
    calls = [encode(f"org.example{i}.Foo") for i in range(500)]
    connection.send_bytes(b"".join(calls))
    for i in range(500):
        reply = connection.expect()
        assert reply == error(SERVICE + "InterfaceNotFound", interface=f"org.example{i}")


def test_unread_replies_hold_back_further_calls(connection: Connection, service: Service) -> None:
    """Far more replies than the service keeps, unread at first: none is lost, others are served."""
    n = 3000
    sender = threading.Thread(
        target=connection.send_bytes, args=(encode(SCHEDULER + "GetMachine") * n,)
    )
    sender.start()
    with service.connect() as other:
        other.call(SERVICE + "GetInfo")
    machines = [connection.expect()["parameters"] for _ in range(n)]
    sender.join()
    assert all(machine == machines[0] for machine in machines)


def test_bytes_one_by_one(connection: Connection) -> None:
    for byte in encode(SERVICE + "GetInfo"):
        connection.send_bytes(bytes([byte]))
    assert "error" not in connection.expect()


def test_slow_sender_holds_up_nobody(connection: Connection, service: Service) -> None:
    call = encode(SERVICE + "GetInfo")
    connection.send_bytes(call[:10])
    with service.connect() as other:
        other.call(SERVICE + "GetInfo")
    connection.send_bytes(call[10:])
    assert "error" not in connection.expect()


def test_cut_off_message(service: Service) -> None:
    with service.connect() as connection:
        connection.send_bytes(b'{"method": "org.var')
    with service.connect() as connection:
        connection.call(SERVICE + "GetInfo")


def test_largest_message(connection: Connection) -> None:
    call = encode(SERVICE + "GetInfo", {"padding": ""})
    padding = "x" * (MAXIMUM - (len(call) - 1))
    connection.send_bytes(encode(SERVICE + "GetInfo", {"padding": padding}))
    assert "error" not in connection.expect()


@pytest.mark.parametrize("end", [b"\0", b""])
def test_oversized_message(connection: Connection, service: Service, end: bytes) -> None:
    def send() -> None:
        try:
            connection.send_bytes(b"x" * (MAXIMUM + 1) + end)
        except OSError:
            pass  # the service may end the connection before it has taken everything

    sender = threading.Thread(target=send)
    sender.start()
    assert connection.expect() == invalid("message")
    assert connection.ends()
    sender.join()
    with service.connect() as other:
        other.call(SERVICE + "GetInfo")


@pytest.mark.parametrize(
    ("message", "bad"),
    [
        (b"", "message"),
        (b"hello", "message"),
        (b"[]", "message"),
        (b'{"method": "a.B"} {}', "message"),
        (b'{"method": "a.B", "method": "a.C"}', "message"),
        (b'{"method": "a\\u0000B"}', "message"),
        (b'{"method": "\xff"}', "message"),
        (b'{"method": "a.B", "parameters": {"x": 99999999999999999999}}', "message"),
        (b'{"method": "a.B", "parameters": {"x": 1e999}}', "message"),
        (b'{"method": "a.B", "parameters": {"x": ' + b"[" * 10000, "message"),
        (b"{}", "method"),
        (b'{"method": 1}', "method"),
        (b'{"method": "a.B", "more": "yes"}', "more"),
        (b'{"method": "a.B", "parameters": []}', "parameters"),
    ],
)
def test_malformed_messages_end_with_a_word(
    connection: Connection, service: Service, message: bytes, bad: str
) -> None:
    connection.send_bytes(message + b"\0" + encode(SERVICE + "GetInfo"))
    assert connection.expect() == invalid(bad)
    assert connection.ends()
    with service.connect() as other:
        other.call(SERVICE + "GetInfo")
    assert "malformed message" in service.log


def test_calls_before_a_malformed_one_are_answered(connection: Connection) -> None:
    connection.send_bytes(encode(SERVICE + "GetInfo") + b"nonsense\0")
    assert "error" not in connection.expect()
    assert connection.expect() == invalid("message")
    assert connection.ends()


def test_a_stream_carries_nothing_else(connection: Connection) -> None:
    connection.acquire()
    connection.send(SERVICE + "GetInfo")
    assert connection.expect() == error(
        SCHEDULER + "LimitExceeded", limit="calls beside a stream", maximum=0
    )
    assert connection.ends()


def test_large_numbers_and_escapes_survive(connection: Connection) -> None:
    memory = 2**63 - 1
    assert connection.exchange(SCHEDULER + "SuggestWorkers", {"memoryPerWorker": memory})
    connection.send_bytes(
        json.dumps({"method": SCHEDULER + "SuggestWorkers", "parameters": {"max": 2}})
        .replace("max", "\\u006dax")
        .encode()
        + b"\0"
    )
    assert connection.expect()["parameters"]["workers"] == 2
