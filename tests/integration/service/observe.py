"""What the kernel says of a service's process."""

from __future__ import annotations

import time
from pathlib import Path

from .conftest import Service


def status_of(service: Service, field: str) -> int:
    text = Path(f"/proc/{service.process.pid}/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith(field + ":")]
    return int(line.split()[1])


def wait_until_asleep(service: Service) -> int:
    """Until it has dealt with our last connection's end: its switches do not change any more."""
    switches = -1
    while (now := status_of(service, "voluntary_ctxt_switches")) != switches:
        switches = now
        time.sleep(0.2)
    return switches
