"""What the process that reports pays for a passing item: its own CPU time in pytest's run loop.

A serial pytest runs the items in that time too; pytest-xdist's controller and schedctl's reporter
only hear of them and show them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import contenders
import peers
import report
from contenders import Extent, Tools, measure

FILES = 100
PER_FILE = 100

# Loaded into every contender; a forked worker never comes to the second half, one started afresh
# has an input.
METER = """\
import os, time, pytest

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtestloop(session):
    began = time.process_time()
    yield
    if not hasattr(session.config, "workerinput"):
        with open(os.environ["REPORTING"], "w") as file:
            file.write(str(time.process_time() - began))
"""


@dataclass(frozen=True)
class Way:
    name: str
    prefix: Callable[[Tools], list[str]]
    options: Callable[[Tools], list[str]]
    xdist: bool = False


def schedctl(start: str) -> Callable[[Tools], list[str]]:
    """-w, since a suite this short might be left to the reporting process itself."""
    return lambda tools: [
        str(tools.build / "cli/schedctl"),
        *("run", "--start", start, "-w", str(tools.pus), "--"),
    ]


def nothing(_: Tools) -> list[str]:
    return []


WAYS = (
    Way("serial", nothing, nothing),
    Way("xdist", nothing, lambda tools: ["-n", str(tools.pus)], xdist=True),
    Way("schedctl, forked workers", schedctl("fork"), nothing),
    Way("schedctl, fresh workers", schedctl("spawn"), nothing),
)


def suite(tools: Tools, per_file: int) -> Path:
    folder = tools.scratch / "reporting"
    folder.mkdir()
    (folder / "reporting_meter.py").write_text(METER)
    text = "def test_{n}(): pass\n"
    tests = "".join(text.format(n=n) for n in range(per_file))
    for n in range(FILES):
        (folder / f"test_{n:03}.py").write_text(tests)
    return folder


def once(tools: Tools, way: Way, folder: Path, verbosity: str) -> float:
    """CPU seconds."""
    record = tools.scratch / "reporting.txt"
    env = peers.with_peers(tools, *(["xdist"] if way.xdist else []))
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), env["PYTHONPATH"]]))
    env["REPORTING"] = str(record)
    pytest = [str(tools.python), "-m", "pytest", verbosity, "-p", "no:cacheprovider"]
    command = [*way.prefix(tools), *pytest, "-p", "reporting_meter", *way.options(tools)]
    measure(command, folder, env).passed()
    return float(record.read_text())


def ways(tools: Tools, before: Path | None) -> list[tuple[Way, Tools]]:
    """before: the build of an earlier schedctl, to be measured beside this one."""
    found = [(way, tools) for way in WAYS]
    if before is not None:
        older = replace(tools, build=before)
        found += [(replace(way, name=f"before: {way.name}"), older) for way in WAYS[2:]]
    return found


def run(before: Path | None, tools: Tools, extent: Extent) -> str:
    """A table: medians, in turns."""
    per_file = round(PER_FILE * extent.scale)
    folder = suite(tools, per_file)
    chosen = ways(tools, before)
    costs: dict[str, dict[str, list[float]]] = {}
    for _ in range(extent.rounds):
        for verbosity in ("-q", "-v"):
            for way, its_tools in chosen:
                cost = once(its_tools, way, folder, verbosity) / (FILES * per_file) * 1e6
                costs.setdefault(way.name, {}).setdefault(verbosity, []).append(cost)
    contenders.forget(tools)
    xdist = median(costs["xdist"]["-q"])
    rows = [
        [
            name,
            *(f"{median(found[v]):.1f}" for v in ("-q", "-v")),
            f"{median(found['-q']) / xdist:.2f}",
        ]
        for name, found in costs.items()
    ]
    return report.table(["the reporting process", "-q, µs", "-v, µs", "-q/xdist"], rows)
