"""Where the runs live: a service, folders of their own, and what is checked after each round."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from run.conftest import PATIENCE, SCHEDCTL

from . import checks, history, plan, suite
from .plan import Part
from .run import Lengths, Run
from .service import Service

PROJECTS = 2  # one for each run that there may be at a time
EIGHT_PUS = "core:4 pu:2"


@dataclass
class Struck:
    """One kill, as the tables have it."""

    victim: str
    phase: str
    outcome: str
    back: float | None  # seconds; None where another service came meanwhile
    left: int
    problems: list[str] = field(default_factory=list)


class World:
    def __init__(self, within: float | None = checks.BACK_WITHIN, scope: bool = False) -> None:
        """within: the seconds in which PUs have to be back; None: any. scope: each run lives in one
        of systemd's, which has to be there."""
        self._within = within
        self._scope = scope
        self.folder = Path(tempfile.mkdtemp(prefix="schedctl-kills-", dir="/tmp"))
        self._state = self.folder / "state"
        self._history = self._state / "schedctl"
        self._runtime = self.folder / "runtime"
        for folder in (self._history, self.folder / "tmp", self.folder / "places"):
            folder.mkdir(parents=True)
        self._runtime.mkdir(mode=0o700)
        for number in range(PROJECTS):
            suite.write(self._project(number))
        self._environment = self._make_environment()
        self._service = Service(self.folder, {**self._environment, "HWLOC_SYNTHETIC": EIGHT_PUS})
        self._lengths = Lengths()
        self._n_runs = 0

    def _project(self, number: int) -> Path:
        return self.folder / f"project-{number}"

    def _make_environment(self) -> dict[str, str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SCHEDCTL_", "PYTEST_", "PYTHONPATH", "KILLS_"))
        }
        environment.update(
            SCHEDCTL_SOCKET=str(self.folder / "schedd.sock"),
            SCHEDCTL_SCOPE="yes" if self._scope else "no",
            XDG_RUNTIME_DIR=str(self._runtime),
            XDG_STATE_HOME=str(self._state),
            TMPDIR=str(self.folder / "tmp"),
            PYTHONDONTWRITEBYTECODE="1",
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        )
        return environment

    def close(self) -> None:
        self._service.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Rounds

    def strike(self, rounds: Iterator[list[Part]]) -> Iterator[Struck]:
        """What became of each run; of those first that nobody kills, from which it is known how
        long the phases take."""
        for start in ("fork", "spawn", "fork"):
            yield from self.round([Part(None, start=start), Part(None, start=start)])
        for parts in rounds:
            yield from self.round(parts)

    def round(self, parts: list[Part]) -> list[Struck]:
        before = history.read(self._history)
        self._service.watch.forget()
        runs = [self._run(part, number) for number, part in enumerate(parts)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        after = history.read(self._history)
        struck = [self._judge(run, runs, before, after) for run in runs]
        struck[0].problems += self._common(runs)
        for run in runs:
            if not any(one.problems for one in struck):
                shutil.rmtree(run.place)
        return struck

    def _run(self, part: Part, number: int) -> Run:
        self._n_runs += 1
        name = f"run-{self._n_runs}"
        place = self.folder / "places" / name
        return Run(
            part,
            name,
            self._project(number),
            place,
            self._environment,
            self._service,
            self._lengths,
            self._history,
        )

    def _judge(
        self, run: Run, runs: list[Run], before: history.Past, after: history.Past
    ) -> Struck:
        if run.error is not None:
            raise run.error
        n_services = 1 + sum(other.killed == plan.SCHEDD for other in runs)
        back = run.back_at - run.gone_at if n_services == 1 and run.back_at else None
        struck = Struck(
            run.killed or "nobody",
            run.phase,
            checks.outcome(run),
            None if back is None else max(back, 0.0),
            len(run.left),
        )
        ran = suite.read(run.place)
        struck.problems += checks.status(run)
        struck.problems += checks.once(run, ran)
        struck.problems += checks.processes(run, self._scope)
        struck.problems += checks.back(run, n_services, self._within)
        struck.problems += checks.history(run, ran, before, after)
        struck.problems = [f"{run.label}: {problem}" for problem in struck.problems]
        return struck

    def _common(self, runs: list[Run]) -> Iterator[str]:
        if self._service.watch.lent_twice:
            yield f"lent twice: {self._service.watch.lent_twice.pop().leases}"
            self._service.watch.lent_twice.clear()
        yield from self._folders(runs)
        for file in self._history.glob("*.broken*"):
            yield f"the history was set aside as {file.name}"
        yield from self._writable()

    def _folders(self, runs: list[Run]) -> Iterator[str]:
        """Where nobody is left to remove a run's folder the next run does; but not an empty one,
        which a kill between the last two system calls of its removal leaves."""
        nobody = any(run.killed in (plan.BOTH, plan.GUARDIAN) for run in runs)
        for path in self._runtime.glob("schedctl-*"):
            if not any(path.iterdir()):
                path.rmdir()
        found = [path.name for path in self._runtime.glob("schedctl-*")]
        if found and not nobody:
            yield f"folders are left: {found}"
        if found:
            command = [str(SCHEDCTL), "run", "--", "true"]
            subprocess.run(command, env=self._environment, check=True, timeout=PATIENCE)
            found = [path.name for path in self._runtime.glob("schedctl-*")]
        if found:
            yield f"the next run left folders: {found}"
        yield from (f"{path} is left" for path in self._runtime.iterdir() if path.name not in found)
        for path in (self.folder / "tmp").iterdir():
            if not path.name.startswith("pytest-of-"):
                yield f"{path} is left"

    def _writable(self) -> Iterator[str]:
        """Nobody has a lock any more."""
        file = self._history / "history.db"
        if not file.exists():
            return
        try:
            with sqlite3.connect(file, timeout=0) as db:
                db.execute("BEGIN EXCLUSIVE")
                db.rollback()
        except sqlite3.OperationalError as error:
            yield f"the history: {error}"
