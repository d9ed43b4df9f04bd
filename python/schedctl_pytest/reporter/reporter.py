"""The user's pytest while workers run its items: starts them, relays their reports, notices their
ends."""

from __future__ import annotations

import gc
import os
import select
import signal
from typing import Any, Callable, Dict, Iterable, List, Optional

from . import ends, fork
from .. import compat
from ..reports import cov, deal, relay, said
from ..engine import Engine, EngineGone
from .handle import Handle
from .inline import run_here
from .kills import Kills
from .nodes import Nodes
from .results import Results
from .screen import Screen
from ..suite.announce import Suite
from ..surroundings import Surroundings
from ..suite.watch import Watch

# After a batch of reports: how long to let more gather. Whatever else happens ends the pause at
# once.
_GATHER_MS = 50
_CHUNK = 1 << 16  # what is read at once
_INTERRUPT_GRACE_MS = 500


class Reporter:
    """Takes the place of pytest's run loop for one session."""

    def __init__(
        self,
        session: Any,
        engine: Engine,
        suite: Suite,
        surroundings: Surroundings,
        watch: Watch,
    ) -> None:
        self.session = session
        self.config = session.config
        self.surroundings = surroundings
        self.watch = watch
        self.directory = suite.directory
        self.run_id = suite.run_id
        self.item_timeout = suite.item_timeout
        self.groups = suite.groups
        self.mask: Iterable[int] = ()  # the signals that the user's pytest blocks
        self.ran_here: List[int] = []
        self._engine = engine
        self.nodes = Nodes(session, suite.run_id, suite.workers)
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        self._screen: Any = Screen(terminal, self.session.items, suite.ordered)
        self._results: Any = Results(session, self._screen, self.nodes.crashed)
        self._arrived = self._take
        self._ordered: Any = None
        if suite.ordered:
            from .ordered import Ordered

            self._ordered = Ordered(
                len(session.items), self._take, self._is_over, self._tell_to_stop
            )
            self._arrived = self._ordered.take
        self.confirmation: Any = None
        if suite.confirm:
            from .confirm import Confirmation

            self.confirmation = Confirmation(session)
        self._confirming = False
        self._start = _starter(suite.start)
        self._handles: Dict[int, Handle] = {}
        self._by_fd: Dict[int, Callable[[], None]] = {}
        self._all = select.poll()
        self._urgent = select.poll()
        self.alive, self._alive_held = -1, -1  # a pipe that ends with the reporter
        self._finished = False
        self._stop_sent = False
        self._interrupted = False
        self._patience: Any = None
        if self.item_timeout:
            from .patience import Patience

            self._patience = Patience(self.item_timeout, self.directory)
        self._kills = Kills(suite.kills)
        self._ending: Any = None  # raised.Raised: what ended the session in a worker
        self._pid = os.getpid()

    # The run

    def run(self) -> bool:
        self._prepare()
        try:
            self._loop()
            self._screen.give_back()
            self._confirm_failures()
            self._run_left()
        except KeyboardInterrupt:
            self._interrupt()
            raise
        except EngineGone as error:
            self._interrupt()
            raise KeyboardInterrupt(str(error)) from None
        finally:
            self._end()
        self._raise_as_pytest_does()
        return True

    def _prepare(self) -> None:
        """What every worker is to find done, once."""
        compat.keep_reports(self.config)
        if self._wants_tmp_path():
            self.config._tmp_path_factory.getbasetemp()
        self.nodes.begin()
        self.watch.seeds.save()
        self.alive, self._alive_held = os.pipe()
        gc.freeze()
        self._screen.hold()
        self._watch(self._engine.fileno(), self._hear, urgent=True)

    def _wants_tmp_path(self) -> bool:
        if getattr(self.config, "_tmp_path_factory", None) is None:
            return False
        if self._start is not fork.start:
            return True
        wanted = {
            "tmp_path",
            "tmpdir",
            "tmp_path_factory",
            "tmpdir_factory",
            "pytester",
            "testdir",
        }
        given = self.config.getoption("basetemp", None)
        return bool(given) or any(
            not wanted.isdisjoint(getattr(item, "fixturenames", ())) for item in self.session.items
        )

    def _loop(self) -> None:
        if self._engine.has_ready():
            self._hear()
        while not self._finished or self._handles:
            for fd, _ in self._all.poll(self._patience and self._wait_ms()):
                handler = self._by_fd.get(fd)
                if handler is not None:
                    handler()
            if self._results.take_relayed():
                self._screen.let_go()
                self._stop_if_told()
                if self._handles:
                    self._urgent.poll(_GATHER_MS)

    def _wait_ms(self) -> int:
        milliseconds: int = self._patience.wait_ms(self._handles.values())
        return milliseconds

    def _watch(self, fd: int, handler: Callable[[], None], urgent: bool) -> None:
        self._by_fd[fd] = handler
        self._all.register(fd, select.POLLIN)
        if urgent:
            self._urgent.register(fd, select.POLLIN)

    def _unwatch(self, fd: int) -> None:
        if self._by_fd.pop(fd, None) is None:
            return
        self._all.unregister(fd)
        try:
            self._urgent.unregister(fd)
        except KeyError:
            pass

    # The engine's orders

    def _hear(self) -> None:
        for message in self._engine.receive():
            event = message.get("event")
            if event == "start":
                self._start_worker(message)
            elif event == "left":
                self.ran_here += message["items"]
            elif event == "finished":
                self._finished = True
                for index in message.get("crashed", ()):
                    self._lost_unseen(index)

    def _lost_unseen(self, index: int) -> None:
        if self._ordered is None:
            self._results.crashed_unseen(index)
        else:
            self._ordered.lost_unseen(index, lambda: self._results.crashed_unseen(index))

    def _start_worker(self, order: Dict[str, Any]) -> None:
        number = order["worker"]
        self._screen.let_go()
        self.nodes.prepare(number, order["count"])
        try:
            handle = self._start_uninterrupted(order)
        except OSError as error:
            self._engine.send("failed", worker=number, error=str(error))
            return
        self._watch(handle.reports, lambda: self._read(handle), urgent=False)
        self._watch(handle.pidfd, lambda: self._exited(handle), urgent=True)
        self._engine.send("started", worker=number, pid=handle.pid)
        if handle.forked:
            self.nodes.forked(number)

    def _start_uninterrupted(self, order: Dict[str, Any]) -> Handle:
        """An interrupt in a fork's callbacks would be lost, and one before the worker is noted
        would leave it behind. The worker lets interrupts in once it can handle them."""
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            handle = self._handles[order["worker"]] = self._start(self, order)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)
        return handle

    def forget(self) -> None:
        """In a forked worker: closes what is the reporter's."""
        os.close(self._alive_held)
        deal.die_with_reporter(self.alive)
        self._engine.close()
        self._screen.forget()
        for handle in self._handles.values():
            handle.close()

    # The workers' messages

    def _read(self, handle: Handle) -> None:
        """Everything that is there."""
        arrived = _CHUNK
        while arrived == _CHUNK:
            try:
                data = os.read(handle.reports, _CHUNK)
            except BlockingIOError:
                break
            if not data:
                self._unwatch(handle.reports)
            handle.inbox.add(data)
            arrived = len(data)  # less: no more is there
        for message in handle.inbox:
            self._arrived(handle, message)

    def _take(self, handle: Handle, message: Any) -> None:
        kind = message[0]
        if kind == relay.PLAIN:
            self._results.plain(message)
            handle.finished[message[1]] = None
        elif kind == relay.REPORTS:
            self._take_reports(handle, *message[1:])
        elif kind == relay.WARNING:
            self._results.warning(*message[1:])
        elif kind == relay.STOP:
            self._take_stop(*message[1:])
        elif kind == relay.COVERAGE:
            cov.merge(message[1])
        elif kind == relay.XML:
            self._results.xml(*message[1:])
        elif kind == relay.UNUSABLE:
            handle.unusable = message[1]
        elif kind == relay.OUTPUT:
            handle.output = message[1]
        elif kind == relay.SAID:
            self._screen.show(message[1:])
        elif kind == relay.JOINED:
            self.nodes.ready(handle.number, message[1])
        elif kind == relay.COLLECTED:
            self.nodes.collected(handle.number, message[1])
        elif kind == relay.RERUNS:
            self.nodes.may_run_again(*message[1:])
        elif kind == relay.RAN and not self._confirming:
            self.confirmation.ran(handle.number, handle.pid, *message[1:])

    def _take_reports(
        self,
        handle: Handle,
        index: int,
        data: List[Any],
        first: bool,
        last: bool,
        ask: bool,
        spoken: List[relay.Spoken],
    ) -> None:
        self._results.reports(index, data, first, last, spoken)
        handle.open = None if last else index
        if last:
            handle.finished[index] = None
        if ask:
            self._stop_if_told()
            handle.answer(not self._stop_sent)

    def _take_stop(self, kind: str, what: Any, _item: int = -1) -> None:
        """A worker's wish to end the session: the first one counts."""
        if self._confirming:
            return
        if kind != "raised":
            setattr(self.session, kind, getattr(self.session, kind) or what)
        elif self._ending is None:
            from ..reports.raised import Raised

            self._ending = Raised(what)
        self._stop_if_told()

    def _stop_if_told(self) -> None:
        reason = self._ending or self.session.shouldfail or self.session.shouldstop
        reason = reason or ("KeyboardInterrupt" if self._interrupted else "")
        if reason:
            self._tell_to_stop(str(reason))

    def _tell_to_stop(self, reason: str) -> None:
        if not self._stop_sent:
            self._stop_sent = True
            self._engine.send("stop", reason=reason)

    def _is_over(self) -> bool:
        return bool(self._ending or self.session.shouldfail or self.session.shouldstop)

    # The workers' ends

    def _exited(self, handle: Handle) -> None:
        self._read(handle)
        for fd in (handle.reports, handle.pidfd):
            self._unwatch(fd)
        del self._handles[handle.number]
        status = handle.reap()
        self._screen.show(said.left_behind(self.directory, handle.number))
        clean = status == 0 and handle.output is not None  # a test's os._exit(0) is not
        self.nodes.down(handle.number, handle.output if clean else None, handle.forked)
        for_memory = self._kills.took(status)
        running = self._lost(handle, status, clean, for_memory)
        if handle.unusable is not None:
            self._engine.send("failed", worker=handle.number, error=handle.unusable)
            return
        finished = [] if clean else list(handle.finished)
        self._engine.send(
            "exited",
            worker=handle.number,
            status=status,
            running=running,
            finished=finished,
            **({"memory": True} if for_memory else {}),
        )

    def _lost(self, handle: Handle, status: int, clean: bool, for_memory: bool) -> int:
        """The item that is lost with its worker, once that is reported; -1 for none."""
        late = self._patience.gone(handle) if self._patience is not None else None
        state = deal.take_state(self.directory, handle.number)
        details = deal.take_fault(self.directory, handle.number)
        running = -1 if clean or state in handle.finished else state
        if late is not None and late.item != running:
            running = -1  # it ended just when its patience did, and the next one is not to blame
        if late is not None and late.item < 0:
            self._ended_late(handle, late.text(details))
        if running < 0 or self._ending is not None or self._interrupted:
            return running
        if self.confirmation is not None and not self._confirming:
            self.confirmation.lost(handle.number, handle.pid, running)
        nodeid = self.session.items[running].nodeid
        if late is not None:
            text, sections = late.text(details), late.sections
        else:
            text, sections = ends.died(handle.number, status, nodeid, details, for_memory), []
        again = self._report_lost(
            handle,
            running,
            lambda: bool(
                self._results.crashed(
                    running, handle.number, text, sections, handle.open == running
                )
            ),
        )
        return -1 if again else running  # what nobody finished is dealt once more

    def _ended_late(self, handle: Handle, text: str) -> None:
        """The end of a worker took too long: session fixtures are the last item's teardown, as in a
        serial run; what comes after its last word is nobody's."""
        last = next(reversed(handle.finished), None)
        if last is None or handle.output is not None:
            self._screen.show((b"", f"schedctl: gw{handle.number}'s end {text}\n".encode()))
        else:
            self._results.broken_end(last, text)

    def _report_lost(self, handle: Handle, index: int, report: Callable[[], bool]) -> bool:
        """Whether the item that went down with its worker is to run once more."""
        if self._ordered is None:
            return report()
        self._ordered.lost(handle, index, report)
        return False

    def _interrupt(self) -> None:
        """The user's Ctrl-C reached the workers too; those that it did not reach, or that missed
        it, get it now. A second one ends them."""
        try:
            self._interrupted = True
            self._tell_stop()
            self._wait_for_ends(_INTERRUPT_GRACE_MS)
            self._signal(signal.SIGINT)
            self._wait_for_ends(None)
        except KeyboardInterrupt:
            self._signal(signal.SIGKILL)

    def _tell_stop(self) -> None:
        try:
            self._stop_if_told()
        except EngineGone:
            pass

    def _wait_for_ends(self, patience_ms: Optional[int]) -> None:
        """Until all workers are gone, or nothing has happened for that long."""
        while self._handles:
            poll = select.poll()
            for handle in self._handles.values():
                poll.register(handle.pidfd, select.POLLIN)
                if handle.reports in self._by_fd:  # one at its end would be ready without end
                    poll.register(handle.reports, select.POLLIN)
            ready = {fd for fd, _ in poll.poll(patience_ms)}
            if not ready:
                return
            for handle in list(self._handles.values()):
                self._read(handle)
                if handle.pidfd in ready:
                    self._bury(handle)

    def _bury(self, handle: Handle) -> None:
        for fd in (handle.reports, handle.pidfd):
            self._unwatch(fd)
        del self._handles[handle.number]
        handle.reap()
        self._screen.show(said.left_behind(self.directory, handle.number))

    def _signal(self, number: int) -> None:
        for handle in self._handles.values():
            handle.signal(number)

    def _end(self) -> None:
        """Whatever happened: no worker outlives this."""
        if os.getpid() != self._pid:
            return
        self._signal(signal.SIGKILL)
        for handle in list(self._handles.values()):
            self._bury(handle)
        for fd in (self._alive_held, self.alive):
            os.close(fd)
        self._screen.give_back()
        self._screen.sort()
        gc.unfreeze()

    # What runs again, and what the reporter runs itself

    def _confirm_failures(self) -> None:
        """Not those of a run that was stopped: what they needed may never have run."""
        if self.confirmation is None or self._stop_sent:
            return
        from .confirm import Heard, Muted

        results, screen, ordered = self._results, self._screen, self._ordered
        self._confirming, self._ordered, self._arrived = True, None, self._take
        self._screen = Muted(screen)
        try:
            for index in self.confirmation.chosen():
                self._results = heard = Heard()
                self._finished = False
                self._engine.send("confirm", item=index)
                self._loop()
                self.confirmation.confirmed(index, heard)
        finally:
            self._results, self._screen, self._ordered = results, screen, ordered

    def _run_left(self) -> None:
        if self._ordered is not None:
            self._ordered.finish(self.ran_here, self._run_here)
        elif self.ran_here and not self._stop_sent:
            self._run_here(self.ran_here)

    def _run_here(self, indexes: List[int]) -> None:
        run_here(self.session, indexes, self.directory, self.groups, self.item_timeout)

    def _raise_as_pytest_does(self) -> None:
        if self._ending is not None:
            self._ending.again()
        if self.session.shouldfail:
            raise self.session.Failed(self.session.shouldfail)
        if self.session.shouldstop:
            raise self.session.Interrupted(self.session.shouldstop)


def _starter(start: str) -> Callable[["Reporter", Dict[str, Any]], Handle]:
    if start == "fork":
        return fork.start
    from . import spawn

    return spawn.start
