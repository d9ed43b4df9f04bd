"""A run whose lease changes: the service goes, PUs are wanted back or cannot be used."""

from __future__ import annotations

import os
import subprocess
from typing import List, Tuple

import pytest

from .conftest import BUILD, PATIENCE, Barrier, Runs, needs_two_cpus, until
from .test_run_suites import pytest_command

# The first two wait for a word each; all say where they ran.
HELD = """
import os, pytest
@pytest.mark.parametrize("n", range(6))
def test_held(n):
    if n < 2:
        with open("here", "w") as file:
            file.write("x")
        with open("go", "rb", buffering=0) as file:
            file.read(1)
    with open("seen", "a") as file:
        print(*sorted(os.sched_getaffinity(0)), file=file)
"""


def start_held(runs: Runs, *arguments: object) -> Tuple["subprocess.Popen[str]", Barrier]:
    """A run with two workers, each in the midst of an item; and what lets them go on."""
    (runs.directory / "test_held.py").write_text(HELD)
    here, go = Barrier(runs.directory / "here"), Barrier(runs.directory / "go")
    run = runs.start("-w", 2, *arguments, "--", *pytest_command())
    here.wait()
    here.wait()
    return run, go


def finish_held(run: "subprocess.Popen[str]", go: Barrier) -> str:
    go.release(2)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, out + err
    assert "6 passed" in out
    return err


@needs_two_cpus
def test_goes_on_when_the_service_goes(runs: Runs) -> None:
    run, go = start_held(runs)
    runs.kill_service()
    assert "schedctl: 6 tests on 2 workers" in finish_held(run, go)


def lose_and_claim(runs: Runs, run: "subprocess.Popen[str]") -> None:
    assert run.stderr
    runs.kill_service()
    assert "the service is gone" in run.stderr.readline()
    runs.use_another_client()
    assert "were claimed" in run.stderr.readline()


@needs_two_cpus
def test_claims_its_lease_from_the_next_service(runs: Runs) -> None:
    run, go = start_held(runs, "--verbose", "--label", "held")
    (before,) = runs.leases()
    lose_and_claim(runs, run)
    (after,) = runs.leases()
    assert (after["label"], after["pus"]) == ("held", before["pus"])
    finish_held(run, go)
    runs.expect_clean()


@needs_two_cpus
def test_what_was_given_back_meanwhile_is_said_after_the_claim(runs: Runs) -> None:
    run, go = start_held(runs, "--verbose")
    assert run.stderr
    runs.kill_service()
    assert "the service is gone" in run.stderr.readline()
    go.release(1)  # the rest of the suite is run by one worker, which then ends
    runs.use_another_client()
    assert "were claimed" in run.stderr.readline()
    until(lambda: len(runs.leases()[0]["pus"]) == 1)
    go.release(1)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, out + err
    assert "6 passed" in out


@needs_two_cpus
def test_a_pu_wanted_back_in_the_midst_of_an_item(runs: Runs) -> None:
    first, go = start_held(runs)
    second = runs.start("--", "sh", "-c", "echo up; read line", stdin=subprocess.PIPE)
    assert second.stdout and second.stdout.readline() == "up\n"
    runs.expect_apart(2)
    second.communicate("go on\n", timeout=PATIENCE)
    assert second.returncode == 0
    finish_held(first, go)
    runs.expect_clean()


@needs_two_cpus
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_pu_that_cannot_be_used(runs: Runs, start: str) -> None:
    (runs.directory / "test_plain.py").write_text(HELD.replace("n < 2", "False"))
    refused = max(os.sched_getaffinity(0))
    library = runs.directory / "refuse-pu.so"  # LD_PRELOAD takes no path with a space
    library.symlink_to(BUILD / "tests" / "refuse-pu.so")
    preload = {
        "LD_PRELOAD": str(library),
        "REFUSED_PU": str(refused),
        "ASAN_OPTIONS": "verify_asan_link_order=0",
    }
    result = runs.run("-w", 2, "--start", start, "--", *pytest_command(), env=preload)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "6 passed" in result.stdout
    assert str(refused) not in (runs.directory / "seen").read_text().split()
    runs.expect_clean()


# Two suites: the second begins while each worker of the first is in an item. Every item notes its
# slot when it begins and when it ends.
SLOTS = """
import os, pytest
def note(what):
    with open("slots", "a") as file:
        print(what, os.environ["SCHEDCTL_SLOT"], file=file)
@pytest.mark.parametrize("n", range(4))
def test_slots(n):
    note("begin")
    if os.environ["SUITE"] == "first" and n < 2:
        with open("here", "w") as file:
            file.write("x")
        with open("go", "rb", buffering=0) as file:
            file.read(1)
    note("end")
"""
TELL_COLLECTED = """
import os
def pytest_collection_finish(session):
    if os.environ["SUITE"] == "second" and not hasattr(session.config, "workerinput"):
        with open("here", "w") as file:
            file.write("x")
"""


@needs_two_cpus
def test_no_slot_is_used_twice_at_a_time(runs: Runs) -> None:
    (runs.directory / "test_slots.py").write_text(SLOTS)
    (runs.directory / "conftest.py").write_text(TELL_COLLECTED)
    here, go = Barrier(runs.directory / "here"), Barrier(runs.directory / "go")
    suite = " ".join(pytest_command())
    script = f"SUITE=first {suite} & read line; SUITE=second {suite}; wait"
    run = runs.start("--max", 2, "-w", 2, "--", "sh", "-c", script, stdin=subprocess.PIPE)
    here.wait()
    here.wait()
    assert run.stdin
    run.stdin.write("second\n")
    run.stdin.flush()
    here.wait()
    go.release(2)
    out, err = run.communicate(timeout=PATIENCE)
    assert out.count("4 passed") == 2, out + err
    open_slots: List[str] = []
    for line in (runs.directory / "slots").read_text().splitlines():
        what, slot = line.split()
        if what == "begin":
            assert slot not in open_slots
            open_slots.append(slot)
        else:
            open_slots.remove(slot)
    runs.expect_clean()


def set_lease(runs: Runs, *options: str) -> None:
    (lease,) = runs.leases()
    command = [runs.program(), "set", lease["lease"], *options]
    subprocess.run(command, env=runs.environment, check=True, timeout=PATIENCE)


@needs_two_cpus
def test_its_user_pauses_it(runs: Runs) -> None:
    run, go = start_held(runs)
    set_lease(runs, "--pause")
    until(lambda: not runs.leases()[0]["pus"])
    set_lease(runs, "--resume")
    err = finish_held(run, go)
    assert "schedctl: paused" in err and "schedctl: goes on" in err
    runs.expect_clean()
