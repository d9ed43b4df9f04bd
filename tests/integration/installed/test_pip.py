"""python/ is a package as any other: sdist, wheel and editable; and one that leaves alone who does
not ask for it."""

from __future__ import annotations

import ast
import configparser
import email
import email.message
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .helps import SOURCE, version
from .wheels import Environment, copy_source, need_builder, output

PYTHON = SOURCE / "python"
NAME = "schedctl_pytest"

# What a session has that ran no test in workers.
LOOKS = """
    import os, sys

    def test_looks():
        print("modules", sorted(m for m in sys.modules if m.startswith("schedctl")))
        print("environment", sorted(name for name in os.environ if "SCHEDCTL" in name))
        print("path", sys.path)

    def test_fails():
        assert not "a"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist and a wheel."""
    need_builder()
    folder = tmp_path_factory.mktemp("built here")
    build = "from setuptools import build_meta as b; b.build_sdist('..'); b.build_wheel('..')"
    output(sys.executable, "-c", build, cwd=copy_source(folder / "python"))
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(built / f"{NAME}-{version()}-py3-none-any.whl") as file:
        yield file


@pytest.fixture(scope="module")
def environment(built: Path, venv: Environment) -> Environment:
    """pip has installed the plugin in it, from the sdist."""
    venv.install(next(built.glob("*.tar.gz")))
    return venv


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    lines = [line[4:] for line in LOOKS.splitlines()]
    (tmp_path / "test_looks.py").write_text("\n".join(lines))
    return tmp_path


def modules() -> dict[str, bytes]:
    return {
        str(path.relative_to(PYTHON)): path.read_bytes() for path in (PYTHON / NAME).rglob("*.py")
    }


def entry_points(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


def metadata(wheel: zipfile.ZipFile, name: str = "METADATA") -> email.message.Message:
    return email.message_from_bytes(wheel.read(f"{NAME}-{version()}.dist-info/{name}"))


def test_wheel(wheel: zipfile.ZipFile) -> None:
    found = {name: wheel.read(name) for name in wheel.namelist() if ".dist-info/" not in name}
    assert found == modules()


def test_sdist(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as file:
        found = {
            member.name.partition("/")[2]: file.extractfile(member) for member in file.getmembers()
        }
    for name in ("LICENSE", "README.md", "VERSION", "pyproject.toml", "PKG-INFO"):
        assert found[name] is not None, name  # a file, and no link to what is outside
    assert {name for name in found if name.endswith(".py")} == set(modules())


def test_metadata(wheel: zipfile.ZipFile) -> None:
    found = metadata(wheel)
    assert (found["Name"], found["Version"]) == ("schedctl-pytest", version())
    assert "License :: OSI Approved :: MIT License" in found.get_all("Classifier", [])
    assert found.get_payload().strip() == (PYTHON / "README.md").read_text().strip()
    licence = next(name for name in wheel.namelist() if name.endswith("/LICENSE"))
    assert wheel.read(licence) == (SOURCE / "LICENSE").read_bytes()
    assert found.get_all("Provides-Extra") == ["xdist"]


def test_requirements(wheel: zipfile.ZipFile) -> None:
    """Those that the plugin itself checks."""
    source = ast.parse((PYTHON / NAME / "plugin.py").read_text())
    values = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("_PYTHON", "_PYTEST")
    }
    found = metadata(wheel)
    python = ".".join(map(str, values["_PYTHON"]))
    assert found["Requires-Python"] == f">={python}"
    required = [re.sub(r"[ ()]", "", line) for line in found.get_all("Requires-Dist", [])]
    assert required[0] == f"pytest>={values['_PYTEST']}.0"
    assert all("extra==" in line for line in required[1:])


def test_what_a_run_brings_along(wheel: zipfile.ZipFile) -> None:
    """The same plugin under another name."""
    info = PYTHON / "schedctl_run.dist-info"
    packaged = wheel.read(f"{NAME}-{version()}.dist-info/entry_points.txt").decode()
    assert entry_points((info / "entry_points.txt").read_text()) == entry_points(packaged)
    template = email.message_from_string((info / "METADATA.in").read_text())
    assert template["Requires-Python"] == metadata(wheel)["Requires-Python"]


def test_pytest_finds_it(environment: Environment, suite: Path) -> None:
    told = environment.pytest(suite, "--trace-config", "-k", "not fails")
    listed = [line for line in told.splitlines() if line.startswith("  schedctl-pytest-")]
    assert len(listed) == 1
    assert listed[0].split()[0] == f"schedctl-pytest-{version()}"
    assert listed[0].split(" at ")[1].startswith(str(environment.folder))


def session(environment: Environment, suite: Path, *arguments: str) -> list[str]:
    """What it prints, less the list of plugins and the time that it took."""
    home = suite / "home"
    home.mkdir(exist_ok=True)
    command = ["-rA", "--tb=short", "-p", "no:cacheprovider", *arguments]
    script = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]) != 1)"
    told = environment.run(
        "-c", script, *command, cwd=suite, HOME=str(home), XDG_RUNTIME_DIR=str(home)
    )
    assert list(home.iterdir()) == []
    told = re.sub(r"(?m) in [\d.]+s ", "", told)
    return [line for line in told.splitlines() if not line.startswith("plugins: ")]


def test_nothing_is_different(environment: Environment, suite: Path) -> None:
    """Where nobody asks: of all its modules the entry point alone is loaded, and nothing is left
    in the environment, in sys.path, in the home or in what is printed."""
    with_it = session(environment, suite)
    without = session(environment, suite, "-p", "no:schedctl")
    loaded = [line for line in with_it if line.startswith("modules ")]
    assert loaded == [f"modules ['{NAME}', '{NAME}.plugin']"]
    assert "modules []" in without
    assert "environment []" in with_it
    assert [line for line in with_it if line not in loaded] == [
        line for line in without if line != "modules []"
    ]


def test_editable(environment: Environment, suite: Path, tmp_path: Path) -> None:
    source = copy_source(tmp_path / "source")
    environment.install("-e", source)
    told = environment.pytest(suite, "--trace-config", "-k", "not fails")
    (listed,) = [line for line in told.splitlines() if line.startswith("  schedctl-pytest-")]
    assert listed.split(" at ")[1] == str(source / NAME / "plugin.py")
