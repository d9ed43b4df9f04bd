"""PYTHONPATH with schedctl's own directories and without. An empty part is the current directory.

Read by any Python from 2.7 on.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Optional

_HERE = os.path.dirname(os.path.abspath(__file__))

OWN = os.path.dirname(_HERE)
STARTUP = os.path.join(_HERE, "startup")  # only where pytest looks for no entry points


def without(path):
    # type: (Optional[str]) -> Optional[str]
    """None where nothing is left: the variable was not set, or to nothing."""
    if not path:
        return None
    parts = [part for part in path.split(os.pathsep) if part not in (OWN, STARTUP)]
    return os.pathsep.join(parts) if parts else None


def with_own(environ):
    # type: (Mapping[str, str]) -> str
    """What it has to be in this environment for a pytest to load the plugin."""
    parts = [OWN, without(environ.get("PYTHONPATH"))]
    if environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        parts.insert(0, STARTUP)
    return os.pathsep.join(part for part in parts if part is not None)
