"""docs/compatibility.md from what was run."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Dict, Iterable, List, Sequence, Tuple

from projects import PROJECTS
from results import Run, is_forced, steady
from sessions import WAYS

SHOWN = 12  # tests of a suite that are listed one by one
OURS = ("fork", "forced fork", "spawn")
ELSEWHERE = ("serial", "shuffled", "xdist")

HEAD = """# Compatibility

Real projects' suites, run serially and under `schedctl run`, and compared: (test id, set-up, call
or teardown, outcome) of every test, and pytest's exit status. `=` means that every run was equal to
the serial one; otherwise each run's number of differing outcomes is given, and every one of them is
explained below the table. *auto* is what `--start auto` chose; its run was compared too. Two lines
a project: Debian 12's Python and pytest, and the newest pytest.

"""

FOOT = """
## To repeat it

```
tools/compat    # may be interrupted, and then goes on
```

On Debian 12, with the package index in reach; once `python3 tests/compat fetch` has filled the
cache folder, the network is not used. `--only PROJECT`, `--pytest debian`, `--start fork`, `-w 2`
and `--repeat 1` restrict it, `--python` names the interpreter for the newest pytest. Every session
has a home, a folder for temporary files and a loopback network of its own. Times are from one
machine with two CPUs and say how long the suites are, no more: [benchmarks.md](benchmarks.md)
compares times.
"""


def render(runs: List[Run]) -> str:
    """Of each suite the runs with its present version and choice of tests."""
    selections = {project.name: " ".join(project.tests) for project in PROJECTS}
    places = {project.name: number for number, project in enumerate(PROJECTS)}
    versions = {project.name: project.versions for project in PROJECTS}
    suites: Dict[Tuple[int, str], List[Run]] = defaultdict(list)
    for run in runs:
        present = run.selection == selections.get(run.project)
        if present and run.tests and run.version in versions[run.project]:
            suites[places[run.project], run.pytest].append(run)
    kept = [suites[key] for key in sorted(suites) if any(r.way == "serial" for r in suites[key])]
    workers = sorted({run.workers for run in runs if run.way in ("fork", "spawn")})
    return "".join([HEAD, *table(kept, workers), *tally(kept), *differences(kept), FOOT])


def table(suites: List[List[Run]], workers: Sequence[int]) -> Iterable[str]:
    counts = [f"{start} {count}" for start in ("fork", "spawn") for count in workers]
    heads = ["project", "version", "Python", "pytest", "tests", "serial", "auto", *counts, "note"]
    yield "| " + " | ".join(heads) + " |\n" + "| --- " * len(heads) + "|\n"
    for runs in suites:
        yield "| " + " | ".join(row(runs, workers)) + " |\n"


def row(runs: List[Run], workers: Sequence[int]) -> List[str]:
    serial = [run for run in runs if run.way == "serial"]
    first = min(serial, key=lambda run: run.repeat)
    quickest = min(run.seconds for run in serial)
    return [
        first.project,
        first.version,
        first.python,
        first.release,
        f"{first.tests:,}",
        f"{quickest:.1f} s",
        cell(runs, "auto", (run for run in runs if run.way == "auto")),
        *(
            cell(runs, start, (r for r in runs if (r.way, r.workers) == (start, count)))
            for start in ("fork", "spawn")
            for count in workers
        ),
        note(runs, first),
    ]


def cell(suite: List[Run], way: str, runs: Iterable[Run]) -> str:
    ran = sorted(runs, key=lambda run: run.repeat)
    if not ran:
        return "–"
    found = "=" if not any(map(odd, ran)) else " ".join(one(run) for run in ran)
    return f"{ran[0].started} {found}" if way == "auto" else found


def odd(run: Run) -> bool:
    return bool(run.hung or run.differing)


def one(run: Run) -> str:
    return "hung" if run.hung else str(run.differing)


def note(runs: List[Run], serial: Run) -> str:
    said = [next(project.note for project in PROJECTS if project.name == serial.project)]
    said += [f"auto: {run.why}" for run in runs if run.way == "auto" and run.started != "fork"]
    if serial.moving:
        said.append(f"{serial.moving} ids hold the time of day or an address, which is left out")
    return "; ".join(filter(None, said))


def tally(suites: List[List[Run]]) -> Iterable[str]:
    ours = [run for runs in suites for run in runs if run.way in WAYS]
    tests: Counter[str] = Counter()
    for runs in suites:
        tests[runs[0].pytest] += next(run.tests for run in runs if run.way == "serial")
    sums = ", ".join(f"{count:,} ({name} pytest)" for name, count in sorted(tests.items()))
    commits = ", ".join(sorted({run.commit for run in ours}))
    equal = sum(not odd(run) for run in ours)
    forced = sum(odd(run) for runs in suites for run in runs if is_forced(run, runs))
    yield f"\n{len({runs[0].project for runs in suites})} projects; tests in sum: {sums}.\n"
    yield f"{equal:,} of {len(ours):,} runs were equal to the serial one."
    if forced:
        yield f" Of the others {forced:,} were forked although *auto* says why they\n"
        yield "should not be."
    repeats = Counter(
        (run.project, run.pytest, run.way, run.workers) for run in ours if run.way != "auto"
    ).values()
    if repeats:
        yield f" A cell stands for {min(repeats)} to {max(repeats)} runs."
    yield f"\nProduct's commit: {commits}.\n"
    fewer = sorted({(run.workers, run.used) for run in ours if 1 < run.used < run.workers})
    for asked, used in fewer:
        yield f"Where {asked} workers were asked for there were {used} at times.\n"


def differences(suites: List[List[Run]]) -> Iterable[str]:
    yield "\n## Differences\n\n"
    yield (
        "For every test whose outcome differed from the first serial run's: in how many runs it\n"
        "did, under schedctl and elsewhere: in further serial runs, in serial runs in an order\n"
        "drawn by lot (*shuffled*), and with pytest-xdist on two workers.\n"
    )
    quiet = True
    for runs in suites:
        if any(odd(run) for run in runs if run.way in WAYS):
            quiet = False
            yield from explained(runs)
    if quiet:
        yield "\nThere were none.\n"


def explained(runs: List[Run]) -> Iterable[str]:
    found: Dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        for nodeid in {steady((one[1], "", ""))[0] for one in run.differences if one[1]}:
            found[nodeid][how(run, runs)] += 1
    made = Counter(how(run, runs) for run in runs)
    columns = [way for way in (*OURS, *ELSEWHERE) if made[way]]
    ours = [nodeid for nodeid in sorted(found) if any(found[nodeid][way] for way in OURS)]
    yield f"\n### {runs[0].project} {runs[0].version}, {runs[0].pytest} pytest\n\n"
    heads = ["test", *columns, "so"]
    yield "| " + " | ".join(heads) + " |\n" + "| --- " * len(heads) + "|\n"
    for nodeid in ours[:SHOWN]:
        often = [f"{found[nodeid][way]} of {made[way]}" for way in columns]
        shown = nodeid.replace("|", "\\|")
        yield f"| `{shown}` | " + " | ".join([*often, verdict(found[nodeid])]) + " |\n"
    if ours[SHOWN:]:
        rest = Counter(verdict(found[nodeid]) for nodeid in ours[SHOWN:])
        yield "\nand " + ", ".join(f"{count} more: {what}" for what, count in rest.items()) + ".\n"


def how(run: Run, suite: List[Run]) -> str:
    """Under which column a run counts."""
    if is_forced(run, suite):
        return "forced fork"
    return (run.started or run.way) if run.way in WAYS else run.way


def verdict(often: "Counter[str]") -> str:
    if often["serial"]:
        return "flaky serially"
    if often["shuffled"]:
        return "depends on the order"
    if often["xdist"]:
        return "fails beside other tests, under xdist too"
    if not often["fork"] and not often["spawn"]:
        return "not safe to fork, as *auto* says"
    return "**seen under schedctl alone**"
