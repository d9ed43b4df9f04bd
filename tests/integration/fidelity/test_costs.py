"""What the engine learns of items' costs and of fixtures': each second is counted once, where it
belongs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Dict, List

import pytest

from suites import Ran, Suite

# A clock that only fixtures and tests move on, by powers of two: sums tell what is in them.
CONFTEST = """
    import pytest
    from schedctl_pytest.worker.own import Own

    now = [0.0]
    Own.clock = lambda: now[0]

    @pytest.fixture
    def takes():
        return take

    def take(seconds):
        now[0] += seconds

    @pytest.fixture(scope="session")
    def of_session(): take(1)

    @pytest.fixture(scope="session")
    def late(): take(2)

    @pytest.fixture(scope="module")
    def of_module(of_session): take(8)

    @pytest.fixture(scope="module")
    def asks(request):
        take(16)
        request.getfixturevalue("late")

    @pytest.fixture(scope="class")
    def of_class(of_module): take(32)

    @pytest.fixture
    def asks_late(request):
        take(64)
        request.getfixturevalue("of_session")
"""
PACKAGE = """
    import pytest
    from conftest import take

    @pytest.fixture(scope="package", autouse=True)
    def of_package(): take(4)
"""
TESTS = """
    class TestClass:
        def test_in_class(self, of_class, takes): takes(128)

    def test_in_no_class(of_class, takes): takes(256)

    def test_asks(asks, takes): takes(512)

    def test_asks_itself(asks_late, request, takes):
        takes(1024)
        request.getfixturevalue("late")
"""


@pytest.fixture
def engine() -> str:
    return "double"


def package(suite: Suite, conftest: str) -> None:
    (suite.path / "pkg").mkdir()
    names = ("conftest", "pkg/__init__", "pkg/conftest", "pkg/test_it")
    suite.write(**dict(zip(names, (CONFTEST, "", conftest, TESTS))))


def setups(ran: Ran) -> Dict[str, float]:
    """Seconds by the group's id."""
    groups = [group["id"] for group in ran.event("suite")["groups"]]
    found: Dict[str, float] = defaultdict(float)
    for record in ran.events:
        if record.get("record") == "setup":
            of_session = record["arg"] == 0xFFFFFFFF
            found["" if of_session else groups[record["arg"]]] += record["wall"]
    return dict(found)


def items(ran: Ran) -> List[float]:
    walls = {r["arg"]: r["wall"] for r in ran.events if r.get("record") == "done"}
    return [walls[index] for index in sorted(walls)]


@pytest.mark.parametrize("options", [["fork"], ["spawn"], ["fork", "--mode", "inline"]])
def test_every_scope(suite: Suite, options: List[str]) -> None:
    package(suite, PACKAGE)
    ran = suite.run(suite.launcher(options[0], 1, *options[1:]), (), {})
    assert "4 passed" in ran.out, ran.out + ran.err
    module = "pkg/test_it.py"
    assert setups(ran) == {"": 3, "pkg": 4, module: 24, f"{module}::TestClass": 32}
    assert items(ran) == [128, 256 + 32, 512, 1024 + 64]


def groups(suite: Suite) -> List[Dict[str, Any]]:
    ran = suite.run(suite.launcher("fork", 1, "--mode", "inline"), (), {})
    found: List[Dict[str, Any]] = ran.event("suite")["groups"]
    return found


def test_packages_are_groups_where_they_have_fixtures(suite: Suite) -> None:
    package(suite, PACKAGE)
    module = "pkg/test_it.py"
    assert groups(suite) == [
        {"id": "pkg", "parent": -1, "loose": True},
        {"id": module, "parent": 0},
        {"id": f"{module}::TestClass", "parent": 1},
    ]
    (suite.path / "pkg" / "conftest.py").write_text("")
    assert groups(suite) == [
        {"id": module, "parent": -1},
        {"id": f"{module}::TestClass", "parent": 0},
    ]
