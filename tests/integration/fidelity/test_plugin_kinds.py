"""Plugins that bring fixtures or kinds of tests of their own."""

from __future__ import annotations

from typing import List

import pytest

from fidelity.compared import assert_same
from fidelity.plugins import has, loading, write_those
from suites import Ran, Suite

MODULES = {
    "pytest_asyncio": (
        "asyncio",
        """
        import asyncio, pytest, pytest_asyncio

        @pytest_asyncio.fixture
        async def resource():
            await asyncio.sleep(0)
            yield "open"
            await asyncio.sleep(0)

        @pytest.mark.asyncio
        async def test_fixture(resource): assert resource == "open"

        @pytest.mark.asyncio
        async def test_fails(): assert await asyncio.sleep(0, "one") == "two"

        @pytest.mark.asyncio
        @pytest.mark.parametrize("n", range(6))
        async def test_many(n): await asyncio.sleep(0)

        async def test_unmarked(): assert 0
        """,
    ),
    "anyio": (
        "anyio",
        """
        import anyio, pytest
        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend(): return "asyncio"

        @pytest.fixture
        async def resource():
            await anyio.sleep(0)
            yield 7

        @pytest.mark.parametrize("n", range(4))
        async def test_any(resource, n): assert resource == 7

        async def test_any_fails(resource): assert resource == 8
        """,
    ),
    "pytest_mock": (
        "pytest_mock",
        """
        import os

        def test_patched(mocker):
            mocker.patch("os.getcwd", return_value="nowhere")
            assert os.getcwd() == "nowhere"

        def test_given_back(): assert os.getcwd() != "nowhere"

        def test_not_called(mocker):
            mocker.Mock().assert_called_once_with(1)

        def test_spied(class_mocker, session_mocker):
            assert class_mocker is not session_mocker
        """,
    ),
    "hypothesis": (
        "hypothesispytest",
        """
        from hypothesis import HealthCheck, event, given, settings, strategies as st

        on_any_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

        @on_any_machine
        @given(st.integers())
        def test_holds(n): assert n == n

        @on_any_machine
        @given(st.lists(st.integers()))
        def test_does_not_hold(xs):
            event("empty" if not xs else "some")
            assert sum(xs) < 1000

        @on_any_machine
        @given(st.text())
        def test_text(s): assert s + "" == s
        """,
    ),
    "pytest_doctestplus": (
        "pytest_doctestplus",
        '''
        def number():
            """
            >>> number()  # doctest: +FLOAT_CMP
            0.30000000000000004
            >>> number() + 1
            2
            """
            return 0.3

        def test_number(): assert number() == 0.3
        ''',
    ),
    "requests_mock": (
        "requests_mock",
        """
        import requests

        def test_answered(requests_mock):
            requests_mock.get("http://nowhere.invalid/", text="hello")
            assert requests.get("http://nowhere.invalid/").text == "hello"
        """,
    ),
    "responses": (
        "",
        """
        import requests, responses

        @responses.activate
        def test_answered():
            responses.add(responses.GET, "http://nowhere.invalid/", body="hello")
            assert requests.get("http://nowhere.invalid/").text == "hello"
        """,
    ),
    "pytest_httpserver": (
        "pytest_httpserver",
        """
        import urllib.request, pytest

        @pytest.mark.parametrize("n", range(4))
        def test_served(httpserver, n):
            httpserver.expect_request("/").respond_with_data(str(n))
            assert urllib.request.urlopen(httpserver.url_for("/")).read() == str(n).encode()
        """,
    ),
    "pytest_regressions": (
        "regressions",
        """
        def test_never_seen(data_regression): data_regression.check({"a": 1})
        """,
    ),
    "freezegun": (
        "",
        """
        import datetime, time, freezegun, pytest

        @pytest.fixture(scope="module")
        def frozen():
            with freezegun.freeze_time("2012-01-14"): yield

        @freezegun.freeze_time("1999-12-31")
        def test_decorated(): assert datetime.date.today().year == 1999

        @pytest.mark.parametrize("n", range(4))
        def test_for_a_module(frozen, n): assert time.gmtime().tm_year == 2012
        """,
    ),
    "time_machine": (
        "time_machine",
        """
        import datetime, time_machine

        @time_machine.travel("1999-12-31 12:00")
        def test_travelled(): assert datetime.date.today().year == 1999
        """,
    ),
    "pytest_check": (
        "check",
        """
        def test_several(check):
            check.equal(1, 2)
            check.equal(3, 4)

        def test_none(check): check.equal(1, 1)
        """,
    ),
    "pytest_socket": (
        "socket",
        """
        import socket

        def test_refused(socket_disabled): socket.socket()

        def test_allowed(socket_enabled): socket.socket().close()
        """,
    ),
    "pytest_trio": (
        "trio",
        """
        import pytest, trio

        @pytest.mark.trio
        async def test_trio(nursery, autojump_clock):
            await trio.sleep(60)

        @pytest.mark.trio
        async def test_trio_fails(): assert 0
        """,
    ),
    "pytest_lazy_fixtures": (
        "pytest_lazyfixture",
        """
        import pytest
        from pytest_lazy_fixtures import lf

        @pytest.fixture
        def one(): return 1

        @pytest.mark.parametrize("value", [lf("one")])
        def test_lazy(value): assert value == 1
        """,
    ),
    "pytest_repeat": (
        "pytest_repeat",
        """
        import pytest

        @pytest.mark.repeat(7)
        def test_repeated(): pass
        """,
    ),
    "pytest_subtests": (
        "subtests",
        """
        import unittest

        def test_sub(subtests):
            for n in range(4):
                with subtests.test(msg="n", n=n): assert n != 2

        class TestUnit(unittest.TestCase):
            def test_sub(self):
                for n in range(3):
                    with self.subTest(n=n): self.assertNotEqual(n, 1)
        """,
    ),
}


def test_outcomes(suite: Suite, start: str) -> None:
    """All in one suite. --hypothesis-seed makes two runs find the same example."""
    assert write_those(suite, MODULES), "none is installed"
    arguments = ["--hypothesis-seed=7"] if has("hypothesis") else []
    arguments += ["--doctest-plus"] if has("pytest_doctestplus") else []
    serial = suite.serial(*arguments)
    ours = suite.parallel(*arguments, start=start)
    assert_same(serial, ours)
    assert ours.event("suite")["start"] == start if ours.events else True
    assert heard(ours) == heard(serial)


def heard(ran: Ran) -> List[str]:
    return sorted(map(repr, ran.reports))


def test_hypothesis_statistics(suite: Suite, start: str) -> None:
    loading(suite, hypothesis="hypothesispytest")
    suite.write(test_hypothesis=MODULES["hypothesis"][1])
    arguments = ("--hypothesis-show-statistics", "--hypothesis-seed=7")
    serial = suite.serial(*arguments)
    ours = suite.parallel(*arguments, start=start)
    assert_same(serial, ours)
    for ran in (serial, ours):
        assert ran.out.count("Stopped because") >= 3


def test_bdd(suite: Suite, start: str) -> None:
    loading(suite, pytest_bdd="pytest-bdd")
    steps = """
        from pytest_bdd import given, scenarios, then, when
        scenarios("cucumbers.feature")

        @given("some cucumbers", target_fixture="basket")
        def basket(): return ["c"] * 3

        @when("I eat one")
        def eat(basket): basket.pop()

        @then("two are left")
        def left(basket): assert len(basket) == 2

        @then("none is left")
        def none(basket): assert not basket
    """
    suite.write(test_steps=steps)
    feature = "Feature: Cucumbers\n" + "".join(
        f"  Scenario: {name}\n    Given some cucumbers\n    When I eat one\n    Then {then}\n"
        for name, then in (
            ("eating", "two are left"),
            ("all", "none is left"),
            ("again", "two are left"),
        )
    )
    (suite.path / "cucumbers.feature").write_text(feature)
    arguments = ("--gherkin-terminal-reporter", "-vv", "--cucumberjson=out.json")
    serial = suite.serial(*arguments)
    rows = sorted(line.strip() for line in serial.out.splitlines() if "PASSED" in line)
    ours = suite.parallel(*arguments, start=start)
    assert_same(serial, ours)
    assert sorted(line.strip() for line in ours.out.splitlines() if "PASSED" in line) == rows


@pytest.mark.parametrize("scope", ["session", "module"])
def test_asyncio_scopes(suite: Suite, start: str, scope: str) -> None:
    """Automatic marks, and one loop for the items of a scope."""
    loading(suite, pytest_asyncio="asyncio")
    if not hasattr(pytest.importorskip("pytest_asyncio"), "is_async_test"):
        pytest.skip("a pytest-asyncio without loops of wider scope")
    text = f"""
        import asyncio, pytest, pytest_asyncio
        pytestmark = pytest.mark.asyncio(loop_scope="{scope}")
        loops = set()

        @pytest_asyncio.fixture(scope="{scope}", loop_scope="{scope}")
        async def loop(): return asyncio.get_running_loop()

        @pytest.mark.parametrize("n", range(8))
        async def test_same_loop(loop, n):
            assert asyncio.get_running_loop() is loop
            loops.add(loop)
            assert len(loops) == 1
    """
    suite.write(test_one=text, test_two=text)
    assert_same(
        suite.serial("--asyncio-mode=auto"), suite.parallel("--asyncio-mode=auto", start=start)
    )
