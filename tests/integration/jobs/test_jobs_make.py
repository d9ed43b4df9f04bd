"""make below a run: as many jobs as the run has CPUs, beside pytest's workers, whichever make it
is."""

from __future__ import annotations

import json
import sys
import textwrap

import pytest

from .conftest import CPUS, MANY, PATIENCE, Log, Make, Runs, Served, needs_two_cpus

PREFIX = ".RECIPEPREFIX = >\n"
# Jobs that note when they begin and end; a suite whose tests do so too.
JOBS = """
JOBS := $(addprefix job-,1 2 3 4 5 6 7 8)
all: $(JOBS)
$(JOBS):
> @echo begin job >>log; {python} -c 'sum(range(300000))'; echo end job >>log
check:
> @{python} -m pytest -q
"""
TESTS = """
import pytest
@pytest.mark.parametrize("n", range(8))
def test_noted(n):
    with open("log", "a") as log:
        print("begin test", file=log)
    sum(range(300000))
    with open("log", "a") as log:
        print("end test", file=log)
"""
# Tests that sleep; the first of them until another worker has begun one.
LASTING = f"""
import glob, os, time
def last(n):
    open(os.environ["PYTEST_XDIST_WORKER"], "w").close()
    end = time.monotonic() + {PATIENCE}
    while n == 0 and len(glob.glob("gw*")) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.02)
"""
# Parties that end when all of them have begun: they cannot where fewer run at a time.
MEET = """
import os, sys, time
folder, n, end = sys.argv[1], int(sys.argv[2]), time.monotonic() + {patience}
os.makedirs(folder, exist_ok=True)
open(os.path.join(folder, str(os.getpid())), "w").close()
while len(os.listdir(folder)) < n:
    assert time.monotonic() < end, "nobody else came"
    time.sleep(0.01)
"""


def write_makefile(runs: Runs, text: str) -> None:
    (runs.directory / "Makefile").write_text(
        PREFIX + textwrap.dedent(text).replace("{python}", sys.executable)
    )
    (runs.directory / "meet.py").write_text(MEET.format(patience=PATIENCE))
    (runs.directory / "test_noted.py").write_text(TESTS)


def run_make(runs: Runs, make: Make, *arguments: object, options: tuple[object, ...] = ()) -> str:
    """What schedctl and make said."""
    result = runs.run(*options, "-v", "--", make.program, *arguments, env=make.environment())
    assert result.returncode == 0, result.stdout + result.stderr
    said = result.stdout + result.stderr
    assert "warning" not in said and "jobserver unavailable" not in said, said
    return said


@pytest.mark.parametrize("jobs", [[], ["-j"], ["-j64"], ["-kj", "64"]])
def test_no_more_jobs_than_cpus(runs: Runs, make: Make, log: Log, jobs: list[str]) -> None:
    write_makefile(runs, JOBS)
    run_make(runs, make, *jobs)
    assert log.count("job") == 8
    assert log.most() <= len(CPUS)


def test_no_more_jobs_than_were_asked_for(served: Served, make: Make, log: Log) -> None:
    write_makefile(served, JOBS)
    run = served.start("--", make.program, "-j", "2", env=make.environment())
    served.lend(MANY)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, out + err
    assert log.count("job") == 8
    assert log.most() <= 2


def test_as_many_as_cpus(served: Served, make: Make) -> None:
    """Eight jobs meet, of makes that a make starts: each of those has one without a token."""
    write_makefile(
        served,
        """
        all: one two
        one two:
        > @$(MAKE) -f sub.mk NAME=$@
        """,
    )
    (served.directory / "sub.mk").write_text(
        f"{PREFIX}JOBS := $(addprefix $(NAME)-,1 2 3 4)\nall: $(JOBS)\n$(JOBS):\n"
        f"> @{sys.executable} meet.py met 8\n"
    )
    run = served.start("-v", "--", make.program, "-j", env=make.environment())
    served.lend(MANY)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, out + err


def test_more_as_the_lease_grows(served: Served, make: Make) -> None:
    write_makefile(
        served,
        """
        JOBS := 1 2 3 4 5
        all: $(JOBS)
        $(JOBS):
        > @echo here; {python} meet.py met 5
        """,
    )
    run = served.start("--", make.program, env=make.environment())
    served.lend([0])
    assert run.stdout and run.stdout.readline() == "here\n"
    served.lend(MANY)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, out + err


@needs_two_cpus
def test_jobs_and_tests_use_cpus_once(runs: Runs, make: Make, log: Log) -> None:
    """But for the one that runs while a worker ends its test, when make begins its first. All jobs
    that can begin at once wait for the first test."""
    waiting = "@while [ ! -e log ]; do sleep 0.01; done; echo begin job"
    makefile = JOBS.replace("all:", "all: check").replace("@echo begin job", waiting)
    write_makefile(runs, makefile)
    said = run_make(runs, make, "-j4")
    assert "8 passed" in said
    assert (log.count("job"), log.count("test")) == (8, 8)
    assert log.most() <= len(CPUS) + 1


def test_a_suite_that_begins_amid_a_build_takes_over(served: Served, make: Make, log: Log) -> None:
    """Jobs give way as they end, though make has more of them: at most the one that took the bell
    runs beside as many others as there are CPUs. (Tests that sleep may be more, unless it is said
    how many.)"""
    write_makefile(
        served,
        """
        JOBS := $(addprefix job-,$(shell seq 200))
        all: check $(JOBS)
        $(JOBS):
        > @echo begin job >>log; sleep 0.02; echo end job >>log
        check:
        > @{python} -m pytest -q test_noted.py
        """,
    )
    tests = TESTS.replace("range(8)", "range(100)").replace("sum(range(300000))", "last(n)")
    (served.directory / "test_noted.py").write_text(LASTING + tests)
    summary = served.directory / "summary"
    options = ("--max-workers", 4, "--json", summary)
    run = served.start(*options, "--", make.program, "-j", env=make.environment())
    served.lend(MANY)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, out + err
    assert (log.count("job"), log.count("test")) == (200, 100)
    assert log.most() <= len(MANY) + 1
    (suite,) = map(json.loads, summary.read_text().splitlines())
    assert suite["workers"] > 1


@needs_two_cpus
def test_a_make_that_waits_for_pytest_leaves_it_all(runs: Runs, make: Make) -> None:
    write_makefile(runs, "check:\n> @{python} -m pytest -q test_meet.py\n")
    (runs.directory / "test_meet.py").write_text(
        "import runpy, sys, pytest\n"
        f"@pytest.mark.parametrize('n', range({len(CPUS)}))\n"
        "def test_meet(n):\n"
        f"    sys.argv[1:] = ['met', '{len(CPUS)}']\n"
        "    runpy.run_path('meet.py')\n"
    )
    assert f"{len(CPUS)} tests on {len(CPUS)} workers" in run_make(runs, make, "-j4", "check")


def test_both_get_their_share(served: Served, make: Make) -> None:
    """Four jobs meet while tests run; the tests go on until they have, and until they are on four
    workers themselves. Then the suite ends, and eight jobs meet."""
    write_makefile(
        served,
        """
        FOUR := a b c d
        EIGHT := $(addprefix e-,1 2 3 4 5 6 7 8)
        all: check $(FOUR) $(EIGHT)
        check:
        > @{python} -m pytest -q test_until.py
        $(FOUR):
        > @while [ ! -e begun ]; do sleep 0.01; done; {python} meet.py four 4; >>met
        $(EIGHT): check
        > @{python} meet.py eight 8
        """,
    )
    (served.directory / "test_until.py").write_text(
        "import glob, os, time, pytest\n"
        "@pytest.mark.parametrize('n', range(64))\n"
        "def test_until(n):\n"
        "    open('begun', 'a').close()\n"
        "    open(os.environ['PYTEST_XDIST_WORKER'], 'a').close()\n"
        f"    end = time.monotonic() + {PATIENCE}\n"
        "    while n < 8 and not (os.path.exists('met') and len(glob.glob('gw*')) >= 4):\n"
        "        assert time.monotonic() < end\n"
        "        time.sleep(0.01)\n"
    )
    summary = served.directory / "summary"
    options = ("--json", summary, "--max-workers", 8)
    run = served.start("-v", *options, "--", make.program, "-j", env=make.environment())
    served.lend(MANY)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, out + err
    assert "64 passed" in out
    (suite,) = map(json.loads, summary.read_text().splitlines())
    assert suite["workers"] >= 4
    assert 1 <= suite["run"]["jobs"]["most"] <= 8


@needs_two_cpus
def test_a_suite_beside_a_build_is_not_starved(runs: Runs, make: Make, log: Log) -> None:
    """Its first worker has a CPU though jobs have all of them."""
    write_makefile(
        runs,
        """
        all: check wait
        check:
        > @{python} -m pytest -q test_noted.py && >done
        wait:
        > @while [ ! -e done ]; do sleep 0.01; done
        """,
    )
    assert "8 passed" in run_make(runs, make, "-j4")
    assert log.count("test") == 8


def test_makes_own_way_is_left_to_it(runs: Runs, make: Make, log: Log) -> None:
    write_makefile(runs, JOBS)
    command = ("--", make.program, "-j3")
    result = runs.run("-v", "--jobserver", "no", *command, env=make.environment())
    assert result.returncode == 0
    assert log.count("job") == 8
    assert "no jobserver: it was not asked for" in result.stderr
