"""Workers as pytest-xdist's hooks show them to other projects' plugins.

sqlalchemy makes a database for each node, pytest-rerunfailures tells it a port, a conftest collects
what workers leave in ``workeroutput``: all through hooks that run in the reporter. They are called
here whether pytest-xdist is installed or not, and whichever way workers are started.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Container, Dict, Iterable, List, Optional, Set

from ..reports import handover, relay
from ..suite import vetted
from ..worker.worker import Channel, worker_input

_COLLECTED = "pytest_xdist_node_collection_finished"
_CRASHED = "pytest_handlecrashitem"
# pytest-cov's hooks want the controller that it makes under pytest-xdist alone; the coverage of
# workers is cov.py's. pytest-xdist's own show its progress.
_OTHERS_DO = frozenset(("pytest_cov", "xdist"))


class Spec:
    """What execnet's XSpec says of a process on this machine; what it does not say is None."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.popen = True
        self.env: Dict[str, str] = {}
        self._spec = "popen"

    def __getattr__(self, name: str) -> None:
        if name.startswith("_"):
            raise AttributeError(name)

    def __str__(self) -> str:
        return self._spec

    def __repr__(self) -> str:
        return f"<XSpec {self._spec!r}>"


class Gateway:
    def __init__(self, spec: Spec) -> None:
        self.id = spec.id
        self.spec = spec

    def __repr__(self) -> str:
        return f"<Gateway id={self.id!r}>"


class Manager:
    """One for the run: node.nodemanager."""

    def __init__(self, config: Any, run_id: str, count: int) -> None:
        self.config = config
        self.testrunuid = run_id
        self.specs = [Spec(f"gw{number}") for number in range(count)]
        self.roots: List[Any] = []


class Node:
    """pytest-xdist's WorkerController. ``workeroutput`` is there once the worker has ended well,
    and ``workerinfo`` once it is ready."""

    def __init__(self, manager: Manager, spec: Spec, given: Dict[str, Any]) -> None:
        self.nodemanager = manager
        self.config = manager.config
        self.gateway = Gateway(spec)
        self.workerinput = given
        self.workerinfo: Dict[str, Any]
        self.workeroutput: Dict[str, Any]
        self.shutting_down = False

    def __repr__(self) -> str:
        return f"<WorkerController {self.gateway.id}>"


class Scheduler:
    """What pytest_handlecrashitem is given: it may ask for the item once more."""

    def __init__(self, config: Any, nodes: List[Node], items: Iterable[Any]) -> None:
        self.config = config
        self.nodes = nodes
        self.numnodes = len(nodes)
        self.pending = ""
        self._items = items

    @property
    def collection(self) -> List[str]:
        return [item.nodeid for item in self._items]

    def mark_test_pending(self, item: str) -> None:
        self.pending = item


class Nodes:
    """Those of one run."""

    def __init__(self, session: Any, run_id: str, count: int) -> None:
        self._session = session
        self._config = session.config
        self._manager = Manager(session.config, run_id, count)
        self._nodes: Dict[int, Node] = {}
        self._about: Dict[str, Any] = {}

    def of(self, number: int) -> Node:
        return self._nodes[number]

    def begin(self) -> None:
        """Before the first worker: from here on is_xdist_controller() is true here."""
        option = self._config.option
        if hasattr(option, "dist"):
            option.dist = "load"
            option.numprocesses = len(self._manager.specs)
            option.tx = ["popen"] * len(self._manager.specs)
        self._call("pytest_xdist_setupnodes", config=self._config, specs=self._manager.specs)

    def prepare(self, number: int, count: int) -> Node:
        """The node of a worker that is about to start; plugins have filled its workerinput. count:
        of the workers, this one included."""
        manager = self._manager
        spec = manager.specs[number] if number < len(manager.specs) else Spec(f"gw{number}")
        given = worker_input(number, count, manager.testrunuid, sys.argv)
        node = self._nodes[number] = Node(manager, spec, given)
        self._call("pytest_xdist_newgateway", gateway=node.gateway)
        self._call("pytest_configure_node", node=node)
        return node

    def ready(self, number: int, about: Dict[str, Any]) -> None:
        """about: of the worker's interpreter, as about_this() has it."""
        node = self._nodes[number]
        node.workerinfo = {**about, "id": node.gateway.id, "spec": node.gateway.spec}
        self._call("pytest_testnodeready", node=node)

    def asks_what_is_collected(self) -> bool:
        return bool(self._implementations(_COLLECTED))

    def collected(self, number: int, ids: List[str]) -> None:
        self._call(_COLLECTED, node=self._nodes[number], ids=ids)

    def forked(self, number: int) -> None:
        """A forked worker is ready, and has collected, when it exists."""
        if not self._about:
            self._about = about_this()
        self.ready(number, self._about)
        if self.asks_what_is_collected():
            self.collected(number, [item.nodeid for item in self._session.items])

    def down(self, number: int, output: Optional[Dict[str, Any]], forked: bool) -> None:
        """output: None of a worker that did not end as it should. Plugins known to need nothing of
        forked workers would look in vain for what their pytest_sessionfinish leaves in others."""
        node = self._nodes[number]
        node.shutting_down = True
        if output is not None:
            node.workeroutput = output
        error = "Not properly terminated" if output is None else None
        unasked = self._silent_when_forked() if forked else _OTHERS_DO
        self._call("pytest_testnodedown", unasked, node=node, error=error)

    def _silent_when_forked(self) -> Set[str]:
        missed = set(vetted.HANDED_OVER).difference(handover.able(self._config))
        return missed.union(vetted.NODE_HOOKS)

    def crashed(self, number: int, report: Any) -> bool:
        """An item's worker died; plugins may change the report. Whether it is to run once more."""
        if not self._implementations(_CRASHED):
            return False
        alive = [node for node in self._nodes.values() if not node.shutting_down]
        scheduler = Scheduler(self._config, alive, self._session.items)
        report.node = self._nodes[number]
        try:
            self._call(_CRASHED, crashitem=report.nodeid, report=report, sched=scheduler)
        finally:
            del report.node  # the terminal would show it
        return scheduler.pending == str(report.nodeid)

    def may_run_again(self, item: str, reruns: int) -> None:
        """A forked worker's word to pytest-rerunfailures."""
        self._config.failures_db.set_test_reruns(item, reruns)

    def _implementations(self, name: str, unasked: Container[str] = _OTHERS_DO) -> List[Any]:
        hook = getattr(self._config.hook, name, None)
        found = hook.get_hookimpls() if hook is not None else []
        return [one for one in found if vetted.package(one.function) not in unasked]

    def _call(self, name: str, unasked: Container[str] = _OTHERS_DO, **given: Any) -> None:
        """The hook without the implementations of these packages."""
        wanted = self._implementations(name, unasked)
        if not wanted:
            return
        plugins = [one.plugin for one in wanted]
        implementations = getattr(self._config.hook, name).get_hookimpls()
        others = [one.plugin for one in implementations if one.plugin not in plugins]
        self._config.pluginmanager.subset_hook_caller(name, others)(**given)


def about_this() -> Dict[str, Any]:
    """Of this process, what pytest-xdist tells of a worker's."""
    import platform  # loaded by pytest

    return {
        "version": sys.version,
        "version_info": tuple(sys.version_info),
        "sysplatform": sys.platform,
        "platform": platform.platform(),
        "executable": sys.executable,
        "cwd": _directory(),
    }


def _directory() -> str:
    """The working directory; nothing where the user's code has removed it."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def enter_forked(config: Any, node: Node, channel: Channel) -> None:
    """In a forked worker: what pytest-xdist's has found where pytest began."""
    option = config.option
    if hasattr(option, "dist"):
        option.dist, option.numprocesses, option.tx = "no", None, []
    config.workerinput = node.workerinput
    config.workeroutput = {}
    counts = getattr(config, "failures_db", None)
    if "sock_port" in node.workerinput and hasattr(counts, "set_test_reruns"):
        _tell_reruns(counts, channel)


def ended(session: Any, status: int) -> Dict[str, Any]:
    """What pytest-xdist itself puts into workeroutput."""
    return {
        "exitstatus": status,
        "shouldfail": session.shouldfail,
        "shouldstop": session.shouldstop,
    }


def output(session: Any) -> Dict[str, Any]:
    """A forked worker's workeroutput at its end."""
    return {**ended(session, int(bool(session.testsfailed))), **session.config.workeroutput}


def _tell_reruns(counts: Any, channel: Channel) -> None:
    """pytest-rerunfailures counts in the reporter how often an item may run again after a crash.
    Other processes tell it through a socket; a forked worker has a copy of the counts, and tells
    the reporter before its item can have crashed."""
    note = counts.set_test_reruns

    def set_test_reruns(item: str, reruns: int) -> None:
        note(item, reruns)
        channel.send(relay.encode((relay.RERUNS, str(item), reruns)))

    counts.set_test_reruns = set_test_reruns
