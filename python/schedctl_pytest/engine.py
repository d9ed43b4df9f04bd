"""The control connection to ``schedctl run``: NUL-terminated JSON on a Unix socket."""

from __future__ import annotations

import json
import socket
from typing import Any, Dict, List, Optional

VERSION = 4
MESSAGE_MAX = 64 << 20


class EngineGone(Exception):
    """The engine closed the connection, or sent what is no message."""


class Engine:
    """One suite's connection. Sends block; receive() waits for at least one message. Both as long
    as it takes, until limit()."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
        except BaseException:
            self._socket.close()
            raise
        self._partial = bytearray()
        self._ready: List[Dict[str, Any]] = []
        self._welcome: Optional[Dict[str, Any]] = None

    def fileno(self) -> int:
        return self._socket.fileno()

    def limit(self, seconds: float) -> None:
        """From now on sending a message, and waiting for a part of one, end in EngineGone after so
        long: an engine may have been stopped."""
        self._socket.settimeout(seconds)

    def send(self, event: str, **fields: Any) -> None:
        message = {"event": event, **fields}
        data = json.dumps(message, separators=(",", ":"))
        if "\\u0000" in data or "\\ud" in data:
            data = json.dumps(whole_text(message), separators=(",", ":"))
        try:
            self._socket.sendall(data.encode("ascii") + b"\0")
        except OSError as error:
            raise EngineGone(str(error)) from error

    def receive(self) -> List[Dict[str, Any]]:
        """Every whole message that has arrived; waits for the first."""
        while not self._ready:
            try:
                data = self._socket.recv(1 << 16)
            except OSError as error:
                raise EngineGone(str(error)) from error
            if not data or len(self._partial) + len(data) > MESSAGE_MAX:
                raise EngineGone("the connection to schedctl closed")
            self._partial += data
            *whole, rest = self._partial.split(b"\0")
            self._partial = rest
            self._ready += [self._parse(text) for text in whole]
        ready, self._ready = self._ready, []
        return ready

    def expect(self, event: str) -> Dict[str, Any]:
        """The next message of this kind; those after it stay for receive()."""
        messages = self.receive()
        message = messages.pop(0)
        self._ready = messages
        if message.get("event") != event:
            raise EngineGone(f"expected {event}, got {message.get('event')}")
        return message

    def welcome(self) -> Dict[str, Any]:
        """What the engine answered to ``hello``, for each who asks. EngineGone where another
        version of it answers."""
        if self._welcome is None:
            welcome = self.expect("welcome")
            if welcome.get("version") != VERSION:
                raise EngineGone("another version of schedctl answers")
            self._welcome = welcome
        return self._welcome

    @staticmethod
    def _parse(text: bytearray) -> Dict[str, Any]:
        try:
            message = json.loads(text)
        except ValueError as error:
            raise EngineGone(f"not JSON: {error}") from error
        if not isinstance(message, dict):
            raise EngineGone("not an object")
        return message

    def has_ready(self) -> bool:
        return bool(self._ready)

    def hang_up(self) -> None:
        """The engine reads what was sent, and hangs up too: receive() finds the connection
        closed."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the engine was first

    def cut(self) -> None:
        """Whoever waits in receive(), in whichever thread, finds the connection closed."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the engine was first

    def close(self) -> None:
        self._socket.close()


def whole_text(value: Any) -> Any:
    """The value with the characters escaped that JSON can write and its parsers refuse: NUL, and
    the halves of characters by which Python stands for bytes that are no text."""
    if isinstance(value, str):
        return value.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, (list, tuple)):
        return [whole_text(element) for element in value]
    if isinstance(value, dict):
        return {whole_text(key): whole_text(element) for key, element in value.items()}
    return value
