"""``--confirm-failures``: at the end every item that failed runs once more, alone in a new worker.

What passes then depends on order or on state that items share; the section that is added to the
summary names what had run before it on its worker, and beside it on others. Outcomes, counts and
the exit status stay as they are. Items that the reporter ran itself are not run again: they had
nothing beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Generator, List, NamedTuple, Set, Tuple

from .. import compat
from ..reports import relay
from ..worker.own import Own

if TYPE_CHECKING:
    from ..worker.worker import Worker

ITEMS_MAX = 50  # where more have failed, running them one by one tells nothing new
_BEFORE_MAX = 5
_BESIDE_MAX = 5

PASSES = "passes alone: order or shared state"
FAILS = "fails alone too"
UNKNOWN = "could not be run again"


class Span(NamedTuple):
    """One item's time in a worker, by CLOCK_MONOTONIC."""

    item: int
    worker: int
    process: int  # numbers of workers are used again
    start: float
    stop: float


class Clock:
    """In a worker: tells when each item ran."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker

    @compat.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, None, None]:
        start, index = Own.clock(), self._worker.running
        yield
        self._worker.channel.send(relay.encode((relay.RAN, index, start, Own.clock())))


def enter_worker(worker: "Worker") -> None:
    worker.session.config.pluginmanager.register(Clock(worker), "schedctl-clock")


class Confirmation:
    """The reporter's plugin where the option is on: notes what ran when and what failed, and says
    at the end what became of it alone."""

    def __init__(self, session: Any) -> None:
        self._config = session.config
        self._items = session.items
        self._spans: Dict[int, Span] = {}
        self._failed: Dict[str, List[Any]] = {}  # node id: its entries in junitxml's file
        self._outcomes: Dict[int, str] = {}
        self._n_failed = 0
        session.config.pluginmanager.register(self, "schedctl-confirmation")

    # While the suite runs

    def ran(self, worker: int, process: int, index: int, start: float, stop: float) -> None:
        self._spans[index] = Span(index, worker, process, start, stop)

    def lost(self, worker: int, process: int, index: int) -> None:
        """With its worker, which has not told when it began: after all that it had run."""
        before = [span.stop for span in self._spans.values() if span.process == process]
        now = Own.clock()
        self.ran(worker, process, index, max(before, default=now), now)

    @compat.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.outcome != "failed":
            return
        entries = self._failed.setdefault(report.nodeid, [])
        xml = compat.junit(self._config)
        if xml is not None:
            entries.append(xml.node_reporter(report))

    # When it has run

    def chosen(self) -> List[int]:
        """The items to run again, in the order in which they ran."""
        failed = [
            span.item
            for span in sorted(self._spans.values(), key=lambda span: span.start)
            if self._items[span.item].nodeid in self._failed
        ]
        self._n_failed = len(failed)
        return failed[:ITEMS_MAX]

    def confirmed(self, index: int, heard: "Heard") -> None:
        outcome = self._outcomes[index] = heard.outcome(index)
        for entry in self._failed[self._items[index].nodeid]:
            _add_property(entry, "alone", outcome)

    @compat.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self._outcomes:
            return
        terminalreporter.section("failures run again, each alone")
        for outcome in (PASSES, FAILS, UNKNOWN):
            for index, became in self._outcomes.items():
                if became == outcome:
                    self._tell(terminalreporter, index, outcome)
        if self._n_failed > len(self._outcomes):
            terminalreporter.line(
                f"the first {len(self._outcomes)} of {self._n_failed} failures were run again"
            )

    def _tell(self, terminalreporter: Any, index: int, outcome: str) -> None:
        terminalreporter.line(f"{self._items[index].nodeid}: {outcome}")
        if outcome != PASSES:
            return
        span = self._spans[index]
        before, beside = self._neighbours(span)
        terminalreporter.line(f"    before it on gw{span.worker}: {_listed(before, _BEFORE_MAX)}")
        terminalreporter.line(f"    beside it: {_listed(beside, _BESIDE_MAX)}")

    def _neighbours(self, span: Span) -> Tuple[List[str], List[str]]:
        """What ran before it in its process, the last one first; what ran beside it in others."""
        others = sorted(self._spans.values(), key=lambda other: -other.start)
        before = [
            self._items[other.item].nodeid
            for other in others
            if other.process == span.process and other.stop <= span.start and other != span
        ]
        beside = [
            f"{self._items[other.item].nodeid} (gw{other.worker})"
            for other in others
            if other.process != span.process and other.start < span.stop and span.start < other.stop
        ]
        return before, beside


def _listed(names: List[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "nothing"


def _add_property(entry: Any, name: str, value: str) -> None:
    """To a test case in junitxml's file, which may have been put together already."""
    if hasattr(entry, "properties"):
        entry.add_property(name, value)
        return
    from xml.etree import ElementTree

    case = entry.to_xml()
    found = case.find("properties")
    if found is None:
        found = ElementTree.Element("properties")
        case.insert(0, found)
    ElementTree.SubElement(found, "property", name=name, value=value)


class Heard:
    """Takes the place of Results while one item runs again: nobody is told."""

    def __init__(self) -> None:
        self._ran: Set[int] = set()
        self._failed: Set[int] = set()

    def outcome(self, index: int) -> str:
        if index in self._failed:
            return FAILS
        return PASSES if index in self._ran else UNKNOWN

    def plain(self, message: Any) -> None:
        self._ran.add(message[1])

    def reports(self, index: int, data: List[Any], *rest: Any) -> None:
        self._ran.add(index)
        if any(report.get("outcome") == "failed" for report in data):
            self._failed.add(index)

    def crashed(self, index: int, *rest: Any) -> bool:
        self._failed.add(index)
        return False

    def crashed_unseen(self, index: int) -> None:
        self._failed.add(index)

    def broken_end(self, index: int, text: str) -> None:
        self._failed.add(index)

    def take_relayed(self) -> bool:
        return False

    def warning(self, *rest: Any) -> None:
        """Was heard when it ran first."""

    def xml(self, *rest: Any) -> None:
        """Was heard when it ran first."""


class Muted:
    """The screen, on which nothing is shown of what tests say past capture."""

    def __init__(self, screen: Any) -> None:
        self._screen = screen

    def show(self, *texts: Any) -> None:
        """Was shown when it ran first."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._screen, name)
