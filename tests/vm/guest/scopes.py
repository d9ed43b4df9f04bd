# vm: shapes=8 seconds=180
"""Runs as units of a user's manager and of the system's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from .lib import Run, allowed, as_user, cpus, enable, leases, lingering, sh, until

GROUPS = Path("/sys/fs/cgroup")
SLICE = "schedctl.slice"

# A daemon of a test's: a session of its own, nobody's child, and deaf to what it can be deaf to.
LEAVES_DAEMON = """
import signal, time

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
DAEMON = "setsid sh -c 'trap \"\" TERM; echo $$ >daemon; exec sleep 1000' & sleep 1000"


def group_of(pid: int) -> Path:
    (line,) = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return GROUPS / line.removeprefix("0::/")


def scopes(user: str) -> list[str]:
    manager = () if user == "root" else ("--user",)
    said = sh("systemctl", *manager, "list-units", "--all", "--plain", "--no-legend", user=user)
    return [word for word in said.split() if word.startswith("schedctl-run-")]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def below(pid: int) -> list[int]:
    """Everybody below a process."""
    return [deeper for child in children(pid) for deeper in (child, *below(child))]


def test_user() -> None:
    """A user's run is a scope of his manager's, and gone when it ends, with daemons of its tests"""
    enable()
    lingering("ada")
    options = ("-v", "--json", "told", "--priority", "batch")
    with Run(4, 2, *options, user="ada", preamble=LEAVES_DAEMON) as run:
        worker = run.hear(2)[0]
        group = group_of(worker)
        assert group.parent.name == SLICE and "user@" in str(group), group
        assert group != group_of(run.process.pid)
        until("the daemon is there", (run.folder / "daemon").exists)
        daemon = int((run.folder / "daemon").read_text())
        assert group_of(daemon) == group
        (lease,) = leases()
        assert lease["unit"] == group.name
        said = sh("schedctl", "explain", user="ada")
        assert f"Held together by the unit {group.name}." in said, said
        assert "would be a unit of its own" in said, said
        weights = [group / "cpu.weight", group.parent / "cpu.weight"]
        until("it weighs little", lambda: [path.read_text() for path in weights] == ["1\n"] * 2)
        said = run.finish()
        told = json.loads((run.folder / "told").read_text())["run"]
    assert told["unit"] == group.name and told["cpuSeconds"] > 0, told
    assert told["memoryPeak"] > 10 << 20, told  # Python is not less
    assert f"in {group.name}" in said, said
    until("the daemon is gone", lambda: not Path(f"/proc/{daemon}").exists())
    until("its units are gone", lambda: not scopes("ada"))
    until("its cgroup is gone", lambda: not group.exists())


def test_killed() -> None:
    """Guardian and engine are killed at once: not even a daemon is left"""
    enable()
    lingering("ada")
    home = Path("/home/ada")
    (home / "daemon").unlink(missing_ok=True)
    run = subprocess.Popen(
        as_user("ada", ("schedctl", "run", "--", "sh", "-c", DAEMON)),
        cwd=home,
        start_new_session=True,
    )
    until(
        "the daemon is there", lambda: (home / "daemon").exists() and (home / "daemon").read_text()
    )
    daemon = int((home / "daemon").read_text())
    group = group_of(daemon)
    until(
        "no batch run's weight is left", lambda: (group.parent / "cpu.weight").read_text() == "30\n"
    )
    outside = [pid for pid in (run.pid, *below(run.pid)) if group_of(pid) != group]
    engine = [pid for pid in children(outside[-1]) if group_of(pid) == group]
    for pid in (outside[-1], *engine):
        with suppress(ProcessLookupError):  # gone with the one above it
            os.kill(pid, signal.SIGKILL)
    run.wait(60)
    until("the daemon is gone", lambda: not Path(f"/proc/{daemon}").exists())
    until("its units are gone", lambda: not scopes("ada"))


def test_cpus() -> None:
    """Where the manager has cpusets, nobody leaves the lease's CPUs, and it grows all the same"""
    enable()
    with Run(8, 4) as run:
        worker = run.hear(4)[0]
        group = group_of(worker)
        assert group.parent.name == SLICE, group

        def held() -> set[int]:
            (lease,) = [lease for lease in leases() if lease.get("unit") == group.name]
            return cpus(lease["pus"]) if isinstance(lease["pus"], str) else set(lease["pus"])

        effective = group / "cpuset.cpus.effective"
        until("its cgroup has its CPUs", lambda: cpus(effective.read_text()) == held())
        stray = subprocess.run(
            ["taskset", "-pc", "0-7", str(worker)], capture_output=True, text=True, check=False
        )
        assert allowed(worker) <= held(), stray
        with Run(8, 8) as other:
            other.hear(2)
            until(
                "the first gives some back",
                lambda: cpus((group / "cpuset.cpus").read_text()) == held() and len(held()) <= 4,
            )
            other.finish()
        until("it has them again", lambda: len(held()) == 4)
        until("its cgroup too", lambda: cpus(effective.read_text()) == held())
        run.finish()
    until("its units are gone", lambda: not scopes("root"))
