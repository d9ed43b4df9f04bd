"""One virtual environment for all: it takes seconds to make."""

from __future__ import annotations

import pytest

from .wheels import Environment, need_builder


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Without the plugin, or with what the test before has installed."""
    need_builder()
    return Environment(tmp_path_factory.mktemp("her venv"))
