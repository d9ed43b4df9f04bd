"""Suites in temporary folders, run serially and in workers, with what pytest's plugins heard of
it."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, Iterable, List, Set, Tuple

import pytest
from _pytest.config import default_plugins

HERE = Path(__file__).parent
BUILD = Path(os.environ["SCHEDCTL_BUILD"]) if "SCHEDCTL_BUILD" in os.environ else None

# Loaded by every session that is compared: what the reporting process heard, in order. A serial run
# shows the letters of unittest's subtests while their test runs, which captures them; pytest means
# them for the terminal, and that is where it shows those of its own fixture.
RECORDER = """
import json, os

import pytest

reports, warned, capture = [], [], None

def pytest_configure(config):
    global capture
    capture = config.pluginmanager.getplugin("capturemanager")

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_logreport(report):
    record(report)
    if capture is None or type(report) is pytest.TestReport:
        yield
        return
    with capture.global_and_fixture_disabled():
        yield

def record(report):
    reports.append([report.nodeid, report.when, report.outcome, hasattr(report, "wasxfail"),
                    sorted(title for title, _ in report.sections), report.user_properties])

def pytest_warning_recorded(warning_message, when, nodeid):
    what = warning_message.category.__name__, str(warning_message.message)
    warned.append([*what, when, nodeid])

def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        with open(os.environ["RECORD"], "w") as file:
            json.dump({"reports": reports, "warnings": warned}, file)
"""


@dataclass
class Ran:
    """One finished session."""

    status: int
    out: str
    err: str
    reports: List[Any]
    warnings: List[Any]
    events: List[Dict[str, Any]]

    def outcomes(self) -> List[Tuple[str, str, str]]:
        return sorted((nodeid, when, outcome) for nodeid, when, outcome, *_ in self.reports)

    def summary(self) -> str:
        """pytest's last line without its time."""
        lines = [line for line in self.out.splitlines() if re.search(r" in [\d.]+s", line)]
        return re.sub(r" in [\d.]+s.*", "", lines[-1]).strip("= ") if lines else ""

    def failed(self) -> List[str]:
        return [nodeid for nodeid, _, outcome, *_ in self.reports if outcome == "failed"]

    def event(self, name: str) -> Dict[str, Any]:
        """What the reporter told the protocol's double."""
        return next(event for event in self.events if event.get("event") == name)


_serial: Dict[Any, Ran] = {}

_LOADED = frozenset(("xdist", "xdist.looponfail", "pytest_cov"))
_ADDOPTS = "PYTEST_ADDOPTS"


def unloaded(wanted: Iterable[str]) -> str:
    """Options that keep pytest from loading plugins which happen to be installed, so that a suite
    costs and means the same on every machine. wanted: names of entry points."""
    loaded = _LOADED.union(wanted)
    found = {entry.name for entry in plugins()} - loaded - set(default_plugins)
    return " ".join(f"-p no:{name}" for name in sorted(found))


@functools.lru_cache(maxsize=None)
def plugins() -> Tuple[metadata.EntryPoint, ...]:
    """pytest's plugins that are installed for this interpreter."""
    found = (
        entry for distribution in metadata.distributions() for entry in distribution.entry_points
    )
    return tuple(entry for entry in found if entry.group == "pytest11" and entry.name != "schedctl")


class Suite:
    """Files of a test suite, and ways to run them."""

    def __init__(self, path: Path, engine: str, runtime: Path) -> None:
        """runtime: where the service of all of them listens."""
        self.path = path / "suite"
        self.path.mkdir()
        self.engine = engine
        self.wanted: Set[str] = set()
        self.python = sys.executable
        self._scratch = path
        self._runtime = runtime
        self._runs = 0
        (path / "recorder.py").write_text(RECORDER)

    def write(self, **files: str) -> "Suite":
        """name="text" writes name.py."""
        for name, text in files.items():
            (self.path / f"{name}.py").write_text(textwrap.dedent(text))
        return self

    def load(self, *names: str) -> "Suite":
        """Lets pytest load these installed plugins, which it otherwise does not."""
        self.wanted.update(names)
        return self

    def serial(self, *arguments: str, **environ: str) -> Ran:
        """Once for the same files, arguments and environment, whoever asks."""
        key = (self._files(), arguments, tuple(environ.items()), tuple(sorted(self.wanted)))
        if key not in _serial:
            _serial[key] = self.run([], arguments, environ)
        return _serial[key]

    def _files(self) -> Tuple[Tuple[str, str], ...]:
        files = (path for path in self.path.rglob("*") if path.is_file())
        return tuple(sorted((str(p.relative_to(self.path)), p.read_text()) for p in files))

    def parallel(self, *arguments: str, start: str = "auto", w: int = 2, **environ: str) -> Ran:
        return self.run(self.launcher(start, w), arguments, environ)

    def launcher(self, start: str, workers: int, *options: str) -> List[str]:
        if self.engine == "double":
            command = [sys.executable, str(HERE / "fake_engine.py"), "--pythonpath", plugin_path()]
            return [*command, "-w", str(workers), "--start", start, *options, "--"]
        return [schedctl(), "run", "-w", str(workers), "--start", start, *options, "--"]

    def environ(self, **extra: str) -> Dict[str, str]:
        dropped = ("PYTEST_", "SCHEDCTL", "COV_")
        environ = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        environ.update(
            PYTHONPATH=str(self._scratch),
            PYTHONDONTWRITEBYTECODE="1",
            XDG_STATE_HOME=str(self._scratch / "state"),
            XDG_RUNTIME_DIR=str(self._runtime),
            XDG_CONFIG_HOME=str(self._runtime / "config"),
            SCHEDCTL_SOCKET=str(self._runtime / "socket"),
        )
        addopts = f"{unloaded(self.wanted)} {extra.get(_ADDOPTS, '')}".strip()
        return {**environ, **extra, **({_ADDOPTS: addopts} if addopts else {})}

    def run(
        self,
        prefix: List[str],
        arguments: Tuple[str, ...],
        extra: Dict[str, str],
        program: Tuple[str, ...] = ("-m", "pytest", "-p", "recorder"),
    ) -> Ran:
        self._runs += 1
        record = self._scratch / f"record-{self._runs}.json"
        log = self._scratch / f"engine-{self._runs}.log"
        command = [*prefix, self.python, *program, *arguments]
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.environ(RECORD=str(record), FAKE_ENGINE_LOG=str(log), **extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        heard = json.loads(record.read_text()) if record.exists() else {}
        return Ran(
            done.returncode,
            done.stdout,
            done.stderr,
            heard.get("reports", []),
            heard.get("warnings", []),
            [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else [],
        )


def plugin_path() -> str:
    if BUILD is None or not (BUILD / "python").is_dir():
        pytest.skip("needs a build: set SCHEDCTL_BUILD")
    return str(BUILD / "python")


def schedctl() -> str:
    program = BUILD / "cli" / "schedctl" if BUILD is not None else None
    if program is None or not program.exists():
        pytest.skip("needs a build: set SCHEDCTL_BUILD")
    return str(program)


@pytest.fixture
def engine() -> str:
    """Who deals: the real one; "double" for the protocol's small double."""
    return "schedctl"


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: Any) -> Path:
    """Runs are as nice as the tests are: what else is done would keep nicer ones waiting."""
    path: Path = tmp_path_factory.mktemp("runtime")
    configuration = path / "config/schedctl/schedd.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text("[Headroom]\nPolicy=performance\n")
    path.chmod(0o700)
    return path


@pytest.fixture(params=["fork", "spawn"])
def start(request: Any) -> str:
    return str(request.param)


@pytest.fixture
def suite(tmp_path: Path, engine: str, runtime: Path) -> Suite:
    return Suite(tmp_path, engine, runtime)
