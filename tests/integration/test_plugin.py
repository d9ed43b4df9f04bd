"""What the plugin does at the edges: when it takes part, how it starts workers, how they and it may
end."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List

import pytest

from suites import Ran, Suite, plugin_path

TWENTY = """
    import pytest

    @pytest.mark.parametrize("n", range(20))
    def test_passes(n): pass
"""


@pytest.fixture
def engine() -> str:
    """Most tests here look at what the reporter tells the engine, which the double notes."""
    return "double"


def passed(ran: Ran) -> int:
    return sum(when == "call" and outcome == "passed" for _, when, outcome in ran.outcomes())


# Taking part


def in_charge(ran: Ran) -> str:
    """Why the run was left to others."""
    return str(ran.event("serial")["why"])


@pytest.mark.parametrize("arguments", [["--collect-only"], ["--setup-show"], ["--trace"]])
def test_some_options_stay_serial(suite: Suite, arguments: List[str]) -> None:
    ran = suite.write(test_some=TWENTY).parallel(*arguments)
    assert ran.status == 0
    assert in_charge(ran) == arguments[0]


def test_disabled_by_name(suite: Suite) -> None:
    ran = suite.write(test_some=TWENTY).parallel("-p", "no:schedctl")
    assert (ran.status, passed(ran), ran.events) == (0, 20, [])


def test_unreachable_run_is_said_and_serial(suite: Suite, tmp_path: Path) -> None:
    suite.write(test_some=TWENTY)
    path = plugin_path()
    lost = {
        "SCHEDCTL_RUN": str(tmp_path / "nobody"),
        "SCHEDCTL_PYTHONPATH": path,
        "PYTHONPATH": os.pathsep.join((path, str(tmp_path))),
    }
    ran = suite.serial(**lost)
    assert (ran.status, passed(ran)) == (0, 20)
    assert ran.err.count("\n") == 1 and "cannot be reached" in ran.err


@pytest.mark.parametrize("numbers", [["-n", "auto", "--dist", "load"], ["-n", "2"], []])
def test_an_engine_of_another_version_is_said_once(suite: Suite, numbers: List[str]) -> None:
    pytest.importorskip("xdist")
    suite.write(test_some=TWENTY)
    ran = suite.run(suite.launcher("auto", 2, "--version", "3"), (*numbers,), {})
    assert (ran.status, passed(ran)) == (0, 20)
    assert ran.err.count("\n") == 1 and "(another version of schedctl answers)" in ran.err


def test_inside_a_run_others_are_left_alone(suite: Suite) -> None:
    """A pytest that a test starts is serial and knows nothing of the run; a second session of the
    process takes part."""
    tests = """
        import os, subprocess, sys

        def test_nested(tmp_path):
            (tmp_path / "test_it.py").write_text("def test_it(): pass")
            command = [sys.executable, "-m", "pytest", "-q", str(tmp_path)]
            environ = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            done = subprocess.run(command, stdout=subprocess.PIPE, cwd=tmp_path, env=environ)
            assert done.returncode == 0 and b"1 passed" in done.stdout
            assert b"schedctl" not in done.stdout
    """
    ran = suite.write(test_nested=tests).parallel()
    assert ran.status == 0
    assert len([event for event in ran.events if event.get("event") == "hello"]) == 1


def test_two_sessions_of_one_process(suite: Suite) -> None:
    suite.write(test_some=TWENTY)
    script = "import pytest, sys; sys.exit(pytest.main(['-q']) or pytest.main(['-q']))"
    ran = suite.run(suite.launcher("auto", 2), (), {}, program=("-c", script))
    assert ran.status == 0
    assert len([event for event in ran.events if event.get("event") == "suite"]) == 2


def test_inline_reads_as_serial(suite: Suite) -> None:
    suite.write(test_one="def test_one(): pass", test_two="def test_two(): assert 0")
    serial = suite.serial()
    ours = suite.run(suite.launcher("auto", 2, "--mode", "inline"), (), {})
    assert [record["arg"] for record in ours.events if record.get("record") == "done"] == [0, 1]
    assert timeless(ours.out) == timeless(serial.out)


def timeless(out: str) -> List[str]:
    lines = [re.sub(r" in [\d.]+s=*", "", line).strip("= ") for line in out.splitlines()]
    return [line for line in lines if not line.startswith("plugins:")]


# pytest-xdist


def xdist_installed() -> None:
    pytest.importorskip("xdist")


@pytest.mark.parametrize("choice", ["auto", "logical"])
def test_auto_means_our_workers(suite: Suite, choice: str) -> None:
    xdist_installed()
    ran = suite.write(test_some=TWENTY).parallel("-n", choice)
    assert (ran.status, passed(ran)) == (0, 20)
    assert ran.event("suite")["start"] == "fork"


def test_never_more_than_maxprocesses(suite: Suite) -> None:
    xdist_installed()
    suite.write(test_some=TWENTY)
    (suite.path / "pytest.ini").write_text("[pytest]\n[schedctl]\nmax-workers = 3\n")
    ran = suite.parallel("-n", "auto", "--maxprocesses", "2")
    assert ran.event("hello")["settings"] == {"max_workers": 2}


def test_auto_from_the_ini_file(suite: Suite) -> None:
    xdist_installed()
    (suite.path / "pytest.ini").write_text("[pytest]\naddopts = -n auto\n")
    ran = suite.write(test_some=TWENTY).parallel()
    assert (ran.status, passed(ran), ran.event("suite")["start"]) == (0, 20, "fork")


@pytest.mark.parametrize(
    "asked, arguments", [(2, ["-n", "2"]), (0, ["-n", "auto", "--dist", "load"])]
)
def test_explicit_wishes_stay_with_xdist(suite: Suite, asked: int, arguments: List[str]) -> None:
    xdist_installed()
    ran = suite.write(test_some=TWENTY).parallel(*arguments)
    assert ran.status == 0 and "20 passed" in ran.out
    assert ran.event("hello")["xdist"] == asked
    assert ran.event("suite")["start"] == "xdist"


def test_no_workers_of_xdist_are_wished_for(suite: Suite) -> None:
    xdist_installed()
    ran = suite.write(test_some=TWENTY).parallel("-n", "0")
    assert ran.status == 0 and "20 passed" in ran.out
    assert in_charge(ran) == "-n 0"


# How workers are started


@pytest.mark.parametrize(
    "conftest, reason",
    [
        (
            "import threading\n"
            "threading.Thread(target=threading.Event().wait, daemon=True).start()",
            "thread",
        ),
        ("import socket\nkept = socket.socket()", "socket"),
        (
            "import os\nname = os.environ.get('PYTEST_XDIST_WORKER', 'master')",
            "PYTEST_XDIST_WORKER",
        ),
        ("def pytest_configure(config): hasattr(config, 'workerinput')", "config.workerinput"),
        ("import select\nkept = select.epoll()", "eventpoll"),
    ],
)
def test_unsafe_to_fork(suite: Suite, conftest: str, reason: str) -> None:
    ran = suite.write(conftest=conftest, test_some=TWENTY).parallel()
    assert (ran.status, passed(ran)) == (0, 20)
    assert ran.event("suite")["start"] == "spawn"
    assert reason in ran.event("suite")["why"]


def test_fresh_workers_lack_unstable_ids(suite: Suite) -> None:
    """Ids with addresses match nobody: the reporter runs those."""
    tests = """
        import os, pytest

        @pytest.mark.parametrize("n", range(10))
        def test_stable(n): pass

        @pytest.mark.parametrize("name", [f"at-{os.getpid()}"])
        def test_unstable(name): pass
    """
    ran = suite.write(test_some=tests).parallel(start="spawn")
    assert (ran.status, passed(ran)) == (0, 11)
    assert ran.event("result")["left"] == [10]
    named = ran.out.partition("no worker could run these, which ran in this process:")[2]
    assert named.splitlines()[1].startswith("test_some.py::test_unstable[at-")


def test_workers_are_as_many_as_the_engine_says(suite: Suite, start: str) -> None:
    """More may come than there are at first."""
    tests = """
        import os, pytest

        @pytest.mark.parametrize("n", range(4))
        def test_count(n, request):
            assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == "7"
            assert request.config.workerinput["workercount"] == 7
    """
    suite.write(test_some=tests)
    ran = suite.run(suite.launcher(start, 2, "--count", "7"), (), {})
    assert ran.status == 0 and "4 passed" in ran.out, ran.out


def test_order_of_fresh_workers_may_differ(suite: Suite) -> None:
    """Parametrised over a set of texts: another order in every process."""
    tests = """
        import pytest

        @pytest.mark.parametrize("name", {"one", "two", "three", "four", "five"})
        def test_named(name): pass
    """
    ran = suite.write(test_some=tests).parallel(start="spawn")
    assert (ran.status, passed(ran)) == (0, 5)
    assert len({nodeid for nodeid, _, _ in ran.outcomes()}) == 5


# Ends of workers


@pytest.mark.parametrize(
    "death, cause",
    [
        ("os._exit(3)", "exited with status 3"),
        ("os._exit(0)", "exited with status 0"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL"),
        ("faulthandler._sigsegv()", "was killed by SIGSEGV"),
    ],
)
def test_crash_is_a_failure_of_its_item(suite: Suite, death: str, cause: str, start: str) -> None:
    tests = f"""
        import faulthandler, os, pytest, signal

        @pytest.mark.parametrize("n", range(20))
        def test_some(n):
            if n == 7:
                {death}
    """
    ran = suite.write(test_some=tests).parallel(start=start)
    assert ran.status == 1
    assert ran.failed() == ["test_some.py::test_some[7]"]
    assert passed(ran) == 19
    assert cause in ran.out
    assert ("Segmentation fault" in ran.out) == ("SIGSEGV" in cause)


def test_a_tests_child_that_returns_is_no_worker(suite: Suite, start: str) -> None:
    tests = """
        import os, pytest

        @pytest.mark.parametrize("n", range(6))
        def test_forks(n):
            if n == 1:
                os.fork()
    """
    ran = suite.write(test_some=tests).parallel(start=start)
    assert passed(ran) == 6


def test_exit_by_a_test_ends_the_session(suite: Suite, start: str) -> None:
    tests = """
        import pytest

        @pytest.mark.parametrize("n", range(50))
        def test_some(n):
            if n == 2:
                pytest.exit("enough", returncode=9)
    """
    ran = suite.write(test_some=tests).parallel(start=start)
    assert ran.status == 9
    assert "enough" in ran.out


def test_what_ran_before_an_interrupt_is_measured(suite: Suite, start: str) -> None:
    tests = """
        def test_one(): pass
        def test_two(): pass
        def test_interrupts(): raise KeyboardInterrupt
        def test_never(): pass
    """
    ran = suite.write(test_some=tests).parallel(start=start, w=1)
    assert ran.status == 2
    assert [record["arg"] for record in ran.events if record.get("record") == "done"] == [0, 1]


def test_large_reports(suite: Suite, start: str) -> None:
    tests = """
        def test_large():
            print("x" * (8 << 20))
            assert 0
    """
    ran = suite.write(test_large=tests).parallel("--tb=no", "-rN", "--show-capture=no", start=start)
    assert (ran.status, ran.failed()) == (1, ["test_large.py::test_large"])


# The user's Ctrl-C

ENDLESS = """
    import os, pytest, time

    @pytest.fixture(scope="module", autouse=True)
    def module():
        yield
        with open(os.environ["NOTES"], "a") as file:
            print("down", file=file)

    @pytest.mark.parametrize("n", range(4))
    def test_endless(n):
        with open(os.environ["NOTES"], "a") as file:
            print("up", os.getpid(), file=file)
        while True:
            time.sleep(60)
"""


def interrupt(suite: Suite, start: str, notes: Path, number: int, group: bool) -> Any:
    """Runs ENDLESS, signals pytest (and the rest of its process group) once two workers run."""
    suite.write(test_endless=ENDLESS)
    command = [*suite.launcher(start, 2, "--batch", "1"), sys.executable, "-m", "pytest"]
    process = subprocess.Popen(
        command,
        cwd=suite.path,
        env=suite.environ(NOTES=str(notes)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: notes.exists() and notes.read_text().count("up") == 2)
    reporter = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    if group:
        os.killpg(process.pid, number)
    else:
        os.kill(reporter, number)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def workers(notes: Path) -> List[int]:
    return [int(line.split()[1]) for line in notes.read_text().splitlines() if "up" in line]


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("group", [False, True], ids=["reporter alone", "terminal's group"])
def test_interrupt(suite: Suite, start: str, tmp_path: Path, group: bool) -> None:
    """pytest says so and ends; fixtures were torn down; no worker is left."""
    notes = tmp_path / "notes"
    status, out = interrupt(suite, start, notes, signal.SIGINT, group)
    assert "KeyboardInterrupt" in out
    assert status == 2
    assert notes.read_text().count("down") == 2
    assert all(gone(pid) for pid in workers(notes))


def test_interrupt_while_a_worker_is_forked(suite: Suite) -> None:
    """Python swallows what is raised in a fork's callbacks."""
    conftest = """
        import os, signal

        def interrupted():
            os.kill(os.getpid(), signal.SIGINT)

        os.register_at_fork(after_in_child=interrupted)
    """
    ran = suite.write(conftest=conftest, test_some=TWENTY).parallel(start="fork")
    assert ran.status == 2
    assert "KeyboardInterrupt" in ran.out


def test_interrupt_while_reports_are_relayed(suite: Suite, start: str) -> None:
    """In the midst of a batch: what was shown is not shown again."""
    conftest = """
        def pytest_runtest_logreport(report):
            if report.nodeid.endswith("[7]"):
                raise KeyboardInterrupt
    """
    ran = suite.write(conftest=conftest, test_some=TWENTY).parallel(start=start)
    assert ran.status == 2
    assert "KeyboardInterrupt" in ran.out and "INTERNALERROR" not in ran.out + ran.err
    calls = [nodeid for nodeid, when, _ in ran.outcomes() if when == "call"]
    assert len(calls) == len(set(calls))


def test_killed_reporter_takes_its_workers_along(suite: Suite, start: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    interrupt(suite, start, notes, signal.SIGKILL, group=False)
    wait_until(lambda: all(gone(pid) for pid in workers(notes)))


def test_lines_are_as_wide_as_pytest_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin_path())
    import _pytest._io.terminalwriter
    from schedctl_pytest import compat

    terminalwriter: Any = _pytest._io.terminalwriter
    texts = ["", " ~", "a\tb", "\x1b[0m", "\x7f", "ä", "a\u0301", "\u5bbd", "\u200b"]
    measure = terminalwriter.wcswidth
    expected = [measure(text) for text in texts]
    undo = compat.measure_ascii_at_once()
    assert [terminalwriter.wcswidth(text) for text in texts] == expected
    assert terminalwriter.wcswidth is not measure
    undo()
    assert terminalwriter.wcswidth is measure


def test_passing_reports_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pytest whose reports have an attribute more would take the slow way without a word."""
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.reports import relay

    report = pytest.TestReport("a.py::b", ("a.py", 0, "b"), {}, "passed", None, "call")
    assert relay.is_plain(report, "call")
    assert not relay.is_plain(report, "setup")


# What is shown, and when

SILENT = """
    import os, pytest, time

    def test_fails():
        assert 0

    def test_goes_on_when_that_is_shown():
        until = time.monotonic() + 60
        while not os.path.exists("shown"):
            assert time.monotonic() < until
            time.sleep(0.01)
"""


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_failure_is_shown_while_others_are_silent(suite: Suite, start: str, terminal: bool) -> None:
    suite.write(test_it=SILENT)
    ours, theirs = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen(
        [*suite.launcher(start, 2, "--batch", "1"), sys.executable, "-m", "pytest"],
        cwd=suite.path,
        env=suite.environ(),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
    )
    os.close(theirs)
    shown = b""
    while data := read_any(ours):
        shown += data
        if re.search(rb"test_it.py \S*F", shown):
            (suite.path / "shown").touch()
    os.close(ours)
    assert process.wait() == 1
    assert b"1 failed" in shown and b"1 passed" in shown


def read_any(fd: int) -> bytes:
    """Nothing at the end, which a terminal tells as an error."""
    try:
        return os.read(fd, 1 << 16)
    except OSError:
        return b""


def test_dry_run_only_collects(suite: Suite) -> None:
    """Nothing runs, nothing is remembered of it, and the status is that of a good run."""
    suite.write(test_some="def test_it():\n    raise SystemExit(3)\ndef test_other(): assert 0")
    ran = suite.run(suite.launcher("auto", 2, "--mode", "dry"), ("-p", "recorder"), {})
    assert (ran.status, ran.reports) == (0, [])
    assert ran.summary() == "2 tests collected" and ran.err == ""
    assert ran.event("result")["exit"] == 0
    assert not (suite.path / ".pytest_cache" / "v" / "cache" / "nodeids").exists()
