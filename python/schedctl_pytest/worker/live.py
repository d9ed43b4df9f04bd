"""Where nothing is captured (-s), or logs are shown as they come: what an item writes is handed
over with each of its reports and shown between them, as in a serial run."""

from __future__ import annotations

from typing import Any

from .. import compat
from ..reports.said import Said

_MARK = "\0"  # no line that a terminal shows


class Live:
    """A worker's plugin; packer gets what was written before each report. The terminal's writer,
    which live logs use, knows how wide its line is: whether they began a new one is told too."""

    def __init__(self, written: Said, packer: Any, terminal: Any) -> None:
        self._written = written
        self._packer = packer
        self._writer = getattr(terminal, "_tw", None)
        self._mark()

    @compat.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self) -> None:
        self.take()

    @compat.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self) -> None:
        self.take()

    def take(self) -> None:
        texts = self._written.take()
        if texts:
            self._packer.say_now(*texts, self._mark())

    def _mark(self) -> bool:
        """Whether the writer's line is another than at the last call."""
        if self._writer is None:
            return False
        moved = getattr(self._writer, "_current_line", _MARK) != _MARK
        self._writer._current_line = _MARK
        return moved
