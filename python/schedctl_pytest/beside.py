"""What is kept beside a report, in the process where it was made, and is needed where it is shown.

pytest 9 counts an item's failed subtests in the session's stash, and fails the item by it when it
is shown. pytest-bdd keeps a scenario's steps in a dictionary of its own.
"""

from __future__ import annotations

import sys
from typing import Any, Generator, Optional

from . import compat

_STEPS = "schedctl_bdd_steps"


def restore(config: Any, report: Any) -> None:
    """In the reporter, before the report is shown."""
    if type(report).__name__ == "SubtestReport" and report.failed:
        _count_subtest(config, report)
    steps = report.__dict__.pop(_STEPS, None)
    if steps is not None:
        from pytest_bdd import reporting

        reporting.test_report_context_registry[report] = reporting.ReportContext(**steps)


def _count_subtest(config: Any, report: Any) -> None:
    key = getattr(sys.modules.get("_pytest.subtests"), "failed_subtests_key", None)
    if key is not None:
        counts = config.stash[key]
        counts[getattr(report, "id", report.nodeid)] += 1


def carrier(config: Any) -> Optional["Steps"]:
    """A worker's plugin, where somebody will ask for what it carries."""
    option = config.option
    shown = getattr(option, "gherkin_terminal_reporter", None)
    written = getattr(option, "cucumber_json_path", None)
    reporting = sys.modules.get("pytest_bdd.reporting")
    if not (shown or written) or not hasattr(reporting, "test_report_context_registry"):
        return None
    return Steps(reporting)


class Steps:
    """Moves what pytest-bdd knows of an item's steps into its report."""

    def __init__(self, reporting: Any) -> None:
        self._registry = reporting.test_report_context_registry

    @compat.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, None]:
        outcome = yield
        report = outcome.get_result()
        context = self._registry.get(report)
        if context is not None:
            setattr(report, _STEPS, {"scenario": context.scenario, "name": context.name})
