"""docs/starting.md: what makes a suite unsafe to fork, and the reason that is told."""

from __future__ import annotations

import re
from typing import Dict

import pytest

from fidelity.plugins import loading
from suites import HERE, Suite, plugin_path

GUIDE = HERE.parent.parent / "docs" / "starting.md"
ITEMS = "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_n(n): pass\n"

# what, as the table's first column begins: a conftest.py with it, and the reason
UNSAFE: Dict[str, "tuple[str, str]"] = {
    "a thread of Python's": (
        """
        import threading
        threading.Thread(target=threading.Event().wait, name="waiter", daemon=True).start()
        """,
        r"thread 'waiter' runs",
    ),
    "native threads": (
        """
        import ctypes
        library = ctypes.CDLL(None)
        routine = ctypes.cast(library.pause, ctypes.c_void_p)
        thread = ctypes.c_ulong()
        library.pthread_create(ctypes.byref(thread), None, routine, None)
        """,
        r"1 native threads run",
    ),
    "a socket": (
        "import socket\nkept = socket.socket()\n",
        r"socket \d+ was opened since the start",
    ),
    "an event queue": (
        "import select\nkept = select.epoll()\n",
        r"\[?eventpoll\]? \d+ was opened since the start",
    ),
    "a lock of the filelock": (
        """
        import sys, types
        stand_in = sys.modules["filelock._api"] = types.ModuleType("filelock._api")
        stand_in._LIVE_LOCKS = ["one"]
        """,
        r"locks made by filelock refuse to be inherited",
    ),
    "a file asks": (
        """
        import os
        def pytest_configure(config):
            os.environ.get("PYTEST_XDIST_WORKER")
            hasattr(config, "workerinput")
        """,
        r"conftest\.py:4 reads PYTEST_XDIST_WORKER; conftest\.py:5 reads config\.workerinput",
    ),
    "a plugin implements `pytest_configure_node`": (
        """
        import pytest
        @pytest.hookimpl(optionalhook=True)
        def pytest_configure_node(node): pass
        """,
        r"conftest prepares each worker",
    ),
    "a plugin implements `pytest_testnodedown`": (
        """
        import pytest
        @pytest.hookimpl(optionalhook=True)
        def pytest_testnodedown(node, error): pass
        """,
        r"conftest collects from each worker",
    ),
}


@pytest.mark.parametrize("what", UNSAFE)
def test_unsafe(suite: Suite, what: str) -> None:
    conftest, reason = UNSAFE[what]
    suite.write(conftest=conftest, test_items=ITEMS)
    ran = suite.run(suite.launcher("auto", 2, "--verbose"), (), {})
    assert ran.status == 0 and ran.summary() == "6 passed"
    assert re.search(rf"start by spawn: forking is not safe: {reason}", ran.err), ran.err


def test_every_row_is_tested() -> None:
    section = GUIDE.read_text().partition("## What makes a suite unsafe to fork")[2]
    section = section.partition("\n## ")[0]
    rows = re.findall(r"^\| (?!what|---)(.*?) \|", section, re.MULTILINE)
    assert len(rows) == len(UNSAFE)
    for row in rows:
        assert any(row.startswith(what) for what in UNSAFE), row


def test_every_vetted_plugin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.suite import vetted

    text = GUIDE.read_text()
    for name in {*vetted.MAY_ASK, *vetted.NODE_HOOKS, *vetted.HANDED_OVER}:
        assert name in ("_pytest", "schedctl_pytest") or re.search(rf"\b{name}\b", text), name


def test_safe(suite: Suite) -> None:
    """With a plugin of pytest's own off that workers look for."""
    suite.write(test_items=ITEMS)
    ran = suite.run(suite.launcher("auto", 2, "--verbose"), ("-p", "no:subtests"), {})
    assert "0 left to pytest" in ran.err
    assert "workers start by fork: no threads, no open sockets" in ran.err


def test_plugins_given_as_objects(suite: Suite) -> None:
    suite.write(test_items=ITEMS)
    (suite.path / "run.py").write_text("import pytest\npytest.main([], plugins=[object()])\n")
    ran = suite.run(suite.launcher("spawn", 2, "--verbose"), (), {}, ("run.py",))
    assert "pytest was given plugins as objects, which a fresh process cannot have" in ran.err
    assert ran.summary() == "6 passed"


@pytest.mark.parametrize(
    "module, entry, option, reason",
    [
        ("testmon", "testmon", "--testmon", "pytest-testmon follows what each test runs"),
        ("pytest_profiling", "profiling", "--profile", "pytest-profiling adds up"),
        ("pytest_retry", "pytest-retry", "--retries=2", "pytest-retry keeps its report"),
        ("pytest_benchmark", "benchmark", "--benchmark-only", "--benchmark-only"),
    ],
)
def test_left_to_pytest(suite: Suite, module: str, entry: str, option: str, reason: str) -> None:
    loading(suite, **{module: entry})
    suite.write(test_items=ITEMS)
    ran = suite.run(suite.launcher("auto", 2, "--verbose"), (option,), {})
    assert ran.status == 0 and reason in ran.err
