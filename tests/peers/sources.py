"""The suites, at fixed versions, each with an environment that holds what it needs."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple


@dataclass(frozen=True)
class Peer:
    """tests: the folder of test files in the archive; requires: for its environment; own_workers:
    its command lines start workers of pytest-xdist, and are translated."""

    name: str
    project: str
    version: str
    tests: str
    requires: Tuple[str, ...]
    own_workers: bool = False


_PYTEST_NEEDS = tuple(
    "argcomplete attrs exceptiongroup hypothesis mock pexpect pygments requests xmlschema".split()
)

PEERS = [
    Peer(
        "pytest-7.2.1",
        "pytest",
        "7.2.1",
        "testing",
        ("pytest==7.2.1", "pluggy==1.0.0", "nose", *_PYTEST_NEEDS),
    ),
    Peer("pytest-9.2.0", "pytest", "9.2.0", "testing", ("pytest==9.2.0", *_PYTEST_NEEDS)),
    Peer(
        "xdist-3.8.0",
        "pytest-xdist",
        "3.8.0",
        "testing",
        ("pytest==9.2.0", "pytest-xdist==3.8.0", "filelock", "psutil"),
        own_workers=True,
    ),
]


def folder_of(peer: Peer, cache: Path) -> Path:
    """The unpacked archive."""
    return cache / f"{peer.project}-{peer.version}"


def python_of(peer: Peer, cache: Path) -> Path:
    return cache / f"venv-{peer.name}" / "bin" / "python"


def fetch(peer: Peer, cache: Path) -> None:
    """What is not there yet."""
    if not folder_of(peer, cache).exists():
        _unpack(peer, cache)
    if not python_of(peer, cache).exists():
        environment = cache / f"venv-{peer.name}"
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        _pip(environment / "bin" / "python", ["install", *peer.requires])


def _unpack(peer: Peer, cache: Path) -> None:
    archives = cache / f"archive-{peer.name}"
    wanted = f"{peer.project}=={peer.version}"
    source = ["--no-deps", "--no-binary", ":all:", "-d", str(archives), wanted]
    _pip(Path(sys.executable), ["download", *source])
    with tarfile.open(next(archives.glob("*.tar.gz"))) as tar:
        tar.extractall(archives)
    unpacked = next(path for path in archives.iterdir() if path.is_dir())
    unpacked.rename(folder_of(peer, cache))


def _pip(python: Path, arguments: List[str]) -> None:
    pip = [str(python), "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments], check=True)


def files(peer: Peer, cache: Path) -> List[str]:
    """Its test files, relative to its folder."""
    folder = folder_of(peer, cache)
    found = []
    for path in sorted((folder / peer.tests).rglob("*.py")):
        inside = path.relative_to(folder / peer.tests)
        if inside.parts[0] in ("example_scripts", "plugins_integration", "freeze"):
            continue
        text = path.read_bytes()
        if b"\ndef test_" in text or b"\n    def test_" in text:
            found.append(str(path.relative_to(folder)))
    return found
