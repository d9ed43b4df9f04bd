"""systemd's varlinkctl, as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from service.varlink_client import PATIENCE, SCHEDULER

Json = dict[str, Any]
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"}


class Failed(NamedTuple):
    error: str
    parameters: Json


class Stream:
    """A call with --more that goes on."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def next(self) -> Json:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the stream has ended"
        reply: Json = json.loads(line.lstrip("\x1e"))
        return reply


class Varlinkctl:
    def __init__(self, program: Path, socket: Path) -> None:
        self.program = program
        self.address = f"unix:{socket}"

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.program), "--no-pager", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env=ENVIRONMENT,
        )

    def says(self, verb: str, *arguments: str) -> str:
        """What a verb other than call prints."""
        done = self.run(verb, self.address, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def call_line(self, method: str, parameters: Json, *options: str) -> "list[str]":
        method = method if "." in method else SCHEDULER + method
        return ["-j", *options, "call", self.address, method, json.dumps(parameters)]

    def call(self, method: str, *options: str, **parameters: Any) -> Any:
        """The reply's parameters, or what it failed with."""
        done = self.run(*self.call_line(method, parameters, *options))
        if done.returncode == 0:
            return json.loads(done.stdout) if done.stdout.strip() else None
        return Failed(done.stderr.split()[-1], json.loads(done.stdout or "{}") or {})

    @contextmanager
    def stream(self, method: str, **parameters: Any) -> Iterator[Stream]:
        line = self.call_line(method, parameters, "--more", "--timeout=infinity")
        process = subprocess.Popen(
            [str(self.program), *line], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        try:
            yield Stream(process)
        finally:
            process.terminate()
            process.wait(PATIENCE)
            assert process.stdout is not None
            process.stdout.close()
