"""A service that does what a test says: it hears what a run tells, and sends the grants given."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

PATIENCE = 60
CPUS = sorted(os.sched_getaffinity(0))


class Service:
    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(16)
        self._connections: List[socket.socket] = []
        self._streams: "queue.Queue[socket.socket]" = queue.Queue()
        self._stream: Optional[socket.socket] = None
        self._generation = 0
        self._silent = False
        self._answering = threading.Lock()
        self._threads: List[threading.Thread] = []
        self._calls: "queue.Queue[Tuple[str, Dict[str, Any]]]" = queue.Queue()
        threading.Thread(target=self._accept, daemon=True).start()

    def grant(self, pus: List[int], **fields: Any) -> None:
        """To the one lease; waits until there is one."""
        if self._stream is None:
            self._stream = self._streams.get(timeout=PATIENCE)
            fields["token"] = "0" * 32
        self._generation += 1
        grant = {"lease": "1", "generation": self._generation, "pus": pus, "slots": [0, 1, 2, 3]}
        grant.update(reason="as the test says", **fields)
        self._send(self._stream, {"parameters": {"grant": grant}, "continues": True})

    def pause(self, held: List[int]) -> None:
        """Returns when the run has given everything back."""
        wanted = {"pus": held, "reason": "paused by its user", "withinMs": 1000}
        self.grant(held, wanted=wanted, paused=True)
        assert sorted(self.expect("Return")["pus"]) == held
        self.grant([], paused=True)

    def be_silent(self) -> None:
        """From now on: it hears, and answers no call. Those before are not waited for any more."""
        with self._answering:
            self._silent = True
            self._calls = queue.Queue()

    def n_connections(self) -> int:
        """That there have ever been."""
        return len(self._connections)

    def expect(self, method: str, *fields: str) -> Dict[str, Any]:
        """The parameters of the next such call that has these fields; others do not put it off."""
        end = time.monotonic() + PATIENCE
        while True:
            name, parameters = self._calls.get(timeout=max(0, end - time.monotonic()))
            if name == method and all(field in parameters for field in fields):
                return parameters

    def heard(self, method: str) -> List[Dict[str, Any]]:
        """The parameters of all such calls of runs that have ended that no one has waited for."""
        with socket.socket(socket.AF_UNIX) as last:  # is accepted when all others have been
            last.connect(self._listener.getsockname())
            last.sendall(b'{"method": "Last", "more": true}\0')
            self._streams.get(timeout=PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        found = []
        while not self._calls.empty():
            name, parameters = self._calls.get()
            if name == method:
                found.append(parameters)
        return found

    def close(self) -> None:
        for end in (self._listener, *self._connections):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    @staticmethod
    def _send(connection: socket.socket, reply: Dict[str, Any]) -> None:
        connection.sendall(json.dumps(reply).encode() + b"\0")

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        try:
            while True:
                more = connection.recv(1 << 16)
                if not more:
                    return
                *calls, data = (data + more).split(b"\0")
                for call in calls:
                    with self._answering:
                        self._answer(connection, json.loads(call))
        except OSError:
            return

    def _answer(self, connection: socket.socket, call: Dict[str, Any]) -> None:
        name = call["method"].rpartition(".")[2]
        parameters = call.get("parameters", {})
        if call.get("more"):
            self._streams.put(connection)
        elif self._silent:
            pass
        elif name == "GetMachine":
            self._send(connection, {"error": "org.varlink.service.MethodNotImplemented"})
        else:
            self._send(connection, {"parameters": {}})
        self._calls.put((name, parameters))
