# vm: shapes=8 seconds=300
"""Runs outlast the service: a hang, a restart, an upgrade."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path
from typing import Callable

from .lib import UNIT, Run, Watch, all_back, call, drop_in, enable, leases, sh, unit, until


def held() -> dict[str, set[int]]:
    return {lease["lease"]: set(lease["pus"]) for lease in leases() if not lease["detached"]}


def replaced(pid: int) -> bool:
    now = int(unit(UNIT, "MainPID")["MainPID"])
    return now not in (0, pid) and unit(UNIT, "ActiveState")["ActiveState"] == "active"


class Pair:
    """Two runs on all CPUs, and somebody who looks on, through all of these tests."""

    def __init__(self) -> None:
        enable()
        self.watch = Watch()
        self.watch.__enter__()
        self.runs = [Run(6, 4), Run(6, 4)]
        for run in self.runs:
            run.hear(4)

    def masks(self) -> list[set[int]]:
        return [mask for run in self.runs for mask in run.masks()]

    def end(self) -> None:
        for run in self.runs:
            run.finish()
        all_back()
        self.watch.__exit__(None)


pairs: list[Pair] = []


def across(change: str, replace: Callable[[int], object]) -> None:
    """The service is replaced; leases are claimed and nothing moves."""
    (pair,) = pairs
    before, masks = held(), pair.masks()
    pid = call("GetStatus")["pid"]
    replace(pid)
    until(f"another service after {change}", lambda: replaced(pid))
    until("both leases are claimed", lambda: len(held()) == 2)
    assert held() == before
    assert pair.masks() == masks
    looks = pair.watch.looks
    until("the new service is looked at", lambda: pair.watch.looks > looks + 1)


def test_begin() -> None:
    """Two runs share all CPUs"""
    pairs.append(Pair())
    assert sorted(cpu for pus in held().values() for cpu in pus) == list(range(8)), held()
    assert sorted(cpu for mask in pairs[0].masks() for cpu in mask) == list(range(8))


def test_restart() -> None:
    """systemctl restart: leases are claimed, workers stay where they are"""
    across("restart", lambda pid: sh("systemctl", "restart", UNIT))


def test_killed() -> None:
    """SIGKILL: the same"""
    across("SIGKILL", lambda pid: os.kill(pid, signal.SIGKILL))


def test_watchdog() -> None:
    """A service that hangs is killed by the watchdog and started again: the same"""
    drop_in("watchdog", "[Service]\nWatchdogSec=6\n")
    try:
        across("a restart with a shorter time", lambda pid: sh("systemctl", "restart", UNIT))
        across("the watchdog", lambda pid: os.kill(pid, signal.SIGSTOP))
        journal = sh("journalctl", "-b", "-u", UNIT, "-o", "cat")
        assert "Watchdog timeout" in journal and "'watchdog'" in journal, journal[-2000:]
    finally:
        drop_in("watchdog", "")


def upgrade(pid: int) -> None:
    """What a package does: other files in the old ones' places, then try-restart."""
    schedd = Path(f"/proc/{pid}/exe").resolve()
    old = call("GetStatus")["version"].encode()
    new = re.sub(rb"\d+$", lambda last: b"%d" % ((int(last[0]) + 1) % 10), old)
    content = schedd.read_bytes()
    assert old + b"\0" in content and len(new) == len(old)
    fresh = schedd.with_name("schedd.new")
    shutil.copyfile(schedd, schedd.with_name("schedd.old"))
    fresh.write_bytes(content.replace(old + b"\0", new + b"\0"))
    fresh.chmod(0o755)
    fresh.rename(schedd)
    sh("systemctl", "daemon-reload")
    sh("systemctl", "try-restart", UNIT)
    until("the new version answers", lambda: call("GetStatus")["version"].encode() == new)


def downgrade(schedd: Path) -> None:
    schedd.with_name("schedd.old").replace(schedd)
    schedd.chmod(0o755)
    sh("systemctl", "try-restart", UNIT)


def test_upgrade() -> None:
    """An upgrade: the next version takes over; the same"""
    schedd = Path(f"/proc/{call('GetStatus')['pid']}/exe").resolve()
    try:
        across("an upgrade", upgrade)
        across("the way back", lambda pid: downgrade(schedd))
    finally:
        assert not schedd.with_name("schedd.old").exists()


def test_end() -> None:
    """Both runs end well: each test once, and no CPU was ever lent twice"""
    pairs[0].end()
