"""Plugins that write what a session did: one file, with the rows that a serial run gives."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any, List

import pytest

from fidelity.compared import OUTCOMES, assert_same
from fidelity.plugins import has
from suites import Suite


def html_rows(path: Path) -> List[Any]:
    """Those of pytest-html 4, which keeps them as JSON in an attribute."""
    found = re.search(r'data-jsonblob="([^"]*)"', path.read_text())
    assert found
    tests = json.loads(html.unescape(found.group(1)))["tests"]
    return sorted((name, row["result"]) for name, rows in tests.items() for row in rows)


def json_rows(path: Path) -> List[Any]:
    read = json.loads(path.read_text())
    rows = [(one["nodeid"], one["outcome"], sorted(one)) for one in read["tests"]]
    return sorted(map(repr, [*rows, sorted(read["summary"].items()), read["exitcode"]]))


def log_rows(path: Path) -> List[Any]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    reports = [line for line in lines if line["$report_type"] == "TestReport"]
    return sorted((one["nodeid"], one["when"], one["outcome"]) for one in reports)


# module: the options that name its file, its entry points, how to read it
WRITERS = {
    "pytest_html": ("--html={}.html", ("html", "html_fixtures", "metadata"), html_rows, "html"),
    "pytest_jsonreport": ("--json-report-file={}.json", ("pytest_jsonreport",), json_rows, "json"),
    "pytest_reportlog": ("--report-log={}.log", ("pytest_reportlog",), log_rows, "log"),
}


def test_files(suite: Suite, start: str) -> None:
    writers = {module: given for module, given in WRITERS.items() if has(module)}
    if not writers:
        pytest.skip("none is installed")
    suite.write(test_outcomes=OUTCOMES)
    arguments = ["--json-report"] if "pytest_jsonreport" in writers else []
    for _, entries, _, _ in writers.values():
        suite.load(*entries)

    def options(name: str) -> List[str]:
        return [*arguments, *(option.format(name) for option, *_ in writers.values())]

    serial = suite.run([], tuple(options("serial")), {})
    ours = suite.parallel(*options("ours"), start=start)
    assert_same(serial, ours)
    for module, (_, _, read, ending) in writers.items():
        wanted = read(suite.path / f"serial.{ending}")
        assert wanted and read(suite.path / f"ours.{ending}") == wanted, module
