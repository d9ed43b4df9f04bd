# vm: shapes=8 seconds=120
"""The units as `meson install` leaves them."""

from __future__ import annotations

from pathlib import Path

from .lib import UNIT, call, enable, sh, unit


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


def test_unprivileged() -> None:
    """The service is nobody's but its own: not root, no capability"""
    status = Path(f"/proc/{call('GetStatus')['pid']}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split(), fields["Uid"]
    assert {int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")} == {0}
    assert fields["NoNewPrivs"] == "1"
