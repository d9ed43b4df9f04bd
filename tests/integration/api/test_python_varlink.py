"""python-varlink: it reads the interface from the service, and checks every value by it."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from service.conftest import Service, StartService
from service.varlink_client import SCHEDULER, SERVICE
from service.varlink_types import Interface

NAME = "org.schedctl.Scheduler"


@pytest.fixture
def client(varlink: ModuleType, service: Service) -> Iterator[Any]:
    with varlink.Client(f"unix:{service.path}") as client:
        yield client


@pytest.fixture
def calls(client: Any) -> Iterator[Any]:
    with client.open(NAME) as connection:
        yield connection


def test_info_and_description(client: Any, service: Service, interface: Interface) -> None:
    with client.open("org.varlink.service") as about:
        info = about.GetInfo()
        text = about.GetInterfaceDescription(NAME)["description"]
    assert (info["vendor"], info["product"]) == ("schedctl", "schedd")
    assert info["interfaces"] == [NAME, "org.varlink.service"]
    assert all(isinstance(info[name], str) for name in ("version", "url"))
    parsed = client.get_interface(NAME)
    assert parsed.get_description() == text
    assert set(parsed.members) == {
        *interface.types, *interface.calls, *interface.errors
    }  # fmt: skip


def test_plain_methods(calls: Any, connection: Any) -> None:
    """What it makes of a reply by the interface's types is the reply: nothing is lost in it."""
    for method in ("GetMachine", "SuggestWorkers"):
        assert getattr(calls, method)() == connection.call(SCHEDULER + method)
    assert calls.SuggestWorkers(max=3)["workers"] == 3
    assert calls.GetStatus()["leases"] == []
    assert calls.GetHeadroom()["headroom"]["of"] == 8
    assert set(calls.Monitor()) == {"status", "headroom"}
    assert not calls.Reload()


def test_the_life_of_a_lease(client: Any, calls: Any) -> None:
    with client.open(NAME) as holder:
        grants = (reply["grant"] for reply in holder.Acquire(max=4, label="python", _more=True))
        grant = next(grants)
        lease = {"lease": grant["lease"], "token": grant["token"]}
        assert len(grant["pus"]) == 4
        assert not calls.Update(**lease, max=3, workRate=1.5, priority="batch")
        assert calls.GetStatus()["leases"][0]["priority"] == "batch"
        wanted = next(grants)
        gone = wanted["wanted"]["pus"]
        assert not calls.Return(**lease, generation=wanted["generation"], pus=gone)
        # A second later the service has asked again, and firmly.
        left = next(grant["pus"] for grant in grants if not grant.get("wanted"))
        assert left == [pu for pu in grant["pus"] if pu not in gone]
        assert not calls.Control(lease=grant["lease"], paused=True)
        assert next(grants)["paused"] is True


def test_a_claim_after_a_restart(
    client: Any, varlink: ModuleType, service: Service, start: StartService
) -> None:
    with client.open(NAME) as holder:
        grant = next(holder.Acquire(max=2, _more=True))["grant"]
        service.end()
    start()
    about = {name: grant[name] for name in ("lease", "token", "generation", "pus")}
    with varlink.Client(f"unix:{service.path}") as again, again.open(NAME) as holder:
        assert next(holder.Claim(**about, _more=True))["grant"]["pus"] == grant["pus"]


def test_monitor_goes_on(client: Any, calls: Any) -> None:
    with client.open(NAME) as watching:
        reports = watching.Monitor(intervalMs=60000, _more=True)
        assert next(reports)["status"]["leases"] == []
        with client.open(NAME) as holder:
            next(holder.Acquire(label="seen", _more=True))
            while not (leases := next(reports)["status"]["leases"]):
                pass
            assert leases[0]["label"] == "seen"


def test_oneway(calls: Any) -> None:
    assert calls.Reload(_oneway=True) is None
    assert calls.GetStatus()["leases"] == []


@pytest.mark.parametrize(
    ("method", "parameters", "name", "fields"),
    [
        ("SuggestWorkers", {"max": 0}, SERVICE + "InvalidParameter", {"parameter": "max"}),
        ("Acquire", {}, SERVICE + "ExpectedMore", None),
        ("Control", {"lease": "7"}, SCHEDULER + "NoSuchLease", None),
        (
            "SuggestWorkers",
            {"allowed": "64-65"},
            SCHEDULER + "NoUsablePU",
            {"usable": "0-7", "allowed": "64-65"},
        ),
    ],
)
def test_errors_with_their_fields(
    varlink: ModuleType, calls: Any, method: str, parameters: Any, name: str, fields: Any
) -> None:
    with pytest.raises(varlink.VarlinkError) as raised:
        getattr(calls, method)(**parameters)
    assert raised.value.error() == name
    assert raised.value.parameters() in (fields, {} if fields is None else fields)
    assert calls.GetStatus()["leases"] == [], "the connection is of use after an error"


def test_another_kernel(varlink: ModuleType, calls: Any) -> None:
    with pytest.raises(varlink.VarlinkError) as raised:
        next(calls.Acquire(bootId="another", _more=True))
    assert raised.value.error() == SCHEDULER + "OtherKernel"
    assert set(raised.value.parameters()) == {"bootId"}
