"""The hooks of pytest-xdist that other projects implement, declared where it is not installed.

Those for what does not happen here (gateways' code, rsync, an own scheduler) are declared too: a
plugin may implement them all.
"""

from __future__ import annotations

from typing import Any

from ..compat import hookspec


@hookspec()
def pytest_xdist_setupnodes(config: Any, specs: Any) -> None:
    """Before the first worker is started."""


@hookspec()
def pytest_xdist_newgateway(gateway: Any) -> None:
    """Before a worker is configured."""


@hookspec()
def pytest_xdist_rsyncstart(source: Any, gateways: Any) -> None:
    """Never called: there are no other machines."""


@hookspec()
def pytest_xdist_rsyncfinish(source: Any, gateways: Any) -> None:
    """Never called: there are no other machines."""


@hookspec(firstresult=True)
def pytest_xdist_getremotemodule() -> Any:
    """Never called: a worker's code is this package's."""


@hookspec()
def pytest_configure_node(node: Any) -> None:
    """Before a worker is started: what is put into node.workerinput, the worker has."""


@hookspec()
def pytest_testnodeready(node: Any) -> None:
    """A worker has started."""


@hookspec()
def pytest_testnodedown(node: Any, error: Any) -> None:
    """A worker has ended: node.workeroutput is what it left, if it did not die."""


@hookspec()
def pytest_xdist_node_collection_finished(node: Any, ids: Any) -> None:
    """A worker has collected."""


@hookspec(firstresult=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Never called: schedctl deals the items."""


@hookspec(firstresult=True)
def pytest_xdist_auto_num_workers(config: Any) -> Any:
    """Never called: schedctl knows how many."""


@hookspec(firstresult=True)
def pytest_handlecrashitem(crashitem: Any, report: Any, sched: Any) -> Any:
    """A worker has died while running this item."""
