"""The part of a suite that this run has, where it is one of several nodes that share the tests: the
engine divides what was collected, and the rest is deselected."""

from __future__ import annotations

from typing import Any, Callable, Dict, Generator, List, Optional, Sequence

from .. import compat
from ..engine import Engine, EngineGone
from .settings import Settings

# What others divide tests by, and what of an option's value says so.
_is_set: Callable[[Any], bool] = bool
_DIVIDERS = (
    # option's dest, whether its value divides, what the user sees
    ("splits", _is_set, "--splits divides them"),  # pytest-split
    ("num_shards", lambda number: number > 1, "--num-shards divides them"),  # pytest-shard
    ("test-group-count", _is_set, "--test-group-count divides them"),  # pytest-test-groups
    ("cdist_group", _is_set, "--cdist-group divides them"),
    ("chunk", _is_set, "--chunk divides them"),  # pytest-chunks
    ("circleci_parallelize", _is_set, "--circleci-parallelize divides them"),
    ("ci_node_total", lambda number: number > 1, "pytest-gitlabci-parallelized divides them"),
)
# Those that need no option, by the names that they register.
_PLUGINS = {
    "azure-devops": "pytest-azure-devops divides them",
    "circleci": "pytest-circleci divides them",
}


class Shards:
    """A plugin of its own, registered when the session is about to collect: of the wrappers around
    pytest_collection_modifyitems the last one to be registered has the last word."""

    def __init__(
        self, engine: Engine, settings: Settings, asked: bool, lose: Callable[[EngineGone], None]
    ) -> None:
        """asked: the user wants it, whoever else divides the tests; lose: what to do without an
        engine."""
        self._engine = engine
        self._settings = settings
        self._asked = asked
        self._lose = lose
        self._collected = 0

    @compat.wrapper(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: Any, config: Any, items: List[Any]
    ) -> Generator[None, Any, Any]:
        result = yield
        if getattr(result, "excinfo", None) is None:  # the older kind of wrapper sees it here
            self._collected = len(items)
            try:
                self._divide(session, config, items)
            except EngineGone as error:
                self._lose(error)
        return result

    def _divide(self, session: Any, config: Any, items: List[Any]) -> None:
        why = None if self._asked else divided_already(config)
        if why:
            self._engine.send("undivided", why=why)
            return
        self._engine.send("collected", **_listing(session, config, self._settings))
        answer = self._engine.expect("shard")
        keep = set(answer["keep"])
        kept = [item for number, item in enumerate(items) if number in keep]
        others = [item for number, item in enumerate(items) if number not in keep]
        record(config, answer, [item.nodeid for item in items], [item.nodeid for item in kept])
        if others:
            items[:] = kept
            config.hook.pytest_deselected(items=others)

    @compat.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> None:
        """There may be more shards than tests: one that has none is no suite without tests, of
        which pytest would make an error."""
        if not session.items and self._collected:
            session.testscollected = self._collected


def divided_already(config: Any) -> Optional[str]:
    """Why these are not all of the suite's tests, or will not be; None where they are."""
    for option, divides, why in _DIVIDERS:
        value = getattr(config.option, option, None)
        if value is not None and divides(value):
            return why
    for name, why in _PLUGINS.items():
        if config.pluginmanager.hasplugin(name):
            return why
    if _names_files(config):
        return "the command line names files, which may be this node's own"
    if _remembers_failures(config):
        return "--lf and --sw go by what has failed on this node"
    return None


def _names_files(config: Any) -> bool:
    """As those do who divide tests by files (`circleci tests split`)."""
    if not compat.has_arguments(config):
        return False
    directory = config.invocation_params.dir
    return any((directory / str(word).split("::")[0]).is_file() for word in config.args)


def _remembers_failures(config: Any) -> bool:
    option = config.option
    plugins = [
        config.pluginmanager.get_plugin(name)
        for name, active in (
            ("lfplugin", getattr(option, "lf", False)),
            ("stepwiseplugin", getattr(option, "stepwise", False)),
        )
        if active
    ]
    return any(compat.last_failed(plugin) for plugin in plugins)


def _listing(session: Any, config: Any, settings: Settings) -> Dict[str, Any]:
    from . import dependent, marks, serial
    from .groups import of_items

    items = session.items
    groupings = dependent.groupings(config)
    found = marks.Marks(items, {serial.MARK, *groupings})
    tied = serial.groups(
        items, found, settings.serial, dependent.of_items(items, config, found, groupings)
    )
    of_item, groups = of_items(session)
    listing = {
        "items": [item.nodeid for item in items],
        "group": of_item,
        "groups": groups.groups,
        "serial": tied,
    }
    return {name: value for name, value in listing.items() if value is not None}


def record(
    config: Any, shard: Dict[str, Any], collected: Sequence[str], dealt: Sequence[str]
) -> None:
    """Into junitxml's file, for `schedctl merge`: whether all nodes divided the same tests in the
    same way. shard: what the engine says of it. Items of the same id are one test to who reads the
    file."""
    junit = compat.junit(config)
    if junit is None:
        return
    for name, value in (
        ("shard", f"{shard['index']}/{shard['count']}"),
        ("tests", len(set(collected))),
        ("dealt", len(set(dealt))),
        ("collection", shard["collection"]),
        ("split", shard["split"]),
    ):
        junit.add_global_property(f"schedctl.{name}", str(value))
