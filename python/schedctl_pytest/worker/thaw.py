"""gc.freeze() before a fork keeps memory shared, and hides everything frozen from who asks the
collector what there is. A forked worker gives that up the first time somebody asks.

Leak tests do, and hypothesis asks who refers to a random generator. The collector's audit events
tell of it; a function in place of its own would add a frame to what refers to things.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

_ASKING = frozenset(("gc.get_objects", "gc.get_referrers"))


def on_demand() -> None:
    """In a forked worker."""
    sys.addaudithook(_hear)


def _hear(event: str, _given: Any) -> None:
    if event in _ASKING:
        gc.unfreeze()
