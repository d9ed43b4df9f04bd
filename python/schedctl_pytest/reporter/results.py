"""Gives the reporter's plugins what a serial run would have given them: one item's reports
together, in order."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Sequence, Set, Tuple

from .. import compat
from ..reports import beside, longrepr, relay
from .screen import Screen
from .telling import Tellers


class Results:
    def __init__(self, session: Any, screen: Screen, once_more: Callable[[int, Any], bool]) -> None:
        """once_more: asks whether what a dead worker ran is to run again, of worker and report."""
        self._session = session
        self._screen = screen
        self._config = session.config
        self._items = session.items
        self._plain = relay.Plain()
        self._relayed = False
        self._reason: Any = None
        self._once_more = once_more
        self._crashed: Set[int] = set()
        self._tellers: Dict[Any, Tellers] = {}

    def _tell(self, item: Any) -> Tellers:
        """The item's hooks; an item computes them anew whenever it is asked."""
        tell = self._tellers.get(item.parent)
        if tell is None:
            manager = self._config.pluginmanager
            tell = self._tellers[item.parent] = Tellers(item.ihook, manager)
        return tell

    def take_relayed(self) -> bool:
        """Whether an item was relayed since the last call."""
        relayed, self._relayed = self._relayed, False
        return relayed

    def plain(self, message: Any) -> None:
        item = self._items[message[1]]
        tell, nodeid, location = self._tell(item), item.nodeid, message[2]
        tell.start(nodeid, location)
        for report in self._plain.reports(item, message):
            tell.report(report)
        tell.finish(nodeid, location)
        self._relayed = True

    def reports(
        self, index: int, data: List[Any], first: bool, last: bool, spoken: List[relay.Spoken]
    ) -> None:
        item = self._items[index]
        tell = self._tell(item)
        if first:
            tell.start(item.nodeid, item.location)
        for place, one in enumerate(data):
            if spoken:
                self._show(spoken, place)
            report = beside.revived(self._config, one)
            beside.restore(item, report)
            longrepr.restore(report)
            tell.report(report)
        self._keep_reason()
        if spoken:
            self._show(spoken, len(data))
        if last:
            tell.finish(item.nodeid, item.location)
        self._relayed = True

    def _keep_reason(self) -> None:
        """The failure that stops the session gives the reason, whatever fails that was running."""
        if self._reason:
            self._session.shouldfail = self._reason
        elif self._session.shouldfail:
            self._reason = self._session.shouldfail

    def _show(self, spoken: List[relay.Spoken], place: int) -> None:
        for before, out, err, line in spoken:
            if before == place:
                self._screen.show((out, err), line)

    def warning(self, data: Any, when: str, nodeid: str, location: Any) -> None:
        self._config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": relay.warning_message(data),
                "when": when,
                "nodeid": nodeid,
                "location": location,
            }
        )

    def xml(self, nodeid: Any, name: str, value: Any) -> None:
        xml = compat.junit(self._config)
        if xml is None:
            return
        if nodeid is None:
            xml.add_global_property(name, value)
        else:
            xml.node_reporter(nodeid).add_attribute(name, value)

    def crashed(
        self, index: int, worker: int, text: str, sections: Sequence[Tuple[str, str]], open: bool
    ) -> bool:
        """The item's worker ended while running it; returns whether it is to run once more. text:
        why; open: a part of its reports was relayed."""
        report = self._failure(index, "call", text, sections)
        again = self._once_more(worker, report)
        self._fail(index, report, first=not open)
        return again

    def crashed_unseen(self, index: int) -> None:
        """The engine counts this item as lost with its worker; nothing else is known of it."""
        if index not in self._crashed:
            report = self._failure(index, "call", "its worker died while running it", ())
            self._fail(index, report, first=True)

    def broken_end(self, index: int, text: str) -> None:
        """What follows a worker's last item failed, as its teardown."""
        report = self._failure(index, "teardown", text, ())
        self._tell(self._items[index]).report(report)
        self._relayed = True

    def _failure(self, index: int, when: Any, text: str, sections: Any) -> Any:
        from pytest import TestReport

        item = self._items[index]
        keywords = {name: 1 for name in item.keywords}
        return TestReport(
            item.nodeid, item.location, keywords, "failed", text, when, sections=list(sections)
        )

    def _fail(self, index: int, report: Any, first: bool) -> None:
        self._crashed.add(index)
        item = self._items[index]
        tell = self._tell(item)
        if first:
            tell.start(item.nodeid, item.location)
        tell.report(report)
        self._keep_reason()
        tell.finish(item.nodeid, item.location)
        self._relayed = True
