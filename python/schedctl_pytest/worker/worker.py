"""A worker's life, forked or started afresh: take an item as late as possible, run it, report
it."""

from __future__ import annotations

import os
import signal
from typing import Any, Callable, Dict, Iterable, List, Optional

import pytest

from .. import compat
from ..reports import beside, deal, handover, raised, relay, traces
from .meter import Meter
from .nextitem import NextItem, bind_for_plugins
from .own import Own, high
from ..reports.said import Said, shown_live

GO_ON, STOP = b"g", b"s"


class Channel:
    """To the reporter: messages on a pipe; from it: a byte where a worker asks whether to go on."""

    def __init__(self, reports: int, answers: int) -> None:
        self._reports = high(reports)
        self.answers = high(answers)

    def send(self, data: bytes) -> None:
        """One write an item: what was sent outlives this process, whatever becomes of it."""
        view = memoryview(data)
        try:
            while view:
                view = view[Own.write(self._reports, view) :]
        except OSError as error:
            deal.gone(error)

    def may_go_on(self) -> bool:
        try:
            answer = Own.read(self.answers, 1)
        except OSError as error:
            deal.gone(error)
        if not answer:
            raise deal.Closed
        return answer == GO_ON


class Worker:
    """Runs what it is dealt until it is told to end. items maps the reporter's item numbers to this
    process's."""

    def __init__(
        self,
        session: Any,
        items: Dict[int, Any],
        directory: str,
        number: int,
        channel: Channel,
        said: Said,
        group_of: Callable[[Any], int],
        maxfail: bool,
    ) -> None:
        self.session = session
        self.channel = channel
        self._said = said
        self._items = items
        self._maxfail = maxfail
        self._group_of = group_of
        self.directory, self.number = directory, number
        self._pid = Own.getpid()
        self._records = deal.Records(directory, number)
        self._deal = deal.Deal(directory, number)
        self._state = deal.State(directory, number)
        self._life = deal.die_with_engine(directory)
        self._packer = relay.Packer(session.config)
        self.meter = Meter(self._set_up)
        self._running = deal.NO_ITEM
        self._bound: Optional[int] = None
        self._asked = False
        self._stopped = False
        self._began = self._waited = 0.0
        self._teardown = compat.teardown_exact(session)

    # The loop

    def run(self) -> None:
        """Raises deal.Closed where engine or reporter are gone."""
        compat.replace_teardown_exact(self.session, self._teardown_exact)
        bind_for_plugins(self.session.config)
        self._records.add(deal.READY, 0)
        self._records.flush()
        self._bind()
        while self._bound is not None:
            self._run_item(self._bound)
        self._state.clear(Own.clock())
        self._teardown(None)
        self._say()
        self._records.flush()

    @property
    def running(self) -> int:
        return self._running

    def _run_item(self, index: int) -> None:
        item = self._items[index]
        self._running, self._bound, self._asked = index, None, False
        self._waited = 0.0
        self._packer.begin(index, item)
        self._began = self.meter.begin()
        self._state.set(index, self._began)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=NextItem(self._next))
        wall, cpu, rss = self.meter.end()
        self._check_process()
        self._records.add(deal.DONE, index, wall, cpu, rss)
        ask = self._packer.failed and self._maxfail and not self._stopped
        self._say()
        self.channel.send(self._packer.whole(ask))
        self._state.clear()
        self._running = deal.NO_ITEM
        self._forward_stop()
        if not self._asked:
            self._bind()
        if ask and not self._may_go_on():
            self._stop()

    def _say(self) -> None:
        texts = self._said.take()
        if texts and self._running != deal.NO_ITEM:
            self._packer.say(*texts)
        elif texts:
            self.channel.send(relay.encode((relay.SAID, *texts)))

    def live(self, terminal: Any) -> Any:
        """A plugin, for where all that items write is shown."""
        from .live import Live

        return Live(self._said, self._packer, terminal)

    def _forward_stop(self) -> None:
        """A test's or plugin's wish to end the session holds for all workers."""
        session = self.session
        if session.shouldfail or session.shouldstop:
            wish = "shouldfail" if session.shouldfail else "shouldstop"
            reason = relay.text_of(getattr(session, wish))
            self.channel.send(relay.encode((relay.STOP, wish, reason)))
            self._stop()

    def leave(self, error: BaseException) -> bool:
        """Ends as a session does that is interrupted: the fixtures are torn down, and nothing
        interrupts that again. False where the reporter cannot be told."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._state.clear(Own.clock())
        try:
            if self._running != deal.NO_ITEM and self._packer.pending:
                self.channel.send(self._packer.part(ask=False))
            what = raised.data_of(error)
            self.channel.send(relay.encode((relay.STOP, "raised", what, self._running)))
            self._teardown(None)
            self._records.flush()
        except deal.Cut:
            return self.leave_cut()
        except (deal.Closed, Exception, pytest.fail.Exception):
            pass
        return True

    def leave_cut(self) -> bool:
        """The running item is lost with this worker; what ran before it has been told."""
        if self._running != deal.NO_ITEM:
            self._state.set(self._running, 0.0)
        try:
            with open(deal.fault_path(self.directory, self.number), "a") as file:
                file.write("It closed the file descriptors by which its worker reports.\n")
            self._teardown(None)
        except (Exception, pytest.fail.Exception):
            pass
        return False

    def _stop(self) -> None:
        self._stopped, self._bound, self._asked = True, None, True

    def _may_go_on(self) -> bool:
        self._records.flush()
        return self.channel.may_go_on()

    def _check_process(self) -> None:
        """A test's own forked child that comes back here is no worker."""
        if Own.getpid() != self._pid:
            Own.leave(0)

    # Taking the next item

    def _next(self) -> Optional[Any]:
        if self._packer.failed and self._maxfail and not self._asked:
            self.channel.send(self._packer.part(ask=True))
            if not self._may_go_on():
                self._stop()
        if not self._asked:
            self._bind()
        return None if self._bound is None else self._items[self._bound]

    def _bind(self) -> None:
        """Takes the next item off the deal queue, waiting where it is empty."""
        self._check_process()
        self._asked = True
        if self._stopped:
            return
        while True:
            record = self._deal.poll() or self._wait()
            if record is None:
                return
            op, index = record
            if op == deal.END:
                self._stop()
                return
            if index not in self._items:
                self._records.add(deal.MISSING, index)
                self._records.flush()
                continue
            if op == deal.RUN_REPORT:
                self._records.add(deal.STARTED, index)
                self._records.flush()
            self._bound = index
            return

    def _wait(self) -> Any:
        """The next record, or None where the user interrupts: what has run is still reported."""
        self._records.add(deal.WANT, self._running)
        self._records.flush()
        running = self._running != deal.NO_ITEM
        if running:
            self._began = self._state.began()
            self._state.set(self._running, 0.0)
        began = Own.clock()
        try:
            while True:
                self._deal.wait(self.channel.answers)
                record = self._deal.poll()
                if record is not None:
                    return record
        except KeyboardInterrupt as error:
            self._stop()
            what = raised.data_of(error)
            self.channel.send(relay.encode((relay.STOP, "raised", what, deal.NO_ITEM)))
            return None
        finally:
            took = Own.clock() - began
            self._waited += took
            self._began += took
            if running:
                self._state.set(self._running, self._began)
            self.meter.waited(took)

    def _teardown_exact(self, nextitem: Any) -> None:
        """In place of pytest's: the fixtures that the next item needs stay, and only now is it
        asked for."""
        __tracebackhide__ = True
        if isinstance(nextitem, NextItem):
            nextitem = self._next()
        self._teardown(nextitem)

    # What the plugins below report

    def report(self, report: Any) -> None:
        self._check_process()
        if report.when == "teardown" and self._waited:
            report.duration = max(report.duration - self._waited, 0.0)
            if hasattr(report, "stop"):
                report.stop -= self._waited
            self._waited = 0.0
        self._packer.add(report)

    def _set_up(self, node: Any, seconds: float) -> None:
        group = self._group_of(node)
        if group >= 0:
            self._records.add(deal.SETUP, group, seconds)


class Hooks:
    """The worker's own plugin: what others would show goes to the reporter."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.replaying = True

    def pytest_runtest_logreport(self, report: Any) -> None:
        self._worker.report(report)

    def pytest_warning_recorded(
        self, warning_message: Any, when: str, nodeid: str, location: Any
    ) -> None:
        """The hook is historic: on registering it is called again for everything that the reporter
        has shown."""
        if not self.replaying:
            data = relay.warning_data(warning_message)
            self._worker.channel.send(relay.encode((relay.WARNING, data, when, nodeid, location)))


_REPORTING = (
    "pytest_runtest_logstart",
    "pytest_runtest_logreport",
    "pytest_runtest_logfinish",
)
_REPORTERS = ("lfplugin", "nfplugin", "stepwiseplugin")
_TERMINAL = "terminalreporter"


def install(worker: Worker) -> None:
    """Makes the session's plugins a worker's: reports and warnings go to the reporter and nowhere
    else.

    Hooks that only report run in the reporter, where they see every item once, as in a serial run.
    pytest's own session keeps counting, and its log handling keeps its place.
    """
    session = worker.session
    manager = session.config.pluginmanager
    keep = [session, manager.get_plugin("logging-plugin")]
    if shown_live(session.config):
        keep.append(worker.live(manager.get_plugin(_TERMINAL)))
        manager.register(keep[-1], "schedctl-live")
    compat.keep_reports(session.config)
    unregister_reporters(session.config)
    _forward_xml(worker)
    hooks = Hooks(worker)
    manager.register(hooks, "schedctl-worker")
    hooks.replaying = False
    manager.register(worker.meter, "schedctl-meter")
    traces.register(session.config)
    for carrier in beside.carriers(session.config):
        manager.register(carrier)
    keep += [hooks, *handover.plugins(session.config)]
    for name in _REPORTING:
        compat.keep_only(getattr(session.config.hook, name), keep)
    compat.keep_only(session.config.hook.pytest_warning_recorded, keep)


def unregister_reporters(config: Any) -> None:
    for name in _REPORTERS:
        if config.pluginmanager.hasplugin(name):
            config.pluginmanager.unregister(name=name)
    if config.pluginmanager.hasplugin(_TERMINAL):
        terminal = config.pluginmanager.unregister(name=_TERMINAL)
        config.pluginmanager.register(SilentTerminal(terminal), _TERMINAL)


class SilentTerminal:
    """The terminal's plugin without its hooks: pytest highlights assertions by its writer."""

    def __init__(self, terminal: Any) -> None:
        self._terminal = terminal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)


class _Xml:
    """Stands for junitxml's plugin in the fixtures that record attributes and the suite's
    properties. It is false, since at a session's end pytest unregisters what is true.
    """

    def __init__(self, worker: Worker, nodeid: Optional[str] = None) -> None:
        self._worker = worker
        self._nodeid = nodeid
        self.family = worker.session.config.getini("junit_family")

    def __bool__(self) -> bool:
        return False

    def node_reporter(self, nodeid: str) -> "_Xml":
        return _Xml(self._worker, nodeid)

    def add_attribute(self, name: str, value: object) -> None:
        message = (relay.XML, self._nodeid, str(name), relay.builtin(value))
        self._worker.channel.send(relay.encode(message))

    def add_global_property(self, name: str, value: object) -> None:
        __tracebackhide__ = True
        compat.check_property_name(name)
        self.add_attribute(name, value)


def _forward_xml(worker: Worker) -> None:
    config = worker.session.config
    if not config.getoption("xmlpath", None):
        return
    xml = compat.junit(config)
    if xml is not None and config.pluginmanager.is_registered(xml):
        config.pluginmanager.unregister(xml)
    compat.set_junit(config, _Xml(worker))


def live(worker: Worker, mask: Iterable[int]) -> bool:
    """Runs the worker to its end, whatever that is; tells the reporter of interruptions. mask: the
    signals that stay blocked, SIGINT having been blocked up to here. False where an item has closed
    the way to the reporter."""
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        worker.run()
    except deal.Cut:
        return worker.leave_cut()
    except deal.Closed:
        pass
    except BaseException as error:
        return worker.leave(error)
    return True


def xdist_environment(number: int, count: int, run: str, slot: int) -> Dict[str, str]:
    """What pytest-xdist sets in a worker's environment, and the worker's slot."""
    return {
        "PYTEST_XDIST_WORKER": f"gw{number}",
        "PYTEST_XDIST_WORKER_COUNT": str(count),
        "PYTEST_XDIST_TESTRUNUID": run,
        "SCHEDCTL_SLOT": str(slot),
    }


def worker_input(number: int, count: int, run: str, argv: List[str]) -> Dict[str, Any]:
    """config.workerinput as pytest-xdist has it."""
    return {
        "workerid": f"gw{number}",
        "workercount": count,
        "testrunuid": run,
        "mainargv": argv,
    }


def pin(pus: Optional[str]) -> None:
    """pus: a cpulist, or None to stay where one is. OSError where the kernel refuses."""
    if pus is None:
        return
    cpus: List[int] = []
    for part in pus.split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1)
    os.sched_setaffinity(0, cpus)
