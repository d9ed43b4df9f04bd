"""``pytest -n auto`` without a run: this process gets an engine of its own."""

from __future__ import annotations

import os
import sys
from typing import Any, Optional

from ..engine import Engine, EngineGone
from ..surroundings import INSIDE, Surroundings
from . import CHOOSE, CONTROLLER, others
from .attach import Attached, NotAttached, find
from .controller import Controller

VARIABLE = "PYTEST_XDIST_AUTO_NUM_WORKERS"
_IN_A_TEST = "PYTEST_CURRENT_TEST"  # in what a test starts, whoever runs that
# Where nothing is run, or by somebody else.
_OPTIONS = (
    "collectonly",
    "help",
    "version",
    "markers",
    "showfixtures",
    "show_fixtures_per_test",
    "cacheshow",
    "looponfail",
)


def workers(config: Any) -> Optional[int]:
    """How many; None where pytest-xdist is to say."""
    if not is_ours(config):
        return None
    known = config.pluginmanager.get_plugin(CONTROLLER)
    if known is not None:
        return int(known.workers)  # somebody has asked before pytest-xdist did
    if any(name in os.environ for name in (INSIDE, VARIABLE, _IN_A_TEST)):
        return None
    program = find()
    if program is None:
        return None
    try:
        attached = Attached(program)
    except NotAttached as error:
        _say(error)
        return None
    beside = _Beside(config, attached)
    config.add_cleanup(beside.end)
    try:
        return beside.begin()
    except (OSError, EngineGone) as error:
        beside.end()
        _say(error)
        return None


def is_ours(config: Any) -> bool:
    """Whether pytest-xdist asks, for tests that are to run, and nobody else implements the hook:
    whoever does so wins. Others may ask how many CPUs there are."""
    if getattr(config.option, "numprocesses", None) not in CHOOSE:
        return False
    if any(getattr(config.option, name, False) for name in _OPTIONS):
        return False
    return not others(config.hook.pytest_xdist_auto_num_workers)


def _say(error: Exception) -> None:
    sys.stderr.write(f"schedctl: {error}; pytest-xdist chooses the number of workers\n")


class _Beside:
    """The engine's process, the connection to it, and what they change here."""

    def __init__(self, config: Any, attached: Attached) -> None:
        self._config = config
        self._attached = attached
        self._before = {name: os.environ.get(name) for name in attached.environ}
        os.environ.update(attached.environ)
        self._surroundings = Surroundings()  # takes a worker's values of it
        self._controller: Optional[Controller] = None
        self._ended = False

    def begin(self) -> int:
        engine = Engine(self._attached.run)
        self._controller = Controller(self._config, engine)
        number = self._controller.begin(0)
        self._config.pluginmanager.register(self._controller, CONTROLLER)
        return number

    def end(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._controller is not None:
            self._controller.close()
        self._attached.close()
        self._surroundings.restore()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
