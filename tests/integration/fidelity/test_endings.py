"""Whatever ends a session, wherever it is raised: the exit status, the message and the place are
those of a serial run."""

from __future__ import annotations

import re
from typing import List, Set

import pytest

from fidelity.compared import both
from suites import Ran, Suite

# One test that ends the run, and nothing else: which others had run is a matter of luck.
RAISING = """
    import pytest, sys

    class Own(BaseException): ...

    class OwnInterrupt(KeyboardInterrupt):
        def __str__(self): return "own"

    class Unspeakable(Exception):
        def __str__(self): raise ValueError

    def end(request=None):
        {ending}

    @pytest.fixture
    def set_up(request):
        {set_up}

    @pytest.fixture
    def tear_down(request):
        yield
        {tear_down}

    @pytest.fixture(scope="session")
    def last(request):
        yield
        {last}

    def test_it(set_up, tear_down, last, request):
        {call}
"""

HOOK = """
    def end():
        raise KeyError("from a hook") from ValueError("the cause")

    def {hook}:
        end()
"""

# The last three of them are called in workers started afresh as well.
HOOKS = [
    "pytest_collection_finish(session)",
    "pytest_runtest_logstart(nodeid)",
    "pytest_runtest_makereport(item)",
    "pytest_runtest_logreport(report)",
    "pytest_terminal_summary(config)",
    "pytest_runtest_protocol(item)",
    "pytest_sessionfinish(session)",
    "pytest_unconfigure(config)",
]

ENDINGS = {
    "interrupt": 'raise KeyboardInterrupt("why")',
    "own interrupt": "raise OwnInterrupt",
    "exit": 'pytest.exit("enough", returncode=9)',
    "plain exit": 'pytest.exit("enough")',
    "signal": "import os, signal; os.kill(os.getpid(), signal.SIGINT); sum(range(10 ** 6))",
    "should stop": 'request.session.shouldstop = "stopped by a test"',
    "should fail": 'request.session.shouldfail = "failed by a test"',
    "system exit": "sys.exit(7)",
    "own": 'raise Own("it")',
    "generator exit": "raise GeneratorExit",
    "unspeakable": "raise Unspeakable",
}


@pytest.fixture
def engine() -> str:
    """Which gives the one test to a worker, however small the suite is."""
    return "double"


def without_paths(text: str) -> str:
    """A serial run of the same files may have been in another folder."""
    return re.sub(r"/\S*/suite/|^INTERNALERROR>", "", text, flags=re.MULTILINE)


def last_words(ran: Ran) -> List[str]:
    """What pytest says of the end: the line of exclamation marks and what follows."""
    lines = [line.strip() for line in without_paths(ran.out).splitlines()]
    first = next((i for i, line in enumerate(lines) if line.startswith("!!!")), len(lines))
    return [line.strip("! ") for line in lines[first:] if not re.search(r" in [\d.]+s", line)]


def assert_ends_alike(serial: Ran, ours: Ran) -> None:
    assert (ours.status, last_words(ours)) == (serial.status, last_words(serial))
    assert ours.outcomes() == serial.outcomes()


def raising(suite: Suite, phase: str, ending: str) -> Suite:
    blanks = dict.fromkeys(("set_up", "tear_down", "last", "call"), "pass")
    return suite.write(test_it=RAISING.format(ending=ending, **{**blanks, phase: "end(request)"}))


@pytest.mark.parametrize("ending", list(ENDINGS))
def test_in_a_test(suite: Suite, ending: str) -> None:
    assert_ends_alike(*both(raising(suite, "call", ENDINGS[ending]), "fork"))


@pytest.mark.parametrize("ending", ["interrupt", "exit", "should stop"])
def test_in_a_fresh_worker(suite: Suite, ending: str) -> None:
    assert_ends_alike(*both(raising(suite, "call", ENDINGS[ending]), "spawn"))


@pytest.mark.parametrize(
    "phase, ending", [("set_up", "exit"), ("tear_down", "interrupt"), ("last", "own")]
)
def test_in_a_fixture(suite: Suite, phase: str, ending: str) -> None:
    assert_ends_alike(*both(raising(suite, phase, ENDINGS[ending]), "fork"))


def internal_error(text: str) -> Set[str]:
    """The user's own lines of pytest's internal errors, or of a traceback, and what was raised. A
    worker that was started afresh has hooks of its own, and says of them what the reporter says."""
    lines = [line.strip() for line in without_paths(text).splitlines()]
    found = set()
    for line, following in zip(lines, [*lines[1:], ""]):
        if "conftest.py" in line:
            found |= {line, following}
        elif re.match(r"\w*Error: ", line):
            found.add(line)
    return found


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook).partition("(")[0])
def test_in_a_hook(suite: Suite, hook: str) -> None:
    assert_hook_ends_alike(suite, "fork", hook)


@pytest.mark.parametrize("hook", HOOKS[-3:], ids=lambda hook: str(hook).partition("(")[0])
def test_in_a_fresh_workers_hook(suite: Suite, hook: str) -> None:
    assert_hook_ends_alike(suite, "spawn", hook)


def test_an_error_that_is_not_made_of_its_arguments(suite: Suite) -> None:
    suite.write(
        conftest="def pytest_runtest_protocol(item): b'\\xff'.decode()",
        test_it="def test_it(): pass",
    )
    serial, ours = both(suite, "fork")
    assert "UnicodeDecodeError: 'utf-8' codec" in serial.out
    assert internal_error(ours.out) == internal_error(serial.out)


def assert_hook_ends_alike(suite: Suite, start: str, hook: str) -> None:
    suite.write(conftest=HOOK.format(hook=hook), test_it="def test_it(): pass")
    serial, ours = both(suite, start)
    assert ours.status == serial.status
    assert internal_error(f"{ours.out}\n{ours.err}") == internal_error(
        f"{serial.out}\n{serial.err}"
    )
    assert ours.outcomes() == serial.outcomes()
