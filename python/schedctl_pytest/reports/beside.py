"""What is kept beside a report, in the process where it was made, and is needed where it is shown.

pytest 9 counts an item's failed subtests in the session's stash, and fails the item by that count
when its report is shown. pytest-bdd keeps a scenario's steps in a dictionary of its own.
pytest-rerunfailures counts on the item, and --fail-on-flaky looks there.
"""

from __future__ import annotations

import sys
from typing import Any, Generator, List

from .. import compat

_RUN_AGAIN = "rerun"  # pytest-rerunfailures' own
_FAILED_SUBTESTS = "schedctl_failed_subtests"
_STEPS = "schedctl_bdd_steps"
_SUBTEST = "_subtest.context"  # pytest's own, and pytest-subtests'


def revived(config: Any, data: Any) -> Any:
    """The report that a worker made data of."""
    if data.get("$report_type") == "SubtestReport":  # -p no:subtests: unittest's are made still
        report = sys.modules["_pytest.subtests"].SubtestReport._from_json(data)
    else:
        report = config.hook.pytest_report_from_serializable(config=config, data=data)
    if _SUBTEST in data:  # pytest 9 makes representations of the values' representations
        object.__setattr__(report.context, "kwargs", data[_SUBTEST]["kwargs"])
    return report


def restore(item: Any, report: Any) -> None:
    """In the reporter, before the report is shown."""
    extra = report.__dict__
    if isinstance(extra.get(_RUN_AGAIN), int):
        item.execution_count = extra[_RUN_AGAIN] + 1
    if _FAILED_SUBTESTS in extra:
        count = extra.pop(_FAILED_SUBTESTS)
        counts = _counts(item.config)
        if counts is not None:
            counts[_id(report)] = count
    if _STEPS in extra:
        steps = extra.pop(_STEPS)
        reporting: Any = sys.modules["pytest_bdd.reporting"]
        reporting.test_report_context_registry[report] = reporting.ReportContext(**steps)


def _counts(config: Any) -> Any:
    """None before pytest 9, and with -p no:subtests."""
    key = getattr(sys.modules.get("_pytest.subtests"), "failed_subtests_key", None)
    return None if key is None else config.stash.get(key, None)


def _id(report: Any) -> Any:
    return getattr(report, "id", report.nodeid)


def carriers(config: Any) -> List[Any]:
    """A worker's plugins, where there is something to carry."""
    found: List[Any] = []
    counts = _counts(config)
    if counts is not None:
        found.append(Counts(counts))
    option = config.option
    shown = getattr(option, "gherkin_terminal_reporter", None)
    written = getattr(option, "cucumber_json_path", None)
    reporting = sys.modules.get("pytest_bdd.reporting")
    registry = getattr(reporting, "test_report_context_registry", None)
    if (shown or written) and registry is not None and hasattr(reporting, "ReportContext"):
        found.append(Steps(registry))
    return found


class Counts:
    """Of failed subtests."""

    def __init__(self, counts: Any) -> None:
        self._counts = counts

    @compat.hookimpl(hookwrapper=True)
    def pytest_report_to_serializable(self, report: Any) -> Generator[None, Any, None]:
        outcome = yield
        count = self._counts.get(_id(report), 0)
        if count and type(report).__name__ == "TestReport":
            outcome.get_result()[_FAILED_SUBTESTS] = count


class Steps:
    """What pytest-bdd knows of an item's steps."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    @compat.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, None]:
        outcome = yield
        report = outcome.get_result()
        context = self._registry.get(report)
        if context is not None:
            setattr(report, _STEPS, dict(vars(context)))
