"""schedctl plan: where the project and the machine come from, and what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import HYBRID, History, Planner

XML = HYBRID.read_text()
HOSTILE = {
    "empty": "",
    "text": "nothing of the kind\n",
    "binary": "\0\1\2\377" * 1000,
    "truncated": XML[: len(XML) // 2],
    "other-xml": "<html><body/></html>",
    "no-pus": '<?xml version="1.0"?><topology version="2.0"></topology>',
    "nested": '<topology version="2.0">' + "<object>" * 20000,
    "bad-set": XML.replace('cpuset="0x00ffffff"', 'cpuset="0xzz"'),
    "huge-index": XML.replace('type="PU" os_index="5"', 'type="PU" os_index="4294967295"'),
}


@pytest.fixture
def known(plan: Planner, history: History) -> Planner:
    for i in range(4):
        history.add(f"test_a.py::test_{i}", 1.0)
    return plan


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_machine(known: Planner, tmp_path: Path, name: str) -> None:
    file = tmp_path / "machine.xml"
    file.write_text(HOSTILE[name], encoding="latin-1")
    result = known("--machine", file)
    assert (result.stdout, result.returncode) == ("", 1)
    assert result.stderr == (
        f"schedctl plan: {file}: not a machine as hwloc exports it (lstopo FILE.xml)\n"
    )


def test_a_file_that_cannot_be_read(known: Planner, tmp_path: Path) -> None:
    for file, why in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        result = known("--machine", file)
        assert (result.stdout, result.returncode) == ("", 1)
        assert result.stderr.startswith(f"schedctl plan: {file}: {why}")


def test_without_schedd_no_file_can_be_read(known: Planner) -> None:
    result = known("--machine", HYBRID, SCHEDCTL_SCHEDD="/nonexistent")
    assert (result.stdout, result.returncode) == ("", 1)
    assert "cannot start schedd to read it" in result.stderr


def test_the_file_wins_over_the_environment(known: Planner) -> None:
    answer = known.json("--machine", HYBRID, HWLOC_SYNTHETIC="core:1 pu:1", HWLOC_THISSYSTEM="1")
    assert len(answer["pus"]) == 24


def test_this_machine(known: Planner) -> None:
    """As far as this process may use it; its CPUs plainly where there is no schedd."""
    usable = os.sched_getaffinity(0)
    none: dict[str, str] = {"HWLOC_SYNTHETIC": "", "SCHEDCTL_SCHEDD": "/nonexistent"}
    for environment in ({"HWLOC_SYNTHETIC": ""}, none):
        answer = known.json(**environment)
        assert {pu["os"] for pu in answer["pus"]} <= usable
        assert answer["workers"] >= 1


def test_cpus_have_to_be_there(known: Planner) -> None:
    result = known("--machine", HYBRID, "--cpus", "0,99")
    assert (result.stdout, result.returncode) == ("", 2)
    assert result.stderr == "schedctl plan: --cpus: 99 cannot be used; CPUs 0-23 can\n"


@pytest.mark.parametrize(
    "arguments",
    [["-w", "0"], ["-w", "1025"], ["-w", "two"], ["-w", "-1"], ["--cpus", "x"], ["--cpus", ""]]
    + [["--workers"], ["--nonsense"]],
)
def test_usage(known: Planner, arguments: list[str]) -> None:
    result = known(*arguments)
    assert (result.stdout, result.returncode) == ("", 2)
    assert result.stderr != ""


def test_help(plan: Planner) -> None:
    result = plan("--help")
    assert result.stdout.startswith("usage: schedctl plan [options] [PATTERN…]\n")
    assert (result.stderr, result.returncode) == ("", 0)


def test_the_project_is_found_from_below(known: Planner) -> None:
    below = known.project / "tests" / "unit"
    below.mkdir(parents=True)
    assert known.json("--project", below)["project"] == str(known.project)


def test_no_project(known: Planner, tmp_path: Path) -> None:
    for directory, why in ((tmp_path, "nothing is known of tests in"), ("/none", "No such file")):
        result = known("--project", directory)
        assert (result.stdout, result.returncode) == ("", 1)
        assert why in result.stderr


def test_a_damaged_history_is_named(known: Planner) -> None:
    (known.state / "schedctl" / "history.db").write_bytes(b"no database" * 1000)
    result = known()
    assert (result.stdout, result.returncode) == ("", 1)
    assert "was damaged or not one" in result.stderr
