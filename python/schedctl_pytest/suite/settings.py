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
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

Patterns = List[str]


class Settings:
    """Keys that the file does not have are absent from ``hello``, and empty here."""

    def __init__(self) -> None:
        self.hello: Dict[str, Any] = {}  # what the engine weighs
        self.serial: Dict[str, Patterns] = {}  # a group's name to its patterns
        self.alone: Patterns = []


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
    if key == "serial":
        settings.serial = made
    elif key == "alone":
        settings.alone = made
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


def _workers(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"has to be a number from 1 on, not {value!r}")
    return value


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


_TOML: Readers = {
    "workers": _workers,
    "start": _start,
    "item-timeout": _seconds,
    "confirm-failures": _switch,
    "serial": _serial,
    "alone": _patterns,
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


_INI: Readers = {
    "workers": _from_text(int, _workers),
    "start": _start,
    "item-timeout": _from_text(float, _seconds),
    "confirm-failures": _from_text(lambda text: _SWITCHES.get(text.lower(), text), _switch),
    "serial": _lines,
    "alone": str.split,
}
