"""Whole suites on several nodes: each test runs exactly once, and the nodes end together."""

from __future__ import annotations

import random
import subprocess
from typing import Dict, List

import pytest

from .conftest import Node, Nodes, properties

SUITE = {
    "test_plain.py": """
        import pytest

        @pytest.mark.parametrize("n", range(30))
        def test_plain(n):
            pass
        """,
    "test_classes.py": """
        import pytest

        class TestA:
            @pytest.mark.parametrize("n", range(15))
            def test_a(self, n):
                pass

        class TestB:
            @pytest.mark.parametrize("n", range(15))
            def test_b(self, n):
                pass
        """,
    "pkg/__init__.py": "",
    "pkg/test_groups.py": """
        import pytest

        @pytest.mark.xdist_group("together")
        @pytest.mark.parametrize("n", range(5))
        def test_together(n):
            pass

        @pytest.mark.parametrize("n", range(15))
        def test_other(n):
            pass
        """,
    "pkg/documented.py": '''
        def double(n):
            """
            >>> double(2)
            4
            """
            return 2 * n
        ''',
}


def write_suite(nodes: Nodes) -> List[str]:
    for name, text in SUITE.items():
        nodes.write(name, text)
    plain = [f"test_plain.py::test_plain[{n}]" for n in range(30)]
    classes = [
        f"test_classes.py::Test{name}::test_{name.lower()}[{n}]" for name in "AB" for n in range(15)
    ]
    groups = [f"pkg/test_groups.py::test_together[{n}]" for n in range(5)]
    groups += [f"pkg/test_groups.py::test_other[{n}]" for n in range(15)]
    return [*plain, *classes, *groups, "pkg/documented.py::pkg.documented.double"]


def heavy_tailed(ids: List[str]) -> Dict[str, float]:
    chance = random.Random(7)
    return {nodeid: 0.01 * chance.paretovariate(1.3) for nodeid in ids}


def expect_once(shards: List[Node], ids: List[str]) -> None:
    ran = [nodeid for node in shards for nodeid in node.ran]
    assert sorted(ran) == sorted(ids)
    assert {node.status for node in shards} == {0}
    for node in shards:
        assert node.shard["tests"] == len(ids), node.err
        assert node.shard["dealt"] == len(node.ran)
    assert len({node.shard["collection"] for node in shards}) == 1
    assert len({node.shard["split"] for node in shards}) == 1


def test_each_test_runs_once(nodes: Nodes) -> None:
    count = 3
    ids = write_suite(nodes)
    seconds = heavy_tailed(ids)
    nodes.remember(seconds, count)
    shards = nodes.all(count, "--doctest-modules")
    expect_once(shards, ids)
    total, longest = sum(seconds.values()), max(seconds.values())
    for node in shards:
        expected = sum(seconds[nodeid] for nodeid in node.ran)
        assert node.shard["seconds"] == pytest.approx(expected)
        assert expected <= 1.05 * max(total / count, longest)
        together = sum("test_together" in nodeid for nodeid in node.ran)
        assert together in (0, 5)
    assert [node.shard["index"] for node in shards] == list(range(1, count + 1))


def test_twelve_nodes_of_heroku(nodes: Nodes) -> None:
    """Twenty tests that sleep, as on the platform that invented the variables; nothing is known of
    them at first, and then what the nodes before have stored: the first one's division holds."""
    nodes.write(
        "test_sleep.py",
        """
        import time
        import pytest

        @pytest.mark.parametrize("n", range(20))
        def test_sleep(n):
            time.sleep(0.001)
        """,
    )
    shards = [
        nodes.run(HEROKU_TEST_RUN_ID="x", CI_NODE_INDEX=str(number), CI_NODE_TOTAL="12")
        for number in range(12)
    ]
    expect_once(shards, [f"test_sleep.py::test_sleep[{n}]" for n in range(20)])
    assert {len(node.ran) for node in shards} == {1, 2}
    split = shards[2].shard["split"]
    line = f"schedctl: shard 3 of 12 (Heroku CI): {len(shards[2].ran)} of 20 tests (split {split})"
    assert line in shards[2].err.splitlines()
    assert f"collected 20 items / {20 - len(shards[2].ran)} deselected" in shards[2].out


def test_unknown_tests_join_known_ones(nodes: Nodes) -> None:
    """One in ten was never measured; in a worker that is started afresh and collects by itself."""
    ids = write_suite(nodes)
    nodes.remember({nodeid: 0.01 for number, nodeid in enumerate(ids) if number % 10}, 2)
    shards = nodes.all(2, "--doctest-modules", options="--start spawn -w 1")
    expect_once(shards, ids)
    assert shards[0].shard["known"] == len(ids) - len(ids[::10])


def test_nodes_with_another_history_say_so(nodes: Nodes) -> None:
    ids = write_suite(nodes)
    nodes.remember(heavy_tailed(ids), 2)
    words = ["-q", "--collect-only"]
    first = nodes.run("--doctest-modules", *words, options="--shard 1/2", own=0)
    second = nodes.run("--doctest-modules", *words, options="--shard 2/2", own=99)
    assert first.shard["collection"] == second.shard["collection"]
    assert first.shard["split"] != second.shard["split"]
    other = nodes.run(*words, options="--shard 2/2", own=1)
    assert first.shard["collection"] != other.shard["collection"]


def test_more_shards_than_tests(nodes: Nodes) -> None:
    nodes.write("test_two.py", "def test_a():\n    pass\ndef test_b():\n    pass\n")
    shards = nodes.all(3, "-q")
    expect_once(shards, ["test_two.py::test_a", "test_two.py::test_b"])
    assert any(not node.ran for node in shards)
    nothing = nodes.run("-q", "-k", "nobody", options="--shard 1/3")
    assert nothing.status == 5  # no node has a test
    assert nothing.shard["tests"] == 0


def test_what_is_recorded(nodes: Nodes) -> None:
    nodes.write("test_two.py", "def test_a():\n    pass\ndef test_b():\n    pass\n")
    node = nodes.run("-q", "--junitxml=.junit.xml", options="--shard 1/2")
    assert node.shard["source"] == "--shard"
    assert properties(nodes.directory / ".junit.xml") == {
        "schedctl.shard": "1/2",
        "schedctl.tests": "2",
        "schedctl.dealt": "1",
        "schedctl.collection": node.shard["collection"],
        "schedctl.split": node.shard["split"],
    }


def test_a_group_that_is_new(nodes: Nodes) -> None:
    """What was divided a minute ago is not remembered against it."""
    two = "import pytest\n{mark}\ndef test_a():\n    pass\n{mark}\ndef test_b():\n    pass\n"
    nodes.write("test_two.py", two.format(mark=""))
    assert [len(nodes.run("-q", options=f"--shard {n}/2").ran) for n in (1, 2)] == [1, 1]
    nodes.write("test_two.py", two.format(mark="@pytest.mark.xdist_group('x')"))
    ran = [len(nodes.run("-q", options=f"--shard {n}/2").ran) for n in (1, 2)]
    assert sorted(ran) == [0, 2]


@pytest.mark.parametrize("words", [[], ["-p", "xdist", "-n", "1"]])
def test_tests_of_the_same_id(nodes: Nodes, words: List[str]) -> None:
    """They are on one node, and one test to `schedctl merge`: none of them never ran."""
    if words:
        pytest.importorskip("xdist")
    nodes.write(
        "conftest.py",
        """
        import pytest

        class Item(pytest.Item):
            def runtest(self):
                pass

        class File(pytest.File):
            def collect(self):
                return [Item.from_parent(self, name=name) for name in ("a", "b", "a")]

        def pytest_collect_file(parent, file_path):
            if file_path.suffix == ".yml":
                return File.from_parent(parent, path=file_path)
        """,
    )
    nodes.write("tests.yml", "")
    for number in (1, 2):
        junit = f"--junitxml=nodes/{number}.xml"
        node = nodes.run(*words, "-q", junit, options=f"--shard {number}/2")
        assert (node.status, node.shard["tests"]) == (0, 3)
    done = subprocess.run(
        [nodes.runs.program(), "merge", nodes.directory / "nodes"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "JUnit: 2 tests of 2 files: 3 passed\n"), done


@pytest.mark.parametrize(
    "words, options, tests, ran",
    [
        (["--setup-show"], "", 80, 40),
        (["--collect-only"], "", 80, 0),
        (["-k", "test_plain"], "", 30, 15),
        ([], "--dry-run", 80, 0),
    ],
)
def test_whoever_runs_it(
    nodes: Nodes, words: List[str], options: str, tests: int, ran: int
) -> None:
    """Suites that pytest runs itself are divided as well; and what selects, selects before."""
    write_suite(nodes)
    node = nodes.run("-q", *words, options=f"--shard 1/2 {options}")
    assert node.status == 0
    assert (node.shard["tests"], node.shard["dealt"]) == (tests, tests / 2)
    assert len(node.ran) == ran


def test_where_xdist_deals(nodes: Nodes) -> None:
    """Its workers collect: what the other shard has is in no plan, and a shard may have none."""
    pytest.importorskip("xdist")
    nodes.write("test_one.py", "def test_a():\n    pass\n")
    words = ["-p", "xdist", "-n", "1", "-q", "--junitxml=.junit.xml"]
    shards = nodes.all(2, *words)
    expect_once(shards, ["test_one.py::test_a"])
    assert properties(nodes.directory / ".junit.xml")["schedctl.shard"] == "2/2"
    index = next(number for number, node in enumerate(shards) if not node.ran)
    files = ["-p", "xdist", "-n", "1", "-q", "test_one.py"]
    left = nodes.run(*files, CIRCLE_NODE_INDEX=str(index), CIRCLE_NODE_TOTAL="2")
    assert len(left.ran) == 1
    assert "all tests run: the command line names files" in left.err
