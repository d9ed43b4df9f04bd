"""What a user sees of a session, without what may differ: times, addresses, pytest's list of
plugins, and the order and grouping in which progress was shown."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Tuple

from suites import Ran

_TIME = re.compile(r"\b\d+\.\d\ds\b(?: \(\d+:\d\d:\d\d\))?")
_ADDRESS = re.compile(r"\b0x[0-9a-f]+\b")
_PROGRESS = re.compile(r"(?:\x1b\[\d+m)? *\[ *(?:\d+%|\d+/\d+)\](?:\x1b\[0m)?$")
_FILE = re.compile(r"^\S+\.\w+ (?=\S)")
_LETTER = re.compile(r"(?:\x1b\[\d+m)*[^\s\x1b](?:\x1b\[0m)?")
_VERBOSE = re.compile(r"^\S+::.* (?:\x1b\[\d+m)?(?:PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b")


def around(out: str) -> Tuple[List[str], List[str]]:
    """The lines before and after the progress."""
    lines, first, last = _cut(out)
    return lines[:first], lines[last:]


def progress(out: str) -> List[str]:
    """Sorted: the lines of verbose progress, or the letters, with their colours; without shares."""
    lines, first, last = _cut(out)
    texts = [_PROGRESS.sub("", line) for line in lines[first:last]]
    if any(_VERBOSE.match(text) for text in texts):
        return sorted(text.rstrip() for text in texts)
    return sorted(letter for text in texts for letter in _LETTER.findall(_FILE.sub("", text)))


def _is_progress(line: str) -> bool:
    return bool(_PROGRESS.search(line) or _VERBOSE.match(line))


def _cut(out: str) -> Tuple[List[str], int, int]:
    lines = [_ADDRESS.sub("0x", _TIME.sub("#s", line)) for line in out.splitlines()]
    lines = [line for line in lines if not line.startswith("plugins: ")]
    shares = [index for index, line in enumerate(lines) if _is_progress(line)]
    if not shares:
        return lines, len(lines), len(lines)
    return lines, shares[0], shares[-1] + 1


def differences(serial: Ran, ours: Ran) -> Dict[str, Tuple[Any, Any]]:
    """What a user, or a plugin that reports, can tell the two apart by: what each has."""
    one, two = _facts(serial), _facts(ours)
    return {name: (one[name], two[name]) for name in one if one[name] != two[name]}


def _facts(ran: Ran) -> Dict[str, Any]:
    before, after = around(ran.out)
    return {
        "status": ran.status,
        "reports": sorted(map(repr, ran.reports)),
        "warnings": sorted(map(repr, ran.warnings)),
        "before": before,
        "progress": progress(ran.out),
        "after": after,
        "standard error": ran.err,
    }
