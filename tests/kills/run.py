"""One `schedctl run` of the suite, and its kill."""

from __future__ import annotations

import json
import os
import select
import signal
import statistics
import subprocess
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from run.conftest import PATIENCE, SCHEDCTL, children_of, processes_marked

from . import plan, suite
from .history import Written
from .plan import Part
from .service import Service
from .suite import Marks, now

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
SHELL = '"$0" "$@"; exit $?'
COMMIT = 0.0005  # seconds, about
LOOK_AGAIN_MS = 200
SHORT = 0.01  # seconds that a sleep is not exact enough for


class Lengths:
    """How long the phases of a run took so far, seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def note(self, phase: str, seconds: float) -> None:
        with self._lock:
            self._seen[phase] = [*self._seen[phase][-8:], seconds]

    def of(self, phase: str) -> float:
        with self._lock:
            return statistics.median(self._seen[phase] or [0.05])


def children(pid: int) -> list[int]:
    """Of its first thread, where the kernel lists them; reading all of /proc takes too long."""
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return children_of(pid)
    return [int(word) for word in words]


def spin(seconds: float) -> None:
    end = now() + seconds
    while now() < end:
        pass


def ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def wait_ended(pid: int) -> None:
    """Or some time, after which it may have become another program."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.poll(LOOK_AGAIN_MS)
    os.close(fd)


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return "?"


class Run(threading.Thread):
    """To be started and joined; what became of it is in its attributes then."""

    def __init__(
        self,
        part: Part,
        name: str,
        project: Path,
        place: Path,
        environment: dict[str, str],
        service: Service,
        lengths: Lengths,
        history: Path,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.part, self.label, self.project, self.place = part, name, project, place
        self._service, self._lengths = service, lengths
        (place / "ran").mkdir(parents=True)
        self.marks = Marks(place)
        self._written = Written(history)
        self._environment = {
            **environment,
            "KILLS_PLACE": str(place),
            "KILLS_DAEMONS": str(int(part.daemons)),
        }
        self.killed: str | None = None  # the victim, once it was hit
        self.victim = 0  # the worker's process
        self.phase = ""
        self._engine = 0  # once there is one
        self._targets: list[int] = []  # descriptors of who is to be killed
        self.status: int | None = None  # None: it hangs
        self.left: list[int] = []  # of what items started, where both were killed without a scope
        self.hanging: list[str] = []
        self.gone_at = self.back_at = 0.0
        self.error: BaseException | None = None

    # What it says

    def words(self) -> list[str]:
        return [
            str(SCHEDCTL),
            "run",
            *("--label", self.label, "--start", self.part.start, "-w", str(self.part.workers)),
            *("--json", str(self.place / "report"), *self.part.options, "--"),
            *self._command(),
        ]

    def _command(self) -> list[str]:
        pytest = ["/usr/bin/python3", *PYTEST, f"--junitxml={self.place}/junit.xml"]
        return ["sh", "-c", SHELL, *pytest] if self.part.shell else pytest

    def text(self, name: str) -> str:
        path = self.place / name
        return path.read_text(errors="replace") if path.exists() else ""

    def report(self) -> dict[str, Any]:
        text = self.text("report")
        report: dict[str, Any] = json.loads(text) if text else {}
        return report

    # Its life

    def run(self) -> None:
        try:
            self._live()
        except BaseException as error:  # for whoever joins
            self.error = error
        finally:
            self._written.close()

    def _live(self) -> None:
        with open(self.place / "out", "wb") as out, open(self.place / "err", "wb") as err:
            self._begun = now()
            self._process = subprocess.Popen(
                self.words(),
                env=self._environment,
                cwd=self.project,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,  # whose niceness nobody sets back where both are killed
            )
        self._pidfd = os.pidfd_open(self._process.pid)
        try:
            if self.part.kill is None:
                self._measure_lease()
            else:
                self._strike(self.part.kill)
            self._end()
        finally:
            for fd in (self._pidfd, *self._targets):
                os.close(fd)
            self.marks.close()

    def _end(self) -> None:
        try:
            self.status = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        ended = now()
        self._forget_late_kill()
        self._wait_gone()
        self.gone_at = now()
        back = self._service.watch.wait_returned(self.label, ended)
        self.back_at = back or 0.0
        self.marks.read()
        self._measure(ended)

    def _forget_late_kill(self) -> None:
        """The guardian had begun to exit, which nothing changes any more."""
        if self.status is not None and self.status >= 0:
            late = {plan.GUARDIAN: None, plan.BOTH: plan.ENGINE}
            self.killed = late.get(self.killed or "", self.killed)

    def _wait_gone(self) -> None:
        """No process of its is left; but what items have started, where both were killed, is. Not
        with a scope: its manager ends them, deaf ones after two seconds."""
        end = now() + PATIENCE
        may_stay = self.killed == plan.BOTH and self._environment["SCHEDCTL_SCOPE"] == "no"
        while True:
            found = processes_marked(f"KILLS_PLACE={self.place}")
            if may_stay:
                self.left = [pid for pid in found if suite.is_left_by_an_item(pid)]
            found = [pid for pid in found if pid not in self.left]
            if not found or now() > end:
                break
            wait_ended(found[0])
        self.hanging = [f"{pid}: {command_of(pid)}" for pid in found]
        for pid in found + self.left:
            os.kill(pid, signal.SIGKILL)

    # The moment

    def _at(self, name: str) -> float | None:
        marks = self.marks.named(name)
        return marks[0].at if marks else None

    def _measure_lease(self) -> None:
        """Until the engine is forked."""
        while not children(self._process.pid) and now() < self._begun + 1:
            pass
        self._lengths.note(plan.LEASE, now() - self._begun)

    def _measure(self, ended: float) -> None:
        times = [self._begun, self._at("collected"), self._at("begin"), self._at("finish")]
        times += [self._at("unconfigure"), ended if self.killed is None else None]
        phases = (plan.COLLECTION, plan.WORKERS, "", plan.SUMMARY, plan.END)
        for phase, begin, end in zip(phases, times, times[1:]):
            if phase and begin is not None and end is not None:
                self._lengths.note(phase, end - begin)

    def _sleep(self, seconds: float) -> bool:
        """False where the run ends before."""
        if seconds < SHORT:
            spin(seconds)
            return not ended(self._pidfd)
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return not poll.poll(max(seconds, 0) * 1000)

    def _strike(self, kill: plan.Kill) -> None:
        if not self._reach(kill) or not self._aim(kill):
            return
        try:
            if kill.phase == plan.HISTORY and not self._reach_writing(kill):
                return
            writing, at = self._written.now(), now()
            hit = self._send(kill)
        finally:
            self._written.let_go()
        if hit:
            self.killed = kill.victim
            self.marks.read()
            self.phase = self._phase_at(at, writing)

    def _reach(self, kill: plan.Kill) -> bool:
        """Waits for that moment of that phase; False where the run ends before."""
        phase, length = kill.phase, self._lengths.of(kill.phase)
        if phase == plan.LEASE:
            return self._sleep(self._begun + kill.moment * length - now())
        if phase == plan.COLLECTION:
            lease = self._lengths.of(plan.LEASE)
            return self._sleep(lease + kill.moment * (length - lease))
        if phase in (plan.MIDDLE, plan.END_GAME):
            return self._reach_item(kill)
        if phase == plan.HISTORY:  # when it begins there is no time to look for processes
            return self.marks.wait("begin", suite.N_ITEMS, self._pidfd)
        name = {plan.WORKERS: "collected", plan.SUMMARY: "finish", plan.END: "unconfigure"}[phase]
        return self.marks.wait(name, 1, self._pidfd) and self._sleep(kill.moment * length)

    def _reach_item(self, kill: plan.Kill) -> bool:
        """Some time after one of the first three quarters has begun, or one of the last."""
        few = suite.N_ITEMS * 3 // 4
        first, n = (1, few) if kill.phase == plan.MIDDLE else (few, suite.N_ITEMS + 1 - few)
        place = min(first + int(kill.moment * n), suite.N_ITEMS)
        return self.marks.wait("begin", place, self._pidfd) and self._sleep(0.01 * kill.pick)

    def _reach_writing(self, kill: plan.Kill) -> bool:
        """In the midst of a transaction, or while it is being committed."""
        self._written.forget()
        if not self.marks.wait("finish", 1, self._pidfd):
            return False
        self._written.hold()
        if not self._written.now() and not self._written.wait(self._pidfd):
            return False
        if kill.pick < 0.5:
            self._written.let_go()
        spin(COMMIT * kill.moment)
        return True

    # The kill

    def _aim(self, kill: plan.Kill) -> bool:
        """Opens the victims, each while its parent is known to be there."""
        guardian = self._process.pid
        self._engine = next(iter(children(guardian)), 0)
        if kill.victim == plan.SCHEDD:
            return True
        if kill.victim == plan.GUARDIAN:
            return self._open(guardian)
        if kill.victim == plan.ENGINE:
            return self._open(self._engine, guardian)
        if kill.victim == plan.BOTH:
            return self._open(guardian) and self._open(self._engine, guardian)
        reporter = self._reporter()
        if kill.victim == plan.REPORTER:
            return self._open(reporter)
        workers = children(reporter) if reporter else []
        if not workers:
            return False
        self.victim = workers[int(kill.pick * len(workers))]
        return self._open(self.victim, reporter)

    def _reporter(self) -> int:
        """0: there is none yet."""
        self.marks.read()
        marks = self.marks.named("configure")
        if marks:
            return marks[0].pid
        commands = children(self._engine) if self._engine else []
        return commands[0] if commands and not self.part.shell else 0

    def _open(self, pid: int, parent: int = 0) -> bool:
        """False where it has ended, or is not that parent's any more."""
        try:
            self._targets += [os.pidfd_open(pid)] if pid else []
        except ProcessLookupError:
            return False
        return pid > 0 and (not parent or pid in children(parent))

    def _send(self, kill: plan.Kill) -> bool:
        """Whether all were there. Of two the second one may be dying of the first one's end."""
        if kill.victim == plan.SCHEDD:
            return not ended(self._pidfd) and self._service.kill(again=kill.pick > 0.7)
        if any(ended(fd) for fd in self._targets):
            return False
        for fd in self._targets if kill.pick < 0.5 else reversed(self._targets):
            try:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
            except ProcessLookupError:
                return False
        return True

    def _phase_at(self, at: float, writing: bool) -> str:
        def past(name: str) -> bool:
            return self.marks.count(name, at) > 0

        if past("finish"):
            if writing:
                return plan.HISTORY
            return plan.END if past("unconfigure") else plan.SUMMARY
        if past("begin"):
            begun = self.marks.count("begin", at)
            return plan.MIDDLE if begun < suite.N_ITEMS * 3 // 4 else plan.END_GAME
        if past("collected"):
            return plan.WORKERS
        return plan.COLLECTION if self._engine else plan.LEASE
