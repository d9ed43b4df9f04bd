"""Suites that pytest-xdist deals: its controller reports to an engine, which pins the workers, says
in which order the items are to begin, and keeps their seconds.

``auto`` is the way in for ``pytest -n auto`` without a run, ``controller`` the plugin of both ways;
``scheduler`` and ``deal`` say which worker gets what. None of them is imported where pytest-xdist
does not distribute. The protocol is in docs/run-protocol.md.
"""

CHOOSE = ("auto", "logical")  # what -n may be besides a number
CONTROLLER = "schedctl-xdist"  # the plugin's name
