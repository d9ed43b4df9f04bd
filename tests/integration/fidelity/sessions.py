"""Many pytest sessions in one run, at the price of little more than one: they are forked from a
process that has imported pytest, one after the other, each with its own arguments and streams."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple

from suites import Ran, Suite

_DRIVER = r"""
import json, os, sys

import pytest

sessions, folder = json.loads(sys.argv[1]), sys.argv[2]
sys.path[0] = os.getcwd()
statuses = []
for number, arguments in enumerate(sessions):
    pid = os.fork()
    if pid == 0:
        for fd, name in (1, "out"), (2, "err"):
            os.dup2(os.open(f"{folder}/{name}-{number}", os.O_CREAT | os.O_WRONLY, 0o600), fd)
        os.environ["RECORD"] = f"{folder}/record-{number}"
        sys.argv[1:] = arguments
        sys.exit(pytest.main(["-p", "recorder", *arguments]))
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
with open(f"{folder}/statuses", "w") as file:
    json.dump(statuses, file)
"""


def run_sessions(suite: Suite, prefix: List[str], sessions: Sequence[Sequence[str]]) -> List[Ran]:
    """One finished session for each list of arguments. prefix: what starts the interpreter."""
    folder = Path(tempfile.mkdtemp(dir=suite.path.parent))
    command = [*prefix, sys.executable, "-c", _DRIVER, json.dumps(sessions), str(folder)]
    subprocess.run(
        command,
        cwd=suite.path,
        env=suite.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=240,
        check=True,
    )
    statuses = json.loads((folder / "statuses").read_text())
    return [_ran(folder, number, status) for number, status in enumerate(statuses)]


def _ran(folder: Path, number: int, status: int) -> Ran:
    record = folder / f"record-{number}"
    heard = json.loads(record.read_text()) if record.exists() else {}
    out, err = (
        (folder / f"{name}-{number}").read_text(errors="surrogateescape") for name in ("out", "err")
    )
    return Ran(status, out, err, heard.get("reports", []), heard.get("warnings", []), [])


def each_both_ways(
    suite: Suite, start: str, *sessions: Sequence[str]
) -> Iterator[Tuple[Sequence[str], Ran, Ran]]:
    """(arguments, serial, in workers) of every session, each way from the same files."""
    serial = run_sessions(suite, [], sessions)
    ours = run_sessions(suite, suite.launcher(start, 2), sessions)
    return zip(sessions, serial, ours)
