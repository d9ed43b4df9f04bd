"""A service that says what a test wants: made states over Varlink, calls written down."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

from fixtures.scenes import Scene

SCHEDULER = "org.schedctl.Scheduler."

Json = dict[str, Any]


class FakeService:
    """Answers at a socket until it is ended; change() is what Monitor's streams hear of."""

    def __init__(self, path: Path, scene: Scene, **errors: Json) -> None:
        self.path = path
        self.scene = scene
        self.errors = errors  # by method: an error reply
        self.calls: list[tuple[str, Json]] = []
        self.lock = threading.Lock()
        self.connections: list[socket.socket] = []
        self.streams: list[socket.socket] = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # ended
                return
            with self.lock:
                self.connections.append(connection)
            thread = threading.Thread(target=self.serve, args=(connection,))
            self.threads.append(thread)
            thread.start()

    def serve(self, connection: socket.socket) -> None:
        buffer = b""
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                return
            if not data:
                return
            buffer += data
            while b"\0" in buffer:
                message, buffer = buffer.split(b"\0", 1)
                self.answer(connection, json.loads(message))

    def answer(self, connection: socket.socket, call: Json) -> None:
        method = call["method"].removeprefix(SCHEDULER)
        with self.lock:
            self.calls.append((method, call.get("parameters", {})))
            if method == "Monitor" and method not in self.errors:
                assert call["more"]
                self.streams.append(connection)
            self.send(connection, self.reply_to(method))

    def reply_to(self, method: str) -> Json:
        if method in self.errors:
            return self.errors[method]
        if method == "Monitor":
            return {"parameters": self.scene.monitor(), "continues": True}
        replies: dict[str, Json] = {
            "GetStatus": self.scene.status(),
            "GetHeadroom": {"headroom": self.scene.headroom()},
            "GetMachine": self.scene.machine,
        }
        return {"parameters": replies.get(method, {})}

    def send(self, connection: socket.socket, reply: Json) -> None:
        try:
            connection.sendall(json.dumps(reply).encode() + b"\0")
        except OSError:  # who asked has left
            pass

    def change(self, scene: Scene) -> None:
        with self.lock:
            self.scene = scene
            for stream in self.streams:
                self.send(stream, self.reply_to("Monitor"))

    def called(self, method: str) -> list[Json]:
        with self.lock:
            return [parameters for name, parameters in self.calls if name == method]

    def end(self) -> None:
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.threads[0].join()
        self.path.unlink()
        with self.lock:
            for connection in self.connections:
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads[1:]:
            thread.join()
        for connection in self.connections:
            connection.close()
