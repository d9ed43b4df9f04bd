"""Clients of the service that nobody here wrote, got from where their users get them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from service.conftest import (
    Service,
    build,
    connection,
    env,
    rundir,
    service,
    socket_path,
    source,
    start,
)
from service.varlink_types import Interface

from .varlinkctl import Varlinkctl

__all__ = ["build", "connection", "env", "rundir", "service", "socket_path", "source", "start"]

HERE = Path(__file__).resolve().parent
PYTHON_VARLINK = "varlink==31.0.0"
PATIENCE = 300  # seconds for what comes over the network

OpenVarlink = Callable[[Service], Varlinkctl]


@pytest.fixture(scope="session")
def cache(build: Path) -> Path:
    """Where what was fetched is found again the next time."""
    folder = Path(os.environ.get("SCHEDCTL_TEST_CACHE", build / "test-cache"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_or_skip(what: str, *command: object, **options: object) -> str:
    """Its output; skips the test with the last of what it says where it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what}: not within {PATIENCE} s")
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        pytest.skip(f"{what}: {said[-1] if said else done.returncode}")
    return done.stdout


@pytest.fixture(scope="session")
def varlink(cache: Path) -> ModuleType:
    """python-varlink of the Python Package Index, in a virtual environment."""
    folder = cache / ("python-" + PYTHON_VARLINK)
    if not (folder / "complete").exists():
        run_or_skip("no virtual environment", sys.executable, "-m", "venv", "--clear", folder)
        pip = [folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "-q"]
        install = ["install", "--retries", "1", "--no-deps", PYTHON_VARLINK]
        run_or_skip("no python-varlink", *pip, *install)
        (folder / "complete").touch()
    (packages,) = folder.glob("lib/python*/site-packages")
    sys.path.append(str(packages))
    try:
        return __import__("varlink")
    finally:
        sys.path.remove(str(packages))


@pytest.fixture(scope="session")
def varlinkctl_program(cache: Path) -> Path:
    script = HERE / "get-varlinkctl.sh"
    return Path(run_or_skip("no varlinkctl", script, cache / "varlinkctl").strip())


@pytest.fixture
def varlinkctl(varlinkctl_program: Path, service: Service) -> Varlinkctl:
    return Varlinkctl(varlinkctl_program, service.path)


@pytest.fixture(scope="session")
def interface(source: Path) -> Interface:
    return Interface((source / "docs/org.schedctl.Scheduler.varlink").read_text())
