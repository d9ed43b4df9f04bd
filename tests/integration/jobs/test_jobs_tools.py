"""Other programs that take part in a jobserver below a run: ninja, ctest, cargo, GCC's link-time
optimisation. Each starts more jobs than the machine has CPUs where the run has them, and no more
than the run has where it wants more."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fetching import virtual_environment

from .conftest import CPUS, MANY, PATIENCE, Log, Make, Runs, Served
from .test_jobs_make import write_makefile

N_JOBS = 8
NOTED = "echo begin job >>log; {python} -c 'sum(range(300000))'; echo end job >>log"
MET = "{python} meet.py met {n}"

Write = Callable[[Path, str], list[str]]


@pytest.fixture(scope="session")
def tools() -> Path:
    """Where ninja and ctest of the Python Package Index are."""
    packages = ("ninja>=1.13", "cmake>=3.29")
    return virtual_environment("python-ninja-cmake", "--no-deps", *packages) / "bin"


def sh(command: str, **values: object) -> str:
    return command.format(python=shlex.quote(sys.executable), **values)


def write_ninja(folder: Path, command: str) -> list[str]:
    """A build of eight jobs, each of which is that command."""
    jobs = "".join(f"build job-{n}: job\n" for n in range(N_JOBS))
    (folder / "build.ninja").write_text(f"rule job\n  command = {command}\n{jobs}")
    return ["ninja"]


def write_ctest(folder: Path, command: str) -> list[str]:
    quoted = command.replace("\\", "\\\\").replace('"', '\\"')
    tests = (f'add_test(job-{n} sh -c "{quoted}")\n' for n in range(N_JOBS))
    (folder / "CTestTestfile.cmake").write_text("".join(tests))
    return ["ctest", "-j", "64"]


def run_tool(
    runs: Runs, tools: Path, command: list[str], *options: object
) -> "subprocess.Popen[str]":
    path = f"{tools}:{os.environ['PATH']}"
    return runs.start(*options, "-v", "--", tools / command[0], *command[1:], env={"PATH": path})


def finish(run: "subprocess.Popen[str]") -> str:
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, out + err
    assert "warning" not in out + err, out + err
    return err


KNOWN = [(write_ninja, "auto"), (write_ninja, "fifo")]
KNOWN += [(write_ctest, style) for style in ("auto", "fifo", "pipe")]


@pytest.mark.parametrize(("write", "style"), KNOWN)
def test_no_more_jobs_than_cpus(
    runs: Runs, tools: Path, log: Log, write: Write, style: str
) -> None:
    command = write(runs.directory, sh(NOTED))
    finish(run_tool(runs, tools, command, "--jobserver", style))
    assert log.count("job") == N_JOBS
    assert log.most() <= len(CPUS)


@pytest.mark.parametrize("write", [write_ninja, write_ctest])
def test_as_many_as_the_run_has(served: Served, tools: Path, write: Write) -> None:
    write_makefile(served, "")  # what lets them meet
    run = run_tool(served, tools, write(served.directory, sh(MET, n=N_JOBS)))
    served.lend(MANY)
    finish(run)


def write_crates(folder: Path, command: str) -> None:
    """A package that needs four others, of which each runs the command when it is built."""
    (folder / "src").mkdir()
    (folder / "src/lib.rs").touch()
    names = [f"part{n}" for n in range(4)]
    needed = "".join(f'{name} = {{ path = "{name}" }}\n' for name in names)
    package = '[package]\nname = "{}"\nversion = "0.1.0"\nedition = "2021"\n'
    (folder / "Cargo.toml").write_text(package.format("whole") + "[dependencies]\n" + needed)
    for name in names:
        (folder / name / "src").mkdir(parents=True)
        (folder / name / "src/lib.rs").touch()
        (folder / name / "Cargo.toml").write_text(package.format(name))
        (folder / name / "build.rs").write_text(
            'fn main() { let status = std::process::Command::new("sh").current_dir("..")'
            f'.args(["-c", r##"{command}"##]).status().unwrap(); assert!(status.success()); }}'
        )


def start_cargo(runs: Runs, jobs: int) -> "subprocess.Popen[str]":
    cargo = shutil.which("cargo") or pytest.skip("there is no cargo")
    own = {"CARGO_HOME": str(runs.directory / "cargo"), "CARGO_BUILD_JOBS": str(jobs)}
    return runs.start("-v", "--", cargo, "build", "--offline", "-q", env=own)


def test_no_more_of_cargos_jobs_than_cpus(runs: Runs, log: Log) -> None:
    write_crates(runs.directory, sh(NOTED))
    finish(start_cargo(runs, 16))
    assert log.count("job") == 4
    assert log.most() <= len(CPUS)


def test_cargo_has_as_many_as_the_run_has(served: Served) -> None:
    write_makefile(served, "")
    write_crates(served.directory, sh(MET, n=4))
    run = start_cargo(served, 16)
    served.lend(MANY)
    finish(run)


# What optimises at link time runs the assembler once for each part.
ASSEMBLER = """#!/bin/sh
echo begin as >>{log}
/usr/bin/as "$@"
status=$?
echo end as >>{log}
exit $status
"""


def test_no_more_parts_of_a_program_than_cpus(runs: Runs, log: Log) -> None:
    """GCC 12 knows descriptors alone, which its make hands on in a recipe with a '+'."""
    gcc = shutil.which("gcc") or pytest.skip("there is no gcc")
    make = Make(Path(shutil.which("make", path="/usr/bin:/bin") or pytest.skip("there is no make")))
    names = [f"part{n}" for n in range(N_JOBS)]
    for name in names:
        (runs.directory / f"{name}.c").write_text(f"int {name}(int n) {{ return n * n; }}\n")
    calls = " + ".join(f"{name}(n)" for name in names)
    declared = "".join(f"int {name}(int);\n" for name in names)
    (runs.directory / "main.c").write_text(
        f"{declared}int main(int n, char **v) {{ return {calls}; }}\n"
    )
    (runs.directory / "bin").mkdir()
    assembler = runs.directory / "bin/as"
    flags = "-flto-partition=1to1 -fno-ipa-icf -fno-inline -fno-ipa-cp"
    write_makefile(
        runs,
        f"""
        OBJECTS := {' '.join(name + '.o' for name in names)} main.o
        program: $(OBJECTS)
        > +{gcc} -Bbin/ -flto=jobserver {flags} -o $@ $(OBJECTS)
        %.o: %.c
        > {gcc} -flto -c $<
        """,
    )
    assembler.write_text(ASSEMBLER.format(log=shlex.quote(str(log.path))))
    assembler.chmod(0o755)
    run = runs.start("-v", "--", make.program, "-j")
    finish(run)
    assert log.count("as") >= N_JOBS
    assert log.most() <= len(CPUS)
