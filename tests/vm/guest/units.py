# vm: shapes=8 seconds=120
"""The units as `meson install` leaves them."""

from __future__ import annotations

from .lib import sh


def test_enable() -> None:
    """The socket is enabled as the README says"""
    sh("systemd-sysusers")
    sh("systemctl", "daemon-reload")
    sh("systemctl", "enable", "--now", "schedd.socket")


def test_first_client_starts_it() -> None:
    """The first client starts the service"""
    assert sh("systemctl", "show", "-P", "ActiveState", "schedd.service").strip() == "inactive"
    print("#", sh("schedctl", "status"))
    assert sh("systemctl", "show", "-P", "ActiveState", "schedd.service").strip() == "active"
