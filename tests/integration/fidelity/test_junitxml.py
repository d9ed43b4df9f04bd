"""--junitxml writes what it writes in a serial run, but for times and order."""

from __future__ import annotations

from pathlib import Path

from fidelity.compared import OUTCOMES, cases
from suites import Suite


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
