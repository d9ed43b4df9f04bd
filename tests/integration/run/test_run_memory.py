"""Workers are no more than memory is there for, and what the kernel killed is said to have been."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import pytest

from .conftest import PATIENCE, Barrier, Runs, children_of, needs_two_cpus, until
from .scripted_service import CPUS, Service
from .test_run_suites import pytest_command

pytestmark = needs_two_cpus

MIB = 1 << 20
GROUPS = Path("/sys/fs/cgroup/memory")


class Group:
    """A memory cgroup of version 1."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def leave_room(self, mib: int) -> None:
        """Files that are cached count as room."""
        (self.path / "memory.force_empty").write_text("0")
        used = int((self.path / "memory.usage_in_bytes").read_text())
        (self.path / "memory.limit_in_bytes").write_text(str(used + mib * MIB))

    def n_killed(self) -> int:
        lines = (self.path / "memory.oom_control").read_text().splitlines()
        return int(dict(line.split() for line in lines)["oom_kill"])

    def remove(self) -> None:
        until(lambda: not (self.path / "cgroup.procs").read_text())
        self.path.rmdir()


@pytest.fixture
def group() -> Iterator[Group]:
    try:
        made = Group(GROUPS / f"schedctl-test-{os.getpid()}")
    except OSError as error:
        pytest.skip(f"no memory cgroup of version 1 can be made: {error}")
    yield made
    made.remove()


@pytest.fixture
def runs(scripted: Runs) -> Runs:
    return scripted


# Each says that it is there and waits for a word, before and after it takes memory.
ITEMS = """
import pytest
def meet(name):
    with open(name, "w") as file:
        file.write("x")
    with open("go-" + name, "rb", buffering=0) as file:
        file.read(1)
@pytest.mark.parametrize("n", range({n}))
def test_item(n):
    meet("begin")
    taken = b"x" * ({mib} << 20)
    meet("taken")
"""


class Held:
    """A suite of items that take so much each, on at most two workers."""

    def __init__(self, runs: Runs, service: Service, n: int, mib: int, enter: str = "") -> None:
        (runs.directory / "test_items.py").write_text(ITEMS.format(n=n, mib=mib))
        names = ("begin", "taken", "go-begin", "go-taken")
        self.begin, self.taken, self.go_begin, self.go_taken = (
            Barrier(runs.directory / name) for name in names
        )
        self._n = n
        self._summary = runs.directory / "summary"
        options = f"--max-workers 2 --json {self._summary.name}"
        command = " ".join(pytest_command("-s"))
        self.run = subprocess.Popen(
            ["sh", "-c", f"{enter} exec {runs.word()} run {options} -- {command}"],
            env=runs.environment,
            cwd=runs.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        runs.started.append(self.run)
        service.grant(CPUS)
        self.begin.wait()
        self.begin.wait()

    def finish(self) -> Tuple[str, str, Dict[str, Any]]:
        """Output, errors, and what the summary says of memory."""
        self.go_begin.release(self._n)
        self.go_taken.release(self._n)
        out, err = self.run.communicate(timeout=PATIENCE)
        memory: Dict[str, Any] = json.loads(self._summary.read_text())["memory"]
        return out, err, memory

    def n_workers(self) -> int:
        (engine,) = children_of(self.run.pid)
        (reporter,) = children_of(engine)
        return len(children_of(reporter))


def enter(group: Group) -> str:
    return f"echo $$ >{group.path}/cgroup.procs &&"


def test_who_was_killed_is_said_to_have_been(runs: Runs, service: Service, group: Group) -> None:
    """Two together are too much; one after the other the rest has room."""
    held = Held(runs, service, 4, 100, enter(group))
    group.leave_room(150)
    held.go_begin.release(2)
    until(lambda: group.n_killed() > 0)
    out, err, memory = held.finish()
    assert "1 failed, 3 passed" in out, out + err
    assert "was killed by the kernel for want of memory" in out
    (killed,) = memory["killed"]
    assert killed.endswith("was killed by the kernel for want of memory: now 1 worker")
    assert f"schedctl: {killed}\n" in err
    assert memory["workers"] == 1


def test_the_youngest_ends_and_comes_back(runs: Runs, service: Service, group: Group) -> None:
    held = Held(runs, service, 1000, 0, enter(group))

    def go_on_until(n_workers: int) -> None:
        while held.n_workers() != n_workers:
            held.go_begin.release()
            held.go_taken.release()
            time.sleep(0.02)  # memory is looked at once a second: not all items are to be over

    group.leave_room(8)
    go_on_until(1)
    group.leave_room(1000)
    go_on_until(2)
    out, err, memory = held.finish()
    assert "1000 passed" in out, out + err
    assert memory["workers"] == 1 and "killed" not in memory


def test_what_a_worker_needs_is_learned(runs: Runs, service: Service) -> None:
    held = Held(runs, service, 4, 50)
    held.go_begin.release(2)
    held.taken.wait()
    held.taken.wait()
    while service.expect("Update", "memoryPerWorker")["memoryPerWorker"] < 50 * MIB:
        pass
    _, _, memory = held.finish()
    assert memory["perWorker"] >= 50 * MIB
    (database,) = Path(runs.environment["XDG_STATE_HOME"]).rglob("history.db")
    with closing(sqlite3.connect(database)) as history:
        ((known,),) = history.execute("SELECT worker_memory FROM project")
    assert known >= 50 * MIB


def test_what_is_known_limits_them_from_the_start(
    runs: Runs, service: Service, group: Group
) -> None:
    """Of which the history says that they need a terabyte there is one."""
    (runs.directory / "test_plain.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(40))\ndef test_plain(n): ..."
    )
    for needs in (0, 1 << 40):
        if needs:
            (database,) = Path(runs.environment["XDG_STATE_HOME"]).rglob("history.db")
            with closing(sqlite3.connect(database)) as history:
                history.execute("UPDATE project SET worker_memory = ?", (needs,))
                history.commit()
        with closing(Service(runs.directory / f"service-{needs}")) as other:
            environment = {"SCHEDCTL_SOCKET": str(runs.directory / f"service-{needs}")}
            command = ("--max-workers", 2, "--item-timeout", 60, "--json", "summary", "--")
            run = runs.start(*command, *pytest_command(), env=environment)
            other.grant(CPUS)
            out, err = run.communicate(timeout=PATIENCE)
        assert "40 passed" in out, out + err
    summary = json.loads((runs.directory / "summary").read_text())
    assert (summary["workers"], summary["memory"]["workers"]) == (1, 1)


def test_a_worker_goes_before_its_reporter(runs: Runs, service: Service) -> None:
    held = Held(runs, service, 2, 0)
    (engine,) = children_of(held.run.pid)
    (reporter,) = children_of(engine)
    scores = [
        int(Path(f"/proc/{pid}/oom_score_adj").read_text())
        for pid in (reporter, *children_of(reporter))
    ]
    assert min(scores[1:]) > scores[0]
    held.finish()
