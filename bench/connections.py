"""How long borrowing CPUs takes beside other clients: the service with 1, 100 and 1,000 connections
open, idle ones and ones that ask it something all the time.

What is timed is a request (connect, Acquire, first grant), and `schedctl run -- true` as a whole.
As root the others are of as many users as it takes, none of them the one who is timed; else there
are as many as one user may have.

Run by itself it is those others: connections.py SOCKET COUNT idle|asking. It says "ready" and stays
until its standard input ends.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import contenders
import report
from contenders import Extent, Tools

COUNTS = (1, 100, 1000)
OF_ONE_USER = 300
FIRST_USER = 61_400
RUNS = 100
CALL = b'{"method": "org.schedctl.Scheduler.GetStatus"}\0'


def percentile(sorted_values: list[float], percent: int) -> float:
    return sorted_values[min(len(sorted_values) * percent // 100, len(sorted_values) - 1)]


def milliseconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


@contextmanager
def others(tools: Tools, n: int, how: str) -> Iterator[None]:
    """So many connections; the one who is timed makes one more."""
    if n == 0:
        yield
        return
    command = [sys.executable, __file__, str(tools.scratch / "s"), str(n), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        try:
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError(f"{n} connections cannot be had")
            yield
        finally:
            process.stdin.close()


def time_requests(tools: Tools) -> tuple[float, float]:
    """p50 and p99 in ms."""
    command = [str(tools.build / "bench/acquire"), "--json"]
    done = subprocess.run(
        command, env=contenders.environment(tools), capture_output=True, check=True
    )
    found = json.loads(done.stdout)
    return found["request p50"] / 1000, found["request p99"] / 1000


def time_runs(tools: Tools, n: int) -> tuple[float, float]:
    command = [str(tools.build / "cli/schedctl"), "run", "--quiet", "--", "true"]
    found = []
    for _ in range(n):
        start = time.monotonic()
        subprocess.run(command, env=contenders.environment(tools), check=True)
        found.append((time.monotonic() - start) * 1000)
    found.sort()
    return percentile(found, 50), percentile(found, 99)


def open_to_all(tools: Tools) -> None:
    """As the system's service is."""
    (tools.scratch / "s").chmod(0o666)
    tools.scratch.chmod(0o711)


def run(tools: Tools, extent: Extent) -> str:
    is_root = os.getuid() == 0
    rows = []
    with ExitStack() as stack:
        if not (tools.scratch / "s").exists():
            stack.enter_context(contenders.service(tools))
        if is_root:
            open_to_all(tools)
        for count in COUNTS if is_root else (1, 100, OF_ONE_USER):
            for how in ("idle", "asking") if count > 1 else ("idle",):
                with others(tools, count - 1, how):
                    asked = time_requests(tools)
                    ran = time_runs(tools, RUNS // 10 if extent.quick else RUNS)
                what = f"{count:,}" if count == 1 else f"{count:,}, {how}"
                rows.append([what, *map(milliseconds, (*asked, *ran))])
    head = ["connections", "Acquire p50", "p99", "run -- true p50", "p99"]
    return report.table(head, rows) + "\n\nMilliseconds."


def is_taken(connection: socket.socket) -> bool:
    """Whether its user may have one more: he is answered."""
    reply = b""
    try:
        connection.sendall(CALL)
        while not reply.endswith(b"\0"):
            reply += connection.recv(1 << 20)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return b"error" not in reply


def connect(path: str, n: int) -> list[socket.socket]:
    """As root, of the next user where one may have no more."""
    found: list[socket.socket] = []
    user = FIRST_USER
    while len(found) < n and user < FIRST_USER + n:
        if os.getuid() == 0:
            os.seteuid(user)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        if os.getuid() == 0:
            os.seteuid(0)
        if is_taken(connection):
            found.append(connection)
        else:
            user += 1
    return found


def ask(connections: list[socket.socket]) -> None:
    """Each as soon as it has its answer, all of them all the time, until standard input ends."""
    poller = select.epoll()
    poller.register(0, select.EPOLLIN)
    by_number = {c.fileno(): c for c in connections}
    for number, connection in by_number.items():
        poller.register(number, select.EPOLLIN)
        connection.sendall(CALL)
    while True:
        for number, _ in poller.poll():
            if number == 0:
                return
            if by_number[number].recv(1 << 20).endswith(b"\0"):
                by_number[number].sendall(CALL)


def main(path: str, n: str, how: str) -> None:
    connections = connect(path, int(n))
    if len(connections) < int(n):
        sys.exit(f"{len(connections)} of {n} connections")
    print("ready", flush=True)
    if how == "asking":
        ask(connections)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
