"""A forked worker: what the copy of the reporter must undo and redo, and its end.

It never configured anything, so it finishes nothing either: no pytest_sessionfinish, no
pytest_unconfigure, none of the reporter's atexit handlers.
"""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any, Dict, NoReturn

from . import exits, stacks, thaw, worker
from ..reporter import nodes
from ..reports import cov, deal, handover, relay, said

if TYPE_CHECKING:
    from ..reporter.handle import Pipes
    from ..reporter.reporter import Reporter


def live(reporter: "Reporter", order: Dict[str, Any], pipes: "Pipes") -> NoReturn:
    """The rest of the worker's process. What goes wrong in it is said on its standard error, which
    the reporter shows; its status tells that something did."""
    status = 1
    try:
        pipes.keep_workers()
        channel = worker.Channel(pipes.worker_reports, pipes.worker_answers)
        if _run(reporter, order, channel):
            status = 0
    except (deal.Closed, KeyboardInterrupt):
        pass  # nobody is there to be told, or nobody wants to know
    except BaseException:
        traceback.print_exc()
    finally:
        exits.leave(status)


def _run(reporter: "Reporter", order: Dict[str, Any], channel: worker.Channel) -> bool:
    """Whether it ended as it should."""
    try:
        reporter.forget()
        worker.pin(order.get("pus"))
        made = _become_worker(reporter, order, channel)
    except deal.Closed:
        raise
    except Exception as error:
        channel.send(relay.encode((relay.UNUSABLE, f"{type(error).__name__}: {error}")))
        return False
    if not worker.live(made, reporter.mask):
        return False
    handover.finish(reporter.session)
    coverage = cov.collected()
    if coverage is not None:
        channel.send(relay.encode((relay.COVERAGE, coverage)))
    channel.send(relay.encode((relay.OUTPUT, nodes.output(reporter.session))))
    return True


def _become_worker(
    reporter: "Reporter", order: Dict[str, Any], channel: worker.Channel
) -> worker.Worker:
    number = order["worker"]
    config, session = reporter.config, reporter.session
    exits.begin()
    os.environ.update(
        worker.xdist_environment(number, order["count"], reporter.run_id, order["slot"])
    )
    nodes.enter_forked(config, reporter.nodes.of(number), channel)
    written = _own_streams(config, reporter.directory, number)
    _own_tmp_path(config, number)
    reporter.watch.seeds.restore()
    stacks.enter_worker(reporter.directory, number, reporter.item_timeout > 0)
    cov.enter_worker(config)
    handover.begin(config)
    thaw.on_demand()
    made = worker.Worker(
        session,
        dict(enumerate(session.items)),
        reporter.directory,
        number,
        channel,
        written,
        reporter.groups.known,
        bool(config.getoption("maxfail", 0)),
    )
    worker.install(made)
    if reporter.confirmation is not None:
        from ..reporter import confirm

        confirm.enter_worker(made)
    return made


def _own_streams(config: Any, directory: str, number: int) -> said.Said:
    """Capture files share one offset with the reporter's and the other workers': get own ones."""
    manager = config.pluginmanager.get_plugin("capturemanager")
    if manager is None or not manager.is_globally_capturing():
        return said.Said(directory, number)
    manager.read_global_capture()
    manager.stop_global_capturing()
    written = said.Said(directory, number)
    manager.start_global_capturing()
    manager.suspend_global_capture()
    for stream in (manager._global_capturing.out, manager._global_capturing.err):
        _skip_empty_reads(stream)
    return written


def _skip_empty_reads(stream: Any) -> None:
    """Six times an item a capture file is read and truncated, most often an empty one: asking for
    its end is cheaper."""
    seek, end = os.lseek, os.SEEK_END
    try:
        fd, snap, empty = stream.tmpfile.fileno(), stream.snap, type(stream).EMPTY_BUFFER
    except (AttributeError, OSError, ValueError):
        return  # capture in memory

    def snap_unless_empty() -> Any:
        return snap() if seek(fd, 0, end) else empty

    stream.snap = snap_unless_empty


def _own_tmp_path(config: Any, number: int) -> None:
    """An own base below the reporter's, which alone removes anything."""
    import contextlib

    factory = getattr(config, "_tmp_path_factory", None)
    if factory is None:
        return
    if hasattr(factory, "_exit_stack"):
        factory._exit_stack = contextlib.ExitStack()
    given = getattr(factory, "_basetemp", None)
    if given is not None:
        base = given / f"popen-gw{number}"
        base.mkdir(mode=0o700, exist_ok=True)
        factory._basetemp = base
