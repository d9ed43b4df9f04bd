"""pytest-cov and Coverage itself: what is measured in workers is what a serial run measures."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Dict, List

import pytest

from fidelity.compared import assert_same
from suites import Ran, Suite

MEASURED = """
    import subprocess, sys

    def choose(n):
        if n == 3:
            return "three"
        if n > 98:
            return "never"
        return "other"

    def child(n):
        return subprocess.run([sys.executable, "-c", f"import inner; inner.run({n})"]).returncode
"""
INNER = """
    def run(n):
        if n == 1:
            return "one"
        return "other"
"""
TESTS = """
    import pytest
    from measured import child, choose

    @pytest.mark.parametrize("n", range(6))
    def test_chooses(n): assert choose(n)

    @pytest.mark.parametrize("n", range(2))
    def test_child(n): assert child(n) == 0
"""
REPORTS = ("xml", "json", "lcov")


@pytest.fixture
def measured(suite: Suite) -> Suite:
    pytest.importorskip("pytest_cov")
    (suite.path / ".coveragerc").write_text("[run]\nsource = .\n")
    return suite.write(measured=MEASURED, inner=INNER, test_one=TESTS)


def table(ran: Ran) -> List[str]:
    return re.findall(r"^\S+\.py .*$|^TOTAL.*$", ran.out, re.MULTILINE)


def lines(path: Path) -> Any:
    """What a report says of each line, without when and where it was made."""
    if path.suffix == ".json":
        files: Dict[str, Any] = json.loads(path.read_text())["files"]
        return {
            name: (data["executed_lines"], data.get("contexts")) for name, data in files.items()
        }
    if path.suffix == ".xml":
        found = ElementTree.parse(path).getroot()
        return [(one.tag, dict(one.attrib)) for one in found.iter() if one.tag in ("line", "class")]
    return path.read_text()


@pytest.mark.parametrize("rc", ["", "branch = true\nparallel = true\n"], ids=["plain", "parallel"])
def test_reports(measured: Suite, start: str, rc: str) -> None:
    """Branches, contexts and tests' child processes, in every format."""
    with open(measured.path / ".coveragerc", "a") as file:
        file.write(rc + ("patch = subprocess\n" if patches() else ""))
        file.write("[json]\nshow_contexts = true\n")

    def options(name: str) -> List[str]:
        reports = [f"--cov-report={kind}:{name}.{kind}" for kind in kinds()]
        return ["--cov", "--cov-context=test", "--cov-report=term-missing", *reports]

    serial = measured.run([], tuple(options("serial")), {})
    ours = measured.parallel(*options("ours"), start=start)
    assert_same(serial, ours)
    assert table(ours) == table(serial) != []
    for kind in kinds():
        wanted = lines(measured.path / f"serial.{kind}")
        assert lines(measured.path / f"ours.{kind}") == wanted, kind
    left = [path.name for path in measured.path.glob(".coverage.*")]
    assert not left


def patches() -> bool:
    """Whether pytest-cov leaves child processes to Coverage."""
    import coverage

    return bool(coverage.version_info >= (7, 10))


def kinds() -> List[str]:
    import pytest_cov

    new = int(pytest_cov.__version__.partition(".")[0]) >= 5
    return list(REPORTS) if new else ["xml"]


def test_threshold_append_and_off(measured: Suite, start: str) -> None:
    """--cov-fail-under's status, --cov-append's sum, --no-cov's nothing."""
    for arguments in (["--cov", "--cov-fail-under=99"], ["--cov", "--no-cov"]):
        serial = measured.run([], tuple(arguments), {})
        ours = measured.parallel(*arguments, start=start)
        assert_same(serial, ours)
        assert table(ours) == table(serial)
    tables = []
    launchers: List[List[str]] = [[], measured.launcher(start, 2)]
    for launcher in launchers:
        (measured.path / ".coverage").unlink(missing_ok=True)
        measured.run(launcher, ("--cov", "-k", "child"), {})
        tables.append(table(measured.run(launcher, ("--cov", "--cov-append", "-k", "chooses"), {})))
    assert tables[0] == tables[1] != []


@pytest.mark.parametrize(
    "rc",
    ["branch = true\nparallel = true\ndynamic_context = test_function\n", "concurrency = thread\n"],
)
def test_coverage_run(measured: Suite, start: str, rc: str) -> None:
    with open(measured.path / ".coveragerc", "a") as file:
        file.write(rc)
    program = ("-m", "coverage", "run", "-m", "pytest", "-p", "recorder", "-p", "no:pytest_cov")
    tables = []
    launchers: List[List[str]] = [[], measured.launcher(start, 2)]
    for launcher in launchers:
        assert measured.run(launcher, (), {}, program).status == 0
        if "parallel" in rc:
            measured.run([], (), {}, ("-m", "coverage", "combine"))
        tables.append(table(measured.run([], (), {}, ("-m", "coverage", "report", "-m"))))
    assert tables[0] == tables[1] != []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")
def test_by_monitoring(measured: Suite, start: str) -> None:
    arguments = ("--cov", "--cov-report=term-missing")
    serial = measured.serial(*arguments, COVERAGE_CORE="sysmon")
    ours = measured.parallel(*arguments, start=start, COVERAGE_CORE="sysmon")
    assert_same(serial, ours)
    assert table(ours) == table(serial) != []
