"""--log-file in workers started afresh: each would begin the file anew, and so they add to it."""

from __future__ import annotations

import os
from typing import Any, Optional


def divert(config: Any) -> Optional[str]:
    """Before pytest opens it: the file that the user wants, which pytest then leaves alone."""
    if not hasattr(config.option, "log_file"):
        return None
    path = config.option.log_file or config.getini("log_file")
    if path:
        config.option.log_file = os.devnull
    return path or None


def add_to(config: Any, path: str) -> None:
    """Once pytest has set up its logging."""
    plugin = config.pluginmanager.get_plugin("logging-plugin")
    handler = getattr(plugin, "log_file_handler", None)
    if handler is not None:
        handler.setStream(open(path, "a", encoding="UTF-8"))
