"""What the kernel says of a service's process."""

from __future__ import annotations

import time
from pathlib import Path

from .conftest import Service


def status_of(service: Service, *fields: str) -> list[str]:
    text = Path(f"/proc/{service.process.pid}/status").read_text()
    lines = dict(line.split(":", 1) for line in text.splitlines())
    return [lines[field].split()[0] for field in fields]


def switches_of(service: Service) -> int:
    """How often it has gone to sleep."""
    return int(status_of(service, "voluntary_ctxt_switches")[0])


def wait_until_asleep(service: Service) -> int:
    """Until it has dealt with our last connection's end, and nothing has woken it since: it does
    not only wait for a CPU. Returns how often it has gone to sleep."""
    before: list[str] = []
    while (now := status_of(service, "State", "voluntary_ctxt_switches")) != before or now[
        0
    ] != "S":
        before = now
        time.sleep(0.2)
    return int(now[1])
