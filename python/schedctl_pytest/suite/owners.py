"""Plugins that have to run every item in the process that reports: what they gather stays there.

The suite is left to pytest, and why is said.
"""

from __future__ import annotations

from typing import Any, List, Optional


def owner(config: Any, items: List[Any]) -> Optional[str]:
    """The reason, or None."""
    option = config.option
    has = config.pluginmanager.hasplugin
    if has("TestmonCollect"):
        return "pytest-testmon follows what each test runs"
    if getattr(option, "profile", False) is True or getattr(option, "profile_svg", False):
        return "pytest-profiling adds up what it measures"
    if getattr(option, "memray", False):
        return "pytest-memray follows this process's memory"
    if getattr(option, "benchmark_only", False):
        return "--benchmark-only"
    if _retries(config, items):
        return "pytest-retry keeps its report in this process"
    return None


def _retries(config: Any, items: List[Any]) -> bool:
    """Its option marks every item."""
    if not config.pluginmanager.hasplugin("pytest-retry"):
        return False
    return any(item.get_closest_marker("flaky") is not None for item in items)
