"""A pytest too old to take part: it tells the run why, and runs as it would without schedctl. Read
by any Python from 2.7 on."""

import json
import os
import socket

from .surroundings import Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def step_aside(config, why):
    # type: (Any, str) -> None
    _tell(os.environ["SCHEDCTL_RUN"], why)
    config.pluginmanager.register(_Elder(), "schedctl-elder")


class _Elder(object):
    def __init__(self):
        # type: () -> None
        self._surroundings = Surroundings()

    def pytest_unconfigure(self):
        # type: () -> None
        self._surroundings.restore()


def _tell(path, why):
    # type: (str, str) -> None
    message = json.dumps({"event": "unfit", "why": why}).encode("ascii") + b"\0"
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
        connection.sendall(message)
    except (OSError, socket.error):
        pass  # the run is over
    finally:
        connection.close()
