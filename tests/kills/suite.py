"""The suite whose items write down that they ran, and what it wrote."""

from __future__ import annotations

import os
import select
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

CONFTEST = """
import os, time
import pytest

PLACE = os.environ["KILLS_PLACE"]

def is_reporter():
    return "PYTEST_XDIST_WORKER" not in os.environ

def append(path, *words):
    fd = os.open(os.path.join(PLACE, path), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, (" ".join(map(str, words)) + "\\n").encode())
    os.close(fd)

def mark(name):
    fd = os.open(os.path.join(PLACE, "marks"), os.O_WRONLY | os.O_NONBLOCK)
    os.write(fd, f"{name} {os.getpid()} {time.monotonic()}\\n".encode())
    os.close(fd)

def pytest_configure():
    if is_reporter():
        mark("configure")

def pytest_collection_finish():
    if is_reporter():
        mark("collected")

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish():
    if is_reporter():
        mark("finish")

@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    if is_reporter():
        mark("unconfigure")

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    append("ran/" + item.name, "begin", os.getpid())
    mark("begin")
    yield
    append("ran/" + item.name, "end", os.getpid())

def pytest_runtest_logfinish(nodeid):
    append("finished", nodeid)
"""

TESTS = {
    "test_quick.py": """
        import time, pytest

        @pytest.fixture(scope="module", autouse=True)
        def prepared():
            yield

        @pytest.mark.parametrize("n", range(20))
        def test_quick(n):
            end = time.process_time() + 0.003 * (n % 4)
            while time.process_time() < end:
                pass
    """,
    "test_many.py": """
        import pytest

        @pytest.mark.parametrize("n", range(160))
        def test_many(n):
            pass
    """,
    "test_waits.py": """
        import time, pytest

        @pytest.mark.parametrize("n", range(14))
        def test_waits(n):
            time.sleep(0.01 * (n % 7))
    """,
    "test_children.py": """
        import os, subprocess, pytest

        DAEMON = "sleep 1000 </dev/null >/dev/null 2>&1 &"

        @pytest.mark.parametrize("n", range(3))
        def test_leaves_a_child(n):
            subprocess.Popen(["sleep", "1000"])

        @pytest.mark.parametrize("n", range(3))
        def test_leaves_a_daemon(n):
            if os.environ["KILLS_DAEMONS"] == "1":
                subprocess.run(["setsid", "sh", "-c", DAEMON], check=True)
    """,
}
N_ITEMS = 20 + 160 + 14 + 3 + 3


def write(folder: Path) -> None:
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    for name, text in TESTS.items():
        lines = [line[8:] for line in text.splitlines()]
        (folder / name).write_text("\n".join(lines) + "\n")


def is_left_by_an_item(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0")
    except OSError:
        return False


@dataclass(frozen=True)
class Mark:
    name: str
    pid: int
    at: float


class Marks:
    """What the processes of one run say of how far they are, through a FIFO in its folder."""

    def __init__(self, place: Path) -> None:
        path = place / "marks"
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.items: list[Mark] = []

    def read(self) -> None:
        try:
            text = os.read(self.fd, 1 << 16).decode()
        except BlockingIOError:
            return
        for line in text.splitlines():
            name, pid, at = line.split()
            self.items.append(Mark(name, int(pid), float(at)))

    def named(self, name: str) -> list[Mark]:
        return [mark for mark in self.items if mark.name == name]

    def wait(self, name: str, times: int, end: int) -> bool:
        """For that many of these marks; False where `end`, a process's descriptor, is first."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        poll.register(end, select.POLLIN)
        while len(self.named(name)) < times:
            ready = [fd for fd, _ in poll.poll()]
            if ready == [end]:
                return False
            self.read()
        return True

    def close(self) -> None:
        self.read()
        os.close(self.fd)

    def count(self, name: str, before: float) -> int:
        return sum(mark.at <= before for mark in self.named(name))


@dataclass
class Ran:
    """Of the items by name: by which processes begun and ended, how often shown as finished."""

    begun: dict[str, list[int]]
    ended: dict[str, list[int]]
    finished: Counter[str]


def read(place: Path) -> Ran:
    ran = Ran({}, {}, Counter())
    for file in (place / "ran").iterdir():
        for line in file.read_text().splitlines():
            what, pid = line.split()
            (ran.begun if what == "begin" else ran.ended).setdefault(file.name, []).append(int(pid))
    if (place / "finished").exists():
        for line in (place / "finished").read_text().splitlines():
            ran.finished[line.rpartition("::")[2]] += 1
    return ran


def now() -> float:
    return time.monotonic()
