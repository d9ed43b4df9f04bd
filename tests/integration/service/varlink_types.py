"""The text of a Varlink interface, and values held against its types."""

from __future__ import annotations

import re
from typing import Any

TOKEN = re.compile(r"#[^\n]*|\s+|->|\[\]|\[string\]|[A-Za-z][A-Za-z0-9_.]*|[(),:?]")
COMMENTED = re.compile(
    r"^((?:[ ]*#[^\n]*\n)+)[ ]*(?:(?:interface|type|method|error) +)?([A-Za-z0-9_.]+)", re.MULTILINE
)
PLAIN: "dict[str, Any]" = {
    "int": int,
    "float": (int, float),
    "string": str,
    "bool": bool,
    "object": dict,
}

Type = Any  # ("struct", {name: type}), ("enum", names), ("array", type), ("maybe", type) or a name


class Interface:
    """Its named types, what each method takes and replies, what each error carries, and the comment
    above each."""

    def __init__(self, text: str) -> None:
        self.tokens: "list[str]" = [
            t for t in TOKEN.findall(text) if not t.isspace() and t[0] != "#"
        ]
        self.types: "dict[str, Type]" = {}
        self.calls: "dict[str, Type]" = {}
        self.replies: "dict[str, Type]" = {}
        self.errors: "dict[str, Type]" = {}
        self.comments = {name: comment for comment, name in COMMENTED.findall(text)}
        while self.tokens:
            self.member(self.take())

    def take(self) -> str:
        return self.tokens.pop(0)

    def member(self, what: str) -> None:
        name = self.take()
        if what == "type":
            self.types[name] = self.type()
        elif what == "method":
            self.calls[name] = self.type()
            assert self.take() == "->"
            self.replies[name] = self.type()
        elif what == "error":
            self.errors[name] = self.type()
        else:
            assert what == "interface", what
            self.name = name

    def type(self) -> Type:
        token = self.take()
        if token == "?":
            return ("maybe", self.type())
        if token == "[]":
            return ("array", self.type())
        return self.fields() if token == "(" else token

    def fields(self) -> Type:
        """A struct's, or an enum's names."""
        types: "dict[str, Type]" = {}
        names: "list[str]" = []
        while (token := self.take()) != ")":
            if token == ",":
                continue
            names.append(token)
            if self.tokens[0] == ":":
                self.take()
                types[token] = self.type()
        return ("struct", types) if types or not names else ("enum", names)

    def faults(self, value: Any, kind: Type, where: str = "") -> "list[str]":
        """What of the value is not of its type; unknown fields are faults too."""
        if isinstance(kind, str):
            if kind in self.types:
                return self.faults(value, self.types[kind], where)
            plain = isinstance(value, PLAIN[kind]) and (kind == "bool" or value is not True)
            return [] if plain else [f"{where}: {value!r} is no {kind}"]
        what, of = kind
        if what == "maybe":
            return [] if value is None else self.faults(value, of, where)
        if what == "enum":
            return [] if value in of else [f"{where}: {value!r} is none of {of}"]
        if what == "array":
            assert isinstance(value, list), where
            return [
                f for i, each in enumerate(value) for f in self.faults(each, of, f"{where}[{i}]")
            ]
        assert isinstance(value, dict), where
        unknown = [f"{where}.{name}: not described" for name in value if name not in of]
        each = (self.faults(value.get(name), of[name], f"{where}.{name}") for name in of)
        return unknown + [fault for faults in each for fault in faults]
