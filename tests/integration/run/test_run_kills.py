"""A few of the kills that tools/kills does by the hundred, always the same ones: SIGKILL for the
service, the run's processes, pytest and workers, in every phase of a run."""

from __future__ import annotations

import time

from kills import plan
from kills.world import World

SEED = 6
KILLS = 16
SECONDS = 30  # on a busy machine there are fewer


def test_kills() -> None:
    end = time.monotonic() + SECONDS
    world = World(within=None)
    try:
        kills = 0
        for struck in world.strike(plan.rounds(SEED)):
            assert not struck.problems, (struck.victim, struck.phase)
            kills += struck.victim in plan.VICTIMS
            if kills >= KILLS or time.monotonic() > end:
                break
        assert kills
    finally:
        world.close()
