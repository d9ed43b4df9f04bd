"""Loaded into a peer's own test suite: every pytest that its tests start through pytester runs as a
process of its own, below the command given in PEERS_PREFIX (none for the baseline).

What cannot be done from outside the process (plugins given as objects, looking into hook calls
other than the reports) fails, and does so in the baseline too.

Environment: PEERS_PREFIX: JSON list; PEERS_RESULT: where this session's outcomes go; PEERS_ONLY: a
JSON list of the ids to run, absent for all; PEERS_XDIST: set where pytest-xdist's options are to be
translated.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

import pytest
from _pytest.pytester import HookRecorder, Pytester, RecordedHookCall

SECONDS = 120.0  # for one inner session: some wait for ever where something is wrong
_PLUGIN = "schedctl_pytest.plugin"
_HERE = str(Path(__file__).parent)
_prefix: List[str] = json.loads(os.environ.pop("PEERS_PREFIX"))
_result = Path(os.environ.pop("PEERS_RESULT"))
_only: Optional[Set[str]] = None
if "PEERS_ONLY" in os.environ:
    _only = set(json.loads(Path(os.environ.pop("PEERS_ONLY")).read_text()))
_translate = os.environ.pop("PEERS_XDIST", "") != ""

_outcomes: Dict[str, Dict[str, Any]] = {}
_sessions = 0

_run = Pytester.run
_init = Pytester.__init__


class OutOfScope(Exception):
    """Only a session in the same process could do this."""


def _new(self: Any, *args: Any, **kwargs: Any) -> None:
    self._peers_path = list(sys.path)
    _init(self, *args, **kwargs)


def _python_path(pytester: Any) -> List[str]:
    """What the test has put into sys.path."""
    return [path for path in sys.path if path not in pytester._peers_path]


def _pytest_command(self: Any) -> Tuple[str, ...]:
    return (*_prefix, sys.executable, "-mpytest")


def _objects(pytester: Any, given: Sequence[Any]) -> List[str]:
    plugins = [*pytester.plugins, *given]
    if any(not isinstance(plugin, str) for plugin in plugins):
        raise OutOfScope("plugins as objects")
    return [part for plugin in plugins for part in ("-p", plugin)]


def _session(pytester: Any, arguments: Sequence[Any], timeout: Optional[float], record: str) -> Any:
    """Runs one inner pytest; record: where its reports go, or nothing."""
    global _sessions
    _sessions += 1
    command = list(_pytest_command(pytester))
    texts = [os.fspath(argument) for argument in arguments]
    if _translate and _prefix:
        command, texts = importlib.import_module("peers_xdist").translated(command, texts)
    extra = _python_path(pytester)
    if record or "peers_xdist" in texts:
        extra.append(_HERE)
    if record:
        texts[:0] = ["-p", "peers_recorder"]
    importlib.invalidate_caches()
    with pytest.MonkeyPatch.context() as patch:
        if record:
            patch.setenv("PEERS_CALLS", record)
        for path in reversed(extra):
            patch.setenv("PYTHONPATH", path, prepend=os.pathsep)
        if _prefix and os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
            _name_plugin(patch)
        result = _run(pytester, *command, *texts, timeout=timeout or SECONDS)
    assert "the run cannot be reached" not in result.stderr.str()
    return result


def _name_plugin(patch: Any) -> None:
    """As schedctl does where pytest does not look for plugins; the double leaves it to others."""
    named = os.environ.get("PYTEST_PLUGINS", "")
    if _PLUGIN not in named.split(","):
        patch.setenv("PYTEST_PLUGINS", f"{named},{_PLUGIN}" if named else _PLUGIN)


def _runpytest_inprocess(self: Any, *args: Any, **kwargs: Any) -> Any:
    if kwargs.pop("syspathinsert", False):
        self.syspathinsert()
    kwargs.pop("no_reraise_ctrlc", None)
    plugins = _objects(self, kwargs.pop("plugins", ()))
    return _session(self, [*plugins, *args], None, "")


def _runpytest_subprocess(self: Any, *args: Any, timeout: Optional[float] = None) -> Any:
    from _pytest.pathlib import make_numbered_dir

    base = make_numbered_dir(root=self.path, prefix="runpytest-", mode=0o700)
    return _session(self, [f"--basetemp={base}", *_objects(self, ()), *args], timeout, "")


def _inline_run(self: Any, *args: Any, plugins: Any = (), no_reraise_ctrlc: bool = False) -> Any:
    record = self.path.with_name(f"{self.path.name}-calls-{_sessions}.json")
    result = _session(self, [*_objects(self, plugins), *args], None, str(record))
    return _recorder(self, record, result.ret)


def _recorder(pytester: Any, record: Path, status: Any) -> Any:
    """pytester's recorder of hook calls, with the calls that the reporting process heard."""
    recorder: Any = HookRecorder.__new__(HookRecorder)
    recorder.calls = []
    recorder.ret = status
    if record.exists():
        hook = pytester._request.config.hook
        for name, given in json.loads(record.read_text()):
            if "report" in given:
                given["report"] = hook.pytest_report_from_serializable(
                    config=pytester._request.config, data=given["report"]
                )
            recorder.calls.append(RecordedHookCall(name, given))
    return recorder


def pytest_configure() -> None:
    patched: Any = Pytester
    patched.__init__ = _new
    patched.runpytest_inprocess = _runpytest_inprocess
    patched.runpytest_subprocess = _runpytest_subprocess
    patched.inline_run = _inline_run
    patched._getpytestargs = _pytest_command
    path = [part for part in os.environ["PYTHONPATH"].split(os.pathsep) if part != _HERE]
    os.environ["PYTHONPATH"] = os.pathsep.join(path)
    if not path:
        del os.environ["PYTHONPATH"]


# trylast: after the suite's own conftest has had its way
@pytest.hookimpl(trylast=True)  # type: ignore[misc]
def pytest_collection_modifyitems(items: List[Any]) -> None:
    if _only is not None:
        items[:] = [item for item in items if item.nodeid in _only]


@pytest.hookimpl(tryfirst=True)  # type: ignore[misc]
def pytest_runtest_setup(item: Any) -> None:
    global _sessions
    _sessions = 0


def pytest_runtest_logreport(report: Any) -> None:
    known = _outcomes.setdefault(report.nodeid, {"outcome": "passed", "sessions": 0, "text": ""})
    known["sessions"] = _sessions
    outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
    if outcome != "passed" and known["outcome"] != "failed":
        known["outcome"] = outcome
    if report.failed:
        known["text"] = _text(report)
    if report.when == "teardown":
        _write()


def _text(report: Any) -> str:
    """What tells one failure from another: the error, and the end of what was said."""
    said = "\n".join(text for title, text in report.sections if "Captured" in title)
    return f"{report.longreprtext[-3000:]}\n{said[-6000:]}"


def _write() -> None:
    temporary = _result.with_suffix(".part")
    temporary.write_text(json.dumps(_outcomes))
    temporary.rename(_result)


def pytest_sessionfinish() -> None:
    _write()
