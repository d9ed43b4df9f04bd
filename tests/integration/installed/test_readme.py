"""The commands in README.md are there: tools, verbs and their options, files that it refers to."""

from __future__ import annotations

import os
import re

import pytest

from .helps import SOURCE, actions, options, verbs

README = (SOURCE / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("#")[0].strip()
    for line in re.findall(r"^    (\S.*)$|`([^`\n]+)`", README, re.MULTILINE)
    for line in line
    if line
]


@pytest.mark.parametrize("tool", sorted(set(re.findall(r"\btools/([\w-]+)", README))))
def test_tools(tool: str) -> None:
    assert os.access(SOURCE / "tools" / tool, os.X_OK)


def test_verbs_and_options() -> None:
    used = [found for c in COMMANDS if (found := re.match(r"(?:\S+/)?schedctl ([a-z]+)\b(.*)", c))]
    assert len(used) > 8
    for verb, rest in (found.groups() for found in used):
        assert verb in verbs()
        own = rest.partition(" -- ")[0].split()
        for word in own:
            assert not word.startswith("-") or word in options(verb), f"{verb} {word}"
        if actions(verb) and own:
            assert own[0] in actions(verb)


def test_options_of_meson() -> None:
    text = (SOURCE / "meson_options.txt").read_text() + "prefix buildtype"
    for command in (c for c in COMMANDS if "meson setup" in c):
        for option in re.findall(r" --?D?([a-z-]+)[ =]", command):
            assert option in text, command


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links(target: str) -> None:
    assert target.startswith("https://") or (SOURCE / target).exists()
