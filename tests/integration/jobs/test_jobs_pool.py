"""How many tokens there are, and what becomes of those that are lost, foreign or too many."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from .conftest import MANY, PATIENCE, Client, Runs, Served

# As make before 4.4 does and as it does since; the words that tell them apart.
OLD, NEW = "GNU Make", "GNU Make --jobserver-style"


def make_in_path(directory: Path, text: str) -> str:
    """A PATH whose first make has this text."""
    folder = directory / "bin"
    folder.mkdir()
    (folder / "make").write_text(f"#!/bin/sh\n# {text}\n")
    (folder / "make").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def words_of(served: Served, *options: object, **own: str) -> list[str]:
    client = Client(served, *options, **own)
    served.lend(MANY)
    words: list[str] = client.ask("flags").split()
    client.end()
    return words


def test_a_make_that_knows_fifos_gets_one(served: Served) -> None:
    jobs, auth = words_of(served, PATH=make_in_path(served.directory, NEW))
    assert jobs == "-j8"
    assert auth.startswith("--jobserver-auth=fifo:/") and auth.endswith("/jobserver")


def test_one_that_does_not_gets_descriptors_and_others_the_fifo(served: Served) -> None:
    words = words_of(served, PATH=make_in_path(served.directory, OLD))
    assert words[:3] == ["-j8", "--jobserver-auth=100,101", "--"]
    assert words[3].startswith("--jobserver-auth=fifo:/")


def test_what_the_user_has_in_makeflags_stays(served: Served) -> None:
    path = make_in_path(served.directory, NEW)
    words = words_of(served, PATH=path, MAKEFLAGS="ks --no-print-directory -- X=1")
    assert words[:3] == ["ks", "--no-print-directory", "-j8"]
    assert words[4:] == ["--", "X=1"]


def test_makeflags_that_are_no_text_are_left_alone(served: Served) -> None:
    """Workers could not be told what is theirs of them."""
    own = {"MAKEFLAGS": "-- X=\udce9", "GOFLAGS": "-tags=\udce9"}
    script = 'printf %s "$MAKEFLAGS$GOFLAGS" >said'
    run = served.start("-v", "--", "sh", "-c", script, env=own)
    served.lend(MANY)
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0 and "no jobserver: MAKEFLAGS is not UTF-8" in err, err
    assert (served.directory / "said").read_bytes() == b"-- X=\xe9-tags=\xe9"


@pytest.mark.parametrize("own", ["-j3", "kj", " --jobserver-auth=fifo:/nowhere"])
def test_jobs_of_the_users_own_are_left_alone(served: Served, own: str) -> None:
    run = served.start("-v", "--", "sh", "-c", 'printf %s "$MAKEFLAGS"', env={"MAKEFLAGS": own})
    served.lend(MANY)
    out, err = run.communicate(timeout=PATIENCE)
    assert out == own
    assert "no jobserver: MAKEFLAGS has" in err


def test_a_path_with_a_blank_is_not_named(served: Served) -> None:
    command = ("--jobserver", "fifo", "--", "sh", "-c", 'printf %s "$MAKEFLAGS"')
    with tempfile.TemporaryDirectory(prefix="of jobs ", dir="/tmp") as folder:
        run = served.start(*command, env={"XDG_RUNTIME_DIR": folder})
        served.lend(MANY)
        out, _ = run.communicate(timeout=PATIENCE)
    assert out == " -j8 --jobserver-auth=100,101"


def test_none_is_offered_that_is_not_wanted(served: Served) -> None:
    script = 'printf %s "${MAKEFLAGS-none}"; ls "$(dirname "$SCHEDCTL_RUN")"'
    run = served.start("-v", "--jobserver", "no", "--", "sh", "-c", script)
    served.lend(MANY)
    out, err = run.communicate(timeout=PATIENCE)
    assert out.startswith("none")
    assert "jobserver" not in out
    assert "no jobserver: it was not asked for" in err


def test_nobody_else_may_open_it(served: Served) -> None:
    client = Client(served)
    served.lend(MANY)
    assert client.ask("mode") == "0o600"
    client.end()


def test_tokens_follow_the_lease(served: Served) -> None:
    client = Client(served)
    served.lend([0, 1])
    client.wait_lying(1)
    served.lend(MANY)
    client.wait_lying(7)
    served.lend([0, 1, 2])
    client.wait_lying(2)
    client.ask("take", 2)
    served.lend([0])  # now two are too many
    client.ask("put", 2)
    client.wait_lying(0)
    served.lend([0, 1, 2])
    client.wait_lying(2)
    client.end()


def test_cpus_are_given_back_though_tokens_are_out(served: Served) -> None:
    client = Client(served, "-v")
    served.lend(MANY)
    client.ask("take", 7)
    wanted = {"pus": [4, 5, 6, 7], "reason": "fair share", "withinMs": 1000}
    served.lend(MANY, wanted=wanted)
    assert sorted(served.lender.expect("Return")["pus"]) == [4, 5, 6, 7]
    client.ask("put", 7)
    client.wait_lying(3)
    assert "up to 8 jobs at a time were seen at the jobserver" in client.end()


def test_tokens_too_many_and_foreign_ones_are_taken_out(served: Served) -> None:
    client = Client(served)
    served.lend(MANY)
    client.wait_lying(7)
    client.ask("put", 1000)
    client.wait_lying(7)
    client.ask("take", 3)
    client.ask("put", 500)
    client.wait_lying(7)
    client.end()


def test_tokens_of_a_killed_client_come_back(served: Served) -> None:
    """What another one holds that lives does not; the client, with a child, might hold one."""
    client = Client(served, "-v")
    served.lend(MANY)
    client.wait_lying(7)
    dead, alive = client.ask("hold", 3), client.ask("hold", 2)
    client.wait_lying(2)
    client.ask("kill", dead)
    client.wait_lying(4)
    client.ask("kill", alive)
    client.wait_lying(7)
    assert "5 tokens of clients that were killed" in client.end()


def test_nothing_hangs_when_the_engine_is_killed(served: Served) -> None:
    client = Client(served)
    served.lend([0])
    client.wait_lying(0)
    assert client.run.stdin and client.run.stdout
    client.run.stdin.write("take 1\n")  # nobody will ever put one there
    client.run.stdin.flush()
    parent = int(Path(f"/proc/{client.run.pid}/task/{client.run.pid}/children").read_text())
    os.kill(parent, signal.SIGKILL)
    client.run.communicate(timeout=PATIENCE)
    assert client.run.returncode != 0


POOL = """
import os, pytest
def pool():
    fifo = os.stat(os.path.join(os.path.dirname(os.environ["SCHEDCTL_RUN"]), "jobserver"))
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            if os.path.samestat(os.fstat(int(fd)), fifo):
                found.append(int(fd))
        except OSError:
            pass
    return sorted(found)
"""
NO_POOL = """
assert pool() == []
@pytest.mark.parametrize("n", range(2))
def test_none(n):
    assert "MAKEFLAGS" not in os.environ
    assert os.environ["PYTEST_XDIST_WORKER"]
    assert pool() == []
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_pytest_and_its_workers_do_not_hold_it(runs: Runs, start: str) -> None:
    """A script that calls pytest.main() may build something afterwards."""
    (runs.directory / "test_none.py").write_text(POOL + NO_POOL)
    (runs.directory / "script.py").write_text(POOL + "pytest.main(['-q'])\nprint(pool())\n")
    options = ("-w", 2, "--start", start, "--jobserver", "pipe")
    result = runs.run(*options, "--", sys.executable, "script.py")
    assert "2 passed" in result.stdout, result.stdout + result.stderr
    assert result.stdout.endswith("[100, 101]\n")
