"""`pytest -n auto` of its own: who says how many, and what becomes of it without an engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import pytest
from suites import Ran, plugin_path

from .conftest import FAKE_ATTACH, FAKE_ENGINE, Dealt

FOUR = """
    import os, pytest

    @pytest.mark.parametrize("number", range(4))
    def test_one(number):
        pass
"""
SURROUNDED = """
    import os, threading

    SLOT = os.environ.get("SCHEDCTL_SLOT")

    def test_surroundings(request, worker_id):
        assert threading.current_thread() is threading.main_thread()
        number = int(worker_id[2:])
        assert int(os.environ["SCHEDCTL_SLOT"]) == 40 + number
        assert request.config.workerinput["schedctl_slot"] == 40 + number
        assert len(os.sched_getaffinity(0)) == 1
        assert os.environ["GIVEN"] == "to all"
        assert "SCHEDCTL_RUN" not in os.environ
        assert SLOT == os.environ["SCHEDCTL_SLOT"]
"""


def heard(ran: Ran, event: str) -> List[Dict[str, Any]]:
    return [message for message in ran.events if message["event"] == event]


def test_engine_says_how_many(dealt: Dealt) -> None:
    ran = dealt.write(test_some=FOUR).auto("-n", "logical", workers=3)
    assert (ran.status, ran.err) == (0, "")
    assert ran.event("hello")["xdist"] == 0
    assert [node["worker"] for node in heard(ran, "node")] == [0, 1, 2]
    suite = ran.event("suite")
    assert (suite["start"], suite["dist"], len(suite["items"])) == ("xdist", "load", 4)
    assert "scopes" not in suite
    assert sorted(row[0] for message in heard(ran, "ran") for row in message["items"]) == [
        0,
        1,
        2,
        3,
    ]
    assert sorted(node["worker"] for node in heard(ran, "gone")) == [0, 1, 2]
    assert (ran.events[-1]["event"], ran.events[-1]["passed"]) == ("result", 4)


SETTING_UP = """
    import pytest, time

    @pytest.fixture(scope="session")
    def everybody_s():
        time.sleep(0.02)

    @pytest.fixture(scope="module")
    def module_s(everybody_s):
        time.sleep(0.2)

    @pytest.fixture(scope="class")
    def class_s():
        time.sleep(0.3)

    @pytest.fixture
    def own():
        time.sleep(0.1)

    class TestSome:
        def test_one(self, own, module_s, class_s): pass
        def test_two(self, request): request.getfixturevalue("class_s")
"""


def test_what_is_set_up_for_others_is_told_apart(each_version: Dealt) -> None:
    """Sleeping takes as long as it is to, at least: more is the machine's."""
    each_version.write(
        test_some=SETTING_UP,
        conftest="""
            def pytest_runtest_logreport(report):
                assert "schedctl_measured" not in vars(report) or not hasattr(report, "node")
        """,
    )
    ran = each_version.auto(workers=1)
    assert (ran.status, ran.err) == (0, "")
    told = heard(ran, "ran")
    setups = {name: seconds for one in told for name, _, seconds in one.get("setups", ())}
    assert sorted(setups) == ["", "test_some.py", "test_some.py::TestSome"]
    asked = (("", 0.02), ("test_some.py", 0.2), ("test_some.py::TestSome", 0.3))
    assert all(setups[name] >= seconds for name, seconds in asked)
    one, two = sorted(row for message in told for row in message["items"])
    assert one[2] >= 0.1


def test_items_are_without_what_they_set_up_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.xdist.measured import Measured
    from schedctl_pytest.xdist.seconds import Seconds

    told: List[Dict[str, Any]] = []
    seconds = Seconds(lambda **what: told.append(what))
    worker = SimpleNamespace(gateway=SimpleNamespace(id="gw3"))
    phases: List[Any] = [
        ("setup", 2.0, Measured({"": 0.5, "a.py": 1.25}, None)),
        ("call", 0.5, Measured({}, None)),
        ("teardown", 0.125, Measured({}, 0.25)),
    ]
    for when, duration, measured in phases:
        phase = {"nodeid": "a.py::test", "item_index": 7, "node": worker}
        seconds.report(SimpleNamespace(when=when, duration=duration, **phase), measured)
    seconds.finish("a.py::test")
    seconds.flush()
    setups = [("", 3, 0.5), ("a.py", 3, 1.25)]
    assert told == [{"items": [(7, 3, 0.875, 0.25)], "setups": setups}]


def test_what_items_compute_is_told(dealt: Dealt) -> None:
    """By itself: neither what loading their module did nor their fixtures for others are in it."""
    dealt.write(
        test_some="""
            import pytest, time

            def compute(seconds):
                end = time.process_time() + seconds
                while time.process_time() < end:
                    pass

            compute(0.5)

            @pytest.fixture(scope="module")
            def dear():
                compute(0.5)

            @pytest.fixture
            def own():
                compute(0.1)

            def test_one(dear, own): compute(0.1)
            def test_two(): pass
        """
    )
    ran = dealt.auto(workers=1)
    assert (ran.status, ran.err) == (0, "")
    one, two = sorted(row for message in heard(ran, "ran") for row in message["items"])
    assert 0.19 <= one[3] < 0.5 and all(cpu < 0.5 for cpu in two[3:])


def test_of_short_items_nobody_asks_what_they_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Telling it would take longer than they do."""
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.xdist.measured import Worker, take

    worker = Worker()
    for seconds, asked in (0.001, False), (1.0, True), (0.001, False):
        reports = [SimpleNamespace(when=when, duration=seconds) for when in ("call", "teardown")]
        for report in reports:
            worker.pytest_runtest_logreport(report)
        assert [take(report).cpu is not None for report in reports] == [False, asked]


def test_the_controller_and_its_workers_are_as_nice_as_the_lease(dealt: Dealt) -> None:
    nice = max(5, os.getpriority(os.PRIO_PROCESS, 0))
    dealt.write(
        test_some="""
            import os

            def test_one():
                print("nice:", *(os.getpriority(os.PRIO_PROCESS, pid) for pid in (0, os.getppid())))
        """
    )
    assert f"nice: {nice} {nice}\n" in dealt.auto("-rA", nice=nice).out


def test_workers_are_pinned_and_have_a_slot(each_version: Dealt) -> None:
    each_version.write(test_some=SURROUNDED)
    ran = each_version.auto(workers=1, environ={"GIVEN": "to all"})
    assert (ran.status, ran.err) == (0, ""), ran.out


def test_workers_know_the_mark(dealt: Dealt) -> None:
    """They are who collects."""
    tests = """
        import pytest

        @pytest.mark.schedctl(cpus=2)
        def test_marked(): pass
    """
    ran = dealt.write(test_some=tests).auto("--strict-markers")
    assert (ran.status, ran.err) == (0, ""), ran.out


def test_nothing_of_it_stays(dealt: Dealt) -> None:
    """A script may have sessions one after the other."""
    dealt.write(
        test_some=FOUR,
        script="""
            import os, sys, pytest

            before = dict(os.environ), list(sys.path)
            for _ in range(2):
                assert pytest.main(["-q", "-n", "auto", "-p", "recorder"]) == 0
                assert (dict(os.environ), list(sys.path)) == before
        """,
    )
    paths = os.pathsep.join([str(dealt.suite.path.parent), os.environ.get("PYTHONPATH", "")])
    plan = json.dumps({"environ": {"GIVEN": "to all"}})
    environ = {"SCHEDCTL_PROGRAM": str(FAKE_ATTACH), "FAKE_ATTACH": plan, "PYTHONPATH": paths}
    ran = dealt.suite.run([], (), with_plugin(environ), program=("script.py",))
    assert (ran.status, ran.err) == (0, "")
    assert len(heard(ran, "hello")) == 2


def with_plugin(environ: Dict[str, str]) -> Dict[str, str]:
    return {**environ, "PYTHONPATH": plugin_path() + os.pathsep + environ["PYTHONPATH"]}


def test_without_schedctl_in_silence(dealt: Dealt) -> None:
    ran = dealt.write(test_some=FOUR).run("-n", "auto", PATH="/nowhere")
    assert (ran.status, ran.err, ran.events) == (0, "", [])
    assert "4 passed" in ran.out


@pytest.mark.parametrize(
    "plan, reason",
    [
        ({"fail": "no CPUs: the service is full"}, "no CPUs: the service is full"),
        ({"version": 3}, "another version of schedctl answers"),
        ({"drop": "hello"}, "the connection to schedctl closed"),
    ],
)
def test_says_in_one_line_what_fails(dealt: Dealt, plan: Dict[str, Any], reason: str) -> None:
    ran = dealt.write(test_some=FOUR).auto(**plan)
    assert ran.status == 0 and "4 passed" in ran.out
    assert ran.err == f"schedctl: {reason}; pytest-xdist chooses the number of workers\n"


def test_what_it_says_comes_behind_what_was_printed() -> None:
    """Also where both are written to one pipe."""
    script = f"""if True:
        from schedctl_pytest.xdist.attach import Attached

        attached = Attached({str(FAKE_ATTACH)!r})
        print("before")
        attached.close()
    """
    plan = json.dumps({"say": "behind\n"})
    environ = {**os.environ, "PYTHONPATH": plugin_path(), "FAKE_ATTACH": plan}
    environ.pop("PYTHONUNBUFFERED", None)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "before\nbehind\n")


def test_says_that_a_named_program_is_not_there(dealt: Dealt) -> None:
    ran = dealt.write(test_some=FOUR).auto(program="/nowhere/schedctl")
    assert ran.status == 0
    assert ran.err.startswith("schedctl: /nowhere/schedctl: No such file")


@pytest.mark.parametrize("said", ["", '{"workers": 2}\\n'])
def test_a_program_that_is_another(dealt: Dealt, tmp_path: Path, said: str) -> None:
    program = tmp_path / "schedctl"
    program.write_text(f"#!/bin/sh\nprintf '{said}'\nexit 3\n")
    program.chmod(0o755)
    ran = dealt.write(test_some=FOUR).auto(program=str(program))
    assert ran.status == 0 and "4 passed" in ran.out
    assert ran.err.startswith("schedctl: schedctl attach ended with 3;")


@pytest.mark.parametrize(
    "arguments",
    [["--collect-only"], ["-n", "0"], ["-n", "2"], ["--pdb"], ["--help"], ["--markers"]],
)
def test_not_asked(dealt: Dealt, arguments: List[str]) -> None:
    ran = dealt.write(test_some=FOUR).auto(*arguments)
    assert (ran.status, ran.events) == (0, [])


def test_the_user_s_number_wins(dealt: Dealt) -> None:
    dealt.write(test_some=FOUR)
    environ = {"SCHEDCTL_PROGRAM": str(FAKE_ATTACH), "PYTEST_XDIST_AUTO_NUM_WORKERS": "1"}
    ran = dealt.run("-n", "auto", **environ)
    assert (ran.status, ran.events) == (0, [])


def test_the_project_s_number_wins(dealt: Dealt) -> None:
    dealt.write(conftest="def pytest_xdist_auto_num_workers(config): return 1", test_some=FOUR)
    ran = dealt.auto()
    assert (ran.status, ran.events) == (0, [])


def test_maxprocesses(dealt: Dealt) -> None:
    ran = dealt.write(test_some=FOUR).auto("--maxprocesses=1")
    assert ran.event("hello")["settings"] == {"max_workers": 1}
    assert len(heard(ran, "node")) == 1


def test_a_pytest_that_a_test_starts_is_left_alone(dealt: Dealt) -> None:
    dealt.write(
        test_outer="""
            import subprocess, sys

            def test_outer(tmp_path):
                (tmp_path / "test_inner.py").write_text("def test_inner(): pass")
                command = [sys.executable, "-m", "pytest", "-n", "auto", "--rootdir=.", "."]
                subprocess.run(command, cwd=tmp_path, check=True)
        """
    )
    ran = dealt.auto()
    assert ran.status == 0, ran.out
    assert len(heard(ran, "hello")) == 1


def test_a_test_s_own_pytest_below_a_serial_one(dealt: Dealt) -> None:
    """Which nobody but the outer pytest can tell."""
    dealt.write(
        test_outer="""
            def test_outer(pytester):
                pytester.makepyfile("def test_inner(): pass")
                inner = pytester.runpytest_inprocess("-n", "auto", "--maxprocesses=1")
                inner.assert_outcomes(passed=1)
        """
    )
    ran = dealt.run("-p", "pytester", SCHEDCTL_PROGRAM=str(FAKE_ATTACH))
    assert (ran.status, ran.events) == (0, []), ran.out


def test_others_may_ask_how_many(dealt: Dealt) -> None:
    """Once more, where pytest-xdist has, and where it does not."""
    dealt.write(
        conftest="""
            def pytest_configure(config):
                if not hasattr(config, "workerinput"):
                    assert config.hook.pytest_xdist_auto_num_workers(config=config) >= 1
        """,
        test_some=FOUR,
    )
    assert len(heard(dealt.auto(), "hello")) == 1
    program = {"SCHEDCTL_PROGRAM": str(FAKE_ATTACH)}
    assert dealt.run("-n", "0", **program).events == []
    ran = dealt.suite.run(dealt.suite.launcher("auto", 2, "--engine", "xdist"), ("-nauto",), {})
    assert ran.status == 0, ran.out + ran.err


def test_others_ask_before_pytest_xdist(dealt: Dealt) -> None:
    """They hear what it will hear."""
    dealt.write(
        conftest="""
            import pytest

            @pytest.hookimpl(tryfirst=True)
            def pytest_cmdline_main(config):
                if not hasattr(config, "workerinput"):
                    assert config.hook.pytest_xdist_auto_num_workers(config=config) == 3

            def pytest_configure(config):
                assert hasattr(config, "workerinput") or config.option.numprocesses == 3
        """,
        test_some=FOUR,
    )
    ran = dealt.auto(workers=3)
    assert ran.status == 0, ran.out + ran.err
    assert (len(heard(ran, "hello")), len(heard(ran, "node"))) == (1, 3)
    ran = dealt.suite.run(dealt.suite.launcher("auto", 3, "--engine", "xdist"), ("-nauto",), {})
    assert ran.status == 0, ran.out + ran.err


def test_no_directory_for_temporary_files(dealt: Dealt) -> None:
    dealt.write(
        conftest="""
            import tempfile

            def nowhere(*arguments, **options):
                raise FileNotFoundError(2, "nowhere")

            tempfile.TemporaryFile = nowhere
        """,
        test_some=FOUR,
    )
    ran = dealt.auto("-p", "conftest", "--capture=no")
    assert ran.status == 0 and "4 passed" in ran.out
    assert ran.err.startswith("schedctl: no temporary file: nowhere;")


@pytest.mark.parametrize("there", [False, True])
def test_a_run_that_is_of_no_use(dealt: Dealt, there: bool) -> None:
    """pytest-xdist then finds the number that the run has given all of it, not one worker's."""
    dealt.write(
        test_some="""
            import os

            def test_one():
                assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == "3"
        """
    )
    given = {"PYTEST_XDIST_AUTO_NUM_WORKERS": ["3", "1"]}
    environ = {name: run_s for name, (run_s, _) in given.items()}
    environ.update(SCHEDCTL_WORKER_ENV=json.dumps(given), SCHEDCTL_ENGINE="xdist")
    if there:
        command = [sys.executable, str(FAKE_ENGINE), "--pythonpath", plugin_path()]
        ran = dealt.suite.run([*command, "--version", "3", "--"], ("-n", "auto"), environ)
    else:
        ran = dealt.run("-n", "auto", SCHEDCTL_RUN="/nowhere", **environ)
    assert ran.status == 0, ran.out + ran.err
    assert len(ran.err.splitlines()) == 1 and ran.err.endswith("; pytest runs without it\n")


# The first one ends, and the others once the engine has hung up.
GOING_ON = """
    import os, pytest, time

    @pytest.mark.parametrize("number", range(4))
    def test_one(number):
        end = time.monotonic() + 60
        while number and not os.path.exists("sent"):
            assert time.monotonic() < end
            time.sleep(0.01)
"""


@pytest.mark.parametrize("after", ["node", "suite", "ran"])
def test_engine_is_lost(dealt: Dealt, after: str) -> None:
    dealt.write(test_some=GOING_ON)
    ran = dealt.auto(drop=after, sent=str(dealt.suite.path / "sent"))
    assert ran.status == 0 and "4 passed" in ran.out
    lines = ran.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("schedctl: the run is gone")


def test_engine_is_lost_after_the_last_item(dealt: Dealt) -> None:
    """When nobody reads what the link's thread has to say."""
    dealt.write(
        conftest="""
            import os, pathlib, signal, pytest

            @pytest.hookimpl(tryfirst=True)
            def pytest_sessionfinish(session):
                if hasattr(session.config, "workerinput"):
                    return
                for children in pathlib.Path("/proc/self/task").glob("*/children"):
                    for pid in map(int, children.read_text().split()):
                        if b"attach" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                            os.kill(pid, signal.SIGKILL)
                            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        """,
        test_some=FOUR,
    )
    ran = dealt.auto()
    assert ran.status == 0 and "4 passed" in ran.out
    lines = ran.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("schedctl: the run is gone")
