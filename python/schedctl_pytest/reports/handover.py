"""What a plugin gathers in a worker and pytest-xdist's pytest_testnodedown takes to the reporter:
put into ``workeroutput`` at a forked worker's end, whose session never finishes.

Each step is the plugin's own, as its pytest_sessionfinish has it.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

from ..suite import vetted


def plugins(config: Any) -> List[Any]:
    """Those loaded that listen to reports in order to know what their worker ran."""
    if any(name == "syrupy" for name, _ in _loaded(config)):
        return [config.pluginmanager.get_plugin("syrupy")]
    return []


def begin(config: Any) -> None:
    """In a worker that was forked after others had ended: what those left is the reporter's."""
    for name, plugin in _loaded(config):
        if name == "flaky":
            plugin._plugin.stream.seek(0)
            plugin._plugin.stream.truncate()


def finish(session: Any) -> None:
    """At its end: fills session.config.workeroutput."""
    for name, plugin in _loaded(session.config):
        _FINISH[name](session, plugin)


def _loaded(config: Any) -> List[Tuple[str, Any]]:
    hook = getattr(config.hook, "pytest_testnodedown", None)
    found: Dict[str, Any] = {}
    for implementation in hook.get_hookimpls() if hook is not None else ():
        package = vetted.package(implementation.function)
        if package in _FINISH:
            found[package] = implementation.plugin
    return list(found.items())


def _flaky(session: Any, plugin: Any) -> None:
    """plugin: what flaky registers for nodes, which holds the one that runs items."""
    session.config.workeroutput["flaky_report"] = ""
    plugin._plugin.config = session.config
    plugin._plugin.pytest_sessionfinish()


def _metadata(session: Any, plugin: Any) -> None:
    from pytest_metadata.plugin import metadata_key

    session.config.workeroutput["metadata"] = dict(session.config.stash[metadata_key])


def _syrupy(session: Any, plugin: Any) -> None:
    session.config._syrupy.finish()


_FINISH: Dict[str, Callable[[Any, Any], None]] = {
    "flaky": _flaky,
    "pytest_metadata": _metadata,
    "syrupy": _syrupy,
}
