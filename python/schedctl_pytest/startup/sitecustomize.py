"""Has pytest load the plugin where PYTEST_DISABLE_PLUGIN_AUTOLOAD keeps it from looking for entry
points.

Python runs this when it starts: only there, and only if it heeds PYTHONPATH, is it certain that the
plugin can be imported when pytest is told its name. Another sitecustomize module that this one
hides is run as well, and nothing shows of this one.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))
_PLUGIN = "schedctl_pytest.named"


class _Ask(object):
    """Waits for pytest to be imported; finds nothing itself."""

    def find_spec(self, name, path=None, target=None):
        # type: (str, Any, Any) -> None
        if name == "_pytest.config":
            sys.meta_path.remove(self)
            plugins = os.environ.get("PYTEST_PLUGINS")
            os.environ["PYTEST_PLUGINS"] = plugins + "," + _PLUGIN if plugins else _PLUGIN


def _run_hidden():
    # type: () -> None
    """What Python would have run without this one."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    spec = PathFinder.find_spec("sitecustomize")
    if spec is None or spec.loader is None:
        # what site expects where there is none
        raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


sys.path[:] = [part for part in sys.path if part != _HERE]
if sys.version_info >= (3, 5):
    sys.meta_path.insert(0, _Ask())
    _run_hidden()
