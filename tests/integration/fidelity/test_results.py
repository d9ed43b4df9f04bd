"""A run in workers says what a serial run says: outcomes, counts, exit status, reports, output,
warnings."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, List

import pytest

from suites import Ran, Suite

OUTCOMES = """
    import pytest, unittest, warnings

    @pytest.mark.parametrize("n", range(30))
    def test_passes(n):
        pass

    def test_fails():
        print("said before failing")
        assert [1, 2, 3] == [1, 2, 4]

    @pytest.mark.skip(reason="not today")
    def test_skipped(): ...

    @pytest.mark.skipif("True", reason="condition")
    def test_skipped_by_condition(): ...

    @pytest.mark.xfail(reason="known")
    def test_xfails(): assert 0

    @pytest.mark.xfail
    def test_xpasses(): ...

    @pytest.mark.xfail(strict=True)
    def test_xpasses_strictly(): ...

    @pytest.fixture
    def broken(): raise ValueError("no fixture")

    def test_error_in_setup(broken): ...

    @pytest.fixture
    def breaks(request):
        yield
        raise ValueError("no teardown")

    def test_error_in_teardown(breaks): print("out")

    def test_property(record_property):
        record_property("colour", "blue")

    class Odd:
        def __str__(self): return "odd"

    def test_odd_property(record_property):
        record_property("thing", str(Odd()))

    class OwnWarning(UserWarning): ...

    def test_warns():
        warnings.warn("careful")
        warnings.warn(OwnWarning("own"))

    class TestUnit(unittest.TestCase):
        @classmethod
        def setUpClass(cls): cls.ready = True

        def test_ready(self): self.assertTrue(self.ready)

        def test_sub(self):
            with self.subTest(i=1): self.assertEqual(1, 1)

        @unittest.skip("no")
        def test_unit_skipped(self): ...

        @unittest.expectedFailure
        def test_unit_expected(self): self.fail()
"""


def assert_same(serial: Ran, ours: Ran) -> None:
    assert ours.outcomes() == serial.outcomes()
    assert (ours.status, ours.summary()) == (serial.status, serial.summary())


def both(suite: Suite, start: str, *arguments: str) -> "tuple[Ran, Ran]":
    serial = suite.serial(*arguments)
    ours = suite.parallel(*arguments, start=start)
    return serial, ours


def test_every_outcome(suite: Suite, start: str) -> None:
    suite.write(test_outcomes=OUTCOMES, test_more="def test_more(): pass")
    serial, ours = both(suite, start, "-rA")
    assert_same(serial, ours)
    assert sorted(map(repr, ours.reports)) == sorted(map(repr, serial.reports))
    assert sorted(ours.warnings) == sorted(serial.warnings)
    assert sections(ours.out, "test_fails") == sections(serial.out, "test_fails")
    assert "said before failing" in ours.out


def sections(out: str, name: str) -> List[str]:
    """The lines of one failure."""
    lines = out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip("_ ") == name)
    last = next(i for i in range(first + 1, len(lines)) if lines[i].startswith(("___", "===")))
    return lines[first:last]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "passes and not 3"],
        ["-m", "slow"],
        ["-q", "--tb=short", "-p", "no:faulthandler"],
        ["-vv", "--durations=3", "--import-mode=importlib"],
        ["--deselect", "test_outcomes.py::test_fails"],
        ["test_outcomes.py::test_fails", "test_outcomes.py::test_warns"],
        ["-p", "no:terminal"],
        ["-p", "no:warnings", "--capture=sys"],
        ["-W", "error::UserWarning"],
    ],
    ids=" ".join,
)
def test_options(suite: Suite, arguments: List[str], start: str) -> None:
    marked = "import pytest\n@pytest.mark.slow\ndef test_slow(): pass\n"
    (suite.path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    suite.write(test_outcomes=OUTCOMES, test_marked=marked)
    assert_same(*both(suite, start, *arguments))


@pytest.mark.parametrize("arguments", [[], ["--continue-on-collection-errors"]])
def test_collection_errors(suite: Suite, arguments: List[str], start: str) -> None:
    suite.write(test_broken="import nothing_of_that_name", test_fine="def test_fine(): pass")
    assert_same(*both(suite, start, *arguments))


def test_nothing_collected(suite: Suite) -> None:
    serial, ours = both(suite, "auto")
    assert (serial.status, ours.status) == (5, 5)


def test_everything_deselected(suite: Suite) -> None:
    suite.write(test_some="def test_some(): pass")
    serial, ours = both(suite, "auto", "-k", "nothing")
    assert (serial.status, ours.status) == (5, 5)


def test_usage_error(suite: Suite) -> None:
    serial, ours = both(suite, "auto", "no_such_file.py")
    assert (serial.status, ours.status) == (4, 4)


FAILING = """
    import pytest

    @pytest.mark.parametrize("n", range(40))
    def test_fails(n):
        assert n < 5
"""


@pytest.mark.parametrize("wanted", [1, 3])
def test_maxfail(suite: Suite, wanted: int, start: str) -> None:
    """What was running when the limit was reached may fail as well, and nothing else."""
    suite.write(test_failing=FAILING)
    ours = suite.parallel(f"--maxfail={wanted}", start=start)
    failed = [report for report in ours.reports if report[2] == "failed"]
    assert ours.status == 1
    assert wanted <= len(failed) <= wanted + 1
    assert f"stopping after {wanted} failures" in ours.out or wanted < len(failed)


def test_last_failed(suite: Suite, start: str) -> None:
    suite.write(test_failing=FAILING)
    suite.parallel(start=start)
    serial, ours = both(suite, start, "--lf")
    assert_same(serial, ours)
    assert len(ours.outcomes()) == 35 * 3


def test_failed_first_keeps_all(suite: Suite, start: str) -> None:
    suite.write(test_failing=FAILING)
    suite.parallel(start=start)
    assert_same(*both(suite, start, "--ff"))


def test_junit_xml(suite: Suite, start: str, tmp_path: Path) -> None:
    attributes = """
        def test_attribute(record_xml_attribute, record_testsuite_property, record_property):
            record_xml_attribute("assertions", "3")
            record_testsuite_property("architecture", "any")
            record_property("colour", "blue")
    """
    suite.write(test_outcomes=OUTCOMES, test_attributes=attributes)
    one, two = tmp_path / "serial.xml", tmp_path / "ours.xml"
    suite.serial(f"--junitxml={one}")
    suite.parallel(f"--junitxml={two}", start=start)
    assert cases(two) == cases(one)


def cases(path: Path) -> List[Any]:
    """Every case with its attributes but the time, and its children's tags; the suite's properties
    and counts."""
    suite = next(ElementTree.parse(path).getroot().iter("testsuite"))
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    found: List[Any] = [counts]
    properties = suite.find("properties")
    found += [child.attrib for child in properties] if properties is not None else []
    rows = []
    for case in suite.iter("testcase"):
        attributes = {key: value for key, value in case.attrib.items() if key != "time"}
        rows.append(
            (sorted(attributes.items()), [(child.tag, child.get("message")) for child in case])
        )
    return found + sorted(rows)


FIXTURES = """
    import os, pytest

    def note(*what):
        with open(os.environ["NOTES"], "a") as file:
            print(os.getpid(), *what, file=file)

    @pytest.fixture(scope="session", autouse=True)
    def session():
        note("session up")
        yield
        note("session down")

    @pytest.fixture(scope="module", autouse=True)
    def module(request):
        note("module up", request.node.name)
        yield
        note("module down", request.node.name)

    @pytest.fixture(scope="class")
    def klass(request):
        note("class up", request.node.name)
        yield
        note("class down", request.node.name)
"""


def test_wider_fixtures_once_a_worker(suite: Suite, start: str, tmp_path: Path) -> None:
    """What is set up is torn down, in the same process, and no module's fixture is up twice at
    once."""
    tests = """
        import pytest

        @pytest.mark.usefixtures("klass")
        class TestOne:
            @pytest.mark.parametrize("n", range(10))
            def test_one(self, n): pass

        def test_two(): pass
    """
    suite.write(conftest=FIXTURES, test_a=tests, test_b=tests, test_c=tests)
    notes = tmp_path / "notes"
    ours = suite.parallel(start=start, NOTES=str(notes))
    assert ours.status == 0
    up: List[str] = []
    for line in notes.read_text().splitlines():
        if " up" in line:
            assert line not in up
            up.append(line)
        else:
            up.remove(line.replace(" down", " up"))
    assert up == []
    assert len({line.split()[0] for line in notes.read_text().splitlines()}) <= 2


def test_tmp_path_is_own(suite: Suite, start: str, tmp_path: Path) -> None:
    tests = """
        import pytest

        @pytest.mark.parametrize("n", range(20))
        def test_writes(tmp_path, tmp_path_factory, n):
            assert not list(tmp_path.iterdir())
            (tmp_path / "file").write_text(str(n))
            base = tmp_path_factory.mktemp("more")
            (base / "file").write_text("x")
    """
    suite.write(test_temporary=tests)
    base = tmp_path / "base"
    assert_same(*both(suite, start, f"--basetemp={base}"))
    assert (
        len(list(base.glob("*/test_writes*/file"))) + len(list(base.glob("test_writes*/file")))
        >= 20
    )


def test_worker_identity(suite: Suite, start: str) -> None:
    tests = """
        import os, pytest

        @pytest.mark.parametrize("n", range(10))
        def test_identity(worker_id, testrun_uid, request, n):
            assert os.environ["PYTEST_XDIST_WORKER"] == worker_id
            assert worker_id in ("gw0", "gw1")
            assert os.environ["PYTEST_XDIST_TESTRUNUID"] == testrun_uid
            assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == "2"
            assert request.config.workerinput["workerid"] == worker_id
            assert request.config.workerinput["workercount"] == 2
            assert os.environ["SCHEDCTL_SLOT"].isdigit()
            assert "schedctl" not in os.environ.get("PYTHONPATH", "")
    """
    suite.write(test_identity=tests)
    assert suite.parallel(start=start).status == 0


def test_seeded_random_stays_seeded(suite: Suite) -> None:
    tests = """
        import random
        random.seed(1)

        def test_first(): assert random.random() == random.Random(1).random()
    """
    suite.write(test_seeded=tests)
    assert suite.parallel(start="fork", w=1).status == 0


@pytest.mark.parametrize("seeded", [False, True])
def test_numpy_is_as_random_as_serially(suite: Suite, seeded: bool) -> None:
    pytest.importorskip("numpy")
    tests = f"""
        import numpy, pytest
        numpy.random.seed(5) if {seeded} else None
        inherited = numpy.random.get_state()[1].tolist()

        @pytest.mark.parametrize("n", range(4))
        def test_state(n):
            assert (numpy.random.get_state()[1].tolist() == inherited) is {seeded}
    """
    assert suite.write(test_numpy=tests).parallel(start="fork").status == 0


COVERED = """
    def covered(n):
        if n == 3:
            return "three"
        elif n == 99:
            return "never"
        return "other"
"""


@pytest.mark.parametrize("branch", [[], ["--cov-branch"]], ids=["lines", "branches"])
def test_coverage_is_the_same(suite: Suite, branch: List[str], start: str) -> None:
    pytest.importorskip("pytest_cov")
    tests = """
        import pytest
        from covered import covered

        @pytest.mark.parametrize("n", range(6))
        def test_covered(n): assert covered(n)
    """
    suite.write(covered=COVERED, test_covered=tests)
    arguments = ["--cov=covered", "--cov-report=term-missing", *branch]
    serial, ours = both(suite, start, *arguments)
    assert_same(serial, ours)
    assert covered_lines(serial) and covered_lines(ours) == covered_lines(serial)


@pytest.mark.parametrize("branch", [[], ["--branch"]], ids=["lines", "branches"])
def test_coverage_run_is_the_same(suite: Suite, branch: List[str], start: str) -> None:
    """What Coverage itself starts; every worker runs but a part of what the lines need."""
    pytest.importorskip("coverage")
    tests = """
        import pytest
        from covered import covered

        @pytest.mark.parametrize("n", range(6))
        def test_covered(n): assert covered(n)
    """
    suite.write(covered=COVERED, test_covered=tests)
    program = ("-m", "coverage", "run", "--source=.", *branch, "-m", "pytest", "-p", "recorder")
    report = ("-m", "coverage", "report", "-m")
    tables = []
    launchers: List[List[str]] = [[], suite.launcher(start, 2)]
    for launcher in launchers:
        assert suite.run(launcher, (), {}, program).status == 0
        tables.append(suite.run([], (), {}, report).out)
        assert "covered.py" in tables[-1]
    assert tables[0] == tables[1]


def covered_lines(ran: Ran) -> List[str]:
    return [line for line in ran.out.splitlines() if line.startswith("covered.py")]


def test_output_past_capture_stays_together(suite: Suite, start: str) -> None:
    """With -s, and where capture is switched off for a while; in a dying worker too."""
    tests = """
        import os, pytest, sys, time

        @pytest.mark.parametrize("n", range(20))
        def test_says(n, capsys):
            with capsys.disabled():
                print(f"<{n}", flush=True)
                os.system(f"echo ={n}")
                print(f"{n}>", flush=True)
            if n == 7:
                print("last words", flush=True)
                os.write(1, b"of seven")
                os._exit(1)
    """
    suite.write(test_says=tests)
    for capture in ("fd", "no"):
        ours = suite.parallel(f"--capture={capture}", start=start)
        assert ours.failed() == ["test_says.py::test_says[7]"]
        for n in range(20):
            if n != 7:
                assert f"<{n}\n={n}\n{n}>\n" in ours.out
    assert "last words" not in ours.out and "of seven" in ours.out
