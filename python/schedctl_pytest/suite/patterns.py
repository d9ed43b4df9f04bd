"""Items that a pattern of the project's settings names."""

from __future__ import annotations

import fnmatch
import re
from typing import Iterable, Pattern

# What may follow where a pattern ends: nothing, or a folder's files, a file's classes and
# functions, a function's parameters.
_TAILS = ("", "/*", "::*", "[[]*")


def compiled(patterns: Iterable[str]) -> Pattern[str]:
    """Matches the node ids that one of these is a leading part of, as a plain text or as a glob.

    A leading part ends where the id has ``/``, ``::`` or ``[``. In a glob ``*`` stands for
    anything, those included.
    """
    texts = []
    for pattern in map(_trimmed, patterns):
        for tail in _TAILS:
            texts.append(fnmatch.translate(pattern + tail))
            if "[" in pattern:
                texts.append(fnmatch.translate(pattern.replace("[", "[[]") + tail))
    return re.compile("|".join(texts) or r"(?!)")


def _trimmed(pattern: str) -> str:
    return pattern[2:].rstrip("/") if pattern.startswith("./") else pattern.rstrip("/")
