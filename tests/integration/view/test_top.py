"""schedctl top on terminals: sizes, keys, locales, services that come and go."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
from pathlib import Path

import pytest
from fixtures.scenes import HYBRID, SCENES, TWO, Scene, lease

from .conftest import OpenTerminal, Schedctl, StartFake
from .screens import Terminal

GOLDEN = Path(__file__).resolve().parents[2] / "fixtures" / "view"
SIZES = {"40x10": (40, 10), "80x24": (80, 24), "200x60": (200, 60)}
COLOUR = re.compile(rb"\033\[(\d+;)*3[1-6]m")
UP, DOWN = "\033[A", "\033[B"


def settle(t: Terminal, text: str = "LABEL") -> list[str]:
    """The screen once the machine, which is asked for apart, is on it too."""
    t.wait_for(text)
    t.wait_for(lambda shown: "[0" in shown or "[ 0" in shown)
    return t.lines


def lasting(lines: list[str]) -> list[str]:
    """Without what depends on the test's user and on when it runs: names, columns of history."""
    named = [line.replace(" root ", " 0    ") for line in lines]
    return [re.sub("^((budget|lent|hottest).{7}).*", r"\1", line) for line in named]


@pytest.mark.parametrize(
    ("scene", "size"),
    [
        ("two", "40x10"),
        ("two", "80x24"),
        ("server", "40x10"),
        ("server", "80x24"),
        ("server", "200x60"),
    ],
)
def test_shows_the_golden_screen(
    fake: StartFake, terminal: OpenTerminal, scene: str, size: str
) -> None:
    golden = GOLDEN / f"{scene}-{size}.txt"
    fake(scene)
    t = terminal("top", size=SIZES[size])
    expected = lasting(golden.read_text("utf-8").splitlines())
    t.wait_for(lambda _: lasting(t.lines) == expected)
    t.press("q")
    assert t.finish() == 0


def test_resizes(fake: StartFake, terminal: OpenTerminal) -> None:
    fake("laptop")
    t = terminal("top")
    settle(t, "arrows select")
    t.resize(200, 60)
    t.wait_for("WHICH")
    t.resize(40, 10)
    t.wait_for("p pause  ? help  q quit")
    assert "WHICH" not in t.text
    t.resize(20, 4)
    t.wait_for("needs 32x8")
    t.resize(80, 24)
    settle(t, "arrows select")


def test_keys_change_runs(fake: StartFake, terminal: OpenTerminal) -> None:
    service = fake("laptop")
    t = terminal("top")
    settle(t, "A 3 CPUs of at most 8")
    # One call at a time: each key waits for what the one before has brought about.
    expected = []
    for keys, change in [
        ("p", {"lease": "3", "paused": True}),
        (DOWN + "b", {"lease": "4", "priority": "batch"}),
        ("w12\x7f7\r", {"lease": "4", "weight": 17}),
        (UP + "+", {"lease": "3", "priority": "interactive"}),
    ]:
        expected.append(change)
        t.press(keys)
        t.wait_for(lambda _: service.called("Control") == expected)
    t.press("w")
    t.wait_for("Weight of run 3")
    t.press("\033")
    t.wait_for("arrows select")
    t.press("?")
    t.wait_for("Any key goes back")
    t.press("q")
    t.wait_for("arrows select")
    t.press("q")
    assert t.finish() == 0


def test_tells_what_the_service_refuses(fake: StartFake, terminal: OpenTerminal) -> None:
    fake("laptop", Control={"error": "org.schedctl.Scheduler.NoSuchLease"})
    t = terminal("top")
    settle(t)
    t.press("p")
    t.wait_for("there is no lease '3' of yours")
    assert t.lines[-1].startswith("there is no lease '3' of yours")


def test_service_gone_and_back(fake: StartFake, terminal: OpenTerminal) -> None:
    t = terminal("top")
    t.wait_for("No service is running")
    service = fake("laptop")
    settle(t, "make -j check")
    service.end()
    t.wait_for("No service is running")
    t.press("pbw+?")  # there is nothing to change
    t.wait_for("Any key goes back")
    t.press("q")
    t.wait_for("No service is running")
    fake("two")
    settle(t, "all it may use")
    assert "[0C] [1C]" in t.text  # a letter is not given out again at once
    t.press("q")
    assert t.finish() == 0


def test_machine_changes(fake: StartFake, terminal: OpenTerminal) -> None:
    service = fake("two")
    t = terminal("top")
    t.wait_for("[0A] [1A]")
    service.change(Scene(HYBRID, [lease(1, [0, 12], "pytest", "fair share")]))
    t.wait_for("[12A]")
    service.change(Scene({**TWO, "usable": "0"}, [lease(1, [0], "pytest", "fair share")]))
    t.wait_for("[0A] [1×]")


def test_runs_come_and_go(fake: StartFake, terminal: OpenTerminal) -> None:
    service = fake("laptop")
    t = terminal("top")
    settle(t, "make -j check")
    t.press(DOWN)
    t.wait_for("B 3 CPUs, 12-14")
    before = [line for line in t.lines if line.startswith("B ")]
    scene = SCENES["laptop"]
    service.change(dataclasses.replace(scene, leases=scene.leases[1:]))
    t.wait_for(lambda text: "pytest tests/unit" not in text)
    # Its letter and the selection stay.
    assert [line for line in t.lines if line.startswith("B ")] == before
    service.change(dataclasses.replace(scene, leases=[]))
    t.wait_for("Nothing is lent.")


def test_sends_only_what_changes(fake: StartFake, terminal: OpenTerminal) -> None:
    service = fake("laptop")
    t = terminal("top")
    settle(t)
    scene = service.scene
    for seconds, shown in ((1, "1m15s"), (2, "1m16s")):
        t.bytes = b""  # the second time, all that came before the first change has been read
        older = [{**run, "ageMs": run["ageMs"] + 1000 * seconds} for run in scene.leases]
        service.change(dataclasses.replace(scene, leases=older))
        t.wait_for(shown)
    assert len(t.bytes) < 150, t.bytes


def test_without_colour(fake: StartFake, terminal: OpenTerminal) -> None:
    fake("laptop")
    for more in ({"NO_COLOR": "1"}, {"TERM": "vt100"}):
        t = terminal("top", **more)
        settle(t)
        assert not COLOUR.search(t.bytes)
        t.press("q")
        assert t.finish() == 0
    t = terminal("top")
    settle(t)
    t.wait_for(lambda _: COLOUR.search(t.bytes) is not None)


def test_ascii_locale(fake: StartFake, terminal: OpenTerminal) -> None:
    fake("laptop")
    t = terminal("top", LC_ALL="C")
    settle(t, "94 C of 100 C")
    assert t.text.isascii()
    assert t.bytes.isascii()


def test_dumb_terminals_and_none(terminal: OpenTerminal, schedctl: Schedctl) -> None:
    for term in ("dumb", "nonesuch", ""):
        t = terminal("top", TERM=term)
        assert t.finish() == 1
        assert t.text.startswith("schedctl top: ")
    result = schedctl("top")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("schedctl top: needs a terminal")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, "control-c", "hang up"])
def test_ends_cleanly(fake: StartFake, terminal: OpenTerminal, how: object) -> None:
    fake("laptop")
    t = terminal("top", TERM="xterm")
    t.wait_for("policy quiet")
    if isinstance(how, signal.Signals):
        os.kill(t.process.pid, how)
    elif how == "control-c":
        t.press("\x03")
    else:
        t.hang_up()
        assert t.process.wait(60) == 0
        return
    assert t.finish() == 0
    assert b"\033[?1049l" in t.bytes  # the screen of before
    assert b"\033[?1l" in t.bytes[t.bytes.rindex(b"\033[?1049l") :]  # and its keys
