#!/usr/bin/env python3
"""A small ``schedctl attach`` for suites that pytest-xdist deals: no service, no history.

What it is to do is said by FAKE_ATTACH, a JSON object, each key of which may be absent:

- workers: how many there are to be (2)
- nice: what the reporter and its workers are to be
- fail: the text with which it ends instead
- say: what it has to say at its end
- version: the one it answers with
- environ: variables for the process
- order: the items of the suite, each named by the last part of its id, in the order of their units
- seconds: per such name
- without: names of items that are in no unit
- end: [gateway's number, after so many items ran]; more: [workers, after so many items ran]
- mode: the plan's, if not "xdist"
- drop: after which message of the reporter it hangs up
- sent: the file that is there once an end or more was sent, or it has hung up

It writes every message to FAKE_ENGINE_LOG as a line of JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from typing import Any, Dict, List

PLAN = json.loads(os.environ.get("FAKE_ATTACH", "{}"))


class Suite:
    """One reporter."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.ran = 0
        self.log = open(os.environ["FAKE_ENGINE_LOG"], "a")
        self.pus = sorted(os.sched_getaffinity(0))

    def send(self, event: str, **fields: Any) -> None:
        try:
            self.connection.sendall(json.dumps({"event": event, **fields}).encode() + b"\0")
        except OSError:
            pass  # it is gone

    def run(self) -> None:
        partial = b""
        while True:
            data = self.connection.recv(1 << 16)
            if not data:
                self.connection.close()
                return
            *whole, partial = (partial + data).split(b"\0")
            for text in whole:
                message = json.loads(text)
                self.log.write(json.dumps(message) + "\n")
                self.log.flush()
                if PLAN.get("drop") == message["event"]:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.note_sent()
                    return
                getattr(self, "on_" + message["event"])(message)

    def on_hello(self, message: Dict[str, Any]) -> None:
        workers = message["xdist"] or PLAN.get("workers", 2)
        nice = {"nice": PLAN["nice"]} if "nice" in PLAN else {}
        version = PLAN.get("version", message["version"])
        self.send("welcome", version=version, workers=workers, **nice)

    def on_node(self, message: Dict[str, Any]) -> None:
        pu = self.pus[message["worker"] % len(self.pus)]
        try:
            for thread in os.listdir(f"/proc/{message['pid']}/task"):
                os.sched_setaffinity(int(thread), {pu})
        except (FileNotFoundError, ProcessLookupError):
            pass
        slot = 40 + message["worker"]
        self.send("pinned", worker=message["worker"], slot=slot, pus=str(pu))

    def on_suite(self, message: Dict[str, Any]) -> None:
        names = [nodeid.rpartition("::")[2] for nodeid in message["items"]]
        scopes = message.get("scopes") or range(len(names))
        units: Dict[int, List[int]] = {}
        for item, scope in enumerate(scopes):
            if names[item] not in PLAN.get("without", ()):
                units.setdefault(scope, []).append(item)
        order: List[str] = PLAN.get("order", names)
        known = PLAN.get("seconds", {})
        ordered = sorted(units.values(), key=lambda unit: order.index(names[unit[0]]))
        seconds = [sum(known.get(names[item], -1) for item in unit) for unit in ordered]
        self.send("plan", mode=PLAN.get("mode", "xdist"), units=ordered, seconds=seconds)

    def on_ran(self, message: Dict[str, Any]) -> None:
        before, self.ran = self.ran, self.ran + len(message["items"])
        for event in "end", "more":
            what, after = PLAN.get(event, (0, -1))
            if before < after <= self.ran:
                self.send(event, **{"worker" if event == "end" else "workers": what})
                self.note_sent()

    @staticmethod
    def note_sent() -> None:
        if "sent" in PLAN:
            with open(PLAN["sent"], "w"):
                pass

    def on_gone(self, message: Dict[str, Any]) -> None:
        pass

    on_result = on_serial = on_undivided = on_gone


def serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=Suite(connection).run, daemon=True).start()


def main() -> int:
    if sys.argv[1:] != ["attach"]:
        sys.exit(f"not understood: {sys.argv[1:]}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is pytest's to handle
    if "fail" in PLAN:
        sys.stderr.write(f"schedctl: {PLAN['fail']}\n")
        return 1
    directory = tempfile.mkdtemp(prefix="fake-attach-")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(directory + "/control")
    listener.listen()
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    line = {"run": directory + "/control", "workers": 2, "environ": PLAN.get("environ", {})}
    print(json.dumps(line), flush=True)
    sys.stdin.read()
    sys.stderr.write(PLAN.get("say", ""))
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
