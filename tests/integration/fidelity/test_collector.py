"""Tests that ask the garbage collector what there is."""

from __future__ import annotations

from suites import Suite

ASKS = """
    import asyncio, gc, pytest

    class Thing: pass

    KEPT = [Thing()]

    async def kinds_of_referrers():
        thing = Thing()
        return [type(one).__name__ for one in gc.get_referrers(thing)]

    SERIALLY = asyncio.run(kinds_of_referrers())

    @pytest.mark.parametrize("n", range(4))
    def test_objects_of_before_the_fork_are_found(n):
        assert any(one is KEPT[0] for one in gc.get_objects())
        assert any(one is KEPT for one in gc.get_referrers(KEPT[0]))

    @pytest.mark.parametrize("n", range(4))
    def test_asking_adds_no_referrer(n):
        assert asyncio.run(kinds_of_referrers()) == SERIALLY
"""


def test_collector_tells_what_it_tells_serially(suite: Suite, start: str) -> None:
    """A frame of somebody's own between a coroutine and the collector would show its variables."""
    suite.write(test_a=ASKS)
    ours = suite.parallel(start=start)
    assert (ours.status, ours.outcomes()) == (0, suite.serial().outcomes())
