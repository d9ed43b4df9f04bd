"""How the user's terminal looks. Workers started afresh see a file, and yet colour what they
explain and log for the terminal, and make lines as wide."""

from __future__ import annotations

from typing import Any, Optional, Tuple

Look = Optional[Tuple[bool, int]]  # colours, and columns; None without a terminal plugin


def of_terminal(config: Any) -> Look:
    writer = _writer(config)
    return None if writer is None else (bool(writer.hasmarkup), int(writer.fullwidth))


def colour(config: Any, look: Look) -> None:
    """Before pytest makes its writers."""
    if look is not None and hasattr(config.option, "color"):
        config.option.color = "yes" if look[0] else "no"


def widen(config: Any, look: Look) -> None:
    writer = _writer(config)
    if look is not None and writer is not None:
        writer.fullwidth = look[1]


def _writer(config: Any) -> Any:
    return getattr(config.pluginmanager.get_plugin("terminalreporter"), "_tw", None)
