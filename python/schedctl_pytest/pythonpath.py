"""PYTHONPATH with schedctl's own directories and without. An empty part is the current directory.

Which these are says the run: this module may be another copy, installed where pytest is, and the
directory that holds that one is the user's. Read by any Python from 2.7 on.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Optional, Tuple

_OWN = os.environ.get("SCHEDCTL_PYTHONPATH", "")
_STARTUP = os.path.join(_OWN, "schedctl_pytest", "startup")

# The first one is there only where pytest looks for no entry points.
OWN = (_STARTUP, _OWN) if _OWN else ()  # type: Tuple[str, ...]


def without(path):
    # type: (Optional[str]) -> Optional[str]
    """None where nothing is left: the variable was not set, or to nothing."""
    if not path:
        return None
    parts = [part for part in path.split(os.pathsep) if part not in OWN]
    return os.pathsep.join(parts) if parts else None


def with_own(environ):
    # type: (Mapping[str, str]) -> str
    """What it has to be in this environment for a pytest to load the plugin."""
    own = OWN if environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD") else OWN[1:]
    rest = without(environ.get("PYTHONPATH"))
    return os.pathsep.join(own if rest is None else own + (rest,))
