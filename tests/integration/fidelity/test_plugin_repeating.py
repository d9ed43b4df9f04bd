"""Plugins that run an item again."""

from __future__ import annotations

import re
from typing import List

import pytest

from fidelity.compared import assert_same, cases
from fidelity.plugins import loading
from suites import Ran, Suite

FLAKY = """
    import pytest
    runs = {}

    def nth(name):
        runs[name] = runs.get(name, 0) + 1
        return runs[name]

    def test_second_time(): assert nth("second") == 2

    def test_third_time(): assert nth("third") == 3

    def test_never(): assert nth("never") == 99

    def test_value():
        nth("value")
        raise ValueError("of another kind")

    @pytest.fixture
    def shaky(): assert nth("fixture") == 2

    def test_fixture(shaky): pass

    @pytest.mark.parametrize("n", range(6))
    def test_steady(n): pass
"""


@pytest.mark.parametrize("xdist", ["", "-pno:xdist"], ids=["xdist", "no xdist"])
def test_rerunfailures(suite: Suite, start: str, xdist: str) -> None:
    loading(suite, pytest_rerunfailures="rerunfailures")
    suite.write(test_flaky=FLAKY, test_more=FLAKY)
    arguments = ["-v", "-rR", "--reruns=2", "--only-rerun=Assertion", *filter(None, [xdist])]
    serial = suite.serial(*arguments)
    if serial.status == pytest.ExitCode.INTERNAL_ERROR:
        pytest.skip("this pytest-rerunfailures does not load without pytest-xdist")
    ours = suite.parallel(*arguments, start=start)
    assert_same(serial, ours)
    assert ours.out.count("RERUN") == serial.out.count("RERUN") > 10


def test_rerunfailures_allow_forking(suite: Suite) -> None:
    """With pytest-xdist it keeps a thread and a socket for other processes."""
    loading(suite, pytest_rerunfailures="rerunfailures")
    suite.write(test_flaky=FLAKY)
    ours = suite.run(suite.launcher("auto", 2, "--verbose"), ("--reruns=2",), {})
    assert "workers start by fork: no threads" in ours.err


def test_flaky_is_a_failure(suite: Suite, start: str) -> None:
    """--fail-on-flaky looks at what happened to the items."""
    module = pytest.importorskip("pytest_rerunfailures")
    if not hasattr(module, "_should_hard_fail_on_error") or "fail_on_flaky" not in source(module):
        pytest.skip("a pytest-rerunfailures without --fail-on-flaky")
    suite.load("rerunfailures")
    text = "import pytest\nruns = []\ndef test_a():\n    runs.append(1)\n    assert len(runs) > 1\n"
    suite.write(test_one=text, test_two=text)
    arguments = ("--reruns=2", "--fail-on-flaky")
    assert_same(suite.serial(*arguments), suite.parallel(*arguments, start=start))


def source(module: object) -> str:
    import inspect

    return inspect.getsource(module)  # type: ignore[arg-type]


def test_flaky(suite: Suite, start: str) -> None:
    """With its own report at the end."""
    loading(suite, flaky="flaky")
    text = """
        import pytest
        from flaky import flaky
        runs = []

        @flaky(max_runs=3)
        def test_flaky():
            runs.append(1)
            assert len(runs) == 2

        @flaky(max_runs=2)
        def test_never(): assert 0

        @pytest.mark.parametrize("n", range(6))
        def test_steady(n): pass
    """
    suite.write(test_one=text, test_two=text)
    serial = suite.serial()
    ours = suite.parallel(start=start)
    assert_same(serial, ours)
    assert told(ours) == told(serial) and len(told(serial)) == 8


def told(ran: Ran) -> List[str]:
    """The lines of flaky's report."""
    pattern = r"^test_(?:flaky|never) (?:passed|failed).*$"
    return sorted(re.findall(pattern, ran.out, re.MULTILINE))


def test_junitxml_of_what_ran_again(suite: Suite, start: str) -> None:
    loading(suite, pytest_rerunfailures="rerunfailures")
    suite.write(test_flaky=FLAKY)
    suite.run([], ("--reruns=2", "--junitxml=serial.xml"), {})
    suite.parallel("--reruns=2", "--junitxml=ours.xml", start=start)
    assert cases(suite.path / "ours.xml") == cases(suite.path / "serial.xml")
