"""The suites that test_fidelity.py and test_plugin.py run."""

from suites import engine, runtime, start, suite

__all__ = ["engine", "runtime", "start", "suite"]
