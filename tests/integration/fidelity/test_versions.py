"""Versions of other projects' plugins in which what is looked up has another name, and modules that
are named as such plugins: a good run stays one."""

from __future__ import annotations

from fidelity.compared import assert_same, both
from suites import Suite

WHERE = """
    import os, pytest

    @pytest.mark.parametrize("n", range(6))
    def test_where(n):
        if "SCHEDCTL_INSIDE" in os.environ:
            assert "PYTEST_XDIST_WORKER" in os.environ
"""


def test_a_module_named_coverage(suite: Suite, start: str) -> None:
    suite.write(coverage="lines = 0", test_it="import coverage\n" + WHERE.replace("\n    ", "\n"))
    assert_same(*both(suite, start))


# Nothing of theirs is where it is looked for, but for what makes them be taken for those plugins.
OTHERS = {
    "inline_snapshot": "class Plugin: pass",
    "flaky": """
        class Plugin:
            def pytest_testnodedown(self, node):
                node.workeroutput["flaky"]
            def pytest_sessionfinish(self, session):
                getattr(session.config, "workeroutput", {})["flaky"] = 1
    """,
    "syrupy": """
        class Plugin:
            def pytest_testnodedown(self, node):
                node.workeroutput["syrupy"]
            def pytest_sessionfinish(self, session):
                getattr(session.config, "workeroutput", {})["syrupy"] = 1
    """,
    "pytest_metadata": """
        class Plugin:
            def pytest_testnodedown(self, node):
                node.workeroutput["metadata"]
            def pytest_sessionfinish(self, session):
                getattr(session.config, "workeroutput", {})["metadata"] = 1
    """,
}

REGISTERS = """
    import flaky, inline_snapshot, pytest_metadata, syrupy

    def pytest_configure(config):
        config.pluginmanager.register(inline_snapshot.Plugin(), "inline-snapshot-plugin")
        for module in flaky, pytest_metadata, syrupy:
            config.pluginmanager.register(module.Plugin())
"""


def test_plugins_of_other_versions(suite: Suite, start: str) -> None:
    suite.write(conftest=REGISTERS, test_it=WHERE, **OTHERS)
    assert_same(*both(suite, start, "-p", "no:flaky", "-p", "no:metadata", "-p", "no:syrupy"))


REFUSES = """
    import os

    def children():
        return open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read().split()

    refused, opens, before = [], os.pidfd_open, []

    def pidfd_open(pid, flags=0):
        before.append(len(os.listdir("/proc/self/fd")) if not before else 0)
        if len(refused) < 2:
            refused.append(pid)
            raise OSError(24, "Too many open files")
        return opens(pid, flags)

    os.pidfd_open = pidfd_open

    def pytest_sessionfinish(session):
        if not hasattr(session.config, "workerinput") and refused:
            assert not children()
            assert len(os.listdir("/proc/self/fd")) <= before[0]
"""


def test_a_worker_without_a_descriptor(suite: Suite, start: str) -> None:
    """The kernel refuses one for the first two workers: they end, and nothing of them is left."""
    suite.write(conftest=REFUSES, test_it="def test_it(): pass\ndef test_other(): pass")
    assert_same(*both(suite, start))


BREAKS = """
    import schedctl_pytest.reports.cov as cov
    def collected():
        raise RuntimeError("of our own")
    cov.collected = collected
"""


def test_our_own_fault_is_shown(suite: Suite) -> None:
    suite.write(conftest="def pytest_collection_finish():\n" + BREAKS, test_it=WHERE)
    ours = suite.parallel(start="fork")
    assert "RuntimeError: of our own" in ours.err
    assert len(ours.reports) == 6 * 3
