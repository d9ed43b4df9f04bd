# vm: shapes=8 seconds=300
"""Users: two who share the system's service, and one who has a service of her own."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

from service.varlink_client import NO_SUCH_LEASE, SCHEDULER, Connection

from .lib import (
    SOCKET,
    UNIT,
    Run,
    Watch,
    all_back,
    call,
    enable,
    leases,
    lingering,
    sh,
    unit,
    until,
)

UIDS = {user: pwd.getpwnam(user).pw_uid for user in ("ada", "bob")}
OWN = Path(f"/run/user/{UIDS['ada']}/schedd/schedd.sock")


def connect(user: str, path: Path = SOCKET) -> Connection:
    """The service sees the user who connects, as the kernel says it: by the effective uid."""
    os.seteuid(UIDS[user])
    try:
        return Connection(path)
    finally:
        os.seteuid(0)


def test_fair() -> None:
    """Two users, each of whom wants all CPUs: each has half, and no CPU is lent twice"""
    enable()
    with Watch(), Run(10, 8, user="ada") as ada, Run(10, 8, user="bob") as bob:
        ada.hear(1)
        bob.hear(1)

        def halves() -> bool:
            held = {lease["uid"]: set(lease["pus"]) for lease in leases()}
            return [len(held.get(uid, ())) for uid in UIDS.values()] == [4, 4]

        until("half of the CPUs each", halves)
        held = {lease["uid"]: set(lease["pus"]) for lease in leases()}
        for run, uid in ((ada, UIDS["ada"]), (bob, UIDS["bob"])):
            mine = held[uid]
            until("workers are where they may be", lambda: set.union(*run.masks()) <= mine)
        ada.finish()
        bob.finish()
    all_back()


def test_hidden() -> None:
    """What a user's run is called is for her and root alone"""
    with connect("ada") as ada:
        ada.acquire(max=1, label="a secret")
        for user, seen in (("ada", True), ("bob", False), ("root", True)):
            said = sh("schedctl", "status", user=user)
            assert ("a secret" in said) == seen, f"{user}: {said}"
        assert "ada" in sh("schedctl", "status", user="bob")
    all_back()


def test_tokens() -> None:
    """A token is worth nothing in another user's hands"""
    with connect("ada") as holder, connect("ada") as ada, connect("bob") as bob:
        grant = holder.acquire(max=1)
        key: dict[str, Any] = {"lease": grant["lease"], "token": grant["token"]}
        back = {**key, "generation": grant["generation"], "pus": grant["pus"]}
        claim = SCHEDULER + "Claim"
        assert bob.exchange(SCHEDULER + "Update", {**key, "weight": 1}) == NO_SUCH_LEASE
        assert bob.exchange(SCHEDULER + "Return", back) == NO_SUCH_LEASE
        assert bob.exchange(claim, back, more=True) == NO_SUCH_LEASE
        assert bob.exchange(SCHEDULER + "Control", {"lease": grant["lease"]}) == NO_SUCH_LEASE
        ada.call(SCHEDULER + "Update", {**key, "weight": 1})
        (lease,) = leases()
        assert lease["weight"] == 1 and lease["pus"] == grant["pus"]


def test_own_service() -> None:
    """Without a system's service a user's own is started by her socket, in her manager"""
    sh("systemctl", "stop", "schedd.socket", UNIT)
    lingering("ada")
    sh("systemctl", "--user", "enable", "--now", "schedd.socket", user="ada")
    assert unit(UNIT, "ActiveState", user="ada") == {"ActiveState": "inactive"}
    with Run(4, 4, user="ada") as run:
        run.hear(4)
        shown = unit(UNIT, "ActiveState", "MainPID", user="ada")
        assert shown["ActiveState"] == "active", shown
        with connect("ada", OWN) as connection:
            status = connection.call(SCHEDULER + "GetStatus")
        assert status["pid"] == int(shown["MainPID"])
        (lease,) = status["leases"]
        assert set(lease["pus"]) == set.union(*run.masks()), lease
        assert os.stat(f"/proc/{status['pid']}").st_uid == UIDS["ada"]
        run.finish()


def test_verify() -> None:
    """systemd-analyze verify finds nothing in the user's units"""
    folder = Path(unit(UNIT, "FragmentPath", user="ada")["FragmentPath"]).parent
    files = [str(file) for file in sorted(folder.glob("schedd*"))]
    assert len(files) >= 2, folder
    said = sh("systemd-analyze", "verify", "--user", "--man=no", *files, user="ada")
    assert not [line for line in said.splitlines() if "schedd" in line], said


def test_moved() -> None:
    """Where the system's service answers, the user's lends nothing and says where to ask"""
    enable()
    call("GetStatus")
    with connect("ada", OWN) as connection:
        reply = connection.exchange(SCHEDULER + "Acquire", {"max": 1}, more=True)
        assert reply["error"] == SCHEDULER + "Moved", reply
        assert reply["parameters"] == {"address": str(SOCKET)}, reply
    with Run(2, 2, user="ada") as run:
        run.hear(2)
        assert [lease["uid"] for lease in leases()] == [UIDS["ada"]]
        run.finish()
