"""schedctl plan: what it predicts of a made history on described machines."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from typing import Any

import pytest

from .conftest import HYBRID, RAPTOR_LAKE, History, Planner

HOUR = 3600
E_SPEED = 3900 / 5125  # of HYBRID's cores, by their frequencies
SMT_GAIN = 0.25

TEXT = """\
{project}: 3 runs, the last one of 10.00 s, 3 h ago

4 tests on 2 workers (CPUs 0,16; 1 P, 1 E)
  tests            9.00 s  bound 9.00 s (100 %)
  whole run        9.75 s  with collection, start and reports, 0.75 s last time
  serially        12.00 s  tests alone, 1.3x
  busy               72 %  of the CPUs' time; 1.31 s are fixtures being set up
  critical         9.00 s  100 % of the time: tests/test_x.py::test_y
  known               4    tests by their times

What would help most:
"""


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-3)


def add_equal(history: History, n: int = 240, seconds: float = 1.0, **columns: Any) -> None:
    for i in range(n):
        history.add(f"tests/test_a.py::test_{i}", seconds, **columns)


def add_long_one(history: History) -> None:
    """One test that decides everything, and three beside it, with a fixture."""
    seen = int(time.time()) - 3 * HOUR - 60
    history.add("tests/test_x.py::test_y", 9.0, seen=seen)
    history.add_group("tests/test_b.py", 1.0)
    for i in range(3):
        history.add(f"tests/test_b.py::test_{i}", 2 / 3, seen=seen)


def test_text(plan: Planner, history: History) -> None:
    add_long_one(history)
    result = plan("--machine", HYBRID, "--cpus", "0,16")
    assert (result.stderr, result.returncode) == ("", 0)
    start, advice = result.stdout[: result.stdout.index("most:\n") + 6], result.stdout.splitlines()
    assert start == TEXT.format(project=plan.project)
    split = "tests/test_x.py::test_y split in two: alone it takes 100 % of the run"
    assert any(line.endswith(split) and " % less (" in line for line in advice)


def test_json(plan: Planner, history: History) -> None:
    add_long_one(history)
    answer = plan.json("--machine", HYBRID, "--cpus", "0,16")
    types = {name: type(value) for name, value in answer.items()}
    assert types == {
        "project": str,
        "runs": int,
        "latest": int,
        "lastWall": float,
        "items": int,
        "known": int,
        "workers": int,
        "pus": list,
        "makespan": float,
        "bound": float,
        "total": float,
        "serial": float,
        "alone": float,
        "setups": float,
        "utilisation": float,
        "critical": dict,
        "advice": list,
        "enough": int,
        "inline": type(None),
    }
    assert answer["makespan"] == answer["bound"] == near(9)
    assert answer["total"] == near(9.75)
    assert answer["serial"] == near(12)
    assert answer["critical"]["id"] == "tests/test_x.py::test_y"
    assert answer["critical"]["share"] == near(1)
    assert answer["pus"] == [
        {"os": 0, "speed": 1.0, "kind": "P"},
        {"os": 16, "speed": near(E_SPEED), "kind": "E"},
    ]
    first = answer["advice"][0]
    assert set(first) == {"what", "id", "saves", "makespan", "items"}
    assert (first["what"], first["id"], first["items"]) == ("split", "tests/test_x.py::test_y", 1)
    assert first["saves"] == near(1 - first["makespan"] / 9)


def test_splitting_the_long_one_halves_the_run(plan: Planner, history: History) -> None:
    history.add("test_a.py::test_long", 100.0)
    history.add("test_a.py::test_short", 0.001)
    answer = plan.json("--machine", HYBRID, "--cpus", "0,2")
    assert [advice["what"] for advice in answer["advice"]] == ["split"]
    assert answer["advice"][0]["saves"] == near(0.5)


def test_nothing_helps_where_nothing_waits(plan: Planner, history: History) -> None:
    add_equal(history, n=4)
    result = plan("--machine", HYBRID, "--cpus", "0,2,4,6")
    assert "No single change would save more than 2 %." in result.stdout
    assert plan.json("--machine", HYBRID, "--cpus", "0,2,4,6")["advice"] == []


@pytest.mark.parametrize(
    ("cpus", "speed"),
    [
        ("0", 1),
        ("0,2,4,6", 4),
        ("0-1", 1 + SMT_GAIN),
        ("16", E_SPEED),
        ("0-23", 8 * (1 + SMT_GAIN) + 8 * E_SPEED),
    ],
)
def test_speeds_are_the_machines(plan: Planner, history: History, cpus: str, speed: float) -> None:
    add_equal(history)
    answer = plan.json("--machine", HYBRID, "--cpus", cpus)
    assert answer["bound"] == near(240 / speed)
    assert answer["bound"] <= answer["makespan"] * 1.0001
    assert answer["makespan"] == pytest.approx(240 / speed, rel=0.1)
    assert answer["serial"] == near(240)


def test_learned_speeds_count(plan: Planner, history: History) -> None:
    add_equal(history)
    row = {"machine": "P 8 x 2, E 8 x 1", "class": "1/1", "ratio": 0.5, "weight": 100, "seen": 0}
    history.insert("speed", row)
    assert plan.json("--machine", HYBRID, "--cpus", "16")["makespan"] == near(480)


def test_workers_are_placed_as_cpus_are_lent(plan: Planner, history: History) -> None:
    """Cores of the fast kind, then those of the slow one, before any second thread."""
    add_equal(history)
    answer = plan.json("--machine", HYBRID, "-w", "10")
    assert answer["workers"] == 10
    assert {pu["os"] for pu in answer["pus"]} == {*range(0, 16, 2), 16, 17}
    assert plan.json("--machine", RAPTOR_LAKE)["workers"] == 20


def test_more_workers_than_cpus_share_them(plan: Planner, history: History) -> None:
    add_equal(history)
    answer = plan.json("--machine", HYBRID, "--cpus", "0,2", "-w", "6")
    assert (answer["workers"], len(answer["pus"])) == (6, 2)
    assert answer["makespan"] == pytest.approx(120, rel=0.05)


def test_the_next_worker_is_advised(plan: Planner, history: History) -> None:
    add_equal(history)
    advice = plan.json("--machine", HYBRID, "-w", "8")["advice"]
    assert [(a["what"], a["pu"]) for a in advice] == [("worker", 16)]
    assert advice[0]["saves"] == pytest.approx(1 - 8 / (8 + E_SPEED), abs=0.03)
    assert "one more worker, on CPU 16 (E)" in plan("--machine", HYBRID, "-w", "8").stdout
    assert [a["what"] for a in plan.json("--machine", HYBRID)["advice"]] == ["core"]


def test_tests_that_wait_do_so_beside_each_other(plan: Planner, history: History) -> None:
    add_equal(history, n=20, seconds=5.0, waits=1.0)
    answer = plan.json("--machine", HYBRID, "--cpus", "0,2")
    assert (answer["makespan"], answer["workers"]) == (near(5), 20)
    assert plan.json("--machine", HYBRID, "--cpus", "0,2", "-w", "2")["makespan"] == near(50)


def test_more_workers_are_advised_where_all_wait(plan: Planner, history: History) -> None:
    add_equal(history, n=64, seconds=5.0, waits=1.0)
    advice = plan.json("--machine", HYBRID, "--cpus", "0,2")["advice"]
    assert {"what": "workers", "workers": 64, "id": None} == {
        key: advice[0][key] for key in ("what", "workers", "id")
    }
    assert advice[0]["makespan"] == near(5)
    assert "--max-workers 64" in plan("--machine", HYBRID, "--cpus", "0,2").stdout


def test_a_dear_fixture_is_advised(plan: Planner, history: History) -> None:
    history.add_group("tests", 0.0, loose=True)
    history.add_group("tests/test_db.py", 4.0, parent="tests")
    for i in range(20):
        history.add(f"tests/test_db.py::test_{i}", 0.1)
    answer = plan.json("--machine", HYBRID, "--cpus", "0")
    assert answer["setups"] == near(4)
    setup = next(advice for advice in answer["advice"] if advice["what"] == "setup")
    assert (setup["id"], setup["times"]) == ("tests/test_db.py", 1)
    assert setup["seconds"] == near(4)
    assert setup["saves"] == near(4 / 6)


def test_the_sessions_fixtures_are_each_workers(plan: Planner, history: History) -> None:
    history.add_group("", 2.0)
    add_equal(history, n=40)
    answer = plan.json("--machine", HYBRID, "--cpus", "0,2,4,6")
    assert answer["makespan"] == near(12)
    setup = next(advice for advice in answer["advice"] if advice["what"] == "setup")
    assert (setup["id"], setup["times"]) == ("", 4)


def test_few_cpus_are_enough_for_one_long_test(plan: Planner, history: History) -> None:
    history.add("test_a.py::test_long", 10.0)
    for i in range(20):
        history.add(f"test_a.py::test_{i}", 0.1)
    assert plan.json("--machine", HYBRID, "-w", "8")["enough"] == 2
    assert "With 2 CPUs it would take as long." in plan("--machine", HYBRID, "-w", "8").stdout


def test_a_schedule_has_every_test_once(plan: Planner, history: History) -> None:
    history.add_group("tests/test_b.py", 0.5)
    for i in range(60):
        history.add(f"tests/test_{'ab'[i % 2]}.py::test_{i}", 0.1 + i / 50)
    answer = plan.json("--machine", HYBRID, "-w", "5", "--schedule")
    schedule = answer["schedule"]
    assert len({entry["id"] for entry in schedule}) == len(schedule) == 60
    last_end: dict[int, float] = defaultdict(float)
    for entry in schedule:
        assert entry["begin"] >= last_end[entry["worker"]] - 1e-9
        last_end[entry["worker"]] = entry["end"]
        assert entry["pu"] in {0, 2, 4, 6, 8} and entry["reason"]
    first = min(entry["begin"] for entry in schedule)
    assert answer["makespan"] == near(max(last_end.values()) - first)
    text = plan("--machine", HYBRID, "-w", "5", "--schedule").stdout
    assert [f"gw{n}" for n in range(5)] == [x for x in text.splitlines() if x.startswith("gw")]
    assert all(entry["id"] in text for entry in schedule)


def test_patterns_choose_tests(plan: Planner, history: History) -> None:
    for name in ("a/test_x.py::test_1[p]", "a/test_x.py::test_2", "b/test_x.py::T::test_1[q]"):
        history.add(name, 1.0)
    for patterns, n in (
        (["a"], 2),
        (["a/test_x.py::test_1"], 1),
        (["*::test_1[[]*", "*[q]"], 1),
        (["b", "a/test_x.py"], 3),
    ):
        assert plan.json("--machine", HYBRID, *patterns)["items"] == n
    assert "2 of its 3 tests are meant" in plan("--machine", HYBRID, "a").stdout
    result = plan("--machine", HYBRID, "c")
    assert (result.stdout, result.returncode) == ("", 1)
    assert "none of the 3 tests" in result.stderr


def test_unknown_times_are_guessed(plan: Planner, history: History) -> None:
    add_equal(history, n=9, seconds=2.0)
    history.add("tests/test_a.py::test_lost", 0.0, samples=0, outcome=4)
    answer = plan.json("--machine", HYBRID, "--cpus", "0")
    assert (answer["items"], answer["known"]) == (10, 9)
    assert answer["makespan"] == near(20)
    assert "9    tests by their times; 1 guessed" in plan("--machine", HYBRID).stdout


def test_deleted_tests_are_not_planned(plan: Planner, history: History) -> None:
    add_equal(history, n=5)
    history.add("tests/test_a.py::test_gone", 100.0, run=1)
    history.execute("UPDATE project SET whole_run = 2")
    answer = plan.json("--machine", HYBRID, "--cpus", "0")
    assert answer["items"] == 5


@pytest.mark.parametrize(
    ("n", "seconds", "cpus", "why"),
    [
        (1, 5.0, "0,2", "one test"),
        (9, 5.0, "0", "one CPU"),
        (9, 0.001, "0,2", "too short to gain"),
        (9, 5.0, "0,2", None),
    ],
)
def test_what_a_run_leaves_to_pytest_is_said(
    plan: Planner, history: History, n: int, seconds: float, cpus: str, why: str | None
) -> None:
    add_equal(history, n=n, seconds=seconds)
    assert plan.json("--machine", HYBRID, "--cpus", cpus)["inline"] == why
    text = plan("--machine", HYBRID, "--cpus", cpus).stdout
    assert ("would leave these to pytest itself" in text) == bool(why)


def test_a_run_without_workers_says_nothing_of_their_cost(plan: Planner, history: History) -> None:
    """All of it was serial then; what comes before the tests is still known."""
    add_equal(history, n=8)
    history.execute("UPDATE project SET wall = 9.0, serial = 9.0, collection = 0.5")
    assert plan.json("--machine", HYBRID, "--cpus", "0,2")["total"] == near(4 + 0.5 + 0.015)


def test_ids_cannot_drive_the_terminal(plan: Planner, history: History) -> None:
    history.add("test_a.py::test_\033[31m\n", 1.0)
    assert "\033" not in plan("--machine", HYBRID, "--schedule").stdout
    assert plan.json("--machine", HYBRID)["critical"]["id"] == "test_a.py::test_\033[31m\n"


def add_random(history: History, dice: random.Random) -> int:
    """Modules with fixtures and without, in a package or not, of tests that wait and compute."""
    groups = dice.choice([0, 1, 3, 12])
    if dice.random() < 0.5:
        history.add_group("t", dice.random(), loose=True)
    for n in range(groups):
        setup = dice.choice([0, 0.01, 0.3, 2])
        history.add_group(f"t/test_{n}.py", setup, parent=dice.choice(["", "t"]))
    if dice.random() < 0.3:
        history.add_group("", dice.choice([0.1, 1.0]))
    items = dice.choice([2, 5, 30, 120])
    for n in range(items):
        seconds = dice.choice([0.0, 0.0001, 0.02, 0.3]) * dice.lognormvariate(0, 1)
        unknown = {"samples": 0, "outcome": 4} if dice.random() < 0.05 else {}
        waits = dice.choice([0, 0, 0, 0.5, 0.95, 1.0])
        history.add(f"t/test_{dice.randrange(groups + 1)}.py::test_{n}", seconds, waits, **unknown)
    return items


@pytest.mark.parametrize("seed", range(12))
def test_random_suites(plan: Planner, history: History, seed: int) -> None:
    """Whatever the suite and the CPUs, a plan holds together."""
    dice = random.Random(seed)
    items = add_random(history, dice)
    arguments: list[str] = []
    if dice.random() < 0.5:
        arguments += ["-w", dice.choice(["1", "2", "8", "30"])]
    if dice.random() < 0.5:
        arguments += ["--cpus", dice.choice(["0", "0-1", "0,2", "0-5", "0,1,16"])]
    machine = dice.choice([HYBRID, RAPTOR_LAKE])
    answer = plan.json("--machine", machine, "--schedule", *arguments)
    assert len({entry["id"] for entry in answer["schedule"]}) == len(answer["schedule"]) == items
    assert answer["bound"] <= answer["makespan"] + 1e-6 * answer["bound"] + 1e-4
    assert 0 <= answer["utilisation"] <= 1 + 1e-6
    assert 1 <= answer["enough"] <= len(answer["pus"])
    saves = [advice["saves"] for advice in answer["advice"]]
    assert saves == sorted(saves, reverse=True) and all(0.02 < share <= 1 for share in saves)
