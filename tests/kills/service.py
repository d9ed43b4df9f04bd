"""A schedd that is started again when it is killed, as a service manager does: on the same socket,
with the same state. What it lends is watched from the side."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from run.conftest import ACTIVATE, CONFIGURATION, PATIENCE, SCHEDD
from service.varlink_client import SCHEDULER, Connection

from .suite import now

INTERVAL_MS = 100


@dataclass(frozen=True)
class Seen:
    """One report of Monitor's."""

    at: float
    service: int  # its process
    leases: list[dict[str, Any]]

    def has(self, label: str) -> bool:
        return any(lease.get("label") == label for lease in self.leases)

    def lent_twice(self) -> list[int]:
        """PUs of which a lease that does not share them is not the only holder."""
        holders = Counter(pu for lease in self.leases for pu in lease["pus"])
        return [
            pu
            for lease in self.leases
            for pu in lease["pus"]
            if holders[pu] > 1 and pu not in lease["shared"]
        ]


class Watch(threading.Thread):
    """Reads Monitor, of each service in turn; the listening socket is always there."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._changed = threading.Condition()
        self.seen: list[Seen] = []
        self.lent_twice: list[Seen] = []
        self._stopped = False

    def run(self) -> None:
        while not self._stopped:
            try:
                with Connection(self._path, PATIENCE) as connection:
                    self._read(connection)
            except OSError:
                pass  # it was killed

    def _read(self, connection: Connection) -> None:
        connection.send(SCHEDULER + "Monitor", {"intervalMs": INTERVAL_MS}, more=True)
        while not self._stopped:
            reply = connection.receive()
            if reply is None:
                return
            status = reply["parameters"]["status"]
            seen = Seen(now(), status["pid"], status["leases"])
            with self._changed:
                self.seen.append(seen)
                if seen.lent_twice():
                    self.lent_twice.append(seen)
                self._changed.notify_all()

    def stop(self) -> None:
        self._stopped = True

    def wait_returned(self, label: str, since: float) -> float | None:
        """When a report after `since` had no such lease any more; None where that never came."""
        end = now() + PATIENCE
        with self._changed:
            while True:
                for seen in self.seen:
                    if seen.at >= since and not seen.has(label):
                        return seen.at
                if not self._changed.wait(end - now()) and now() >= end:
                    return None

    def wait_seen(self, service: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.seen[-1].service == service, PATIENCE)

    def forget(self) -> None:
        """What was seen in earlier rounds."""
        with self._changed:
            del self.seen[:-1]


class Service:
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.path = folder / "schedd.sock"
        self._configuration = folder / "schedd.conf"
        self._configuration.write_text(CONFIGURATION)
        self._environment = environment
        self._log = open(folder / "schedd.log", "ab")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        self._lock = threading.Lock()
        self._start()
        self.watch = Watch(self.path)
        self.watch.start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", ACTIVATE, str(SCHEDD), str(self._configuration)],
            env=self._environment,
            stdin=self._listener.fileno(),
            stderr=self._log,
        )

    def kill(self, again: bool) -> bool:
        """And start it again, as soon as it is gone; `again`: kill that one too, while what the
        first one had lent is being claimed from it. False where it had ended by itself."""
        with self._lock:
            alive = self._process.poll() is None
            self._replace()
            if again:
                self.watch.wait_seen(self._process.pid)
                self._replace()
            return alive

    def _replace(self) -> None:
        self._process.kill()
        self._process.wait()
        self._start()

    def stop(self) -> int:
        self.watch.stop()
        self._process.terminate()
        status = self._process.wait(PATIENCE)
        self._listener.close()
        self._log.close()
        return status
