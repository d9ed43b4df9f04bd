"""The suites that test_fidelity.py and test_plugin.py run."""

import signal

from suites import engine, runtime, start, suite

__all__ = ["engine", "runtime", "start", "suite"]

# Who starts the tests in a shell's background, or by nohup, has these ignored, and so would be what
# they run.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
