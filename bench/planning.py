"""How long planning takes: planning.py ITEMS PER_FILE ANSWER, the command of a `schedctl run`.

Announces the suite that scale.py has written to this folder, as the pytest plugin would
(docs/run-protocol.md), and writes to ANSWER how many milliseconds passed until it was to start the
first worker. Then it ends, and the run with it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VERSION = 3


def encode(event: str, **fields: Any) -> bytes:
    return json.dumps({"event": event, **fields}).encode() + b"\0"


def messages(connection: socket.socket) -> Iterator[str]:
    """The names of the events that come, to the end."""
    rest = b""
    while data := connection.recv(1 << 16):
        *whole, rest = (rest + data).split(b"\0")
        yield from (json.loads(text)["event"] for text in whole)


def suite(items: int, per_file: int) -> bytes:
    files = [f"test_{n:04}.py" for n in range(items // per_file)]
    return encode(
        "suite",
        items=[f"{file}::test_{n}" for file in files for n in range(per_file)],
        group=[n for n in range(len(files)) for _ in range(per_file)],
        groups=[{"id": file, "parent": -1} for file in files],
        start="fork",
        why="",
        maxfail=0,
    )


def main() -> int:
    announcement = suite(int(sys.argv[1]), int(sys.argv[2]))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["SCHEDCTL_RUN"])
    about = {"pid": os.getpid(), "python": "", "pytest": "", "rootdir": os.getcwd(), "argv": []}
    connection.sendall(encode("hello", version=VERSION, settings={}, **about))
    events = messages(connection)
    next(event for event in events if event == "welcome")
    began = time.perf_counter()
    connection.sendall(announcement)
    next(event for event in events if event == "start")
    took = time.perf_counter() - began
    Path(sys.argv[3]).write_text(json.dumps({"ms": took * 1000}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
