"""What a run tells the service while it lives: its work rate and end, its priority, its quota."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

import pytest

from .conftest import PATIENCE, Barrier, Runs, needs_two_cpus, until
from .scripted_service import CPUS, Service
from .test_run_protocol import PREFACE
from .test_run_suites import pytest_command

# The first ones say that they have begun, and wait for a word.
ITEMS = """
import pytest
@pytest.mark.parametrize("n", range({n}))
def test_item(n):
    if n < {held}:
        with open("here", "w") as file:
            file.write("x")
        with open("go", "rb", buffering=0) as file:
            file.read(1)
"""


@pytest.fixture
def runs(scripted: Runs) -> Runs:
    return scripted


def start_suite(runs: Runs, n: int, held: int, *options: object) -> "subprocess.Popen[str]":
    (runs.directory / "test_items.py").write_text(ITEMS.format(n=n, held=held))
    return runs.start("--max-workers", 2, *options, "--", *pytest_command())


def finish(run: "subprocess.Popen[str]", n: int) -> None:
    out, err = run.communicate(timeout=PATIENCE)
    assert f"{n} passed" in out, out + err


@needs_two_cpus
def test_nothing_is_waited_for(runs: Runs, service: Service) -> None:
    """A service that answers no call, as one that is stopped: the suite goes on. Who waited for the
    answer to one call would give that up some time, and make the next over another connection."""
    here, go = Barrier(runs.directory / "here"), Barrier(runs.directory / "go")
    run = start_suite(runs, 60, 2)
    service.grant(CPUS[:2])
    here.wait()
    here.wait()
    service.expect("Update", "workRate")
    service.be_silent()
    service.expect("Update", "workRate")
    connections = service.n_connections()
    service.grant(CPUS[:2], wanted={"pus": CPUS[1:2], "reason": "wanted", "withinMs": 1000})
    assert service.expect("Return")["pus"] == CPUS[1:2]
    service.grant(CPUS[:1])
    service.grant(CPUS[:2])
    go.release(2)
    finish(run, 60)
    assert service.n_connections() == connections
    assert not [told for told in service.heard("Update") if "workRate" in told]


@needs_two_cpus
def test_what_was_not_answered_is_said_to_the_next(runs: Runs, service: Service) -> None:
    """A PU that the run gave back, and had to claim since nobody confirmed it."""
    here, go = Barrier(runs.directory / "here"), Barrier(runs.directory / "go")
    run = start_suite(runs, 4, 2)
    service.grant(CPUS[:2])
    here.wait()
    here.wait()
    service.be_silent()
    service.grant(CPUS[:2], wanted={"pus": CPUS[1:2], "reason": "wanted", "withinMs": 1000})
    assert service.expect("Return")["pus"] == CPUS[1:2]
    service.close()
    (runs.directory / "schedd.sock").unlink()
    another = Service(runs.directory / "schedd.sock")
    assert another.expect("Claim")["pus"] == CPUS[:2]
    another.grant(CPUS[:2])
    assert another.expect("Return")["pus"] == CPUS[1:2]
    another.grant(CPUS[:1])
    another.expect("Update", "allowed")
    go.release(2)
    finish(run, 4)
    another.close()


@needs_two_cpus
def test_work_is_reported_while_items_run(runs: Runs, service: Service) -> None:
    here, go = Barrier(runs.directory / "here"), Barrier(runs.directory / "go")
    run = start_suite(runs, 4, 2)
    service.grant(CPUS)
    here.wait()
    here.wait()
    # Two items of unknown length are in the making: two seconds of work a second, as time passes
    # for both; smoothed, and so not at once.
    while service.expect("Update", "workRate")["workRate"] <= 1:
        pass
    go.release(2)
    finish(run, 4)


@needs_two_cpus
def test_no_work_is_reported_behind_the_last_suite(runs: Runs, service: Service) -> None:
    """COMMAND goes on, and nobody knows with what."""
    here, go = Barrier(runs.directory / "here"), Barrier(runs.directory / "go")
    (runs.directory / "test_items.py").write_text(ITEMS.format(n=2, held=2))
    command = ["sh", "-c", '"$@"; read line', "sh", *pytest_command()]
    run = runs.start("--max-workers", 2, "--", *command, stdin=subprocess.PIPE)
    service.grant(CPUS)
    here.wait()
    here.wait()
    while service.expect("Update", "workRate")["workRate"] == 0:
        pass
    go.release(2)
    while service.expect("Update", "workRate")["workRate"] > 0:
        pass
    out, err = run.communicate("done\n", timeout=PATIENCE)
    assert "2 passed" in out, out + err


# Half of the work is done at once, as far as it tells; then it waits for a word.
HALF = """
reporter = Reporter()
reporter.suite([f"test_{n}" for n in range(40)])
workers = [reporter.start(), reporter.start()]
for worker in workers:
    worker.tell(READY)
for n in range(20):
    op, item = workers[0].take()
    workers[0].tell(STARTED, item)
    workers[0].tell(DONE, item, 10.0)
open("here", "w").write("x")
sys.stdin.readline()
"""


@needs_two_cpus
def test_the_end_is_told_once_it_is_known(runs: Runs, service: Service) -> None:
    (runs.directory / "script.py").write_text(PREFACE + HALF)
    here = Barrier(runs.directory / "here")
    command = ("-w", 2, "--", sys.executable, "script.py")
    run = runs.start(*command, stdin=subprocess.PIPE)
    service.grant(CPUS)
    here.wait()

    def is_known() -> bool:
        """Twenty items of ten seconds are left, as far as can be told from those that are done."""
        told = service.expect("Update", "endsInMs")
        ends_in: float = told["endsInMs"]
        return ends_in == pytest.approx(200 / told["workRate"] * 1000, rel=0.2)

    until(is_known)  # it may have been said in the midst of them, too
    run.communicate("done\n", timeout=PATIENCE)


def priorities(service: Service) -> List[str]:
    return [call["priority"] for call in service.heard("Update") if "priority" in call]


@pytest.mark.parametrize(
    "n, options, expected",
    [
        (2, (), ["interactive"]),
        (19, (), ["interactive"]),
        (20, (), []),
        (2, ("--priority", "normal"), []),
        (2, ("--priority", "interactive"), []),
    ],
)
def test_short_runs_become_interactive(
    runs: Runs, service: Service, n: int, options: List[object], expected: List[str]
) -> None:
    run = start_suite(runs, n, 0, *options)
    service.grant(CPUS)
    finish(run, n)
    assert priorities(service) == expected


def test_another_suite_can_make_it_a_long_run(runs: Runs, service: Service) -> None:
    """Times are not known of a suite in another folder."""
    for name in "one", "two":
        (runs.directory / name).mkdir()
        (runs.directory / name / "pytest.ini").write_text("[pytest]")
        (runs.directory / name / "test_items.py").write_text(ITEMS.format(n=15, held=0))
    suite = " ".join(pytest_command())
    run = runs.start("--", "sh", "-c", f"(cd one && {suite}); cd two && {suite}")
    service.grant(CPUS)
    finish(run, 15)
    assert priorities(service) == ["interactive", "normal"]


CPU_GROUPS = Path("/sys/fs/cgroup/cpu")


@pytest.fixture
def cpu_group() -> Iterator[Path]:
    group = CPU_GROUPS / f"schedctl-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup of version 1 can be made: {error}")
    if not (group / "cpu.cfs_quota_us").exists():
        group.rmdir()
        pytest.skip("its cgroups have no quota")
    yield group
    while (group / "cgroup.procs").read_text():
        pass
    group.rmdir()


def test_a_quota_that_changes_is_told(runs: Runs, service: Service, cpu_group: Path) -> None:
    enter = f"echo $$ >{cpu_group}/cgroup.procs && exec {runs.word()} run -- sh -c 'read line'"
    run = subprocess.Popen(
        ["sh", "-c", enter],
        env=runs.environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    service.grant(CPUS)
    assert "quota" not in service.expect("Acquire")
    (cpu_group / "cpu.cfs_quota_us").write_text("50000")
    assert service.expect("Update", "quota")["quota"] == 0.5
    (cpu_group / "cpu.cfs_quota_us").write_text("-1")
    assert service.expect("Update", "quota")["quota"] == 0
    run.communicate("done\n", timeout=PATIENCE)
    assert run.returncode == 0
