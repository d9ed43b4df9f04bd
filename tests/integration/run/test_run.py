"""Options, exit statuses, environment and affinity: what a run is for any command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import List, Optional

import pytest

from .conftest import PATIENCE, Runs

PRINT_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


def test_status_is_the_commands(runs: Runs) -> None:
    assert runs.run("--", "sh", "-c", "exit 7").returncode == 7
    runs.expect_clean()


def test_signal_is_the_commands(runs: Runs) -> None:
    assert runs.run("--", "sh", "-c", "kill -SEGV $$").returncode == -signal.SIGSEGV
    runs.expect_clean()


def test_command_not_found(runs: Runs) -> None:
    result = runs.run("--", "no-such-command")
    assert result.returncode == 127
    assert "no-such-command" in result.stderr


def test_command_not_executable(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("text\n")
    assert runs.run("--", tmp_path / "plain").returncode == 126


@pytest.mark.parametrize("mode, status", [(None, 127), (0o644, 126)])
def test_a_pytest_that_is_not_there_was_not_missed(
    runs: Runs, tmp_path: Path, mode: Optional[int], status: int
) -> None:
    command = tmp_path / "pytest"
    if mode is not None:
        command.touch(mode)
    result = runs.run("--", command)
    assert result.returncode == status
    assert "pytest" in result.stderr and "could not be reached" not in result.stderr


@pytest.mark.parametrize("script, status", [("exit 7", 7), ("kill -PIPE $$", -signal.SIGPIPE)])
def test_nobody_reads_what_it_says(runs: Runs, script: str, status: int) -> None:
    """The status is COMMAND's, which has SIGPIPE as it was, and all is given back."""
    reader, writer = os.pipe()
    run = runs.start("-v", "--", "sh", "-c", script, stderr=writer)
    os.close(writer)
    os.close(reader)
    assert run.wait(PATIENCE) == status
    runs.expect_clean()


@pytest.mark.parametrize("fd", [0, 1, 2])
def test_a_standard_file_that_is_closed(runs: Runs, fd: int) -> None:
    """It is for COMMAND, too, and nothing else is in its place."""
    script = f"[ ! -e /proc/self/fd/{fd} ] && exit 7"
    command = f'exec "$0" run -v -- sh -c "{script}" {fd}>&-'
    ran = subprocess.run(
        ["sh", "-c", command, runs.program()], env=runs.environment, timeout=PATIENCE
    )
    assert ran.returncode == 7
    runs.expect_clean()


@pytest.mark.parametrize("word", ["caf\udce9", "x" * 90 + "\N{HIRAGANA LETTER A}" * 4])
def test_a_command_of_any_bytes(runs: Runs, word: str) -> None:
    """Its label is text all the same, cut between two characters."""
    script = 'exec "$PROGRAM" status --json'
    result = runs.run("--", "sh", "-c", script, word, env={"PROGRAM": runs.program()})
    assert result.returncode == 0, result.stderr
    (lease,) = json.loads(result.stdout)["leases"]
    whole = f"sh -c {script} {word}".replace("\udce9", "?")
    assert lease["label"] == whole.encode()[:128].decode(errors="ignore")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "no COMMAND"),
        (["--nonsense", "--", "true"], "'--nonsense' is not known"),
        (["--start", "thread", "--", "true"], "--start does not take 'thread'"),
        (["-w", "0", "--", "true"], "--workers does not take '0'"),
        (["-w", "-1", "--", "true"], "--workers does not take '-1'"),
        (["--max", "two", "--", "true"], "--max does not take 'two'"),
        (["--min", "3", "--max", "2", "--", "true"], "--min 3 is above --max 2"),
        (["--label", "x" * 129, "--", "true"], "--label does not take"),
        (["--min"], "--min needs a value"),
    ],
)
def test_bad_options(runs: Runs, arguments: List[str], message: str) -> None:
    result = runs.run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr


@pytest.mark.parametrize("name, value", [("WORKERS", "many"), ("START", "x"), ("PIN", "yes")])
def test_bad_environment(runs: Runs, name: str, value: str) -> None:
    result = runs.run("--", "true", env={f"SCHEDCTL_{name}": value})
    assert result.returncode == 2
    assert f"SCHEDCTL_{name} is '{value}'" in result.stderr


def test_help_needs_no_service(runs: Runs) -> None:
    result = runs.run("--help")
    assert result.returncode == 0
    assert "--workers" in result.stdout


def test_environment(runs: Runs) -> None:
    result = runs.run(
        "--start", "spawn", "--", sys.executable, "-c", PRINT_ENVIRONMENT, env={"PYTHONPATH": "/x"}
    )
    seen = json.loads(result.stdout)
    python_dir = seen["SCHEDCTL_PYTHONPATH"]
    assert seen["PYTHONPATH"] == f"{python_dir}:/x"
    assert os.path.isdir(os.path.join(python_dir, "schedctl_pytest"))
    assert seen["SCHEDCTL_RUN"].startswith(str(runs.runtime))
    assert seen["SCHEDCTL_START"] == "spawn"
    assert seen["SCHEDCTL_ENGINE"] == "schedctl"
    assert "PYTEST_PLUGINS" not in seen


def test_environment_where_entry_points_are_off(runs: Runs) -> None:
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "mine"}
    result = runs.run("--", sys.executable, "-c", PRINT_ENVIRONMENT, env=environment)
    seen = json.loads(result.stdout)
    python_dir = seen["SCHEDCTL_PYTHONPATH"]
    assert seen["PYTHONPATH"].split(":")[:2] == [
        f"{python_dir}/schedctl_pytest/startup",
        python_dir,
    ]
    assert seen["PYTEST_PLUGINS"] == "mine"


def test_affinity_is_the_leases(runs: Runs) -> None:
    script = "import os; print(len(os.sched_getaffinity(0)))"
    assert runs.run("--max", 1, "--", sys.executable, "-c", script).stdout == "1\n"


def test_no_pin_leaves_affinity_alone(runs: Runs) -> None:
    script = "import os; print(len(os.sched_getaffinity(0)))"
    result = runs.run("--max", 1, "--no-pin", "--", sys.executable, "-c", script)
    assert result.stdout == f"{len(os.sched_getaffinity(0))}\n"


def test_goes_on_without_a_service(runs: Runs, tmp_path: Path) -> None:
    environment = {"SCHEDCTL_SOCKET": str(tmp_path / "none" / "sock"), "SCHEDCTL_SCHEDD": "/none"}
    result = runs.run("--", "echo", "done", env=environment)
    assert (result.returncode, result.stdout) == (0, "done\n")
    assert "without a lease" in result.stderr


def test_says_nothing_without_suites(runs: Runs) -> None:
    assert runs.run("--", "true").stderr == ""
    assert "no pytest ran" in runs.run("--verbose", "--", "true").stderr


def test_inner_run_joins(runs: Runs) -> None:
    inner = [runs.program(), "run", "--"]
    script = "import os; print(os.environ['SCHEDCTL_RUN'])"
    shell = 'echo "$SCHEDCTL_RUN"; PYTHONPATH= exec "$@"'
    result = runs.run("--", "sh", "-c", shell, "sh", *inner, sys.executable, "-c", script)
    outer, joined = result.stdout.split()
    assert outer == joined
    assert result.stderr == ""


def test_stale_run_is_no_run(runs: Runs, tmp_path: Path) -> None:
    script = "import os; print(os.environ['SCHEDCTL_RUN'])"
    stale = str(tmp_path / "gone")
    result = runs.run("--", sys.executable, "-c", script, env={"SCHEDCTL_RUN": stale})
    assert result.stdout.strip() not in ("", stale)


def test_a_run_does_not_wait_for_its_first_cpu(runs: Runs) -> None:
    n = len(os.sched_getaffinity(0))
    first = runs.start("--min", n, "--", "sh", "-c", "echo up; read line", stdin=subprocess.PIPE)
    assert first.stdout and first.stdout.readline() == "up\n"
    second = runs.run("--min", n, "--", "echo", "done")
    assert (second.returncode, second.stdout) == (0, "done\n")
    first.communicate("go on\n", timeout=PATIENCE)
    runs.expect_clean()
