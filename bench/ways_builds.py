"""A build and a suite of tests beside each other, by their own commands and in one run.

Each project builds on all CPUs and runs `pytest -n auto` meanwhile; below `schedctl run` the same
commands take their jobs from its jobserver, and the tests its workers. Whoever builds by rules has
the tests as one of them; a script starts the others.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import contenders
import memory
import peers
import report
import suites
from contenders import Extent, Tools

JOBS = 32
JOB_S = 0.25
"""CPU seconds of a job that is not a compiler's."""
TESTS = "heavy-tail"
TESTS_SCALE = 0.5
CRATES = 8
FUNCTIONS = 1500
"""In each crate: about as much to do for a compiler as JOBS / CRATES jobs."""
LOOK_S = 0.02
COMPUTES_TICKS = 5
"""Clock ticks after which a thread counts as one that computes, and is not a shell's on its way."""

BUSY = """\
import sys, time

while time.process_time() < float(sys.argv[1]):
    pass
open(sys.argv[2], "w").close()
"""


@dataclass(frozen=True)
class Project:
    """test: the command that runs the tests; job: one that computes and makes the file {out}."""

    folder: Path
    test: str
    job: str
    pus: int
    scale: float


@dataclass(frozen=True)
class Builder:
    name: str
    program: str
    write: Callable[[Project], None]
    build: str
    """On so many CPUs as {n} says; runs the tests, too, where `alone`."""
    alone: bool
    folders: tuple[str, ...] = ()
    """Of peers'."""


def write_make(project: Project) -> None:
    outs = " ".join(f"out/{n}" for n in range(JOBS))
    text = f"all: build test\nbuild: {outs}\nout/%:\n\t@{project.job.format(out='$@')}\n"
    text += f"test:\n\t@{project.test}\n.PHONY: all build test\n"
    (project.folder / "Makefile").write_text(text)


def write_ninja(project: Project) -> None:
    job = project.job.format(out="$out")
    lines = ["rule job", f"  command = {job}", "rule test", f"  command = {project.test}"]
    lines += [f"build out/{n}: job" for n in range(JOBS)] + ["build test: test", ""]
    (project.folder / "build.ninja").write_text("\n".join(lines))


def write_ctest(project: Project) -> None:
    lines = [f"add_test(job{n} {project.job.format(out=f'out/{n}')})" for n in range(JOBS)]
    (project.folder / "CTestTestfile.cmake").write_text("\n".join([*lines, ""]))


def write_cargo(project: Project) -> None:
    function = 'pub fn f{n}(x: u64) -> String {{ format!("{{}} {n}", x.rotate_left({n} % 63)) }}'
    functions = round(FUNCTIONS * project.scale)
    text = "\n".join(function.format(n=n) for n in range(functions))
    for n in range(CRATES):
        crate = project.folder / f"crate{n}"
        (crate / "src").mkdir(parents=True)
        (crate / "src/lib.rs").write_text(text)
        (crate / "Cargo.toml").write_text(
            f'[package]\nname = "crate{n}"\nversion = "0.1.0"\nedition = "2021"\n'
        )
    manifest = '[workspace]\nresolver = "2"\nmembers = ["crate*"]\n'
    (project.folder / "Cargo.toml").write_text(manifest)


BUILDERS = (
    Builder("make", "make", write_make, "make -j{n} all", True),
    Builder("ninja", "ninja", write_ninja, "ninja", True, ("ninja",)),
    Builder("cargo", "cargo", write_cargo, "cargo build --offline --target-dir out", False),
    Builder("ctest", "ctest", write_ctest, "ctest -j", False, ("cmake",)),
)
WAYS = ("apart", "one run")


def environment(tools: Tools, builder: Builder) -> dict[str, str]:
    return peers.with_peers(tools, "xdist", *builder.folders)


def make(tools: Tools, builder: Builder, scale: float) -> Project:
    """The project, made anew."""
    folder = tools.scratch / "builds" / builder.name
    shutil.rmtree(folder, ignore_errors=True)
    suites.generate(suites.BY_NAME[TESTS], folder / "tests", scale * TESTS_SCALE)
    (folder / "busy.py").write_text(BUSY)
    python = shlex.quote(str(tools.python))
    project = Project(
        folder,
        f"{python} -m pytest -q -p no:cacheprovider -n auto tests",
        f"{python} -ES busy.py {JOB_S * scale} {{out}}",
        tools.pus,
        scale,
    )
    builder.write(project)
    return project


def command(tools: Tools, builder: Builder, project: Project, way: str) -> list[str]:
    build = builder.build.format(n=project.pus)
    if builder.alone:
        words = shlex.split(build)
    else:
        both = f"{build} & build=$!; {project.test}; tests=$?; wait $build && exit $tests"
        words = ["sh", "-c", both]
    return words if way == "apart" else contenders.run_command(tools, words)


def clean(project: Project) -> None:
    shutil.rmtree(project.folder / "out", ignore_errors=True)
    (project.folder / "out").mkdir()


def computing(pid: int) -> int:
    """How many of a process's threads are running or ready to, and have computed before."""
    found = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            found += fields[0] == "R" and int(fields[11]) + int(fields[12]) >= COMPUTES_TICKS
    except OSError:
        pass  # it has ended
    return found


def crowd(words: list[str], project: Project, env: Mapping[str, str]) -> tuple[int, float]:
    """How many threads compute at a time: the most, and on the average while any does."""
    process = contenders.launch(words, project.folder, dict(env))
    seen: list[int] = []
    with contenders.limited(process):
        while process.poll() is None:
            seen.append(sum(map(computing, memory.processes_below(process.pid))))
            time.sleep(LOOK_S)
    busy = [n for n in seen if n]
    return max(busy, default=0), sum(busy) / max(1, len(busy))


def refusal(env: Mapping[str, str], program: str) -> str | None:
    """Why a program cannot be run here; None where it can."""
    path = shutil.which(program, path=env["PATH"])
    if path is None:
        return "is not here"
    try:
        done = subprocess.run([path, "--version"], env=env, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else f"--version ends with {done.returncode}"


def version(env: Mapping[str, str], program: str) -> str:
    done = subprocess.run([program, "--version"], env=env, capture_output=True, text=True)
    words = done.stdout.replace("\n", " ").split()
    return next((word for word in words if word[0].isdigit()), "?")


def measure(
    tools: Tools, builder: Builder, project: Project, rounds: int
) -> dict[str, tuple[float, int, float]]:
    """Of each way: the median of its times, and what its crowd was in a run of its own."""
    env = environment(tools, builder)
    words = {way: command(tools, builder, project, way) for way in WAYS}
    walls: dict[str, list[float]] = {way: [] for way in WAYS}
    contenders.forget(tools)
    for _ in range(rounds):
        for way in WAYS:
            clean(project)
            walls[way].append(contenders.measure(words[way], project.folder, env).passed().wall)
    found = {}
    for way in WAYS:
        clean(project)
        found[way] = (median(walls[way]), *crowd(words[way], project, env))
    return found


def rows(tools: Tools, builder: Builder, extent: Extent) -> list[Sequence[str]]:
    env = environment(tools, builder)
    why = refusal(env, builder.program)
    if why:
        return [[f"{builder.name}: {why}", *["–"] * 5]]
    project = make(tools, builder, extent.scale)
    found = measure(tools, builder, project, extent.rounds)
    name = f"{builder.name} {version(env, builder.program)}"
    apart = found["apart"][0]
    return [
        [name, way, report.seconds(wall), str(most), f"{mean:.1f}", report.ratio(wall, apart)]
        for way, (wall, most, mean) in found.items()
    ]


def run(tools: Tools, extent: Extent) -> str:
    lines: list[Sequence[str]] = []
    for builder in BUILDERS:
        print(f"{builder.name} and pytest …", file=sys.stderr, flush=True)
        lines += rows(tools, builder, extent)
    head = ["a build and pytest -n auto", "", "wall, s", "compute at most", "on average"]
    return report.table([*head, "one run/apart"], lines)
