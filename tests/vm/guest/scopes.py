# vm: shapes=8 seconds=240
"""A user's runs live in scopes of their own, and nothing is left of them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from .lib import Run, enable, leases, lingering, sh, unit, until

CGROUPS = Path("/sys/fs/cgroup")
# A daemon of a test's: a session of its own, its parent gone, and deaf to what it can be deaf to.
DAEMON = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        with open("daemon.new", "w") as out:
            out.write(str(os.getpid()))
        os.rename("daemon.new", "daemon")
        time.sleep(3600)
    os._exit(0)
"""


def scopes() -> list[str]:
    said = sh("systemctl", "--user", "list-units", "--plain", "--no-legend", "--all", user="ada")
    return [line.split()[0] for line in said.splitlines() if line.startswith("schedctl-run-")]


def cgroup(pid: int) -> Path:
    return CGROUPS / Path(f"/proc/{pid}/cgroup").read_text().strip().split("::/")[1]


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def begin() -> tuple[Run, int, Path]:
    """A run of ada's in the middle, with a daemon that one of its tests has started; its cgroup."""
    run = Run(4, 4, user="ada", preamble=DAEMON)
    run.hear(4)
    daemon = run.folder / "daemon"
    until("the daemon is there", daemon.exists)
    return run, int(daemon.read_text()), cgroup(run.pids[0])


def gone(pids: list[int], group: Path) -> None:
    until("none of its processes is left", lambda: not any(map(alive, pids)))
    until("none of its units is left", lambda: not scopes())
    assert not group.exists(), group
    until("its CPUs are back", lambda: not leases())


def test_scope() -> None:
    """A run, its workers and their daemons are in one scope, which the service knows"""
    enable()
    lingering("ada")
    run, daemon, group = begin()
    with run:
        (lease,) = leases()
        assert group.name == lease["unit"] and group.name in scopes(), (group, lease, scopes())
        assert group.parent.name == "schedctl.slice", group
        assert {cgroup(pid) for pid in [*run.pids.values(), daemon]} == {group}
        shown = unit(group.name, "ActiveState", "MemoryAccounting", user="ada")
        assert shown == {"ActiveState": "active", "MemoryAccounting": "yes"}, shown
        said = sh("schedctl", "explain")
        assert group.name in said, said
        run.finish()
    gone([*run.pids.values(), daemon], group)


def test_killed() -> None:
    """SIGKILL of all of a run that one can see: its daemon ends too"""
    run, daemon, group = begin()
    with run:
        mine = [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
        below = Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text()
        for pid in {*mine, *map(int, below.split())} - {daemon}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        run.process.wait(60)
    gone([*run.pids.values(), daemon], group)
    run.close()
