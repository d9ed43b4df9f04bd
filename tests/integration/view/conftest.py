"""What the view's tests share: schedctl, a fake service, terminals, and a real service."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures.scenes import SCENES, Scene

from .fake_service import FakeService
from .screens import Terminal

BUILD = Path(os.environ.get("SCHEDCTL_BUILD", "build")).resolve()
SCHEDCTL = BUILD / "cli/schedctl"

Schedctl = Callable[..., "subprocess.CompletedProcess[str]"]
OpenTerminal = Callable[..., Terminal]
StartFake = Callable[..., FakeService]


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """In a folder with a path short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="schedctl-"))
    yield folder / "s"
    shutil.rmtree(folder)


@pytest.fixture
def env(socket_path: Path) -> dict[str, str]:
    without = ("NO_COLOR", "COLUMNS", "LINES", "XDG_RUNTIME_DIR")
    env = {k: v for k, v in os.environ.items() if k not in without and not k.startswith("SCHEDCTL")}
    # The terminal that pyte is; it does not know all of xterm's sequences.
    return {**env, "SCHEDCTL_SOCKET": str(socket_path), "LC_ALL": "C.UTF-8", "TERM": "linux"}


@pytest.fixture
def schedctl(env: dict[str, str]) -> Schedctl:
    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCHEDCTL, *arguments],
            env={**env, **more},
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture
def fake(socket_path: Path) -> Iterator[StartFake]:
    services: list[FakeService] = []

    def start(scene: str | Scene, **errors: dict[str, Any]) -> FakeService:
        made = SCENES[scene] if isinstance(scene, str) else scene
        services.append(FakeService(socket_path, made, **errors))
        return services[-1]

    yield start
    for service in services:
        service.end()


@pytest.fixture
def terminal(env: dict[str, str]) -> Iterator[OpenTerminal]:
    terminals: list[Terminal] = []

    def open_one(*arguments: str, size: tuple[int, int] = (80, 24), **more: str) -> Terminal:
        terminals.append(Terminal([SCHEDCTL, *arguments], {**env, **more}, *size))
        return terminals[-1]

    yield open_one
    for opened in terminals:
        opened.close()
