"""What came of all kills."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator

from .plan import PHASES, VICTIMS
from .world import Struck


def _row(cells: list[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _table(head: list[object], rows: list[list[object]]) -> Iterator[str]:
    yield _row(head)
    yield _row(["---", *["---:"] * (len(head) - 1)])
    yield from map(_row, rows)


def outcomes(kills: list[Struck]) -> Iterator[str]:
    rows: list[list[object]] = []
    for victim in VICTIMS:
        hit = [kill for kill in kills if kill.victim == victim]
        counts = Counter(kill.outcome for kill in hit)
        said = "; ".join(f"{text}: {n}" for text, n in counts.most_common())
        wrong = sum(bool(kill.problems) for kill in hit)
        rows.append([victim, len(hit), said, wrong])
    return _table(["killed", "times", "how the run ended", "not as it should"], rows)


def phases(kills: list[Struck]) -> Iterator[str]:
    counts = Counter((kill.phase, kill.victim) for kill in kills)
    rows: list[list[object]] = [
        [phase, *(counts[phase, victim] or "" for victim in VICTIMS)] for phase in PHASES
    ]
    for row, phase in zip(rows, PHASES):
        row.append(sum(kill.phase == phase for kill in kills))
    return _table(["phase", *VICTIMS, "all"], rows)


def back(kills: list[Struck]) -> str:
    times = sorted(kill.back for kill in kills if kill.victim in VICTIMS and kill.back is not None)
    left = sum(kill.left for kill in kills)
    if not times:
        return "no run ended beside one service"
    return (
        f"PUs back: p50 {statistics.median(times):.2f} s, at most {times[-1]:.2f} s after the last"
        f" process of {len(times)} runs, as Monitor tells, ten times a second at most;"
        f" {left} processes of items left where both were killed"
    )
