"""The man pages say what --help says, and groff and mandoc have nothing to object."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .helps import BUILD, DOCS, SOURCE, actions, options, page, page_options, section, verbs

PAGES = sorted((BUILD / "docs").glob("*.[1-8]"))
VERBS = verbs()


def test_verbs() -> None:
    listed = re.findall(r"^\*([a-z]+)\*", section(page(), "VERBS"), re.MULTILINE)
    assert listed == VERBS
    also = re.findall(r"\*schedctl-([a-z]+)\*", section(page(), "SEE ALSO"))
    assert sorted(also) == sorted(VERBS)
    assert page_options() == {"-h", "--help", "--version"}


@pytest.mark.parametrize("verb", VERBS)
def test_options(verb: str) -> None:
    assert page_options(verb) == options(verb)
    synopsis = section(page(verb), "SYNOPSIS")
    assert actions(verb) == re.findall(rf"\*schedctl {verb} ([a-z]+)\*", synopsis)
    if "[options]" not in synopsis:
        missing = [o for o in options(verb) if o.startswith("--") and o != "--help"]
        spelled = re.findall(r"\*(--?[\w-]+)\*", synopsis)
        short = {heading_short(verb, option) for option in missing if option not in spelled}
        assert short <= set(spelled)


def heading_short(verb: str, option: str) -> str:
    """The short form of an option, by the page; the option itself where it has none."""
    found = re.search(rf"^\*(-\w)\*, \*{option}\*", page(verb), re.MULTILINE)
    return found[1] if found else option


def test_service() -> None:
    assert page_options("schedd") == options("schedd") | {"--help", "--version"}


def test_environment() -> None:
    """Every variable that stands for an option of run is in its page."""
    source = (SOURCE / "cli/run_options.c").read_text(encoding="utf-8")
    read = set(re.findall(r'^ +\{"(SCHEDCTL_\w+)", ', source, re.MULTILINE))
    assert len(read) > 10
    assert read <= set(re.findall(r"\*(SCHEDCTL_\w+)\*", section(page("run"), "ENVIRONMENT")))


def test_references() -> None:
    """Pages of this project that others refer to are there."""
    ours = {path.stem for path in DOCS.glob("*.scd")}
    for path in DOCS.glob("*.scd"):
        text = path.read_text(encoding="utf-8")
        for name, number in re.findall(r"\*((?:lib)?sched(?:d|ctl)[\w.-]*)\*\((\d)\)", text):
            assert f"{name}.{number}" in ours, f"{path.name} refers to {name}({number})"


def complaints(*command: str) -> str:
    env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANROFFSEQ": ""}
    result = subprocess.run(
        command, env=env, capture_output=True, encoding="utf-8", check=False, timeout=60
    )
    return result.stderr if command[0] == "man" else result.stdout


@pytest.mark.parametrize("path", PAGES, ids=[path.name for path in PAGES])
def test_groff(path: Path) -> None:
    if not shutil.which("man") or not shutil.which("groff"):
        pytest.skip("there is no man or no groff")
    checks = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(path)]
    assert complaints(*checks) == ""


@pytest.mark.parametrize("path", PAGES, ids=[path.name for path in PAGES])
def test_mandoc(path: Path) -> None:
    if not shutil.which("mandoc"):
        pytest.skip("there is no mandoc")
    # Of its warnings those about empty paragraphs are scdoc's.
    assert complaints("mandoc", "-T", "lint", "-W", "error", str(path)) == ""
