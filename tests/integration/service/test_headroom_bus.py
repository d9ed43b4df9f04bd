"""The power profile over D-Bus: from a made power profiles service on a bus of the test's own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Service, StartService
from .fake_machine import FakeMachine
from .test_headroom import Run, headroom, limit, reading, wait_for
from .varlink_client import PATIENCE

dbus = pytest.importorskip("dbus")
pytest.importorskip("dbusmock")

UPOWER = "org.freedesktop.UPower.PowerProfiles"
HADESS = "net.hadess.PowerProfiles"
MOCK = "org.freedesktop.DBus.Mock"

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class Profiles:
    """A power profiles service of that name, on balanced at first."""

    def __init__(self, bus: "Bus", name: str) -> None:
        self.name = name
        self.path = "/" + name.replace(".", "/")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dbusmock", "--system", name, self.path, name],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address},
        )
        bus.wait(lambda: bus.connection.name_has_owner(name))
        self.mock = dbus.Interface(bus.connection.get_object(name, self.path), MOCK)
        properties = {"ActiveProfile": "balanced", "PerformanceDegraded": ""}
        self.mock.AddProperties(name, dbus.Dictionary(properties, signature="sv"))
        self.set(**properties)  # tells it too

    def set(self, **properties: str) -> None:
        self.mock.UpdateProperties(self.name, dbus.Dictionary(properties, signature="sv"))

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)


class Bus:
    """A bus and what was started on it."""

    def __init__(self, folder: Path) -> None:
        config = folder / "bus.conf"
        config.write_text(CONFIG.format(path=folder / "bus"))
        self.address = f"unix:path={folder / 'bus'}"
        self.services: list[Profiles] = []
        self.process = subprocess.Popen(
            ["dbus-daemon", "--nofork", "--print-address=1", f"--config-file={config}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout and self.process.stdout.readline()
        self.connection = dbus.bus.BusConnection(self.address)

    def profiles(self, name: str) -> Profiles:
        service = Profiles(self, name)
        self.services.append(service)
        return service

    def n_connections(self) -> int:
        return len([name for name in self.connection.list_names() if name.startswith(":")])

    @staticmethod
    def wait(what: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self) -> None:
        for service in self.services:
            service.end()
        self.connection.close()
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


@pytest.fixture
def bus(rundir: Path) -> Iterator[Bus]:
    bus = Bus(rundir)
    yield bus
    bus.end()


Serve = Callable[[str], Service]


@pytest.fixture
def serve(start: StartService, rundir: Path) -> Serve:
    """Starts a service on a made machine that asks the bus of that address."""
    machine = FakeMachine(rundir / "root")

    def serve_machine(address: str) -> Service:
        options = ("--root", str(machine.folder), "--sample-ms", "25")
        return start(*options, HWLOC_SYNTHETIC="", DBUS_SYSTEM_BUS_ADDRESS=address)

    return serve_machine


def says(text: str) -> Callable[[Any], bool]:
    return lambda found: text in reading(found, "power profile").get("detail", "")


@pytest.mark.parametrize("name", [UPOWER, HADESS])
def test_profile_changes_the_budget(serve: Serve, bus: Bus, name: str) -> None:
    profiles = bus.profiles(name)
    service = serve(bus.address)
    with Run(service) as run:
        wait_for(service, says("balanced"))
        assert len(run.pus) == 8
        profiles.set(ActiveProfile="power-saver")
        assert run.until(lambda pus: len(pus) < 8) == {"budget"}
        found = wait_for(service, says("power-saver"))
        assert limit(found, "power profile") and "profile" in found["reason"], found
        profiles.set(ActiveProfile="performance", PerformanceDegraded="lap-detected")
        wait_for(service, says("lap-detected"))
        profiles.set(PerformanceDegraded="")
        wait_for(service, lambda h: says("performance")(h) and not says("degraded")(h))
        run.until(lambda pus: len(pus) == 8)


def test_service_goes_and_comes(serve: Serve, bus: Bus) -> None:
    profiles = bus.profiles(UPOWER)
    profiles.set(ActiveProfile="power-saver")
    service = serve(bus.address)
    with Run(service) as run:
        run.until(lambda pus: len(pus) < 8)
        profiles.end()
        wait_for(service, says("not there"))
        run.until(lambda pus: len(pus) == 8)
        bus.profiles(UPOWER)
        wait_for(service, says("balanced"))


def test_the_present_name_counts(serve: Serve, bus: Bus) -> None:
    bus.profiles(HADESS).set(ActiveProfile="power-saver")
    newer = bus.profiles(UPOWER)
    service = serve(bus.address)
    with Run(service):
        wait_for(service, says("balanced"))
        newer.end()
        wait_for(service, says("power-saver"))


def test_odd_answers(serve: Serve, bus: Bus) -> None:
    """Unknown profiles, values of other types, and texts that are no good for a terminal."""
    profiles = bus.profiles(UPOWER)
    service = serve(bus.address)
    with Run(service) as run:
        wait_for(service, says("balanced"))
        profiles.set(ActiveProfile="turbo", PerformanceDegraded="\x1b[2J" + "é" * 100)
        found = wait_for(service, says("degraded"))
        detail = reading(found, "power profile")["detail"]
        assert "one that is not known" in detail and "?[2J??" in detail and detail.isascii()
        odd = {
            "ActiveProfile": dbus.Int32(7),
            "PerformanceDegraded": dbus.Array([1], signature="i"),
        }
        profiles.mock.UpdateProperties(UPOWER, dbus.Dictionary(odd, signature="sv"))
        wait_for(service, lambda h: not says("degraded")(h))
        assert len(run.pus) == 8


def test_connected_only_while_something_is_lent(serve: Serve, bus: Bus) -> None:
    service = serve(bus.address)
    headroom(service)
    without = bus.n_connections()
    with Run(service):
        bus.wait(lambda: bus.n_connections() == without + 1)
        wait_for(service, says("not there"))
    bus.wait(lambda: bus.n_connections() == without)


def test_bus_that_never_answers(serve: Serve, rundir: Path) -> None:
    """Nothing waits for it: not lending, not sampling, not stopping."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(rundir / "mute"))
        listener.listen()
        service = serve(f"unix:path={rundir / 'mute'}")
        with Run(service) as run:
            assert len(run.pus) == 8
            first = headroom(service)
            assert says("not known yet")(first)
            wait_for(service, lambda h: h["ageMs"] < first["ageMs"] or h["ageMs"] == 0)
        with Run(service):
            assert service.end(signal.SIGTERM) == 0


def test_bus_that_ends(serve: Serve, bus: Bus) -> None:
    bus.profiles(UPOWER)
    service = serve(bus.address)
    with Run(service) as run:
        wait_for(service, says("balanced"))
        bus.process.kill()
        wait_for(service, says("the bus is gone"))
        assert len(run.pus) == 8
    with Run(service):
        wait_for(service, lambda h: "value" not in reading(h, "power profile"))


def test_no_bus(serve: Serve, rundir: Path) -> None:
    service = serve(f"unix:path={rundir / 'none'}")
    with Run(service) as run:
        assert len(run.pus) == 8
        wait_for(service, says("not there"))
