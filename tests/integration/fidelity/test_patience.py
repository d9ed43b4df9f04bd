"""--item-timeout: who hangs, however it hangs, is a failed item with the stacks of its process, and
everything else is as without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict

import pytest

from suites import Ran, Suite, plugin_path

HANGING = """
    import ctypes, os, signal, threading, time
    import pytest

    def for_ever():
        print("said before")
        while True:
            pass

    def test_loops():
        for_ever()

    def test_sleeps():
        time.sleep(1000)

    def test_waits_for_a_lock():
        lock = threading.Lock()
        lock.acquire()
        threading.Thread(target=lock.acquire, name="other", daemon=True).start()
        lock.acquire()

    def test_sleeps_in_c():
        ctypes.PyDLL(None).sleep(1000)  # with the interpreter's lock held

    def test_ignores_signals():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for_ever()

    def test_blocks_signals():
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        for_ever()

    def test_stops():
        os.kill(os.getpid(), signal.SIGSTOP)

    def test_catches_everything():
        while True:
            try:
                for_ever()
            except BaseException:
                pass

    @pytest.fixture
    def set_up(): for_ever()

    def test_set_up(set_up): ...

    @pytest.fixture
    def tear_down():
        yield
        for_ever()

    def test_tear_down(tear_down): ...

    def test_hook(): ...

    @pytest.mark.parametrize("n", range(20))
    def test_passes(n): ...
"""

HANGING_HOOK = """
    import time

    def pytest_runtest_call(item):
        if item.name == "test_hook":
            time.sleep(1000)
"""

# What each of them is seen doing; the last two cannot be made to say.
STACKS = {
    "test_loops": "in for_ever",
    "test_sleeps": "in test_sleeps",
    "test_waits_for_a_lock": "in test_waits_for_a_lock",
    "test_sleeps_in_c": "in test_sleeps_in_c",
    "test_ignores_signals": "in for_ever",
    "test_catches_everything": "in for_ever",
    "test_set_up": "in set_up",
    "test_tear_down": "in tear_down",
    "test_hook": "in pytest_runtest_call",
    "test_blocks_signals": "no stacks",
    "test_stops": "no stacks",
}


# So long the kernel may keep a worker waiting without a test that passes being taken for one that
# hangs.
SECONDS = 2


def hung(suite: Suite, start: str, workers: int, *arguments: str) -> Ran:
    limit = ("--item-timeout", str(SECONDS))
    return suite.run(suite.launcher(start, workers, *limit), arguments, {})


def failures(out: str) -> Dict[str, str]:
    """The text of each failed item."""
    parts = re.split(r"^_{3,} (?:ERROR at \w+ of )?(\w+) _{3,}$", out, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def test_every_way_to_hang(suite: Suite, start: str) -> None:
    suite.write(test_hangs=HANGING, conftest=HANGING_HOOK)
    ran = hung(suite, start, len(STACKS), "-rN")
    assert ran.status == 1
    assert sorted(name.partition("::")[2] for name in ran.failed()) == sorted(STACKS)
    assert ran.summary() == f"{len(STACKS)} failed, 20 passed"
    told = failures(ran.out)
    for name, stack in STACKS.items():
        assert f"exceeded --item-timeout of {SECONDS} s" in told[name], name
        assert stack in told[name], name
    assert told["test_waits_for_a_lock"].lower().count("thread 0x") == 2
    for name in ("test_loops", "test_set_up", "test_tear_down", "test_blocks_signals"):
        assert "Captured stdout" in told[name] and "said before" in told[name], name


LEAVING = """
    import threading, time
    import pytest

    @pytest.fixture(scope="session")
    def session():
        yield
        time.sleep(1000)

    def test_last(session): ...
"""


def test_session_fixtures_are_the_last_items(suite: Suite, start: str) -> None:
    ran = hung(suite.write(test_last=LEAVING), start, 1, "-rN")
    assert (ran.status, ran.failed()) == (1, ["test_last.py::test_last"])
    assert "in session" in failures(ran.out)["test_last"]


def test_a_thread_that_never_ends(suite: Suite, start: str) -> None:
    """Nobody's failure: a serial run would hang after its last word."""
    tests = """
        import threading, time

        def for_ever():
            time.sleep(1000)

        def test_leaves_a_thread():
            threading.Thread(target=for_ever).start()
    """
    ran = hung(suite.write(test_thread=tests), start, 1)
    assert (ran.status, ran.summary()) == (0, "1 passed")
    assert f"gw0's end exceeded --item-timeout of {SECONDS} s" in ran.err
    assert "in for_ever" in ran.err


def test_what_the_reporter_runs_itself(suite: Suite) -> None:
    """As far as an alarm reaches."""
    suite.engine = "double"
    tests = """
        import time

        def test_sleeps(): time.sleep(1000)
        def test_passes(): ...
    """
    suite.write(test_here=tests)
    ran = suite.run(suite.launcher("auto", 2, "--mode", "inline", "--item-timeout", "1"), (), {})
    assert (ran.status, ran.failed()) == (1, ["test_here.py::test_sleeps"])
    assert "Failed: exceeded --item-timeout of 1 s" in ran.out
    assert "def test_sleeps(): time.sleep(1000)" in ran.out


def test_waiting_does_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The reporter sleeps until the earliest moment at which somebody can be late."""
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.reporter import patience
    from schedctl_pytest.reports import deal
    from schedctl_pytest.worker import own

    state = deal.State(str(tmp_path), 3)
    watch = patience.Patience(3600.0, str(tmp_path))
    worker = type("Handle", (), {"number": 3})()
    assert watch.wait_ms([worker]) == 3_600_000
    state.set(5, 0.0)
    assert watch.wait_ms([worker]) == 3_600_000
    state.set(5, own.Own.clock() - 3000.0)
    assert watch.wait_ms([worker]) <= 600_000
    state.clear()
    assert watch.wait_ms([worker]) == 3_600_000
    assert watch.gone(worker) is None
