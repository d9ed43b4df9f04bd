"""One file of a peer's suite, run one way; its outcomes are kept as JSON, so that a later call goes
on where this one ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

from peers.sources import Peer, folder_of, python_of

PLUGINS = Path(__file__).parent / "plugins"
DOUBLE = Path(__file__).parent.parent / "integration" / "fake_engine.py"

# baseline: plain sessions. fork, spawn: below schedctl with two workers. one-…: all of a session in
# a single worker in collection order, also where it has one item only, below the protocol's double:
# what differs then comes of the worker and not of the items' order or of the state they share.
HOWS = ("baseline", "one-fork", "one-spawn", "fork", "spawn")

Outcomes = Dict[str, Dict[str, Any]]


@dataclass(frozen=True)
class Place:
    cache: Path
    build: Path

    def results(self, peer: Peer) -> Path:
        return self.cache / "results" / peer.name

    def result(self, peer: Peer, how: str, file: str) -> Path:
        return self.results(peer) / how / (file.replace("/", "+") + ".json")

    def outcomes(self, peer: Peer, how: str, file: str) -> Optional[Outcomes]:
        path = self.result(peer, how, file)
        if not path.exists():
            return None
        found: Outcomes = json.loads(path.read_text())
        return found


def prefix(place: Place, how: str) -> List[str]:
    if how == "baseline":
        return []
    start = how.rpartition("-")[2]
    if how.startswith("one-"):
        options = ["--pythonpath", str(place.build / "python"), "-w", "1", "--start", start]
        return [sys.executable, str(DOUBLE), *options, "--"]
    return [str(place.build / "cli" / "schedctl"), "run", "-q", "-w", "2", "--start", start, "--"]


def concerned(outcomes: Outcomes) -> List[str]:
    """What passes in the baseline and starts sessions: the rest says nothing about us."""
    return [
        nodeid for nodeid, one in outcomes.items() if one["outcome"] == "passed" and one["sessions"]
    ]


def run(place: Place, peer: Peer, how: str, file: str, only: Optional[List[str]]) -> Outcomes:
    """only: the ids to run, None for all; other results of this file stay."""
    result = place.result(peer, how, file)
    result.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="peers-") as temporary:
        scratch = Path(temporary)
        heard = scratch / "result.json"
        environ = _environ(place, peer, how, scratch, heard)
        if "assertrewrite" not in file:
            # A test that writes a module twice within a second, at the same size, gets the first
            # one's bytecode where sessions are processes.
            environ["PYTHONDONTWRITEBYTECODE"] = "1"
        if only is not None:
            (scratch / "only.json").write_text(json.dumps(only))
            environ["PEERS_ONLY"] = str(scratch / "only.json")
        done = subprocess.run(
            [*_command(place, peer, scratch), file],
            cwd=folder_of(peer, place.cache),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        found: Outcomes = json.loads(heard.read_text()) if heard.exists() else {}
    if not found:
        print(done.stdout[-3000:])
    known = (place.outcomes(peer, how, file) or {}) if only is not None else {}
    known.update(found)
    result.write_text(json.dumps(known, indent=1, sort_keys=True))
    return known


def _command(place: Place, peer: Peer, scratch: Path) -> List[str]:
    command = [str(python_of(peer, place.cache)), "-m", "pytest", "-p", "peers_shim", "-q"]
    return [*command, "-p", "no:cacheprovider", "--tb=short", f"--basetemp={scratch}/base"]


def _environ(place: Place, peer: Peer, how: str, scratch: Path, heard: Path) -> Dict[str, str]:
    """A plain user's environment, and a service of its own."""
    dropped = ("PYTEST_", "SCHEDCTL", "PYTHON", "COV_", "XDG_")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    environ.pop("COLUMNS", None)
    runtime = scratch / "runtime"
    runtime.mkdir(mode=0o700)
    environ.update(
        PYTHONPATH=str(PLUGINS),
        PEERS_PREFIX=json.dumps(prefix(place, how)),
        PEERS_RESULT=str(heard),
        XDG_STATE_HOME=str(scratch / "state"),
        XDG_RUNTIME_DIR=str(runtime),
        SCHEDCTL_SOCKET=str(runtime / "socket"),
        SCHEDCTL_COUNTS="0",  # pytest-xdist's tests count CPUs by the variable themselves
    )
    if peer.own_workers:
        environ["PEERS_XDIST"] = "1"
    return environ
