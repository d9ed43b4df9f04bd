"""A lease that shrinks and grows while a run has it: everybody follows, both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

from .conftest import PATIENCE, Barrier, Runs, children_of, needs_two_cpus, until
from .scripted_service import CPUS, Service
from .test_run_suites import pytest_command

pytestmark = needs_two_cpus

FIRST, REST = CPUS[:1], CPUS[1:]


@pytest.fixture
def runs(scripted: Runs) -> Runs:
    return scripted


def want_back(service: Service) -> None:
    """All but the first; returns when they are given back."""
    service.grant(CPUS, wanted={"pus": REST, "reason": "fair share", "withinMs": 1000})
    assert sorted(service.expect("Return")["pus"]) == REST


def statuses(pid: int) -> Iterator[str]:
    """Of its threads, as far as they are still there."""
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                yield Path(f"/proc/{pid}/task/{task}/status").read_text()


def masks_below(pid: int) -> Set[str]:
    """The affinities of all threads of all processes below."""
    found = set()
    for child in children_of(pid):
        found |= masks_below(child)
        for status in statuses(child):
            lines = dict(line.split(":\t") for line in status.splitlines())
            found.add(lines["Cpus_allowed_list"])
    return found


def cpulists(cpus: List[int]) -> Set[str]:
    ranges: List[List[int]] = []
    for cpu in cpus:
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return {",".join(f"{a}-{b}" if a < b else str(a) for a, b in ranges)}


# Threads and children that come and go all the time.
BUSY = """
import os, subprocess, sys, threading
def threads():
    while True:
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
threading.Thread(target=threads, daemon=True).start()
subprocess.Popen(["sh", "-c", "while :; do (:) & wait $!; done"])
print("up", flush=True)
sys.stdin.readline()
"""


def test_a_plain_command_follows_both_ways(runs: Runs, service: Service) -> None:
    run = runs.start("--", sys.executable, "-c", BUSY, stdin=subprocess.PIPE)
    service.grant(CPUS)
    assert run.stdout and run.stdout.readline() == "up\n"
    assert masks_below(run.pid) == cpulists(CPUS)
    for _ in range(5):
        want_back(service)
        # Who was being started when the others were moved comes with the mask of before, once.
        until(lambda: all(masks_below(run.pid) == cpulists(FIRST) for _ in range(10)))
        service.grant(CPUS)
        until(lambda: masks_below(run.pid) == cpulists(CPUS))
    run.communicate("done\n", timeout=PATIENCE)
    assert run.returncode == 0


# Each says that it is there, starts a process, notes where both are when there was a word for it.
# It computes until then: who waits gets company on the same CPU.
ITEMS = """
import os, subprocess, pytest
@pytest.mark.parametrize("n", range(6))
def test_item(n):
    with subprocess.Popen(["sleep", "1000"]) as child:
        with open("here", "w") as file:
            file.write("x")
        with open(os.open("go", os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:
            while file.read(1) is None:
                pass
        with open("seen", "a") as file:
            print(*(min(os.sched_getaffinity(pid)) for pid in (0, child.pid)), file=file)
        child.kill()
"""


class Suite:
    def __init__(self, runs: Runs, service: Service, cpus: List[int]) -> None:
        (runs.directory / "test_items.py").write_text(ITEMS)
        self._seen, self._summary = runs.directory / "seen", runs.directory / "summary"
        self.here, self.go = Barrier(runs.directory / "here"), Barrier(runs.directory / "go")
        options = ("--max-workers", 2, "--verbose", "--json", self._summary.name)
        self._run = runs.start(*options, "--", *pytest_command())
        service.grant(cpus)
        self.here.wait()

    def finish(self) -> List[str]:
        """Where items and what they started were in the end."""
        self.go.release(6)
        out, self.err = self._run.communicate(timeout=PATIENCE)
        assert "6 passed" in out, out + self.err
        self.summary: Dict[str, object] = json.loads(self._summary.read_text())
        return self._seen.read_text().splitlines()


def test_workers_start_on_what_comes(runs: Runs, service: Service) -> None:
    suite = Suite(runs, service, FIRST)
    service.grant(CPUS[:2])
    suite.here.wait()  # of a second one, while the first waits
    seen = suite.finish()
    assert {f"{CPUS[0]} {CPUS[0]}", f"{CPUS[1]} {CPUS[1]}"} <= set(seen)
    changes = suite.summary["cpuChanges"]
    assert isinstance(changes, list) and changes[0]["cpus"] == 2
    assert "CPUs changed: after" in suite.err and "priority interactive" in suite.err


def test_what_a_worker_has_started_goes_along(runs: Runs, service: Service) -> None:
    suite = Suite(runs, service, CPUS[:2])
    suite.here.wait()
    want_back_second(service)
    assert set(suite.finish()) == {f"{CPUS[0]} {CPUS[0]}"}


def want_back_second(service: Service) -> None:
    wanted = {"pus": CPUS[1:2], "reason": "fair share", "withinMs": 1000}
    service.grant(CPUS[:2], wanted=wanted)
    assert service.expect("Return")["pus"] == CPUS[1:2]
