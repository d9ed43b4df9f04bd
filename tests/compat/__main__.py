#!/usr/bin/env python3
"""Runs real projects' suites serially and under schedctl, and compares every test's outcome.

    SCHEDCTL_BUILD=DIR python3 tests/compat run [options]   what is missing in the cache folder
    python3 tests/compat fetch [options]                    sources and environments alone
    python3 tests/compat table [--cache DIR]                docs/compatibility.md from what it has

Each suite runs under two pytests: Debian's, and the newest. Three serial runs tell what the suite
itself leaves open; then come --start auto with two workers, and --start fork and spawn with each
number of workers, each as often as --repeat says. Where an outcome differs, more serial runs, some
in an order drawn by lot, and pytest-xdist's tell whether it does there too.
Sources come from the package index by pip, at fixed versions, into the cache folder. A run that has
ended is not repeated as long as the product stays as it is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

import results
from projects import PROJECTS, Project, Pytest, pytests
from results import Results, Run
from sessions import Session, Sessions, Way, WAYS
from places import Place, prepare
from table import render

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("core", "hw", "lib", "daemon", "cli", "include", "python")
SERIAL = 3  # serial runs of every suite
EXPLAINING = 3  # runs of a kind that tell where else an outcome differs


class Suite:
    """One project's suite under one pytest."""

    def __init__(
        self, project: Project, pytest: Pytest, place: Place, found: Results, sessions: Sessions
    ) -> None:
        self.project, self.pytest, self.place = project, pytest, place
        self.found, self.sessions = found, sessions
        self.version = project.version_for(pytest)
        self.selection = " ".join(project.tests)
        code = "import platform, pytest; print(platform.python_version(), pytest.__version__)"
        asked = subprocess.run(
            [place.python, "-c", code], check=True, capture_output=True, text=True
        )
        self.python, self.release = asked.stdout.split()
        self.limit = 600.0

    def ensure(self, way: Way, commit: str, cache: Path) -> Run:
        """The run, made where the cache folder does not have it."""
        key = (self.project.name, self.pytest.name, way.kind, way.workers, way.repeat)
        kept = self.found.get(key, self.version, self.selection, commit if way.kind in WAYS else "")
        if kept is not None:
            return kept
        session = self.sessions.run(self.project, self.place, way, self.limit)
        run = self._judge(way, session, commit if way.kind in WAYS else "")
        if run.differing or run.hung or not run.tests:
            log = cache / "logs" / f"{self.project.name}-{self.pytest.name}-{way}".replace(" ", "")
            log.parent.mkdir(exist_ok=True)
            log.write_text(session.out)
        self.found.add(run)
        tell(run)
        return run

    def _judge(self, way: Way, session: Session, commit: str) -> Run:
        name, version = self.project.name, self.version
        if (way.kind, way.repeat) == ("serial", 1):
            self.found.keep_serial(name, version, self.pytest.name, session.heard)
        serial = self.found.serial(name, version, self.pytest.name)
        differences = results.compare(serial, session.heard)
        first = self.found.get(
            (name, self.pytest.name, "serial", 1, 1), version, self.selection, ""
        )
        if first is not None and session.status != first.status:
            differences.append(["this", "", "exit status", str(session.status)])
        summary = session.summary
        return Run(
            name,
            version,
            self.pytest.name,
            way.kind,
            way.workers,
            way.repeat,
            commit,
            self.python,
            self.release,
            round(session.seconds, 2),
            session.status,
            len({one[0] for one in session.heard if one[1] != "collect"}),
            summary.get("workers", 1) if way.kind in WAYS else way.workers,
            summary.get("start", summary.get("mode", "")),
            summary.get("why", ""),
            session.hung,
            len(differences),
            differences[: results.KEPT],
            results.moving(session.heard),
            round(session.cpu, 2),
            self.selection,
        )


def tell(run: Run) -> None:
    how = f" {run.started} ({run.why}), {run.used} workers" if run.way in WAYS else ""
    print(
        f"{run.project} {run.version} {run.pytest}: {run.way} -w {run.workers} #{run.repeat}:"
        f" {run.tests} tests, {run.seconds:.1f} s, cpu {run.cpu:.1f} s, exit {run.status},"
        f" {run.differing} differ{' HUNG' if run.hung else ''}{how}",
        flush=True,
    )
    for one in run.differences[:8]:
        print("   ", *one)


def ways(options: argparse.Namespace) -> Iterator[Way]:
    repeats = range(1, options.repeat + 1)
    if "auto" in options.start:
        yield Way("auto", 2, 1)
    for workers in options.workers:
        for kind in ("fork", "spawn"):
            if kind in options.start:
                yield from (Way(kind, workers, repeat) for repeat in repeats)


def explain(suite: Suite, runs: List[Run], cache: Path) -> None:
    """Where outcomes differ: do they in other ways of running the suite?"""
    if any(run.differing and not results.is_forced(run, runs) for run in runs):
        for repeat in range(1, EXPLAINING + 1):
            for kind, workers in (("serial", 1), ("shuffled", 1), ("xdist", 2)):
                suite.ensure(Way(kind, workers, repeat), "", cache)


def chosen(options: argparse.Namespace) -> Iterator[Tuple[Project, Pytest]]:
    for project in PROJECTS:
        if project.name in (options.only or [project.name]):
            for pytest in pytests(options.python):
                if pytest.name in options.pytest:
                    yield project, pytest


def fetch(options: argparse.Namespace) -> int:
    failed = 0
    for project, pytest in chosen(options):
        try:
            prepare(project, pytest, options.cache)
        except (subprocess.CalledProcessError, StopIteration) as error:
            print(f"{project.name} for {pytest.name}: {error}", file=sys.stderr)
            failed = 1
    return failed


def run(options: argparse.Namespace) -> int:
    schedctl = Path(os.environ["SCHEDCTL_BUILD"]) / "cli" / "schedctl"
    commit = options.commit or product()
    found = Results(options.cache)
    sessions = Sessions(schedctl.resolve(), options.cache)
    hung = False
    try:
        for project, pytest in chosen(options):
            place = prepare(project, pytest, options.cache)
            suite = Suite(project, pytest, place, found, sessions)
            serial = [
                suite.ensure(Way("serial", 1, n), "", options.cache)
                for n in range(1, min(SERIAL, options.repeat) + 1)
            ]
            if not serial[0].tests:
                print(f"{project.name} for {pytest.name}: cannot be collected", file=sys.stderr)
                continue
            suite.limit = 60 + 10 * serial[0].seconds
            runs = [suite.ensure(way, commit, options.cache) for way in ways(options)]
            explain(suite, runs, options.cache)
            hung = hung or any(one.hung for one in runs)
    finally:
        sessions.close()
    return 1 if hung else 0


def product() -> str:
    """The last commit that changed what is tried here."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%h", "--", *PRODUCT]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def table(options: argparse.Namespace) -> int:
    options.out.write_text(render(list(Results(options.cache))))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    actions = parser.add_subparsers(dest="action", required=True)
    running = actions.add_parser("run")
    running.set_defaults(call=run)
    running.add_argument("--start", nargs="+", default=WAYS, choices=WAYS)
    running.add_argument("-w", "--workers", nargs="+", type=int, default=[2, 4, 8])
    running.add_argument("--repeat", type=int, default=3)
    running.add_argument("--commit", help="take the product to be of this commit")
    fetching = actions.add_parser("fetch")
    fetching.set_defaults(call=fetch)
    for action in (running, fetching):
        action.add_argument("--only", action="append", metavar="PROJECT")
        action.add_argument("--pytest", nargs="+", default=["debian", "newest"])
        action.add_argument("--python", default=sys.executable, help="for the newest pytest")
    rendering = actions.add_parser("table")
    rendering.set_defaults(call=table)
    rendering.add_argument("--out", type=Path, default=ROOT / "docs" / "compatibility.md")
    for action in (running, fetching, rendering):
        action.add_argument("--cache", type=Path, default=home / "schedctl-compat")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    options.cache = options.cache.resolve()
    options.cache.mkdir(parents=True, exist_ok=True)
    result: int = options.call(options)
    return result


if __name__ == "__main__":
    sys.exit(main())
