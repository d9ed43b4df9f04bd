"""What has to be so after a kill; each function yields what is not."""

from __future__ import annotations

import signal
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator

from . import plan, suite
from .history import Past
from .run import Run
from .suite import Ran

KILLED = -signal.SIGKILL
ENGINE_KILLED = "its engine was killed; everything below it is ended"
BACK_WITHIN = 1.0  # seconds, from the end of a run's last process


def _cases(run: Run) -> list[tuple[str, bool]]:
    """(item, whether it failed) of the JUnit file."""
    root = ElementTree.fromstring(run.text("junit.xml"))
    return [
        (case.attrib["name"], case.find("failure") is not None) for case in root.iter("testcase")
    ]


def failed_items(run: Run) -> list[str]:
    return [name for name, failed in _cases(run) if failed]


def outcome(run: Run) -> str:
    """In words, for the table."""
    if run.status is None:
        return "hangs"
    if run.status < 0:
        return f"ended by {signal.Signals(-run.status).name}"
    if run.killed == plan.WORKER:
        return "1: its item failed" if run.status else "0: it ran no item"
    return f"status {run.status}"


def status(run: Run) -> Iterator[str]:
    ended = run.marks.named("unconfigure")
    if run.status is None:
        yield "it hangs"
    elif run.killed in (None, plan.SCHEDD) and run.status != 0:
        yield f"its status is {run.status}"
    elif run.killed in (plan.GUARDIAN, plan.BOTH) and run.status != KILLED:
        yield f"who started the guardian saw {run.status}"
    elif run.killed == plan.ENGINE:
        if run.status != KILLED and not (run.status == 0 and ended):
            yield f"its status is {run.status} though its engine was killed"
        if run.status == KILLED and ENGINE_KILLED not in run.text("err"):
            yield "nobody was told that the engine was killed"
    elif run.killed == plan.REPORTER:
        expected = 128 + signal.SIGKILL if run.part.shell else KILLED
        if run.status != expected and not (run.status == 0 and ended):
            yield f"its status is {run.status} though pytest was killed"


def _reporter_lived(run: Run) -> bool:
    return run.killed in (None, plan.SCHEDD, plan.WORKER)


def once(run: Run, ran: Ran) -> Iterator[str]:
    for name, pids in ran.begun.items():
        if len(pids) > 1:
            yield f"{name} ran {len(pids)} times"
    for name, times in ran.finished.items():
        if times > 1:
            yield f"{name} was reported {times} times"
    if run.status is None or not _reporter_lived(run):
        return
    if len(ran.finished) != suite.N_ITEMS:
        yield f"{len(ran.finished)} of {suite.N_ITEMS} items were reported"
    counts = Counter(name for name, _ in _cases(run))
    if len(counts) != suite.N_ITEMS or set(counts.values()) != {1}:
        yield f"the JUnit file has {counts}"
    yield from _failures(run, ran)


def _failures(run: Run, ran: Ran) -> Iterator[str]:
    """The item that a killed worker was running, and no other."""
    failed = failed_items(run)
    if run.killed != plan.WORKER:
        if failed:
            yield f"{failed} failed"
        return
    if len(failed) > 1:
        yield f"{failed} failed with one worker"
    if run.status != (1 if failed else 0):
        yield f"its status is {run.status} with {len(failed)} items failed"
    for name in failed:
        if ran.begun.get(name, [run.victim]) != [run.victim]:
            yield f"{name} failed, which another worker ran"
    for name, pids in ran.begun.items():
        if run.victim in pids and name not in ran.ended and name not in failed:
            yield f"{name} passed, which the killed worker had not ended"
    never = [f"test_{name}" for name in ran.finished if name not in ran.begun]
    if len(set(never)) > len(failed):
        yield f"{never} never ran"


def processes(run: Run, scope: bool) -> Iterator[str]:
    if scope and "without a scope" in run.text("err"):
        yield run.text("err")
    if run.hanging:
        yield f"these did not end: {run.hanging}"


def back(run: Run, services: int, within: float | None) -> Iterator[str]:
    """Its PUs; a service that was started meanwhile keeps what it knows only by its records."""
    if not run.back_at:
        yield "its PUs are not back"
    elif within and services == 1 and run.back_at - run.gone_at > within:
        yield f"its PUs were back after {run.back_at - run.gone_at:.2f} s"


def history(run: Run, ran: Ran, before: Past, after: Past) -> Iterator[str]:
    """All of what a run measured is there, or nothing."""
    if after.integrity != "ok":
        yield f"the history: {after.integrity}"
        return
    old, new = before.of(run.project), after.of(run.project)
    if new.runs == old.runs:
        if new.items != old.items:
            yield "the history has items without their run"
        if run.killed in (None, plan.SCHEDD, plan.WORKER):
            yield "the history did not hear of it"
        return
    if new.runs != old.runs + 1:
        yield f"the history has {new.runs - old.runs} runs of it"
    measured, ended = new.measured(), set(ran.ended)
    if run.killed in (None, plan.SCHEDD) and measured != ended:
        yield f"the history lacks {sorted(ended - measured)}"
    if not measured <= set(ran.begun) | set(ran.finished):
        yield "the history has times of items that did not run"
    report = run.report()
    if report.get("mode") == "workers" and report["estimated"] != len(old.items):
        yield f"it knew the times of {report['estimated']} of {len(old.items)} items"
