"""Results in collection order, whenever they arrive: --stepwise stops at the first failure in that
order, and what ran beyond it is dropped as if it had never run."""

from __future__ import annotations

import marshal
from typing import Any, Callable, Dict, List, Tuple, Union

from ..reports import deal, relay

_OF_ITEMS = frozenset(
    (relay.PLAIN, relay.REPORTS, relay.WARNING, relay.STOP, relay.XML, relay.SAID)
)
_WISHES = ("shouldfail", "shouldstop")  # they follow their item; what is raised cuts it short

# A worker's message, packed, since many may have to wait, or what to do in the place of one.
_Piece = Tuple[Any, Union[bytes, Callable[[], Any]]]


class Ordered:
    """Takes the workers' messages and shows those whose turn it is."""

    def __init__(
        self,
        count: int,
        show: Callable[[Any, Any], None],
        stopped: Callable[[], bool],
        halt: Callable[[str], None],
    ) -> None:
        """count: of items; show(handle, message) relays a message; stopped() tells whether the
        session is to end; halt(reason) has nothing more dealt."""
        self._count = count
        self._show = show
        self._stopped = stopped
        self._halt = halt
        self._next = 0
        self._halted = False
        self._held: Dict[int, List[_Piece]] = {}  # of whole items that wait for their turn
        self._open: Dict[Any, List[_Piece]] = {}  # by worker, of the item that it runs
        self._last: Dict[Any, int] = {}  # by worker, its last whole item

    def take(self, handle: Any, message: Any) -> None:
        kind = message[0]
        if kind not in _OF_ITEMS:
            self._show(handle, message)
        elif kind == relay.STOP and (message[1] in _WISHES or message[3] == deal.NO_ITEM):
            self._follow(handle, message)
        else:
            self._take_of_item(handle, message)

    def _take_of_item(self, handle: Any, message: Any) -> None:
        kind = message[0]
        if kind == relay.REPORTS and message[5]:
            # The answer cannot wait for the items before: they may be this worker's to run.
            handle.answer(not self._stopped())
            message = (*message[:5], False, *message[6:])
        self._open.setdefault(handle, []).append((handle, marshal.dumps(message)))
        if kind == relay.PLAIN or (kind == relay.REPORTS and message[4]):
            handle.finished[message[1]] = None
            self._last[handle] = message[1]
            self._hold(message[1], self._open.pop(handle))
        elif kind == relay.STOP:
            self._hold(message[3], self._open.pop(handle))
            if not self._stopped():
                # Whatever is beyond is not to begin. What is before it and has not begun either is
                # left for finish().
                self._halted = True
                self._halt("raised in a worker")

    def _follow(self, handle: Any, message: Any) -> None:
        waiting = self._held.get(self._last.get(handle, -1))
        if waiting is None:
            self._show(handle, message)
        else:
            waiting.append((handle, marshal.dumps(message)))

    def lost(self, handle: Any, index: int, show: Callable[[], Any]) -> None:
        """The item went down with its worker, which show() reports."""
        self._hold(index, [*self._open.pop(handle, []), (handle, show)])

    def lost_unseen(self, index: int, show: Callable[[], Any]) -> None:
        """The engine says so; it may have been reported."""
        if index >= self._next and index not in self._held:
            self._hold(index, [(None, show)])

    def _hold(self, index: int, pieces: List[_Piece]) -> None:
        self._held[index] = pieces
        while not self._stopped() and self._next in self._held:
            self._show_all(self._held.pop(self._next))
            self._next += 1
        if self._stopped():
            self._held.clear()

    def _show_all(self, pieces: List[_Piece]) -> None:
        for handle, piece in pieces:
            if callable(piece):
                piece()
            else:
                self._show(handle, marshal.loads(piece))

    def finish(self, left: List[int], run: Callable[[List[int]], None]) -> None:
        """All workers are gone. left: what run() is to run here, in its turn."""
        while not self._stopped() and self._next < self._count:
            if self._next in self._held:
                self._hold(self._next, self._held[self._next])
            elif self._halted or self._next in left:
                run([self._next])
                self._next += 1
            else:
                break
        for pieces in self._open.values():
            self._show_all([piece for piece in pieces if _kind(piece) == relay.SAID])


def _kind(piece: _Piece) -> int:
    kind: int = -1 if callable(piece[1]) else marshal.loads(piece[1])[0]
    return kind
