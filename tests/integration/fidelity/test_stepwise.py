"""--stepwise in workers: output, cache and exit status of every step are a serial run's, the order
too."""

from __future__ import annotations

import shutil
from typing import List, Tuple

from fidelity.sessions import run_sessions
from fidelity.steps import walk
from suites import Suite

STEPS = """
    import os, pytest, time, warnings

    @pytest.mark.parametrize("n", range(20))
    def test_step(n):
        print("step", n)
        warnings.warn(f"step {n}")
        assert n not in %s
"""
SEQUENCE = [
    ["--sw"],
    ["--sw", "-q"],
    ["--sw", "--sw-skip", "-v"],
    ["--sw", "-v", "-x"],
    ["--sw", "-s"],
    ["--sw", "-rA", "--tb=short"],
]


def test_every_step(suite: Suite, start: str) -> None:
    suite.write(test_a=STEPS % "[7]", test_b=STEPS % "[3, 4, 9]", test_c=STEPS % "[19]")
    serial = walk(suite, [], SEQUENCE)
    ours = walk(suite, suite.launcher(start, 2), SEQUENCE)
    for arguments, one, two in zip(SEQUENCE, serial, ours):
        assert two == one, arguments


def test_what_ran_ahead_counts_where_its_turn_comes(suite: Suite, start: str) -> None:
    """A worker's death, and a test that ends the session, wait for theirs; what is beyond is
    dropped."""
    tests = """
        import os, pytest

        @pytest.mark.parametrize("n", range(30))
        def test_step(n):
            if n == {dies} and "PYTEST_XDIST_WORKER" in os.environ:
                os._exit(1)
            if n == {ends}:
                pytest.exit("enough", 9)
    """
    ends: List[Tuple[int, int, int, int]] = [(10, 20, 2, 11), (20, 10, 9, 10)]
    for dies, ends_at, status, count in ends:
        suite.write(test_it=tests.format(dies=dies, ends=ends_at))
        shutil.rmtree(suite.path / ".pytest_cache", ignore_errors=True)
        (ran,) = run_sessions(suite, suite.launcher(start, 2), [["--sw"]])
        told = {nodeid for nodeid, when, *_ in ran.reports if when == "call"}
        assert (ran.status, len(told)) == (status, count)
