"""docs/api.md says what the service says. `ninja -C BUILD regenerate-api` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest
from service.conftest import Service, StartService
from service.fake_machine import FakeMachine
from service.varlink_types import Interface

from .document import Replay, blocks, same, shown, source_of

REGENERATE = os.environ.get("SCHEDCTL_REGENERATE")


@pytest.fixture
def document(source: Path) -> Path:
    return source / "docs/api.md"


class Services:
    """The document's services: each in one place, whatever becomes of it."""

    def __init__(self, start: StartService, folder: Path, rundir: Path) -> None:
        self.start, self.folder, self.rundir = start, folder, rundir
        self.config = folder / "schedd.conf"
        self.running: "dict[str, Service]" = {}

    def __call__(self, what: str) -> Service:
        if what == "restart":
            self.running.pop("").end()
        if what == "unreadable":
            self.config.unlink()
        where = what if what in ("beside", "battery") else ""
        if where not in self.running:
            path = self.rundir / f"s{where}"
            self.running[where] = self.start(*self.options(where), path=path, HWLOC_SYNTHETIC="")
        return self.running[where]

    def options(self, where: str) -> "list[str]":
        machine = FakeMachine(self.folder / where, cores=8 if where == "battery" else 4)
        if where == "battery":
            machine.battery(40, on_mains=False)
            return ["--root", str(machine.folder)]
        self.config.write_text("[Headroom]\nReserve=0\n")
        return ["--root", str(machine.folder), "--config", str(self.config)]


@pytest.fixture
def services(start: StartService, tmp_path: Path, rundir: Path) -> Services:
    return Services(start, tmp_path, rundir)


def check(document: Path, services: Services, replay: Replay) -> None:
    """Where the services' own folders show they are those that users have."""
    today = [line.replace(str(services.folder), "/etc") for line in replay()]
    if REGENERATE:
        document.write_text("\n".join(today) + "\n")
    assert today == document.read_text().splitlines()


def test_conversations(document: Path, services: Services) -> None:
    check(document, services, Replay(document.read_text().splitlines(), services, None, None))


def test_with_varlinkctl_and_python(
    document: Path, services: Services, varlinkctl_program: Path, varlink: ModuleType
) -> None:
    lines = document.read_text().splitlines()
    check(document, services, Replay(lines, services, varlinkctl_program, varlink))


def test_every_method_and_error_is_shown(document: Path, interface: Interface) -> None:
    text = document.read_text()
    for name in interface.calls:
        assert f"org.schedctl.Scheduler.{name}" in text, name
    for name in interface.errors:
        assert name in text, name


def test_what_differs_is_found() -> None:
    assert same('{"pid": 7, "x": 1}', '{"pid": 8, "x": 1}')
    assert not same('{"pid": 7, "x": 1}', '{"pid": 7, "x": 2}')
    assert not same('{"pid": 7}', '{"ageMs": 7}')
    assert shown({"a": [{"b": 1}, {"b": 2}, {"b": 3}]}) == '{"a": [{"b": 1}, …, {"b": 3}]}'
    lines = ["<!-- replay: x -->", "```", "a", "```", "```c", "```"]
    assert [(b.language, b.first, b.last, b.wants) for b in blocks(lines)] == [
        ("", 2, 3, {"replay": "x"}),
        ("c", 5, 5, {}),
    ]
    assert source_of("examples/share.c", "loop")[0].startswith("static int loop(")


def test_a_reply_that_changed_is_found(document: Path, services: Services) -> None:
    changed = document.read_text().splitlines()
    at = next(i for i, line in enumerate(changed) if line.startswith("C ← ") and "workers" in line)
    right = changed[at]
    changed[at] = right.replace('"workers": 4', '"workers": 5')
    assert changed[at] != right
    assert Replay(changed, services, None, None)()[at] == right
