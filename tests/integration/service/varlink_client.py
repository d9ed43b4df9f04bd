"""A Varlink connection of plain sockets and JSON, so that tests can send what no library would."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

SCHEDULER = "org.schedctl.Scheduler."
SERVICE = "org.varlink.service."
PATIENCE = 60  # seconds after which a wait is a failure; nothing is measured by it

Json = dict[str, Any]


class Connection:
    """Blocking, with a time limit so that a test that would hang fails."""

    def __init__(self, path: Path, timeout: float = PATIENCE) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.buffer = b""

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send(self, method: str, parameters: Json | None = None, **flags: bool) -> None:
        self.send_bytes(encode(method, parameters, **flags))

    def send_message(self, message: Json) -> None:
        self.send_bytes(json.dumps(message).encode() + b"\0")

    def receive(self) -> Json | None:
        """The next reply; None at the end of the stream."""
        while b"\0" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                assert not self.buffer, "the stream ends within a message"
                return None
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        reply: Json = json.loads(message)
        return reply

    def expect(self) -> Json:
        reply = self.receive()
        assert reply is not None, "the connection ended"
        return reply

    def call(self, method: str, parameters: Json | None = None, **flags: bool) -> Json:
        """The parameters of a reply that must be a success."""
        reply = self.exchange(method, parameters, **flags)
        assert "error" not in reply, reply
        result: Json = reply["parameters"]
        return result

    def exchange(self, method: str, parameters: Json | None = None, **flags: bool) -> Json:
        self.send(method, parameters, **flags)
        return self.expect()

    def acquire(self, **parameters: Any) -> Json:
        self.send(SCHEDULER + "Acquire", parameters, more=True)
        return self.grant()

    def grant(self) -> Json:
        """The next grant of the stream."""
        reply = self.expect()
        assert reply.get("continues") is True, reply
        grant: Json = reply["parameters"]["grant"]
        return grant

    def ends(self) -> bool:
        """Whether the service has ended the connection after what it has said."""
        try:
            return self.receive() is None
        except ConnectionResetError:  # it had not read everything
            return True


def encode(method: str, parameters: Json | None = None, **flags: bool) -> bytes:
    message: Json = {"method": method, **flags}
    if parameters is not None:
        message["parameters"] = parameters
    return json.dumps(message).encode() + b"\0"


def error(name: str, **parameters: Any) -> Json:
    reply: Json = {"error": name}
    if parameters:
        reply["parameters"] = parameters
    return reply


def invalid(parameter: str) -> Json:
    return error(SERVICE + "InvalidParameter", parameter=parameter)


NO_SUCH_LEASE = error(SCHEDULER + "NoSuchLease")
