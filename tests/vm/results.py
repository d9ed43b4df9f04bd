"""What the guest's tests said: read from TAP, told on the terminal, and written as JUnit XML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, List

LINE = re.compile(r"(not )?ok\b(?: \d+)?(?: - | |$)(.*?)(?: # (?:SKIP|skip)\b:? ?(.*))?$")


@dataclass
class Case:
    name: str
    failed: bool
    skipped: str = ""
    said: List[str] = field(default_factory=list)


@dataclass
class Theme:
    """One file of tests in one guest."""

    name: str
    pus: int  # the guest's
    cases: List[Case] = field(default_factory=list)
    seconds: float = 0.0
    ended: bool = False
    said: List[str] = field(default_factory=list)  # since the last case
    planned: int = -1

    def hear(self, line: str) -> None:
        """A line of its output. `# …` after a failed case is about it; all else about the next."""
        case = LINE.match(line)
        if case:
            failed, name, skipped = bool(case[1]), case[2].strip(), case[3]
            reason = skipped or "no reason given" if skipped is not None else ""
            self.cases.append(Case(name, failed, reason, self.said))
            self.said = []
        elif re.fullmatch(r"1\.\.\d+", line):
            self.planned = int(line[3:])
        elif line.startswith("#") and self.cases and self.cases[-1].failed:
            self.cases[-1].said.append(line)
        else:
            self.said.append(line)

    def end(self, status: int, seconds: float) -> None:
        self.ended, self.seconds = True, seconds
        if status:
            self.cases.append(Case(f"ends with 0, not {status}", True, said=self.said))
        if self.planned > len(self.cases):
            missing = f"all of it is run: {len(self.cases)} of {self.planned} tests were"
            self.cases.append(Case(missing, True, said=self.said))

    @property
    def failed(self) -> List[Case]:
        return [case for case in self.cases if case.failed]

    @property
    def skipped(self) -> List[Case]:
        return [case for case in self.cases if case.skipped]

    def summary(self) -> str:
        passed = len(self.cases) - len(self.failed) - len(self.skipped)
        counts = [(len(self.failed), "failed"), (passed, "ok"), (len(self.skipped), "skipped")]
        outcome = "FAILED" if self.failed else "ok" if passed else "skipped"
        said = ", ".join(f"{n} {what}" for n, what in counts if n)
        return f"{outcome:8}{self.pus:>3} CPUs  {self.name:14}{self.seconds:6.1f} s  {said}"


def tell(theme: Theme) -> None:
    """In one piece, since two guests tell at the same time."""
    lines = [theme.summary()]
    for case in theme.failed:
        lines += [f"        not ok - {case.name}", *(f"            {line}" for line in case.said)]
    lines += [f"        skipped: {case.name}: {case.skipped}" for case in theme.skipped]
    print("\n".join(lines) + "\n", end="", flush=True)


def write_junit(themes: Iterable[Theme], path: Path) -> None:
    suites = ElementTree.Element("testsuites")
    for theme in themes:
        name = f"vm{theme.pus}.{theme.name}"
        suite = ElementTree.SubElement(suites, "testsuite", name=name, time=f"{theme.seconds:.1f}")
        for case in theme.cases:
            element = ElementTree.SubElement(suite, "testcase", classname=name, name=case.name)
            if case.failed:
                ElementTree.SubElement(element, "failure").text = "\n".join(case.said)
            elif case.skipped:
                ElementTree.SubElement(element, "skipped", message=case.skipped)
    ElementTree.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)
