"""The variables by which programs count CPUs: what COMMAND gets, and what workers get."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest

from .conftest import Runs

NUMBERS = Path(__file__).resolve().parents[3] / "docs" / "numbers.md"
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
NOTED = """
import json, os

def note(request):
    with open(os.environ["NOTES"], "a") as file:
        file.write(json.dumps([os.environ.get("PYTEST_XDIST_WORKER"), dict(os.environ)]) + "\\n")

AT_IMPORT = dict(os.environ)

def test_one(request): note(request)
def test_two(request): note(request)
def test_as_it_was_when_collected():
    names = {"OMP_NUM_THREADS", "GOFLAGS", "SCHEDCTL_WORKER_ENV"}
    assert all(AT_IMPORT.get(name) == os.environ.get(name) for name in names)
"""


def documented() -> Dict[str, str]:
    """The table of docs/numbers.md: {variable: what it is set to, as an example of 8 CPUs}."""
    part = (
        NUMBERS.read_text(encoding="utf-8").partition("\n## The table\n")[2].partition("\n## ")[0]
    )
    return dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", part, re.MULTILINE))


VARIABLES = sorted(documented())


@pytest.fixture
def clean(runs: Runs) -> Runs:
    """Without what whoever runs these tests has set."""
    for name in (*VARIABLES, "GOTO_NUM_THREADS", "NUMEXPR_MAX_THREADS", "RAYON_RS_NUM_CPUS"):
        runs.environment.pop(name, None)
    return runs


def environment(runs: Runs, *options: object, **own: str) -> Dict[str, str]:
    """COMMAND's."""
    result = runs.run(*options, "--", sys.executable, "-c", SHOW, env=own)
    assert result.returncode == 0, result.stderr
    seen: Dict[str, str] = json.loads(result.stdout)
    return seen


def in_workers(runs: Runs, *options: object, **own: str) -> List[Dict[str, str]]:
    """What two tests saw, each in a worker."""
    (runs.directory / "test_noted.py").write_text(NOTED)
    notes = runs.directory / "notes"
    result = runs.run("-w", 2, *options, "--", *PYTEST, env={"NOTES": str(notes), **own})
    assert result.returncode == 0, result.stdout + result.stderr
    seen = [json.loads(line) for line in notes.read_text().splitlines()]
    assert len(seen) == 2 and all(worker for worker, _ in seen)
    return [environ for _, environ in seen]


def test_the_documents_table_is_the_programs(clean: Runs) -> None:
    """Every variable of the one is in the other, with a value of the same form."""
    seen = environment(clean, "--max", 1, "--jobserver", "no")
    told = json.loads(seen["SCHEDCTL_WORKER_ENV"])
    assert sorted(name for name in told if name != "MAKEFLAGS") == VARIABLES
    assert {name: seen[name] for name in VARIABLES} == {
        name: value.replace("8", "1") for name, value in documented().items()
    }


def test_command_gets_the_number_of_cpus_held(clean: Runs) -> None:
    script = "import os; print(os.environ['OMP_NUM_THREADS'], len(os.sched_getaffinity(0)))"
    result = clean.run("--", sys.executable, "-c", script)
    told, held = result.stdout.split()
    assert told == held


def test_what_the_user_has_set_stays(clean: Runs) -> None:
    own = {"OMP_NUM_THREADS": "3", "GOFLAGS": "-mod=mod", "POLARS_MAX_THREADS": ""}
    seen = environment(clean, "--max", 1, **own)
    assert (seen["OMP_NUM_THREADS"], seen["POLARS_MAX_THREADS"]) == ("3", "")
    assert seen["GOFLAGS"] == "-mod=mod -p=1"
    assert "OPENBLAS_NUM_THREADS" not in seen  # it would come before OMP_NUM_THREADS
    assert seen["RAYON_NUM_THREADS"] == "1"


@pytest.mark.parametrize("flags", ["-p=7", "-v --p=7", " -p=7 -v"])
def test_a_users_own_p_of_go_stays(clean: Runs, flags: str) -> None:
    assert environment(clean, GOFLAGS=flags)["GOFLAGS"] == flags


@pytest.mark.parametrize("how", ["option", "environment"])
def test_none_are_set_where_none_are_wanted(clean: Runs, how: str) -> None:
    options, own = (("--no-counts",), {}) if how == "option" else ((), {"SCHEDCTL_COUNTS": "0"})
    seen = environment(clean, *options, **own)
    assert not set(VARIABLES) & set(seen)
    assert "OMP_NUM_THREADS" not in seen.get("SCHEDCTL_WORKER_ENV", "")


def test_what_a_run_that_is_over_left_is_nobodys(clean: Runs) -> None:
    """As in a shell that somebody has started in it."""
    left = {
        "OMP_NUM_THREADS": "64",
        "RAYON_NUM_THREADS": "5",  # set by the user since
        "SCHEDCTL_WORKER_ENV": json.dumps(
            {"OMP_NUM_THREADS": ["64", "1"], "RAYON_NUM_THREADS": ["64", "1"]}
        ),
    }
    seen = environment(clean, "--max", 1, **left)
    assert (seen["OMP_NUM_THREADS"], seen["RAYON_NUM_THREADS"]) == ("1", "5")
    seen = environment(clean, "--no-counts", **left)
    assert "OMP_NUM_THREADS" not in seen.get("SCHEDCTL_WORKER_ENV", "")


@pytest.mark.parametrize("noise", ["", "[", "[]", "7", '{"OMP_NUM_THREADS": 7}', '{"X": [1, 2]}'])
def test_noise_left_behind_is_nothing(clean: Runs, noise: str) -> None:
    seen = environment(clean, "--max", 1, OMP_NUM_THREADS="9", SCHEDCTL_WORKER_ENV=noise)
    assert seen["OMP_NUM_THREADS"] == "9"


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_worker_is_told_one(clean: Runs, start: str) -> None:
    own = {"NEXTEST_TEST_THREADS": "5", "GOFLAGS": "-v"}
    for seen in in_workers(clean, "--jobserver", "no", "--start", start, **own):
        assert seen["NEXTEST_TEST_THREADS"] == "5"
        assert seen["GOFLAGS"] == "-v -p=1"
        ones = {name: seen[name] for name in VARIABLES if name not in own}
        assert set(ones.values()) == {"1"}
        assert "SCHEDCTL_WORKER_ENV" not in seen


def test_what_was_set_on_the_way_stays_in_workers(clean: Runs) -> None:
    (clean.directory / "test_noted.py").write_text(NOTED)
    notes = clean.directory / "notes"
    inner = 'OMP_NUM_THREADS=77 exec "$@"'
    result = clean.run("-w", 2, "--", "sh", "-c", inner, "sh", *PYTEST, env={"NOTES": str(notes)})
    assert result.returncode == 0, result.stdout + result.stderr
    for line in notes.read_text().splitlines():
        seen = json.loads(line)[1]
        assert (seen["OMP_NUM_THREADS"], seen["RAYON_NUM_THREADS"]) == ("77", "1")
        assert "OPENBLAS_NUM_THREADS" not in seen


def test_a_session_leaves_the_environment_as_it_was(clean: Runs) -> None:
    script = """
import os, pytest
before = dict(os.environ)
pytest.main(["-q"])
changed = {n for n in {*before, *os.environ} if before.get(n) != os.environ.get(n)}
print("changed:", sorted(changed - {"SCHEDCTL_INSIDE"}))
"""
    (clean.directory / "test_plain.py").write_text("def test_one(): pass\ndef test_two(): pass\n")
    result = clean.run("-w", 2, "--", sys.executable, "-c", script)
    assert "changed: []" in result.stdout, result.stdout + result.stderr


# What the plugin makes of it, without a run.


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(os.environ.get("SCHEDCTL_BUILD", "build")) / "python"))
    module = pytest.importorskip("schedctl_pytest.counts")
    return module


OURS = "--jobserver-auth=fifo:/run/x/jobs"
MAKEFLAGS = [
    # what the run set, what a worker is to have, what it is by now, what becomes of it
    (f"-j {OURS}", None, f"-j {OURS}", None),
    (f"k -j {OURS}", "k", f"k -j {OURS}", "k"),
    (f"-j {OURS}", None, f"kw -j4 {OURS} -- A=1", "kw -- A=1"),
    (f"-j {OURS}", None, "-j8 --jobserver-auth=3,4", "-j8 --jobserver-auth=3,4"),
    (f"-j {OURS}", None, "w", "w"),
    (f"-j {OURS}", None, None, None),
    ("-j --jobserver-fds=3,4", None, " -j8 --jobserver-fds=3,4", None),
]


@pytest.mark.parametrize("given, worker, now, then", MAKEFLAGS)
def test_makeflags_of_the_run_are_gone_in_a_worker(
    counts: Any, given: str, worker: Optional[str], now: Optional[str], then: Optional[str]
) -> None:
    environ = {} if now is None else {"MAKEFLAGS": now}
    environ["SCHEDCTL_WORKER_ENV"] = json.dumps({"MAKEFLAGS": [given, worker]})
    before = dict(environ)
    applied = counts.Counts(environ)
    assert environ == ({} if then is None else {"MAKEFLAGS": then})
    applied.restore()
    assert environ == before


@pytest.mark.parametrize(
    "noise", ["", "{", "[]", "null", '{"A": 1}', '{"A": ["1"]}', '{"A": [1, 2]}', '"A"']
)
def test_noise_is_nothing_to_the_plugin(counts: Any, noise: str) -> None:
    environ = {"SCHEDCTL_WORKER_ENV": noise, "A": "1"}
    counts.Counts(environ)
    assert environ == {"A": "1"}


@pytest.fixture
def pool(counts: Any, tmp_path: Path) -> Iterator[Tuple[Any, Dict[str, str], List[int]]]:
    """The plugin's module, and an environment with a jobserver of descriptors."""
    fifo = tmp_path / "jobserver"
    os.mkfifo(fifo)
    fds = [os.open(fifo, os.O_RDWR), os.open(fifo, os.O_WRONLY)]
    environ = {
        "SCHEDCTL_RUN": str(tmp_path / "control"),
        "MAKEFLAGS": f" -j2 --jobserver-auth={fds[0]},{fds[1]}",
    }
    yield importlib.import_module("schedctl_pytest.jobserver"), environ, fds
    for fd in fds:
        os.close(fd)


def test_descriptors_of_the_jobserver_are_closed_and_there_again(pool: Any) -> None:
    module, environ, fds = pool
    keep = os.open(environ["SCHEDCTL_RUN"].replace("control", "jobserver"), os.O_RDWR)
    closed = module.Jobserver(environ)
    with pytest.raises(OSError):
        os.fstat(fds[0])
    closed.restore()
    assert all(os.path.samestat(os.fstat(fd), os.fstat(keep)) for fd in fds)
    assert all(os.get_inheritable(fd) for fd in fds)
    os.close(keep)


def test_a_descriptor_that_has_another_use_by_then_is_left_alone(pool: Any) -> None:
    module, environ, fds = pool
    null = os.open(os.devnull, os.O_RDWR)
    closed = module.Jobserver(environ)
    for fd in fds:
        os.dup2(null, fd)
    closed.restore()
    assert all(os.path.samestat(os.fstat(fd), os.fstat(null)) for fd in fds)
    os.close(null)


@pytest.mark.parametrize("value", ["99999999999,5", "\xb2,5", "-2,-2", "fifo:/nowhere", "3", ""])
def test_what_makeflags_say_of_a_jobserver_may_be_anything(pool: Any, value: str) -> None:
    module, environ, fds = pool
    module.Jobserver({**environ, "MAKEFLAGS": f"--jobserver-auth={value}"}).restore()
    assert all(os.fstat(fd) for fd in fds)


def test_an_environment_made_anew_gets_what_nobody_has_set_in_it(counts: Any) -> None:
    told = {"O": ["4", "1"], "B": ["4", "1", "O"], "M": ["-j", None], "R": ["4", "1"]}
    run = {"O": "4", "B": "4", "M": "-j", "R": "4", "SCHEDCTL_WORKER_ENV": json.dumps(told)}
    assert counts.handed_on(run, {}) == {"O": "4", "B": "4", "R": "4"}
    assert counts.handed_on(run, {"O": "2"}) == {"R": "4"}
    assert counts.handed_on(run, {"O": "4"}) == {"B": "4", "R": "4"}


# Programs that read them.

BLAS = """
import os
import pytest

@pytest.mark.parametrize("n", range(2))
def test_starts_no_thread(n):
    pytest.importorskip("numpy")  # OpenBLAS starts its threads when it is loaded
    assert len(os.listdir("/proc/self/task")) == 1
"""
LOOP = """
#include <omp.h>
#include <stdio.h>
int main(void) { printf("%d\\n", omp_get_max_threads()); return 0; }
"""


def test_openmp_in_a_worker_has_one_thread(clean: Runs) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no C compiler")
    source, program = clean.directory / "loop.c", clean.directory / "loop"
    source.write_text(LOOP)
    if os.system(f"'{compiler}' -fopenmp -o '{program}' '{source}' 2>/dev/null"):
        pytest.skip("no OpenMP")
    (clean.directory / "test_loop.py").write_text(
        "import subprocess\n"
        "def test_a(): pass\n"
        f"def test_b(): assert subprocess.check_output([{str(program)!r}]) == b'1\\n'\n"
    )
    # Not by the mask: these workers may use all CPUs.
    result = clean.run("-w", 4, "--no-pin", "--", *PYTEST)
    assert result.returncode == 0, result.stdout + result.stderr


def test_blas_in_a_worker_starts_no_thread(clean: Runs) -> None:
    (clean.directory / "test_blas.py").write_text(BLAS)
    result = clean.run("-w", 2, "--no-pin", "--", *PYTEST, "-rs")
    assert result.returncode == 0, result.stdout + result.stderr
    if "2 skipped" in result.stdout:
        pytest.skip("no numpy")
