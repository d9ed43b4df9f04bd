"""Every parameter of every method, as the interface's text has them: a wrong type is refused by its
name, an unknown field ignored. A new parameter is tried as soon as it is described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from service.conftest import Service
from service.varlink_client import SERVICE, Connection, error, invalid
from service.varlink_types import Interface, Type

DOCS = Path(__file__).resolve().parents[3] / "docs"
INTERFACES = [
    Interface((DOCS / f"{name}.varlink").read_text())
    for name in ("org.schedctl.Scheduler", "org.varlink.service")
]
PARAMETERS = [
    (interface, method, name)
    for interface in INTERFACES
    for method, (_, fields) in interface.calls.items()
    for name in fields
]
METHODS = [(interface, method) for interface in INTERFACES for method in interface.calls]
STREAMS = ("Acquire", "Claim")
# One of each sort that JSON has, and some that look like others.
VALUES: "list[Any]" = [
    True,
    0,
    -1,
    7,
    1.5,
    "",
    "7",
    "x",
    "true",
    [],
    [7],
    ["x"],
    [1.5],
    [None],
    [[7]],
    {},
    {"a": 7},
]


def is_of(interface: Interface, value: Any, kind: Type) -> bool:
    try:
        return not interface.faults(value, kind)
    except AssertionError:  # not even an array, or an object
        return False


def example(interface: Interface, kind: Type) -> Any:
    found = [v for v in (7, 1.5, "0", True, ["x"], [7], {}) if is_of(interface, v, kind)]
    kind = interface.types.get(kind, kind) if isinstance(kind, str) else kind
    return kind[1][0] if not found and kind[0] == "enum" else found[0]


@pytest.fixture
def lease(service: Service) -> Any:
    with service.connect() as holder:
        yield holder.acquire()


def given(interface: Interface, method: str, lease: "dict[str, Any]") -> "dict[str, Any]":
    """The least that the method takes."""
    fields = interface.calls[method][1]
    need = {name: kind for name, kind in fields.items() if kind[0] != "maybe"}
    about = {**{name: lease[name] for name in ("lease", "token")}, "interface": interface.name}
    return {
        name: about[name] if name in about else example(interface, kind)
        for name, kind in need.items()
    }


def call(
    connection: Connection, interface: Interface, method: str, parameters: Any
) -> "dict[str, Any]":
    return connection.exchange(f"{interface.name}.{method}", parameters, more=method in STREAMS)


@pytest.mark.parametrize(
    ("interface", "method", "name"), PARAMETERS, ids=[f"{m}-{n}" for _, m, n in PARAMETERS]
)
def test_wrong_types_are_refused_by_name(
    service: Service, lease: Any, interface: Interface, method: str, name: str
) -> None:
    kind = interface.calls[method][1][name]
    wrong = [value for value in VALUES if not is_of(interface, value, kind)]
    assert len(wrong) > 5
    with service.connect() as connection:
        for value in wrong:
            if value == 2**63 and not isinstance(value, bool):
                continue  # no message with such a number can be read: test_protocol.py
            parameters = {**given(interface, method, lease), name: value}
            reply = call(connection, interface, method, parameters)
            assert reply == invalid(name), value
        if kind[0] != "maybe":
            absences: "list[dict[str, Any]]" = [{name: None}, {}]
            for absent in absences:
                parameters = {k: v for k, v in given(interface, method, lease).items() if k != name}
                reply = call(connection, interface, method, {**parameters, **absent})
                assert reply == invalid(name)
        connection.call(SERVICE + "GetInfo")


@pytest.mark.parametrize(("interface", "method"), METHODS, ids=[m for _, m in METHODS])
def test_unknown_fields_are_ignored(
    service: Service, lease: Any, interface: Interface, method: str
) -> None:
    """Beside the parameters, and beside "parameters" itself; whatever their values."""
    unknown = {f"unknown{i}": value for i, value in enumerate(VALUES)}
    with service.connect() as connection:
        message = {
            "method": f"{interface.name}.{method}",
            "parameters": {**given(interface, method, lease), **unknown},
            "more": method in STREAMS,
            **unknown,
        }
        connection.send_message(message)
        reply = connection.expect()
    assert "error" not in reply, reply


@pytest.mark.parametrize("name", ["method", "parameters", "more", "oneway", "upgrade"])
def test_the_call_itself(service: Service, name: str) -> None:
    right = {"method": SERVICE + "GetInfo", "parameters": {}}
    kinds = {"method": "string", "parameters": "object"}
    for value in VALUES:
        if not is_of(INTERFACES[0], value, kinds.get(name, "bool")):
            with service.connect() as connection:
                connection.send_message({**right, name: value})
                assert connection.expect() == invalid(name), value


def test_streams_are_those_that_say_so(service: Service) -> None:
    """STREAMS above is all: a new one needs its place there."""
    with service.connect() as connection:
        for interface, method in METHODS:
            reply = connection.exchange(f"{interface.name}.{method}")
            asked_for_more = reply == error(SERVICE + "ExpectedMore")
            assert asked_for_more == (method in STREAMS), method
