"""What a session says of itself first."""

from __future__ import annotations

import os
import sys
from typing import Any, Dict

import pytest

from .engine import VERSION


def of_session(config: Any, settings: Dict[str, Any]) -> Dict[str, Any]:
    """settings: what the project's own file says."""
    return {
        "version": VERSION,
        "pid": os.getpid(),
        "python": sys.version.split()[0],
        "pytest": pytest.__version__,
        "rootdir": str(config.rootpath),
        "argv": sys.argv,
        "settings": settings,
    }
