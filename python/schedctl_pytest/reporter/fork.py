"""Workers forked from the reporter after collection: what the copy must undo and redo.

A forked worker never configured anything, so it finishes nothing either: no pytest_sessionfinish,
no pytest_unconfigure, none of the reporter's atexit handlers.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, Dict, Optional

from . import ends, nodes
from ..reports import cov, deal, handover, relay, said
from ..worker import exits, thaw, worker
from ..worker.own import high

if TYPE_CHECKING:
    from .reporter import Reporter

_PIPE_SIZE = 1 << 20


class Handle:
    """One worker as the reporter sees it."""

    def __init__(self, number: int, pid: int, reports: int, answers: int, forked: bool) -> None:
        self.number = number
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.reports = reports
        self.answers = answers
        self.forked = forked
        self.inbox = relay.Inbox()
        self.finished: Dict[int, None] = {}
        self.open: Optional[int] = None  # an item of which a part was relayed
        self.unusable: Optional[str] = None
        self.output: Optional[Dict[str, Any]] = None  # its last message

    def answer(self, go_on: bool) -> None:
        try:
            os.write(self.answers, worker.GO_ON if go_on else worker.STOP)
        except OSError:
            pass  # it is gone, and its end is told elsewhere

    def reap(self) -> int:
        """The wait status; blocks until it has ended. Where somebody else was told it (a suite that
        ignores SIGCHLD), what the worker said last stands for it."""
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:
            status = 0 if self.output is not None else ends.UNKNOWN
        for fd in (self.pidfd, self.reports, self.answers):
            os.close(fd)
        return status


def pipes() -> "tuple[int, int, int, int]":
    """(reports read, reports write, answers read, answers write); a full reports pipe would stop a
    worker."""
    import fcntl

    reports_read, reports_write = os.pipe()
    answers_read, answers_write = os.pipe()
    try:
        fcntl.fcntl(reports_write, getattr(fcntl, "F_SETPIPE_SZ", 1031), _PIPE_SIZE)
    except OSError:
        pass  # the user's limit of pipe memory: the usual 64 KiB do
    os.set_blocking(reports_read, False)
    return reports_read, reports_write, answers_read, answers_write


def start(reporter: "Reporter", order: Dict[str, Any]) -> Handle:
    """Forks the worker that the engine's order describes."""
    reports_read, reports_write, answers_read, answers_write = pipes()
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        pid = _fork()
    except OSError:
        for fd in (reports_read, reports_write, answers_read, answers_write):
            os.close(fd)
        raise
    if pid == 0:
        os.close(reports_read)
        os.close(answers_write)
        _child(reporter, order, worker.Channel(reports_write, answers_read))
    os.close(reports_write)
    os.close(answers_read)
    return Handle(order["worker"], pid, reports_read, answers_write, forked=True)


def _fork() -> int:
    """Since Python 3.12 it warns of other threads, which is weighed elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _child(reporter: "Reporter", order: Dict[str, Any], channel: worker.Channel) -> None:
    """The rest of the worker's process; never returns."""
    status = 1
    try:
        reporter.forget()
        try:
            worker.pin(order.get("pus"))
            made = _become_worker(reporter, order, channel)
        except Exception as error:
            channel.send(relay.encode((relay.UNUSABLE, f"{type(error).__name__}: {error}")))
            return
        if not worker.live(made, reporter.mask):
            return
        handover.finish(reporter.session)
        coverage = cov.collected()
        if coverage is not None:
            channel.send(relay.encode((relay.COVERAGE, coverage)))
        channel.send(relay.encode((relay.OUTPUT, nodes.output(reporter.session))))
        status = 0
    except BaseException:
        pass  # whatever it was, this process has no more to say: the reporter sees its status
    finally:
        exits.leave(status)


def _become_worker(
    reporter: "Reporter", order: Dict[str, Any], channel: worker.Channel
) -> worker.Worker:
    number = order["worker"]
    config, session = reporter.config, reporter.session
    exits.begin()
    os.environ.update(
        worker.xdist_environment(number, reporter.count, reporter.run_id, order["slot"])
    )
    nodes.enter_forked(config, reporter.nodes.of(number), channel)
    written = _own_streams(config, reporter.directory, number)
    _own_tmp_path(config, number)
    reporter.watch.seeds.restore()
    own_faulthandler(reporter.directory, number, reporter.item_timeout > 0)
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
        from . import confirm

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
    try:
        fd = stream.tmpfile.fileno()
    except (AttributeError, OSError, ValueError):
        return  # capture in memory
    snap, empty, seek, end = (
        stream.snap,
        type(stream).EMPTY_BUFFER,
        os.lseek,
        os.SEEK_END,
    )

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
    if factory._basetemp is not None:
        base = factory._basetemp / f"popen-gw{number}"
        base.mkdir(mode=0o700, exist_ok=True)
        factory._basetemp = base


def own_faulthandler(directory: str, number: int, patient: bool) -> None:
    """Stacks go to a file that the reporter reads. patient: no item is waited for too long."""
    import faulthandler

    if not faulthandler.is_enabled() and not patient:
        return
    fd = high(os.open(deal.fault_path(directory, number), os.O_WRONLY | os.O_CREAT, 0o600))
    if faulthandler.is_enabled():
        faulthandler.enable(file=fd)
    if patient:
        from . import patience

        patience.enter_worker(fd)
