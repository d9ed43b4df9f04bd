"""Workers started afresh, the reporter's half: a new interpreter with what the user's own was
given.

The new process gets what the reporter knows through a pipe; its half is spawned.py.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Dict, List

from . import cov, relay, safety, worker
from .fork import Handle, pipes

if TYPE_CHECKING:
    from .reporter import Reporter

_START = (
    "import marshal,os,sys;"
    "order=marshal.load(open({fd},'rb'));"
    "sys.path.insert(0,order['package']);"
    "from schedctl_pytest import spawned;"
    "spawned.main(order)"
)


class Node:
    """What pytest-xdist calls a node, for plugins that prepare workers through its hooks."""

    class Gateway:
        def __init__(self, name: str) -> None:
            self.id = name

    def __init__(self, config: Any, given: Dict[str, Any]) -> None:
        self.config = config
        self.gateway = self.Gateway(given["workerid"])
        self.workerinput = given
        self.workeroutput: Dict[str, Any] = {}


def start(reporter: "Reporter", order: Dict[str, Any]) -> Handle:
    """Starts the worker that the engine's order describes."""
    reports_read, reports_write, answers_read, answers_write = pipes()
    given_read, given_write = os.pipe()
    ends = (reports_write, answers_read, reporter.alive)
    node = _node(reporter, order["worker"])
    environ = dict(reporter.surroundings.environ)
    environ.update(
        worker.xdist_environment(order["worker"], reporter.count, reporter.run_id, order["slot"])
    )
    process = subprocess.Popen(
        [sys.executable, *_flags(), "-c", _START.format(fd=given_read)],
        env=environ,
        cwd=str(reporter.config.invocation_params.dir),
        stdin=subprocess.DEVNULL,
        pass_fds=(given_read, *ends),
    )
    process.returncode = 0  # it is reaped by its handle
    for fd in (given_read, reports_write, answers_read):
        os.close(fd)
    _give(given_write, _order(reporter, order, node, ends))
    handle = Handle(order["worker"], process.pid, reports_read, answers_write)
    handle.node = node
    return handle


def _flags() -> List[str]:
    """-O, -W, -X and so on, as multiprocessing hands them on."""
    flags: List[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return flags


def _node(reporter: "Reporter", number: int) -> Node:
    given = worker.worker_input(number, reporter.count, reporter.run_id, sys.argv)
    node = Node(reporter.config, given)
    for function in _node_hooks(reporter.config, "pytest_configure_node"):
        function(node=node)
    return node


def _node_hooks(config: Any, name: str) -> List[Any]:
    """Implementations of one of pytest-xdist's hooks by plugins that need it; pytest-cov combines
    what workers leave on disk by itself."""
    hook = getattr(config.hook, name, None)
    if hook is None or not safety.node_hook_modules(hook):
        return []
    found = []
    for implementation in hook.get_hookimpls():
        module = str(getattr(implementation.function, "__module__", ""))
        if module.partition(".")[0] not in safety.VETTED_NODE_HOOKS:
            found.append(_caller(implementation))
    return found


def _caller(implementation: Any) -> Any:
    def call(**given: Any) -> None:
        implementation.function(*[given[name] for name in implementation.argnames])

    return call


def node_down(handle: Handle, config: Any, status: int) -> None:
    """Tells plugins that prepared this worker of its end."""
    if handle.node is None:
        return
    handle.node.workeroutput = handle.output or {}
    error = None if status == 0 else "Not properly terminated"
    for function in _node_hooks(config, "pytest_testnodedown"):
        function(node=handle.node, error=error)


def _order(reporter: "Reporter", order: Dict[str, Any], node: Node, ends: Any) -> Dict[str, Any]:
    config = reporter.config
    reports, answers, alive = ends
    pytest_cov = config.pluginmanager.hasplugin("_cov")
    if pytest_cov:
        import socket

        node.workerinput.setdefault("cov_master_host", socket.gethostname())
        node.workerinput.setdefault("cov_master_topdir", os.getcwd())
        node.workerinput.setdefault("cov_master_rsync_roots", [])
    base = config._tmp_path_factory.getbasetemp() / f"popen-gw{order['worker']}"
    return {
        "package": os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        "path": reporter.surroundings.path,
        "arguments": [str(argument) for argument in config.invocation_params.args],
        "input": node.workerinput,
        "pytest_cov": pytest_cov,
        "measure": None if pytest_cov else cov.settings(),
        "basetemp": str(base),
        "directory": reporter.directory,
        "number": order["worker"],
        "pus": order.get("pus"),
        "reports": reports,
        "answers": answers,
        "alive": alive,
        "mask": [int(number) for number in reporter.mask],
        "maxfail": bool(config.getoption("maxfail", 0)),
        "items": [item.nodeid for item in reporter.session.items],
        "groups": [group["id"] for group in reporter.groups.groups],
    }


def _give(fd: int, order: Dict[str, Any]) -> None:
    """A large suite's list does not fit into a pipe: the worker reads it first of all."""
    with open(fd, "wb") as pipe:
        try:
            pipe.write(marshal.dumps(relay.builtin(order)))
        except BrokenPipeError:
            pass  # it is gone already, which is told elsewhere
