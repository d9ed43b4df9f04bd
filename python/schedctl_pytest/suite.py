"""What the engine is told of a suite, and how it wants it run."""

from __future__ import annotations

from typing import Any

from . import safety
from .engine import VERSION, Engine, EngineGone
from .groups import Groups, of_items
from .watch import Watch


class Suite:
    """A suite that the engine knows. workers: how many there are to be at first; 0 where the
    reporter is to run the items itself."""

    def __init__(
        self, directory: str, run_id: str, groups: Groups, start: str, workers: int
    ) -> None:
        self.directory = directory
        self.run_id = run_id
        self.groups = groups
        self.start = start
        self.workers = workers


def announce(session: Any, engine: Engine, watch: Watch, wish: str) -> Suite:
    """Tells the engine what there is to run. EngineGone where it is not there, or another version
    of it."""
    welcome = engine.expect("welcome")
    if welcome.get("version") != VERSION:
        raise EngineGone("another version of schedctl answers")
    start, why = safety.decide(wish, session.config, watch, [engine.fileno()])
    of_item, groups = of_items(session.items)
    engine.send(
        "suite",
        items=[item.nodeid for item in session.items],
        group=of_item,
        groups=groups.groups,
        start=start,
        why=why,
        maxfail=session.config.getoption("maxfail", 0) or 0,
    )
    plan = engine.expect("plan")
    workers = plan["workers"] if plan["mode"] == "workers" else 0
    return Suite(welcome["dir"], welcome["run"], groups, start, workers)
