"""Brings a project's source archive and an environment to run its suite in into the cache folder.

CACHE/sources/NAME-VERSION      the unpacked source archive
CACHE/environments/pip-PYTEST   the pip that fills the others
CACHE/environments/NAME-PYTEST  a virtual environment with the package, its suite's requirements,
                                and the recorder; `ready` in it says what was installed
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

from projects import Project, Pytest

PIP = ("-m", "pip", "-q", "--disable-pip-version-check")
RECORDER = Path(__file__).with_name("compat_recorder.py")


@dataclass(frozen=True)
class Place:
    """Where a suite is run: its archive's top folder, the environment with its Python, and pytest's
    options there."""

    source: Path
    environment: Path
    options: Tuple[str, ...]

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"


def prepare(project: Project, pytest: Pytest, cache: Path) -> Place:
    """Errors: subprocess.CalledProcessError where pip fails."""
    version = project.version_for(pytest)
    source = cache / "sources" / f"{project.name}-{version}"
    if not source.exists():
        fetch(project.name, version, source)
    environment = cache / "environments" / f"{project.name}-{pytest.name}"
    install(project, pytest, environment)
    return Place(source, environment, pytest.options)


def fetch(name: str, version: str, source: Path) -> None:
    source.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=source.parent) as scratch:
        archive = ["--no-deps", "--no-binary", name, "-d", scratch, f"{name}=={version}"]
        subprocess.run([sys.executable, *PIP, "download", *archive], check=True)
        with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as tar:
            tar.extractall(Path(scratch) / "unpacked")
        next((Path(scratch) / "unpacked").iterdir()).rename(source)


def install(project: Project, pytest: Pytest, environment: Path) -> None:
    wanted = project.requires_for(pytest)
    said = "\n".join([pytest.python, *wanted])
    ready = environment / "ready"
    if not ready.exists() or ready.read_text() != said:
        shutil.rmtree(environment, ignore_errors=True)
        pip = environment.with_name(f"pip-{pytest.name}") / "bin" / "python"
        if not pip.exists():
            subprocess.run([pytest.python, "-m", "venv", pip.parents[1]], check=True)
        subprocess.run([pytest.python, "-m", "venv", "--without-pip", environment], check=True)
        python = ["--python", str(environment / "bin" / "python")]
        subprocess.run([pip, *PIP, *python, "install", "--no-compile", *wanted], check=True)
        if pytest.packages:
            lay_over(Path(pytest.packages), packages(environment))
        ready.write_text(said)
    shutil.copy(RECORDER, packages(environment))


def packages(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages"))


def lay_over(system: Path, own: Path) -> None:
    """The system's files of pytest, which have the same versions, in place of the index's."""
    for name in ("pytest", "_pytest", "pluggy", "xdist"):
        if (system / name).is_dir():
            shutil.copytree(system / name, own / name, dirs_exist_ok=True)
