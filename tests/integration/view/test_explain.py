"""schedctl status -v and explain: what is lent, why so much, and why to whom."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from fixtures.scenes import SCENES

from .conftest import Schedctl, StartFake

VARLINK = "org.varlink.service."
REASON = "6 of 20: package at 94 °C of 100 °C; next 8 when below 88 °C"


@pytest.mark.parametrize("verb", [["status", "-v"], ["status", "--verbose"], ["explain"]])
def test_reason_limits_and_readings(fake: StartFake, schedctl: Schedctl, verb: list[str]) -> None:
    fake("laptop")
    result = schedctl(*verb)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == REASON
    (binding,) = [line for line in lines if "binds" in line]
    assert (
        binding.split()
        == "6 binds temperature package at 94 °C of 100 °C below 88 °C, then 8".split()
    )
    for reading in SCENES["laptop"].readings:
        (shown,) = [line for line in lines if line.startswith(f"  {reading['name']} ")]
        assert reading.get("ignored", "") in shown
    assert any("acpitz" in line and "ignored: does not change" in line for line in lines)


def test_explains_every_run(fake: StartFake, schedctl: Schedctl) -> None:
    fake("laptop-held")
    told = schedctl("explain").stdout
    assert "Paused by its user until 'schedctl set 5 --resume'" in told
    assert "Waits in place 1: every CPU is lent" in told
    assert "expected to be free for it in about 40s" in told
    assert "Run 3, pytest tests/unit: root's, priority normal, weight 100" in told
    assert "Run 8: 4000001's" in told  # another user's, without its label


@pytest.mark.skipif(
    os.geteuid() == 0 and os.path.exists("/run/systemd/private"), reason="root has a manager here"
)
def test_tells_what_would_hold_a_run_together(socket_path: Path, schedctl: Schedctl) -> None:
    missing = f"no user manager at {socket_path.parent}/systemd/private"
    runtime = {"XDG_RUNTIME_DIR": str(socket_path.parent)}
    told = schedctl("explain", **runtime).stdout
    assert told.endswith(f"A run begun here would be held together by process groups: {missing}.\n")
    as_json = json.loads(schedctl("explain", "--json", **runtime).stdout)
    assert as_json["newRun"] == {"noUnit": missing}


def test_status_tells_priorities_pauses_and_waits(fake: StartFake, schedctl: Schedctl) -> None:
    fake("laptop-held")
    lines = schedctl("status").stdout.splitlines()
    titles = lines[2]
    rows = {line.split()[0]: line for line in lines[3:]}
    assert rows["4"][titles.index("PRIORITY") :].startswith("interactive ")
    assert rows["5"][titles.index("STATE") :].startswith("paused ")
    assert rows["7"][titles.index("STATE") :].startswith("waits, 1., about 40s ")
    assert rows["5"].endswith("nightly: tests/größe/日本語テスト")


def test_ascii_locale(fake: StartFake, schedctl: Schedctl) -> None:
    fake("laptop")
    told = schedctl("explain", LC_ALL="C").stdout
    assert told.isascii()
    assert told.startswith("6 of 20: package at 94 C of 100 C; next 8 when below 88 C\n")


def test_json(fake: StartFake, schedctl: Schedctl) -> None:
    fake("laptop")
    scene = SCENES["laptop"]
    explained = json.loads(schedctl("explain", "--json").stdout)
    assert explained.pop("newRun")
    expected = {"running": True, "headroom": scene.headroom(), "status": scene.status()}
    assert explained == expected
    status = json.loads(schedctl("status", "-v", "--json").stdout)
    assert status == {"running": True, **scene.status(), "headroom": scene.headroom()}
    assert "headroom" not in json.loads(schedctl("status", "--json").stdout)


def test_without_a_service(schedctl: Schedctl) -> None:
    for verb in (["status"], ["status", "-v"], ["explain"]):
        result = schedctl(*verb)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("No service is running")
        told = json.loads(schedctl(*verb, "--json").stdout)
        assert told.pop("newRun", None) or verb != ["explain"]
        assert told == {"running": False}


def test_an_older_service(fake: StartFake, schedctl: Schedctl) -> None:
    fake("two", GetHeadroom={"error": VARLINK + "MethodNotFound", "parameters": {"method": "x"}})
    result = schedctl("explain")
    assert result.returncode == 1
    assert result.stderr == (
        "schedctl explain: the service is older than this schedctl and cannot do that\n"
    )
    assert schedctl("status").returncode == 0


def test_a_service_that_makes_no_sense(fake: StartFake, schedctl: Schedctl) -> None:
    fake("two", GetHeadroom={"parameters": {"headroom": {"policy": 7}}})
    result = schedctl("explain")
    assert result.returncode == 1
    assert "not understood" in result.stderr


def test_control_characters_do_not_come_through(fake: StartFake, schedctl: Schedctl) -> None:
    two = SCENES["two"]
    label = "evil\033[2J\u009b2J\nnext"
    fake(dataclasses.replace(two, leases=[{**two.leases[0], "label": label}]))
    for verb in ("status", "explain"):
        told = schedctl(verb).stdout
        assert "\033" not in told and "\u009b" not in told
        assert "evil?[2J?2J?next" in told


@pytest.mark.parametrize(
    "arguments", [["status", "-x"], ["status", "7"], ["explain", "--all"], ["explain", "7"]]
)
def test_refuses_what_it_does_not_know(schedctl: Schedctl, arguments: list[str]) -> None:
    result = schedctl(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"schedctl {arguments[0]}: '{arguments[1]}' is not understood;"
        f" see schedctl {arguments[0]} --help\n"
    )
