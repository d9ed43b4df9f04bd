"""The connection to the engine while pytest-xdist's loop waits for workers: a thread hears it,
keeps answers for who asks, and passes on what the engine wishes."""

from __future__ import annotations

import queue
import select
import threading
from typing import Any, Callable, Dict, Optional

from ..engine import Engine, EngineGone

Message = Dict[str, Any]

_WISHES = ("more", "end")
_PATIENCE = 30  # seconds in which an engine answers, and reads, that is not stopped
_END = 5  # seconds for it to read the last messages


class Link:
    """Of one session. Whoever tells or asks need not know whether the engine is still there: an
    answer is None then, and the listener has got a message LOST, once."""

    LOST = "lost"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._answers: "queue.Queue[Optional[Message]]" = queue.Queue()
        self._listener: Optional[Callable[[Message], None]] = None
        self._lost: Optional[str] = None  # why
        self._thread: Optional[threading.Thread] = None
        self._closing = False

    @property
    def lost(self) -> Optional[str]:
        """Why the engine is not there any more; None while it is."""
        return self._lost

    def greet(self, hello: Message) -> Message:
        """The engine's welcome; before start(). EngineGone where it has none for us."""
        self._engine.limit(_PATIENCE)
        self._engine.send("hello", **hello)
        return self._engine.welcome()

    def start(self, listener: Callable[[Message], None]) -> None:
        """listener: gets each wish, in the thread."""
        self._listener = listener
        self._thread = threading.Thread(target=self._hear, name="schedctl", daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        poller = select.poll()
        poller.register(self._engine.fileno(), select.POLLIN)
        try:
            while True:
                if not self._engine.has_ready():
                    poller.poll()  # it may have nothing to say for hours
                for message in self._engine.receive():
                    self._take(message)
        except EngineGone as error:
            self._lose(str(error))

    def _take(self, message: Message) -> None:
        if message.get("event") not in _WISHES:
            self._answers.put(message)
        elif self._listener is not None:
            self._listener(message)

    def _lose(self, why: str) -> None:
        if self._closing or self._lost is not None:
            return
        self._lost = why
        self._answers.put(None)
        if self._listener is not None:
            self._listener({"event": self.LOST})

    def tell(self, event: str, **fields: Any) -> None:
        if self._lost is not None:
            return
        try:
            self._engine.send(event, **fields)
        except EngineGone as error:
            self._lose(str(error))

    def ask(self, event: str, answer: str, **fields: Any) -> Optional[Message]:
        """What it answers; other answers before that are nobody's any more."""
        self.tell(event, **fields)
        while self._lost is None:
            try:
                message = self._answers.get(timeout=_PATIENCE)
            except queue.Empty:
                self._lose(f"no answer within {_PATIENCE} s")
                break
            if message is not None and message.get("event") == answer:
                return message
        return None

    def close(self) -> None:
        """The engine has read everything by then: it may be ended."""
        self._closing = True
        self._engine.hang_up()
        if self._thread is not None:
            self._thread.join(_END if self._lost is None else 0)
            self._engine.cut()
        self._engine.close()
