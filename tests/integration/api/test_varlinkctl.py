"""systemd's varlinkctl: every verb and every method, streams, errors, a lease's life."""

from __future__ import annotations

from pathlib import Path

import pytest
from service.conftest import Service, StartService
from service.varlink_client import SCHEDULER, SERVICE
from service.varlink_types import Interface

from .varlinkctl import Failed, Varlinkctl


def test_info(varlinkctl: Varlinkctl) -> None:
    said = varlinkctl.says("info")
    for line in ("Vendor: schedctl", "Product: schedd", "Version: ", "org.schedctl.Scheduler"):
        assert line in said


def test_lists(varlinkctl: Varlinkctl, interface: Interface) -> None:
    names = ["org.schedctl.Scheduler", "org.varlink.service"]
    assert varlinkctl.says("list-interfaces").split() == names
    methods = varlinkctl.says("list-methods", "org.schedctl.Scheduler").split()
    assert sorted(methods) == sorted(SCHEDULER + name for name in interface.calls)


def test_introspection_gives_the_whole_interface(
    varlinkctl: Varlinkctl, interface: Interface
) -> None:
    """varlinkctl parses the text and writes it again."""
    told = Interface(varlinkctl.says("introspect", "org.schedctl.Scheduler"))
    for part in ("name", "types", "calls", "replies", "errors"):
        assert getattr(told, part) == getattr(interface, part)


@pytest.mark.parametrize("name", ["org.schedctl.Scheduler", "org.varlink.service"])
def test_the_documents_are_valid(varlinkctl: Varlinkctl, source: Path, name: str) -> None:
    """It also warns of what it takes but would not write."""
    done = varlinkctl.run("validate-idl", str(source / "docs" / f"{name}.varlink"))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_plain_methods(varlinkctl: Varlinkctl, interface: Interface) -> None:
    for method in ("GetMachine", "GetStatus", "GetHeadroom", "SuggestWorkers", "Monitor"):
        reply = varlinkctl.call(method)
        assert interface.faults(reply, interface.replies[method]) == []
    assert varlinkctl.call("SuggestWorkers", max=3)["workers"] == 3
    assert varlinkctl.call("Reload") == {}


def test_the_life_of_a_lease(varlinkctl: Varlinkctl, interface: Interface) -> None:
    with varlinkctl.stream("Acquire", max=4, label="by varlinkctl") as stream:
        grant = stream.next()["grant"]
        assert interface.faults(grant, "Grant") == []
        lease = {"lease": grant["lease"], "token": grant["token"]}
        assert varlinkctl.call("Update", **lease, max=3, workRate=1.5, endsInMs=60000) == {}
        told = varlinkctl.call("GetStatus")["leases"]
        assert [(of["label"], of["max"]) for of in told] == [("by varlinkctl", 3)]
        wanted = stream.next()["grant"]
        gone = wanted["wanted"]["pus"]
        generation = wanted["generation"]
        assert varlinkctl.call("Return", **lease, generation=generation, pus=gone) == {}
        # A second later the service has asked again, and firmly.
        while "wanted" in (kept := stream.next()["grant"]):
            pass
        assert kept["pus"] == [pu for pu in grant["pus"] if pu not in gone]
        assert varlinkctl.call("Control", lease=grant["lease"], paused=True) == {}
        assert stream.next()["grant"]["paused"] is True
    with varlinkctl.stream("Monitor") as monitor:
        while monitor.next()["status"]["leases"]:
            pass


def test_a_claim_after_a_restart(
    varlinkctl: Varlinkctl, service: Service, start: StartService
) -> None:
    with varlinkctl.stream("Acquire", max=2) as stream:
        grant = stream.next()["grant"]
        about = {name: grant[name] for name in ("lease", "token", "generation", "pus")}
        service.end()
        start()
        with varlinkctl.stream("Claim", **about) as claimed:
            assert claimed.next()["grant"]["pus"] == grant["pus"]
            wrong = varlinkctl.call("Update", lease=grant["lease"], token="0" * 32)
            assert wrong == Failed(SCHEDULER + "NoSuchLease", {})


def test_monitor_goes_on(varlinkctl: Varlinkctl, interface: Interface) -> None:
    with varlinkctl.stream("Monitor", intervalMs=100) as stream:
        for _ in range(3):
            assert interface.faults(stream.next(), interface.replies["Monitor"]) == []


def test_oneway(varlinkctl: Varlinkctl) -> None:
    assert varlinkctl.call("Reload", "--oneway") is None


@pytest.mark.parametrize(
    ("method", "parameters", "expected"),
    [
        ("Foo", {}, Failed(SERVICE + "MethodNotFound", {"method": SCHEDULER + "Foo"})),
        ("org.x.Foo", {}, Failed(SERVICE + "InterfaceNotFound", {"interface": "org.x"})),
        (
            "SuggestWorkers",
            {"max": "4"},
            Failed(SERVICE + "InvalidParameter", {"parameter": "max"}),
        ),
        ("Acquire", {}, Failed(SERVICE + "ExpectedMore", {})),
        ("Control", {"lease": "7"}, Failed(SCHEDULER + "NoSuchLease", {})),
        (
            "SuggestWorkers",
            {"allowed": "64-65"},
            Failed(SCHEDULER + "NoUsablePU", {"usable": "0-7", "allowed": "64-65"}),
        ),
    ],
)
def test_errors_with_their_fields(
    varlinkctl: Varlinkctl, method: str, parameters: "dict[str, object]", expected: Failed
) -> None:
    assert varlinkctl.call(method, **parameters) == expected


def test_a_configuration_that_cannot_be_read(varlinkctl: Varlinkctl, service: Service) -> None:
    config = service.path.with_name("config." + service.path.name)
    config.unlink()
    problem = {"problem": f"{config}: No such file or directory"}
    assert varlinkctl.call("Reload") == Failed(SCHEDULER + "BadConfiguration", problem)
