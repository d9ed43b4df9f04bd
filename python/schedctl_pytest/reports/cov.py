"""Coverage of workers: each hands its data to the reporter, which merges it into its own.

pytest-cov and ``coverage run -m pytest`` are the same here: what counts is the Coverage object that
measures. pytest-cov has its own way for workers that are started afresh.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, Optional


def current() -> Any:
    """The running Coverage object, or None."""
    coverage: Any = sys.modules.get("coverage")  # or a module of the user's own
    ask = getattr(getattr(coverage, "Coverage", None), "current", None)
    return ask() if callable(ask) else None


def enter_worker(config: Any) -> None:
    plugin = config.pluginmanager.get_plugin("_cov")
    if plugin is not None and getattr(plugin, "pid", None) is not None:
        plugin.pid = os.getpid()  # else it takes the worker for a test's child, and measures anew
    data = getattr(current(), "_data", None)
    if data is not None:
        # It notices the fork and opens a new base: let that be in memory, and not through the
        # reporter's connections.
        data._no_disk = True
        data._dbs = {}


# Of Coverage's arguments: what the command line may have set, and the configuration's name for it.
_ARGUMENTS = {
    "branch": "branch",
    "source": "source",
    "source_pkgs": "source_pkgs",
    "omit": "run_omit",
    "include": "run_include",
    "cover_pylib": "cover_pylib",
    "timid": "timid",
    "concurrency": "concurrency",
    "context": "context",
}


def settings() -> Optional[Dict[str, Any]]:
    """What makes Coverage measure elsewhere as it does here; None where nothing is measured."""
    measuring = current()
    if measuring is None:
        return None
    config = measuring.config
    given = {name: getattr(config, attribute, None) for name, attribute in _ARGUMENTS.items()}
    given = {name: value for name, value in given.items() if value}
    return {"config_file": getattr(config, "config_file", None) or False, **given}


def begin(given: Dict[str, Any]) -> None:
    """In a worker started afresh, unless Coverage's own hook measures every process."""
    import coverage

    if current() is None:
        coverage.Coverage(data_file=None, **given).start()


def collected() -> Optional[bytes]:
    """Stops measuring in this worker and returns what it has seen."""
    measuring = current()
    if measuring is None:
        return None
    measuring.stop()
    data: bytes = measuring.get_data().dumps()
    return data


def merge(data: bytes) -> None:
    measuring = current()
    if measuring is None:
        return
    from coverage import CoverageData

    arrived = CoverageData(no_disk=True)
    arrived.loads(data)
    measuring.get_data().update(arrived)
