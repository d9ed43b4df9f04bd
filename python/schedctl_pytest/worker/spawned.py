"""Workers started afresh, the new process's half: a pytest session of its own that runs what it is
dealt."""

from __future__ import annotations

import signal
import sys
from collections import defaultdict
from typing import Any, Dict, Generator, List, Optional

from . import logfile, look
from .. import compat
from ..reporter import standin
from ..suite import groups, marks

# What the reporter has decided for all: a worker collects everything it may be asked for, and asks
# nobody.
_OPTIONS: Dict[str, Any] = {
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "usepdb": False,
    "maxfail": 0,
    "numprocesses": None,
    "dist": "no",
    "tx": [],
    "cacheclear": False,
    "looponfail": False,
}


def main(order: Dict[str, Any]) -> None:
    sys.path[:] = order["path"]
    from . import worker
    from ..reports import cov, relay

    if order["measure"]:
        cov.begin(order["measure"])
    channel = worker.Channel(order["reports"], order["answers"])
    try:
        written = _enter(order)
    except OSError as error:
        channel.send(relay.encode((relay.UNUSABLE, str(error))))
        sys.exit(1)
    try:
        ran = _session(order, channel, written)
    except KeyboardInterrupt:
        ran = False  # before pytest could handle it; the reporter says so
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(0 if ran else 1)


def _session(order: Dict[str, Any], channel: Any, written: Any) -> bool:
    """Whether it came to running items."""
    signal.pthread_sigmask(signal.SIG_SETMASK, order["mask"])
    import pytest

    arguments = list(order["arguments"])
    if order["pytest_cov"]:
        arguments.append("--cov-append")  # else it begins by erasing what others have measured
    plugin = SpawnedWorker(order, channel, written)
    pytest.main(arguments, plugins=[plugin])
    return plugin.ran


def _enter(order: Dict[str, Any]) -> Any:
    """Before anything of the user's is loaded: the CPUs, the end with reporter and engine, and own
    streams, which are returned."""
    from . import worker
    from ..reports import deal, said

    worker.pin(order["pus"])
    deal.die_with_reporter(order["alive"])
    sys.argv[:] = order["input"]["mainargv"]
    return said.Said(order["directory"], order["number"])


class SpawnedWorker:
    def __init__(self, order: Dict[str, Any], channel: Any, written: Any) -> None:
        self._order = order
        self._channel = channel
        self._written = written
        self._log_file: Optional[str] = None
        self.ran = False

    @compat.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Generator[None, None, None]:
        self._override(early_config.known_args_namespace)
        standin.prepare(early_config)
        yield

    @compat.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> Generator[None, None, None]:
        self._override(config.option)
        config.option.basetemp = self._order["basetemp"]
        self._log_file = logfile.divert(config)
        look.colour(config, self._order["look"])
        config.workerinput = self._order["input"]
        config.workeroutput = {}
        yield

    @staticmethod
    def _override(option: Any) -> None:
        for name, value in _OPTIONS.items():
            if hasattr(option, name):
                setattr(option, name, value)

    @compat.hookimpl(trylast=True)
    def pytest_configure(self, config: Any) -> None:
        """Before the session starts, which the terminal would announce."""
        from . import worker

        standin.configure(config)
        marks.register(config)
        worker.unregister_reporters(config)

    @compat.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        from ..reporter import nodes
        from ..reports import relay

        self._channel.send(relay.encode((relay.JOINED, nodes.about_this())))

    @compat.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: Any, exitstatus: Any) -> Generator[None, None, None]:
        from ..reporter import nodes

        session.config.workeroutput.update(nodes.ended(session, int(exitstatus)))
        yield

    @compat.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        from . import stacks, worker
        from ..reports import deal, relay

        if self._order["tell_ids"]:
            ids = [item.nodeid for item in session.items]
            self._channel.send(relay.encode((relay.COLLECTED, ids)))
        self._written.take()  # what loading and collecting say, the reporter has said
        look.widen(session.config, self._order["look"])
        if self._log_file:
            logfile.add_to(session.config, self._log_file)
        order = self._order
        stacks.enter_worker(order["directory"], order["number"], order["patient"])
        try:
            made = worker.Worker(
                session,
                match(order["items"], session.items),
                order["directory"],
                order["number"],
                self._channel,
                self._written,
                GroupNumbers(order["groups"]),
                order["maxfail"],
            )
        except deal.Closed:
            return True  # nobody is there to be told
        worker.install(made)
        if order["confirm"]:
            from ..reporter import confirm

            confirm.enter_worker(made)
        self.ran = worker.live(made, order["mask"])
        return True

    @compat.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: Any) -> None:
        from ..reports import cov, deal, relay

        output = getattr(config, "workeroutput", {})
        coverage = cov.collected() if self._order["measure"] else None
        try:
            if coverage is not None:
                self._channel.send(relay.encode((relay.COVERAGE, coverage)))
            self._channel.send(relay.encode((relay.OUTPUT, output)))
        except deal.Closed:
            pass


def match(ids: List[str], items: List[Any]) -> Dict[int, Any]:
    """The reporter's item numbers to this process's items, by id and occurrence: the order may
    differ."""
    found: Dict[str, List[Any]] = defaultdict(list)
    for item in reversed(items):
        found[item.nodeid].append(item)
    return {number: found[nodeid].pop() for number, nodeid in enumerate(ids) if found.get(nodeid)}


class GroupNumbers:
    """The reporter's number of the group that a node is; of the session its own."""

    def __init__(self, ids: List[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(ids)}

    def __call__(self, node: Any) -> int:
        if node.parent is None:
            return groups.SESSION
        return self._numbers.get(groups.name_of(node) or "", groups.NOTHING)
