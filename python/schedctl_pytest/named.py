"""The plugin where pytest looks for no entry points and is told a module's name: registered as by
the entry point, unless ``-p schedctl`` has done so, or ``-p no:schedctl`` forbids it."""

from . import plugin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def pytest_addoption(parser, pluginmanager):
    # type: (Any, Any) -> None
    if not pluginmanager.hasplugin("schedctl"):
        pluginmanager.register(plugin, "schedctl")
