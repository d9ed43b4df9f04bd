"""Whether there is a shard, and which: CI's variables, the user's word, and who divides already."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from run.conftest import Runs
from with_xdist.conftest import INSTALLED, interpreter

from .conftest import Nodes

SOURCE = Path(__file__).resolve().parents[3]
TWO = "def test_a():\n    pass\ndef test_b():\n    pass\n"

# A reporter that says which shard it was told to be.
TOLD = """
import json, sys
sys.path.insert(0, {folder!r})
from scripted import Reporter
welcome = Reporter().welcome
print(json.dumps([welcome.get("shard"), welcome.get("shard_asked")]))
"""


def told(runs: Runs, environ: Dict[str, str], *options: str) -> List[object]:
    script = TOLD.format(folder=str(SOURCE / "tests" / "integration" / "run"))
    environ = {"SCHEDCTL_SHARD": "", **environ}
    done = runs.run(*options, "--", sys.executable, "-c", script, env=environ)
    assert done.returncode == 0, done.stderr
    answer: List[object] = json.loads(done.stdout)
    return answer


def table() -> List[Tuple[str, str, str, int, str]]:
    """That of the program: who, index, total, the first index, the mark."""
    text = (SOURCE / "cli" / "run_shard_ci.c").read_text(encoding="utf-8")
    row = r'\{\{"([^"]+)",\s*"(\w+)",\s*"(\w+)",\s*(\d)\},\s*(NULL|"\w+")'
    found = re.findall(row, text)
    return [(who, index, total, int(first), mark) for who, index, total, first, mark in found]


def test_every_service(runs: Runs) -> None:
    rows = table()
    assert len(rows) > 8
    for who, index, total, first, mark in rows:
        environ = {index: str(2 + first), total: "12"}
        if mark != "NULL":
            environ[mark.strip('"')] = "1"
        environ["SYSTEM_PARALLELEXECUTIONTYPE"] = "MultiMachine"
        if who == "Bitbucket":  # its parallel steps may be anything
            assert told(runs, environ) == [None, None]
            assert told(runs, environ, "--shard", "ci") == ["3/12", True]
        else:
            assert told(runs, environ) == ["3/12", who.startswith("SCHEDCTL_")], who
    assert told(runs, {}) == [None, None]


def test_the_documents_table() -> None:
    text = (SOURCE / "docs" / "ci.md").read_text(encoding="utf-8")
    for who, index, total, first, _ in table():
        row = rf"^\| [^|]*\| `{index}`[^|]*\| `{total}`[^|]*\| {first} \|"
        assert re.search(row, text, re.MULTILINE), who


def test_the_user_comes_first(runs: Runs) -> None:
    circle = {"CIRCLE_NODE_INDEX": "2", "CIRCLE_NODE_TOTAL": "12"}
    assert told(runs, circle, "--shard", "no") == [None, None]
    assert told(runs, circle, "--shard", "2/3") == ["2/3", True]
    alone = {"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "1"}
    assert told(runs, alone, "--shard", "ci") == ["1/1", True]
    assert told(runs, {**circle, "SCHEDCTL_SHARD": "1/3"}) == ["1/3", True]
    assert told(runs, {**circle, "SCHEDCTL_SHARD": "1/3"}, "--shard", "auto") == ["3/12", False]


@pytest.mark.parametrize(
    "options, environ, why",
    [
        (["--shard", "0/3"], {}, "--shard does not take '0/3': 1/3 is the first"),
        (["--shard", "4/3"], {}, "--shard does not take '4/3'"),
        ([], {"SCHEDCTL_SHARD": "x"}, "SCHEDCTL_SHARD is 'x', which --shard does not take"),
        ([], {"CIRCLE_NODE_INDEX": "x", "CIRCLE_NODE_TOTAL": "2"}, "'x', which is no number"),
        ([], {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "2"}, "counts from 0"),
        ([], {"SLURM_ARRAY_TASK_ID": "3"}, "no range"),
        (["--shard", "ci"], {}, "nothing in the environment"),
        (["--shard", "ci"], {"JOB_COMPLETION_INDEX": "1"}, "SCHEDCTL_SHARD_TOTAL does not say"),
    ],
)
def test_nonsense(runs: Runs, options: List[str], environ: Dict[str, str], why: str) -> None:
    environ = {"SCHEDCTL_SHARD": "", **environ}
    done = runs.run(*options, "--", "touch", "ran", env=environ)
    assert done.returncode == 2
    assert why in done.stderr
    assert not (runs.directory / "ran").exists()


def test_no_pytest_no_word(runs: Runs) -> None:
    environ = {"SCHEDCTL_SHARD": "", "CIRCLE_NODE_INDEX": "2", "CIRCLE_NODE_TOTAL": "12"}
    done = runs.run("--", "echo", "x", env=environ)
    assert (done.stdout, done.stderr) == ("x\n", "")


def test_a_pod_that_does_not_know_its_number(nodes: Nodes) -> None:
    nodes.write("test_two.py", TWO)
    node = nodes.run("-q", JOB_COMPLETION_INDEX="1")
    assert len(node.ran) == 2
    assert "all tests run, and no shard of them: Kubernetes" in node.err
    node = nodes.run("-q", JOB_COMPLETION_INDEX="1", SCHEDCTL_SHARD_TOTAL="2")
    assert len(node.ran) == 1


DIVIDERS = """
def pytest_addoption(parser):
    parser.addoption("--splits", type=int)
    parser.addoption("--num-shards", type=int, default=1)
"""


@pytest.mark.parametrize(
    "words, why",
    [
        (["--splits", "2"], "--splits divides them"),
        (["--num-shards=2"], "--num-shards divides them"),
        (["test_two.py"], "the command line names files"),
        (["test_two.py::test_a", "test_two.py::test_b"], "the command line names files"),
    ],
)
def test_who_divides_already(nodes: Nodes, words: List[str], why: str) -> None:
    nodes.write("test_two.py", TWO)
    nodes.write("dividers.py", DIVIDERS)
    words = ["-q", "-p", "dividers", *words]
    environ = {"PYTHONPATH": str(nodes.directory)}
    node = nodes.run(*words, CI_NODE_INDEX="1", CI_NODE_TOTAL="2", env=environ)
    assert len(node.ran) == 2
    assert f"shard 2 of 2 (CI_NODE_INDEX), but all tests run: {why}" in node.err
    assert why in node.shard["why"]
    node = nodes.run(*words, options="--shard 2/2", env=environ)
    assert len(node.ran) == 1


def test_one_that_does_not_divide(nodes: Nodes) -> None:
    """pytest-shard's default, a folder on the command line, and files that the project names."""
    nodes.write("tests/test_two.py", TWO)
    nodes.write("dividers.py", DIVIDERS)
    circle = {"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "2"}
    environ = {"PYTHONPATH": str(nodes.directory), **circle}
    assert len(nodes.run("-p", "dividers", "tests", env=environ).ran) == 1
    for files in "tests/test_two.py", "tests/test_*.py":
        nodes.write("pytest.ini", f"[pytest]\ntestpaths = {files}\n")
        assert len(nodes.run(env=circle).ran) == 1


@pytest.mark.parametrize(
    "option, version", [("--lf", INSTALLED), ("--sw", INSTALLED), ("--sw", "3.8")]
)
def test_failures_of_this_node(nodes: Nodes, option: str, version: str) -> None:
    """Another node remembers others."""
    python = interpreter(version)
    nodes.write("test_two.py", "def test_a():\n    assert 0\ndef test_b():\n    assert 0\n")
    cache = ["-p", "cacheprovider", "-p", "stepwise", "-q"]
    circle = {"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "2"}
    nodes.run(*cache, option, python=python)
    again = nodes.run(*cache, option, python=python, env=circle)
    assert "deselected" not in again.out
    assert "--lf and --sw go by what has failed on this node" in again.err


def test_bazels_file(nodes: Nodes) -> None:
    nodes.write("test_two.py", TWO)
    bazel = {"TEST_SHARD_INDEX": "1", "TEST_TOTAL_SHARDS": "2", "TEST_SHARD_STATUS_FILE": "status"}
    nodes.run("-q", options="--shard no", env=bazel)
    assert not (nodes.directory / "status").exists()
    node = nodes.run("-q", env=bazel)
    assert len(node.ran) == 1
    assert (nodes.directory / "status").exists()


def test_not_twice(nodes: Nodes) -> None:
    """A nested run, a pytest in a test, and a pytest within a nested run in a test."""
    nodes.write(
        "test_outer.py",
        f"""
        import os, subprocess, sys
        import pytest

        @pytest.mark.parametrize("n", range(2))
        @pytest.mark.parametrize("program", [[], [{nodes.runs.program()!r}, "run", "--"]])
        def test_outer(n, program, tmp_path):
            (tmp_path / "test_inner.py").write_text({TWO!r})
            inner = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
            done = subprocess.run([*program, *inner], cwd=tmp_path, capture_output=True, text=True)
            assert "2 passed" in done.stdout and "deselected" not in done.stdout
        """,
    )
    node = nodes.run("-q", options="--shard 1/2")
    assert (node.status, len(node.ran)) == (0, 2), node.out
    nested = nodes.runs.run(
        *("--shard", "1/2", "--", nodes.runs.program(), "run", "--shard", "2/2", "--"),
        *(sys.executable, "-m", "pytest", "-q", "--collect-only"),
        env={"RAN": "/dev/null"},
    )
    assert "2/4 tests collected (2 deselected)" in nested.stdout
    assert nested.stderr.count("schedctl run: --shard is left alone") == 1
