"""What a project's own file says of its runs: ``[tool.schedctl]`` in pyproject.toml, or a section
of the ini file that pytest uses.

The section in pytest's ini file wins; without one, the pyproject.toml in rootdir is read. The two
are never merged. What is wrong in it is a usage error, as a wrong value is to pytest: a misspelt
``serial`` would let tests run beside each other that must not. docs/settings.md is for users.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

import pytest

from . import amounts

if TYPE_CHECKING:
    from .needs import Need

Patterns = List[str]


class Settings:
    """Keys that the file does not have are absent from ``hello``, and empty here."""

    def __init__(self) -> None:
        self.hello: Dict[str, Any] = {}  # what the engine weighs
        self.serial: Dict[str, Patterns] = {}  # a group's name to its patterns
        self.alone: Patterns = []
        self.resources: Dict[str, int] = {}  # how many there are of each
        self.needs: "Dict[str, Need]" = {}  # a pattern to what its items need


def of_project(config: Any) -> Settings:
    """pytest.UsageError names the file and the key of what is wrong."""
    found = _from_ini(config.inipath) or _from_pyproject(config.rootpath / "pyproject.toml")
    if found is None:
        return Settings()
    where, table, readers = found
    settings = Settings()
    for key, value in table.items():
        try:
            _take(settings, key, value, readers)
        except ValueError as error:
            raise pytest.UsageError(f"{where}: {key}: {error}") from None
    return settings


def _take(settings: Settings, key: str, value: Any, readers: "Readers") -> None:
    reader = readers.get(key)
    if reader is None:
        raise ValueError(f"no such setting; there are {', '.join(readers)}")
    made = reader(value)
    if key in ("serial", "alone", "resources", "needs"):
        setattr(settings, key, made)
    else:
        settings.hello[key.replace("-", "_")] = made


# Where it stands

Reader = Callable[[Any], Any]
Readers = Dict[str, Reader]
Found = Tuple[str, Dict[str, Any], Readers]  # what to call it in messages, its keys, their readers


def _from_ini(path: Optional[Path]) -> Optional[Found]:
    """The section in the ini file that pytest uses, if that is an ini file and has one."""
    if path is None or path.suffix == ".toml":
        return None
    import iniconfig  # pytest's own

    name = "tool:schedctl" if path.name == "setup.cfg" else "schedctl"
    section = iniconfig.IniConfig(str(path)).sections.get(name)
    return None if section is None else (f"{path}: [{name}]", dict(section), _INI)


def _from_pyproject(path: Path) -> Optional[Found]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if "schedctl" not in text:
        return None  # the usual case: a parser need not even be loaded
    table = _parsed(path, text).get("tool", {}).get("schedctl")
    if table is None:
        return None
    if not isinstance(table, dict):
        raise pytest.UsageError(f"{path}: tool.schedctl: has to be a table")
    return f"{path}: [tool.schedctl]", table, _TOML


def _parsed(path: Path, text: str) -> Dict[str, Any]:
    # pytest itself depends on the second where the first is missing.
    toml: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        parsed: Dict[str, Any] = toml.loads(text)
    except toml.TOMLDecodeError as error:
        raise pytest.UsageError(f"{path}: {error}") from None
    return parsed


# What it may say


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < float("inf"):
        raise ValueError(f"has to be a number of seconds, not {value!r}")
    return float(value)


def _start(value: Any) -> str:
    if value not in ("auto", "fork", "spawn"):
        raise ValueError(f'has to be "auto", "fork" or "spawn", not {value!r}')
    return str(value)


def _switch(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"has to be true or false, not {value!r}")
    return value


def _patterns(value: Any) -> Patterns:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"has to be a list of patterns, not {value!r}")
    return value


def _serial(value: Any) -> Dict[str, Patterns]:
    """One group without a name, or a table of them."""
    if not isinstance(value, dict):
        return {"": _patterns(value)}
    return {name: _patterns(patterns) for name, patterns in value.items()}


def _resources(value: Any) -> Dict[str, int]:
    """A table of how many there are of each."""
    if not isinstance(value, dict):
        raise ValueError(f"has to be a table of names and numbers, not {value!r}")
    return {amounts.name(name): amounts.count(number) for name, number in value.items()}


def _needs(value: Any) -> "Dict[str, Need]":
    if not isinstance(value, dict):
        raise ValueError(f"has to be a table of patterns, not {value!r}")
    return {pattern: _need(pattern, given) for pattern, given in value.items()}


def _need(pattern: str, given: Any) -> "Need":
    from . import needs

    try:
        if not isinstance(given, dict):
            raise ValueError(f"has to be a table, not {given!r}")
        return needs.read(given)
    except ValueError as error:
        raise ValueError(f"{pattern}: {error}") from None


_TOML: Readers = {
    "workers": amounts.count,
    "max-workers": amounts.count,
    "max-items-per-worker": amounts.count,
    "max-worker-memory": amounts.mebibytes,
    "start": _start,
    "item-timeout": _seconds,
    "confirm-failures": _switch,
    "serial": _serial,
    "alone": _patterns,
    "resources": _resources,
    "needs": _needs,
}


def _from_text(convert: Reader, reader: Reader) -> Reader:
    def read(text: str) -> Any:
        try:
            value = convert(text)
        except ValueError:
            value = text  # which the reader refuses
        return reader(value)

    return read


_SWITCHES = {"true": True, "yes": True, "on": True, "1": True}
_SWITCHES.update({"false": False, "no": False, "off": False, "0": False})


def _lines(text: str) -> Dict[str, Patterns]:
    """NAME: PATTERN… on each line; patterns may hold colons, but a name is followed by a space."""
    groups: Dict[str, Patterns] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, patterns = line.partition(": ")
        if not colon:
            raise ValueError(f"has to be lines of NAME: PATTERN…, not {line!r}")
        groups.setdefault(name.strip(), []).extend(patterns.split())
    return groups


def _need_lines(text: str) -> "Dict[str, Need]":
    """PATTERN: WORD… on each line, a word being NEED=VALUE, or `exclusive` alone."""
    table: Dict[str, Dict[str, Any]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        pattern, colon, words = line.rpartition(": ")
        if not colon:
            raise ValueError(f"has to be lines of PATTERN: NEED=VALUE…, not {line!r}")
        if pattern.strip() in table:
            raise ValueError(f"{pattern.strip()}: is there twice")
        table[pattern.strip()] = _words(words)
    return _needs(table)


def _words(text: str) -> Dict[str, Any]:
    """As a table; resources may be several."""
    given: Dict[str, Any] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if key == "resource":
            given.setdefault(key, []).append(value)
        elif key == "exclusive":
            given[key] = _SWITCHES.get(value.lower(), value) if equals else True
        else:
            given[key] = int(value) if value.isdecimal() else value
    return given


def _capacities(text: str) -> Dict[str, int]:
    """NAME:NUMBER…"""
    return amounts.resources(text.split())


_INI: Readers = {
    "workers": _from_text(int, amounts.count),
    "max-workers": _from_text(int, amounts.count),
    "max-items-per-worker": _from_text(int, amounts.count),
    "max-worker-memory": _from_text(int, amounts.mebibytes),
    "start": _start,
    "item-timeout": _from_text(float, _seconds),
    "confirm-failures": _from_text(lambda text: _SWITCHES.get(text.lower(), text), _switch),
    "serial": _lines,
    "alone": str.split,
    "resources": _capacities,
    "needs": _need_lines,
}
