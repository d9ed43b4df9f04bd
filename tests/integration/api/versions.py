"""What of a newer interface would break clients of an older one; docs/api.md has the rules.

Clients ignore fields that they do not know, and take errors that they do not know for failures. So
replies may gain fields and the interface types, methods and errors; calls may gain fields that need
not be given. All else that clients can see stays. An enum gains values only where the older text
says "May grow": who was not told has no case for them.
"""

from __future__ import annotations

import re

from service.varlink_types import Interface, Type

VERSION = re.compile(r"^# Version ([0-9]+)\.([0-9]+)\.", re.MULTILINE)


def version_of(text: str) -> "tuple[int, int]":
    found = VERSION.search(text)
    assert found, "the interface does not say its version"
    return int(found[1]), int(found[2])


class Compared:
    def __init__(self, old: Interface, new: Interface) -> None:
        self.old, self.new = old, new
        self.breaks: "list[str]" = []

    def all(self) -> "list[str]":
        if self.old.name != self.new.name:
            self.breaks.append(f"{self.old.name} is called {self.new.name}")
        for name in self.old.types:
            self.kept(name, self.new.types, "type")
        for name in self.old.calls:
            if self.kept(name, self.new.calls, "method"):
                self.call(self.old.calls[name], self.new.calls[name], name)
                self.reply(self.old.replies[name], self.new.replies[name], name + "'s reply")
        for name in self.old.errors:
            if self.kept(name, self.new.errors, "error"):
                self.reply(self.old.errors[name], self.new.errors[name], name)
        return list(dict.fromkeys(self.breaks))

    def kept(self, name: str, names: "dict[str, Type]", what: str) -> bool:
        if name not in names:
            self.breaks.append(f"the {what} {name} is gone")
        return name in names

    def call(self, old: Type, new: Type, where: str) -> None:
        """What clients may send goes on being taken."""
        if maybe(new) and not maybe(old):
            new = new[1]
        elif maybe(old) and not maybe(new):
            self.breaks.append(f"{where} must be given")
            old = old[1]
        self.same(old, new, where, replied=False)
        for name in fields(new, self.new).keys() - fields(old, self.old).keys():
            if not maybe(fields(new, self.new)[name]):
                self.breaks.append(f"{where}.{name} is new and must be given")

    def reply(self, old: Type, new: Type, where: str) -> None:
        """What clients rely upon goes on being there."""
        if maybe(old) and not maybe(new):
            old = old[1]
        elif maybe(new) and not maybe(old):
            self.breaks.append(f"{where} may be absent")
            new = new[1]
        self.same(old, new, where, replied=True)

    def same(self, old: Type, new: Type, where: str, replied: bool) -> None:
        """The kind of a type, and what is within."""
        inner = self.reply if replied else self.call
        if isinstance(old, str) or isinstance(new, str):
            if old != new:
                self.breaks.append(f"{where} is {shown(new)}, was {shown(old)}")
            elif old in self.old.types and old in self.new.types:
                inner(self.old.types[old], self.new.types[new], str(old))
        elif old[0] != new[0]:
            self.breaks.append(f"{where} is {shown(new)}, was {shown(old)}")
        elif old[0] == "enum":
            self.breaks += [f"{where} has no {value}" for value in old[1] if value not in new[1]]
            # Nobody is sent a value that only callers use.
            if replied and "May grow" not in self.old.comments.get(where, ""):
                self.breaks += [f"{where} has {value}" for value in new[1] if value not in old[1]]
        elif old[0] == "struct":
            for name, of in old[1].items():
                if name not in new[1]:
                    self.breaks.append(f"{where}.{name} is gone")
                else:
                    inner(of, new[1][name], f"{where}.{name}")
        else:
            inner(old[1], new[1], where)


def maybe(kind: Type) -> bool:
    return not isinstance(kind, str) and kind[0] == "maybe"


def shown(kind: Type) -> str:
    return kind if isinstance(kind, str) else f"a {kind[0]}"


def fields(kind: Type, interface: Interface) -> "dict[str, Type]":
    if isinstance(kind, str):
        kind = interface.types.get(kind, kind)
    found: "dict[str, Type]" = kind[1] if kind[0] == "struct" else {}
    return found


def breaks(old: str, new: str) -> "list[str]":
    """Sentences, none where every client of the old text is served by the new one."""
    return Compared(Interface(old), Interface(new)).all()
