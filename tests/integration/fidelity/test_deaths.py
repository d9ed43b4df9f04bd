"""Tests that end or cut off their worker: each is a failure of its own, says how, and costs nobody
else's result."""

from __future__ import annotations

from typing import Dict

from fidelity.compared import assert_same, both
from suites import Suite

DYING = """
    import atexit, ctypes, os, pytest, signal

    @pytest.mark.parametrize("name", ["KILL", "TERM", "HUP", "USR1", "ABRT", "RTMAX"])
    def test_signal(name):
        if name == "HUP":
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup has it ignore
        os.kill(os.getpid(), getattr(signal, "SIG" + name))
        signal.pause()

    @pytest.mark.parametrize("status", [0, 7])
    def test_exits(status):
        os._exit(status)

    def test_segfault():
        ctypes.string_at(0)

    @pytest.fixture
    def dies():
        os._exit(1)

    def test_set_up(dies): ...

    @pytest.fixture
    def dies_later():
        yield
        os._exit(1)

    def test_tear_down(dies_later): ...

    def test_closes_everything():
        os.closerange(3, 100_000)

    @pytest.mark.parametrize("n", range(20))
    def test_passes(n): ...
"""

CAUSES: Dict[str, str] = {
    "test_signal[KILL]": "was killed by SIGKILL",
    "test_signal[TERM]": "was killed by SIGTERM",
    "test_signal[HUP]": "was killed by SIGHUP",
    "test_signal[USR1]": "was killed by SIGUSR1",
    "test_signal[ABRT]": "Fatal Python error: Aborted",
    "test_signal[RTMAX]": "was killed by SIGRTMAX",
    "test_exits[0]": "exited with status 0",
    "test_exits[7]": "exited with status 7",
    "test_segfault": "Fatal Python error: Segmentation fault",
    "test_set_up": "exited with status 1",
    "test_tear_down": "exited with status 1",
    "test_closes_everything": "It closed the file descriptors by which its worker reports",
}


def test_every_way_to_die(suite: Suite, start: str) -> None:
    suite.write(test_it=DYING)
    ours = suite.parallel("--capture=sys", start=start, w=3)
    assert sorted(nodeid.partition("::")[2] for nodeid in ours.failed()) == sorted(CAUSES)
    assert ours.summary() == f"{len(CAUSES)} failed, 20 passed"
    texts = ours.out.split("\n____")
    for name, cause in CAUSES.items():
        assert cause in next(text for text in texts if text.startswith("_") and f" {name} " in text)


# pytest's plugins that keep descriptors open until the end break a serial run.
QUIET = ["--capture=sys", "-p", "no:logging", "-p", "no:faulthandler"]

CLOSING = """
    import os, pytest

    @pytest.mark.parametrize("n", range(4))
    def test_closes(n):
        os.closerange(3, 256)

    def test_after(): ...
"""


def test_closing_the_usual_descriptors(suite: Suite, start: str) -> None:
    """As daemons do; a worker's own are out of the way."""
    assert_same(*both(suite.write(test_it=CLOSING), start, *QUIET))


EXITS = """
    import atexit, os, tempfile, threading, weakref
    import multiprocessing, multiprocessing.util

    def note(text):
        with open(os.environ["NOTES"], "a") as file:
            print(text, file=file)

    kept = tempfile.TemporaryDirectory()
    atexit.register(note, "reporter's")

    def test_inherits():
        assert os.path.isdir(kept.name)

    def test_registers(request):
        atexit.register(note, "registered")

    class Thing: ...

    def test_finalizes():
        global thing
        thing = Thing()
        weakref.finalize(thing, note, "finalized")

    def test_leaves_a_thread():
        done = threading.Event()
        threading.Timer(0.1, note, ["thread"]).start()

    def test_leaves_a_process():
        process = multiprocessing.get_context("fork").Process(target=note, args=["process"])
        process.start()
"""


def test_what_is_left_to_the_exit(suite: Suite, start: str) -> None:
    """Exit functions, finalizers, threads and processes that tests leave behind are run and waited
    for; the reporter's are its own."""
    notes = suite.path / "notes"
    ours = suite.write(test_it=EXITS).parallel(start=start, NOTES=str(notes))
    assert (ours.status, ours.summary().split(",")[0]) == (0, "5 passed")
    lines = notes.read_text().splitlines()
    expected = ["finalized", "process", "registered", "thread"]
    assert sorted(line for line in lines if line != "reporter's") == expected
    assert lines.count("reporter's") == (1 if start == "fork" else lines.count("reporter's"))


def test_ends_that_nobody_is_told_of(suite: Suite, start: str) -> None:
    """A suite that ignores SIGCHLD from its beginning has no wait statuses."""
    conftest = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
    tests = """
        import os, pytest

        @pytest.mark.parametrize("n", range(8))
        def test_it(n):
            if n == 3:
                os._exit(3)
    """
    ours = suite.write(conftest=conftest, test_it=tests).parallel(start=start)
    assert (ours.summary(), ours.failed()) == ("1 failed, 7 passed", ["test_it.py::test_it[3]"])
