"""schedctl attach: a run beside a process that is there already, and what becomes of its workers as
the lease changes. That process is a script of ours, and the service does what the test says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from .conftest import PATIENCE, Runs, children_of, needs_two_cpus, until, wait_gone
from .scripted_service import CPUS, Service
from .test_run_pause import state_of

NICENESS = 3

# A controller that obeys: each line of its input is an expression, whose value it prints.
OBEYS = f"""
import subprocess, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from scripted import *
attach = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
line = json.loads(attach.stdout.readline())
print(json.dumps([line, attach.pid]), flush=True)
os.environ["SCHEDCTL_RUN"] = line["run"]
for expression in sys.stdin:
    exec("result = " + expression)
    print(json.dumps(result), flush=True)
"""


class Peer:
    def __init__(self, runs: Runs, service: Optional[Service], *options: str, **grant: Any) -> None:
        command = [sys.executable, "-c", OBEYS, runs.program(), "attach", *options]
        self.process = subprocess.Popen(
            command,
            cwd=runs.directory,
            env=runs.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        runs.started.append(self.process)
        if service is not None:
            service.grant(CPUS, **grant)
        (self.line, self.attach) = self._read()

    def _read(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=PATIENCE)
        return json.loads(line)

    def tell(self, expression: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()

    def ask(self, expression: str) -> Any:
        self.tell(expression)
        return self._read()

    def begin(self, asked: int, n: int, items: List[str]) -> None:
        self.ask(f"globals().update(controller=Controller({asked}))")
        for number in range(n):
            self.ask(f"controller.node({number})")
        self.ask(f"controller.plan({items})")

    def pids(self) -> List[int]:
        pids: List[int] = self.ask("[node.pid for node in controller.nodes.values()]")
        return pids

    def pus(self) -> List[List[int]]:
        pus: List[List[int]] = self.ask("[controller.pus(number) for number in controller.nodes]")
        return pus

    def end(self) -> str:
        """What stands on standard error in the end."""
        self.ask("attach.stdin.close()")
        assert self.ask(f"attach.wait({PATIENCE})") == 0
        _, err = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, err
        return err


def test_says_what_there_is(runs: Runs) -> None:
    """With a real service; in the end everything is given back."""
    peer = Peer(runs, None)
    assert peer.line["workers"] == len(CPUS)
    assert peer.line["environ"]["PYTEST_XDIST_AUTO_NUM_WORKERS"] == str(len(CPUS))
    (lease,) = runs.leases()
    assert lease["label"].startswith(sys.executable)
    peer.begin(0, 1, ["a.py::a"])
    peer.ask("controller.ran([0, 0, 0.5])")
    peer.ask("controller.finish()")
    assert peer.end() == ""
    runs.expect_clean()


@pytest.mark.parametrize("options, workers", [(("-w", "7"), 7), (("--max", "1"), 1)])
def test_numbers(runs: Runs, options: List[str], workers: int) -> None:
    peer = Peer(runs, None, *options)
    assert peer.line["workers"] == workers
    peer.ask("globals().update(controller=Controller(0))")
    assert peer.ask("controller.workers") == workers
    peer.end()


def test_a_refusal_names_the_verb(runs: Runs) -> None:
    runs.environment["SCHEDCTL_JSON"] = str(runs.directory / "none" / "summary")
    peer = Peer(runs, None)
    assert peer.end().startswith("schedctl attach: ")


def test_a_peer_of_any_bytes(runs: Runs) -> None:
    """Its label is text all the same."""
    peer = Peer(runs, None, "--label", "caf\udce9")
    (lease,) = runs.leases()
    assert lease["label"] == "caf?"
    peer.end()


def test_summary(runs: Runs) -> None:
    peer = Peer(runs, None, "--verbose", "--json", "summary", "--label", "mine")
    (lease,) = runs.leases()
    assert lease["label"] == "mine"
    peer.begin(0, 1, ["a.py::a"])
    peer.ask("controller.ran([0, 0, 0.5])")
    peer.ask("controller.finish()")
    err = peer.end()
    assert "schedctl: 1 test on 1 xdist worker" in err and "CPU time" not in err
    summary = json.loads((runs.directory / "summary").read_text())
    assert (summary["mode"], summary["done"]) == ("xdist", 1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--start", "fork"), "--start is for runs of a command"),
        (("--nonsense",), "'--nonsense' is not known"),
        (("pytest",), "'pytest' is not understood"),
        (("--min", "2", "--max", "1"), "--min 2 is above --max 1"),
    ],
)
def test_what_it_does_not_understand(runs: Runs, arguments: List[str], message: str) -> None:
    command = [runs.program(), "attach", *arguments]
    ran = subprocess.run(
        command, env=runs.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("schedctl attach: ") and message in ran.stderr


def test_an_option_that_concerns_others_does_not_disturb(runs: Runs) -> None:
    runs.environment.update(SCHEDCTL_START="nonsense", SCHEDCTL_MAX="1")
    peer = Peer(runs, None)
    assert peer.line["workers"] == 1
    peer.end()


def test_nobody_to_wait_for(runs: Runs) -> None:
    """Without an input it says its word and is over."""
    with open(os.devnull, "rb") as nothing:
        ran = subprocess.run(
            [runs.program(), "attach"],
            stdin=nothing,
            env=runs.environment,
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
    assert json.loads(ran.stdout)["workers"] == len(CPUS)
    runs.expect_clean()


@pytest.mark.parametrize("closed, problem", [(True, "Bad file descriptor"), (False, "Broken pipe")])
def test_nobody_to_tell(runs: Runs, closed: bool, problem: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        ["sh", "-c", f'exec "$0" attach {">&-" if closed else ""}', runs.program()],
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        env=runs.environment,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    os.close(writer)
    message = f"schedctl attach: standard input and output: {problem}\n"
    assert (ran.returncode, ran.stderr) == (1, message)
    runs.expect_clean()


def test_it_ends_with_its_process(scripted: Runs, service: Service) -> None:
    """Also where somebody else holds the other end of its input; and ends nobody."""
    peer = Peer(scripted, service)
    peer.begin(1, 1, ["a"])
    leaves = "subprocess.Popen(['sleep', '1000'], pass_fds=[attach.stdin.fileno()]).pid"
    left = peer.ask(leaves)
    peer.process.kill()
    wait_gone(peer.attach)
    assert state_of(left) not in "TXZ"
    os.kill(left, signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM])
def test_a_signal_to_the_group_is_not_its_affair(
    scripted: Runs, service: Service, how: signal.Signals
) -> None:
    peer = Peer(scripted, service)
    peer.ask(f"__import__('signal').signal({int(how)}, lambda *_: None) and None")
    for _ in range(3):
        os.killpg(peer.process.pid, how)
        assert peer.ask("attach.poll()") is None
    peer.begin(1, 1, ["a"])
    peer.ask("controller.finish()")
    peer.end()


def test_sigterm_to_it_alone_ends_it(scripted: Runs, service: Service) -> None:
    peer = Peer(scripted, service)
    os.kill(peer.attach, signal.SIGTERM)
    assert peer.ask(f"attach.wait({PATIENCE})") == 0
    assert peer.ask("1 + 1") == 2


@pytest.mark.parametrize("victim", ["guardian", "engine"])
def test_half_of_it_is_killed(scripted: Runs, service: Service, victim: str) -> None:
    peer = Peer(scripted, service)
    (engine,) = children_of(peer.attach)
    os.kill({"guardian": peer.attach, "engine": engine}[victim], signal.SIGKILL)
    wait_gone(engine)
    wait_gone(peer.attach)
    assert peer.ask("1 + 1") == 2
    assert victim == "guardian" or not list(scripted.runtime.glob("schedctl-*"))


def test_a_pause_stops_what_is_below_the_peer(scripted: Runs, service: Service) -> None:
    peer = Peer(scripted, service)
    peer.begin(2, 2, ["a"])
    nodes = peer.pids()
    (engine,) = children_of(peer.attach)
    service.pause(CPUS)
    until(lambda: {state_of(pid) for pid in nodes} == {"T"})
    assert "T" not in {state_of(pid) for pid in (peer.process.pid, peer.attach, engine)}
    service.grant(CPUS)
    until(lambda: "T" not in {state_of(pid) for pid in nodes})
    peer.ask("controller.finish()")
    err = peer.end()
    assert err == "schedctl: paused; its CPUs are given back\nschedctl: goes on\n"


@pytest.mark.parametrize("how", ["end", "kill"])
def test_nobody_stands_still_for_ever(scripted: Runs, service: Service, how: str) -> None:
    peer = Peer(scripted, service)
    peer.begin(len(CPUS), 1, ["a"])
    (node,) = peer.pids()
    service.pause(CPUS)
    if how == "end":
        peer.tell("attach.stdin.close()")
    else:
        peer.process.kill()
    wait_gone(peer.attach)
    assert state_of(node) != "T"


def test_the_peer_is_to_be_as_nice_as_the_lease(scripted: Runs, service: Service) -> None:
    peer = Peer(scripted, service, nice=NICENESS)
    peer.begin(1, 1, ["a"])
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert peer.ask("controller.welcome['nice']") == max(own, NICENESS)


def wanted(pus: List[int]) -> Dict[str, Any]:
    return {"wanted": {"pus": pus, "reason": "fair share", "withinMs": 1000}}


@needs_two_cpus
def test_workers_leave_a_cpu_that_is_wanted_back(scripted: Runs, service: Service) -> None:
    """An exact number of them: moved, and back where there is room again; none is ended."""
    kept, lost = CPUS[0], CPUS[1]
    peer = Peer(scripted, service)
    peer.begin(2, 2, ["a", "b", "c"])
    assert sorted(peer.pus()) == [[kept], [lost]]
    service.grant(CPUS, **wanted([lost]))
    assert service.expect("Return")["pus"] == [lost]
    assert peer.pus() == [[kept], [kept]]
    service.grant([kept])
    for _ in range(4):
        service.expect("Update", "workRate")  # it looks once a second
    service.grant([kept, lost])
    until(lambda: sorted(peer.pus()) == [[kept], [lost]])
    peer.ask("controller.send('result', exit=0, left=[], passed=0, failed=0, skipped=0, errors=0)")
    peer.ask("[controller.nodes.popitem()[1].communicate() for _ in range(2)] and None")
    peer.end()


@needs_two_cpus
def test_workers_are_as_many_as_cpus(scripted: Runs, service: Service) -> None:
    """A number that the engine chose follows the lease."""
    kept, lost = CPUS[0], CPUS[1]
    peer = Peer(scripted, service)
    peer.begin(0, 2, [f"a.py::{n}" for n in range(40)])
    peer.ask("controller.ran([0, 0, 10.0])")
    (victim,) = [n for n, pus in enumerate(peer.pus()) if pus == [lost]]
    service.grant(CPUS, **wanted([lost]))
    assert service.expect("Return")["pus"] == [lost]
    service.grant([kept])
    assert peer.ask("controller.receive('end')") == {"event": "end", "worker": victim}
    peer.ask(f"controller.gone({victim}, finished=True)")
    service.grant([kept, lost])
    assert peer.ask("controller.receive('more')") == {"event": "more", "workers": 1}
    assert peer.ask("controller.node(2)['pus']") == str(lost)
    peer.ask("controller.finish()")
    peer.end()


@needs_two_cpus
def test_a_cpu_that_comes_back_while_its_worker_leaves(scripted: Runs, service: Service) -> None:
    """Who ends because it was asked to does not say that there is no work left."""
    kept, lost = CPUS[0], CPUS[1]
    peer = Peer(scripted, service)
    (engine,) = children_of(peer.attach)
    peer.begin(0, 2, [f"a.py::{n}" for n in range(40)])
    peer.ask("controller.ran([0, 0, 10.0])")
    service.grant(CPUS, **wanted([lost]))
    assert service.expect("Return")["pus"] == [lost]
    service.grant([kept])
    victim = peer.ask("controller.receive('end')")["worker"]
    service.grant([kept, lost])
    until(lambda: os.sched_getaffinity(engine) == {kept, lost})
    peer.ask(f"controller.gone({victim}, finished=True)")
    assert peer.ask("controller.receive('more')") == {"event": "more", "workers": 1}
    peer.ask("controller.finish()")
    peer.end()


@needs_two_cpus
def test_no_more_workers_than_there_is_work_for(scripted: Runs, service: Service) -> None:
    """What a worker that would start now could not use is given back, for good."""
    kept, free = CPUS[0], CPUS[1]
    peer = Peer(scripted, service)
    peer.begin(0, 1, ["a", "b"])
    assert peer.pus() == [[kept]]
    assert service.expect("Update", "max")["max"] == 1
    assert service.expect("Return")["pus"] == [free]
    peer.ask("controller.finish()")
    peer.end()
