"""Plugins that were read and tried, and what they leave for a forked worker to do again: nothing.

A forked worker has not configured anything. A plugin is listed here with why that is right; whoever
is not listed, and wants to know whether it is in a worker or prepares each, makes workers start
afresh. Names are top-level packages.
"""

from __future__ import annotations

from typing import Any, Dict

_REPORTS = "what it writes is the reporter's to write"
_HAS_IT = "what a worker is given is what the reporter has"

# They may ask for a worker's id while the reporter starts.
MAY_ASK: Dict[str, str] = {
    "_pytest": "a forked worker undoes what was the reporter's",
    "xdist": "a forked worker gets its input and output",
    "schedctl_pytest": "asks on purpose",
    "allure_pytest": _REPORTS,
    "coverage": "its data is merged",
    "pytest_cov": "its data is merged",
    "pytest_bdd": _REPORTS,
    "pytest_benchmark": "the items that it measures run in the reporter",
    "pytest_html": _REPORTS,
    "pytest_instafail": _REPORTS,
    "pytest_jsonreport": _REPORTS,
    "pytest_reportlog": _REPORTS,
    "pytest_ruff": _REPORTS,
    "pytest_retry": "the suite runs in the reporter where it is on",
    "inline_snapshot": "the items that it changes run in the reporter",
    "pytest_mypy": _HAS_IT,
    "pytest_randomly": _HAS_IT,
    "pytest_rerunfailures": _HAS_IT,
    "syrupy": "asks again while the items run",
    "testmon": "the suite runs in the reporter where it is on",
}

# What they do for each of pytest-xdist's nodes is not needed in a forked worker.
NODE_HOOKS: Dict[str, str] = {
    "xdist": "it shows its own progress",
    "pytest_cov": "its data is merged",
    "pytest_mypy": _HAS_IT,
    "pytest_randomly": _HAS_IT,
    "pytest_rerunfailures": "each worker counts its own items",
    "testmon": "the suite runs in the reporter where it is on",
}

# What they take from each node at its end, handover.py puts together in a forked worker.
HANDED_OVER: Dict[str, str] = {
    "flaky": "its report of what it ran again",
    "pytest_metadata": "what is known of the worker's environment",
    "syrupy": "which snapshots were used",
}

# Threads that answer workers started afresh, by the package of their target.
THREADS: Dict[str, str] = {
    "pytest_rerunfailures": "serves the counts of other processes' items",
}


def package(thing: Any) -> str:
    """The top-level package that defines a function or class."""
    return str(getattr(thing, "__module__", "")).partition(".")[0]
