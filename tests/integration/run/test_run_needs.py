"""Items that wait get more workers than CPUs; what an item needs it has for itself; workers are
recycled."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from typing import Any, Dict

import pytest

from .conftest import PATIENCE, Barrier, Runs, idle_cpus, needs_two_cpus
from .test_run_protocol import Scripts, scripts
from .test_run_suites import pytest_command, summaries

__all__ = ["scripts"]
N_CPUS = len(os.sched_getaffinity(0))
N_WAITING = N_CPUS + 10

# Each says that it is there, and goes on at a word.
WAITING = f"""
import os, pytest
@pytest.mark.parametrize("n", range({N_WAITING}))
def test_waiting(n):
    with open("here", "w") as file:
        file.write("x")
    with open("go", "rb", buffering=0) as file:
        file.read(1)
    with open("seen", "a") as file:
        print(os.environ["SCHEDCTL_SLOT"], os.environ["PYTEST_XDIST_WORKER"], file=file)
"""


class Waiting:
    """A run of tests that wait, and what tells how many of them do so at a time."""

    def __init__(self, runs: Runs) -> None:
        (runs.directory / "test_waiting.py").write_text(WAITING)
        self.runs = runs
        self.here = Barrier(runs.directory / "here")
        self.go = Barrier(runs.directory / "go")

    def start(self, *options: object) -> "subprocess.Popen[str]":
        options = (*options, "--json", "summary", "--", *pytest_command())
        return self.runs.start(*options)

    def finish(self, run: "subprocess.Popen[str]") -> Dict[str, Any]:
        out, err = run.communicate(timeout=PATIENCE)
        assert f"{N_WAITING} passed" in out, out + err
        (suite,) = summaries(self.runs.directory / "summary")
        return suite

    def run(self, *options: object) -> Dict[str, Any]:
        """Ends only if all of them run at the same time."""
        run = self.start(*options)
        for _ in range(N_WAITING):
            self.here.wait()
        self.go.release(N_WAITING)
        return self.finish(run)


@pytest.mark.idle
def test_tests_that_wait_run_at_the_same_time(runs: Runs) -> None:
    """Nothing is known of them."""
    with idle_cpus():
        suite = Waiting(runs).run()
    assert suite["extra"] >= N_WAITING - N_CPUS
    assert suite["samples"] > 0
    assert 0 < suite["bound"] <= suite["seconds"]
    seen = [line.split() for line in (runs.directory / "seen").read_text().splitlines()]
    assert len({slot for slot, _ in seen}) == len({worker for _, worker in seen}) == N_WAITING
    runs.expect_clean()


# Teaches the history what the tests above are to be known for: waiting.
TEACH = f"""
reporter = Reporter({{"item_timeout": 60}})
reporter.suite([f"test_waiting.py::test_waiting[{{n}}]" for n in range({N_WAITING})])
worker = reporter.start()
worker.work(5.0, 0.0)
reporter.exited(worker)
reporter.receive("finished")
reporter.result()
"""


def test_tests_known_to_wait_start_at_once(scripts: Scripts) -> None:
    scripts.play(TEACH, "-w", 1)
    suite = Waiting(scripts.runs).run()
    assert suite["estimated"] == N_WAITING
    assert suite["extra"] >= N_WAITING - N_CPUS


@pytest.mark.idle
@needs_two_cpus
@pytest.mark.parametrize("most", [N_CPUS, N_CPUS + 3])
def test_never_more_than_allowed(runs: Runs, most: int) -> None:
    """As many come as may; while they wait nobody else does."""
    waiting = Waiting(runs)
    run = waiting.start("--max-workers", most)
    for first in range(0, N_WAITING, most):
        here = min(most, N_WAITING - first)
        with idle_cpus():
            for _ in range(here):
                waiting.here.wait()
        assert not waiting.here.is_there()
        waiting.go.release(here)
    suite = waiting.finish(run)
    assert suite["workers"] == most
    assert suite["extra"] == most - N_CPUS


# Who computes leaves no room for others.
COMPUTING = """
import os, time, pytest
@pytest.mark.parametrize("n", range(20))
def test_computing(n):
    end = time.process_time() + 0.02
    while time.process_time() < end:
        pass
"""


def test_tests_that_compute_stay_among_themselves(runs: Runs) -> None:
    (runs.directory / "test_computing.py").write_text(COMPUTING)
    for _ in range(2):
        result = runs.run("--json", "summary", "--", *pytest_command())
        assert "20 passed" in result.stdout, result.stdout + result.stderr
        (suite,) = summaries(runs.directory / "summary")
        assert suite["extra"] == 0


# A lock that can be had once; other tests run beside.
SHARING = """
import os, pytest
@pytest.mark.parametrize("n", range(24))
@pytest.mark.parametrize("what", [
    pytest.param("db", marks=pytest.mark.schedctl(resource="db")),
    pytest.param("all", marks=pytest.mark.schedctl(resource=["db", "port:9"])),
    "free",
])
def test_sharing(what, n):
    if what == "free":
        return
    fd = os.open("lock", os.O_CREAT | os.O_EXCL)
    os.close(fd)
    for _ in range(20):
        os.sched_yield()
    os.unlink("lock")
"""


@pytest.mark.parametrize("start, times", [("fork", 2), ("spawn", 1)])
def test_a_resource_is_had_by_one_at_a_time(runs: Runs, start: str, times: int) -> None:
    (runs.directory / "test_sharing.py").write_text(SHARING)
    for _ in range(times):
        options = ("-w", 4, "--start", start, "--json", "summary", "--verbose", "--")
        result = runs.run(*options, *pytest_command())
        assert "72 passed" in result.stdout, result.stdout + result.stderr
        (suite,) = summaries(runs.directory / "summary")
        assert set(suite["resources"]) == {"db", "port"}
        assert 0 < suite["resources"]["db"] <= 1
        assert "in use: db" in result.stderr


# One needs two CPUs, the others one; all say what they may use.
WIDE = """
import json, os, pytest
@pytest.mark.parametrize("n", [
    0, 1, 2, pytest.param(3, marks=pytest.mark.schedctl(cpus=2)), 4, 5,
    pytest.param(6, marks=pytest.mark.schedctl(cpus=99)), 7,
])
def test_wide(n):
    with open("seen.jsonl", "a") as file:
        print(json.dumps([n, sorted(os.sched_getaffinity(0))]), file=file)
"""


@needs_two_cpus
def test_a_wide_item_may_use_its_cpus(runs: Runs) -> None:
    (runs.directory / "test_wide.py").write_text(WIDE)
    for _ in range(2):
        # A time limit keeps a short suite from being run by pytest itself.
        options = ("--max", 2, "--max-workers", 2, "--item-timeout", 60, "--")
        result = runs.run(*options, *pytest_command())
        assert "8 passed" in result.stdout, result.stdout + result.stderr
        seen = map(json.loads, (runs.directory / "seen.jsonl").read_text().splitlines())
        used = {n: len(cpus) for n, cpus in seen}
        assert used == {n: 2 if n in (3, 6) else 1 for n in range(8)}
        (runs.directory / "seen.jsonl").unlink()


RECYCLED = """
import os, pytest
@pytest.mark.parametrize("n", range(7))
def test_recycled(n):
    taken = b"x" * SIZE
    with open("seen", "a") as file:
        print(os.getpid(), file=file)
"""


def recycle(runs: Runs, size: int, *options: object) -> Counter[str]:
    """How many items each process ran."""
    (runs.directory / "test_recycled.py").write_text(RECYCLED.replace("SIZE", str(size)))
    options = ("-w", 2, *options, "--json", "summary", "--verbose", "--")
    result = runs.run(*options, *pytest_command())
    assert "7 passed" in result.stdout, result.stdout + result.stderr
    (suite,) = summaries(runs.directory / "summary")
    assert suite["crashes"] == 0
    plural = "" if suite["recycled"] == 1 else "s"
    assert f"{suite['recycled']} worker{plural} recycled" in result.stderr
    return Counter((runs.directory / "seen").read_text().split())


def test_a_worker_runs_so_many_items(runs: Runs) -> None:
    assert max(recycle(runs, 0, "--max-items-per-worker", 2).values()) <= 2


def test_a_worker_that_grew_is_replaced(runs: Runs) -> None:
    """It has begun the next one by then, and that one's successor at the most is on its way."""
    ran = recycle(runs, 200 << 20, "--max-worker-memory", "150M")
    assert len(ran) > 2
    assert max(ran.values()) <= 3


def test_a_dry_run_runs_nothing(runs: Runs) -> None:
    """It says what would be, by what is known."""
    (runs.directory / "test_dry.py").write_text(
        "import os, pytest\n"
        "@pytest.mark.parametrize('n', range(6))\n"
        "def test_dry(n):\n"
        "    with open('seen', 'a') as file: file.write('x')\n"
    )
    runs.run("-w", 2, "--", *pytest_command())
    (runs.directory / "seen").unlink()
    result = runs.run("-w", 2, "--dry-run", "--json", "summary", "-q", "--", *pytest_command())
    assert result.returncode == 0, result.stdout + result.stderr
    assert not (runs.directory / "seen").exists()
    for n in range(6):
        assert f"test_dry.py::test_dry[{n}]" in result.stdout
    (suite,) = summaries(runs.directory / "summary")
    assert (suite["mode"], suite["items"]) == ("dry", 6)
    alone = runs.run("-w", 1, "--dry-run", "--", *pytest_command())
    assert "6 tests run by pytest itself: one worker was asked for" in alone.stdout
    runs.expect_clean()


@pytest.mark.parametrize("option", ["--pdb", "--setup-show", "--collect-only"])
def test_a_dry_run_leaves_nothing_to_pytest_itself(runs: Runs, option: str) -> None:
    (runs.directory / "test_dry.py").write_text("def test_dry(): open('seen', 'w').close()\n")
    result = runs.run("--dry-run", "--", *pytest_command(), option)
    assert result.returncode == 0, result.stdout + result.stderr
    assert not (runs.directory / "seen").exists()
    assert ("run by pytest itself: " + option in result.stderr) is (option != "--collect-only")


# The engine's side alone: these workers have no state to look at, and use no CPU.
FIRST_RUN = f"""
reporter = Reporter()
plan = reporter.suite([str(n) for n in range({N_WAITING})])
workers = []
for _ in range({N_WAITING}):
    worker = reporter.start()
    worker.tell(READY)
    workers.append((worker, worker.take()[1]))
    worker.tell(STARTED, workers[-1][1])
print(json.dumps([plan["workers"], [worker.order["count"] for worker, _ in workers]]))
for worker, item in workers:
    worker.tell(DONE, item, 5.0)
for worker, _ in workers:
    assert worker.take()[0] == END
    reporter.exited(worker)
reporter.receive("finished")
reporter.result()
"""


@pytest.mark.idle
def test_workers_that_use_no_cpu_get_company(scripts: Scripts) -> None:
    with idle_cpus():
        ((planned, counts),) = scripts.play(FIRST_RUN)
    assert planned == N_CPUS
    assert counts[:planned] == [planned] * planned
    assert counts == sorted(counts) and counts[-1] == N_WAITING
    assert all(count > at for at, count in enumerate(counts))


def test_limits_of_the_projects_file(scripts: Scripts) -> None:
    """max-workers and max-items-per-worker, as --max-workers and the like."""
    (pids,) = scripts.play(
        """
reporter = Reporter({"max_workers": 2, "max_items_per_worker": 1, "item_timeout": 60})
plan = reporter.suite(["a", "b", "c"])
workers, done = [reporter.start() for _ in range(plan["workers"])], []
while workers:
    worker = workers.pop(0)
    done.append(worker.work(0.1))
    reporter.exited(worker)
    message = reporter.receive("start", "finished")
    if message["event"] == "start":
        workers.append(Worker(reporter, message))
        reporter.send("started", worker=workers[-1].number, pid=os.getpid())
print(json.dumps(done))
reporter.result()
""",
        "--max",
        1,
    )
    assert sorted(pids) == [[0], [1], [2]]
    assert scripts.summary["settings"]["max-workers"] == 2
    assert scripts.summary["recycled"] >= 2


@pytest.mark.parametrize(
    "fields",
    [
        'needs=[{"item": 2}]',
        'needs=[{"item": 0, "cpus": 1}]',
        'needs=[{"item": 0, "memory": -1}]',
        'needs=[{"item": 0, "resources": {"db": 0}}]',
        'resources={"db": 0}',
        "early=[2]",
    ],
)
def test_needs_that_cannot_be(scripts: Scripts, fields: str) -> None:
    (line,) = scripts.play(
        f"""
reporter = Reporter()
try:
    reporter.suite(["a", "b"], {fields})
except EOFError:
    print(json.dumps("ended"))
"""
    )
    assert line == "ended"


def test_memory_that_is_not_there(scripts: Scripts) -> None:
    """Who wants more than there is gets all of it, and runs beside nobody who wants any."""
    (lines,) = scripts.play(
        """
reporter = Reporter()
reporter.suite(["a", "b", "c"], needs=[{"item": n, "memory": 1 << 30} for n in range(2)])
workers = [reporter.start(), reporter.start()]
for worker in workers:
    worker.tell(READY)
beside = sorted(worker.take()[1] for worker in workers)
print(json.dumps(beside))
""",
        "-w",
        2,
    )
    assert lines in ([0, 2], [1, 2])
