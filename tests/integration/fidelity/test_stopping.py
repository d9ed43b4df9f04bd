"""-x and --maxfail end a run as they end a serial one."""

from __future__ import annotations

import pytest

from fidelity.compared import FAILING
from suites import Suite


@pytest.mark.parametrize("wanted", [1, 3])
def test_maxfail(suite: Suite, wanted: int, start: str) -> None:
    """What was running when the limit was reached may fail as well, and nothing else."""
    suite.write(test_failing=FAILING)
    ours = suite.parallel(f"--maxfail={wanted}", start=start)
    failed = [report for report in ours.reports if report[2] == "failed"]
    assert ours.status == 1
    assert wanted <= len(failed) <= wanted + 1
    assert f"stopping after {wanted} failures" in ours.out  # whatever failed that was running
