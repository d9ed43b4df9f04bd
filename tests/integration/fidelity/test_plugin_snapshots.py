"""Plugins that compare with what an earlier run has written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Dict, List


from fidelity.compared import assert_same
from fidelity.plugins import loading
from suites import Ran, Suite

COMPARED = """
    import pytest

    @pytest.mark.parametrize("n", range({count}))
    def test_value(snapshot, n): assert {{"n": n * {factor}}} == snapshot

    class TestMore:
        def test_two(self, snapshot):
            assert "one" == snapshot
            assert "two" == snapshot
"""


def files(path: Path) -> Dict[str, str]:
    return {str(p.relative_to(path)): p.read_text() for p in sorted(path.rglob("*.ambr"))}


def report(ran: Ran) -> List[str]:
    return [line for line in ran.out.splitlines() if "snapshot" in line and "::" not in line]


def test_syrupy(suite: Suite, start: str) -> None:
    """Written once and right; compared; unused ones are found and removed."""
    loading(suite, syrupy="syrupy")
    suite.write(test_one=COMPARED.format(count=6, factor=1))
    suite.write(test_two=COMPARED.format(count=6, factor=1))
    serial = suite.run([], ("--snapshot-update",), {})
    wanted = files(suite.path)
    assert wanted
    for path in suite.path.glob("__snapshots__"):
        shutil.rmtree(path)
    ours = suite.parallel("--snapshot-update", start=start)
    assert_same(serial, ours)
    assert files(suite.path) == wanted and report(ours) == report(serial)
    assert report(suite.parallel(start=start)) == report(suite.serial())
    suite.write(test_one=COMPARED.format(count=3, factor=2))
    serial, ours = suite.serial(), suite.parallel(start=start)
    assert_same(serial, ours)
    assert report(ours) == report(serial) and "unused" in serial.out


def test_pytest_snapshot(suite: Suite, start: str) -> None:
    loading(suite, pytest_snapshot="snapshot")
    text = """
        import pytest

        @pytest.mark.parametrize("n", range(6))
        def test_value(snapshot, n):
            snapshot.snapshot_dir = "kept"
            snapshot.assert_match(str(n * {factor}), f"{{n}}.txt")
    """
    suite.write(test_one=text.format(factor=1))
    suite.parallel("--snapshot-update", start=start)
    assert sorted(path.read_text() for path in (suite.path / "kept").iterdir()) == list("012345")
    assert_same(suite.serial(), suite.parallel(start=start))
    suite.write(test_one=text.format(factor=2))
    assert_same(suite.serial(), suite.parallel(start=start))


def test_regressions(suite: Suite, start: str) -> None:
    loading(suite, pytest_regressions="regressions", pytest_datadir="pytest-datadir")
    text = """
        import pytest

        @pytest.mark.parametrize("n", range(4))
        def test_value(data_regression, n): data_regression.check({"n": n})
    """
    suite.write(test_one=text)
    assert suite.parallel("--force-regen", start=start).status == 1
    assert len(list((suite.path / "test_one").iterdir())) == 4
    assert_same(suite.serial(), suite.parallel(start=start))


def test_inline_snapshot(suite: Suite, start: str) -> None:
    """Its values are written into the modules once all items were heard."""
    loading(suite, inline_snapshot="inline_snapshot")
    empty = """
        import pytest
        from inline_snapshot import snapshot

        def test_new(): assert 1 + 1 == snapshot()

        @pytest.mark.parametrize("n", range(4))
        def test_same(n): assert "same" == snapshot("same")
    """
    suite.write(test_one=empty, test_plain="def test_a(): pass\ndef test_b(): pass\n")
    ours = suite.parallel("--inline-snapshot=create", start=start)
    changed = (suite.path / "test_one.py").read_text()
    suite.write(test_one=empty)
    serial = suite.run([], ("--inline-snapshot=create",), {})
    assert (suite.path / "test_one.py").read_text() == changed and "snapshot(2)" in changed
    assert_same(serial, ours)
