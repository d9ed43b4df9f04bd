"""[tool.schedctl] in pyproject.toml, or a section of the ini file that pytest uses."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict

import pytest

from suites import Suite, plugin_path

TESTS = """
    import pytest

    @pytest.mark.parametrize("n", range(3))
    def test_a(n): ...

    def test_b(): ...

    class TestC:
        def test_c(self): ...
"""
PYPROJECT = """
[tool.schedctl]
workers = 3
start = "fork"
item-timeout = 90
confirm-failures = true
alone = ["test_other.py"]

[tool.schedctl.serial]
database = ["test_some.py::test_a", "*::TestC"]
files = ["./deep/"]
"""
INI = """
[pytest]
[schedctl]
workers = 2
start = spawn
item-timeout = 0.5
confirm-failures = no
alone = test_other.py test_some.py::test_b
serial =
    database: test_some.py::test_a[1] *::TestC::test_c
    files: deep
"""


@pytest.fixture
def engine() -> str:
    return "double"


def announced(suite: Suite) -> Dict[str, Any]:
    """What the plugin told the engine, items by their ids."""
    (suite.path / "deep").mkdir()
    (suite.path / "deep" / "test_deep.py").write_text("def test_d(): ...")
    suite.write(test_some=TESTS, test_other="def test_o(): ...")
    ran = suite.run(suite.launcher("auto", 2, "--mode", "inline"), (), {})
    assert ran.status == 0, ran.out + ran.err
    told = ran.event("suite")
    groups: Dict[int, "set[str]"] = {}
    for item, group in zip(told["items"], told.get("serial", ())):
        groups.setdefault(group, set()).add(item)
    return {
        "hello": ran.event("hello")["settings"],
        "alone": {told["items"][index] for index in told.get("alone", ())},
        "serial": sorted(sorted(items) for group, items in groups.items() if group >= 0),
    }


def test_pyproject_beside_another_ini_file(suite: Suite) -> None:
    (suite.path / "pytest.ini").write_text("[pytest]\n")
    (suite.path / "pyproject.toml").write_text(PYPROJECT)
    assert announced(suite) == {
        "hello": {"workers": 3, "start": "fork", "item_timeout": 90.0, "confirm_failures": True},
        "alone": {"test_other.py::test_o"},
        "serial": [
            ["deep/test_deep.py::test_d"],
            ["test_some.py::TestC::test_c", *(f"test_some.py::test_a[{n}]" for n in range(3))],
        ],
    }


def test_ini_file_wins(suite: Suite) -> None:
    (suite.path / "pytest.ini").write_text(INI)
    (suite.path / "pyproject.toml").write_text(PYPROJECT)
    assert announced(suite) == {
        "hello": {"workers": 2, "start": "spawn", "item_timeout": 0.5, "confirm_failures": False},
        "alone": {"test_other.py::test_o", "test_some.py::test_b"},
        "serial": [
            ["deep/test_deep.py::test_d"],
            ["test_some.py::TestC::test_c", "test_some.py::test_a[1]"],
        ],
    }


def test_setup_cfg(suite: Suite) -> None:
    (suite.path / "setup.cfg").write_text("[tool:pytest]\n[tool:schedctl]\nworkers = 5\n")
    assert announced(suite)["hello"] == {"workers": 5}


def test_a_group_without_a_name(suite: Suite) -> None:
    (suite.path / "pyproject.toml").write_text('[tool.schedctl]\nserial = ["test_o*", "deep"]\n')
    assert announced(suite)["serial"] == [["deep/test_deep.py::test_d", "test_other.py::test_o"]]


def test_marks_and_settings_tie_groups(suite: Suite) -> None:
    """A mark of a group's name means that group; an item in two of them ties them."""
    marked = """
        import pytest

        @pytest.mark.xdist_group("one")
        @pytest.mark.xdist_group(name="two")
        def test_both(): ...

        @pytest.mark.xdist_group("two")
        class TestTwo:
            def test_two(self): ...

        @pytest.mark.xdist_group
        def test_default(): ...

        def test_none(): ...
    """
    (suite.path / "pyproject.toml").write_text('[tool.schedctl.serial]\none = ["test_other.py"]\n')
    suite.write(test_marked=marked)
    assert announced(suite)["serial"] == [
        ["test_marked.py::TestTwo::test_two", "test_marked.py::test_both", "test_other.py::test_o"],
        ["test_marked.py::test_default"],
    ]


@pytest.mark.parametrize(
    "text, complaint",
    [
        (
            "serail = []",
            "[tool.schedctl]: serail: no such setting; there are workers, max-workers,",
        ),
        ('max-worker-memory = "1"', 'max-worker-memory: has to be "512M", "2G" or a number of'),
        ('resources = ["db"]', "resources: has to be a table of names and numbers, not ['db']"),
        ("resources = {db = 0}", "resources: has to be a number from 1 on, not 0"),
        ('resources = {"a b" = 1}', "resources: a name has no spaces, colons and commas, as 'a b'"),
        ("needs = 1", "needs: has to be a table of patterns, not 1"),
        ('needs = {"test_a.py" = "db"}', "needs: test_a.py: has to be a table, not 'db'"),
        ('needs = {"a" = {cpus = "2"}}', "needs: a: cpus: has to be a number from 1 on, not '2'"),
        ("workers = 0", "[tool.schedctl]: workers: has to be a number from 1 on, not 0"),
        ("workers = true", "workers: has to be a number from 1 on, not True"),
        ('start = "thread"', 'start: has to be "auto", "fork" or "spawn", not \'thread\''),
        ("item-timeout = -1", "item-timeout: has to be a number of seconds, not -1"),
        ("confirm-failures = 1", "confirm-failures: has to be true or false, not 1"),
        ('serial = {a = "b"}', "serial: has to be a list of patterns, not 'b'"),
        ("alone = [1]", "alone: has to be a list of patterns, not [1]"),
        ("alone = [", "pyproject.toml: "),
    ],
)
def test_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, complaint: str
) -> None:
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.suite.settings import of_project

    path = tmp_path / "pyproject.toml"
    path.write_text(f"[tool.schedctl]\n{text}\n")
    with pytest.raises(pytest.UsageError) as raised:
        of_project(SimpleNamespace(inipath=None, rootpath=tmp_path))
    message = str(raised.value)
    assert message.startswith(f"{path}: ") and complaint in message and "\n" not in message


@pytest.mark.parametrize(
    "text, complaint",
    [
        (
            "test_a.py resource=db",
            "needs: has to be lines of PATTERN: NEED=VALUE…, not 'test_a.py r",
        ),
        ("test_a.py: cpus=two", "needs: test_a.py: cpus: has to be a number from 1 on, not 'two'"),
        ("test_a.py: exclusive=perhaps", "exclusive: has to be true or false, not 'perhaps'"),
        ("test_a.py: resource", "test_a.py: resource: has to be "),
        ("test_a.py: cpus=2\n    test_a.py: resource=db", "needs: test_a.py: is there twice"),
    ],
)
def test_what_is_wrong_in_needs_of_an_ini_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, complaint: str
) -> None:
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.suite.settings import of_project

    path = tmp_path / "pytest.ini"
    path.write_text(f"[schedctl]\nneeds =\n    {text}\n")
    with pytest.raises(pytest.UsageError) as raised:
        of_project(SimpleNamespace(inipath=path, rootpath=tmp_path))
    assert complaint in str(raised.value) and "\n" not in str(raised.value)


def test_usage_error_in_a_run_alone(suite: Suite) -> None:
    (suite.path / "pyproject.toml").write_text("[tool.schedctl]\nworkers = 0\n")
    ran = suite.write(test_some=TESTS).parallel()
    assert (ran.status, suite.serial().status) == (4, 0)
    errors = [line for line in ran.err.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1 and "workers: has to be a number from 1 on" in errors[0]
