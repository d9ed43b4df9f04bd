"""What a plugin gathers in a worker and pytest-xdist's pytest_testnodedown takes to the reporter:
put into ``workeroutput`` at a forked worker's end, whose session never finishes.

Each step is the plugin's own, as its pytest_sessionfinish has it. A version of a plugin in which
what that needs has other names is like any plugin that collects from workers: they start afresh.
"""

from __future__ import annotations

import sys
from typing import Any, Dict, FrozenSet, List

from ..suite import vetted


def able(config: Any) -> FrozenSet[str]:
    """The loaded plugins, by package, for which this is done."""
    return frozenset(_loaded(config))


def plugins(config: Any) -> List[Any]:
    """Those loaded that listen to reports in order to know what their worker ran."""
    listens = "syrupy" in _loaded(config) and config.pluginmanager.get_plugin("syrupy")
    return [listens] if listens else []


def begin(config: Any) -> None:
    """In a worker that was forked after others had ended: what those left is the reporter's."""
    for step in _loaded(config).values():
        step.begin()


def finish(session: Any) -> None:
    """At its end: fills session.config.workeroutput."""
    for step in _loaded(session.config).values():
        step.finish()


class _Step:
    """One plugin's. needed: whatever it takes, None where a version does not have it."""

    def __init__(self, config: Any, plugin: Any) -> None:
        self._config = config
        self.needed = self._find(plugin)

    def _find(self, plugin: Any) -> Any:
        raise NotImplementedError

    def begin(self) -> None:
        """Most have nothing to forget."""

    def finish(self) -> None:
        raise NotImplementedError


class _Flaky(_Step):
    def _find(self, plugin: Any) -> Any:
        """plugin: what flaky registers for nodes, which holds the one that runs items."""
        runs_items = getattr(plugin, "_plugin", None)
        wanted = ("stream", "pytest_sessionfinish")
        return runs_items if all(hasattr(runs_items, name) for name in wanted) else None

    def begin(self) -> None:
        self.needed.stream.seek(0)
        self.needed.stream.truncate()

    def finish(self) -> None:
        self._config.workeroutput["flaky_report"] = ""
        self.needed.config = self._config
        self.needed.pytest_sessionfinish()


class _Metadata(_Step):
    def _find(self, plugin: Any) -> Any:
        key = getattr(sys.modules.get("pytest_metadata.plugin"), "metadata_key", None)
        if key is None:
            return getattr(self._config, "_metadata", None)  # before its version 3
        return self._config.stash.get(key, None)

    def finish(self) -> None:
        self._config.workeroutput["metadata"] = dict(self.needed)


class _Syrupy(_Step):
    def _find(self, plugin: Any) -> Any:
        return getattr(getattr(self._config, "_syrupy", None), "finish", None)

    def finish(self) -> None:
        self.needed()


_STEPS = {"flaky": _Flaky, "pytest_metadata": _Metadata, "syrupy": _Syrupy}


def _loaded(config: Any) -> Dict[str, _Step]:
    hook = getattr(config.hook, "pytest_testnodedown", None)
    found: Dict[str, _Step] = {}
    for implementation in hook.get_hookimpls() if hook is not None else ():
        package = vetted.package(implementation.function)
        if package in _STEPS:
            step = _STEPS[package](config, implementation.plugin)
            if step.needed is not None:
                found[package] = step
    return found
