"""Suites that pytest-xdist deals, with the versions of it that are supported."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from fetching import virtual_environment
from suites import Ran, Suite, plugin_path

FAKE_ATTACH = Path(__file__).with_name("fake_attach.py")
FAKE_ENGINE = Path(__file__).parents[1] / "fake_engine.py"

_ALL = "SCHEDCTL_TEST_XDIST"  # "all": every version in every test, which takes minutes

# By the name of a version; what is installed is Debian's.
INSTALLED = "installed"
PACKAGES: Dict[str, List[str]] = {
    INSTALLED: [],
    "2.5": ["pytest-xdist==2.5.0", "pytest==7.1.3", "py==1.11.0"],
    "3.8": ["pytest-xdist==3.8.0", "pytest==9.0.2", "pytest-rerunfailures==16.1"],
}


def interpreter(version: str) -> str:
    """A Python that has this version; from the Python Package Index, once."""
    if version == INSTALLED:
        pytest.importorskip("xdist")
        return sys.executable
    return str(virtual_environment(f"xdist-{version}", *PACKAGES[version]) / "bin/python")


class Dealt:
    """A suite that one version of pytest-xdist deals."""

    def __init__(self, suite: Suite, version: str) -> None:
        self.suite = suite
        self.version = version
        suite.python = interpreter(version)

    def write(self, **files: str) -> "Dealt":
        self.suite.write(**files)
        return self

    def plain(self, *arguments: str) -> Ran:
        """By pytest-xdist alone, in two workers."""
        return self.suite.run([], ("-n", "2", *arguments), {})

    def auto(self, *arguments: str, program: str = str(FAKE_ATTACH), **plan: Any) -> Ran:
        """As a user has it who has installed the plugin; an engine that does as the plan says."""
        environ = {"SCHEDCTL_PROGRAM": program, "FAKE_ATTACH": json.dumps(plan)}
        return self.run("-n", "auto", *arguments, **environ)

    def run(self, *arguments: str, **environ: str) -> Ran:
        paths = [plugin_path(), self.suite.environ()["PYTHONPATH"]]
        return self.suite.run([], arguments, {"PYTHONPATH": os.pathsep.join(paths), **environ})


@pytest.fixture(params=list(PACKAGES) if os.environ.get(_ALL) == "all" else [INSTALLED])
def dealt(suite: Suite, request: Any) -> Dealt:
    return Dealt(suite, request.param)


@pytest.fixture(params=list(PACKAGES))
def each_version(suite: Suite, request: Any) -> Dealt:
    """For the few tests that show of every version that it is served at all."""
    return Dealt(suite, request.param)
