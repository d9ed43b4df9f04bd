"""What nodes leave besides JUnit files: shards that are there or not, histories, coverage."""

from __future__ import annotations

import itertools
import json
import shlex
import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Place

MARKED = """<testsuites><testsuite name="pytest" tests="{n}"><properties>
<property name="schedctl.shard" value="{index}/{count}"/>
<property name="schedctl.tests" value="{tests}"/><property name="schedctl.dealt" value="{dealt}"/>
<property name="schedctl.collection" value="{collection}"/>
<property name="schedctl.split" value="{split}"/></properties>{cases}</testsuite></testsuites>
"""


def shard(place: Place, index: int, names: str, name: str = "", **more: Any) -> str:
    """A shard of three that ran these tests, a letter each, of nine."""
    cases = "".join(f'<testcase classname="t" name="{letter}"/>' for letter in names)
    facts: dict[str, Any] = dict(
        count=3, tests=9, dealt=3, collection="c0", split="5p", n=len(names)
    )
    text = MARKED.format(index=index, cases=cases, **{**facts, **more})
    return place.write(name or f"nodes/{index}.xml", text).name


def complaints(place: Place) -> list[str]:
    return [str(text) for text in place.facts("nodes", status=3)["problems"]]


def test_all_shards_are_there(place: Place) -> None:
    for index, names in enumerate(["abc", "def", "ghi"], 1):
        shard(place, index, names)
    facts = place.facts("--junit", "all.xml", "nodes")
    assert facts["complete"] and facts["missing"] == [] and facts["never"] == 0
    assert [(s["index"], s["count"], s["dealt"]) for s in facts["shards"]] == [
        (i, 3, 3) for i in (1, 2, 3)
    ]
    marks = [
        p.get("value")
        for p in place.tree("all.xml").iter("property")
        if p.get("name") == "schedctl.shard"
    ]
    assert marks == ["1/3", "2/3", "3/3"]

    # What was joined can be joined to others.
    place.merge("--junit", "first.xml", "nodes/1.xml", "nodes/3.xml", status=3)
    facts = place.facts("--junit", "again.xml", "first.xml", "nodes/2.xml")
    assert facts["complete"] and [s["index"] for s in facts["shards"]] == [1, 2, 3]
    assert place.cases("again.xml") == place.cases("all.xml")
    assert place.facts("first.xml", status=3)["missing"] == ["2/3"]


def test_a_shard_is_missing(place: Place) -> None:
    shard(place, 1, "abc")
    shard(place, 3, "ghi")
    done = place.schedctl("merge", "--junit", "all.xml", "nodes")
    assert done.returncode == 3
    assert (
        done.stderr
        == "schedctl merge: shard 2/3 is missing\nschedctl merge: 3 of 9 tests never ran\n"
    )
    assert len(place.cases("all.xml")) == 6
    facts = place.facts("nodes", status=3)
    assert (facts["complete"], facts["missing"], facts["never"]) == (False, ["2/3"], 3)


def test_a_shard_stopped_early(place: Place) -> None:
    for index, names in enumerate(["abc", "d", "ghi"], 1):
        shard(place, index, names)
    assert complaints(place) == [
        "nodes/2.xml: shard 2/3 has 1 of its 3 tests",
        "2 of 9 tests never ran",
    ]


def test_shards_of_different_splits(place: Place) -> None:
    shard(place, 1, "abc")
    shard(place, 2, "def", split="0ther")
    shard(place, 3, "ghi", collection="0ther", split="third")
    assert complaints(place) == [
        "nodes/2.xml: shard 2/3 was split by another history than the others",
        "nodes/3.xml: shard 3/3 was split from other tests than the others:"
        " they did not collect the same",
    ]
    shard(place, 4, "xyz", count=4)
    assert "nodes/4.xml: shard 4/4 is of another number of shards than the others" in complaints(
        place
    )


def test_tests_in_two_shards(place: Place) -> None:
    for index, names in enumerate(["abc", "cde", "fgh"], 1):
        shard(place, index, names, tests=8)
    done = place.schedctl("merge", "nodes")
    assert done.returncode == 3
    assert "schedctl merge: 1 test ran in more than one shard\n" in done.stderr
    assert "t c: passed in nodes/1.xml, passed in nodes/2.xml" in done.stderr


def test_a_shard_that_came_twice(place: Place) -> None:
    for index, names in enumerate(["abc", "def", "ghi"], 1):
        shard(place, index, names)
    shard(place, 2, "def", "nodes/2-again.xml")
    assert complaints(place) == [
        "shard 2/3 is there 2 times",
        "3 tests ran in more than one shard",
    ]
    for index, names in ((1, "abc"), (3, "ghi")):
        shard(place, index, names, f"nodes/{index}-again.xml")
    place.merge("nodes")  # two pytests in each run


def test_two_projects(place: Place) -> None:
    """Their suites have the same name, "pytest", and their tests do not."""
    for index, (names, others) in enumerate([("abc", "rs"), ("def", "t"), ("ghi", "u")], 1):
        shard(place, index, names)
        more = dict(tests=4, dealt=len(others), collection="c1", split="6p")
        shard(place, index, others, f"nodes/{index}-other.xml", **more)
    facts = place.facts("--junit", "all.xml", "nodes")
    assert facts["complete"] and len(facts["shards"]) == 6
    assert all(found["fits"] for found in facts["shards"])

    (place.directory / "nodes" / "2-other.xml").unlink()
    assert complaints(place) == [
        "shard 2/3 is missing beside nodes/1-other.xml",
        "1 of 4 tests never ran",
    ]
    (place.directory / "nodes" / "2.xml").unlink()
    assert place.facts("nodes", status=3)["missing"] == ["2/3", "2/3"]

    # One of the first project's, of another commit: it is no third one's, for its tests are known.
    shard(place, 2, "def")
    shard(place, 2, "t", "nodes/2-other.xml", tests=4, dealt=1, collection="c1", split="6p")
    shard(place, 3, "defx", "nodes/old.xml", collection="0ld")
    said = complaints(place)
    assert said[0].startswith("nodes/old.xml: shard 3/3 was split from other tests")
    assert "shard 3/3 is there 2 times" in said


# Histories


def item(name: str, wall: float, **more: Any) -> dict[str, Any]:
    facts = dict(
        samples=1, cpu=wall, spread=0, last=wall, lastCpu=wall, lastSpeed=1, rss=1, outcome="passed"
    )
    return {"id": name, "wall": wall, **facts, **more}


def history(place: Place, name: str, *items: dict[str, Any], runs: int = 1) -> str:
    groups = [{"id": "", "setup": 0.5}, {"id": "a.py", "setup": 0.25, "seen": runs}]
    text = {"schedctlHistory": 1, "runs": runs, "wall": 1, "collection": 1, "serial": 1}
    place.write(name, json.dumps({**text, "items": list(items), "groups": groups}))
    return name


def test_histories_in_any_order(place: Place) -> None:
    names = [
        history(
            place, "1.json", item("a.py::1", 1, seen=30), item("b.py::1", 1, seen=10, samples=9)
        ),
        history(place, "2.json", item("a.py::2", 2, seen=10), item("b.py::1", 2, seen=20), runs=7),
        history(
            place,
            "3.json",
            item("a.py::3", 3),
            item("a.py::1", 3, seen=20),
            item("b.py::1", 3, seen=20),
        ),
    ]
    del (other := item("c.py::1", 9, seen=99))["cpu"]  # was imported
    names.append(history(place, "4.json", other, item("a.py::2", 1, seen=10)))
    results = set()
    for order in itertools.permutations(names):
        place.merge("--history", "all.json", *order)
        text = (place.directory / "all.json").read_text()
        results.add("".join(line for line in text.splitlines(True) if '"a.py::3"' not in line))
    assert len(results) == 1
    joined = json.loads(text)
    assert joined["runs"] == 7
    assert [(i["id"], i["wall"]) for i in joined["items"]] == [
        ("a.py::1", 1),
        ("a.py::2", 2),
        ("a.py::3", 3),
        ("b.py::1", 3),
        ("c.py::1", 9),
    ]
    assert joined["groups"][1] == {"id": "a.py", "seen": 7, "setup": 0.25}


def test_a_joined_history_is_imported_as_it_is(place: Place) -> None:
    history(place, "1.json", item("a.py::1", 1, seen=30), item("b.py::1", 1, seen=10))
    history(place, "2.json", item("a.py::2", 1, seen=30))
    assert place.merge("1.json", "2.json") == "history: 3 tests of 2 histories\n"
    assert place.facts("1.json", "2.json")["history"] == {"files": 2, "tests": 3}
    place.merge("--history", "all.json", "1.json", "2.json")
    place.merge("--history", "again.json", "all.json")
    text = (place.directory / "all.json").read_text()
    assert (place.directory / "again.json").read_text() == text
    done = place.schedctl("history", "import", "all.json")
    assert done.returncode == 0, done
    assert place.schedctl("history", "export").stdout == text


def test_databases(place: Place) -> None:
    """They are read where they are, and neither upgraded nor touched."""
    history(place, "1.json", item("a.py::1", 1, seen=30))
    place.schedctl("history", "import", "1.json")
    database = place.directory / "state" / "schedctl" / "history.db"
    old = database.read_bytes()
    place.merge("--history", "all.json", "state")
    assert [i["id"] for i in json.loads((place.directory / "all.json").read_text())["items"]] == [
        "a.py::1"
    ]
    assert database.read_bytes() == old and [p.name for p in database.parent.iterdir()] == [
        "history.db"
    ]

    with sqlite3.connect(database) as db:
        db.execute("UPDATE project SET name = '/elsewhere'")
    place.merge("--history", "all.json", "state")
    with sqlite3.connect(database) as db:
        db.execute(
            "INSERT INTO project(key, name, runs, items, wall, collection, serial)"
            " SELECT 9, '/another', runs, items, wall, collection, serial FROM project"
        )
    said = place.merge("--history", "all.json", "state", status=1)
    assert "2 projects are in this history, none of them at or above" in said
    place.write("cut.db", old[:5000])
    assert "cut.db is damaged or not one" in place.merge("cut.db", status=1)
    assert sorted(p.name for p in place.directory.glob("cut*")) == ["cut.db"]


def test_broken_exports(place: Place) -> None:
    history(place, "1.json", item("a.py::1", 1))
    place.write("2.json", '{"schedctlHistory": 1,\n "runs": }')
    said = place.merge("--history", "all.json", "1.json", "2.json", status=1)
    assert said == "schedctl merge: 2.json: line 2, column 10: unexpected token near '}'\n"
    assert len(json.loads((place.directory / "all.json").read_text())["items"]) == 1


# Coverage

CODE = """
def choose(n):
    if n == 1:
        return "one"
    if n == 2:
        return "two"
    return "many"
"""
TESTS = """
from code_under_test import choose

def test_one(): assert choose(1) == "one"
def test_two(): assert choose(2) == "two"
def test_many(): assert choose(3) == "many"
"""


def lines(place: Place, name: str) -> Any:
    done = place.call(sys.executable, "-m", "coverage", "json", "-q", "-o", "-", COVERAGE_FILE=name)
    return json.loads(done.stdout)["files"]


def cover(place: Place, data: str, tests: str) -> None:
    measure = [sys.executable, "-m", "coverage", "run", "--branch", "--source=."]
    command = [*measure, "-m", "pytest", "-q", "-k", tests]
    done = place.call(*command, "-p", "no:cacheprovider", COVERAGE_FILE=data)
    assert done.returncode == 0, done


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Three nodes' data, and what one that runs all of it has: made once."""
    pytest.importorskip("coverage")
    place = Place(tmp_path_factory.mktemp("measured") / "project")
    place.write("code_under_test.py", CODE)
    place.write("test_choose.py", TESTS)
    (place.directory / "nodes").mkdir()
    for i, test in enumerate(["one", "two", "many"]):
        cover(place, f"nodes/.coverage.{i}", test)
    cover(place, "whole", "one or two or many")
    return place


@pytest.fixture
def covered(measured: Place) -> Iterator[Place]:
    nodes = measured.directory / "nodes"
    before = {path: path.read_bytes() for path in nodes.iterdir()}
    yield measured
    for path, data in before.items():
        path.write_bytes(data)
    for path in measured.directory.glob("joined*"):
        path.unlink()


def test_coverage(covered: Place) -> None:
    before = {p.name: p.read_bytes() for p in (covered.directory / "nodes").iterdir()}
    assert covered.merge("--coverage", "joined", "nodes") == "joined: 3 data files\n"
    whole, joined = lines(covered, "whole"), lines(covered, "joined")
    assert joined == whole and len(whole) == 2
    assert {p.name: p.read_bytes() for p in (covered.directory / "nodes").iterdir()} == before
    assert not list(covered.directory.glob("joined.*"))


def test_killed_while_coverage_combines(covered: Place, tmp_path: Path) -> None:
    """Nothing is there that the next one would take for what a node has left."""
    kills = covered.write("kills", "#!/bin/sh\nkill -KILL $PPID\n")
    kills.chmod(0o755)
    before = sorted(covered.directory.rglob("*"))
    env = dict(PYTHON=str(kills), TMPDIR=str(tmp_path))
    done = covered.schedctl("merge", "--coverage", "nodes/joined", "nodes", **env)
    assert done.returncode == -signal.SIGKILL
    assert sorted(covered.directory.rglob("*")) == before


def test_what_coverage_says(covered: Place) -> None:
    """Newer ones sum up what each of the older ones' lines says; a warning is somebody's matter."""
    said = ["Combined data file nodes/.coverage.0", "Skipping duplicate data nodes/.coverage.1"]
    said += ["CoverageWarning: something is odd", "Combined 2 files, skipped 1"]
    words = " ".join(shlex.quote(line) for line in said)
    script = f"#!/bin/sh\nprintf '%s\\n' {words}\nexec {sys.executable} \"$@\"\n"
    python = covered.write("python", script)
    python.chmod(0o755)
    done = covered.schedctl("merge", "--coverage", "joined", "nodes", PYTHON=str(python))
    assert (done.returncode, done.stdout) == (0, "joined: 3 data files\n"), done
    assert done.stderr == "schedctl merge: CoverageWarning: something is odd\n"


def test_coverage_that_is_damaged(covered: Place) -> None:
    broken = covered.directory / "nodes" / ".coverage.1"
    broken.write_bytes(broken.read_bytes()[:9000])
    said = covered.merge("--coverage", "joined", "nodes", status=1)
    assert said == "schedctl merge: nodes/.coverage.1: database disk image is malformed\n"
    assert (covered.directory / "joined").exists()


def test_no_coverage(covered: Place) -> None:
    covered.write("joined", "old")
    said = covered.merge("--coverage", "joined", "nodes", status=1, PYTHON="/nowhere/python")
    assert "cannot run /nowhere/python (PYTHON says which): No such file or directory" in said
    bare = covered.write("bare", f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    said = covered.merge("--coverage", "joined", "nodes", status=1, PYTHON=str(bare))
    assert "-m coverage combine' failed: " in said and "No module named coverage" in said
    assert (covered.directory / "joined").read_text() == "old"
    assert not list(Path(covered.directory).glob("joined.*"))
