# vm: shapes=8 seconds=300
"""The units as `meson install` leaves them."""

from __future__ import annotations

import json
from pathlib import Path

from service.varlink_client import Connection

from .lib import SOCKET, UNIT, call, enable, sh, unit, until

CONFIGURATION = Path("/etc/schedd.conf")


def test_enable() -> None:
    """The socket is enabled as the README says, and no service runs for that"""
    enable()
    assert unit("schedd.socket", "ActiveState") == {"ActiveState": "active"}
    assert unit(UNIT, "ActiveState") == {"ActiveState": "inactive"}


def test_first_client_starts_it() -> None:
    """The first client starts the service, which says what it lends"""
    said = sh("schedctl", "status")
    assert "of 0-7" in said, said
    shown = unit(UNIT, "ActiveState", "StatusText", "NRestarts")
    assert shown["ActiveState"] == "active" and shown["NRestarts"] == "0", shown
    assert shown["StatusText"], shown


def test_verify() -> None:
    """systemd-analyze verify finds nothing in the system's units"""
    folder = Path(unit(UNIT, "FragmentPath")["FragmentPath"]).parent
    files = [str(file) for file in sorted(folder.glob("schedd*"))]
    assert len(files) >= 2, folder
    said = sh("systemd-analyze", "verify", "--man=no", *files)
    assert not [line for line in said.splitlines() if "schedd" in line], said


def test_sandbox() -> None:
    """Its sandbox is as tight as the manual says, and it reads and reaches what it has to"""
    said = sh("systemd-analyze", "security", "--threshold=15", UNIT)
    assert "Overall exposure level" in said, said
    status = Path(f"/proc/{call('GetStatus')['pid']}/status").read_text()
    assert "\nCapBnd:\t0000000000000000\n" in status and "\nSeccomp:\t2\n" in status, status
    with Connection(SOCKET) as connection:
        connection.acquire(max=2, label="an activation")
        until("it is on the bus", lambda: "schedd" in sh("busctl", "--system", "list"))
        said = sh("schedctl", "status", "-v")
        assert "kernel trigger set" in said, said
        lending = "Lending 2 of 8 CPUs to 1 run"
        until(lending, lambda: unit(UNIT, "StatusText")["StatusText"] == lending)
    until("it idles", lambda: unit(UNIT, "StatusText")["StatusText"] == "Nothing lent")
    assert int(unit(UNIT, "MemoryCurrent")["MemoryCurrent"]) < 16 << 20


def test_journal() -> None:
    """The journal has a lease's fields"""
    sh("journalctl", "--sync")
    lines = sh("journalctl", "-b", "-o", "json", "SCHEDCTL_RUN=an activation").splitlines()
    entry = json.loads(lines[0])
    assert entry["_SYSTEMD_UNIT"] == UNIT and entry["SCHEDCTL_UID"] == "0", entry
    assert entry["MESSAGE_ID"] == "094ed2c7ed5d4b7d99529f3a1981094d", entry  # opened


def test_reload() -> None:
    """systemctl reload fails where the configuration cannot be read, and the service goes on"""
    pid = unit(UNIT, "MainPID")
    sh("systemctl", "reload", UNIT)
    CONFIGURATION.mkdir()
    try:
        sh("systemctl", "reload", UNIT, status=1)
    finally:
        CONFIGURATION.rmdir()
    assert unit(UNIT, "MainPID", "ActiveState") == {**pid, "ActiveState": "active"}


def test_unprivileged() -> None:
    """The service is nobody's but its own: not root, no capability"""
    status = Path(f"/proc/{call('GetStatus')['pid']}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split(), fields["Uid"]
    assert {int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")} == {0}
    assert fields["NoNewPrivs"] == "1"
