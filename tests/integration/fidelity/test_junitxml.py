"""--junitxml writes what it writes in a serial run, but for times and order."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import pytest

from fidelity.compared import OUTCOMES, cases
from suites import Suite


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "junit_family=xunit1", "-o", "junit_logging=all", "--junit-prefix=pre"),
        ("-o", "junit_duration_report=call", "-o", "junit_suite_name=named"),
    ],
    ids=("xunit1", "xunit2"),
)
def test_junit_xml(suite: Suite, start: str, tmp_path: Path, options: Tuple[str, ...]) -> None:
    attributes = """
        def test_attribute(record_xml_attribute, record_testsuite_property, record_property):
            record_xml_attribute("assertions", "3")
            record_testsuite_property("architecture", "any")
            record_property("colour", "blue")
    """
    suite.write(test_outcomes=OUTCOMES, test_attributes=attributes)
    one, two = tmp_path / "serial.xml", tmp_path / "ours.xml"
    suite.serial(f"--junitxml={one}", *options)
    suite.parallel(f"--junitxml={two}", *options, start=start)
    assert cases(two) == cases(one)
