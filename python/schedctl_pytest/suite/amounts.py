"""Amounts as marks and the project's settings write them. ValueError says what is wrong."""

from __future__ import annotations

import math
import re
from typing import Any, Dict, List

# More than any machine has: who wants more than there is gets all of it.
_MOST = (1 << 31) - 1
_CPUS_MOST = 4096

_MIB = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0 * 1024}
_MEMORY = r"([0-9]+(?:\.[0-9]+)?)([KMGT])(?:i?B)?"
_NAME = r"[^\s:,]+"
_RESOURCE = rf"({_NAME})(?::([0-9]+))?"


def count(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"has to be a number from 1 on, not {value!r}")
    return min(value, _MOST)


def cpus(value: Any) -> int:
    return min(count(value), _CPUS_MOST)


def mebibytes(value: Any) -> int:
    """A number of MiB, or a text with a unit; rounded up."""
    if isinstance(value, str):
        found = re.fullmatch(_MEMORY, value)
        if found is not None and float(found[1]) > 0:
            return min(math.ceil(float(found[1]) * _MIB[found[2]]), _MOST)
    elif type(value) is int and value > 0:
        return min(value, _MOST)
    raise ValueError(f'has to be "512M", "2G" or a number of MiB, not {value!r}')


def name(text: str) -> str:
    """A resource's."""
    if re.fullmatch(_NAME, text) is None:
        raise ValueError(f"a name has no spaces, colons and commas, as {text!r} has")
    return text


def resources(value: Any) -> Dict[str, int]:
    """NAME, NAME:AMOUNT or a list of these, as amounts by name; of one name the largest."""
    made: Dict[str, int] = {}
    for one in _listed(value):
        what, amount = _resource(one)
        made[what] = max(made.get(what, 0), amount)
    return made


def _listed(value: Any) -> List[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _resource(text: Any) -> "tuple[str, int]":
    found = re.fullmatch(_RESOURCE, text) if isinstance(text, str) else None
    if found is None or int(found[2] or 1) < 1:
        raise ValueError(f'has to be "NAME", "NAME:AMOUNT" or a list of these, not {text!r}')
    return found[1], count(int(found[2] or 1))
