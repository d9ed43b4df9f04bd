"""What the tests of this folder compare between a serial run and one in workers."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, List

from suites import Ran, Suite


OUTCOMES = """
    import pytest, unittest, warnings

    @pytest.mark.parametrize("n", range(30))
    def test_passes(n):
        pass

    def test_fails():
        print("said before failing")
        assert [1, 2, 3] == [1, 2, 4]

    @pytest.mark.skip(reason="not today")
    def test_skipped(): ...

    @pytest.mark.skipif("True", reason="condition")
    def test_skipped_by_condition(): ...

    @pytest.mark.xfail(reason="known")
    def test_xfails(): assert 0

    @pytest.mark.xfail
    def test_xpasses(): ...

    @pytest.mark.xfail(strict=True)
    def test_xpasses_strictly(): ...

    @pytest.fixture
    def broken(): raise ValueError("no fixture")

    def test_error_in_setup(broken): ...

    @pytest.fixture
    def breaks(request):
        yield
        raise ValueError("no teardown")

    def test_error_in_teardown(breaks): print("out")

    def test_property(record_property):
        record_property("colour", "blue")

    class Odd:
        def __str__(self): return "odd"

    def test_odd_property(record_property):
        record_property("thing", str(Odd()))

    class OwnWarning(UserWarning): ...

    def test_warns():
        warnings.warn("careful")
        warnings.warn(OwnWarning("own"))

    class TestUnit(unittest.TestCase):
        @classmethod
        def setUpClass(cls): cls.ready = True

        def test_ready(self): self.assertTrue(self.ready)

        def test_sub(self):
            with self.subTest(i=1): self.assertEqual(1, 1)

        @unittest.skip("no")
        def test_unit_skipped(self): ...

        @unittest.expectedFailure
        def test_unit_expected(self): self.fail()
"""


FAILING = """
    import pytest

    @pytest.mark.parametrize("n", range(40))
    def test_fails(n):
        assert n < 5
"""


def both(suite: Suite, start: str, *arguments: str) -> "tuple[Ran, Ran]":
    serial = suite.serial(*arguments)
    ours = suite.parallel(*arguments, start=start)
    return serial, ours


def assert_same(serial: Ran, ours: Ran) -> None:
    assert ours.outcomes() == serial.outcomes()
    assert (ours.status, ours.summary()) == (serial.status, serial.summary())


def sections(out: str, name: str) -> List[str]:
    """The lines of one failure."""
    lines = out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip("_ ") == name)
    last = next(i for i in range(first + 1, len(lines)) if lines[i].startswith(("___", "===")))
    return lines[first:last]


def _child(element: ElementTree.Element) -> Any:
    """With its attributes, text (properties' own in theirs), and children."""
    inner = [_child(child) for child in element]
    return element.tag, sorted(element.attrib.items()), element.text or "", inner


def cases(path: Path) -> List[Any]:
    """Every case with its attributes but the time, and its children; the suite's properties
    and counts."""
    suite = next(ElementTree.parse(path).getroot().iter("testsuite"))
    names = ("name", "tests", "failures", "errors", "skipped")
    counts = {key: suite.get(key) for key in names}
    found: List[Any] = [counts]
    properties = suite.find("properties")
    found += [child.attrib for child in properties] if properties is not None else []
    rows = []
    for case in suite.iter("testcase"):
        attributes = {key: value for key, value in case.attrib.items() if key != "time"}
        rows.append((sorted(attributes.items()), [_child(child) for child in case]))
    return found + sorted(rows)
