"""What the guest's tests share."""

from __future__ import annotations

import subprocess


class Skip(Exception):
    """Raised by a test that cannot be run here: why."""


def sh(*command: str, timeout: float = 60) -> str:
    """What it prints; it has to succeed."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, f"{command}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout
