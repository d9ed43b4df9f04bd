"""What the engine is told of a suite, and how it wants it run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional

from . import alone, dependent, marks, safety, serial
from ..engine import Engine
from .groups import Groups, of_items
from .settings import Settings
from .watch import Watch

if TYPE_CHECKING:
    from .needs import Needs


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
        self.dry = False  # nothing is to run
        self.item_timeout: float = welcome["item_timeout"]  # seconds; 0 for none
        self.confirm: bool = welcome["confirm_failures"]
        self.kills: Optional[str] = welcome.get("kills")  # where the kernel counts its killings
        self.quiet: bool = welcome["quiet"]
        self.ordered = False  # items are shown in collection order
        self.alone: List[int] = []  # items that are the reporter's from the start


def announce(session: Any, engine: Engine, watch: Watch, settings: Settings) -> Suite:
    """Tells the engine what there is to run. EngineGone where it is not there, or another version
    of it."""
    welcome = engine.welcome()
    config = session.config
    start, why = safety.decide(welcome["start"], config, watch, [engine.fileno()])
    wishes = _Wishes(session.items, config, settings)
    of_item, groups = of_items(session)
    engine.send(
        "suite",
        items=[item.nodeid for item in session.items],
        group=of_item,
        groups=groups.groups,
        start=start,
        why="; ".join(filter(None, (why, wishes.apart.why))),
        maxfail=config.getoption("maxfail", 0) or 0,
        **wishes.fields(),
    )
    plan = engine.expect("plan")
    workers = plan["workers"] if plan["mode"] == "workers" else 0
    # pytest-xdist's option: the id that the user wants.
    run_id = getattr(session.config.option, "testrunuid", None) or welcome["run"]
    suite = Suite(welcome, groups, start, workers, run_id)
    suite.dry = plan["mode"] == "dry"
    suite.ordered = wishes.ordered
    suite.alone = wishes.apart.items
    return suite


class _Wishes:
    """How a suite is to be run: what its marks, the project's settings, the command line and other
    plugins say of it. pytest.UsageError names the item whose mark is wrong."""

    def __init__(self, items: List[Any], config: Any, settings: Settings) -> None:
        groupings = dependent.groupings(config)
        found = marks.Marks(items, {marks.NEEDS, serial.MARK, *groupings})
        self._needs = _needs(items, found, settings)
        exclusive = self._needs.exclusive if self._needs is not None else ()
        self.apart = alone.of_items(items, config, settings.alone, exclusive)
        self._serial = serial.groups(
            items, found, settings.serial, dependent.of_items(items, config, found, groupings)
        )
        self.ordered = _is_ordered(config)
        self._early = [] if self.ordered else _early(items, config)

    def fields(self) -> Dict[str, Any]:
        """Those of ``suite`` that are absent where there is nothing to say."""
        fields: Dict[str, Any] = {
            "serial": self._serial,
            "ordered": self.ordered,
            "alone": self.apart.items,
            "early": self._early,
        }
        if self._needs is not None:
            fields["needs"] = self._needs.of_items
            fields["resources"] = self._needs.resources
        return {name: value for name, value in fields.items() if value}


def _needs(items: List[Any], found: marks.Marks, settings: Settings) -> "Optional[Needs]":
    if marks.NEEDS not in found.names and not settings.needs:
        return None
    from . import needs

    return needs.of_items(items, found.of_items, settings.needs, settings.resources)


def _is_ordered(config: Any) -> bool:
    """--stepwise ends with the first failure in collection order, and goes on from it; who asks for
    new items first wants to hear of them first."""
    return bool(config.getoption("stepwise", False) or config.getoption("newfirst", False))


def _early(items: List[Any], config: Any) -> List[int]:
    """--failed-first: those that it has put before the others, because they failed last time."""
    if not config.getoption("failedfirst", False) or config.getoption("lf", False):
        return []
    failed = getattr(config.pluginmanager.get_plugin("lfplugin"), "lastfailed", None)
    if not failed:
        return []
    return [number for number, item in enumerate(items) if item.nodeid in failed]
