"""One session's part in a run: joins it, leaves it to others where they are in charge, and tells
the result."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Generator, Optional

from . import compat, hello, outcomes
from .reporter import standin
from .engine import Engine, EngineGone
from .worker.own import Own
from .suite import marks
from .suite.owners import owner
from .suite.settings import Settings, of_project
from .surroundings import Surroundings
from .suite.watch import Watch
from .xdist import CHOOSE, CONTROLLER

if TYPE_CHECKING:
    from .suite.announce import Suite
    from .xdist.controller import Controller

_OPTIONS_IN_CHARGE = {
    # dest: what the user sees
    "usepdb": "--pdb",
    "trace": "--trace",
    "collectonly": "--collect-only",
    "setupshow": "--setup-show",
    "setuponly": "--setup-only",
    "setupplan": "--setup-plan",
    "looponfail": "--looponfail",
}
# Why a suite is left alone where nobody would ask.
_NOT_NEWS = {
    "--engine xdist",
    "--collect-only",
    "this is another tool's worker",
    "errors during collection",
    "nothing to run",
}
# Of these, what runs no test in this process either way.
_NOTHING_RUNS = _NOT_NEWS - {"--engine xdist"}
_NAMED_MAX = 10


class Participant:
    def __init__(self) -> None:
        self._own = Own  # loaded now, before the suite replaces what it names
        self._socket = os.environ["SCHEDCTL_RUN"]
        self._xdist = os.environ.get("SCHEDCTL_ENGINE", "schedctl") == "xdist"
        self._surroundings = Surroundings()
        self._watch = Watch()
        self._watch.start()
        # At once, so that the run knows that this pytest was reached, whatever becomes of it.
        self._engine: Optional[Engine] = None
        self._unreachable = ""
        try:
            self._engine = Engine(self._socket)
        except OSError as error:
            self._unreachable = str(error)
        self._settings = Settings()
        self._left: "list[int]" = []
        self._homeless: "list[str]" = []  # what no worker could run, by id
        self._distributes = False  # pytest-xdist is asked to
        self._controller: "Optional[Controller]" = None  # where it deals

    # -n auto means "choose for me": pytest-xdist is not to hear of it, nor who asks whether it is
    # active.

    @compat.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Generator[None, None, None]:
        self._take_choice(early_config.known_args_namespace)
        standin.prepare(early_config)
        yield

    @compat.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> Generator[None, None, None]:
        self._take_choice(config.option)
        self._distributes = _distributes(config.option)
        if self._engine is not None and self._distributes:
            from .xdist.controller import Controller

            self._controller = Controller(config, self._engine)
            config.pluginmanager.register(self._controller, CONTROLLER)
        yield

    @compat.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_xdist_auto_num_workers(self, config: Any) -> Optional[int]:
        """Where -n auto is left to pytest-xdist the number is the run's."""
        from .xdist import auto

        of_run = self._surroundings.counts.of_run(auto.VARIABLE)
        if not auto.is_ours(config) or of_run is None and auto.VARIABLE in os.environ:
            return None
        if self._controller is not None and self._controller.workers:
            return self._controller.workers  # somebody has asked before pytest-xdist did
        if self._controller is not None and self._engine is not None:
            try:
                return self._controller.begin(0)
            except EngineGone as error:
                self._lose(error)
        # pytest-xdist would find a worker's number in place of the run's.
        return None if of_run is None else int(of_run)

    def _take_choice(self, option: Any) -> None:
        if self._xdist or getattr(option, "numprocesses", None) not in CHOOSE:
            return
        if getattr(option, "dist", "no") == "no" and not getattr(option, "tx", None):
            option.numprocesses = None

    @compat.hookimpl(trylast=True)
    def pytest_configure(self, config: Any) -> None:
        standin.configure(config)
        marks.register(config)
        if self._engine is None:
            if self._unreachable:
                self._leave(self._unreachable)
            return
        try:
            self._greet(config, self._engine)
        except EngineGone as error:
            self._lose(error)

    def _greet(self, config: Any, engine: Engine) -> None:
        workers = len(getattr(config.option, "tx", None) or ())
        distributes = getattr(config.option, "dist", "no") != "no" and workers > 0
        if self._controller is None or config.option.collectonly or not distributes:
            self._controller = None
            self._settings = of_project(config)
            engine.send("hello", **hello.of_session(config, self._settings.hello))
        elif not self._controller.workers:
            self._controller.begin(workers)

    @compat.hookimpl(tryfirst=True)
    def pytest_collection(self, session: Any) -> None:
        if self._engine is None or hasattr(session.config, "workerinput"):
            return
        if self._controller is not None:
            return  # its workers collect, and the plan names the shard's items
        try:
            welcome = self._engine.welcome()
        except EngineGone as error:
            self._lose(error)
            return
        if "shard" in welcome:
            from .suite.shard import Shards

            shards = Shards(self._engine, self._settings, welcome["shard_asked"], self._lose)
            session.config.pluginmanager.register(shards, "schedctl-shards")

    @compat.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> Optional[bool]:
        self._watch.stop()
        if self._engine is None or self._controller is not None:
            return None
        why = self._why_serial(session)
        if why:
            tell = why not in _NOT_NEWS
            items = len(getattr(session, "items", ()))  # pytest-xdist's controller collects none
            self._tell("serial", why=why, items=items, tell=tell)
            return None if why in _NOTHING_RUNS else self._run_nothing_if_dry(session)
        from .suite.announce import announce

        try:
            suite = announce(session, self._engine, self._watch, self._settings)
        except EngineGone as error:
            self._lose(error)
            return None
        return self._run(session, self._engine, suite)

    @staticmethod
    def _run_nothing(session: Any) -> bool:
        """As a session that only collects says at its end, and remembers nothing of."""
        session.config.option.collectonly = True
        return True

    def _run_nothing_if_dry(self, session: Any) -> Optional[bool]:
        """None: pytest runs what it has."""
        try:
            dry = self._engine is not None and self._engine.welcome().get("dry")
        except EngineGone as error:
            self._lose(error)
            return None
        return self._run_nothing(session) if dry else None

    def _run(self, session: Any, engine: Engine, suite: "Suite") -> bool:
        if suite.dry:
            return self._run_nothing(session)
        if not suite.workers:
            from .reporter.inline import run_here

            everything = range(len(session.items))
            run_here(session, everything, suite.directory, suite.groups, suite.item_timeout)
            return True
        from .reporter.reporter import Reporter

        reporter = Reporter(session, engine, suite, self._surroundings, self._watch)
        try:
            return reporter.run()
        finally:
            self._left = reporter.ran_here
            if not suite.quiet:
                missed = set(self._left).difference(suite.alone)
                self._homeless = [session.items[index].nodeid for index in sorted(missed)]

    def _why_serial(self, session: Any) -> Optional[str]:
        """Who else runs this session; None where it is ours."""
        option = session.config.option
        if self._xdist:
            return "--engine xdist"
        for name, text in _OPTIONS_IN_CHARGE.items():
            if getattr(option, name, False):
                return text
        if getattr(option, "numprocesses", None) is not None:
            return f"-n {option.numprocesses}"
        if getattr(option, "dist", "no") != "no" or getattr(option, "tx", None):
            return "--dist or --tx"
        if hasattr(session.config, "workerinput"):
            return "this is another tool's worker"
        if session.testsfailed and not option.continue_on_collection_errors:
            return "errors during collection"
        if not session.items:
            return "nothing to run"
        return owner(session.config, session.items)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Ids that are others in each collection, most often."""
        if not self._homeless:
            return
        terminalreporter.section("schedctl")
        terminalreporter.line("no worker could run these, which ran in this process:")
        for nodeid in self._homeless[:_NAMED_MAX]:
            terminalreporter.line(nodeid)
        if len(self._homeless) > _NAMED_MAX:
            terminalreporter.line(f"and {len(self._homeless) - _NAMED_MAX} more")

    @compat.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any, exitstatus: Any) -> None:
        if self._controller is not None:
            return
        nodeids = [item.nodeid for item in getattr(session, "items", ())]
        found = outcomes.of_session(session.config, nodeids)
        self._tell("result", exit=int(exitstatus), left=self._left, **found)

    @compat.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self._watch.stop()
        if self._controller is not None:
            self._controller.close()
            self._controller = None
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        self._surroundings.restore()

    def _tell(self, event: str, **fields: Any) -> None:
        if self._engine is None:
            return
        try:
            self._engine.send(event, **fields)
        except EngineGone:
            pass  # nobody is there to be told

    def _lose(self, error: EngineGone) -> None:
        """Where the run is there and only did without us; else whoever started it is gone with
        it."""
        try:
            Engine(self._socket).close()
        except OSError:
            raise KeyboardInterrupt(str(error)) from None
        self._leave(str(error))

    def _leave(self, why: str) -> None:
        """Without an engine pytest does what it does without schedctl."""
        how = "runs without it" if self._distributes else "runs serially"
        sys.stderr.write(f"schedctl: the run cannot be reached ({why}); pytest {how}\n")
        if self._engine is not None:
            self._engine.close()
            self._engine = None


def _distributes(option: Any) -> bool:
    """Whether pytest-xdist is asked to."""
    wishes = (getattr(option, name, None) for name in ("numprocesses", "tx", "distload"))
    return any(wishes) or getattr(option, "dist", "no") != "no"
