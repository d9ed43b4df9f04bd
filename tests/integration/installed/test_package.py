"""What debian/ repeats agrees with the rest. tools/package --check tries the packages."""

from __future__ import annotations

import re
import subprocess

from .helps import BUILD, SOURCE, version

DEBIAN = SOURCE / "debian"


def read(name: str) -> str:
    return (DEBIAN / name).read_text(encoding="utf-8")


def test_version() -> None:
    assert read("changelog").startswith(f"schedctl ({version()}) ")


def test_symbols() -> None:
    """Those of the library, each since some version."""
    library = BUILD / "lib/libschedctl.so.0"
    result = subprocess.run(
        ["nm", "-D", "--defined-only", library], check=True, capture_output=True, encoding="utf-8"
    )
    exported = re.findall(r" T (\w+)@@(\w+)$", result.stdout, re.MULTILINE)
    listed = re.findall(r"^ (schedctl_\w+)@(\w+) \d", read("libschedctl0.symbols"), re.MULTILINE)
    assert listed == sorted(exported)


def test_license() -> None:
    """The same words, in the other format."""
    words = (SOURCE / "LICENSE").read_text().partition("\n\n")[2].partition("\n\n")[2].split()
    packaged = [word for word in read("copyright").split() if word != "."]
    assert packaged[-len(words) :] == words
    assert " ".join(packaged).endswith(" ".join(["License: Expat", *words]))


def test_build_needs() -> None:
    """What is installed for building is in Build-Depends, but for what every build has."""
    script = (SOURCE / "tools/install-deps").read_text()
    found = re.search(r"^for_build=\((.*?)\)", script, re.MULTILINE | re.DOTALL)
    assert found
    essential = {"gcc", "libc6-dev", "ninja-build", "python3"}
    needed = set(found[1].split()) - essential
    build_depends = read("control").partition("Build-Depends:")[2].partition("\nStandards")[0]
    assert needed <= set(re.findall(r"[a-z][\w.+-]+", build_depends))
