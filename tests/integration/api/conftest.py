"""Clients of the service that nobody here wrote, got from where their users get them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from fetching import cache, run_or_skip, virtual_environment
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

__all__ = [
    "build",
    "cache",
    "connection",
    "env",
    "rundir",
    "service",
    "socket_path",
    "source",
    "start",
]

HERE = Path(__file__).resolve().parent
PYTHON_VARLINK = "varlink==31.0.0"

OpenVarlink = Callable[[Service], Varlinkctl]


@pytest.fixture(scope="session")
def varlink() -> ModuleType:
    """python-varlink of the Python Package Index, in a virtual environment."""
    folder = virtual_environment("python-" + PYTHON_VARLINK, "--no-deps", PYTHON_VARLINK)
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
