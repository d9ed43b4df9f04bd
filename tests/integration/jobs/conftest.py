"""Runs that build: a client of the jobserver that does what a test says, and a log of what ran at
the same time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fetching import cache, run_or_skip
from run.conftest import PATIENCE, Runs, needs_two_cpus, runs, until
from run.scripted_service import CPUS, Service

__all__ = [
    "CPUS",
    "Client",
    "Log",
    "PATIENCE",
    "Runs",
    "cache",
    "log",
    "needs_two_cpus",
    "runs",
    "served",
    "until",
]

HERE = Path(__file__).resolve().parent
MANY = list(range(8))

# A client of the pool: it answers each line of its standard input with one of JSON.
CLIENT = """
import array, fcntl, json, os, signal, sys, termios

words = os.environ.get("MAKEFLAGS", "").split()
path = [word.partition("fifo:")[2] for word in words if "fifo:" in word][-1]
pool = os.open(path, os.O_RDWR)

def lying():
    n = array.array("i", [0])
    fcntl.ioctl(pool, termios.FIONREAD, n)
    return n[0]

def holder(n):
    # takes tokens, and starts a process for each; all of them are there when it answers
    there, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        for _ in range(int(n)):
            os.read(pool, 1)
            if os.fork() == 0:
                signal.pause()
        os.write(told, b"x")
        signal.pause()
    os.read(there, 1)
    return pid

commands = {
    "flags": lambda: os.environ.get("MAKEFLAGS"),
    "mode": lambda: oct(os.stat(path).st_mode & 0o777),
    "lying": lying,
    "take": lambda n: [os.read(pool, 1) and None for _ in range(int(n))] and None,
    "put": lambda n: os.write(pool, b"?" * int(n)),
    "hold": holder,
    "kill": lambda pid: [os.kill(int(pid), signal.SIGKILL), os.waitpid(int(pid), 0)] and None,
    "cpus": lambda: sorted(os.sched_getaffinity(0)),
}
for line in sys.stdin:
    name, *words = line.split()
    print(json.dumps(commands[name](*words)), flush=True)
"""


class Client:
    """A run whose COMMAND is the client."""

    def __init__(self, runs: Runs, *options: object, **own: str) -> None:
        script = runs.directory / "client.py"
        script.write_text(CLIENT)
        command = [*options, "--", sys.executable, script]
        self.run = runs.start(*command, stdin=subprocess.PIPE, env=own)

    def ask(self, *words: object) -> Any:
        assert self.run.stdin and self.run.stdout
        self.run.stdin.write(" ".join(map(str, words)) + "\n")
        self.run.stdin.flush()
        line = self.run.stdout.readline()
        assert line, self.run.communicate(timeout=PATIENCE)[1]
        return json.loads(line)

    def wait_lying(self, n: int) -> None:
        until(lambda: self.ask("lying") == n)

    def end(self) -> str:
        """What schedctl said."""
        _, err = self.run.communicate(timeout=PATIENCE)
        assert self.run.returncode == 0, err
        return err


class Log:
    """What began and ended, in the order in which it did."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def most(self, *names: str) -> int:
        """At a time, of these or of everything."""
        now = most = 0
        for line in self.path.read_text().splitlines():
            what, _, name = line.partition(" ")
            if not names or name in names:
                now += {"begin": 1, "end": -1}[what]
                most = max(most, now)
        assert now == 0
        return most

    def count(self, name: str) -> int:
        return self.path.read_text().split("\n").count(f"end {name}")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log")


class Served(Runs):
    """Runs that get what a test says: any CPUs, as nobody is pinned to them."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.lender = Service(directory / "schedd.sock")
        self.environment["SCHEDCTL_PIN"] = "0"

    def lend(self, pus: list[int], **fields: Any) -> None:
        self.lender.grant(pus, **{"slots": MANY, **fields})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    try:
        yield made
    finally:
        made.stop_runs()
        made.lender.close()


class Make:
    def __init__(self, program: Path) -> None:
        self.program = program

    def environment(self) -> dict[str, str]:
        """In which it is the first in PATH."""
        return {"PATH": f"{self.program.parent}:{os.environ['PATH']}"}


@pytest.fixture(params=["old", "new"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Debian 12's, and the first one of those that know FIFOs; where $(MAKE) has no blanks."""
    if request.param == "old":
        program = shutil.which("make", path="/usr/bin:/bin") or pytest.skip("there is no make")
        return Make(Path(program))
    link = tmp_path / "make-4.4" / "make"
    link.parent.mkdir()
    link.symlink_to(request.getfixturevalue("new_make"))
    return Make(link)


@pytest.fixture(scope="session")
def new_make(cache: Path) -> Path:
    return Path(run_or_skip("no make 4.4", HERE / "get-make.sh", cache / "make").strip())
