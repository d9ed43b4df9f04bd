"""What is measured in workers is what a serial run measures."""

from __future__ import annotations

from typing import List

import pytest

from fidelity.compared import assert_same, both
from suites import Ran, Suite


COVERED = """
    def covered(n):
        if n == 3:
            return "three"
        elif n == 99:
            return "never"
        return "other"
"""


# Each worker runs but a part of what the lines need.
COVERING = """
    import pytest
    from covered import covered

    @pytest.mark.parametrize("n", range(6))
    def test_covered(n): assert covered(n)
"""


@pytest.mark.parametrize("branch", [[], ["--cov-branch"]], ids=["lines", "branches"])
def test_coverage_is_the_same(suite: Suite, branch: List[str], start: str) -> None:
    pytest.importorskip("pytest_cov")
    suite.write(covered=COVERED, test_covered=COVERING)
    arguments = ["--cov=covered", "--cov-report=term-missing", *branch]
    serial, ours = both(suite, start, *arguments)
    assert_same(serial, ours)
    assert covered_lines(serial) and covered_lines(ours) == covered_lines(serial)


@pytest.mark.parametrize("branch", [[], ["--branch"]], ids=["lines", "branches"])
def test_coverage_run_is_the_same(suite: Suite, branch: List[str], start: str) -> None:
    """What Coverage itself starts."""
    pytest.importorskip("coverage")
    suite.write(covered=COVERED, test_covered=COVERING)
    program = ("-m", "coverage", "run", "--source=.", *branch, "-m", "pytest", "-p", "recorder")
    report = ("-m", "coverage", "report", "-m")
    tables = []
    launchers: List[List[str]] = [[], suite.launcher(start, 2)]
    for launcher in launchers:
        assert suite.run(launcher, (), {}, program).status == 0
        tables.append(suite.run([], (), {}, report).out)
        assert "covered.py" in tables[-1]
    assert tables[0] == tables[1]


def covered_lines(ran: Ran) -> List[str]:
    return [line for line in ran.out.splitlines() if line.startswith("covered.py")]
