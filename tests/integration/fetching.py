"""What tests need that comes over the network, from where its users get it: fetched once for all
builds. Where that fails the tests are skipped."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 300  # seconds for each command that fetches


def cache_folder() -> Path:
    default = Path(os.environ.get("SCHEDCTL_BUILD", "build")) / "test-cache"
    folder = Path(os.environ.get("SCHEDCTL_TEST_CACHE", default)).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def cache() -> Path:
    """Where what was fetched is found again the next time."""
    return cache_folder()


def run_or_skip(what: str, *command: object) -> str:
    """Its output; skips the test with the last of what it says where it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{what}: {error}")
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        pytest.skip(f"{what}: {said[-1] if said else done.returncode}")
    return done.stdout


def virtual_environment(name: str, *packages: str) -> Path:
    """Its folder, with packages of the Python Package Index; pip's options may be among them."""
    folder = cache_folder() / name
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other tests beside these may want it, too
        if not (folder / "complete").exists():
            run_or_skip("no virtual environment", sys.executable, "-m", "venv", "--clear", folder)
            pip = [folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "-q"]
            run_or_skip(f"no {name}", *pip, "install", "--retries", "1", *packages)
            (folder / "complete").touch()
    return folder
