"""pytest-xdist's fixtures, for sessions without pytest-xdist."""

from __future__ import annotations

import os
from typing import Any

import pytest


@pytest.fixture(scope="session")
def worker_id(request: Any) -> str:
    """The worker's id, gw0 and so on; "master" in the process that reports."""
    given = getattr(request.config, "workerinput", None)
    return str(given["workerid"]) if given else "master"


@pytest.fixture(scope="session")
def testrun_uid(request: Any) -> str:
    """An id of the whole run, the same in all workers."""
    given = getattr(request.config, "workerinput", None)
    return str(given["testrunuid"]) if given else os.urandom(16).hex()
