"""The plugin in pytest-xdist's controller: has each worker pinned before anything runs in it, deals
in the engine's order, and tells it what became of items and workers."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Any, Dict, Generator, List, Optional, Set

import pytest

from .. import compat, hello, outcomes
from ..engine import Engine, EngineGone
from ..suite import shard
from ..suite.settings import of_project
from . import grow, measured, scopes
from .deal import Unit
from .gateway import pid_of, with_environ
from .link import Link, Message
from .scheduler import SchedctlScheduling
from .seconds import Seconds, number

_EVENT = "schedctl"


class Controller:
    """Of one session. It has an engine from begin() on, and does nothing before."""

    def __init__(self, config: Any, engine: Engine) -> None:
        self._config = config
        self._link = Link(engine)
        self._workers = 0
        self._lost_said = False
        self._dry = False  # nothing is to be run
        self._nice_before: Optional[int] = None
        self._shard_asked = True  # nothing keeps the engine from dividing the suite
        self._session: Any = None
        self._xdist: Any = None  # pytest-xdist's own DSession
        self._scheduler: Optional[SchedctlScheduling] = None
        self._slots: Dict[str, int] = {}
        self._environ: Dict[str, str] = {}  # of the worker that is being started
        self._there: Set[int] = set()  # the workers that the engine knows
        self._suite: Optional[List[str]] = None  # the items that the engine has been told of
        self._collected = 0  # items of this session
        self._seconds = Seconds(lambda **what: self._link.tell("ran", **what))
        self._started: Dict[str, float] = {}
        self._starting = 0.0  # seconds from a worker's start to its collection

    # The engine

    def begin(self, asked: int) -> int:
        """asked: how many workers the user wants, 0: the engine is to say; returns how many there
        are to be. EngineGone where it has nothing for us."""
        words = hello.of_session(self._config, of_project(self._config).hello)
        welcome = self._link.greet({**words, "xdist": asked})
        if "workers" not in welcome:
            raise EngineGone("this schedctl leaves pytest-xdist alone")
        self._shard_asked = bool(welcome.get("shard_asked", True))
        self._dry = bool(welcome.get("dry", False))
        if "nice" in welcome:
            self._become(int(welcome["nice"]))
        self._workers = max(1, int(welcome["workers"]))
        return self._workers

    def _become(self, nice: int) -> None:
        """As nice as the workers are to be, who have it from here: between messages of workers that
        are nicer this process would be switched to for every single one."""
        before = os.getpriority(os.PRIO_PROCESS, 0)
        if before < nice:
            os.setpriority(os.PRIO_PROCESS, 0, nice)
            self._nice_before = before

    def _restore_nice(self) -> None:
        if self._nice_before is not None:
            with contextlib.suppress(OSError):  # takes a privilege; most processes end now
                os.setpriority(os.PRIO_PROCESS, 0, self._nice_before)

    @property
    def workers(self) -> int:
        """What begin() has returned; 0 before."""
        return self._workers

    def close(self) -> None:
        self._link.close()
        self._restore_nice()
        self._say_lost("")  # xdist's loop, which would have said it, may have ended before

    def _say_lost(self, then: str) -> None:
        if self._link.lost is not None and not self._lost_said:
            sys.stderr.write(f"schedctl: the run is gone ({self._link.lost}){then}\n")
            self._lost_said = True

    @compat.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Any) -> None:
        """Before pytest-xdist starts workers. Its loop calls its own worker_NAME for what lies in
        its queue: that is how what the engine wishes comes into the loop's thread."""
        self._xdist = self._config.pluginmanager.get_plugin("dsession")
        if not self._workers or self._xdist is None:
            return
        dealer = scopes.dealt_by(self._config) if self._dry else ""
        if dealer:
            raise pytest.UsageError(f"schedctl run --dry-run: these tests are dealt by {dealer}")
        self._session = session
        setattr(self._xdist, "worker_" + _EVENT, self._obey)
        self._link.start(self._post)

    def _post(self, message: Message) -> None:
        self._xdist.queue.put((_EVENT, {"message": message}))

    def _obey(self, message: Message) -> None:
        event = message["event"]
        if event == Link.LOST:
            self._say_lost("; pytest-xdist goes on without it")
        elif event == "end" and self._scheduler is not None:
            self._scheduler.retire(f"gw{message['worker']}")
        elif event == "more" and self._scheduler is not None:
            if self._scheduler.seconds_each() > self._starting:  # else it would come too late
                self._grow(int(message["workers"]))

    def _grow(self, workers: int) -> None:
        """Those that are there can do without."""
        for _ in range(workers):
            there = set(self._there)
            try:
                grow.start(self._config, self._xdist)
            except (OSError, EOFError) as error:
                sys.stderr.write(f"schedctl: no further worker: {error}\n")
                for worker in self._there - there:
                    self._tell_gone(worker, finished=True)
                return

    # Workers

    @compat.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_xdist_newgateway(self, gateway: Any) -> None:
        worker, pid = number(gateway), pid_of(gateway)
        if self._session is None or worker < 0 or pid is None:
            return
        self._started[gateway.id] = time.monotonic()
        self._there.add(worker)
        pinned = self._link.ask("node", "pinned", worker=worker, pid=pid)
        slot = -1 if pinned is None else pinned.get("slot", -1)
        if slot >= 0:
            self._slots[gateway.id] = slot

    @compat.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        slot = self._slots.get(node.gateway.id)
        node.workerinput[measured.KEY] = True
        self._environ = {} if slot is None else {"SCHEDCTL_SLOT": str(slot)}
        if slot is not None:
            node.workerinput["schedctl_slot"] = slot

    @compat.hookimpl(hookwrapper=True, optionalhook=True)
    def pytest_xdist_getremotemodule(self) -> Generator[None, Any, None]:
        """Of the worker that has just been configured."""
        outcome = yield
        outcome.force_result(with_environ(outcome.get_result(), self._environ))

    @compat.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        worker = number(node.gateway)
        if worker in self._there:
            self._tell_gone(worker, finished=error is None)

    def _tell_gone(self, worker: int, finished: bool) -> None:
        self._there.remove(worker)
        self._link.tell("gone", worker=worker, finished=finished)

    # Items

    @compat.hookimpl(trylast=True, optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: Any, log: Any) -> Any:
        """After all that the project has, and before pytest-xdist's own."""
        like = scopes.like(config, log) if self._session is not None else None
        if like is None:
            return None
        self._scheduler = SchedctlScheduling(
            config, log, like.numnodes, lambda ids: self._plan(like, ids), self._count
        )
        return self._scheduler

    def _plan(self, like: Any, ids: List[str]) -> List[Unit]:
        """The units in the engine's order, or in the collection's where it has none."""
        self._collected = len(ids)
        of_items = scopes.of_items(like, ids)
        why = None if self._shard_asked else shard.divided_already(self._config)
        if why is not None:
            self._link.tell("undivided", why=why)
        plan = self._announce(ids, of_items)
        units = None if plan is None else scopes.units(plan, len(ids))
        if plan is None or units is None:
            return scopes.in_order(of_items, len(ids))
        if "tests" in plan.get("shard", {}):
            dealt = [ids[item] for unit in units for item in unit.items]
            shard.record(self._config, plan["shard"], ids, dealt)
        if plan["mode"] != "dry":
            self._deselect(ids, units)
        reorder = of_items is None or getattr(self._config.option, "loadscopereorder", True)
        return units if reorder else scopes.as_collected(units)

    def _announce(self, ids: List[str], of_items: Optional[List[int]] = None) -> Optional[Message]:
        self._suite = ids
        dist = self._config.getvalue("dist")
        fields: Dict[str, Any] = {"items": [scopes.plain(dist, nodeid) for nodeid in ids]}
        if of_items is not None:
            fields["scopes"] = of_items
        return self._link.ask("suite", "plan", dist=dist, start="xdist", **fields)

    def _deselect(self, ids: List[str], units: List[Unit]) -> None:
        """What is in no unit runs elsewhere."""
        ours = {item for unit in units for item in unit.items}
        others = [nodeid for item, nodeid in enumerate(ids) if item not in ours]
        if not others:
            return
        self._collected = len(ours) or len(ids)  # none at all would be an error
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if hasattr(terminal, "pytest_deselected"):
            terminal.pytest_deselected(items=others)

    def _count(self) -> None:
        self._session.testscollected = self._collected

    @compat.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Any) -> None:
        started = self._started.pop(node.gateway.id, None)
        if started is not None:
            self._starting = max(self._starting, time.monotonic() - started)
        if self._session is not None and self._scheduler is None and self._suite is None:
            self._link.tell("undivided", why="another scheduler deals them")
            self._announce(list(ids))  # another scheduler deals; seconds are kept all the same

    @compat.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        node, found = getattr(report, "node", None), measured.take(report)
        if node is not None and number(node.gateway) in self._there:
            self._seconds.report(report, found)

    @compat.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if self._session is not None:
            self._seconds.finish(nodeid)

    @compat.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: Any) -> None:
        if self._session is None:
            return
        self._seconds.flush()
        found = outcomes.of_session(self._config, self._suite or ())
        self._link.tell("result", exit=int(exitstatus), left=[], **found)
