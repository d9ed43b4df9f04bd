"""A pytest plugin that writes down what the reporting process heard of a suite, and can shuffle it.

It is copied into the environments that suites run in, loaded by `-p`, and driven by two variables:

COMPAT_RECORD   the file to write: a JSON list of [test id, when, outcome]
COMPAT_SHUFFLE  a seed: run the tests in an order drawn from it
"""

from __future__ import annotations

import json
import os
import random
from typing import Any, List

heard: List[List[str]] = []


def pytest_collection_modifyitems(items: List[Any]) -> None:
    if "COMPAT_SHUFFLE" in os.environ:
        random.Random(os.environ["COMPAT_SHUFFLE"]).shuffle(items)


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        heard.append([report.nodeid, "collect", report.outcome])


def pytest_runtest_logreport(report: Any) -> None:
    heard.append([report.nodeid, report.when, report.outcome])


def pytest_sessionfinish(session: Any) -> None:
    if not hasattr(session.config, "workerinput"):
        with open(os.environ["COMPAT_RECORD"], "w", encoding="utf-8") as file:
            json.dump(heard, file)
