"""What pytest-xdist gives to a session, where it is not installed or switched off: its mark, its
fixtures, the declarations of its hooks.

Projects that prepare each worker (a database, say) often do so only where pytest-xdist is there::

    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(XDistHooks())

They are told that it is, since their hooks are called here. Others are not: the question has many
meanings (is there an option -n, can xdist be imported, is this the controller), and to all of them
"no" is what a serial run answers. What the asking file defines tells them apart.
"""

from __future__ import annotations

import linecache
import re
import sys
from types import CodeType
from typing import Any, Callable, Dict, Optional

_MARK = "xdist_group(name): tests of the same group never run beside each other."
_DEFINES_HOOKS = re.compile(
    r"^\s*def pytest_(configure_node|testnode(ready|down)|handlecrashitem"
    r"|xdist_(setupnodes|newgateway|node_collection_finished))\b",
    re.MULTILINE,
)
_BETWEEN = frozenset(("pluggy", "_pytest", "schedctl_pytest"))

# Of its options, what those ask for who find the plugin.
_OPTIONS: Dict[str, Any] = {
    "numprocesses": None,
    "maxprocesses": None,
    "maxworkerrestart": None,
    "dist": "no",
    "distload": False,
    "tx": [],
    "testrunuid": None,
}


def prepare(config: Any) -> None:
    """When the installed plugins are loaded and before conftest files are."""
    manager = config.pluginmanager
    if manager.hasplugin("xdist"):
        return
    declared = getattr(manager.hook, "pytest_configure_node", None)
    if declared is None or not declared.has_spec():
        from . import nodehooks

        manager.add_hookspecs(nodehooks)
    manager.get_plugin = _answering(config, manager.get_plugin)


def configure(config: Any) -> None:
    """In pytest_configure, where there is no pytest-xdist."""
    if config.pluginmanager.hasplugin("xdist"):
        return
    from . import fixtures

    config.addinivalue_line("markers", _MARK)
    config.pluginmanager.register(fixtures, "schedctl-fixtures")


def _answering(config: Any, get_plugin: Callable[[str], Any]) -> Callable[[str], Any]:
    """pytest's own get_plugin(), which every other way of asking ends in."""

    def get_plugin_or_standin(name: str) -> Optional[Any]:
        plugin = get_plugin(name)
        if plugin is None and name == "xdist" and _prepares_workers(_asking()):
            for option, value in _OPTIONS.items():
                config.option.__dict__.setdefault(option, value)
            plugin = sys.modules[__name__]
        return plugin

    return get_plugin_or_standin


def _asking() -> Optional[CodeType]:
    """The code that the question comes from."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _BETWEEN:
            code: CodeType = frame.f_code
            return code
        frame = frame.f_back
    return None


def _prepares_workers(code: Optional[CodeType]) -> bool:
    """Unless it would then import what is not there."""
    if code is None or any(name.partition(".")[0] == "xdist" for name in code.co_names):
        return False
    return bool(_DEFINES_HOOKS.search("".join(linecache.getlines(code.co_filename))))
