#!/usr/bin/env python3
"""A small engine that speaks the run protocol, without a service, history or dispatcher.

    fake_engine.py [-w N] [--mode workers|inline|dry] [--start auto|fork|spawn] -- COMMAND…

It deals items in collection order, a few at a time, and prints what happened to the file named by
FAKE_ENGINE_LOG as JSON lines. It proves the plugin's side of docs/run-protocol.md by itself.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Set

DEAL = struct.Struct("=II")
RECORD = struct.Struct("=HHIddQ")
RUN, RUN_REPORT, END = 1, 2, 3
READY, STARTED, DONE, WANT, SETUP, MISSING = 1, 2, 3, 4, 5, 6


class Suite:
    """One reporter's connection."""

    def __init__(self, engine: "Engine", connection: socket.socket) -> None:
        self.engine = engine
        self.connection = connection
        self.partial = b""
        self.directory = tempfile.mkdtemp(prefix="fake-engine-")
        self.queue: Deque[int] = deque()
        self.dealt: Dict[int, Set[int]] = {}
        self.deal_fds: Dict[int, int] = {}
        self.left: List[int] = []
        self.crashed: List[int] = []
        self.finished = False
        self.next_worker = 0
        self.most = 0
        self.serial: List[int] = []  # per item its serial group, or -1
        self.owners: Dict[int, int] = {}  # of serial groups
        self.batch = 1
        self.confirming = False
        self.stopped = False
        os.mkfifo(f"{self.directory}/done")
        os.mkfifo(f"{self.directory}/life")
        self.done = os.open(f"{self.directory}/done", os.O_RDWR | os.O_NONBLOCK)
        self.life = os.open(f"{self.directory}/life", os.O_RDWR)

    def send(self, event: str, **fields: Any) -> None:
        try:
            self.connection.sendall(json.dumps({"event": event, **fields}).encode() + b"\0")
        except BrokenPipeError:
            pass  # it is gone, and its end is read next

    def readable(self) -> bool:
        """False at the end."""
        try:
            data = self.connection.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            return False
        *whole, self.partial = (self.partial + data).split(b"\0")
        for text in whole:
            message = json.loads(text)
            self.engine.note(message)
            getattr(self, "on_" + message["event"])(message)
        return True

    def on_hello(self, message: Dict[str, Any]) -> None:
        options = self.engine.options
        self.send(
            "welcome",
            version=options.version,
            run="0" * 32,
            dir=self.directory,
            quiet=False,
            start=options.start,
            item_timeout=options.item_timeout,
            confirm_failures=options.confirm_failures,
            workers=message.get("xdist") or options.workers,
        )

    def on_suite(self, message: Dict[str, Any]) -> None:
        mode = self.engine.options.mode
        if message["start"] == "xdist":
            units = [[item] for item in range(len(message["items"]))]
            self.send("plan", mode="xdist", units=units, seconds=[-1] * len(units))
            return
        if mode != "workers":
            self.send("plan", mode=mode, workers=0, why="asked for")
            return
        count = len(message["items"])
        self.left.extend(message.get("alone", ()))
        self.queue.extend(item for item in range(count) if item not in self.left)
        self.serial = message.get("serial") or [-1] * count
        self.batch = 1 if message.get("ordered") else self.engine.options.batch
        count = min(self.engine.options.workers, len(self.queue))
        self.most = count  # workers that there are at one time
        self.send("plan", mode="workers", workers=count, why="asked for")
        for _ in range(count):
            self.start()

    def start(self) -> None:
        number, self.next_worker = self.next_worker, self.next_worker + 1
        path = f"{self.directory}/deal-{number}"
        os.mkfifo(path)
        self.deal_fds[number] = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.most = max(self.most, len(self.deal_fds))
        self.dealt[number] = set()
        pus = sorted(os.sched_getaffinity(0))
        pu = str(pus[number % len(pus)])
        count = self.engine.options.count or self.most
        self.send("start", worker=number, count=count, slot=number, pus=pu)

    def on_serial(self, message: Dict[str, Any]) -> None:
        pass

    on_started = on_result = on_ran = on_gone = on_serial

    def on_node(self, message: Dict[str, Any]) -> None:
        self.send("pinned", worker=message["worker"], slot=message["worker"], pus=None)

    def on_failed(self, message: Dict[str, Any]) -> None:
        """The next one would not start either: the rest is for the workers that there are."""
        if len(self.deal_fds) == 1:
            self.left.extend(self.queue)
            self.queue.clear()
        self.on_exited({"worker": message["worker"], "running": -1, "finished": [], "status": 0})

    def on_stop(self, message: Dict[str, Any]) -> None:
        self.stopped = True
        self.queue.clear()
        for number, fd in self.deal_fds.items():
            self.recall(number)
            os.write(fd, DEAL.pack(END, 0))

    def on_confirm(self, message: Dict[str, Any]) -> None:
        """Once more, in a worker that gets nothing else."""
        assert self.finished and not self.deal_fds
        self.finished, self.confirming, self.crashed = False, True, []
        self.queue.append(message["item"])
        self.start()

    def recall(self, number: int) -> None:
        while True:
            try:
                _, item = DEAL.unpack(os.read(self.deal_fds[number], DEAL.size))
            except BlockingIOError:
                return
            self.dealt[number].discard(item)

    def on_exited(self, message: Dict[str, Any]) -> None:
        number = message["worker"]
        self.read_records()
        self.take_back(number, message)
        os.close(self.deal_fds.pop(number))
        if self.queue and not self.deal_fds:
            self.start()
        self.check_end()

    def take_back(self, number: int, message: Dict[str, Any]) -> None:
        lost = self.dealt.pop(number) - set(message["finished"]) - {message["running"]}
        self.owners = {group: owner for group, owner in self.owners.items() if owner != number}
        if message["running"] >= 0:
            self.crashed.append(message["running"])
        if not self.stopped:
            self.queue.extendleft(sorted(lost, reverse=True))

    def read_records(self) -> None:
        while True:
            try:
                data = os.read(self.done, 128 * RECORD.size)
            except BlockingIOError:
                return
            for op, worker, arg, wall, cpu, rss in RECORD.iter_unpack(data):
                self.on_record(op, worker, arg, wall, cpu, rss)

    def on_record(self, op: int, worker: int, arg: int, wall: float, cpu: float, rss: int) -> None:
        names = {1: "ready", 2: "started", 3: "done", 4: "want", 5: "setup", 6: "missing"}
        self.engine.note(
            {
                "record": names[op],
                "worker": worker,
                "arg": arg,
                "wall": wall,
                "cpu": cpu,
                "rss": rss,
            }
        )
        if op in (DONE, MISSING) and worker in self.dealt:
            self.dealt[worker].discard(arg)
            if op == MISSING:
                self.left.append(arg)
        if op in (READY, STARTED, WANT) and worker in self.deal_fds:
            self.feed(worker)

    def feed(self, number: int) -> None:
        """A batch; the worker reports on taking its last, so that more arrives while that runs."""
        fitting = (item for item in self.queue if self.may_have(number, item))
        batch = list(itertools.islice(fitting, self.batch))
        for item in batch:
            self.queue.remove(item)
            self.owners[self.serial[item]] = number
        self.dealt[number].update(batch)
        records = [DEAL.pack(RUN, item) for item in batch[:-1]]
        records += [DEAL.pack(RUN_REPORT, item) for item in batch[-1:]]
        if not batch:
            records = [DEAL.pack(END, 0)]
        os.write(self.deal_fds[number], b"".join(records))

    def may_have(self, number: int, item: int) -> bool:
        """Those of one serial group go to one worker."""
        group = self.serial[item]
        return group < 0 or self.owners.get(group, number) == number

    def check_end(self) -> None:
        if not self.deal_fds and not self.queue and not self.finished:
            self.finished = True
            if self.left and not self.confirming:
                self.send("left", items=self.left)
            self.send("finished", crashed=self.crashed)

    def close(self) -> None:
        self.connection.close()
        for fd in [self.done, self.life, *self.deal_fds.values()]:
            os.close(fd)
        shutil.rmtree(self.directory, ignore_errors=True)


class Engine:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.directory = tempfile.mkdtemp(prefix="fake-engine-")
        self.path = f"{self.directory}/control"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        log = os.environ.get("FAKE_ENGINE_LOG")
        self.log = open(log, "w") if log else None

    def note(self, what: Dict[str, Any]) -> None:
        if self.log is not None:
            self.log.write(json.dumps(what) + "\n")
            self.log.flush()

    def environment(self) -> Dict[str, str]:
        environment = dict(os.environ)
        environment["SCHEDCTL_RUN"] = self.path
        environment["SCHEDCTL_START"] = self.options.start
        own = self.options.pythonpath
        environment["SCHEDCTL_PYTHONPATH"] = own
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = own + (os.pathsep + path if path else "")
        return environment

    def run(self) -> int:
        process = subprocess.Popen(self.options.command, env=self.environment())
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is pytest's to handle
        pidfd = os.pidfd_open(process.pid)
        suites: Dict[int, Suite] = {}
        while True:
            waiting: List[int] = [self.listener.fileno(), pidfd]
            waiting += [fd for key, suite in suites.items() for fd in (key, suite.done)]
            ready, _, _ = select.select(waiting, [], [])
            if self.listener.fileno() in ready:
                connection, _ = self.listener.accept()
                suites[connection.fileno()] = Suite(self, connection)
            for key in list(suites):
                self.serve(suites, key, ready)
            if pidfd in ready:
                break
        for suite in suites.values():
            suite.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        return process.wait()

    @staticmethod
    def serve(suites: Dict[int, Suite], key: int, ready: List[int]) -> None:
        suite = suites[key]
        if suite.done in ready:
            suite.read_records()
        if key in ready and not suite.readable():
            suite.close()
            del suites[key]


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("-w", "--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--mode", choices=("workers", "inline", "dry"), default="workers")
    parser.add_argument("--count", type=int, help="tell workers that they are so many")
    parser.add_argument("--start", default="auto")
    parser.add_argument("--version", type=int, default=4, help="of the protocol")
    parser.add_argument("--item-timeout", type=float, default=0.0)
    parser.add_argument("--confirm-failures", action="store_true")
    parser.add_argument("--pythonpath", required=True)
    parser.add_argument("command", nargs="+")
    return Engine(parser.parse_args(arguments)).run()


if __name__ == "__main__":
    sys.exit(main())
