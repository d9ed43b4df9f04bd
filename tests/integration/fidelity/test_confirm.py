"""--confirm-failures tells what only parallel running shows from what fails by itself."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Dict

from suites import Ran, Suite

FAILING = """
    import os, signal
    from pathlib import Path
    import pytest

    SHARED = Path(os.environ["SHARED"])
    state = []

    # On one worker, in this order.
    @pytest.mark.xdist_group("pair")
    class TestPair:
        def test_first(self):
            state.append("left behind")

        def test_second(self):
            assert not state

    # A file outlives processes.
    @pytest.mark.xdist_group("file")
    def test_writes():
        SHARED.write_text("once")

    @pytest.mark.xdist_group("file")
    def test_reads():
        found = SHARED.exists()
        if found:
            SHARED.unlink()
        assert not found

    def test_really_fails():
        assert 0

    @pytest.fixture
    def broken():
        raise ValueError

    def test_error_in_setup(broken): ...

    def test_crashes():
        os.kill(os.getpid(), signal.SIGKILL)

    @pytest.mark.xfail
    def test_xfails():
        assert 0

    @pytest.mark.parametrize("n", range(4))
    def test_passes(n): ...
"""
OF_ORDER = "passes alone: order or shared state"
ALONE_TOO = "fails alone too"


def said(ran: Ran) -> Dict[str, str]:
    """Of each item in the section, what became of it."""
    lines = ran.out.partition("failures run again, each alone")[2].splitlines()
    pairs = (line.split(": ", 1) for line in lines if line.startswith("test_"))
    return {nodeid.rpartition("::")[2]: outcome for nodeid, outcome in pairs}


def confirmed(suite: Suite, start: str, *arguments: str, **environ: str) -> Ran:
    return suite.run(suite.launcher(start, 2, "--confirm-failures"), arguments, environ)


def test_tells_apart(suite: Suite, start: str, tmp_path: Path) -> None:
    xml, shared = tmp_path / "report.xml", str(tmp_path / "shared")
    suite.write(test_some=FAILING)
    without = suite.parallel(start=start, SHARED=shared)
    (tmp_path / "shared").unlink(missing_ok=True)
    ours = confirmed(suite, start, f"--junitxml={xml}", SHARED=shared)
    assert said(ours) == {
        "test_second": OF_ORDER,
        "test_reads": OF_ORDER,
        "test_really_fails": ALONE_TOO,
        "test_error_in_setup": ALONE_TOO,
        "test_crashes": ALONE_TOO,
    }
    # Nothing else is different for it.
    assert (ours.status, ours.summary()) == (without.status, without.summary())
    assert ours.outcomes() == without.outcomes()
    assert "run again" not in without.out
    neighbours = ours.out.partition(f"test_second: {OF_ORDER}")[2].splitlines()[1:3]
    assert neighbours[0].startswith("    before it on gw") and "::test_first" in neighbours[0]
    assert neighbours[1].startswith("    beside it: ")
    assert properties(xml)["test_second"] == OF_ORDER
    assert properties(xml)["test_crashes"] == ALONE_TOO


def properties(path: Path) -> Dict[str, str]:
    cases = ElementTree.parse(path).iter("testcase")
    return {
        case.attrib["name"]: one.attrib["value"]
        for case in cases
        for one in case.iter("property")
        if one.attrib["name"] == "alone"
    }


def test_not_of_a_stopped_run(suite: Suite) -> None:
    suite.write(test_some="def test_fails(): assert 0\ndef test_passes(): pass")
    ours = confirmed(suite, "fork", "-x")
    assert ours.status == 1
    assert not said(ours)


def test_as_many_as_make_sense(suite: Suite) -> None:
    many = """
        import pytest

        @pytest.mark.parametrize("n", range(53))
        def test_fails(n):
            assert 0
    """
    (suite.path / "pytest.ini").write_text("[pytest]\n[schedctl]\nconfirm-failures = yes\n")
    ours = suite.write(test_some=many).parallel(start="fork")
    assert len(said(ours)) == 50
    assert "the first 50 of 53 failures were run again" in ours.out
