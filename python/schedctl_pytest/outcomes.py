"""What the terminal's plugin has counted, for the engine."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Set


def of_session(config: Any, nodeids: Sequence[str]) -> Dict[str, Any]:
    """How many items there are of each kind, and which of these did not pass: those with these ids;
    nothing of that where nobody keeps count."""
    stats = _stats(config)
    return {**_counts(stats or {}), **(_items(stats, nodeids) if stats is not None else {})}


def _counts(stats: Any) -> Dict[str, int]:
    return {
        "passed": len(stats.get("passed", ())),
        "failed": len(stats.get("failed", ())),
        "skipped": len(stats.get("skipped", ())),
        "errors": len(stats.get("error", ())),
    }


def _items(stats: Any, nodeids: Sequence[str]) -> Dict[str, List[int]]:
    found = {
        "failed_items": _nodeids(stats, "failed", "error"),
        "skipped_items": _nodeids(stats, "skipped"),
    }
    return {
        field: [index for index, nodeid in enumerate(nodeids) if nodeid in wanted] if wanted else []
        for field, wanted in found.items()
    }


def _stats(config: Any) -> Any:
    """The terminal plugin's reports by category; None where there is none that keeps them."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    return getattr(terminal, "stats", None)


def _nodeids(stats: Any, *categories: str) -> Set[str]:
    return {
        getattr(report, "nodeid", "")
        for category in categories
        for report in stats.get(category, ())
    }
