"""A service that is none: whatever it says, the programs end with a clear word or do without."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service.conftest import StartService

Answer = Callable[[socket.socket], None]

GRANT: dict[str, Any] = {
    "lease": "1",
    "generation": 1,
    "pus": [0],
    "slots": [0],
    "reason": "a test",
    "token": "0" * 32,
}
REPLY_MAX = 4 << 20


def says(*replies: object) -> Answer:
    """These replies, or bytes as they are, and then the end."""
    texts = [r if isinstance(r, bytes) else json.dumps(r).encode() + b"\0" for r in replies]
    return lambda c: c.sendall(b"".join(texts))


def grants(**fields: object) -> Answer:
    grant = {k: v for k, v in {**GRANT, **fields}.items() if v is not None}
    return says({"parameters": {"grant": grant}, "continues": True})


def floods(c: socket.socket) -> None:
    while True:
        grants()(c)


def trickles(c: socket.socket) -> None:
    """A reply that never comes to its end: the first bytes of one, and then nothing."""
    c.sendall(b'{"parameters": {"grant": ')
    c.recv(1)


def is_silent(c: socket.socket) -> None:
    c.recv(1)


def endless(c: socket.socket) -> None:
    while True:
        c.sendall(b"x" * 65536)


ANSWERS: dict[str, Answer] = {
    "nothing": lambda c: None,
    "no JSON": says(b"HTTP/1.1 400 Bad Request\r\n\r\n\0"),
    "an empty message": says(b"\0"),
    "an array": says(b"[]\0"),
    "invalid UTF-8": says(b'{"error": "\xff"}\0'),
    "a name twice": says(b'{"parameters": {}, "parameters": {}}\0'),
    "a reply cut off": says(b'{"parameters": {"grant": {"lease": "1", "pus": [0'),
    "more than a reply may have": says(b'{"x": "' + b"x" * (REPLY_MAX + 1) + b'"}\0'),
    "bytes without end": endless,
    "deep nesting": says(b'{"parameters": ' + b"[" * 100_000 + b"\0"),
    "an empty object": says({}),
    "no parameters": says({"parameters": {}, "continues": True}),
    "parameters of another type": says({"parameters": [1]}),
    "an error of no name": says({"error": ""}),
    "an error of another type": says({"error": {"a": 1}}),
    "an unknown error": says({"error": "org.example.\x1b[31mFoo", "parameters": {"a": []}}),
    "moved, for ever": says({"error": "org.schedctl.Scheduler.Moved"}),
    "a grant that is a number": says({"parameters": {"grant": 1}, "continues": True}),
    "no lease": grants(lease=None),
    "no token": grants(token=None),
    "a token too short": grants(token="0"),
    "a token too long": grants(token="0" * 100_000),
    "a token that is a number": grants(token=0),
    "no PUs": grants(pus=None),
    "a negative PU": grants(pus=[-1]),
    "a PU beyond all": grants(pus=[4096]),
    "a PU beyond 32 bits": grants(pus=[1 << 32]),
    "a PU that is text": grants(pus=["0"]),
    "a PU that is not there": grants(pus=[4095]),
    "a PU twice": grants(pus=[0, 0, 0]),
    "more PUs than there can be": grants(pus=[0] * 100_000),
    "more slots than there can be": grants(slots=[0] * 100_000),
    "a negative slot": grants(slots=[-1]),
    "no slots": grants(slots=[]),
    "a negative generation": grants(generation=-1),
    "PUs wanted that are not held": grants(
        wanted={"pus": [1, 2, 4095], "reason": "x", "withinMs": 0}
    ),
    "PUs wanted at once": grants(wanted={"pus": [0], "reason": "x", "withinMs": -(1 << 63)}),
    "a niceness that is none": grants(nice=1 << 40),
    "a reason of 1 MB": grants(reason="x" * (1 << 20)),
    "the end of a stream": says({"parameters": {"grant": GRANT}}),
    "grants without end": floods,
}
# This takes the ten seconds after which a service is taken for dead.
SILENT: list[Answer] = [is_silent, trickles]


class Liar:
    """Takes every connection, reads a call and answers as told, whatever was asked."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.answer = answer
        self.connections: list[socket.socket] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        try:
            while b"\0" not in connection.recv(65536):
                pass
            self.answer(connection)
        except OSError:
            pass
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def end(self) -> None:
        for end in (self.listener, *self.connections):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


@pytest.fixture
def lie(socket_path: Path) -> Iterator[Callable[[Answer], Liar]]:
    liars: list[Liar] = []

    def begin(answer: Answer) -> Liar:
        liars.append(Liar(socket_path, answer))
        return liars[-1]

    yield begin
    for liar in liars:
        liar.end()
    socket_path.unlink()


VERBS = {
    "run": ["run", "--", "echo", "done"],
    "status": ["status"],
    "nproc": ["nproc"],
    "explain": ["explain"],
    "set": ["set", "1", "--weight", "2"],
    "reload": ["reload"],
}


Started = list[tuple[str, "subprocess.Popen[str]"]]


def start_verbs(build: Path, env: dict[str, str]) -> Started:
    """All at once."""
    return [
        (
            verb,
            subprocess.Popen(
                [build / "cli/schedctl", *words],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="surrogateescape",
            ),
        )
        for verb, words in VERBS.items()
    ]


def end_well(started: Started, word: str = "") -> None:
    """Each by itself: none crashes, none hangs, and a run runs. Whoever says something says that
    word."""
    for verb, process in started:
        out, err = process.communicate(timeout=90)
        assert process.returncode in (0, 1), (verb, process.returncode, err)
        assert process.returncode == 0 or err, verb
        assert word in err, (verb, err)
        assert "\x1b" not in out + err
        if verb == "run":
            assert process.returncode == 0 and out == "done\n", err
        if verb == "nproc":
            assert int(out) >= 1


@pytest.mark.parametrize("what", ANSWERS)
def test_lies(build: Path, env: dict[str, str], lie: Callable[[Answer], Liar], what: str) -> None:
    lie(ANSWERS[what])
    end_well(start_verbs(build, env))


def test_silence(
    build: Path, env: dict[str, str], start: StartService, lie: Callable[[Answer], Liar]
) -> None:
    """Every other connection hears nothing, the rest the first bytes of a reply; and at the same
    time, for it takes its ten seconds too, a service that is stopped before anything begins."""
    kinds = itertools.cycle(SILENT)
    lie(lambda c: next(kinds)(c))
    path = Path(env["SCHEDCTL_SOCKET"]).with_name("stopped")
    service = start(path=path)
    service.process.send_signal(signal.SIGSTOP)
    try:
        silent = start_verbs(build, env)
        stopped = start_verbs(build, {**env, "SCHEDCTL_SOCKET": str(path)})
        end_well(silent)
        end_well(stopped, word="does not answer")
    finally:
        service.process.send_signal(signal.SIGCONT)
