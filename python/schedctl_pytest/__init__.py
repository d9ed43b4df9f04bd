"""The pytest side of ``schedctl run``: pytest reports, workers run the items, schedctl deals them.

The protocol between the three is in docs/run-protocol.md. pytest loads ``schedctl_pytest.plugin``
through the package's ``pytest11`` entry point; everything else is imported only by a pytest that
takes part in a run.

Here is what joins a session to a run; suite/ is what the engine is told before it, reporter/ the
user's pytest meanwhile, worker/ a worker's process, reports/ what goes between the two.
"""
