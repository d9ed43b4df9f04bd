"""pytest-xdist's world: what other projects see of workers, compared with a run of pytest-xdist's
own workers, with it installed and without."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any, Dict, List

import pytest

from suites import Ran, Suite

NOTES = """
    import json, os

    def note(**what):
        with open(os.environ["NOTES"], "a") as file:
            file.write(json.dumps(what) + "\\n")

    def text(spec):
        # The newest execnet names its execution model first.
        return str(spec).rpartition("/")[2]

    def about(node):
        spec = node.gateway.spec
        return {"id": node.gateway.id, "spec": text(spec), "spec_id": spec.id, "popen": spec.popen,
                "chdir": spec.chdir, "input": sorted(node.workerinput),
                "uid": node.nodemanager.testrunuid == node.workerinput["testrunuid"],
                "count": node.workerinput["workercount"], "text": str(node)}
"""

HOOKS = """
    from notes import about, note, text

    def pytest_xdist_setupnodes(config, specs):
        note(hook="setupnodes", specs=[[spec.id, text(spec)] for spec in specs])

    def pytest_xdist_newgateway(gateway):
        note(hook="newgateway", id=gateway.id, spec=gateway.spec.id)

    def pytest_configure_node(node):
        node.workerinput["colour"] = "blue"
        note(hook="configure", **about(node))

    def pytest_testnodeready(node):
        note(hook="ready", info=sorted(node.workerinfo), info_id=node.workerinfo["id"],
             cwd=node.workerinfo["cwd"], **about(node))

    def pytest_xdist_node_collection_finished(node, ids):
        note(hook="collected", id=node.gateway.id, ids=sorted(ids))

    def pytest_testnodedown(node, error):
        note(hook="down", error=error, **about(node))
        if "items" in node.workeroutput:
            of_newer = {"shouldfail", "shouldstop"}
            note(output=sorted(of_newer.union(node.workeroutput)), ran=node.workeroutput["items"])
        assert node.workeroutput["exitstatus"] in (0, 1)

    def pytest_handlecrashitem(crashitem, report, sched):
        note(hook="crash", item=crashitem)
"""

SEEN = """
    import os
    import pytest
    from notes import about, note, text

    if {installed}:
        from xdist import get_xdist_worker_id, is_xdist_controller, is_xdist_worker
    else:
        is_xdist_worker = lambda session: hasattr(session.config, "workerinput")
        is_xdist_controller = lambda session: not is_xdist_worker(session)
        get_xdist_worker_id = lambda session: getattr(
            session.config, "workerinput", {{"workerid": "master"}})["workerid"]

    def roles(session):
        return [is_xdist_worker(session), is_xdist_controller(session)]

    @pytest.fixture(scope="session", autouse=True)
    def seen(request, worker_id, testrun_uid):
        config = request.config
        given = config.workerinput
        names = sorted(name for name in os.environ if name.startswith("PYTEST_XDIST"))
        note(seen=names, worker=worker_id == os.environ["PYTEST_XDIST_WORKER"] == given["workerid"],
             uid=testrun_uid == os.environ["PYTEST_XDIST_TESTRUNUID"] == given["testrunuid"],
             count=os.environ["PYTEST_XDIST_WORKER_COUNT"], given=sorted(given),
             colour=given["colour"], argv=type(given["mainargv"]).__name__,
             roles=roles(request.session),
             name=get_xdist_worker_id(request) == worker_id,
             options=[config.getoption(name, None) for name in ("dist", "numprocesses", "tx")])

    @pytest.fixture(autouse=True)
    def collected(request):
        yield
        request.config.workeroutput.setdefault("items", []).append(request.node.name)

    def pytest_sessionfinish(session):
        if not hasattr(session.config, "workerinput"):
            note(reporter=roles(session), name=get_xdist_worker_id(session))
"""

TESTS = """
    import pytest

    @pytest.mark.parametrize("n", range(8))
    def test_each(n): ...

    def test_fails():
        assert 0
"""

OF_XDIST = ("-n2", "-p", "no:schedctl")
NO_NUMBERS = {"SCHEDCTL_COUNTS": "0"}  # which a run's programs are given to count by


def notes(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def seen(path: Path) -> "tuple[List[str], List[str]]":
    """What was noted, each once, and what the workers ran by their own account."""
    ran, others = [], set()
    for one in notes(path):
        ran += one.pop("ran", [])
        if one:
            others.add(json.dumps(one, sort_keys=True))
    return sorted(others), sorted(ran)


def prepared(suite: Suite, installed: bool) -> Suite:
    return suite.write(
        notes=NOTES, conftest=HOOKS + SEEN.format(installed=installed), test_some=TESTS
    )


def test_same_as_under_xdist(suite: Suite, start: str, tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    prepared(suite, installed=True)
    given = suite.run([], OF_XDIST, {"NOTES": str(theirs)})
    ran = suite.parallel(start=start, w=2, NOTES=str(ours), **NO_NUMBERS)
    assert (ran.status, sorted(ran.failed())) == (given.status, sorted(given.failed()))
    assert seen(ours) == seen(theirs)


# Asks as pytest's manual tells projects to.
GUARDED = """
    from notes import about, note, text

    def pytest_configure(config):
        if config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(Hooks())

    class Hooks:
{hooks}
"""
NOT_LOADED = "fork", ["-p", "schedctl_pytest.plugin"], {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
SWITCHED_OFF: Any = "spawn", ["-p", "no:xdist"], {}


@pytest.mark.parametrize(
    "start, arguments, environ", [NOT_LOADED, SWITCHED_OFF], ids=["not loaded", "switched off"]
)
def test_same_without_xdist(
    suite: Suite, start: str, arguments: List[str], environ: Any, tmp_path: Path
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    pytest.importorskip("xdist")
    hooks = HOOKS.replace("    def pytest", "    @staticmethod\n    def pytest")
    prepared(suite, installed=False)
    suite.write(
        conftest=GUARDED.format(hooks=textwrap.indent(hooks, "    ")) + SEEN.format(installed=False)
    )
    given = suite.run([], OF_XDIST, {"NOTES": str(theirs)})
    ran = suite.parallel(*arguments, start=start, w=2, NOTES=str(ours), **NO_NUMBERS, **environ)
    assert (ran.status, sorted(ran.failed())) == (given.status, sorted(given.failed()))
    assert seen(ours) == seen(theirs)


def test_others_hear_that_xdist_is_absent(suite: Suite, start: str) -> None:
    """A plugin that prepares no workers means something else by its question."""
    suite.write(
        conftest="""
        import pytest

        def pytest_configure(config):
            assert not config.pluginmanager.hasplugin("xdist")
            assert not hasattr(config.option, "numprocesses")

        def pytest_collection_modifyitems(items):
            items[0].add_marker(pytest.mark.xdist_group("one"))
        """,
        test_some="""
        import pytest

        @pytest.mark.xdist_group(name="two")
        def test_marked(request):
            assert not request.config.pluginmanager.hasplugin("xdist")

        def test_plain(): ...
        """,
    )
    ran = suite.parallel("-p", "no:xdist", "--strict-markers", start=start)
    assert ran.status == 0, ran.out
    assert not ran.warnings


CRASHES = """
    import os, pathlib
    import pytest

    def pytest_handlecrashitem(crashitem, report, sched):
        again = pathlib.Path(os.environ["ONCE"])
        if crashitem.endswith("[once]") and again.read_text() == "x":
            sched.mark_test_pending(crashitem)
            report.outcome = "rerun"
            report.longrepr = report.longrepr.upper()

    def pytest_report_teststatus(report):
        if report.outcome == "rerun":
            return "rerun", "R", "RERUN"
"""
CRASHING = """
    import os
    import pytest

    @pytest.mark.parametrize("how", ["once", "always"])
    def test_crashes(how):
        with open(os.environ["ONCE"] + ("" if how == "once" else how), "a+") as file:
            file.write("x")
            file.flush()
            file.seek(0)
            if how == "always" or file.read() == "x":
                os._exit(3)

    @pytest.mark.parametrize("n", range(6))
    def test_passes(n): ...
"""


def test_a_crashed_item_runs_again_where_a_plugin_wants_it(
    suite: Suite, start: str, tmp_path: Path
) -> None:
    pytest.importorskip("xdist")
    suite.write(conftest=CRASHES, test_some=CRASHING)
    theirs = suite.run([], OF_XDIST, {"ONCE": str(tmp_path / "theirs")})
    ours = suite.parallel(start=start, ONCE=str(tmp_path / "ours"))
    assert ours.status == theirs.status == 1
    assert outcomes(ours) == outcomes(theirs)
    assert "1 failed, 7 passed, 1 rerun" in ours.out
    assert (tmp_path / "oursalways").read_text() == "x"


def outcomes(ran: Ran) -> List[Any]:
    """Of calls; xdist reports a dead worker's item with a phase of its own."""
    calls = (report for report in ran.reports if report[1] in ("call", "???"))
    return sorted((nodeid, outcome) for nodeid, _, outcome, *_ in calls)


def test_rerunfailures_runs_a_crashed_item_again(suite: Suite, tmp_path: Path) -> None:
    """A forked worker tells it how often. (Workers started afresh do so through its own socket,
    where Debian's version waits for ever for what a dead one has to say.)"""
    pytest.importorskip("xdist")
    pytest.importorskip("pytest_rerunfailures")
    suite.load("rerunfailures").write(test_some=CRASHING)
    ours = suite.parallel("--reruns", "1", start="fork", ONCE=str(tmp_path / "ours"))
    assert "1 failed, 7 passed, 2 rerun" in ours.out


def test_who_asks_through_xdist_keeps_workers_from_being_forked(suite: Suite) -> None:
    pytest.importorskip("xdist")
    suite.write(
        conftest="""
        import xdist

        def pytest_sessionstart(session):
            session.config.role = xdist.get_xdist_worker_id(session)
        """,
        test_some="""
        def test_role(request, worker_id):
            assert request.config.role == worker_id

        def test_other(): ...
        """,
    )
    ran = suite.run(suite.launcher("auto", 2, "--verbose"), (), {})
    assert ran.status == 0, ran.out
    assert "conftest.py:5 reads config.workerinput" in ran.err
