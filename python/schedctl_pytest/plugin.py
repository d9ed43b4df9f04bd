"""The entry point: decides whether this pytest takes part in a run; cheap to import where it does
not."""

from __future__ import annotations

import os
from typing import Any


def pytest_addoption(parser: Any, pluginmanager: Any) -> None:
    """The first hook that every session calls, before any conftest file is loaded."""
    if "SCHEDCTL_RUN" in os.environ and "SCHEDCTL_INSIDE" not in os.environ:
        from .participant import Participant

        pluginmanager.register(Participant(), "schedctl-participant")
