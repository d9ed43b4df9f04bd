"""A service is replaced while it lends: by one that gets its socket, or of another version."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Notifications, StartService
from .varlink_client import PATIENCE, SCHEDULER, Connection, Json

TOKEN = "0123456789abcdef0123456789abcdef"
HASH = hashlib.sha256(TOKEN.encode()).hexdigest()
# A lease as the first version that was released recorded it, and as a later one may.
OLDER: Json = {
    "lease": 7, "uid": os.getuid(), "token": HASH, "label": "make check", "min": 1, "max": 3,
    "weight": 100, "memory": 0, "priority": "batch", "allowed": "0-7", "quota": 0.0, "group": 5,
    "generation": 4, "pus": "2-4", "slots": "2-4",
}  # fmt: skip
NEWER = {**OLDER, "priority": "urgent", "unit": "run-1.scope", "deadline": {"ms": 5}, "tags": ["a"]}


class Manager:
    """Listens, and hands the socket to one service after the other, as systemd does."""

    def __init__(self, build: Path, path: Path) -> None:
        self.schedd = build / "daemon/schedd"
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        self.path = path
        self.n = 0

    def start(self) -> "subprocess.Popen[bytes]":
        self.n += 1
        notifications = Notifications(self.path.with_name(f"notify{self.n}"))
        # LISTEN_PID is the service's own, which is known only where it is started.
        script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
        process = subprocess.Popen(
            ["sh", "-c", script, "sh", self.schedd, "--config", "/dev/null"],
            preexec_fn=lambda: os.dup2(self.socket.fileno(), 3),
            env={"NOTIFY_SOCKET": str(notifications.path), "HWLOC_SYNTHETIC": "core:4 pu:2"},
            pass_fds=(3,),
        )
        notifications.wait_for("READY")
        notifications.close()
        return process


@pytest.fixture
def manager(build: Path, socket_path: Path) -> Iterator[Manager]:
    manager = Manager(build, socket_path)
    yield manager
    manager.socket.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restarts_with_the_same_socket(manager: Manager, how: signal.Signals) -> None:
    """Who connects meanwhile is served by the next one; who claims a lease has it back."""
    process = manager.start()
    with Connection(manager.path) as held:
        grant = held.acquire(max=3)
        process.send_signal(how)
        process.wait(PATIENCE)
        with Connection(manager.path) as connection:
            claim = {k: grant[k] for k in ("lease", "token", "generation", "pus")}
            connection.send(SCHEDULER + "Claim", claim, more=True)
            process = manager.start()
            assert connection.grant()["pus"] == grant["pus"]
            with Connection(manager.path) as other:
                assert not set(other.acquire(max=5)["pus"]) & set(grant["pus"])
            process.terminate()
            assert process.wait(PATIENCE) == 0
    assert manager.path.is_socket()


@pytest.mark.parametrize("record", [OLDER, NEWER], ids=["older", "newer"])
def test_another_versions_leases(start: StartService, socket_path: Path, record: Json) -> None:
    """Neither an upgrade nor a downgrade loses a lease, nor lends what is reserved for it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    lines = [{"schedd": 1, "boot": boot, "version": "9"}, {"session": 1, "of": [7]}, record]
    state = socket_path.with_name("s.state")
    state.write_text("".join(json.dumps(line) + "\n" for line in lines))
    service = start()
    with service.connect() as a, service.connect() as b:
        assert set(a.acquire()["pus"]) == {0, 1, 5, 6, 7}
        claim = {"lease": "7", "token": TOKEN, "generation": 4, "pus": [2, 3, 4]}
        b.send(SCHEDULER + "Claim", claim, more=True)
        assert set(b.grant()["pus"]) == {2, 3, 4}
    assert not state.with_name("s.state.corrupt").exists()
