"""What a session says of itself first."""

from __future__ import annotations

import os
import sys
from typing import Any, Dict

import pytest

from .engine import VERSION


def of_session(config: Any, settings: Dict[str, Any]) -> Dict[str, Any]:
    """settings: what the project's own file says. Nobody has asked for more workers than
    pytest-xdist's --maxprocesses, whoever starts them."""
    most = getattr(config.option, "maxprocesses", None) or 0
    if most > 0:
        settings = {**settings, "max_workers": min(most, settings.get("max_workers", most))}
    return {
        "version": VERSION,
        "pid": os.getpid(),
        "python": sys.version.split()[0],
        "pytest": pytest.__version__,
        "rootdir": str(config.rootpath),
        "argv": sys.argv,
        "settings": settings,
    }
