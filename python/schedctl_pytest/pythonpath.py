"""PYTHONPATH with schedctl's own directory and without. An empty part is the current directory.

Read by any Python from 2.7 on.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


def without(path, own):
    # type: (Optional[str], str) -> Optional[str]
    """None where nothing is left: the variable was not set, or to nothing."""
    if not path:
        return None
    parts = [part for part in path.split(os.pathsep) if part != own]
    return os.pathsep.join(parts) if parts else None


def with_own(path, own):
    # type: (Optional[str], str) -> str
    rest = without(path, own)
    return own if rest is None else own + os.pathsep + rest
