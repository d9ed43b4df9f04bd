"""docs/api.md as a script: its conversations are held again, and what they give is held against
what is written.

A block whose lines have arrows is a conversation on sockets, a console block calls varlinkctl, a
python block is run and the text block behind it is its output. A comment before a block says what
else is needed: `replay: restart` has the service restarted first, `replay: battery` speaks to
another, whose machine runs on its battery, `replay: unreadable` takes the configuration away, and
`source: FILE FUNCTION` is what the block shows. Values that differ from time to time are compared
by their names alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import select
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from service.conftest import Service
from service.varlink_client import SERVICE, Connection

ADDRESS = "unix:/run/schedd/schedd.sock"
FENCE = re.compile(r"^```(\w*)$")
DIRECTIVE = re.compile(r"^<!-- (replay|source): (.*) -->$")
SPOKEN = re.compile(r"^(\w) (→|←) (.*)$")
VOLATILE = re.compile(
    r'"(token|pid|withinMs|ageMs|endsInMs|level|version|nice)": ?("[^"]*"|[-+.0-9e]+)'
)
TOKEN = re.compile(r"\b[0-9a-f]{32}\b")
PATIENCE = 60  # seconds
SHOWN_OF_A_LIST = 2


@dataclass
class Block:
    language: str
    first: int  # of its lines
    last: int  # behind it
    wants: "dict[str, str]" = field(default_factory=dict)


def blocks(lines: "list[str]") -> Iterator[Block]:
    wants: "dict[str, str]" = {}
    inside: "Block | None" = None
    for number, line in enumerate(lines):
        directive, fence = DIRECTIVE.match(line), FENCE.match(line)
        if inside and fence:
            inside.last = number
            yield inside
            inside, wants = None, {}
        elif fence:
            inside = Block(fence[1], number + 1, 0, wants)
        elif directive:
            wants[directive[1]] = directive[2]


def shortened(value: Any) -> Any:
    """Of a long list of objects the first and the last; "…" stands for the others."""
    if isinstance(value, dict):
        return {name: shortened(of) for name, of in value.items()}
    if isinstance(value, list):
        if len(value) > SHOWN_OF_A_LIST and all(isinstance(each, dict) for each in value):
            value = [value[0], "…", value[-1]]
        return [shortened(each) for each in value]
    return value


def shown(message: Any) -> str:
    return json.dumps(shortened(message), ensure_ascii=False).replace('"…"', "…")


def same(one: str, other: str) -> bool:
    return VOLATILE.sub(r'"\1": *', one) == VOLATILE.sub(r'"\1": *', other)


class Replay:
    """Lines as they would be written today: the recorded one where it says the same."""

    def __init__(
        self,
        lines: "list[str]",
        service: Callable[[str], Service],
        varlinkctl: "Path | None",
        varlink: "ModuleType | None",
    ) -> None:
        self.lines = lines
        self.service = service
        self.varlinkctl, self.varlink = varlinkctl, varlink
        self.peers: "dict[str, Connection]" = {}
        self.tokens: "dict[str, str]" = {}  # recorded: actual
        self.at = service("")
        self.printed: "list[str]" = []

    def __call__(self) -> "list[str]":
        written: "list[str]" = []
        end = 0
        for block in blocks(self.lines):
            written += self.lines[end : block.first]
            written += self.block(block, self.lines[block.first : block.last])
            end = block.last
        self.hang_up()
        return written + self.lines[end:]

    def hang_up(self) -> None:
        for peer in self.peers.values():
            peer.close()
        self.peers = {}

    def block(self, block: Block, lines: "list[str]") -> "list[str]":
        if "source" in block.wants:
            return source_of(*block.wants["source"].split())
        want = block.wants.get("replay", "")
        # Programs' leases are no part of the conversations.
        self.at = self.service("beside" if block.language else want)
        if want == "restart":
            self.hang_up()
        if block.language == "console":
            return self.console(lines) if self.varlinkctl else lines
        if block.language == "python":
            return self.python(lines) if self.varlink else lines
        if block.language == "text":
            return self.printed if self.varlink else lines
        if not block.language:
            return self.conversation(lines)
        return lines

    # On sockets.

    def conversation(self, lines: "list[str]") -> "list[str]":
        written = [self.spoken(line) for line in lines]
        with self.at.connect() as last:  # what was said before it is answered when this is
            last.call(SERVICE + "GetInfo")
        for name, peer in self.peers.items():
            unread = peer.buffer or select.select([peer.socket], [], [], 0)[0]
            assert not unread, f"{name} ← {peer.receive()} is not in the document"
        return written

    def spoken(self, line: str) -> str:
        if line.endswith(" hangs up"):
            self.peers.pop(line[0]).close()
            return line
        found = SPOKEN.match(line)
        assert found, f"not understood: {line}"
        name, arrow, text = found.groups()
        if arrow == "→":
            if name not in self.peers:
                self.peers[name] = Connection(self.at.path, timeout=PATIENCE)
            self.peers[name].send_bytes(self.actual(text).encode() + b"\0")
            return line
        try:
            today = shown(self.peers[name].expect())
        except TimeoutError as error:
            raise AssertionError(f"this does not come: {line}") from error
        return self.said(f"{name} ← ", text, today)

    def actual(self, text: str) -> str:
        return TOKEN.sub(lambda found: self.tokens.get(found[0], found[0]), text)

    def said(self, prefix: str, recorded: str, today: str) -> str:
        """The recorded token stays, for what follows names it."""
        tokens = zip(TOKEN.findall(recorded), TOKEN.findall(today))
        self.tokens.update(tokens)
        if same(recorded, today):
            return prefix + recorded
        back = {actual: known for known, actual in self.tokens.items()}
        return prefix + TOKEN.sub(lambda found: back.get(found[0], found[0]), today)

    # varlinkctl.

    def console(self, lines: "list[str]") -> "list[str]":
        written: "list[str]" = []
        while lines:
            command, *lines = lines
            n = next((i for i, line in enumerate(lines) if line.startswith("$ ")), len(lines))
            written += [command, *self.command(command, lines[:n])]
            lines = lines[n:]
        return written

    def command(self, command: str, recorded: "list[str]") -> "list[str]":
        program, *arguments = shlex.split(command.removeprefix("$ "))
        assert program == "varlinkctl" and self.varlinkctl, command
        address = f"unix:{self.at.path}"
        line = [address if a == ADDRESS else self.actual(a) for a in arguments]
        process = subprocess.Popen(
            [self.varlinkctl, *line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout
        with process:
            if recorded[-1:] == ["^C"]:
                today = [process.stdout.readline() for _ in recorded[:-1]] + ["^C"]
                process.terminate()
            else:
                today = list(process.stdout)
        today = [line.strip("\x1e\n") for line in today]  # a stream's replies begin with RS
        if len(today) != len(recorded):
            return today
        return [self.said("", *pair) for pair in zip(recorded, today)]

    # python-varlink.

    def python(self, lines: "list[str]") -> "list[str]":
        text = "\n".join(lines).replace(ADDRESS, f"unix:{self.at.path}")
        out = io.StringIO()
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(60)
        try:
            with contextlib.redirect_stdout(out):
                exec(compile(text, "docs/api.md", "exec"), {})
        finally:
            socket.setdefaulttimeout(before)
        self.printed = out.getvalue().splitlines()
        return lines


def source_of(path: str, function: str) -> "list[str]":
    """A function of a program in the tree: of main() the body, without its frame."""
    text = (Path(__file__).resolve().parents[3] / path).read_text()
    found = re.search(rf"^(?:static )?\w+ \*?{function}\(.*?\)\n{{\n(.*?)^}}\n", text, re.M | re.S)
    assert found, f"no {function}() in {path}"
    if function != "main":
        return found[0].splitlines()
    body = [line.removeprefix(" " * 8) for line in found[1].splitlines()]
    return [line for line in body if line != "return 0;"]
