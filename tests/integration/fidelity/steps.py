"""Sessions one after the other that remember each other: what each shows, and leaves in pytest's
cache."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any, Dict, List, Sequence

from fidelity.sessions import run_sessions
from suites import Ran, Suite


def walk(suite: Suite, prefix: List[str], steps: Sequence[Sequence[str]]) -> List[Any]:
    """What each step shows and leaves, beginning without a cache."""
    shutil.rmtree(suite.path / ".pytest_cache", ignore_errors=True)
    seen = []
    for arguments in steps:
        (ran,) = run_sessions(suite, prefix, [arguments])
        seen.append((ran.status, shown(ran), ran.err, ran.reports, cache(suite)))
    return seen


def shown(ran: Ran) -> List[str]:
    text = re.sub(r"\d+\.\d\ds|\d+:\d\d:\d\d(?= ago)", "#", ran.out)
    return [line for line in text.splitlines() if not line.startswith("plugins: ")]


def cache(suite: Suite) -> Dict[str, Any]:
    """What pytest remembers, but for the time."""
    found = {}
    for path in (suite.path / ".pytest_cache" / "v" / "cache").iterdir():
        value = json.loads(path.read_text())
        if isinstance(value, dict):
            value.pop("last_cache_date_str", None)
        found[path.name] = value
    return found
