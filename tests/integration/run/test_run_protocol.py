"""The engine's side of the run protocol, with a scripted reporter in pytest's place."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Dict, List

import pytest

from .conftest import Runs, needs_two_cpus

PREFACE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from scripted import *
"""


class Scripts:
    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.stderr = ""
        self.summary: Dict[str, Any] = {}

    def play(self, script: str, *options: object) -> List[Any]:
        """What the script prints, an object a line."""
        (self.runs.directory / "script.py").write_text(PREFACE + script)
        options = (*options, "--json", "summary", "--", sys.executable, "script.py")
        ran = self.runs.run(*options)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        self.stderr = ran.stderr
        (self.summary,) = map(
            json.loads, (self.runs.directory / "summary").read_text().splitlines()
        )
        self.runs.expect_clean()
        return [json.loads(line) for line in ran.stdout.splitlines()]

    def ask(self, query: str) -> List[Any]:
        """The history."""
        (database,) = Path(self.runs.environment["XDG_STATE_HOME"]).rglob("history.db")
        with closing(sqlite3.connect(database)) as history:
            return list(history.execute(query))

    def history(self) -> Dict[str, float]:
        return dict(self.ask("SELECT id, wall FROM item"))


@pytest.fixture
def scripts(runs: Runs) -> Scripts:
    return Scripts(runs)


def test_confirming(scripts: Scripts) -> None:
    """Each in a worker that gets nothing else; neither history nor summary hears of it."""
    lines = scripts.play(
        """
reporter = Reporter()
reporter.suite(["a", "b", "c", "d"], serial=[0, 0, 0, -1])
workers = [reporter.start(), reporter.start()]
done = [worker.work(0.5) for worker in workers]
for worker in workers:
    reporter.exited(worker)
print(json.dumps(sum(done, [])))
print(json.dumps(reporter.receive("finished")["crashed"]))
for item, dies in ((2, False), (0, True), (2, False)):
    reporter.send("confirm", item=item)
    worker = reporter.start()
    ran = [worker.take(), worker.take()] if dies else worker.work(9.0)
    reporter.exited(worker, running=item if dies else -1, status=9 if dies else 0)
    print(json.dumps([worker.order["slot"], ran, reporter.receive("finished")["crashed"]]))
reporter.send("confirm", item=1)
reporter.receive("start")
reporter.send("failed", worker=0, error="no memory")
print(json.dumps(reporter.receive("finished")["crashed"]))
reporter.result()
""",
        "-w",
        2,
    )
    assert lines == [
        [0, 1, 2, 3],
        [],
        [0, [2], []],
        [0, [[1, 0], [3, 0]], [0]],
        [0, [2], []],
        [],
    ]
    assert scripts.history() == {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}
    figures = {name: scripts.summary[name] for name in ("done", "lost", "crashes", "confirmed")}
    assert figures == {"done": 4, "lost": 0, "crashes": 0, "confirmed": 4}


@pytest.mark.parametrize(
    "before, message",
    [
        ("", 'send("confirm", item=0)'),
        ('reporter.suite(["a", "b"])', 'send("confirm", item=0)'),
        ("FINISHED", 'send("confirm", item=2)'),
        ("FINISHED", 'send("confirm", item=-1)'),
        ("FINISHED", 'send("confirm")'),
        ('FINISHED; reporter.send("confirm", item=0)', 'send("confirm", item=1)'),
        ("", 'send("suite", items=["a"], group=[-1], groups=[], start="fork", alone=[1])'),
    ],
)
def test_what_cannot_be_ends_the_connection(scripts: Scripts, before: str, message: str) -> None:
    finished = (
        'reporter.suite(["a", "b"]); workers = [reporter.start(), reporter.start()];'
        "[worker.work(0.1) for worker in workers];"
        '[reporter.exited(worker) for worker in workers]; reporter.receive("finished")'
    )
    (line,) = scripts.play(
        f"""
reporter = Reporter()
{before.replace("FINISHED", finished)}
reporter.{message}
try:
    while True:
        reporter.receive("start")
except EOFError:
    print(json.dumps("closed"))
""",
        "-w",
        2,
    )
    assert line == "closed"


def test_last_words_are_heard(scripts: Scripts) -> None:
    """Of a reporter that ends without having read the answers to them."""
    scripts.play(
        """
import signal
suite = socket.socket(socket.AF_UNIX)
suite.connect(os.environ["SCHEDCTL_RUN"])
engine = os.getppid()
os.kill(engine, signal.SIGSTOP)
hello = {"event": "hello", "version": VERSION, "pid": os.getpid(), "rootdir": "/"}
serial = {"event": "serial", "why": "it is so", "items": 3}
suite.sendall(b"".join(json.dumps(message).encode() + b"\\0" for message in (hello, serial)))
suite.close()
os.kill(engine, signal.SIGCONT)
"""
    )
    assert (scripts.summary["why"], scripts.summary["items"]) == ("it is so", 3)


def test_no_descriptors(runs: Runs) -> None:
    """Are left to the engine: who comes is turned away, which is said once, and when there are some
    again is heard."""
    script = """
import resource
engine, peers = os.getppid(), []

def is_heard():
    peers.append(socket.socket(socket.AF_UNIX))
    peers[-1].connect(os.environ["SCHEDCTL_RUN"])
    try:
        peers[-1].sendall(b'{"event": "held"}\\0')
        return peers[-1].recv(1 << 16) != b""
    except ConnectionError:
        return False

usual = resource.prlimit(engine, resource.RLIMIT_NOFILE)
few = len(os.listdir(f"/proc/{engine}/fd")) + 4
resource.prlimit(engine, resource.RLIMIT_NOFILE, (few, usual[1]))
while is_heard():
    pass
resource.prlimit(engine, resource.RLIMIT_NOFILE, usual)
print(is_heard())
"""
    (runs.directory / "script.py").write_text(PREFACE + script)
    ran = runs.run("--", sys.executable, "script.py")
    assert (ran.stdout, ran.returncode) == ("True\n", 0), ran.stderr
    assert ran.stderr.count("cannot accept a connection: Too many open files") == 1


def test_settings_are_weighed(scripts: Scripts) -> None:
    """What the file says holds where the command line is silent, if it can be; else it is named."""
    script = """
settings = {"workers": "many", "start": "spawn", "item_timeout": 2, "confirm_failures": True}
reporter = Reporter(settings)
names = "start", "item_timeout", "confirm_failures"
print(json.dumps([reporter.welcome[name] for name in names]))
plan = reporter.suite(["a"])
print(json.dumps([plan["mode"], plan["workers"]]))
worker = reporter.start()
worker.work(0.1)
reporter.exited(worker)
reporter.receive("finished")
reporter.result()
"""
    assert scripts.play(script) == [["spawn", 2.0, True], ["workers", 1]]
    assert 'workers is "many", which has to be' in scripts.stderr
    settled = scripts.play(script, "--start", "fork", "--item-timeout", "0.5")
    assert settled == [["fork", 0.5, True], ["workers", 1]]


@needs_two_cpus
def test_cpus_beyond_the_projects_workers_are_given_back(scripts: Scripts) -> None:
    lines = scripts.play(
        f"""
import subprocess
reporter = Reporter({{"workers": 1, "item_timeout": 9}})
print(json.dumps(reporter.suite(["a", "b"])["workers"]))
worker = reporter.start()
most = 0
while most != 1:  # nobody waits until the service has heard of it
    command = [{scripts.runs.program()!r}, "status", "--json"]
    status = json.loads(subprocess.run(command, stdout=subprocess.PIPE).stdout)
    most = status["leases"][0]["max"]
worker.work(0.1)
reporter.exited(worker)
reporter.receive("finished")
reporter.result()
"""
    )
    assert lines == [1]


@pytest.mark.parametrize(
    "fields, why",
    [
        ("alone=[0, 1]", "each of its tests is to run alone"),
        ("serial=[1, 1]", "no two of its tests may run beside each other"),
        ("alone=[1]", "no two of its tests may run beside each other"),
    ],
)
def test_nothing_to_run_beside(scripts: Scripts, fields: str, why: str) -> None:
    script = f"""
reporter = Reporter()
plan = reporter.suite(["a", "b"], {fields})
print(json.dumps([plan["mode"], plan["why"]]))
reporter.result()
"""
    assert scripts.play(script, "-w", 4) == [["inline", why]]


def test_items_alone_are_left(scripts: Scripts) -> None:
    lines = scripts.play(
        """
reporter = Reporter()
reporter.suite(["a", "b", "c", "d"], alone=[1, 2])
workers = [reporter.start(), reporter.start()]
print(json.dumps(sum([worker.work(0.1) for worker in workers], [])))
for worker in workers:
    reporter.exited(worker)
print(json.dumps(reporter.receive("left")["items"]))
reporter.receive("finished")
reporter.result()
""",
        "-w",
        2,
    )
    assert lines == [[0, 3], [1, 2]]


def test_every_item_kills_its_worker(scripts: Scripts) -> None:
    """A lost item is progress: all of them are tried. Workers that end for nothing are not."""
    script = """
reporter = Reporter()
reporter.suite([str(n) for n in range(20)])
lost = []
while True:
    message = reporter.receive("start", "finished", "left")
    if message["event"] != "start":
        break
    worker = Worker(reporter, message)
    reporter.send("started", worker=worker.number, pid=os.getpid())
    worker.tell(READY)
    item = worker.take()[1] if DIES_OF_ITEM else -1
    if DIES_OF_ITEM:
        worker.tell(STARTED, item)
    lost.append(item)
    reporter.exited(worker, running=item, status=9)
print(json.dumps([message["event"], lost]))
reporter.result()
"""
    options = ("--max", 1, "-w", 1, "--item-timeout", 60)
    (line,) = scripts.play(script.replace("DIES_OF_ITEM", "True"), *options)
    assert line == ["finished", list(range(20))]
    (line,) = scripts.play(script.replace("DIES_OF_ITEM", "False"), *options)
    assert line == ["left", [-1] * 3]
