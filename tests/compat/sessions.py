"""Runs one session of a suite: serially, in a drawn order, under pytest-xdist, or under schedctl.

A session has a home, a temporary folder and a network (loopback alone, where that can be had) of
its own. One that exceeds its time is told to dump its stacks (SIGABRT: pytest's faulthandler) and
killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional

from projects import Project
from results import Outcome
from places import Place

WAYS = ("auto", "fork", "spawn")  # what schedctl is told of starting workers
USUAL = "[Headroom]\nPolicy=performance\n"  # the niceness of serial sessions, on a busy machine too
OFFLINE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


@dataclass(frozen=True)
class Way:
    """kind: serial, shuffled, xdist or one of WAYS; repeat: from 1, a shuffled session's seed."""

    kind: str
    workers: int
    repeat: int

    def __str__(self) -> str:
        return f"{self.kind} -w {self.workers} #{self.repeat}"


@dataclass
class Session:
    """One that ended. summary: schedctl's line for the suite, empty where there is none."""

    status: int
    seconds: float
    cpu: float
    heard: List[Outcome]
    out: str
    hung: bool = False
    summary: Dict[str, Any] = field(default_factory=dict)


class Sessions:
    """schedctl: the built program.

    Sessions share a service, and a history for each suite and way.
    """

    def __init__(self, schedctl: Path, cache: Path) -> None:
        self._schedctl = schedctl
        self._cache = cache
        self._runtime = Path(tempfile.mkdtemp(prefix="compat-"))
        self._offline = list(OFFLINE) if works([*OFFLINE, "true"]) else []

    def close(self) -> None:
        shutil.rmtree(self._runtime, ignore_errors=True)

    def run(self, project: Project, place: Place, way: Way, limit: float) -> Session:
        """limit: seconds after which the session is taken for hung."""
        with tempfile.TemporaryDirectory(prefix="compat-") as scratch:
            folder = Path(scratch)
            environ = self._environ(project, place, way, folder)
            command = [*self._offline, *self._prefix(way, folder), *pytest(project, place, way)]
            begun, cpu = time.monotonic(), cpu_of_children()
            status = watch(command, place.source, environ, folder / "out", limit)
            seconds, cpu = time.monotonic() - begun, cpu_of_children() - cpu
            record, summary = folder / "record.json", folder / "summary.json"
            return Session(
                128 if status is None else status,
                seconds,
                cpu,
                [(n, w, o) for n, w, o in json.loads(record.read_text())]
                if record.exists()
                else [],
                (folder / "out").read_text(errors="replace"),
                status is None,
                json.loads((summary.read_text().splitlines() or ["{}"])[0])
                if summary.exists()
                else {},
            )

    def _prefix(self, way: Way, folder: Path) -> List[str]:
        if way.kind not in WAYS:
            return []
        summary = ["--json", str(folder / "summary.json"), "-v"]
        return [
            str(self._schedctl),
            "run",
            "-w",
            str(way.workers),
            "--start",
            way.kind,
            *summary,
            "--",
        ]

    def _environ(self, project: Project, place: Place, way: Way, folder: Path) -> Dict[str, str]:
        for name in ("home/.config/schedctl", "tmp"):
            (folder / name).mkdir(parents=True)
        (folder / "home/.config/schedctl/schedd.conf").write_text(USUAL)
        history = self._cache / "history" / f"{place.environment.name}-{way.kind}"
        environ = {
            "PATH": f"{place.environment / 'bin'}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "XDG_RUNTIME_DIR": str(self._runtime),
            "SCHEDCTL_SOCKET": str(self._runtime / "socket"),
            "XDG_STATE_HOME": str(history),
            "COMPAT_RECORD": str(folder / "record.json"),
        }
        if project.path:
            environ["PYTHONPATH"] = str(place.source / project.path)
        if way.kind == "shuffled":
            environ["COMPAT_SHUFFLE"] = str(way.repeat)
        return environ


def pytest(project: Project, place: Place, way: Way) -> List[str]:
    command = [str(place.python), "-m", "pytest", "-q", "--tb=short", "-p", "compat_recorder"]
    command += ["-p", "no:cacheprovider", "-rfE"]
    if way.kind == "xdist":
        command += ["-n", str(way.workers), "--dist", "load"]
    return [*command, *place.options, *project.tests]


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def works(command: List[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def watch(
    command: List[str], folder: Path, environ: Dict[str, str], out: Path, limit: float
) -> Optional[int]:
    """The command's exit status; None where it had to be killed after `limit` seconds."""
    with open(out, "wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            send(signal.SIGABRT, members(process.pid, python=True))
            time.sleep(1)  # for the dumps to be written
            return None
        finally:
            send(signal.SIGKILL, members(process.pid, python=False))
            process.wait()


def send(number: int, processes: List[int]) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def members(session: int, python: bool) -> List[int]:
    """The processes of a session; only its Pythons, if so wished."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, name, rest = parts(stat.read_text())
        except OSError:
            continue  # it has gone
        if int(rest.split()[3]) == session and (name.startswith("python") or not python):
            found.append(pid)
    return found


def parts(stat: str) -> "tuple[int, str, str]":
    """/proc/PID/stat: the number, the name, which may hold anything, and the rest."""
    head, rest = stat.rsplit(")", 1)
    pid, name = head.split(" (", 1)
    return int(pid), name, rest
