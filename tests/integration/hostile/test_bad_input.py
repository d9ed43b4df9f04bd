"""Bytes that no library would send: each is answered by a named error, and others go on."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from service.conftest import Service
from service.varlink_client import SCHEDULER, SERVICE, Connection, Json, encode, error, invalid

from .conftest import Attackers, Bystander, memory, unharmed

MAXIMUM = 64 * 1024


def not_found(interface: str) -> Json:
    return error(SERVICE + "InterfaceNotFound", interface=interface)


# What ends the connection: where the next message starts, and who wants an answer, is not known.
MALFORMED = {
    "nothing": (b"", "message"),
    "no JSON": (b"GET / HTTP/1.1\r\n\r\n", "message"),
    "an array": (b"[]", "message"),
    "a number": (b"1", "message"),
    "null": (b"null", "message"),
    "two objects": (b'{"method": "a.B"} {}', "message"),
    "a byte order mark": (b'\xef\xbb\xbf{"method": "a.B"}', "message"),
    "UTF-16": ('{"method": "a.B"}'.encode("utf-16-le"), "message"),
    "a method twice": (b'{"method": "a.B", "method": "a.C"}', "message"),
    "a parameter twice": (b'{"method": "a.B", "parameters": {"x": 1, "x": 2}}', "message"),
    "the same name, escaped": (b'{"method": "a.B", "\\u006dethod": "a.C"}', "message"),
    "a NUL escaped": (b'{"method": "a\\u0000B"}', "message"),
    "a NUL in a name": (b'{"method": "a.B", "x\\u0000y": 1}', "message"),
    "invalid UTF-8": (b'{"method": "\xff"}', "message"),
    "overlong UTF-8": (b'{"method": "\xc0\xaf"}', "message"),
    "a surrogate in UTF-8": (b'{"method": "\xed\xa0\x80"}', "message"),
    "a surrogate alone": (b'{"method": "\\ud800"}', "message"),
    "beyond Unicode": (b'{"method": "\xf4\x90\x80\x80"}', "message"),
    "2^63": (b'{"method": "a.B", "parameters": {"x": 9223372036854775808}}', "message"),
    "2^64": (b'{"method": "a.B", "parameters": {"x": 18446744073709551616}}', "message"),
    "1e400": (b'{"method": "a.B", "parameters": {"x": 1e400}}', "message"),
    "a number of 60,000 digits": (b'{"x": ' + b"9" * 60_000 + b"}", "message"),
    "NaN": (b'{"method": "a.B", "parameters": {"x": NaN}}', "message"),
    "Infinity": (b'{"method": "a.B", "parameters": {"x": -Infinity}}', "message"),
    "hexadecimal": (b'{"method": "a.B", "parameters": {"x": 0x10}}', "message"),
    "deep arrays": (b'{"x": ' + b"[" * 60_000, "message"),
    "deep arrays, closed": (b'{"x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", "message"),
    "deep objects": (b'{"x": ' * 10_000 + b"1" + b"}" * 10_000, "message"),
    "a string without an end": (b'{"method": "a.B', "message"),
    "a comment": (b'{"method": "a.B" /* x */}', "message"),
    "a comma too many": (b'{"method": "a.B",}', "message"),
    "no method": (b"{}", "method"),
    "a method that is a number": (b'{"method": 1}', "method"),
    "a method that is null": (b'{"method": null}', "method"),
    "a flag that is text": (b'{"method": "a.B", "oneway": "true"}', "oneway"),
    "a flag that is a number": (b'{"method": "a.B", "more": 1}', "more"),
    "parameters that are an array": (b'{"method": "a.B", "parameters": []}', "parameters"),
}


def acquire(**parameters: Any) -> bytes:
    return encode(SCHEDULER + "Acquire", parameters, more=True)[:-1]


# What is understood and refused: the connection goes on.
REFUSED = {
    "an empty method": (b'{"method": ""}', not_found("")),
    "a method of 60,000 letters": (b'{"method": "' + b"x" * 60_000 + b'"}', not_found("")),
    "a method of 60,000 dots": (
        b'{"method": "' + b"." * 60_000 + b'"}',
        not_found("." * 59_999),
    ),
    "a method with a line break": (b'{"method": "a\\n.B"}', not_found("a\n")),
    "a float for an int": (acquire(min=1.0), invalid("min")),
    "a float beyond all integers": (acquire(max=1e300), invalid("max")),
    "2^63-1": (acquire(weight=2**63 - 1), invalid("weight")),
    "-2^63": (acquire(min=-(2**63)), invalid("min")),
    "true for 1": (acquire(min=True), invalid("min")),
    "-0": (acquire(min=0).replace(b": 0}", b": -0}"), invalid("min")),
    "-0.0": (acquire(max=-0.0), invalid("max")),
    "a PU beyond all": (acquire(allowed="0-4294967297"), invalid("allowed")),
    "a PU that is negative": (acquire(allowed="-1"), invalid("allowed")),
    "a list of 60,000 PUs": (acquire(allowed="1," * 30_000), invalid("allowed")),
    "a label of 60,000 letters": (acquire(label="x" * 60_000), invalid("label")),
    "a label that is an object": (acquire(label={"": {}}), invalid("label")),
    "a quota that is negative": (acquire(quota=-1e-300), invalid("quota")),
    "no such priority": (acquire(priority="\U0010ffff"), invalid("priority")),
    "a lease's number of 21 digits": (
        encode(SCHEDULER + "Update", {"lease": "1" * 21, "token": ""})[:-1],
        invalid("lease"),
    ),
    "a lease's number with a sign": (
        encode(SCHEDULER + "Update", {"lease": "+1", "token": ""})[:-1],
        error(SCHEDULER + "NoSuchLease"),
    ),
    "a lease's number with a zero before": (
        encode(SCHEDULER + "Update", {"lease": "01", "token": ""})[:-1],
        error(SCHEDULER + "NoSuchLease"),
    ),
    "a number beyond 64 bits for a lease": (
        encode(SCHEDULER + "Control", {"lease": "18446744073709551617"})[:-1],
        error(SCHEDULER + "NoSuchLease"),
    ),
    "a million PUs returned": (
        encode(
            SCHEDULER + "Return",
            {"lease": "1", "token": "", "generation": 1, "pus": [4096] * 9_000},
        )[:-1],
        invalid("pus"),
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(connection: Connection, service: Service, what: str) -> None:
    message, bad = MALFORMED[what]
    with service.connect() as other:
        connection.send_bytes(message + b"\0" + encode(SERVICE + "GetInfo"))
        assert connection.expect() == invalid(bad)
        assert connection.ends()
        other.call(SERVICE + "GetInfo")


@pytest.mark.parametrize("what", REFUSED)
def test_refused(connection: Connection, service: Service, what: str) -> None:
    message, expected = REFUSED[what]
    with service.connect() as other:
        other.acquire(max=1)
        connection.send_bytes(message + b"\0")
        assert connection.expect() == expected
        connection.call(SERVICE + "GetInfo")
    with service.connect() as other:
        other.call(SERVICE + "GetInfo")


def test_integers_are_kept_whole(connection: Connection) -> None:
    parameters = {"memoryPerWorker": 2**63 - 1, "max": 2}
    assert connection.call(SCHEDULER + "SuggestWorkers", parameters)["workers"] >= 0


def test_100_megabytes(service: Service, bystander: Bystander, attackers: Attackers) -> None:
    """One message, in pieces: no more of it is kept than the largest message has."""

    def send(c: Connection) -> None:
        try:
            for _ in range(100):
                c.send_bytes(b"x" * (1 << 20))
        except OSError:  # the connection was ended long before
            pass

    pid = service.process.pid
    with unharmed(service, bystander), attackers:
        before = memory(pid)
        threads = [threading.Thread(target=send, args=(c,)) for c in attackers.connect(8)]
        for thread in threads:
            thread.start()
        bystander.is_served()
        for thread in threads:
            thread.join()
        assert memory(pid) - before < 4 << 20


def test_100_megabytes_of_small_messages(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    """As many objects as a message can have: what the parser makes of one is gone with it."""
    body = b'{"method": "a.B", "parameters": {"x": [' + b"[],{}," * 10_000 + b"0]}}\0"
    assert len(body) < MAXIMUM
    pid = service.process.pid
    with unharmed(service, bystander), attackers:
        before = memory(pid)
        (c,) = attackers.connect(1)
        sender = threading.Thread(target=lambda: c.send_bytes(body * 100))
        sender.start()
        for _ in range(100):
            assert c.expect() == not_found("a")
        bystander.is_served()
        sender.join()
        # 64 KiB of empty arrays and objects are 20,000 of jansson's, of some 200 bytes each.
        assert memory(pid) - before < 16 << 20


def test_the_log_is_not_flooded(
    service: Service, bystander: Bystander, attackers: Attackers
) -> None:
    with unharmed(service, bystander), attackers:
        for c in attackers.connect(200):
            c.send_bytes(json.dumps("\x1b[2J\nschedd: all is well").encode() + b"\0")
            assert c.expect() == invalid("message")
        bystander.is_served()
    assert 10 <= service.log.count("malformed") <= 20
