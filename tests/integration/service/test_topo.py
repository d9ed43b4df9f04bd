"""schedctl topo, asking a service that reads a made machine of 6P + 8E + 2LP-E cores."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures import machines

from .conftest import Service, StartService
from .varlink_client import PATIENCE

DRAWING = """\
1 package, 2 last-level caches, 16 cores, 22 PUs
  P    6 cores, 12 PUs, speed 1.00
  E    8 cores, speed 0.62
  LP-E 2 cores, speed 0.41
╭─ package 0 ───────────────────────────────────────────────────────────────╮
│ P    cache 0  [ 0●  1 ] [ 2●  3 ] [ 4●  5 ] [ 6   7 ] [ 8   9 ] [10  11 ] │
│ E    cache 0  [12 ] [13 ] [14 ] [15 ] [16 ] [17 ] [18×] [19×]             │
│ LP-E cache 1  [20 ] [21 ]                                                 │
╰───────────────────────────────────────────────────────────────────────────╯
● 3 lent   17 free   × 2 not usable
"""

ORDER = """\
Lent in this order:
  1-6  free core of the fastest kind
    0 2 4 6 8 10
  7-14  free core of a slower kind
    12 13 14 15 16 17 20 21
  15-20  SMT sibling of an own core
    1 3 5 7 9 11
"""

Topo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def hybrid(start: StartService, rundir: Path) -> Service:
    root = rundir / "root"
    machine = dataclasses.replace(machines.MACHINES["hybrid-6p8e2lp"], isolated="18-19")
    machines.write(machine, root)
    return start("--root", str(root), HWLOC_SYNTHETIC="")


@pytest.fixture
def topo(build: Path, socket_path: Path) -> Topo:
    def run(*options: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [build / "cli/schedctl", "topo", *options],
            env={**os.environ, "SCHEDCTL_SOCKET": str(socket_path), "LC_ALL": "C.UTF-8", **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    return run


def test_draws_what_is_lent(hybrid: Service, topo: Topo) -> None:
    with hybrid.connect() as connection:
        connection.acquire(max=3)
        result = topo()
    assert (result.stdout, result.stderr, result.returncode) == (DRAWING, "", 0)


def test_draws_in_ascii(hybrid: Service, topo: Topo) -> None:
    drawn = topo(LC_ALL="C").stdout
    assert drawn.isascii()
    assert "| LP-E cache 1  [20 ] [21 ] " in drawn


def test_order(hybrid: Service, topo: Topo) -> None:
    assert topo("--order").stdout == ORDER


def test_json(hybrid: Service, topo: Topo) -> None:
    with hybrid.connect() as connection:
        connection.acquire(max=2)
        answer: dict[str, Any] = json.loads(topo("--json").stdout)
    assert answer["lent"] == "0,2"
    assert answer["usable"] == "0-17,20-21"
    assert [kind["name"] for kind in answer["kinds"]] == ["P", "E", "LP-E"]
    assert answer["order"][6] == {"pu": 12, "reason": "free core of a slower kind"}
    assert len(answer["pus"]) == 22


@pytest.mark.parametrize("arguments", [["--all"], ["0"]])
def test_refuses_what_it_does_not_know(topo: Topo, arguments: list[str]) -> None:
    result = topo(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""


def test_says_that_no_service_answers(topo: Topo, rundir: Path) -> None:
    result = topo(SCHEDCTL_SOCKET=str(rundir / "none"), SCHEDCTL_SCHEDD="/nonexistent")
    assert result.returncode == 1
    assert result.stderr.startswith("schedctl topo: cannot ask the service")
