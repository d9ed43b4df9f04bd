"""The entry point: decides whether this pytest takes part in a run; cheap to import where it does
not.

Any pytest below a run may load it: this file, elder.py and surroundings.py are to be read by every
Python from 2.7 on.
"""

import os
import sys

from _pytest import __version__ as pytest_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PYTHON = (3, 9)
_PYTEST = 7


def is_asked():
    # type: () -> bool
    return "SCHEDCTL_RUN" in os.environ and "SCHEDCTL_INSIDE" not in os.environ


def why_unfit(python, pytest):
    # type: (Any, str) -> str
    """Why a pytest cannot take part; "" where it can."""
    if tuple(python[:2]) < _PYTHON:
        return "Python %d.%d is older than %d.%d" % (tuple(python[:2]) + _PYTHON)
    major = pytest.split(".")[0]
    if major.isdigit() and int(major) < _PYTEST:  # an unusual build may have no version
        return "pytest %s is older than %d.0" % (pytest, _PYTEST)
    return ""


_WHY = why_unfit(sys.version_info, pytest_version)

if _WHY:
    from . import elder

    def pytest_configure(config):
        # type: (Any) -> None
        if is_asked():
            elder.step_aside(config, _WHY)

else:
    from pytest import hookimpl

    def pytest_addoption(parser, pluginmanager):
        # type: (Any, Any) -> None
        """The first hook that every session calls, before any conftest file is loaded."""
        if is_asked():
            from .compat import load_as_it_is

            load_as_it_is(pluginmanager)
            from .participant import Participant

            participant = Participant()
            pluginmanager.register(participant, "schedctl-participant")
            # After a usage error nothing else is called, and the process may begin another session.
            config = pluginmanager.get_plugin("pytestconfig")
            config.add_cleanup(participant.pytest_unconfigure)

    def pytest_configure(config):
        # type: (Any) -> None
        """In a worker of pytest-xdist, whose controller has an engine; without asking config, where
        others' asking is heard of."""
        if "SCHEDCTL_INSIDE" in os.environ and "workerinput" in vars(config):
            from .suite import marks
            from .xdist import measured

            if measured.KEY in config.workerinput:
                marks.register(config)
                measured.measure(config)

    @hookimpl(tryfirst=True, optionalhook=True)  # type: ignore
    def pytest_xdist_auto_num_workers(config):
        # type: (Any) -> Any
        """``-n auto``: pytest-xdist's number where this gives none."""
        if "SCHEDCTL_RUN" in os.environ:
            return None  # the participant's matter
        from .compat import load_as_it_is

        load_as_it_is(config.pluginmanager)
        from .xdist import auto

        return auto.workers(config)
