"""schedctl set and reload: what they ask of the service, and the errors they tell."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Schedctl, StartFake

SCHEDULER = "org.schedctl.Scheduler."


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["3", "--pause"], {"paused": True}),
        (["--resume", "3"], {"paused": False}),
        (["3", "--priority", "batch"], {"priority": "batch"}),
        (["3", "-p", "interactive", "-w", "10000"], {"priority": "interactive", "weight": 10000}),
        (["3", "--weight=1", "--resume"], {"weight": 1, "paused": False}),
    ],
)
def test_asks_for_the_change(
    fake: StartFake, schedctl: Schedctl, arguments: list[str], asked: dict[str, Any]
) -> None:
    service = fake("laptop")
    result = schedctl("set", *arguments)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert service.called("Control") == [{"lease": "3", **asked}]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "of which lease?"),
        (["3"], "nothing to change"),
        (["3", "4", "--pause"], "one lease at a time"),
        (["3", "--pause", "--resume"], "--pause and --resume exclude each other"),
        (["3", "--priority", "urgent"], "'urgent' is no priority"),
        (["3", "--weight", "0"], "--weight takes a number from 1 to 10000"),
        (["3", "--weight", "10001"], "--weight takes a number from 1 to 10000"),
        (["3", "--weight"], "'--weight' lacks its argument"),
        (["3", "--stop"], "'--stop' is not understood"),
    ],
)
def test_refuses(fake: StartFake, schedctl: Schedctl, arguments: list[str], problem: str) -> None:
    service = fake("laptop")
    result = schedctl("set", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"schedctl set: {problem}")
    assert service.calls == []


@pytest.mark.parametrize(
    ("verb", "reply", "told"),
    [
        (
            ["set", "9", "--pause"],
            {"error": SCHEDULER + "NoSuchLease"},
            "there is no lease '9' of yours",
        ),
        (
            ["set", "9", "--pause"],
            {
                "error": "org.varlink.service.InvalidParameter",
                "parameters": {"parameter": "weight"},
            },
            "the service refuses the value of 'weight'",
        ),
        (
            ["reload"],
            {"error": SCHEDULER + "NotPermitted"},
            "not permitted: that is for root and for the user that the service runs as",
        ),
        (
            ["reload"],
            {
                "error": SCHEDULER + "BadConfiguration",
                "parameters": {"problem": "schedd.conf:3: no policy 'fast'"},
            },
            "the configuration is wrong, the former one stays in force:"
            " schedd.conf:3: no policy 'fast'",
        ),
    ],
)
def test_tells_errors(
    fake: StartFake, schedctl: Schedctl, verb: list[str], reply: dict[str, Any], told: str
) -> None:
    fake("laptop", Control=reply, Reload=reply)
    result = schedctl(*verb)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"schedctl {verb[0]}: {told}\n"


def test_reload(fake: StartFake, schedctl: Schedctl) -> None:
    service = fake("laptop")
    result = schedctl("reload")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert service.called("Reload") == [{}]


def test_reload_of_what_is_not_understood(fake: StartFake, schedctl: Schedctl) -> None:
    """It is printed, but not as it is: the file may have anything."""
    fake("laptop", Reload={"parameters": {"problems": ["a.conf:2: no \x1b", 3, "a.conf:4: no"]}})
    result = schedctl("reload")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.splitlines() == [
        "schedctl reload: a.conf:2: no \\x1b",
        "schedctl reload: a.conf:4: no",
    ]


@pytest.mark.parametrize("verb", [["set", "1", "--pause"], ["reload"]])
def test_without_a_service(schedctl: Schedctl, verb: list[str]) -> None:
    result = schedctl(*verb)
    assert result.returncode == 1
    assert "no service is running" in result.stderr
