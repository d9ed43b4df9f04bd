"""Coverage of forked workers: each hands its data to the reporter, which merges it into its own.

pytest-cov and ``coverage run -m pytest`` are the same here: what counts is the Coverage object that
measures.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Optional


def current() -> Any:
    """The running Coverage object, or None."""
    coverage = sys.modules.get("coverage")
    if coverage is None:
        return None
    return coverage.Coverage.current()


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
