"""What plugins that report are told, and in which order they are: as in a serial run, to the last
attribute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from suites import Suite

TESTS = """
    import pytest

    pytestmark = pytest.mark.of_module

    @pytest.mark.parametrize("n", range(5))
    def test_some(n): ...

    @pytest.mark.of_class
    class TestClass:
        @pytest.mark.of_class
        @pytest.mark.own(1)
        def test_some(self, request):
            request.node.extra_keyword_matches.add("extra")

        def test_fails(self): assert 0

    def test_marks_itself(request):
        request.node.add_marker("late")
"""

# Every attribute but times and pytest's own note in what it has serialised; keywords in order.
NOTES = """
    import json, os

    def pytest_configure(config):
        for mark in "of_module", "of_class", "own", "late":
            config.addinivalue_line("markers", mark)

    def pytest_runtest_logreport(report):
        told = {name: repr(value) for name, value in sorted(vars(report).items())
                if name not in ("duration", "start", "stop", "longrepr", "$report_type")}
        with open(os.environ["NOTES"], "a") as file:
            print(json.dumps([list(report.keywords), type(report).__name__, told]), file=file)
"""


def noted(suite: Suite, path: Path, *arguments: str, **how: str) -> List[Any]:
    path.write_text("")
    prefix = suite.launcher(how.pop("start"), 2) if "start" in how else []
    suite.run(prefix, arguments, {"NOTES": str(path), **how})
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_attribute(suite: Suite, start: str, tmp_path: Path) -> None:
    suite.write(conftest=NOTES, test_one=TESTS, test_two=TESTS)
    serial, ours = noted(suite, tmp_path / "notes"), noted(suite, tmp_path / "notes", start=start)
    assert sorted(map(repr, ours)) == sorted(map(repr, serial))


# Who is told what, in an order of which everything has a say; some come and go meanwhile.
PLUGINS = """
    import json, os, pytest

    def note(*what):
        with open(os.environ["NOTES"], "a") as file:
            print(json.dumps(what), file=file)

    class First:
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logstart(self, location, nodeid): note("first", nodeid, location)
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logreport(self): note("first")

    class Guest:
        def pytest_runtest_logreport(self, report): note("guest", report.nodeid, report.when)
        def pytest_runtest_logfinish(self, location): note("guest", location)

    class Last:
        @pytest.hookimpl(trylast=True)
        def pytest_runtest_logfinish(self): note("last")
        @pytest.hookimpl(trylast=True)
        def pytest_runtest_logreport(self, report, extra=None): note("last", report.when, extra)

    class Wrapper:
        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_logreport(self, report):
            note("before", report.when)
            yield
            note("after", report.when)

    guest = Guest()

    def pytest_configure(config):
        for plugin in First, Last, *([Wrapper] if "WRAPPED" in os.environ else []):
            config.pluginmanager.register(plugin())
        global manager
        manager = config.pluginmanager

    def pytest_runtest_logreport(report):
        note("conftest", report.nodeid, report.when)
        if report.nodeid.endswith("[2]") and report.when == "setup":
            manager.register(guest)
        if report.nodeid.endswith("[2]") and report.when == "teardown":
            manager.unregister(guest)
"""


@pytest.mark.parametrize("environ", [{}, {"WRAPPED": "1"}], ids=["plain", "wrapped"])
def test_order_of_plugins(suite: Suite, tmp_path: Path, environ: Dict[str, str]) -> None:
    suite.write(conftest=PLUGINS, test_one=TESTS)
    arguments = ["-W", "ignore", "--cache-clear"]
    serial = noted(suite, tmp_path / "notes", *arguments, **environ)
    ours = noted(suite, tmp_path / "notes", *arguments, start="fork", **environ)
    assert by_item(ours) == by_item(serial)


def by_item(lines: List[Any]) -> List[str]:
    """Sorted: what is told of each item."""
    items: List[List[Any]] = []
    for line in lines:
        if line[0] == "first" and len(line) > 1:
            items.append([])
        items[-1].append(line)
    return sorted(map(repr, items))
