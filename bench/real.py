"""Real projects' suites: source archives at fixed versions, run against the installed packages.

Versions here and in requirements.txt are the same.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Real:
    """A project's suite. Without a version it comes with the installed package."""

    name: str
    version: str | None
    arguments: tuple[str, ...] = ("tests",)
    quick: bool = False
    """Short enough for --quick."""


REAL = (
    Real("click", "8.1.7", quick=True),
    Real("jinja2", "3.1.3", quick=True),
    Real("flask", "3.0.2"),
    Real("marshmallow", "3.21.1"),
    Real("more-itertools", "10.2.0"),
    Real("attrs", "25.3.0"),
    Real("networkx", None, ("--rootdir", ".", "--pyargs", "networkx.algorithms")),
    Real(
        "pytest",
        "8.4.2",
        (
            "testing/python",
            "testing/test_assertion.py",
            "testing/test_mark.py",
            "testing/test_terminal.py",
        ),
    ),
)


BY_NAME = {real.name: real for real in REAL}


def chosen(quick: bool) -> list[Real]:
    return [real for real in REAL if real.quick or not quick]


def fetch(real: Real, python: Path, folder: Path) -> Path:
    """Where to run the suite: the unpacked source, or an empty folder for one that is installed."""
    target = folder / f"{real.name}-{real.version or 'installed'}"
    if target.is_dir():
        return target
    if not real.version:
        target.mkdir(parents=True)
        return target
    new = folder / "new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    pip = [str(python), "-m", "pip", "-q", "download", "--no-deps", "--no-binary", real.name]
    subprocess.run([*pip, "--dest", str(new), f"{real.name}=={real.version}"], check=True)
    (archive,) = new.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", new], check=True)
    archive.unlink()
    (unpacked,) = new.iterdir()
    return unpacked.rename(target)
