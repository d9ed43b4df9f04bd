"""What the engine is told of a suite, and how it wants it run."""

from __future__ import annotations

from typing import Any, Dict, List

from . import alone, dependent, safety, serial
from ..engine import VERSION, Engine, EngineGone
from .groups import Groups, of_items
from .settings import Settings
from .watch import Watch


class Suite:
    """A suite that the engine knows. workers: how many there are to be at first; 0 where the
    reporter is to run the items itself."""

    def __init__(
        self, welcome: Dict[str, Any], groups: Groups, start: str, workers: int, run_id: str
    ) -> None:
        self.directory: str = welcome["dir"]
        self.run_id = run_id
        self.groups = groups
        self.start = start
        self.workers = workers
        self.item_timeout: float = welcome["item_timeout"]  # seconds; 0 for none
        self.confirm: bool = welcome["confirm_failures"]
        self.quiet: bool = welcome["quiet"]
        self.ordered = False  # items are shown in collection order
        self.alone: List[int] = []  # items that are the reporter's from the start


def announce(session: Any, engine: Engine, watch: Watch, settings: Settings) -> Suite:
    """Tells the engine what there is to run. EngineGone where it is not there, or another version
    of it."""
    welcome = engine.expect("welcome")
    if welcome.get("version") != VERSION:
        raise EngineGone("another version of schedctl answers")
    config = session.config
    start, why = safety.decide(welcome["start"], config, watch, [engine.fileno()])
    apart = alone.of_items(session.items, config, settings.alone)
    of_item, groups = of_items(session.items)
    engine.send(
        "suite",
        items=[item.nodeid for item in session.items],
        group=of_item,
        groups=groups.groups,
        start=start,
        why="; ".join(filter(None, (why, apart.why))),
        maxfail=config.getoption("maxfail", 0) or 0,
        **_constraints(session.items, config, settings, apart.items),
    )
    plan = engine.expect("plan")
    workers = plan["workers"] if plan["mode"] == "workers" else 0
    # pytest-xdist's option: the id that the user wants.
    run_id = getattr(session.config.option, "testrunuid", None) or welcome["run"]
    suite = Suite(welcome, groups, start, workers, run_id)
    suite.ordered = _is_ordered(config)
    suite.alone = apart.items
    return suite


def _is_ordered(config: Any) -> bool:
    """--stepwise ends with the first failure in collection order, and goes on from it; who asks for
    failed or new ones first wants to hear of them first."""
    if config.getoption("stepwise", False) or config.getoption("newfirst", False):
        return True
    known = getattr(config.pluginmanager.get_plugin("lfplugin"), "lastfailed", None)
    return bool(known) and bool(config.getoption("failedfirst", False))


def _constraints(
    items: List[Any], config: Any, settings: Settings, apart: List[int]
) -> Dict[str, Any]:
    """The fields of ``suite`` that are absent where there is nothing to say."""
    fields: Dict[str, Any] = {}
    together = serial.groups(items, settings.serial, dependent.of_items(items, config))
    if together is not None:
        fields["serial"] = together
    if _is_ordered(config):
        fields["ordered"] = True
    if apart:
        fields["alone"] = apart
    return fields
