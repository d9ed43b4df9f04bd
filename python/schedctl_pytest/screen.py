"""The terminal while workers run: one write for a batch of items in place of one for each."""

from __future__ import annotations

from typing import Any, List


class _Gathered:
    """A file that keeps what is written until it is told to let go: a write for a batch of
    items."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._parts: List[str] = []

    def write(self, text: str) -> int:
        if not text.isascii():
            text.encode(
                getattr(self._file, "encoding", None) or "utf-8"
            )  # may raise, as file would
        self._parts.append(text)
        return len(text)

    def flush(self) -> None:
        pass

    def let_go(self) -> None:
        if self._parts:
            text = "".join(self._parts)
            self._parts.clear()
            self._file.write(text)
        self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Screen:
    """What pytest's terminal plugin shows is gathered between hold() and give_back()."""

    def __init__(self, terminal: Any) -> None:
        self._writer: Any = getattr(terminal, "_tw", None)
        self._file: Any = None
        self._gathered: Any = None
        if terminal is not None:
            terminal.showfspath = False  # one file after the other is what a serial run shows

    def hold(self) -> None:
        self._file = getattr(self._writer, "_file", None)
        if self._file is not None:
            self._gathered = self._writer._file = _Gathered(self._file)

    def let_go(self) -> None:
        if self._gathered is not None:
            self._gathered.let_go()

    def give_back(self) -> None:
        if self._gathered is not None:
            self._gathered.let_go()
            self._writer._file = self._file
            self._gathered = None
