"""Workers started afresh, the reporter's half: a new interpreter with what the user's own was
given.

The new process gets what the reporter knows in a file; its half is worker/spawned.py.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from .. import package
from ..reports import cov, relay
from ..worker import look, worker
from .handle import Handle, Pipes

if TYPE_CHECKING:
    from .nodes import Node
    from .reporter import Reporter

_START = (
    "import marshal,os,sys;"
    "order=marshal.load(open({fd},'rb'));"
    "sys.path.insert(0,order['package']);"
    "from schedctl_pytest.worker import spawned;"
    "spawned.main(order)"
)


def start(reporter: "Reporter", order: Dict[str, Any]) -> Handle:
    """Starts the worker that the engine's order describes."""
    pipes = Pipes()
    try:
        process = _begin(reporter, order, pipes)
        handle = Handle(order["worker"], process.pid, pipes, forked=False)
    except OSError:
        pipes.close()
        raise
    pipes.keep_reporters()
    return handle


def _begin(reporter: "Reporter", order: Dict[str, Any], pipes: Pipes) -> "subprocess.Popen[bytes]":
    environ = dict(reporter.surroundings.environ)
    environ.update(
        worker.xdist_environment(order["worker"], order["count"], reporter.run_id, order["slot"])
    )
    ends = (pipes.worker_reports, pipes.worker_answers, reporter.alive)
    given = _file(_order(reporter, order, reporter.nodes.of(order["worker"]), ends))
    try:
        process = subprocess.Popen(
            [sys.executable, *_flags(), "-c", _START.format(fd=given)],
            env=environ,
            cwd=str(reporter.config.invocation_params.dir),
            stdin=subprocess.DEVNULL,
            pass_fds=(given, *ends),
        )
    finally:
        os.close(given)
    process.returncode = 0  # it is reaped by its handle
    return process


def _file(order: Dict[str, Any]) -> int:
    """A large suite's list does not fit into a pipe, and nobody is to wait until it is read."""
    fd = os.memfd_create("schedctl-order")
    with open(fd, "wb", closefd=False) as file:
        file.write(marshal.dumps(relay.builtin(order)))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _flags() -> List[str]:
    """-O, -W, -X and so on, as multiprocessing hands them on."""
    flags: List[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return flags


def _order(reporter: "Reporter", order: Dict[str, Any], node: "Node", ends: Any) -> Dict[str, Any]:
    config = reporter.config
    reports, answers, alive = ends
    pytest_cov = config.pluginmanager.hasplugin("_cov")
    if pytest_cov:
        import socket

        node.workerinput.setdefault("cov_master_host", socket.gethostname())
        node.workerinput.setdefault("cov_master_topdir", str(config.invocation_params.dir))
        node.workerinput.setdefault("cov_master_rsync_roots", [])
    return {
        "package": os.path.dirname(package.PATH),
        "path": reporter.surroundings.path,
        "arguments": [str(argument) for argument in config.invocation_params.args],
        "input": node.workerinput,
        "pytest_cov": pytest_cov,
        "measure": None if pytest_cov else cov.settings(),
        "basetemp": _basetemp(config, order["worker"]),
        "look": look.of_terminal(config),
        "directory": reporter.directory,
        "number": order["worker"],
        "pus": order.get("pus"),
        "reports": reports,
        "answers": answers,
        "alive": alive,
        "mask": [int(number) for number in reporter.mask],
        "maxfail": bool(config.getoption("maxfail", 0)),
        "patient": reporter.item_timeout > 0,
        "confirm": reporter.confirmation is not None,
        "tell_ids": reporter.nodes.asks_what_is_collected(),
        "items": [item.nodeid for item in reporter.session.items],
        "groups": [group["id"] for group in reporter.groups.groups],
    }


def _basetemp(config: Any, number: int) -> Optional[str]:
    """The worker's own, below the reporter's; None with -p no:tmpdir."""
    factory = getattr(config, "_tmp_path_factory", None)
    return None if factory is None else str(factory.getbasetemp() / f"popen-gw{number}")
