"""Loaded into an inner session: writes what its reporting process heard to the file PEERS_CALLS, as
[hook, arguments] in order."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Tuple

_calls: List[Tuple[str, Dict[str, Any]]] = []


def _note(config: Any, name: str, report: Any) -> None:
    data = config.hook.pytest_report_to_serializable(config=config, report=report)
    _calls.append((name, {"report": data}))


class Recorder:
    def __init__(self, config: Any) -> None:
        self._config = config
        self._path = Path(os.environ["PEERS_CALLS"])

    def pytest_collectreport(self, report: Any) -> None:
        _note(self._config, "pytest_collectreport", report)

    def pytest_runtest_logreport(self, report: Any) -> None:
        _note(self._config, "pytest_runtest_logreport", report)

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        _calls.append(("pytest_runtest_logstart", {"nodeid": nodeid, "location": location}))

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        _calls.append(("pytest_runtest_logfinish", {"nodeid": nodeid, "location": location}))

    def pytest_unconfigure(self) -> None:
        # A report may hold what a user's test has put there.
        self._path.write_text(json.dumps(_calls, default=str))


def pytest_configure(config: Any) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(config), "peers-recorder-calls")
