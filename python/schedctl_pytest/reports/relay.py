"""Messages from a worker to the reporter: 4-byte length, then marshal of builtin types only.

A message is a tuple whose first element is one of the kinds below. What a passing item without
output, properties or extras reports is three times a duration, a start and a stop (PLAIN); every
other report goes through pytest's own serialisation (REPORTS). Nothing that is loaded here runs
code: marshal knows builtin types alone, and what it cannot hold is sent as a text.
"""

from __future__ import annotations

import marshal
import struct
from typing import Any, Dict, Iterator, List, Optional, Tuple

from . import longrepr

# fmt: off
PLAIN = 0        # item, location, then duration, start, stop of setup, call, teardown
REPORTS = 1      # item, [report], first: bool, last: bool, ask: bool (it awaits a byte), [Spoken]
WARNING = 2      # warning data, when, nodeid, location
STOP = 3         # "shouldfail" or "shouldstop" with a text, or "raised": raised.py's data, item
COVERAGE = 4     # bytes of CoverageData.dumps()
XML = 5          # nodeid or None for the suite, name, value
UNUSABLE = 6     # text: this worker could not be started
OUTPUT = 7       # workeroutput
SAID = 8         # what no item wrote to standard output and error past capture: two bytes
JOINED = 9       # of a worker started afresh, once its session has begun: about its interpreter
COLLECTED = 10   # of a worker started afresh, where somebody asks: ids
RAN = 11         # item, start, stop by CLOCK_MONOTONIC, where failures are to be confirmed
RERUNS = 12      # node id, how often it may run again after a crash
# fmt: on

# What an item wrote past capture: before which of its reports, to standard output, to standard
# error, and whether the terminal has begun a new line by it.
Spoken = Tuple[int, bytes, bytes, bool]

_LENGTH = struct.Struct("=I")
_WHENS = ("setup", "call", "teardown")


def encode(message: Tuple[Any, ...]) -> bytes:
    try:
        data = marshal.dumps(message)
    except ValueError:
        data = marshal.dumps(tuple(builtin(value) for value in message))
    return _LENGTH.pack(len(data)) + data


def builtin(value: Any, depth: int = 0) -> Any:
    """The value with everything in it that marshal cannot hold replaced by its text."""
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        return value
    if depth > 100:
        return text_of(value)
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(builtin(element, depth + 1) for element in value)
    if type(value) is dict:
        return {
            builtin(key, depth + 1): builtin(element, depth + 1) for key, element in value.items()
        }
    return plain_subclass(value)


def plain_subclass(value: Any) -> Any:
    """str and numbers of the user's own classes keep their value where their text says no more than
    it."""
    for base in (bool, int, float, str):
        if isinstance(value, base) and text_of(value) == str(base(value)):
            return base(value)
    return text_of(value)


def text_of(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # the user's __str__
        return f"<unprintable {type(value).__name__}: {type(error).__name__}>"


class Inbox:
    """What has arrived from one worker. Iterating takes the whole messages, each of them once,
    whatever ends the iteration."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._taken = 0

    def add(self, data: bytes) -> None:
        if self._taken:
            del self._buffer[: self._taken]
            self._taken = 0
        self._buffer += data

    def __iter__(self) -> Iterator[Tuple[Any, ...]]:
        while True:
            begin = self._taken + _LENGTH.size
            if begin > len(self._buffer):
                return
            (length,) = _LENGTH.unpack_from(self._buffer, self._taken)
            end = begin + length
            if end > len(self._buffer):
                return
            self._taken = end
            with memoryview(self._buffer) as view:
                message = marshal.loads(view[begin:end])
            yield message


class Keywords:
    """Items' keywords as their reports have them. What an item is in had its own before anything
    ran; what it gets meanwhile, the other processes do not have."""

    def __init__(self) -> None:
        self._above: Dict[Any, List[str]] = {}

    def of(self, item: Any) -> Dict[str, int]:
        own = getattr(item.keywords, "_markers", None)
        if own is None:
            return dict.fromkeys(item.keywords, 1)
        above = self._above.get(item.parent)
        if above is None:
            above = self._above[item.parent] = list(item.parent.keywords)
        return dict.fromkeys((*own, *above), 1)


class Packer:
    """In the worker: gathers one item's reports and makes messages of them. failed: one since the
    last message."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self._reports: List[Any] = []
        self._spoken: List[Spoken] = []
        self._first = True
        self._item = -1
        self._keywords = Keywords()
        self._n_keywords = 0
        self.failed = False

    def begin(self, index: int, item: Any) -> None:
        self._item = index
        self._n_keywords = len(self._keywords.of(item))
        self._first = True
        self.failed = False
        self._reports.clear()

    def add(self, report: Any) -> None:
        self._reports.append(report)
        if report.outcome == "failed":
            self.failed = True

    def say(self, out: bytes, err: bytes) -> None:
        """What the item wrote at some time: most likely in its call."""
        called = len(self._reports) >= len(_WHENS)
        self._spoken.append((1 if called else 0, out, err, False))

    def say_now(self, out: bytes, err: bytes, line: bool) -> None:
        """What the item wrote since its last report."""
        self._spoken.append((len(self._reports), out, err, line))

    def whole(self, ask: bool) -> bytes:
        """The item is done: its message, or the rest of it after part()."""
        if self._first and not self.failed:
            plain = self._plain()
            if plain:
                return encode(plain)
        return encode(self._take(last=True, ask=ask))

    @property
    def pending(self) -> bool:
        """Whether reports are gathered that are in no message yet."""
        return bool(self._reports)

    def part(self, ask: bool) -> bytes:
        """What the item has reported up to now. ask: whether to go on."""
        return encode(self._take(last=False, ask=ask))

    def _plain(self) -> Optional[Tuple[Any, ...]]:
        if len(self._reports) != len(_WHENS) or self._spoken:
            return None
        fields: List[Any] = [PLAIN, self._item, self._reports[0].location]
        for report, when in zip(self._reports, _WHENS):
            if not is_plain(report, when) or len(report.keywords) != self._n_keywords:
                return None
            attributes = report.__dict__
            fields += (report.duration, attributes.get("start"), attributes.get("stop"))
        return tuple(fields)

    def _take(self, last: bool, ask: bool) -> Tuple[Any, ...]:
        hook = self._config.hook.pytest_report_to_serializable
        data = [hook(config=self._config, report=report) for report in self._reports]
        for report, one in zip(self._reports, data):
            longrepr.mark(report, one)
        first, self._first = self._first, False
        spoken, self._spoken, self._reports = self._spoken, [], []
        self.failed = False
        return (REPORTS, self._item, data, first, last, ask, spoken)


_KNOWN = frozenset(
    "nodeid _id location keywords outcome longrepr when user_properties sections"
    " duration start stop".split()
)


def is_plain(report: Any, when: str) -> bool:
    """Whether a report says nothing but that its phase passed, and how long it took."""
    attributes = report.__dict__
    return (
        report.outcome == "passed"
        and report.when == when
        and report.longrepr is None
        and not attributes["sections"]
        and not attributes["user_properties"]
        and _KNOWN.issuperset(attributes)
    )


class Plain:
    """In the reporter: makes the reports of PLAIN messages, as pytest's own constructor would."""

    def __init__(self) -> None:
        from pytest import TestReport

        self._class: Any = TestReport
        made = [self._class("", ("", 0, ""), {}, "passed", None, when) for when in _WHENS]
        self._templates: List[Dict[str, Any]] = [report.__dict__ for report in made]
        attributes = self._templates[0]
        self._timed = "start" in attributes
        self._parsed = "_id" in attributes  # it takes the item's id in parts
        self._keywords = Keywords()

    def reports(self, item: Any, fields: Tuple[Any, ...]) -> List[Any]:
        """fields: the message."""
        own: Dict[str, Any] = {"location": fields[2], "keywords": self._keywords.of(item)}
        if self._parsed:
            own["_id"] = item.id
        else:
            own["nodeid"] = item.nodeid
        reports = []
        for number, template in enumerate(self._templates):
            report = self._class.__new__(self._class)
            made = report.__dict__
            made.update(template)
            made.update(own)
            made["sections"], made["user_properties"] = [], []
            made["duration"] = fields[3 + 3 * number]
            if self._timed:
                made["start"], made["stop"] = fields[4 + 3 * number], fields[5 + 3 * number]
            reports.append(report)
        return reports


# Warnings


def warning_data(message: Any) -> Dict[str, Any]:
    """What a reporter needs to show a warnings.WarningMessage."""
    warning = message.message
    category = message.category or type(warning)
    return {
        "class": (category.__module__, category.__qualname__),
        "args": builtin(getattr(warning, "args", ())),
        "text": text_of(warning),
        "filename": str(message.filename),
        "lineno": message.lineno,
        "line": message.line,
    }


def warning_message(data: Dict[str, Any]) -> Any:
    import warnings

    category = _warning_class(*data["class"])
    return warnings.WarningMessage(
        message=_warning(category, data),
        category=category,
        filename=data["filename"],
        lineno=data["lineno"],
        line=data["line"],
    )


def _warning_class(module: str, name: str) -> Any:
    """The class, if it is loaded here too; else one of the same name."""
    found = loaded(module, name)
    if isinstance(found, type) and issubclass(found, Warning):
        return found
    return type(name.rpartition(".")[2], (Warning,), {"__module__": module})


def loaded(module: str, name: str) -> Any:
    """What a module of this process has by that qualified name, or None."""
    import sys

    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _warning(category: Any, data: Dict[str, Any]) -> Warning:
    try:
        warning: Warning = category(*data["args"])
        if str(warning) == data["text"]:
            return warning
    except Exception:  # the user's own constructor
        pass
    stand_in = type(category.__name__, (Warning,), {"__module__": category.__module__})
    made: Warning = stand_in(data["text"])
    return made
