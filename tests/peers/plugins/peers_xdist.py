"""pytest-xdist's command lines, told to schedctl.

``-n2`` becomes ``schedctl run -w 2``; a mode of distribution that keeps what the user may rely on
(items of a group on one worker) becomes none, and one that is another way to deal is out of scope,
as are options for other machines, for restarts and for repetition. In a translated session a plugin
shows which worker ran an item, in the words in which pytest-xdist's terminal does.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Tuple

import pytest

WORKERS_AT_LEAST = 2  # with one, pytest runs the items itself
_FLAGS = {"-d"}
_VALUED = ("-n", "--numprocesses", "--dist", "--tx", "--maxprocesses", "--max-worker-restart")
_CANNOT = {
    "--looponfail": "runs a suite again and again",
    "-f": "runs a suite again and again",
    "--rsyncdir": "copies files to other places",
}
_DISTS = {
    "each": "runs every item in every worker",
    "loadscope": "is one way to deal: schedctl weighs set-ups by itself",
    "loadfile": "is one way to deal: schedctl weighs set-ups by itself",
}


class CannotTranslate(Exception):
    """What pytest-xdist has and schedctl does not mean to."""


def translated(command: List[str], arguments: List[str]) -> Tuple[List[str], List[str]]:
    """command: schedctl's and pytest's; both as they are where the session has no workers."""
    options, rest = _split(arguments)
    workers = _workers(options)
    dist = options.get("--dist", ["load"])[-1]
    if workers and dist in _DISTS:
        raise CannotTranslate(f"--dist={dist} {_DISTS[dist]}")
    if "--max-worker-restart" in options and options["--max-worker-restart"] != ["0"]:
        raise CannotTranslate("--max-worker-restart: workers are always replaced")
    if not workers:
        return command[command.index("--") + 1 :], arguments
    command = list(command)
    command[command.index("-w") + 1] = str(max(workers, WORKERS_AT_LEAST))
    return command, ["-p", "peers_xdist", *rest]


def _split(arguments: List[str]) -> Tuple[Dict[str, List[str]], List[str]]:
    """pytest-xdist's options with their values, and everything else."""
    options: Dict[str, List[str]] = {}
    rest = []
    waiting = iter(arguments)
    for argument in waiting:
        name, equals, value = argument.partition("=")
        short = re.fullmatch(r"-n ?(\d+)", argument)
        if name in _CANNOT:
            raise CannotTranslate(f"{name} {_CANNOT[name]}")
        if short:
            options.setdefault("-n", []).append(short.group(1))
        elif argument in _FLAGS:
            options.setdefault(argument, [])
        elif name in _VALUED:
            options.setdefault(name, []).append(value if equals else next(waiting))
        else:
            rest.append(argument)
    return options, rest


def _workers(options: Dict[str, List[str]]) -> int:
    for name in ("-n", "--numprocesses"):
        if name in options:
            return int(options[name][-1])
    return sum(_count(text) for text in options.get("--tx", ()))


def _count(spec: str) -> int:
    """2*popen are two."""
    times, star, _ = spec.partition("*")
    return int(times) if star else 1


# In the session itself: "[gw0] PASSED file.py::test" for each item.


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
def pytest_runtest_makereport(item: Any) -> Any:
    outcome = yield
    given = getattr(item.config, "workerinput", None)
    if given is not None:
        outcome.get_result().peers_worker = given["workerid"]


class Lines:
    def __init__(self, config: Any) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: Any) -> None:
        worker = getattr(report, "peers_worker", "")
        if worker and (report.when == "call" or not report.passed):
            terminal = self._config.pluginmanager.get_plugin("terminalreporter")
            terminal.write_line(f"[{worker}] {report.outcome.upper()} {report.nodeid}")


def pytest_configure(config: Any) -> None:
    if not hasattr(config, "workerinput") and getattr(config.option, "verbose", 0) > 0:
        config.pluginmanager.register(Lines(config), "peers-xdist-lines")
