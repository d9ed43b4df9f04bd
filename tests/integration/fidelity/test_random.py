"""Seeded generators stay seeded, and others differ from worker to worker."""

from __future__ import annotations

import pytest

from suites import Suite


def test_seeded_random_stays_seeded(suite: Suite) -> None:
    tests = """
        import random
        random.seed(1)

        def test_first(): assert random.random() == random.Random(1).random()
    """
    suite.write(test_seeded=tests)
    assert suite.parallel(start="fork", w=1).status == 0


@pytest.mark.parametrize("seeded", [False, True])
def test_numpy_is_as_random_as_serially(suite: Suite, seeded: bool) -> None:
    pytest.importorskip("numpy")
    tests = f"""
        import numpy, pytest
        numpy.random.seed(5) if {seeded} else None
        inherited = numpy.random.get_state()[1].tolist()

        @pytest.mark.parametrize("n", range(4))
        def test_state(n):
            assert (numpy.random.get_state()[1].tolist() == inherited) is {seeded}
    """
    assert suite.write(test_numpy=tests).parallel(start="fork").status == 0
