"""Outcomes, counts, exit status and warnings are those of a serial run."""

from __future__ import annotations

from typing import List

import pytest

from fidelity.compared import OUTCOMES, assert_same, both, sections
from suites import Suite


def test_every_outcome(suite: Suite, start: str) -> None:
    suite.write(test_outcomes=OUTCOMES, test_more="def test_more(): pass")
    serial, ours = both(suite, start, "-rA")
    assert_same(serial, ours)
    assert sorted(map(repr, ours.reports)) == sorted(map(repr, serial.reports))
    assert sorted(ours.warnings) == sorted(serial.warnings)
    assert sections(ours.out, "test_fails") == sections(serial.out, "test_fails")
    assert "said before failing" in ours.out


@pytest.mark.parametrize("arguments", [[], ["--continue-on-collection-errors"]])
def test_collection_errors(suite: Suite, arguments: List[str], start: str) -> None:
    suite.write(test_broken="import nothing_of_that_name", test_fine="def test_fine(): pass")
    assert_same(*both(suite, start, *arguments))


def test_nothing_collected(suite: Suite) -> None:
    serial, ours = both(suite, "auto")
    assert (serial.status, ours.status) == (5, 5)


def test_everything_deselected(suite: Suite) -> None:
    suite.write(test_some="def test_some(): pass")
    serial, ours = both(suite, "auto", "-k", "nothing")
    assert (serial.status, ours.status) == (5, 5)


def test_usage_error(suite: Suite) -> None:
    serial, ours = both(suite, "auto", "no_such_file.py")
    assert (serial.status, ours.status) == (4, 4)
