"""What --help says, read apart from how completions/generate.py reads it."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

BUILD = Path(os.environ.get("SCHEDCTL_BUILD", "build")).resolve()
SOURCE = Path(__file__).resolve().parents[3]
DOCS = SOURCE / "docs"


def version() -> str:
    return (SOURCE / "VERSION").read_text(encoding="ascii").strip()


@functools.cache
def help_of(*words: str) -> str:
    program = BUILD / ("daemon/schedd" if words == ("schedd",) else "cli/schedctl")
    arguments = [] if words == ("schedd",) else words
    command = [str(program), *arguments, "--help"]
    return subprocess.run(
        command, check=True, capture_output=True, encoding="utf-8", timeout=60
    ).stdout


def verbs() -> list[str]:
    return re.findall(r"^  ([a-z]+)  *[a-z]", help_of(), re.MULTILINE)


def actions(verb: str) -> list[str]:
    """The words that a verb begins with: history's."""
    found = re.findall(rf"schedctl {verb} ([a-z]+)\b", help_of(verb).split("\n\n", maxsplit=1)[0])
    return list(dict.fromkeys(found))


def options(*words: str) -> set[str]:
    """All spellings in the list of options."""
    listed = re.findall(r"^ +((?:-\w, )?--[\w-]+(?:, --[\w-]+)*)", help_of(*words), re.MULTILINE)
    return {option for line in listed for option in line.split(", ")}


def page(*words: str) -> str:
    """The source of a man page."""
    name = "schedd.8" if words == ("schedd",) else "-".join(["schedctl", *words]) + ".1"
    return (DOCS / f"{name}.scd").read_text(encoding="utf-8")


def section(text: str, name: str) -> str:
    return text.partition(f"\n# {name}\n")[2].partition("\n# ")[0]


def page_options(*words: str) -> set[str]:
    headings = re.findall(r"^\*-.*", section(page(*words), "OPTIONS"), re.MULTILINE)
    return {option for line in headings for option in re.findall(r"\*(--?[\w-]+)\*", line)}


def choices(verb: str) -> dict[str, list[str]]:
    """The words that options take, by the man page's headings."""
    found = re.findall(r"\*(--[\w-]+)\* (\*[^ ]+\*\|\*[^ ]+\*)$", page(verb), re.MULTILINE)
    return {option: words.replace("*", "").split("|") for option, words in found}
