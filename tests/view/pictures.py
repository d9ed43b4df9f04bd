#!/usr/bin/env python3
"""Golden tests of what the user sees: top's screens, status -v and explain, of made states.

usage: pictures.py SHOW_VIEW [--regenerate | --print] [NAME...]

SHOW_VIEW is the built tests/view/show-view; states are fixtures/scenes.py's; what is expected of
each picture is in fixtures/view/NAME.txt. --regenerate writes that anew: look at the diff before
committing it.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from fixtures import scenes  # noqa: E402

GOLDEN = TESTS / "fixtures" / "view"
UP, DOWN, _, PAGE_DOWN, _, END, ENTER, ESCAPE, BACKSPACE = range(0x110000, 0x110009)

Picture = dict[str, Any]


def picture(
    what: str, scene: str, width: int, height: int, minutes: int = 0, **more: Any
) -> Picture:
    made = scenes.SCENES[scene]
    return {
        "what": what,
        "machine": made.machine,
        "steps": scenes.past(made, minutes),
        "width": width,
        "height": height,
        "utf8": True,
        **more,
    }


def keys(*pressed: str | int) -> list[int]:
    return [ord(key) if isinstance(key, str) else key for key in pressed]


def gone(scene: str) -> list[Any]:
    return [*scenes.past(scenes.SCENES[scene], 1), [61_000, None, "No service is running"]]


PICTURES: dict[str, Picture] = {
    "two-80x24": picture("top", "two", 80, 24),
    "two-40x10": picture("top", "two", 40, 10),
    "two-idle-80x24": picture("top", "two-idle", 80, 24),
    "laptop-80x24": picture("top", "laptop", 80, 24, 6),
    "laptop-80x24-ascii": picture("top", "laptop", 80, 24, 6, utf8=False),
    "laptop-80x24-styles": picture("top", "laptop", 80, 24, keys=keys(DOWN), styles=True),
    "laptop-40x10": picture("top", "laptop", 40, 10, 2),
    "laptop-60x16": picture("top", "laptop", 60, 16, 2),
    "laptop-200x60": picture("top", "laptop", 200, 60, 12),
    "laptop-32x8": picture("top", "laptop", 32, 8),
    "laptop-31x8": picture("top", "laptop", 31, 8),
    "laptop-held-80x24": picture(
        "top", "laptop-held", 80, 24, 3, keys=keys(DOWN, DOWN, DOWN, DOWN)
    ),
    "laptop-held-120x30": picture("top", "laptop-held", 120, 30, 3, keys=keys(DOWN, "p", "+", "b")),
    "laptop-weight-80x24": picture(
        "top", "laptop", 80, 24, keys=keys("w", "2", "5", "0", "0", BACKSPACE)
    ),
    "laptop-weighed-80x24": picture("top", "laptop", 80, 24, keys=keys("w", "2", "5", ENTER)),
    "laptop-misweighed-80x24": picture("top", "laptop", 80, 24, keys=keys("w", "0", ENTER)),
    "server-80x24": picture("top", "server", 80, 24),
    "server-40x10": picture("top", "server", 40, 10),
    "server-120x20": picture("top", "server", 120, 20),
    "server-200x60": picture("top", "server", 200, 60),
    "quad-80x24": picture("top", "quad", 80, 24),
    "quad-60x16": picture("top", "quad", 60, 16),
    "quad-120x30": picture("top", "quad", 120, 30),
    "huge-80x24": picture("top", "huge", 80, 24),
    "crowd-80x24": picture("top", "crowd", 80, 24, keys=keys(PAGE_DOWN, DOWN)),
    "crowd-120x40-end": picture("top", "crowd", 120, 40, keys=keys(END)),
    "help-80x24": picture("top", "laptop", 80, 24, keys=keys("?")),
    "gone-80x24": {**picture("top", "laptop", 80, 24), "steps": gone("laptop")},
    "sizes-laptop-held": picture("sizes", "laptop-held", 100, 28),
    "sizes-server": picture("sizes", "server", 100, 28),
    "sizes-crowd": picture("sizes", "crowd", 48, 28, utf8=False),
    "status-two": picture("status", "two", 80, 24),
    "status-laptop-held": picture("status", "laptop-held", 80, 24),
    "explain-two-idle": picture("explain", "two-idle", 80, 24),
    "explain-laptop": picture("explain", "laptop", 80, 24),
    "explain-laptop-ascii": picture("explain", "laptop", 80, 24, utf8=False),
    "explain-laptop-held": picture("explain", "laptop-held", 80, 24),
}


# A sanitizer's report must not pass for a picture.
SANITIZERS = {"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99"}


def show(program: str, name: str) -> str:
    result = subprocess.run(
        [program],
        input=json.dumps(PICTURES[name]),
        env={**os.environ, **SANITIZERS},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if result.returncode:
        return f"status {result.returncode}\n{result.stdout}\n{result.stderr}\n"
    return result.stdout


def compare(name: str, actual: str) -> bool:
    file = GOLDEN / f"{name}.txt"
    expected = file.read_text("utf-8") if file.exists() else ""
    if actual == expected:
        return True
    names = (f"{name}: expected", f"{name}: actual")
    before, after = expected.splitlines(), actual.splitlines()
    print("\n".join(difflib.unified_diff(before, after, *names, lineterm="")))
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description="golden tests of what the user sees")
    parser.add_argument("program")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--regenerate", action="store_true")
    parser.add_argument("--print", action="store_true")
    options = parser.parse_intermixed_args()
    failed = sorted(path.name for path in GOLDEN.glob("*.txt") if path.stem not in PICTURES)

    for name in options.names or PICTURES:
        actual = show(options.program, name)
        if options.print:
            print(f"--- {name}\n{actual}", end="")
        elif options.regenerate and not actual.startswith("status "):
            (GOLDEN / f"{name}.txt").write_text(actual, "utf-8")
        elif not compare(name, actual):
            failed.append(name)
    print(f"{len(options.names or PICTURES)} pictures, differ: {' '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
