# vm: shapes=8 seconds=300
"""CPUs that go away under a run, and CPUs that its cgroup does not have."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from .lib import Run, all_back, core_of, enable, leases, online, sh, until

CPU = Path("/sys/devices/system/cpu")


def settled(run: Run, wanted: set[int]) -> Callable[[], bool]:
    """Whether the run has these CPUs, and its workers no other."""

    def happened() -> bool:
        (lease,) = leases()
        return set(lease["pus"]) == wanted and set.union(*run.masks()) <= wanted

    return happened


def test_offline() -> None:
    """CPUs that are taken offline are lost to the run, and come back to it"""
    enable()
    with Run(10, 8) as run:
        run.hear(8)
        until("the run has all", settled(run, set(range(8))))
        for cpu in (5, 6):
            (CPU / f"cpu{cpu}/online").write_text("0")
        try:
            until("the run has the rest", settled(run, {0, 1, 2, 3, 4, 7}))
            said = sh("schedctl", "status")
            assert "0-4,7" in said, said
        finally:
            for cpu in (5, 6):
                (CPU / f"cpu{cpu}/online").write_text("1")
        until("the run has them again", lambda: len(leases()[0]["pus"]) == 8)
        run.finish()
    all_back()


def test_smt_off() -> None:
    """With SMT switched off a run keeps a CPU of each core"""
    enable()
    with Run(10, 8) as run:
        run.hear(8)
        (CPU / "smt/control").write_text("off")
        try:
            left = online()
            assert len(left) == 4 and {core_of(cpu) for cpu in left} == left, left
            until("the run has these", settled(run, left))
        finally:
            (CPU / "smt/control").write_text("on")
        until("the run has them all", lambda: len(leases()[0]["pus"]) == 8)
        run.finish()
    all_back()


def test_allowed() -> None:
    """A run in a unit with AllowedCPUs= uses these, and others when they change"""
    enable()
    scope = ("systemd-run", "-q", "--scope", "--unit=limited", "-p", "AllowedCPUs=2-3")
    with Run(6, 4, prefix=scope) as run:
        run.hear(2)
        until("the run has these", settled(run, {2, 3}))
        sh("systemctl", "set-property", "--runtime", "limited.scope", "AllowedCPUs=4-6")
        until("the run has moved", settled(run, {4, 5, 6}))
        run.finish()
    all_back()
