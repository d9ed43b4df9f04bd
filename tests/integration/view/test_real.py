"""The same verbs against a real service and a real run."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import BUILD, SCHEDCTL, OpenTerminal, Schedctl
from .screens import PATIENCE

Json = dict[str, Any]


def end(pid: int) -> None:
    """Ends a process that is not our child."""
    fd = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGTERM)
        assert select.select([fd], [], [], PATIENCE)[0]
    finally:
        os.close(fd)


@pytest.fixture
def real(env: dict[str, str], schedctl: Schedctl) -> Iterator[None]:
    """A service, started on demand, of four cores with two PUs each."""
    env["SCHEDCTL_SCHEDD"] = str(BUILD / "daemon/schedd")
    env["HWLOC_SYNTHETIC"] = "core:4 pu:2"
    assert schedctl("nproc").returncode == 0
    yield
    end(json.loads(schedctl("status", "--json").stdout)["pid"])


@pytest.fixture
def run(real: None, env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A run that goes on until its input ends."""
    command: list[str | Path] = [SCHEDCTL, "run", "--label", "a cat", "--", "cat"]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as process:
        yield process
        assert process.stdin
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def wait_for(schedctl: Schedctl, holds: Callable[[Json], Any]) -> Json:
    """The first lease as soon as it is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while True:
        leases: list[Json] = json.loads(schedctl("status", "--json").stdout)["leases"]
        if leases and holds(leases[0]):
            return leases[0]
        assert time.monotonic() < deadline, leases
        time.sleep(0.02)


def test_set_and_explain(run: "subprocess.Popen[bytes]", schedctl: Schedctl) -> None:
    lease = wait_for(schedctl, lambda lease: lease["pus"] != [])["lease"]
    assert schedctl("set", lease, "--priority", "batch", "--weight", "7").returncode == 0
    wait_for(schedctl, lambda lease: (lease["priority"], lease["weight"]) == ("batch", 7))
    assert schedctl("set", lease, "--pause").returncode == 0
    wait_for(schedctl, lambda lease: lease["paused"] and lease["pus"] == [])
    assert f"Paused by its user until 'schedctl set {lease} --resume'" in schedctl("explain").stdout
    assert schedctl("set", lease, "--resume").returncode == 0
    wait_for(schedctl, lambda lease: not lease["paused"] and lease["pus"] != [])
    result = schedctl("set", "4711", "--pause")
    assert result.stderr == "schedctl set: there is no lease '4711' of yours\n"


def test_status_verbose_and_reload(real: None, schedctl: Schedctl) -> None:
    told = schedctl("status", "-v").stdout
    assert " of 8: " in told.splitlines()[0]
    assert "READING" in told
    headroom: Json = json.loads(schedctl("explain", "--json").stdout)["headroom"]
    for reading in headroom["readings"]:
        assert f"  {reading['name']} " in told
    assert schedctl("reload").returncode == 0


def test_top(run: "subprocess.Popen[bytes]", schedctl: Schedctl, terminal: OpenTerminal) -> None:
    held = wait_for(schedctl, lambda lease: lease["pus"] != [])["pus"][0]
    t = terminal("top")
    t.wait_for(f"{held}A")
    t.wait_for("a cat")
    t.press("p")
    t.wait_for("paused")
    t.press("p")
    t.wait_for(lambda text: f"{held}A" in text and "paused" not in text)
    t.press("-")
    t.wait_for(" batch ")
    t.press("q")
    assert t.finish() == 0
