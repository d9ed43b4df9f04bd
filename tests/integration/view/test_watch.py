"""schedctl status --watch: a block for each change, or the same place drawn anew."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from fixtures.scenes import SCENES, lease

from .conftest import SCHEDCTL, OpenTerminal, StartFake

TWO = SCENES["two"]
WARMER = dataclasses.replace(TWO, leases=[{**TWO.leases[0], "ageMs": 15000}])
PAUSED = dataclasses.replace(TWO, leases=[{**TWO.leases[0], "paused": True, "pus": []}])


@contextmanager
def watching(env: dict[str, str], *options: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [SCHEDCTL, "status", "--watch", *options],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        yield process
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    assert process.stdout
    lines = ""
    while text not in lines:
        line = process.stdout.readline()
        assert line, f"{text!r} does not come after {lines!r}"
        lines += line
    return lines


def test_a_block_for_each_change(fake: StartFake, env: dict[str, str]) -> None:
    service = fake(TWO)
    with watching(env) as process:
        first = read_until(process, " runs ")
        service.change(WARMER)  # older by a second: nothing to tell
        service.change(PAUSED)
        second = read_until(process, " paused ")
    assert first.count("LEASE") == 1
    assert second.count("LEASE") == 1  # not another block for its age
    assert second.startswith("\n")


def test_verbose(fake: StartFake, env: dict[str, str]) -> None:
    fake("laptop")
    with watching(env, "-v") as process:
        assert "6 of 20: package" in read_until(process, "power profile")


def test_service_gone_and_back(fake: StartFake, env: dict[str, str]) -> None:
    with watching(env) as process:
        read_until(process, "No service is running")
        service = fake(TWO)
        read_until(process, " runs ")
        service.end()
        read_until(process, "No service is running")
        fake(PAUSED)
        read_until(process, " paused ")


def test_a_service_that_does_not_answer(
    fake: StartFake, env: dict[str, str], terminal: OpenTerminal
) -> None:
    """As one that is stopped: that is said, and when it goes on, what it says is shown."""
    service = fake(TWO)
    with ExitStack() as silence:
        silence.enter_context(service.lock)
        t = terminal("top")
        with watching(env) as process:
            read_until(process, "The service does not answer")
            t.wait_for("The service does not answer")
            silence.close()
            read_until(process, " runs ")
            t.wait_for("all it may use")
    t.press("q")
    assert t.finish() == 0


def test_json_is_a_line_each(fake: StartFake, env: dict[str, str]) -> None:
    service = fake(TWO)
    with watching(env, "--json") as process:
        assert process.stdout
        first = json.loads(process.stdout.readline())
        service.change(PAUSED)
        second = json.loads(process.stdout.readline())
    assert first == {"running": True, **TWO.status(), "headroom": TWO.headroom()}
    assert second["leases"][0]["paused"] is True


def test_a_terminal_is_drawn_over(fake: StartFake, terminal: OpenTerminal) -> None:
    many = dataclasses.replace(TWO, leases=[lease(n, [0], "x" * 90, "budget") for n in range(9)])
    service = fake(many)
    t = terminal("status", "--watch", size=(80, 24))
    t.wait_for(lambda text: text.count("budget") == 9)
    assert max(map(len, t.lines)) == 80  # cut, not wrapped
    assert t.lines[3].endswith("…")
    service.change(TWO)
    t.wait_for(lambda text: "all it may use" in text and "budget" not in text)
    assert t.text.count("LEASE") == 1
    service.end()
    t.wait_for(lambda text: "No service is running" in text and "LEASE" not in text)
    t.press("\x03")
    assert t.finish() == 0


def test_a_low_terminal_shows_the_beginning(fake: StartFake, terminal: OpenTerminal) -> None:
    many = dataclasses.replace(TWO, leases=[lease(n, [0], "x", "budget") for n in range(9)])
    service = fake(many)
    t = terminal("status", "--watch", size=(80, 6))
    t.wait_for("budget")
    service.change(dataclasses.replace(many, policy="quiet"))
    service.change(dataclasses.replace(many, budget=1))
    t.wait_for("up to 1 CPU ")
    assert t.lines[0].startswith("schedd 0.1.0")
    assert t.text.count("LEASE") == 1
