"""The terminal while workers run: items of several files at once, one write for a batch of them,
and at the end lists in the order of a serial run."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

from .. import compat
from ..reports import said

# pytest's own value of currentfspath for a line that does not begin with a file's name
_IN_LINE = -2


class _Unflushed:
    """A file as its users see it, but for flush(): what is written waits in its buffer, together
    with what others write to it, in order."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.write = file.write

    def flush(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Screen:
    """What pytest's terminal plugin shows is gathered between hold() and give_back()."""

    def __init__(self, terminal: Any, items: List[Any], ordered: bool = False) -> None:
        """ordered: items are shown in collection order, as a serial run shows them."""
        self._terminal = terminal
        self._items = items
        self._mixed = not ordered and _several_files(items)
        self._writer: Any = getattr(terminal, "_tw", None)
        self._file: Any = None
        self._buffering: Dict[str, bool] = {}
        self._measure_as_before: Callable[[], None]

    def hold(self) -> None:
        self._file = getattr(self._writer, "_file", None)
        if self._file is None:
            return
        self._measure_as_before = compat.measure_ascii_at_once()
        if self._mixed:
            self._terminal.write_fspath_result = self._write_without_file
        self._writer._file = _Unflushed(self._file)
        if hasattr(self._file, "reconfigure"):
            names = ("line_buffering", "write_through")
            self._buffering = {name: getattr(self._file, name) for name in names}
            # Into the binary buffer, which some plugins write to. With -u there is none.
            self._file.reconfigure(line_buffering=False, write_through=True)

    def _write_without_file(self, nodeid: Any, res: str, **markup: bool) -> None:
        """In place of the terminal's: a line for one file after the other is what only a serial run
        can show. Begins a line, as it does, where there is none."""
        if self._terminal.currentfspath is None:
            self._writer.line()
            self._terminal.currentfspath = _IN_LINE
        if res:
            self._writer.write(res, flush=True, **markup)

    def let_go(self) -> None:
        if self._file is not None:
            self._file.flush()

    def show(self, texts: said.Texts, line: bool = False) -> None:
        """What a worker wrote itself; line: the terminal is at a line's begin after it."""
        if any(texts):
            self.let_go()
            said.show(texts)
        if line and self._writer is not None:
            self._writer._current_line = ""

    def give_back(self) -> None:
        if self._file is None:
            return
        self._measure_as_before()
        self._file.flush()
        if self._buffering:
            self._file.reconfigure(**self._buffering)
        self._writer._file, self._file = self._file, None
        self._terminal.__dict__.pop("write_fspath_result", None)

    def forget(self) -> None:
        """In a forked worker, before its output goes to a file: lines stay as wide."""
        self.give_back()
        if self._writer is not None:
            self._writer.fullwidth = self._writer.fullwidth

    def sort(self) -> None:
        """What is summed up at the end is told in collection order. Passed items are most of them
        and told only where the user asks."""
        stats = getattr(self._terminal, "stats", None)
        if not stats:
            return
        chars = str(getattr(self._terminal, "reportchars", ""))
        quiet = {""} if set("pPA") & set(chars) else {"", "passed"}
        told = [reports for category, reports in stats.items() if category not in quiet]
        if not any(len(reports) > 1 for reports in told):
            return
        place = {item.nodeid: number for number, item in enumerate(self._items)}
        for reports in told:
            reports.sort(key=lambda report: place.get(getattr(report, "nodeid", None), -1))


def _several_files(items: List[Any]) -> bool:
    first = items[0].nodeid.partition("::")[0] if items else ""
    return any(item.nodeid.partition("::")[0] != first for item in items)
