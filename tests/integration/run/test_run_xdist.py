"""The engine's side of suites that pytest-xdist deals, with a scripted controller."""

from __future__ import annotations

import sys
from typing import List, Set

import pytest

from .conftest import BUILD, Runs, needs_two_cpus
from .scripted_service import CPUS
from .test_run_protocol import PREFACE, Scripts


@pytest.fixture
def scripts(runs: Runs) -> Scripts:
    return Scripts(runs)


def test_workers_are_pinned(scripts: Scripts) -> None:
    """One a CPU where the engine says how many; and those beyond float."""
    chosen, pinned, where, extra, float_where = scripts.play(
        """
controller = Controller(0)
print(json.dumps(controller.workers))
pinned = [controller.node(number) for number in range(controller.workers)]
print(json.dumps(pinned))
print(json.dumps([controller.pus(number) for number in range(controller.workers)]))
extra = controller.node(controller.workers)
print(json.dumps(extra))
print(json.dumps(controller.pus(controller.workers)))
controller.plan(["a.py::a"])
controller.ran([0, 0, 0.5])
controller.finish()
"""
    )
    assert chosen == len(CPUS)
    assert sorted(sum(where, [])) == CPUS
    assert [said["pus"] for said in pinned] == [str(pus[0]) for pus in where]
    assert len({said["slot"] for said in [*pinned, extra]}) == chosen + 1
    assert float_where == CPUS
    assert scripts.summary["mode"] == "xdist" and scripts.summary["done"] == 1
    assert f"1 test on {chosen + 1} xdist workers" in scripts.stderr
    assert scripts.history() == {"a.py::a": 0.5}


@needs_two_cpus
def test_an_exact_number(scripts: Scripts) -> None:
    """More than CPUs: one each, and the others float. It is neither more nor less."""
    (workers, pus) = scripts.play(
        f"""
controller = Controller({len(CPUS) + 2})
print(json.dumps(controller.workers))
print(json.dumps([controller.node(n)["pus"] for n in range(controller.workers)]))
controller.plan(["a.py::a", "a.py::b"])
controller.ran([0, 0, 0.5], [1, 1, 0.25])
controller.finish()
"""
    )
    assert workers == len(CPUS) + 2
    assert sorted(map(int, pus[:-2])) == CPUS
    assert pus[-1] == pus[-2] != pus[0]


@needs_two_cpus
def test_fewer_workers_than_cpus_below_a_shell(scripts: Scripts) -> None:
    """What is of no use to a suite is nobody else's either where there is nobody else."""
    (scripts.runs.directory / "script.py").write_text(
        PREFACE
        + """
controller = Controller(1)
controller.node(0)
controller.plan(["a.py::a"])
controller.ran([0, 0, 0.5])
controller.finish()
"""
    )
    shell = ("sh", "-c", f"'{sys.executable}' script.py; true")
    ran = scripts.runs.run("--", *shell)
    assert ran.returncode == 0 and "1 test on 1 xdist worker" in ran.stderr, ran.stderr


def test_only_processes_of_its_own_are_moved(scripts: Scripts) -> None:
    """A gateway on another machine has a number that means somebody else here."""
    (pinned, where) = scripts.play(
        """
controller = Controller(2)
def tell(pid):
    controller.send("node", worker=tell.number, pid=pid)
    tell.number += 1
    return controller.receive("pinned")["pus"]
tell.number = 0
print(json.dumps([tell(os.getppid()), tell(1), tell(os.getpid()), tell(4194304)]))
print(json.dumps([sorted(os.sched_getaffinity(pid)) for pid in (0, os.getppid())]))
controller.plan(["a.py::a"])
controller.finish()
"""
    )
    assert pinned == [None] * 4
    assert where == [CPUS] * 2


@needs_two_cpus
def test_no_pin(scripts: Scripts) -> None:
    (pus, where) = scripts.play(
        """
controller = Controller(2)
print(json.dumps(controller.node(0)["pus"]))
print(json.dumps(controller.pus(0)))
controller.plan(["a.py::a"])
controller.finish()
""",
        "--no-pin",
    )
    assert (pus, where) == (None, CPUS)


@needs_two_cpus
def test_a_cpu_that_cannot_be_used(scripts: Scripts) -> None:
    refused = max(CPUS)
    library = scripts.runs.directory / "refuse-pu.so"  # LD_PRELOAD takes no path with a space
    library.symlink_to(BUILD / "tests" / "refuse-pu.so")
    scripts.runs.environment.update(
        LD_PRELOAD=str(library), REFUSED_PU=str(refused), ASAN_OPTIONS="verify_asan_link_order=0"
    )
    (pinned,) = scripts.play(
        """
controller = Controller(2)
print(json.dumps([controller.node(0)["pus"], controller.node(1)["pus"]]))
controller.plan(["a.py::a"])
controller.finish()
"""
    )
    assert str(refused) not in pinned


ITEMS = ["a.py::A::x", "a.py::A::y[p::q]", "a.py::z", "b.py::x"]


def test_history_orders_the_next_run(scripts: Scripts) -> None:
    script = f"""
controller = Controller(2)
controller.node(0)
print(json.dumps(controller.plan({ITEMS})))
setups = [["a.py::A", 0, 0.125], ["", 0, 0.25], ["c.py", 0, 9]]
controller.ran([0, 0, 0.5], [1, 0, 2.0, 2.0], setups=setups)
controller.ran([2, 0, 1.0], [3, 0, 4.0])
controller.finish()
"""
    (first,) = scripts.play(script)
    assert sum(first, []) == [0, 1, 2, 3]
    (second,) = scripts.play(script)
    assert sum(second, []) == [3, 0, 1, 2]  # the class's set-up is worth keeping it together
    assert scripts.summary["estimated"] == 4
    assert scripts.history() == dict(zip(ITEMS, (0.5, 2.0, 1.0, 4.0)))
    groups = scripts.ask("SELECT id, parent, setup FROM fixture_group ORDER BY id")
    assert groups == [
        ("", "", 0.25),
        ("a.py", "", -1),
        ("a.py::A", "a.py", 0.125),
        ("b.py", "", -1),
    ]
    # What nobody measured is no wait.
    assert scripts.ask("SELECT cpu FROM item ORDER BY position") == [(-1,), (2.0,), (-1,), (-1,)]


def test_waiting_for_a_cpu_is_not_the_item_s(scripts: Scripts) -> None:
    """Of two workers a CPU each gets half of one. These are on another machine, as far as anybody
    can see: of others the kernel knows better."""
    scripts.play(
        f"""
controller = Controller({2 * len(CPUS)})
for number in range({2 * len(CPUS)}):
    controller.send("node", worker=number, pid=1)
    controller.receive("pinned")
controller.plan(["a", "b"])
controller.ran([0, 0, 2.0, 1.0])
controller.ran([1, 0, 2.0])
controller.finish()
"""
    )
    assert scripts.history() == {"a": pytest.approx(1), "b": 2}


def test_our_own_workers_and_xdist_share_history(scripts: Scripts) -> None:
    scripts.play(
        """
reporter = Reporter()
reporter.suite(["a.py::x", "a.py::y"])
workers = [reporter.start(), reporter.start()]
for worker, seconds in zip(workers, (1.0, 3.0)):
    worker.work(seconds)
for worker in workers:
    reporter.exited(worker)
reporter.receive("finished")
reporter.result()
""",
        "-w",
        2,
    )
    scripts.play(
        """
controller = Controller(1)
controller.node(0)
controller.plan(["a.py::x", "a.py::y"])
controller.ran([0, 0, 2.0], [1, 0, 2.0])
controller.finish()
"""
    )
    assert scripts.summary["estimated"] == 2
    for _, wall, cpu in scripts.ask("SELECT id, wall, cpu FROM item"):
        assert cpu == pytest.approx(wall)  # as the first one measured it


SHARED = [f"{file}.py::{name}" for file in "ab" for name in "abcdefghijkl"]


def test_a_shard(scripts: Scripts) -> None:
    """Its items keep the controller's numbers. Those of others count for nothing: with them there
    would be too much to do for somebody to wait for it."""
    script = f"""
controller = Controller(1)
controller.node(0)
controller.send("suite", items={SHARED}, dist="load", start="xdist")
plan = controller.receive("plan")
units = sum(plan["units"], [])
print(json.dumps([units, plan["shard"]["dealt"]]))
controller.ran(*([item, 0, 1.0 + item] for item in units))
others = [item for item in range({len(SHARED)}) if item not in units]
controller.finish(failed_items=[units[-1], others[-1]], skipped_items=[])
"""
    dealt: List[int] = []
    failed: Set[str] = set()
    for shard in ("1/2", "2/2"):
        ((units, n),) = scripts.play(script, "--shard", shard)
        assert len(units) == n == scripts.summary["shard"]["dealt"] < 20
        assert (scripts.summary["items"], scripts.summary["priority"]) == (n, "interactive")
        dealt += units
        failed.add(SHARED[units[-1]])
    assert sorted(dealt) == list(range(len(SHARED)))
    assert scripts.history() == {name: 1.0 + item for item, name in enumerate(SHARED)}
    assert {name for (name,) in scripts.ask("SELECT id FROM item WHERE outcome > 1")} == failed
    groups = scripts.ask("SELECT id FROM fixture_group ORDER BY id")
    assert groups == [("",), ("a.py",), ("b.py",)]


def test_what_is_another_shard_s_cannot_have_run(scripts: Scripts) -> None:
    (line,) = scripts.play(
        f"""
controller = Controller(1)
controller.node(0)
controller.send("suite", items={SHARED}, dist="load", start="xdist")
units = sum(controller.receive("plan")["units"], [])
controller.ran([next(item for item in range({len(SHARED)}) if item not in units), 0, 1.0])
try:
    controller.receive()
except EOFError:
    print(json.dumps("closed"))
""",
        "--shard",
        "1/2",
    )
    assert line == "closed"


def test_scopes_of_a_shard(scripts: Scripts) -> None:
    """However high their numbers are."""
    scopes = [item // 4 + len(SHARED) - 6 for item in range(len(SHARED))]
    dealt: List[int] = []
    for shard in ("1/2", "2/2"):
        (units,) = scripts.play(
            f"""
controller = Controller(2)
controller.node(0)
print(json.dumps(controller.plan({SHARED}, "loadscope", scopes={scopes})))
controller.finish()
""",
            "--shard",
            shard,
        )
        assert [len(unit) for unit in units] == [4] * len(units)
        assert all(len({scopes[item] for item in unit}) == 1 for unit in units)
        dealt += sum(units, [])
    assert sorted(dealt) == list(range(len(SHARED)))


def test_dry_run(scripts: Scripts) -> None:
    (scripts.runs.directory / "script.py").write_text(
        PREFACE
        + """
controller = Controller(1)
controller.node(0)
controller.send("suite", items=["a", "b"], dist="load", start="xdist")
assert controller.receive("plan")["mode"] == "dry"
controller.gone(0, finished=True)
controller.send("held")
controller.receive("held")  # it is still there
"""
    )
    ran = scripts.runs.run("--dry-run", "--", sys.executable, "script.py")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("2 tests on 1 worker")
    of_two = [dry_shard(scripts, f"{shard}/2") for shard in (1, 2)]
    assert all(said.startswith("1 test on 1 worker") for said in of_two)
    assert [[name in said.split() for name in ("a", "b")] for said in of_two] in (
        [[True, False], [False, True]],
        [[False, True], [True, False]],
    )
    of_three = [dry_shard(scripts, f"{shard}/3") for shard in (1, 2, 3)]
    assert sum(said == "0 tests run by pytest itself: no tests\n" for said in of_three) == 1


def dry_shard(scripts: Scripts, shard: str) -> str:
    ran = scripts.runs.run("--dry-run", "--shard", shard, "--", sys.executable, "script.py")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_scopes_stay_whole(scripts: Scripts) -> None:
    (units,) = scripts.play(
        """
controller = Controller(2)
controller.node(0)
print(json.dumps(controller.plan(["a", "b", "c", "d"], "loadgroup", scopes=[1, 0, 1, 2])))
controller.finish()
"""
    )
    assert units == [[0, 2], [1], [3]]


@pytest.mark.parametrize(
    "message",
    [
        'send("node", worker=0)',
        'send("node", worker=-1, pid=1)',
        'send("node", worker=65535, pid=1)',
        'send("node", worker="gw0", pid=1)',
        'node(0); controller.send("node", worker=0, pid=1)',
        'send("gone", worker=0)',
        'node(0); controller.send("gone", worker=0, finished=1)',
        'send("ran", items=[])',
        'send("suite", items=["a"])',
        'send("suite", items=["a"], dist="load", scopes=[1])',
        'send("suite", items=["a"], dist="load", scopes=[-1])',
        'send("suite", items=["a", 1], dist="load")',
        'plan(["a"]); controller.send("suite", items=["a"], dist="load")',
        'plan(["a"]); controller.ran([0, 0, 1.0])',
        'node(0); controller.plan(["a"]); controller.ran([1, 0, 1.0])',
        'node(0); controller.plan(["a"]); controller.ran([0, 1, 1.0])',
        'node(0); controller.plan(["a"]); controller.ran([0, 0, -1.0])',
        'node(0); controller.plan(["a"]); controller.ran([0, 0])',
        'node(0); controller.plan(["a"]); controller.ran(setups=[["", 7, 1.0]])',
        'node(0); controller.plan(["a"]); controller.ran(setups=[[0, 0, 1.0]])',
        'send("started", worker=0, pid=1)',
        'send("confirm", item=0)',
        'result(); controller.send("confirm", item=0)',
        'result(); controller.send("node", worker=0, pid=1)',
    ],
)
def test_what_cannot_be_ends_the_connection(scripts: Scripts, message: str) -> None:
    (line,) = scripts.play(
        f"""
controller = Controller(2)
controller.{message}
try:
    controller.receive()
except EOFError:
    print(json.dumps("closed"))
"""
    )
    assert line == "closed"


@pytest.mark.parametrize("asked", ["-1", "4097", '"2"', "1.5"])
def test_numbers_that_cannot_be_asked_for(scripts: Scripts, asked: str) -> None:
    (line,) = scripts.play(
        f"""
try:
    Controller({asked})
except EOFError:
    print(json.dumps("closed"))
Reporter()
"""
    )
    assert line == "closed"


@pytest.mark.parametrize("event", ["node", "gone", "ran"])
def test_other_suites_have_no_nodes(scripts: Scripts, event: str) -> None:
    (line,) = scripts.play(
        f"""
reporter = Reporter()
reporter.send("{event}", worker=0, pid=1, items=[])
try:
    reporter.receive()
except EOFError:
    print(json.dumps("closed"))
"""
    )
    assert line == "closed"
