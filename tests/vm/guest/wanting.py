# vm: shapes=8 seconds=180
"""A run that wants more memory than there is. The last theme: memory pressure fades away slowly."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from .lib import SECONDS, Run, as_user, enable, lingering, sh, until
from .scopes import group_of, scopes

# A test that takes memory without end; in pieces so large that the guest has little work with it.
GREEDY = """
def test_greedy():
    with open("gate") as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)
    taken = []
    while True:
        taken.append(b"x" * (32 << 20))
"""
# Somebody's program outside of the run, who needs some memory, and more after each line.
SESSION = """
import sys
taken = []
while True:
    taken.append(b"x" * (16 << 20))
    print(len(taken), flush=True)
    if not sys.stdin.readline():
        break
"""


def number(group: Path, name: str) -> int:
    return int((group / name).read_text())


def test_overrun() -> None:
    """A test that takes memory without end loses its worker; the run and all else go on"""
    enable()
    lingering("ada")
    session = subprocess.Popen(
        as_user("ada", ("python3", "-c", SESSION)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert session.stdin and session.stdout
    assert session.stdout.readline() == b"1\n"
    with Run(4, 3, "--json", "told", user="ada", preamble=GREEDY) as run:
        group = group_of(next(iter(run.hear(2).values())))
        high, most = (number(group, name) for name in ("memory.high", "memory.max"))
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        assert 0 < high < most < total, (high, most, total)
        run.let_go_on()
        assert run.process.wait(SECONDS) == 1, run.said()
        said = run.said()
        told = json.loads((run.folder / "told").read_text())
        run.close()
    assert "crashed while running tests.py::test_greedy: it was killed by the kernel" in said, said
    assert told["result"]["passed"] == 4 and told["result"]["failed"] == 1, told
    assert told["run"]["oomKills"] == 1, told
    print(f"limits {high >> 20} and {most >> 20} MiB, taken {told['run']['memoryPeak'] >> 20}")
    assert told["run"]["memoryPeak"] <= most, (told["run"], most)
    session.stdin.write(b"\n")
    session.stdin.flush()
    assert session.stdout.readline() == b"2\n"
    session.communicate()
    assert session.returncode == 0
    until("its units are gone", lambda: not scopes("ada"))
    assert sh("systemctl", "--user", "is-system-running", user="ada") == "running\n"
