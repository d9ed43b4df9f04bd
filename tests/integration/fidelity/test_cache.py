"""What pytest remembers from run to run is what a serial run leaves."""

from __future__ import annotations

from fidelity.compared import FAILING, assert_same, both
from suites import Suite


def test_last_failed(suite: Suite, start: str) -> None:
    suite.write(test_failing=FAILING)
    suite.parallel(start=start)
    serial, ours = both(suite, start, "--lf")
    assert_same(serial, ours)
    assert len(ours.outcomes()) == 35 * 3


def test_failed_first_keeps_all(suite: Suite, start: str) -> None:
    suite.write(test_failing=FAILING)
    suite.parallel(start=start)
    assert_same(*both(suite, start, "--ff"))
