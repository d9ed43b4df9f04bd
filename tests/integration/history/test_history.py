"""`schedctl history`: what goes in comes out, and what cannot go in leaves everything as it was."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from .conftest import BUILD, Project

DURATIONS = {"test_a.py::test_x": 0.25, "test_a.py::test_y[a::b]": 3, "sub/test_b.py::T::test_z": 2}


def durations(**more: float) -> str:
    return json.dumps({**DURATIONS, **more})


def test_nothing_is_known(project: Project) -> None:
    for action in ("show", "export", "forget"):
        assert "nothing is known of tests in" in project.refused(action)


def test_show(project: Project) -> None:
    project.write(".test_durations", durations())
    told = project.history("import", ".test_durations")
    assert told == f"{project.directory}: 3 tests imported\n"
    lines = project.history("show", "-n", "2").splitlines()
    assert lines[0] == f"{project.directory}: 3 tests of 5.25 s, no run yet"
    assert lines[2].split() == ["SECONDS", "SPREAD", "WAITS", "MEMORY", "TIMES", "LAST", "TEST"]
    assert lines[3].split() == ["3.000", "-", "-", "-", "-", "-", "test_a.py::test_y[a::b]"]
    assert lines[5] == "and 1 shorter ones"
    assert len(project.history("show", "--all").splitlines()) == 6


def test_no_control_characters_are_shown(project: Project) -> None:
    project.history("import", "-", stdin=json.dumps({"a.py::x[\x1b[31m\n]": 1, "a.py::é": 2}))
    assert project.history("show").splitlines()[3:] == [
        "    2.000        -      -         -      -  -        a.py::é",
        "    1.000        -      -         -      -  -        a.py::x[?[31m?]",
    ]


def test_show_for_programs(project: Project) -> None:
    project.history("import", "-", stdin=durations())
    shown = json.loads(project.history("show", "--json"))
    assert (shown["project"], shown["runs"], shown["speeds"]) == (str(project.directory), 0, [])
    assert {item["id"]: item["seconds"] for item in shown["items"]} == DURATIONS


def test_the_project_around_a_directory(project: Project) -> None:
    project.write("sub/deep/x", "")
    project.history("import", "-", stdin=durations())
    outside = project.directory.parent
    for directory in ("sub", "sub/deep", "."):
        assert "3 tests" in project.history("show", "--project", directory)
    assert "nothing is known" in project.refused("show", "--project", str(outside))
    assert "No such file" in project.refused("show", "--project", "none")
    told = project.history("import", "--project", "sub", "-", stdin=durations())
    assert told.startswith(f"{project.directory}: 3 tests")


def test_export_and_import_are_exact(project: Project, tmp_path: Path) -> None:
    project.history("import", "-", stdin=durations(**{'test_a.py::test_é["\\]': 1 / 3}))
    exported = project.history("export")
    assert exported == project.history("export")
    other = Project(tmp_path / "project" / "other", tmp_path / "elsewhere")
    told = other.history("import", "-", stdin=exported)
    assert told == f"{other.directory}: 4 tests imported\n"
    assert other.history("export") == exported
    assert [item["id"] for item in json.loads(exported)["items"]] == [
        *DURATIONS,
        'test_a.py::test_é["\\]',
    ]


def test_forget(project: Project) -> None:
    project.history("import", "-", stdin=durations())
    assert project.history("forget") == f"{project.directory}: forgotten\n"
    assert "nothing is known" in project.refused("show")


def test_junit_of_a_real_run(project: Project) -> None:
    """The ids that pytest has and those that come from its XML are the same ones."""
    project.write(
        "tests/v1.2/test_a.py",
        """
import pytest

class TestB:
    class TestInner:
        @pytest.mark.parametrize("x", ["1", "a.b::c[d]", "é", "<&>"])
        def test_c(self, x):
            pass

def test_fails():
    assert 0

@pytest.mark.skip
def test_skipped():
    pass
""",
    )
    project.write("pkg/__init__.py", "")
    project.write("pkg/test_b.py", "def test_b():\n    pass\n")
    project.write("doc.rst", ">>> 1 + 1\n2\n")
    options = ["--doctest-glob=*.rst", "-o", "junit_family=xunit2"]
    project.pytest("--junitxml=new.xml", *options)
    project.pytest("--junitxml=old.xml", *options[:1], "-o", "junit_family=xunit1")
    collected = [
        line for line in project.pytest("--collect-only", *options).splitlines() if "::" in line
    ]
    assert len(collected) == 8
    for name in ("new.xml", "old.xml"):
        told = project.history("import", name)
        assert ": 7 tests imported, 1 left out" in told
        items = project.items()
        assert sorted([*items, "tests/v1.2/test_a.py::test_skipped"]) == sorted(collected)
        assert items["tests/v1.2/test_a.py::test_fails"]["outcome"] == "failed"
        project.history("forget")


def test_junit_of_something_else(project: Project) -> None:
    other = '<testsuite><testcase classname="org.Foo" name="bar" time="1"/></testsuite>'
    assert "none of 1 tests ran and is in a file of" in project.refused("import", "-", stdin=other)
    assert "nothing is known" in project.refused("show")


def test_ctest(project: Project) -> None:
    name = "Testing/Temporary/CTestCostData.txt"
    project.write(name, "alpha 3 0.5\nbeta 1 2.25\nnever 0 0\n---\nbeta\n")
    assert ": 2 tests imported, 1 left out" in project.history("import", name)
    items = project.items()
    assert (items["alpha"]["seconds"], items["alpha"]["outcome"]) == (0.5, "passed")
    assert (items["beta"]["seconds"], items["beta"]["outcome"]) == (2.25, "failed")


def test_what_cannot_be_read_changes_nothing(project: Project) -> None:
    """The second file is the bad one: nothing of the first one is taken either."""
    project.write("good.json", durations())
    bad = {
        "cut.json": ('{"a": 1,\n"b": ', "line 2, column"),
        "cut.xml": ("<testsuite>\n<testcase>", "line 2, column"),
        "bomb.xml": ('<!DOCTYPE t [<!ENTITY a "aaaa">]><t/>', "document type declaration"),
        "type.json": ('{"a": "soon"}', 'the value of "a" is no number of seconds'),
        "cost.txt": ("alpha 1 2\nbeta\n", "line 2 is not a test's name"),
        "newer.json": ('{"schedctlHistory": 2}', "a newer schedctl wrote it"),
        "zero.json": ('{"a\0": 1}', "line 1, column"),
    }
    for name, (text, expected) in bad.items():
        project.write(name, text)
        error = project.refused("import", "good.json", name)
        assert error.startswith(f"schedctl history: {name}: ") and expected in error
    assert "No such file" in project.refused("import", "good.json", "none.json")
    assert "Is a directory" in project.refused("import", "good.json", ".")
    assert "nothing is known" in project.refused("show")


def test_a_format_can_be_told(project: Project) -> None:
    assert "line 1 is not" in project.refused("import", "--format", "ctest", "-", stdin="{}")
    assert "line 1" in project.refused("import", "--format", "junit", "-", stdin="{}")
    assert "is not there" in project.refused("import", "--format", "schedctl", "-", stdin="{}")
    told = project.history(
        "import", "--format", "pytest-split", "-", stdin='{"schedctlHistory": 1}'
    )
    assert "1 test imported" in told


def test_command_lines_that_are_not_understood(project: Project) -> None:
    for line in (
        "",
        "list",
        "show x",
        "show -n many",
        "show --best",
        "import",
        "import --format xml -",
        "export --project",
    ):
        assert "history" in project.refused(*line.split(), status=2)
    assert project.history("--help").startswith("usage: schedctl history show")
    assert project.history("show", "--help").startswith("usage: schedctl history show")


def test_a_full_disk_is_told(project: Project) -> None:
    project.history("import", "-", stdin=durations())
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [str(BUILD / "cli" / "schedctl"), "history", "export"],
            cwd=project.directory,
            env=project.env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1 and "cannot write" in done.stderr


def test_imported_times_are_planned_with(project: Project) -> None:
    """A plan by imported times has each test's, and their modules."""
    project.history("import", "-", stdin=durations())
    done = project.run("plan", "-w", "2", "--json")
    assert done.returncode == 0, done
    plan = json.loads(done.stdout)
    assert 3.0 <= plan["makespan"] < 3.5
