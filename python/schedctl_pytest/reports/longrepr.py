"""What a failure looks like where it is no exception's, a doctest's for one: it travels as its
text, and becomes again something that is not a text. pytest puts a text into its short summary, and
the others not."""

from __future__ import annotations

from typing import Any, Dict

_NO_TEXT = "_schedctl_no_text"


def mark(report: Any, data: Dict[str, Any]) -> None:
    """data: the report as it travels."""
    if isinstance(data.get("longrepr"), str) and not isinstance(report.longrepr, str):
        data[_NO_TEXT] = True


def restore(report: Any) -> None:
    """In the reporter."""
    if report.__dict__.pop(_NO_TEXT, False):
        report.longrepr = _shown(report.longrepr)


def _shown(text: str) -> Any:
    from _pytest._code.code import TerminalRepr

    class Shown(TerminalRepr):
        def toterminal(self, tw: Any) -> None:
            tw.line(text)

    return Shown()
