"""Other runners of pytest suites, the newest from the package registry.

Each is in a folder of its own that PYTHONPATH names, so that nobody pays for loading another.

Left out, as tried with the pytest of requirements.txt:
- xdist's loadgroup: load, for a suite without its marks.
- pytest-parallel: fixtures of a module are set up once a test, since it takes tests in any order.
- pytest-fast: a resident daemon, whose test ids differ from pytest's own in most of these folders:
  usage errors, and failures in click.
- pytest-mproc: does not end within 20 s on a suite of 2 s. pytest-concurrent: cannot be imported.
- rpytest: only starts a daemon that the registry does not have.
- pytest-lanes, pytest-shard, pytest-test-groups, CI shards: parts fixed by hand or by count, which
  pytest-split does better with times.
- pytest-forked: isolates, one test at a time; forking.py has it.
- Runners that do not run pytest's plugins and fixtures by pytest itself (rstest, cito).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from contenders import Job, Sample, Tools, environment, measure_together, pytest_command

FOLDERS = {
    "xdist": ("pytest-xdist", "execnet"),
    "split": ("pytest-split",),
    "balance": ("pytest-balance",),
    "bistra": ("bistra",),
    "horizon": ("pytest-horizon",),
    "zygote": ("pytest-zygote",),
    "parallex": ("pytest-parallex",),
    "forked": ("pytest-forked",),
    "ninja": ("ninja",),
    "cmake": ("cmake",),
}
"""By folder, the packages in it; what they need besides is in requirements.txt."""

Commands = Callable[[Tools, Job], Sequence[list[str]]]
"""What is started together to run a suite."""


@dataclass(frozen=True)
class Peer:
    name: str
    folders: tuple[str, ...]
    commands: Commands
    teach: Commands | None = None
    """A run that teaches it the tests' times; not measured."""
    learned: tuple[str, ...] = ()
    """Where, in the suite's folder."""


def install(folder: Path) -> None:
    """All of FOLDERS, into folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, packages in FOLDERS.items():
        target = ["--no-deps", "--target", str(folder / name)]
        pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, *target, *packages], check=True)


def version(tools: Tools, folder: str) -> str:
    package = FOLDERS[folder][0].replace("-", "_")
    (info,) = (tools.peers / folder).glob(f"{package}-*.dist-info")
    return info.stem.removeprefix(f"{package}-")


def with_peers(tools: Tools, *folders: str) -> dict[str, str]:
    """The environment in which pytest finds these."""
    paths = [tools.peers / folder for folder in folders]
    path = ":".join(map(str, paths))
    programs = ":".join([*(f"{p}/bin" for p in paths), environment(tools)["PATH"]])
    return environment(tools) | {"PYTHONPATH": path, "PATH": programs}


def with_xdist(tools: Tools) -> dict[str, str]:
    return with_peers(tools, "xdist")


def with_plugin(tools: Tools) -> dict[str, str]:
    """pytest-xdist and schedctl's plugin, as whoever has installed both; schedctl is in PATH."""
    env = with_xdist(tools)
    python, programs = tools.build / "python", tools.build / "cli"
    return env | {
        "PYTHONPATH": f"{python}:{env['PYTHONPATH']}",
        "PATH": f"{programs}:{env['PATH']}",
    }


def run(tools: Tools, peer: Peer, job: Job) -> Sample:
    return measure_together(peer.commands(tools, job), job.folder, with_peers(tools, *peer.folders))


def teach(tools: Tools, peer: Peer, job: Job) -> None:
    """Whatever it knew of the suite is forgotten; then it is shown the suite once."""
    for name in peer.learned:
        shutil.rmtree(job.folder / name, ignore_errors=True)
        (job.folder / name).unlink(missing_ok=True)
    if peer.teach:
        measure_together(peer.teach(tools, job), job.folder, with_peers(tools, *peer.folders))


def option(*options: str) -> Commands:
    """pytest with options, in which {n} is the number of PUs."""

    def commands(tools: Tools, job: Job) -> list[list[str]]:
        return [pytest_command(tools, job, *(o.format(n=tools.pus) for o in options))]

    return commands


DURATIONS = ".test_durations"


def split(tools: Tools, job: Job) -> list[list[str]]:
    """As on so many CI machines, all of them this one."""
    options = ("--splits", str(tools.pus), "--splitting-algorithm", "least_duration")
    file = ("--durations-path", DURATIONS)
    return [
        pytest_command(tools, job, *options, *file, "--group", str(n + 1)) for n in range(tools.pus)
    ]


def xdist(dist: str) -> Peer:
    return Peer(f"xdist {dist}", ("xdist",), option("-n", "{n}", "--dist", dist))


def balance(scope: str) -> Peer:
    options = ("-n", "{n}", "--balance-no-report", "--balance-scope", scope)
    return Peer(
        f"balance {scope}",
        ("balance", "xdist"),
        option(*options, "--balance"),
        option(*options, "--balance-store"),
        (".balance",),
    )


def horizon(schedule: str) -> Peer:
    commands = option("--horizon", "{n}", "--horizon-schedule", schedule)
    return Peer(f"horizon {schedule}", ("horizon",), commands, commands, (".horizon",))


BISTRA = option("-p", "bistra", "--bistra", "--bistra-workers", "{n}")

PEERS = (
    *map(xdist, ("load", "worksteal", "loadscope", "loadfile")),
    Peer(
        "split",
        ("split",),
        split,
        option("--store-durations", "--durations-path", DURATIONS),
        (DURATIONS,),
    ),
    *map(balance, ("module", "test")),
    Peer("bistra", ("bistra",), BISTRA, BISTRA, (".bistra_cache",)),
    *map(horizon, ("file", "test")),
    Peer("zygote", ("zygote",), option("--workers", "{n}")),
    Peer("parallex", ("parallex",), option("--parallel=fork", "--parallel-workers={n}")),
)
BY_NAME = {peer.name: peer for peer in PEERS}


if __name__ == "__main__":
    install(Path(sys.argv[1]))
