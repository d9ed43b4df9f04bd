"""What pytest remembers from run to run is what a serial run leaves, and has the same effect."""

from __future__ import annotations

import shlex
from typing import Set

from fidelity.sessions import run_sessions
from fidelity.steps import walk
from suites import Suite

FAILING = """
    import pytest

    @pytest.mark.parametrize("n", range(12))
    def test_fails(n):
        assert n not in (3, 8)
"""

STEPS = """
    --nf test_a.py
    --nf
    --lf
    --ff
    --ff -x
    --lf -v --maxfail=3
    -q -k 'not 3'
    --lf --last-failed-no-failures none test_b.py
    --cache-clear test_b.py
    --lf --lfnf=all
"""


def test_what_is_remembered(suite: Suite, start: str) -> None:
    suite.write(test_a=FAILING, test_b=FAILING, test_c="def test_c(): pass")
    steps = [shlex.split(line) for line in STEPS.splitlines() if line.strip()]
    serial = walk(suite, [], steps)
    ours = walk(suite, suite.launcher(start, 2), steps)
    for arguments, one, two in zip(steps, serial, ours):
        (status, out, err, reports, left), expected = two, one[4]
        assert (status, err, left) == (one[0], one[2], expected), arguments
        if "-x" not in arguments and "--maxfail=3" not in arguments:
            assert sorted(map(repr, reports)) == sorted(map(repr, one[3])), arguments
        if "--nf" in arguments:
            assert (out, reports) == (one[1], one[3]), arguments  # in order, too


FAILED = {7, 12, 19, 26}
NOTING = f"""
    import os, pytest

    @pytest.mark.parametrize("n", range(30))
    def test_some(n):
        with open("began", "a") as file:
            print(os.getpid(), n, file=file)
        assert n not in {FAILED}
"""


def test_failed_ones_begin_first(suite: Suite, start: str) -> None:
    """Each worker begins with one of them, unless they have all been handed out; with -x nothing
    begins beside the first that fail again."""
    workers = suite.launcher(start, 2)
    walk(suite.write(test_it=NOTING), workers, [["-q"]])
    for arguments, most in (["--ff"], 30), (["--ff", "-x"], 2):
        (suite.path / "began").unlink()
        (ran,) = run_sessions(suite, workers, [arguments])
        lines = [line.split() for line in (suite.path / "began").read_text().splitlines()]
        assert ran.status == 1 and "rerun previous 4 failures first" in ran.out
        assert 1 <= len(lines) <= most
        processes: Set[str] = set()
        for at, (process, number) in enumerate(lines):
            if process not in processes and int(number) not in FAILED:
                # what has not begun is what other workers hold: the next of each
                held = {other: int(which) for other, which in reversed(lines[at:])}
                begun = {int(which) for _, which in lines[:at]}
                assert FAILED <= begun | set(held.values()), lines
            processes.add(process)
    assert {int(number) for _, number in lines} <= FAILED
