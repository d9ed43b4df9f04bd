"""The results as a page: a table for each peer, and every test that passes in the baseline alone
with its reason."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from peers import sources
from peers.runs import HOWS, Place, concerned
from peers.sources import Peer

REASONS = Path(__file__).parent / "reasons.toml"
INTRODUCTION = Path(__file__).parent / "introduction.md"
UNEXPLAINED = "Unexplained"
_PARALLEL = "Parallel running"
_NO_COUNTERPART = "Options of pytest-xdist's without a counterpart"


@dataclass(frozen=True)
class Reason:
    """tests: patterns of "peer file::test"."""

    title: str
    text: str
    tests: Tuple[str, ...]

    def covers(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.tests)


@dataclass
class Failure:
    """One test that passes in the baseline, and the ways in which it did not pass."""

    name: str
    hows: List[str]
    text: str
    alone: bool  # it passes where one worker has all of a session


def reasons() -> List[Reason]:
    with open(REASONS, "rb") as file:
        found = tomllib.load(file)["reason"]
    return [Reason(one["title"], one["text"].strip(), tuple(one["tests"])) for one in found]


def failures(place: Place, peer: Peer) -> Iterator[Failure]:
    for file in sources.files(peer, place.cache):
        found = {how: place.outcomes(peer, how, file) or {} for how in HOWS}
        for nodeid in concerned(found["baseline"]):
            heard = {how: found[how][nodeid] for how in HOWS if nodeid in found[how]}
            hows = [how for how, one in heard.items() if one["outcome"] != "passed"]
            if hows:
                ones = [how for how in heard if how.startswith("one-")]
                alone = bool(ones) and not set(ones) & set(hows)
                name = f"{peer.name} {nodeid}"
                yield Failure(name, hows, heard[hows[0]]["text"], alone)


def title_of(failure: Failure, known: List[Reason]) -> str:
    if "CannotTranslate:" in failure.text:
        return _NO_COUNTERPART
    for reason in known:
        if reason.covers(failure.name):
            return reason.title
    return _PARALLEL if failure.alone else UNEXPLAINED


def render(place: Place) -> str:
    """The page, from the results in the cache folder."""
    parts = [INTRODUCTION.read_text().rstrip()]
    by_title: Dict[str, List[Failure]] = defaultdict(list)
    known = reasons()
    for peer in sources.PEERS:
        if not place.results(peer).exists():
            continue
        parts.append(f"## {peer.project} {peer.version}\n\n" + "\n".join(_rows(place, peer)))
        for failure in failures(place, peer):
            by_title[title_of(failure, known)].append(failure)
    parts.append("## What cannot pass, and why")
    texts = {reason.title: reason.text for reason in known}
    for title in [*texts, *sorted(set(by_title) - set(texts))]:
        if title in by_title:
            parts.append(_section(title, texts.get(title, ""), by_title[title]))
    return "\n\n".join(parts) + "\n"


def _section(title: str, text: str, found: List[Failure]) -> str:
    lines = [f"- `{failure.name}`: {', '.join(failure.hows)}" for failure in found]
    return "\n\n".join(part for part in (f"### {title}", text, "\n".join(lines)) if part)


def _rows(place: Place, peer: Peer) -> Iterator[str]:
    yield f"| file | tests | baseline | {' | '.join(HOWS[1:])} |"
    yield "| --- |" + " ---: |" * (len(HOWS) + 1)
    sums: Dict[str, List[int]] = {how: [0, 0] for how in HOWS[1:]}
    tests = passing = 0
    for file in sources.files(peer, place.cache):
        baseline = place.outcomes(peer, "baseline", file)
        if baseline is None or not concerned(baseline):
            continue
        ids = concerned(baseline)
        tests += len(baseline)
        passing += len(ids)
        cells = [_cell(place.outcomes(peer, how, file), ids, sums[how]) for how in HOWS[1:]]
        name = file.removeprefix(peer.tests + "/")
        yield f"| {name} | {len(baseline)} | {len(ids)} | {' | '.join(cells)} |"
    total = [f"{passed} of {ran}" if ran else "" for passed, ran in sums.values()]
    yield f"| **all** | {tests} | {passing} | {' | '.join(total)} |"


def _cell(found: Any, ids: List[str], total: List[int]) -> str:
    """How many pass; with how many ran where that is not all."""
    ran = [nodeid for nodeid in ids if nodeid in (found or {})]
    if not ran:
        return ""
    passed = sum(found[nodeid]["outcome"] == "passed" for nodeid in ran)
    total[0] += passed
    total[1] += len(ran)
    return str(passed) if len(ran) == len(ids) else f"{passed} of {len(ran)}"
