"""What the controller deals: in the engine's order, scopes whole, outcomes as pytest-xdist's."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Set

import pytest
from suites import Ran, Suite

from .conftest import Dealt
from .test_auto import heard

SCOPED = """
    import pytest

    class Test{name}:
        def test_a(self): pass
        def test_b(self): pass
        @pytest.mark.xdist_group("one")
        def test_c(self): pass

    @pytest.mark.xdist_group("one")
    def test_d(): pass

    @pytest.mark.parametrize("text", ["a@b", "c", "d"])
    def test_e(text): pass
"""
# Each notes in the order in which it begins which worker it runs in. So many of the first as PAIRS
# says go on by twos; those that WAIT names once the engine has sent what it is to send, and then
# once the worker LATE has begun a test.
NOTING = """
    import os, pytest, time

    NAMES = "a b c d e f g h".split()
    PAIRS = int(os.environ.get("PAIRS", 0))
    WAIT, LATE = os.environ.get("WAIT", ""), os.environ.get("LATE", "")

    def begun():
        with open(os.environ["NOTES"]) as file:
            return [line.split() for line in file]

    def wait_until(happened):
        end = time.monotonic() + 60
        while not happened():
            assert time.monotonic() < end
            time.sleep(0.01)

    @pytest.mark.parametrize("name", NAMES)
    def test_one(name, worker_id):
        with open(os.environ["NOTES"], "a") as file:
            file.write(f"{name} {worker_id}\\n")
        place = begun().index([name, worker_id])
        if place < PAIRS:
            wait_until(lambda: len(begun()) >= place - place % 2 + 2)
        if name in WAIT:
            wait_until(lambda: os.path.exists("sent"))
            wait_until(lambda: not LATE or LATE in dict(begun()).values())
        time.sleep(0.03)
"""
# In the controller: takes what the engine has sent for sent only once that is obeyed.
OBEYING = """
    from schedctl_pytest.xdist.scheduler import SchedctlScheduling as Scheduling

    def retire(self, gateway, obey=Scheduling.retire):
        obey(self, gateway)
        open("sent", "w").close()

    Scheduling.retire = retire
"""
MIXED = """
    import os, pytest

    @pytest.mark.parametrize("number", range(6))
    def test_passes(number): print("said")
    def test_fails(): assert 0
    def test_dies(): os._exit(3)
    @pytest.mark.skip
    def test_skipped(): pass
    @pytest.mark.xfail
    def test_expected(): assert 0
    @pytest.fixture
    def broken(): raise RuntimeError
    def test_error(broken): pass
    @pytest.fixture
    def late():
        yield
        raise RuntimeError
    def test_late(late): pass
"""


def workers_of(ran: Ran) -> Dict[str, str]:
    """By item, from -v."""
    lines = re.findall(r"^\[(gw\d+)\].*(?:PASSED|FAILED) (\S+)", ran.out, re.MULTILINE)
    return {nodeid: worker for worker, nodeid in lines}


def notes(dealt: Dealt, environ: Dict[str, str], **plan: Any) -> List[List[str]]:
    """Name and worker of each test, in the order in which they began. environ: NOTING's."""
    path = dealt.suite.path / "notes"
    plan["environ"] = {"NOTES": str(path), **environ}
    plan.setdefault("sent", str(dealt.suite.path / "sent"))
    ran = dealt.write(test_some=NOTING).auto(**plan)
    assert ran.status == 0 and "[100%]" in ran.out, ran.out + ran.err
    return [line.split() for line in path.read_text().splitlines()]


@pytest.mark.parametrize("dist", ["loadscope", "loadfile", "loadgroup"])
def test_scopes_stay_whole(dealt: Dealt, dist: str) -> None:
    """The engine is told which belong together, and one worker has all of them."""
    files = {f"test_{name}": SCOPED.format(name=name.upper()) for name in "xyz"}
    dealt.write(**files)
    ran = dealt.auto("--dist", dist, "-v")
    assert ran.status == 0
    suite, workers = ran.event("suite"), workers_of(ran)
    assert suite["dist"] == dist
    assert all(nodeid.endswith(("]", "a", "b", "c", "d")) for nodeid in suite["items"])
    scopes: Dict[int, Set[str]] = {}
    by_plain_id = {re.sub(r"@\w+$", "", nodeid): worker for nodeid, worker in workers.items()}
    for item, scope in zip(suite["items"], suite["scopes"]):
        scopes.setdefault(scope, set()).add(by_plain_id[item])
    assert all(len(found) == 1 for found in scopes.values())
    wanted = {"loadscope": 6, "loadfile": 3, "loadgroup": 3 * (2 + 3) + 1}
    assert len(scopes) == wanted[dist]


@pytest.mark.parametrize("dist", ["load", "loadgroup"])
def test_outcomes_are_pytest_xdist_s(dealt: Dealt, dist: str) -> None:
    """But that by scopes pytest-xdist runs an item again and again that kills its worker."""
    suite = MIXED if dist == "load" else MIXED.replace("os._exit(3)", "assert 0")
    dealt.write(test_some=suite)
    plain = dealt.plain("--dist", dist)
    ours = dealt.auto("--dist", dist)
    assert sorted(ours.outcomes()) == sorted(plain.outcomes())
    assert (ours.status, ours.summary()) == (plain.status, plain.summary())


def test_an_item_that_dies_fails_once(each_version: Dealt) -> None:
    ran = each_version.write(test_some=MIXED).auto("--dist", "loadscope")
    assert ran.status == 1
    assert "2 failed, 7 passed, 1 skipped, 1 xfailed, 2 errors" in ran.summary()
    assert len(heard(ran, "node")) == 3
    assert heard(ran, "node")[2]["worker"] == 2
    failed = ran.event("result")["failed_items"]
    items = [ran.event("suite")["items"][item].rpartition("::")[2] for item in failed]
    assert sorted(items) == ["test_dies", "test_error", "test_fails", "test_late"]


def test_in_the_engine_s_order(dealt: Dealt) -> None:
    order = [f"test_one[{name}]" for name in "hgfedcba"]
    seconds = {name: 8 - place for place, name in enumerate(order)}
    begun = [name for name, _ in notes(dealt, {"PAIRS": "4"}, order=order, seconds=seconds)]
    assert set(begun[:2]) == {"h", "g"}
    assert begun.index("f") < begun.index("d")


@pytest.mark.parametrize("option, order", [([], "zyx"), (["--no-loadscope-reorder"], "xyz")])
def test_the_user_wants_the_collection_s_order(suite: Suite, option: List[str], order: str) -> None:
    dealt = Dealt(suite, "3.8")
    dealt.write(**{f"test_{name}": f"def test_{name}(): pass" for name in "xyz"})
    names = [f"test_{name}" for name in "zyx"]
    ran = dealt.auto("--dist=loadfile", *option, workers=1, order=names, seconds={"test_x": 9})
    called = [nodeid for nodeid, when, *_ in ran.reports if when == "call"]
    assert called == [f"test_{name}.py::test_{name}" for name in order]


def test_what_an_item_took_has_its_subtests_in_it(dealt: Dealt) -> None:
    if dealt.version == "2.5":
        pytest.skip("no subtests there")
    dealt.suite.load("subtests")
    dealt.write(
        conftest="""
            import os, pytest

            def pytest_runtest_logreport(report):
                if type(report) is pytest.TestReport and hasattr(report, "node"):
                    with open(os.environ["NOTES"], "a") as file:
                        file.write(f"{report.duration!r}\\n")
        """,
        test_some="""
            import time

            def test_parts(subtests):
                with subtests.test("one"):
                    time.sleep(0.1)
        """,
    )
    path = dealt.suite.path / "notes"
    ran = dealt.auto(environ={"NOTES": str(path)})
    assert ran.status == 0, ran.out + ran.err
    ((_, _, seconds, *_),) = ran.event("ran")["items"]
    own = sum(map(float, path.read_text().split()))
    assert 0 < seconds < own + 0.05  # less than the subtest besides


def test_stops_at_a_failure(dealt: Dealt) -> None:
    dealt.write(
        test_some="""
            import pytest

            @pytest.mark.parametrize("number", range(200))
            def test_some(number):
                assert number != 3
        """
    )
    ran = dealt.auto("-x")
    assert ran.status == 2 and "stopping after 1 failures" in ran.out
    assert ran.event("result")["failed"] == 1


def test_no_worker_is_restarted(dealt: Dealt) -> None:
    ran = dealt.write(test_some=MIXED).auto("--max-worker-restart=0")
    assert ran.status == 1
    assert "worker restarting disabled" in ran.out
    assert len(heard(ran, "node")) == 2


def test_crashed_items_run_again_for_who_asks(dealt: Dealt) -> None:
    dealt.write(
        conftest="""
            def pytest_handlecrashitem(crashitem, report, sched):
                sched.mark_test_pending(crashitem)
                report.outcome = "rerun"
        """,
        test_some="""
            import os, pathlib, pytest

            HERE = pathlib.Path(__file__).parent

            def test_dies_once():
                if not (HERE / "died").exists():
                    (HERE / "died").touch()
                    os._exit(1)

            @pytest.mark.parametrize("number", range(5))
            def test_other(number): pass
        """,
    )
    ran = dealt.auto("--dist", "loadfile")
    assert ran.status == 0, ran.out
    assert "6 passed" in ran.summary()


def test_collections_that_differ(dealt: Dealt) -> None:
    dealt.write(
        test_some="""
            import os, pytest

            @pytest.mark.parametrize("who", [os.environ.get("PYTEST_XDIST_WORKER")])
            def test_one(who): pass
        """
    )
    plain, ours = dealt.plain(), dealt.auto()
    assert ours.status == plain.status == 1
    assert "Different tests were collected between gw" in ours.out
    assert ours.summary() == plain.summary()


@pytest.mark.parametrize("dist", ["load", "each"])
def test_nothing_to_run(dealt: Dealt, dist: str) -> None:
    dealt.write(test_some="x = 1")
    plain, ours = dealt.plain("--dist", dist), dealt.auto("--dist", dist)
    assert (ours.status, ours.summary()) == (plain.status, plain.summary())
    assert len(heard(ours, "suite")) == 1


def test_a_worker_ends_when_its_cpu_is_wanted(dealt: Dealt) -> None:
    dealt.write(conftest=OBEYING)
    begun = notes(dealt, {"WAIT": "cdefgh"}, end=[1, 1], sent="/dev/null")
    assert sorted(name for name, _ in begun) == list("abcdefgh")
    workers = [worker for _, worker in begun]
    assert workers.count("gw1") < 4


def test_the_last_worker_stays(dealt: Dealt) -> None:
    assert len(notes(dealt, {"WAIT": "cdefgh"}, workers=1, end=[0, 1])) == 8


def test_more_workers(each_version: Dealt) -> None:
    """One that comes later has collected what others run, too."""
    seconds = {f"test_one[{name}]": 90 for name in "abcdefgh"}  # so that it is worth it
    environ = {"WAIT": "cdefgh", "LATE": "gw1"}
    without = ["test_one[a]"]
    begun = notes(each_version, environ, workers=1, more=[1, 1], seconds=seconds, without=without)
    assert {worker for _, worker in begun} == {"gw0", "gw1"}


@pytest.mark.parametrize("way", ["no process", "no worker in it"])
def test_a_further_worker_that_cannot_be_had(dealt: Dealt, way: str) -> None:
    dealt.write(
        conftest=f"""
            import errno, execnet, os, pytest

            def fail():
                with open(os.environ["NOTES"], "a") as file:
                    file.write("none gw1\\n")  # what tests wait for
                raise OSError(errno.EAGAIN, "no more of it")

            class Group(execnet.Group):
                def makegateway(self, spec=None):
                    return super().makegateway(spec) if len(self) == 0 else fail()

            if {way!r} == "no process":
                execnet.Group = Group

            @pytest.hookimpl(trylast=True)
            def pytest_configure_node(node):
                if node.gateway.id == "gw1":
                    fail()
        """
    )
    path = dealt.suite.path / "notes"
    seconds = {f"test_one[{name}]": 90 for name in "abcdefgh"}  # so that it is worth it
    environ = {"NOTES": str(path), "WAIT": "cdefgh", "LATE": "gw1"}
    plan: Dict[str, Any] = {"workers": 1, "more": [3, 1], "seconds": seconds, "environ": environ}
    ran = dealt.write(test_some=NOTING).auto(**plan, sent=str(dealt.suite.path / "sent"))
    assert ran.status == 0 and ran.summary() == "8 passed", ran.out + ran.err
    assert ran.err == "schedctl: no further worker: [Errno 11] no more of it\n"
    nodes = [node["worker"] for node in heard(ran, "node")]
    assert nodes == ([0] if way == "no process" else [0, 1])
    assert sorted(node["worker"] for node in heard(ran, "gone")) == nodes


def test_what_others_run_is_deselected(dealt: Dealt) -> None:
    dealt.write(test_some=NOTING)
    without = ["test_one[a]", "test_one[d]"]
    path = dealt.suite.path / "notes"
    ran = dealt.auto(without=without, environ={"NOTES": str(path)})
    assert ran.summary() == "6 passed, 2 deselected"
    assert "[100%]" in ran.out


def test_dry(dealt: Dealt) -> None:
    ran = dealt.write(test_some=MIXED).auto(mode="dry")
    assert (ran.status, ran.reports) == (0, [])


def test_workers_with_the_user_s_own_names_are_left_alone(dealt: Dealt) -> None:
    """The engine hears neither of them nor of what they ran."""
    dealt.write(test_some=MIXED.replace("os._exit(3)", "pass"))
    plain = dealt.plain()
    arguments = ("--dist=load", "--tx=popen//id=mine", "--tx=popen")
    ran = dealt.suite.run(dealt.suite.launcher("auto", 2), arguments, {})
    assert ran.outcomes() == plain.outcomes()
    assert "is gone" not in ran.err


OWN = """
    from xdist.scheduler import LoadScheduling

    def pytest_xdist_make_scheduler(config, log):
        return LoadScheduling(config, log)
"""


@pytest.mark.parametrize("dist, conftest", [("each", ""), ("load", OWN), ("worksteal", "")])
def test_other_schedulers_keep_the_items(dealt: Dealt, dist: str, conftest: str) -> None:
    """Workers are pinned all the same, and seconds are kept."""
    if dist == "worksteal" and dealt.version != "3.8":
        pytest.skip("this version has none")
    dealt.write(conftest=conftest, test_some=MIXED.replace("os._exit(3)", "pass"))
    ran = dealt.auto("--dist", dist)
    assert (ran.status, ran.err) == (1, "")
    assert ran.event("suite")["dist"] == dist
    assert len(heard(ran, "node")) == 2
    rows = [row for message in heard(ran, "ran") for row in message["items"]]
    assert len(rows) == (24 if dist == "each" else 12)


def test_rerunfailures(suite: Suite) -> None:
    """Which has an item run again that has killed its worker, too."""
    dealt = Dealt(suite.load("rerunfailures"), "3.8")
    dealt.write(
        test_some="""
            import os, pathlib

            HERE = pathlib.Path(__file__).parent

            def test_flaky():
                (HERE / "tries").open("a").write("x")
                assert len((HERE / "tries").read_text()) == 3

            def test_dies_once():
                if not (HERE / "died").exists():
                    (HERE / "died").touch()
                    os._exit(1)
        """
    )
    ran = dealt.auto("--reruns=3")
    assert ran.status == 0, ran.out
    assert ran.summary() == "2 passed, 3 rerun"
