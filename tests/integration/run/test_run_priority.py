"""Priorities and weights, and what a run says while it waits for its first CPU."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from contextlib import contextmanager
from typing import Iterator

import pytest

from .conftest import OTHERS_MARK, PATIENCE, Runs


@contextmanager
def everything_lent(runs: Runs) -> Iterator["subprocess.Popen[str]"]:
    """A run that has all CPUs until its input ends."""
    everything = len(os.sched_getaffinity(0))
    command = ("--", "sh", "-c", "echo up; read line")
    holder = runs.start("--min", everything, *command, stdin=subprocess.PIPE)
    assert holder.stdout and holder.stdout.readline() == "up\n"
    yield holder
    holder.communicate(timeout=PATIENCE)


def test_a_batch_run_waits_and_says_so(runs: Runs) -> None:
    with everything_lent(runs):
        run = runs.start("--priority", "batch", "--", "true")
        assert run.stderr
        line = run.stderr.readline()
        assert line.startswith("schedctl run: waiting for CPUs: ")
        assert "(place 1 in the queue" in line
        (lease,) = [lease for lease in runs.leases() if not lease["pus"]]
        assert lease["priority"] == "batch"
    assert run.wait(PATIENCE) == 0
    runs.expect_clean()


def test_whose_place_changes_says_so(runs: Runs) -> None:
    with everything_lent(runs):
        first = runs.start("--priority", "batch", "--", "true")
        assert first.stderr and "place 1" in first.stderr.readline()
        second = runs.start("--priority", "batch", "--", "true")
        assert second.stderr and "place 2" in second.stderr.readline()
        first.terminate()
        assert "given up" in first.stderr.readline()
        assert first.wait(PATIENCE) == -signal.SIGTERM
        assert "place 1" in second.stderr.readline()
    assert second.wait(PATIENCE) == 0
    runs.expect_clean()


def test_a_place_in_the_queue_outlasts_the_service(runs: Runs) -> None:
    """The one who waits may start the next service: not as its descendant."""
    apart = {OTHERS_MARK: str(runs.directory), "SCHEDCTL_TEST_MARK": ""}
    with everything_lent(runs):
        run = runs.start("--priority", "batch", "--", "true", env=apart)
        assert run.stderr and "place 1" in run.stderr.readline()
        runs.kill_service()
        runs.use_another_client()
        while not any(lease.get("position") == 1 for lease in runs.leases()):
            assert run.poll() is None
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0 and "without a lease" not in err
    runs.expect_clean()


def test_who_is_not_known_any_more_queues_anew(runs: Runs) -> None:
    apart = {OTHERS_MARK: str(runs.directory), "SCHEDCTL_TEST_MARK": ""}
    with everything_lent(runs):
        run = runs.start("--priority", "batch", "--", "true", env=apart)
        assert run.stderr and "place 1" in run.stderr.readline()
        run.send_signal(signal.SIGSTOP)  # that the file is gone before it looks
        runs.kill_service()
        (runs.directory / "schedd.sock.state").unlink()
        run.send_signal(signal.SIGCONT)
        _, err = run.communicate(timeout=PATIENCE)  # nothing is known to be lent any more
        assert run.returncode == 0 and "without a lease" not in err


def test_quiet_waits_without_a_word(runs: Runs) -> None:
    with everything_lent(runs) as holder:
        run = runs.start("--quiet", "--priority", "batch", "--", "true")
        while not any(lease.get("position") for lease in runs.leases()):
            pass
        holder.communicate(timeout=PATIENCE)
    _, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, err) == (0, "")


def test_on_a_terminal_the_line_is_kept_up_to_date(runs: Runs) -> None:
    ours, theirs = pty.openpty()
    with everything_lent(runs):
        run = runs.start("--priority", "batch", "--", "true", stderr=theirs)
        shown = b""
        while b"queue" not in shown:
            shown += os.read(ours, 4096)
        assert b"\n" not in shown
        run.send_signal(signal.SIGINT)
        while b"given up\r\n" not in shown:
            shown += os.read(ours, 4096)
        assert run.wait(PATIENCE) == -signal.SIGINT
    assert shown.count(b"\n") == 2
    os.close(ours)
    os.close(theirs)
    runs.expect_clean()


def test_priority_and_weight_reach_the_service(runs: Runs) -> None:
    command = ("--", "sh", "-c", "echo up; read line")
    run = runs.start(
        "--weight", 300, *command, stdin=subprocess.PIPE, env={"SCHEDCTL_PRIORITY": "interactive"}
    )
    assert run.stdout and run.stdout.readline() == "up\n"
    (lease,) = runs.leases()
    assert (lease["priority"], lease["weight"]) == ("interactive", 300)
    run.communicate(timeout=PATIENCE)


@pytest.mark.parametrize(
    "option, value", [("--priority", "urgent"), ("--weight", "0"), ("--weight", "10001")]
)
def test_values_that_cannot_be(runs: Runs, option: str, value: str) -> None:
    result = runs.run(option, value, "--", "true")
    assert result.returncode == 2
    assert f"{option} does not take '{value}'" in result.stderr
