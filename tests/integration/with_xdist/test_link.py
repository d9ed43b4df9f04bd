"""An engine that is there and does nothing (stopped by a signal, say), and the end of one."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from suites import plugin_path

from .conftest import FAKE_ATTACH

LARGE = "x" * (4 << 20)  # more than a socket takes that nobody reads


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.engine import Engine
    from schedctl_pytest.xdist import link

    monkeypatch.setattr(link, "_PATIENCE", 0.05)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "control"))
        listener.listen()
        made: Any = link.Link(Engine(str(tmp_path / "control")))
        made.peer, _ = listener.accept()
        yield made
        made.close()
        made.peer.close()


def start(link: Any) -> List[Dict[str, Any]]:
    link.peer.sendall(b'{"event":"welcome","version":4}\0{"event":"end","worker":1}\0')
    link.greet({})
    heard: List[Dict[str, Any]] = []
    link.start(heard.append)
    return heard


def test_no_welcome(link: Any) -> None:
    from schedctl_pytest.engine import EngineGone

    with pytest.raises(EngineGone, match="timed out"):
        link.greet({})


def test_nobody_reads(link: Any) -> None:
    heard = start(link)
    link.tell("suite", items=LARGE)
    link.tell("ran", items=[])  # says nothing more
    assert [message["event"] for message in heard].count("lost") == 1
    assert link.lost == "timed out"
    link.close()
    link._thread.join(60)
    assert not link._thread.is_alive()


def test_nobody_answers(link: Any) -> None:
    heard = start(link)
    assert link.ask("node", "pinned") is None
    assert "lost" in [message["event"] for message in heard]


def test_what_came_with_the_welcome_is_heard(link: Any) -> None:
    heard = start(link)
    link.peer.close()
    link._thread.join(60)
    assert [message["event"] for message in heard] == ["end", "lost"]


def test_what_is_forked_off_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine ends although another process has its input, too."""
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.xdist.attach import Attached

    before = set(os.listdir("/proc/self/fd"))
    attached = Attached(str(FAKE_ATTACH))
    opened = {int(fd) for fd in set(os.listdir("/proc/self/fd")) - before}
    held = [fd for fd in opened if os.path.exists(f"/proc/self/fd/{fd}")]
    with subprocess.Popen(["sleep", "1000"], pass_fds=held) as other:
        attached.close()
        other.kill()
    assert attached._process.returncode == 0
