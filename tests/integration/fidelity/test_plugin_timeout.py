"""pytest-timeout: an item that takes too long fails, and by the thread method its process ends."""

from __future__ import annotations

import pytest

from fidelity.compared import assert_same
from fidelity.plugins import loading
from suites import Suite

# Whoever does not hang has no limit: a second may pass on a busy machine.
HANGING = """
    import threading, pytest
    {mark}

    def test_hangs(): threading.Event().wait()

    @pytest.mark.timeout(0)
    @pytest.mark.parametrize("n", range(6))
    def test_quick(n): pass
"""


@pytest.fixture
def hanging(suite: Suite) -> Suite:
    return loading(suite, pytest_timeout="timeout")


def test_by_signal(hanging: Suite, start: str) -> None:
    """By a mark, by the command line and by the ini file."""
    marked = "@pytest.mark.timeout(0.5)\n    def test_marked(): threading.Event().wait()"
    hanging.write(test_one=HANGING.format(mark=marked))
    (hanging.path / "pytest.ini").write_text("[pytest]\ntimeout = 1\n")
    serial = hanging.serial()
    ours = hanging.parallel(start=start)
    assert_same(serial, ours)
    assert ours.out.count("Timeout") == serial.out.count("Timeout")


def test_by_thread(hanging: Suite, start: str) -> None:
    """It calls os._exit: a serial run is over, and here only the item is lost with its worker."""
    hanging.write(test_one=HANGING.format(mark=""))
    ours = hanging.parallel("--timeout=1", "--timeout-method=thread", start=start)
    assert ours.failed() == ["test_one.py::test_hangs"]
    assert ours.summary() == "1 failed, 6 passed" and ours.status == 1
    assert "threading.Event().wait()" in ours.out + ours.err  # its dump of all stacks
