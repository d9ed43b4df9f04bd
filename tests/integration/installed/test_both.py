"""The plugin that the user has installed beside the one that `schedctl run` brings along: one of
them is loaded, and pip sees the user's as it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .helps import BUILD, SOURCE, version
from .wheels import OFFLINE, PATIENCE, PIP, Environment, copy_source, environment

SCHEDCTL = BUILD / "cli/schedctl"

# Who was loaded, how often, and what tests see of it.
SUITE = """
import os, sys
import pytest

@pytest.fixture
def plugin(request):
    manager = request.config.pluginmanager
    found = {name: p for name, p in manager.list_name_plugin() if getattr(p, "why_unfit", None)}
    assert list(found) == ["schedctl"]
    (plugin,) = found.values()
    return plugin

def test_one(plugin):
    print("loaded from", plugin.__file__)

def test_two(plugin):
    for part in sys.path + os.environ.get("PYTHONPATH", "").split(":"):
        assert os.environ["OWN"] != part
    print("site", [part for part in sys.path if part.startswith(sys.prefix)])
"""


def protocol() -> int:
    text = (SOURCE / "python/schedctl_pytest/engine.py").read_text()
    found = re.search(r"^VERSION = (\d+)$", text, re.MULTILINE)
    assert found
    return int(found[1])


VERSIONS = {
    "same": (version(), protocol()),
    "older": ("0.0.9", protocol() - 1),
    "newer": ("99.0", protocol() + 1),
}


class Installed:
    def __init__(self, venv: Environment, kind: str, folder: Path) -> None:
        self.venv = venv
        self.version, protocol = VERSIONS[kind]
        self.speaks_alike = kind == "same"
        self.folder = folder
        venv.install(copy_source(Path(tempfile.mkdtemp(dir=folder)) / kind, self.version, protocol))

    def below_run(self, suite: Path, *arguments: object, **environ: str) -> tuple[str, str]:
        return self._python((SCHEDCTL, "run", "-w", "2", "--"), suite, *arguments, **environ)

    def beside_schedctl(self, suite: Path, *arguments: object) -> tuple[str, str]:
        """schedctl is in PATH."""
        return self._python((), suite, *arguments, PATH=f"{SCHEDCTL.parent}:{os.environ['PATH']}")

    def _python(
        self, prefix: tuple[object, ...], suite: Path, *arguments: object, **environ: str
    ) -> tuple[str, str]:
        """Standard output and error of the environment's Python with these arguments."""
        private = {
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "SCHEDCTL_SOCKET": str(self.folder / "socket"),
            "OWN": str(BUILD / "python"),
        }
        done = subprocess.run(
            [*map(str, (*prefix, self.venv.python, *arguments))],
            cwd=suite,
            env=environment(**{**private, **environ}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, done.stderr


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short: sockets are in it."""
    path = Path(tempfile.mkdtemp(prefix="schedctl-"))
    (path / "config/schedctl").mkdir(parents=True)
    (path / "config/schedctl/schedd.conf").write_text("[Headroom]\nPolicy=performance\n")
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module", params=VERSIONS)
def installed(request: pytest.FixtureRequest, venv: Environment, folder: Path) -> Installed:
    return Installed(venv, request.param, folder)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_both.py").write_text(SUITE)
    return tmp_path


PYTEST = ("-m", "pytest", "-q", "-s", "-p", "no:cacheprovider")


def test_pip_replaces_it_below_a_run(venv: Environment, folder: Path, suite: Path) -> None:
    """What the run brings along is neither in the way nor touched."""
    installed = Installed(venv, "older", folder)
    before = sorted((BUILD / "python").rglob("*.py"))
    source = copy_source(suite / "source", "98.0")
    installed.below_run(suite, *PIP, "install", "-q", *OFFLINE, source)
    assert "Version: 98.0\n" in venv.run(*PIP, "show", "schedctl-pytest")
    installed.below_run(suite, *PIP, "uninstall", "-q", "-y", "schedctl-pytest")
    assert "schedctl" not in venv.run(*PIP, "freeze", "--all")
    assert sorted((BUILD / "python").rglob("*.py")) == before


def loaded_from(out: str) -> str:
    (found,) = re.findall(r"loaded from (.*)", out)
    return str(found)


def test_the_runs_own_is_loaded(installed: Installed, suite: Path) -> None:
    out, err = installed.below_run(suite, *PYTEST)
    assert loaded_from(out) == str(BUILD / "python/schedctl_pytest/plugin.py")
    assert str(installed.venv.folder) in out.partition("site ")[2]  # sys.path still has it
    assert "schedctl: 2 tests on 2 workers" in err
    assert "version" not in err


@pytest.mark.parametrize("own", [(), ("-p", "schedctl")], ids=["not asked for", "-p schedctl"])
def test_no_entry_points(installed: Installed, suite: Path, own: tuple[str, ...]) -> None:
    out, err = installed.below_run(suite, *PYTEST, *own, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert loaded_from(out) == str(BUILD / "python/schedctl_pytest/plugin.py")
    assert "schedctl: 2 tests on 2 workers" in err


def test_python_that_ignores_the_environment(installed: Installed, suite: Path) -> None:
    """The installed one is all that there is: it joins, or says in a line why not."""
    out, err = installed.below_run(suite, "-I", *PYTEST)
    assert loaded_from(out).startswith(str(installed.venv.folder))
    assert "2 passed" in out
    assert ("schedctl: 2 tests on 2 workers" in err) == installed.speaks_alike
    said = [line for line in err.splitlines() if "another version" in line]
    assert len(said) == (not installed.speaks_alike), err


def test_pip(installed: Installed, suite: Path) -> None:
    """It lists the user's, as it is, and would not take the run's for it."""
    for listing in (("list", "--format=freeze"), ("freeze", "--all")):
        out, _ = installed.below_run(suite, *PIP, *listing)
        names = [line for line in out.splitlines() if "schedctl" in line]
        assert len(names) == 1 and names[0].startswith("schedctl-pytest")
    assert (
        f"Version: {installed.version}\n"
        in installed.below_run(suite, *PIP, "show", "schedctl-pytest")[0]
    )
    check = "import importlib.metadata as m; print(m.version('schedctl-pytest'))"
    assert installed.below_run(suite, "-c", check)[0].strip() == installed.version


AUTO = """
import os
import pytest

@pytest.mark.parametrize("n", range(8))
def test_auto(n, worker_id):
    assert worker_id != "master"
    assert ("SCHEDCTL_SLOT" in os.environ) == (os.environ["LENT"] == "1")
"""


def test_numprocesses_of_another_version(installed: Installed, suite: Path) -> None:
    """pytest -n auto without a run: where the two do not speak alike pytest-xdist goes on by
    itself, and the user hears of it in one line."""
    pytest.importorskip("xdist")
    (suite / "test_both.py").write_text(AUTO)
    lent = "1" if installed.speaks_alike else "0"
    command = ("-c", f"import os, pytest; os.environ['LENT'] = '{lent}'; exit(pytest.main())")
    out, err = installed.beside_schedctl(suite, *command, "-p", "no:cacheprovider", "-n", "auto")
    assert "8 passed" in out
    said = [line for line in (out + err).splitlines() if line.startswith("schedctl")]
    assert len(said) == (not installed.speaks_alike), out + err
