"""Managers of units: a made one that does as a test says, and systemd's own as a user's."""

from __future__ import annotations

import os
import select
import socket
import subprocess
from pathlib import Path
from typing import Callable, Dict, List, Optional

from .conftest import BUILD, PATIENCE

SYSTEMD = "/lib/systemd/systemd"
FAKE = BUILD / "tests" / "fake-manager"

# In namespaces of its own, so that it sees a plain version 2 hierarchy and a system that was booted
# with systemd; its units are those that it is given, and no others.
START = """
mkdir "$GROUP/manager" && echo $$ >"$GROUP/manager/cgroup.procs"
umount -R /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 cgroup /sys/fs/cgroup && mount -t tmpfs run /run && mkdir -p /run/systemd/system
exec "$0" --user --unit=nothing.target --log-target=null
"""


class FakeManager:
    """It makes units by saying so; lines tell what it was asked."""

    def __init__(self, runtime: Path, way: str) -> None:
        (runtime / "systemd").mkdir()
        self.process = subprocess.Popen(
            [FAKE, runtime / "systemd" / "private", way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # select() sees what was not read
        )
        assert self.line() == ["ready"]

    def line(self) -> List[str]:
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert ready, "nothing was asked of the manager"
        return self.process.stdout.readline().decode().split()

    def go_on(self) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"\n")

    def asked(self) -> List[List[str]]:
        """All that it was asked; it ends."""
        told, _ = self.process.communicate(timeout=PATIENCE)
        return [line.split() for line in told.decode().splitlines()]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def version2() -> Optional[Path]:
    """Where its hierarchy is mounted."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    return None


def why_no_manager() -> str:
    """Why systemd's cannot be had here; "" where it can."""
    if os.geteuid() != 0:
        return "needs root to make namespaces and cgroups"
    if not os.access(SYSTEMD, os.X_OK):
        return "no systemd is installed"
    mount = version2()
    if not mount:
        return "no cgroups of version 2"
    probe = mount / f"schedctl-probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as e:
        return f"no cgroup can be made: {e}"
    tried = subprocess.run(
        ["unshare", "--mount", "--cgroup", "mount", "-t", "cgroup2", "cgroup", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return tried.stderr.strip()


class UserManager:
    """systemd --user, in a cgroup that the test's processes share with it."""

    def __init__(self, runtime: Path, environment: Dict[str, str]) -> None:
        mount = version2()
        assert mount
        self.runtime = runtime
        self.environment = {**environment, "XDG_RUNTIME_DIR": str(runtime)}
        self.group = mount / f"schedctl-test-{os.getpid()}"
        self.group.mkdir()
        units = runtime / "units"
        units.mkdir()
        (units / "nothing.target").write_text("[Unit]\nDefaultDependencies=no\n")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(runtime / "notify"))
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--cgroup", "sh", "-c", START, SYSTEMD],
                env={
                    **self.environment,
                    "GROUP": str(self.group),
                    "SYSTEMD_UNIT_PATH": str(units),
                    "NOTIFY_SOCKET": str(runtime / "notify"),
                },
                stdin=subprocess.DEVNULL,
                preexec_fn=self.enter("."),
            )
            ready.settimeout(PATIENCE)
            while b"READY=1" not in ready.recv(4096):
                pass

    def enter(self, group: str) -> Callable[[], None]:
        """What a child does to be in one of its cgroups."""

        def enter() -> None:
            (self.group / group).mkdir(exist_ok=True)
            (self.group / group / "cgroup.procs").write_text("0")

        return enter

    def ctl(self, *arguments: str) -> str:
        return subprocess.run(
            ["systemctl", "--user", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        ).stdout

    def units(self) -> List[str]:
        """Of runs, whatever their state."""
        told = self.ctl("list-units", "--all", "--no-legend", "--plain", "schedctl-run-*")
        return sorted(line.split()[0] for line in told.splitlines())

    def properties(self, unit: str) -> Dict[str, str]:
        told = self.ctl("show", unit)
        return dict(line.split("=", 1) for line in told.splitlines())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        (self.group / "cgroup.kill").write_text("1")
        events = self.group / "cgroup.events"
        with open(events, encoding="ascii") as file:
            poller = select.poll()
            poller.register(file, select.POLLPRI)
            while "populated 1" in file.read():
                poller.poll(100)
                file.seek(0)
        for path, folders, _ in os.walk(self.group, topdown=False):
            os.rmdir(path)
