"""gc.freeze() before a fork keeps memory shared, and hides everything frozen from who asks the
collector what there is. A forked worker gives that up the first time somebody asks.

Leak tests do, and hypothesis asks who refers to a random generator.
"""

from __future__ import annotations

import gc
from typing import Any, Callable, Dict, List

_ASKING = ("get_objects", "get_referrers")


def on_demand() -> None:
    """In a forked worker."""
    originals: Dict[str, Callable[..., List[Any]]] = {}
    for name in _ASKING:
        originals[name] = getattr(gc, name)
        setattr(gc, name, _asker(name, originals))


def _asker(name: str, originals: Dict[str, Callable[..., List[Any]]]) -> Callable[..., List[Any]]:
    def ask(*things: Any, **options: Any) -> List[Any]:
        gc.unfreeze()
        for each, original in originals.items():
            setattr(gc, each, original)
        found = originals[name](*things, **options)
        return [one for one in found if one is not things]

    return ask
