"""pytest's options that choose and show have the effect that they have in a serial run."""

from __future__ import annotations

from typing import List

import pytest

from fidelity.compared import OUTCOMES, assert_same, both
from suites import Suite


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "passes and not 3"],
        ["-m", "slow"],
        ["-q", "--tb=short", "-p", "no:faulthandler"],
        ["-vv", "--durations=3", "--import-mode=importlib"],
        ["--deselect", "test_outcomes.py::test_fails"],
        ["test_outcomes.py::test_fails", "test_outcomes.py::test_warns"],
        ["-p", "no:terminal"],
        ["-p", "no:warnings", "--capture=sys"],
        ["-W", "error::UserWarning"],
    ],
    ids=" ".join,
)
def test_options(suite: Suite, arguments: List[str], start: str) -> None:
    marked = "import pytest\n@pytest.mark.slow\ndef test_slow(): pass\n"
    (suite.path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    suite.write(test_outcomes=OUTCOMES, test_marked=marked)
    assert_same(*both(suite, start, *arguments))
