"""A reporter and its workers in one process, as a script of what they say, to see the engine's side
of the run protocol by itself. Runs as the COMMAND of `schedctl run`."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
from typing import Any, Dict, List, Optional, Tuple

DEAL = struct.Struct("=II")
RECORD = struct.Struct("=HHIddQ")
RUN, RUN_REPORT, END = 1, 2, 3
READY, STARTED, DONE, WANT = 1, 2, 3, 4
VERSION = 4
PATIENCE = 60  # seconds after which a message does not come


class Reporter:
    def __init__(self, settings: Optional[Dict[str, Any]] = None, **more: Any) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(os.environ["SCHEDCTL_RUN"])
        self._socket.settimeout(PATIENCE)
        self._partial = b""
        self._messages: List[Dict[str, Any]] = []
        fields = {"version": VERSION, "pid": os.getpid(), "python": "", "pytest": "", "argv": []}
        self.send("hello", rootdir=os.getcwd(), settings=settings or {}, **fields, **more)
        self.welcome = self.receive("welcome")

    def send(self, event: str, **fields: Any) -> None:
        self._socket.sendall(json.dumps({"event": event, **fields}).encode() + b"\0")

    def receive(self, *events: str) -> Dict[str, Any]:
        """The next message, which has to be one of these."""
        while not self._messages:
            data = self._socket.recv(1 << 16)
            if not data:
                raise EOFError
            *whole, self._partial = (self._partial + data).split(b"\0")
            self._messages = [json.loads(text) for text in whole]
        message = self._messages.pop(0)
        assert message["event"] in events, message
        return message

    def suite(self, items: List[str], **fields: Any) -> Dict[str, Any]:
        """Returns the plan."""
        group = [-1] * len(items)
        self.send("suite", items=items, group=group, groups=[], start="fork", why="", **fields)
        return self.receive("plan")

    def start(self) -> "Worker":
        """Obeys the next order to start a worker."""
        worker = Worker(self, self.receive("start"))
        self.send("started", worker=worker.number, pid=os.getpid())
        return worker

    def exited(self, worker: "Worker", running: int = -1, status: int = 0) -> None:
        worker.close()
        fields = {"status": status, "running": running, "finished": []}
        self.send("exited", worker=worker.number, **fields)

    def result(self, **more: Any) -> None:
        counts = {"passed": 0, "failed": 0, "skipped": 0, "errors": 0}
        self.send("result", exit=0, left=[], **counts, **more)


class Controller(Reporter):
    """pytest-xdist's, with processes in its workers' place that do nothing."""

    def __init__(self, asked: int, **more: Any) -> None:
        super().__init__(xdist=asked, **more)
        self.workers: int = self.welcome["workers"]
        self.nodes: Dict[int, "subprocess.Popen[bytes]"] = {}

    def node(self, number: int) -> Dict[str, Any]:
        """Starts one; what the engine says of where it is."""
        process = self.nodes[number] = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        self.send("node", worker=number, pid=process.pid)
        pinned = self.receive("pinned")
        assert pinned["worker"] == number
        return pinned

    def pus(self, number: int) -> List[int]:
        """Where it may run, by the kernel."""
        return sorted(os.sched_getaffinity(self.nodes[number].pid))

    def gone(self, number: int, **more: Any) -> None:
        self.nodes.pop(number).communicate()
        self.send("gone", worker=number, **more)

    def plan(self, items: List[str], dist: str = "load", **more: Any) -> List[List[int]]:
        """The units."""
        self.send("suite", items=items, dist=dist, start="xdist", **more)
        plan = self.receive("plan")
        assert plan["mode"] == "xdist" and len(plan["seconds"]) == len(plan["units"])
        units: List[List[int]] = plan["units"]
        return units

    def ran(self, *items: Any, **more: Any) -> None:
        self.send("ran", items=items, **more)

    def finish(self, **more: Any) -> None:
        for number in list(self.nodes):
            self.gone(number, finished=True)
        self.result(**more)


class Worker:
    def __init__(self, reporter: Reporter, order: Dict[str, Any]) -> None:
        self.order = order
        self.number: int = order["worker"]
        directory = reporter.welcome["dir"]
        self._deal = os.open(f"{directory}/deal-{self.number}", os.O_RDONLY)
        self._done = os.open(f"{directory}/done", os.O_WRONLY)

    def tell(self, op: int, arg: int = 0, wall: float = 0.0, cpu: Optional[float] = None) -> None:
        """Where nothing is said of the CPU time, all of it."""
        cpu = wall if cpu is None else cpu
        os.write(self._done, RECORD.pack(op, self.number, arg, wall, cpu, 0))

    def take(self) -> Tuple[int, int]:
        """Waits for the next record."""
        op, item = DEAL.unpack(os.read(self._deal, DEAL.size))
        return op, item

    def work(self, wall: float, cpu: Optional[float] = None) -> List[int]:
        """Everything that it is dealt, to the end."""
        done: List[int] = []
        self.tell(READY)
        while True:
            op, item = self.take()
            if op == END:
                return done
            self.tell(STARTED, item)
            self.tell(DONE, item, wall, cpu)
            done.append(item)

    def close(self) -> None:
        os.close(self._deal)
        os.close(self._done)
