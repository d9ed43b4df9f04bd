"""The tables that a benchmark prints: Markdown, as docs/benchmarks.md holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from contenders import XDIST

Times = Mapping[str, Sequence[float]]
"""Wall seconds of each round, by contender."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))
        ]
        return f"| {' | '.join(padded)} |"

    rule = "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths))
    return "\n".join([line(head), f"|{rule}|", *map(line, rows)])


def seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def ratio(part: float | None, whole: float | None) -> str:
    return "–" if part is None or whole is None else f"{part / whole:.2f}"


def times_table(results: Mapping[str, Times], bounds: Mapping[str, float | None]) -> str:
    """Medians of every suite and contender, and what a warm schedctl takes relative to others."""
    head = ["suite", "serial", *(f"xdist {d}" for d in XDIST), "cold", "warm", "bound"]
    rows = []
    for suite, times in results.items():
        medians = {contender: median(walls) for contender, walls in times.items()}
        best = min((medians[d] for d in XDIST if d in medians), default=None)
        warm = medians.get("warm")
        cells = [seconds(medians.get(c)) for c in ("serial", *XDIST, "cold", "warm")]
        over = ratio(warm, medians.get("serial")), ratio(warm, best)
        rows.append([suite, *cells, seconds(bounds.get(suite)), *over])
    return table([*head, "warm/serial", "warm/best xdist"], rows)
