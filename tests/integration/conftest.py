"""The suites that test_fidelity.py and test_plugin.py run."""

from suites import engine, start, suite

__all__ = ["engine", "start", "suite"]
