#!/usr/bin/env python3
"""Runs real projects' suites serially and under schedctl, and compares every item's outcomes.

    SCHEDCTL_BUILD=DIR tests/compat.py [--start fork|spawn] [-w N] [--keep DIR] [PROJECT…]

Sources come from the package index by pip, at fixed versions, into a temporary folder (--keep: into
DIR, to be used again); they run in the Python that runs this, from their own folder. Prints a line
for each project and exits with 1 where one differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Set, Tuple

RECORDER = """
import json, os
heard = []

def pytest_runtest_logreport(report):
    heard.append([report.nodeid, report.when, report.outcome])

def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        with open(os.environ["RECORD"], "w") as file:
            json.dump(heard, file)
"""


@dataclass
class Project:
    """source: where its package is in the archive; requires: what its suite needs besides."""

    name: str
    version: str
    tests: str
    source: str
    requires: Tuple[str, ...] = ()


PROJECTS = [
    Project("click", "8.1.3", "tests", "src"),
    Project("Jinja2", "3.1.2", "tests", "src", ("MarkupSafe",)),
    Project("marshmallow", "3.18.0", "tests", "src", ("packaging", "pytz", "simplejson")),
    Project("more-itertools", "9.0.0", "tests", "."),
    Project("attrs", "22.2.0", "tests", "src", ("hypothesis", "cloudpickle")),
    Project(
        "Flask",
        "2.2.2",
        "tests",
        "src",
        ("Werkzeug==2.2.3", "Jinja2", "itsdangerous", "asgiref", "blinker", "python-dotenv"),
    ),
]

Outcomes = Set[Tuple[str, str, str]]


def fetch(project: Project, folder: Path) -> Path:
    """The unpacked sources, with what they require beside them."""
    place = folder / f"{project.name}-{project.version}"
    if not place.exists():
        pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
        wanted = f"{project.name}=={project.version}"
        archives = folder / "archives"
        source = ["--no-deps", "--no-binary", ":all:", "-d", str(archives), wanted]
        subprocess.run([*pip, "download", *source], check=True)
        archive = next(archives.glob(f"[{project.name[0].lower()}{project.name[0]}]*.tar.gz"))
        with tarfile.open(archive) as tar:
            tar.extractall(folder / "unpacked")
        archive.unlink()
        requires = [*project.requires]
        if requires:
            subprocess.run(
                [*pip, "install", "--target", str(folder / "needs" / project.name), *requires],
                check=True,
            )
        unpacked = next((folder / "unpacked").glob(f"*-{project.version}"))
        unpacked.rename(place)
    return place


def run(project: Project, place: Path, folder: Path, prefix: List[str]) -> "tuple[int, Outcomes]":
    record = folder / "record.json"
    record.unlink(missing_ok=True)
    path = [str(folder), str(place / project.source), str(folder / "needs" / project.name)]
    environ: Dict[str, str] = {**os.environ, "RECORD": str(record)}
    environ["PYTHONPATH"] = os.pathsep.join(path)
    command = [*prefix, sys.executable, "-m", "pytest", "-q", "-p", "recorder"]
    command += ["-p", "no:cacheprovider", project.tests]
    done = subprocess.run(
        command, cwd=place, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    heard = json.loads(record.read_text()) if record.exists() else []
    if not heard:
        print(done.stdout[-2000:])
    return done.returncode, {(timeless(nodeid), when, outcome) for nodeid, when, outcome in heard}


def timeless(nodeid: str) -> str:
    """Some ids hold the time of their collection."""
    return re.sub(r"\d\d:\d\d:\d\d", "TIME", nodeid)


def compare(project: Project, folder: Path, prefix: List[str]) -> bool:
    place = fetch(project, folder)
    serial_status, serial = run(project, place, folder, [])
    status, ours = run(project, place, folder, prefix)
    items = len({nodeid for nodeid, _, _ in serial})
    same = bool(serial) and (serial_status, serial) == (status, ours)
    differing = sorted(serial ^ ours)
    print(
        f"{project.name} {project.version}: {items} items, exit {serial_status} and {status},"
        f" {len(differing)} outcomes differ"
    )
    for one in differing[:20]:
        print("   ", "serially" if one in serial else "in workers", *one)
    return same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", default="auto")
    parser.add_argument("-w", "--workers", default="2")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("projects", nargs="*")
    options = parser.parse_args()
    prefix = [str(Path(os.environ["SCHEDCTL_BUILD"]) / "cli" / "schedctl"), "run"]
    prefix += ["-w", options.workers, "--start", options.start, "--"]
    chosen = [p for p in PROJECTS if not options.projects or p.name in options.projects]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recorder.py").write_text(RECORDER)
        return 0 if all([compare(project, folder, prefix) for project in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main())
