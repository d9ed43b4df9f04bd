"""pytest's options, and plugins' reporting hooks, have the effect that they have in a serial run:
what is shown is the same but for times and the order of progress."""

from __future__ import annotations

import re
import shlex

from fidelity.compared import OUTCOMES
from fidelity.sessions import each_both_ways
from fidelity.shown import differences
from suites import Suite

MARKED = """
    import pytest

    @pytest.mark.slow
    @pytest.mark.parametrize("n", range(10))
    def test_marked(n):
        print("marked", n)
        assert n != 5
"""

# A project's own reporting: what its hooks keep on reports arrives with them, each item's events
# are complete and not mixed with another's, and what they print and sum up is shown.
REPORTING = """
    import pytest

    events, current = {}, []

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(item, call):
        report = (yield).get_result()
        report.duration = len(item.name) / 10 + 1 if call.when == "call" else 0.0
        slow = item.get_closest_marker("slow") is not None
        report.kept = {"line": item.location[1], "slow": slow}

    def pytest_report_teststatus(report):
        if report.when == "call" and report.passed and report.kept["slow"]:
            return "slow", "M", "MARKED"

    def pytest_runtest_logstart(nodeid, location):
        assert not current
        current.append(nodeid)
        events[nodeid] = ["start"]

    def pytest_runtest_logreport(report):
        assert current == [report.nodeid]
        events[report.nodeid] += [report.when, report.outcome, str(report.kept["line"])]

    def pytest_runtest_logfinish(nodeid, location):
        assert current.pop() == nodeid
        events[nodeid].append("finish")

    def pytest_report_header():
        return "a project's header"

    def pytest_terminal_summary(terminalreporter, exitstatus):
        terminalreporter.section(f"events, status {exitstatus:d}")
        for nodeid in sorted(events):
            terminalreporter.write_line(f"{nodeid}: {' '.join(events[nodeid])}")
"""

SHOWN = """
    -rE
    -q --tb=short -rA
    -qq -rN
    -v --tb=long -l --show-capture=no
    -vv --tb=line --durations=3 --durations-min=1 -W error::UserWarning
    --tb=native -rfEsxXP --color=yes --show-capture=stdout
    -o console_output_style=count -k 'passes or fails or marked' --disable-warnings
    -v -o console_output_style=classic -m 'not slow' -o xfail_strict=true --no-header
    -p no:terminal
    -p no:cacheprovider -p no:warnings --capture=sys --assert=plain --no-summary
    --import-mode=importlib --deselect test_outcomes.py::test_fails --strict-markers --runxfail
    -c other.ini --ignore test_outcomes.py --override-ini=faulthandler_timeout=60
    -W error -p no:faulthandler -p no:logging --verbosity=1 --rootdir=.
    --full-trace test_outcomes.py::test_fails test_outcomes.py::test_warns
"""

# Nothing is run, or somebody has to sit before the terminal: these stay with the user's pytest.
LEFT = """
    --collect-only
    --co -q
    --setup-show test_marked.py
    --setup-plan
    --fixtures
    --markers
    --help
    --version
    --cache-show
    --pdb test_marked.py
    --trace test_marked.py
    --no-such-option
    no_such_file.py
"""


def test_what_is_shown(suite: Suite, start: str) -> None:
    suite.write(test_outcomes=OUTCOMES, test_marked=MARKED, conftest=REPORTING)
    (suite.path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    (suite.path / "other.ini").write_text("[pytest]\nmarkers = slow\naddopts = -rA -v\n")
    sessions = [shlex.split(line) for line in SHOWN.splitlines() if line.strip()]
    for arguments, serial, ours in each_both_ways(suite, start, *sessions):
        assert serial.reports, arguments
        assert not differences(serial, ours), arguments


def test_what_pytest_does_alone(suite: Suite) -> None:
    suite.write(test_outcomes=OUTCOMES, test_marked=MARKED)
    (suite.path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    sessions = [shlex.split(line) for line in LEFT.splitlines() if line.strip()]
    for arguments, serial, ours in each_both_ways(suite, "auto", *sessions):
        ours.out = re.sub(r"@pytest\.mark\.schedctl\(.*\n\n", "", ours.out)
        assert not differences(serial, ours), arguments
