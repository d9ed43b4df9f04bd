"""pytest-benchmark: what it measures runs alone, in the process that makes its table."""

from __future__ import annotations

import json
import re
from typing import List

import pytest

from fidelity.compared import assert_same
from fidelity.plugins import loading
from suites import Ran, Suite

MEASURED = """
    import os, pytest

    @pytest.mark.parametrize("n", [1, 100])
    def test_measured(benchmark, n):
        assert benchmark(sum, range(n)) >= 0
        assert "PYTEST_XDIST_WORKER" not in os.environ

    @pytest.mark.parametrize("n", range(8))
    def test_plain(n): pass
"""
QUICK = ("--benchmark-max-time=0.01", "--benchmark-min-rounds=2", "--benchmark-columns=rounds")


@pytest.fixture
def measured(suite: Suite) -> Suite:
    return loading(suite, pytest_benchmark="benchmark").write(test_one=MEASURED)


def test_table(measured: Suite, start: str) -> None:
    serial = measured.run([], (*QUICK, "--benchmark-json=serial.json"), {})
    ours = measured.run(
        measured.launcher(start, 2, "--verbose"), (*QUICK, "--benchmark-json=ours.json"), {}
    )
    assert_same(serial, ours)
    assert rows(ours) == rows(serial) and len(rows(serial)) == 2
    assert names(measured, "ours.json") == names(measured, "serial.json") != []
    assert "2 items alone: pytest-benchmark measures them" in ours.err
    assert "disabled" not in ours.out


def rows(ran: Ran) -> List[str]:
    return sorted(re.findall(r"^(test_measured\[\d+\])  ", ran.out, re.MULTILINE))


def names(suite: Suite, file: str) -> List[str]:
    read = json.loads((suite.path / file).read_text())
    return sorted(one["fullname"] for one in read["benchmarks"])


@pytest.mark.parametrize("option", ["--benchmark-only", "--benchmark-skip"])
def test_options(measured: Suite, start: str, option: str) -> None:
    serial = measured.serial(*QUICK, option)
    ours = measured.parallel(*QUICK, option, start=start)
    assert_same(serial, ours)
    assert rows(ours) == rows(serial)


def test_switched_off(measured: Suite, start: str) -> None:
    """Nothing is measured, and workers run all of it."""
    measured.write(test_one=MEASURED.replace('"PYTEST_XDIST_WORKER" not in', "1 or "))
    assert_same(
        measured.serial("--benchmark-disable"),
        measured.parallel("--benchmark-disable", start=start),
    )
