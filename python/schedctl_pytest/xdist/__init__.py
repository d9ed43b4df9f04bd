"""Suites that pytest-xdist deals: its controller reports to an engine, which pins the workers, says
in which order the items are to begin, and keeps their seconds.

``auto`` is the way in for ``pytest -n auto`` without a run, ``controller`` the plugin of both ways;
``scheduler`` and ``deal`` say which worker gets what. None of them is imported where pytest-xdist
does not distribute. The protocol is in docs/run-protocol.md.
"""

from typing import Any, List

CHOOSE = ("auto", "logical")  # what -n may be besides a number
CONTROLLER = "schedctl-xdist"  # the plugin's name


def others(hook: Any) -> List[str]:
    """The modules that implement it besides pytest-xdist's and ours."""
    names = [implementation.function.__module__ for implementation in hook.get_hookimpls()]
    return [name for name in names if name.partition(".")[0] not in ("xdist", "schedctl_pytest")]
