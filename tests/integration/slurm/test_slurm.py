"""Runs in a Slurm allocation: each task takes its CPUs and its share of the suite."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from .conftest import Job, processes_marked, wait_until

SUITE = """
import os
import shlex
import pytest

@pytest.mark.parametrize("n", range(24))
def test_number(n, record_testsuite_property):
    record_testsuite_property("cpus", " ".join(map(str, sorted(os.sched_getaffinity(0)))))
"""
ALL = sorted(("test_numbers", f"test_number[{n}]") for n in range(24))

# Each of the two tasks says that it is there, and waits to be let go.
WAITING = """
import os, pathlib, time

def test_waits():
    here = pathlib.Path(os.environ["SCHEDCTL_TEST_MARK"])
    (here / ("there-" + os.environ["SLURM_PROCID"])).touch()
    deadline = time.monotonic() + 60
    while not (here / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
"""

two_cpus = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two CPUs")


def srun(job: Job, *options: str, script: str, status: int = 0) -> str:
    return job.call("srun", *options, "bash", "-c", script, status=status)


def test_two_nodes_run_halves(job: Job) -> None:
    job.write("test_numbers.py", SUITE)
    said = srun(job, "-N2", "-n2", script=job.script("$SLURM_PROCID"))
    assert "shard 1 of 2 (Slurm)" in said and "shard 2 of 2 (Slurm)" in said
    assert job.merge() == ALL
    assert job.properties("0", "schedctl.shard") == ["1/2"]
    assert job.properties("1", "schedctl.shard") == ["2/2"]
    assert all(int(job.properties(node, "schedctl.dealt")[0]) == 12 for node in "01")


def test_the_worst_status_is_the_steps(job: Job) -> None:
    job.write("test_numbers.py", SUITE + "\n    assert n != 7\n")
    srun(job, "-N2", "-n2", script=job.script("$SLURM_PROCID"), status=1)
    assert job.merge() == ALL


@two_cpus
def test_tasks_keep_to_their_cpus(job: Job) -> None:
    """Slurm gives each of two tasks on one node a CPU by its affinity mask."""
    job.write("test_numbers.py", SUITE)
    masks = "grep Cpus_allowed_list /proc/self/status > mask-$SLURM_PROCID; "
    srun(job, "-N1", "-n2", "-c1", script=masks + job.script("$SLURM_PROCID"))
    allowed = [(job.directory / f"mask-{task}").read_text().split()[1] for task in "01"]
    assert len(set(allowed)) == 2
    for task in "01":
        assert set(job.properties(task, "cpus")) == {allowed[int(task)]}
    assert job.merge() == ALL


@two_cpus
def test_tasks_on_one_machine_share_a_service(job: Job) -> None:
    """Two nodes that are one machine may both use all its CPUs, and get half each."""
    job.write("test_a.py", WAITING)
    job.write("test_b.py", WAITING)
    cpus = str(os.cpu_count())
    step = job.begin("srun", "-N2", "-n2", f"-c{cpus}", "bash", "-c", job.script("$SLURM_PROCID"))
    wait_until("not both run", lambda: all((job.directory / f"there-{i}").exists() for i in "01"))

    def are_shared_out() -> bool:
        held = [set(lease["pus"]) for lease in job.status()["leases"]]
        return len(held) == 2 and all(held) and not held[0] & held[1]

    wait_until("the CPUs are not shared out", are_shared_out)
    (job.directory / "go").touch()
    assert step.wait(60) == 0
    assert len(job.merge()) == 2


def test_cancelled(job: Job) -> None:
    """scancel in mid-run: no process is left, and the CPUs are back."""
    job.write("test_a.py", WAITING)
    job.write("test_b.py", WAITING)
    step = job.begin("srun", "-N2", "-n2", "bash", "-c", job.script("$SLURM_PROCID"))
    wait_until("not both run", lambda: all((job.directory / f"there-{i}").exists() for i in "01"))
    (number,) = job.cluster.say("squeue", "-h", "-o", "%i").split()
    job.call("scancel", number)
    assert step.wait(60) != 0
    wait_until("CPUs are not back", lambda: not job.status()["leases"])
    service = job.status()["pid"]
    wait_until("processes are left", lambda: set(processes_marked(job.mark)) <= {service})


def test_an_array(job: Job) -> None:
    job.write("test_numbers.py", SUITE)
    said = job.batch("--array=5-9:2", script=job.script("$SLURM_ARRAY_TASK_ID"))
    for index in (1, 2, 3):
        assert f"shard {index} of 3 (Slurm)" in said
    assert job.merge() == ALL


def test_an_array_that_is_no_range(job: Job) -> None:
    """Nobody can say which of how many tasks one is: nothing runs."""
    job.write("test_numbers.py", SUITE)
    said = job.batch("--array=1,3,7", script=job.script("$SLURM_ARRAY_TASK_ID"))
    assert said.count("an array that is no range") == 3
    assert not (job.directory / "nodes").exists()


def test_steps_in_an_array(job: Job) -> None:
    job.write("test_numbers.py", SUITE)
    script = job.script("$SLURM_ARRAY_TASK_ID-$SLURM_PROCID")
    job.batch("--array=0-1", "-N2", "-n2", script=f"srun bash -c {shlex.quote(script)}")
    assert sorted(p.name for p in Path(job.directory / "nodes").iterdir()) == [
        f"{i}-{j}.xml" for i in "01" for j in "01"
    ]
    assert job.merge() == ALL


def test_a_batch_script_runs_everything(job: Job) -> None:
    """It is one process, however many tasks the job may have."""
    job.write("test_numbers.py", SUITE)
    said = job.batch("-N2", "--ntasks=2", script=job.script("whole"))
    assert "shard" not in said
    assert job.properties("whole", "schedctl.shard") == []
    assert job.merge() == ALL
