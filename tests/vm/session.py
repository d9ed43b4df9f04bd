"""One guest from its boot to its end: the themes as they went, told as they end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import List, Sequence

from .boot import Guest, Shape
from .results import Case, Theme, tell


class Session:
    """folder: for the guest's logs. seconds: after which it is stopped."""

    def __init__(self, command: Sequence[str], shape: Shape, folder: Path, seconds: float) -> None:
        self.shape, self.folder = shape, folder
        self.themes: List[Theme] = []
        self.started = time.monotonic()
        self.done = False
        self.guest = Guest(command, folder, seconds)

    def run(self, verbose: bool) -> List[Theme]:
        try:
            with (self.folder / "tests").open("w") as log:
                for line in self.guest.lines():
                    log.write(line + "\n")
                    log.flush()
                    if verbose:
                        print(f"{self.shape.pus:>3} {line}", flush=True)
                    self.hear(line)
        finally:
            self.guest.close()
        if not self.done:
            self.themes.append(self.broken())
            tell(self.themes[-1])
        return self.themes

    def hear(self, line: str) -> None:
        """A line of runner.py's, or between its lines one of a test's."""
        words = line.split()
        if words[:2] == ["vm", "boot"]:
            print(f"{self.shape} booted in {time.monotonic() - self.started:.1f} s", flush=True)
        elif words[:2] == ["vm", "begin"]:
            self.themes.append(Theme(Path(words[2]).stem, self.shape.pus))
        elif words[:2] == ["vm", "end"]:
            self.themes[-1].end(int(words[3]), float(words[4]))
            tell(self.themes[-1])
        elif words[:2] == ["vm", "done"]:
            self.done = True
        elif self.themes:
            self.themes[-1].hear(line)

    def broken(self) -> Theme:
        """What to say of a guest that has ended before its tests have."""
        how = "was stopped, out of time," if self.guest.timed_out else "ended"
        where = "before it was up"
        if self.themes:
            last = self.themes[-1]
            where = f"after {last.name}" if last.ended else f"in {last.name}"
        said: List[str] = []
        for name in ("qemu", "console"):
            file = self.folder / name
            if file.exists():
                said += file.read_text(errors="replace").splitlines()[-20:]
        return Theme("guest", self.shape.pus, [Case(f"the guest {how} {where}", True, said=said)])
