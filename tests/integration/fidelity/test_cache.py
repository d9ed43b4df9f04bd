"""What pytest remembers from run to run is what a serial run leaves, and has the same effect."""

from __future__ import annotations

import shlex

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
        if {"--nf", "--ff"} & set(arguments):
            assert (out, reports) == (one[1], one[3]), arguments  # in order, too
