"""The history database: when it is being written, and what is in it."""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import sqlite3
import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

_IN_CREATE = 0x100
_EVENT = struct.Struct("iIII")
_JOURNAL = "history.db-journal"


class Written:
    """Tells when somebody begins to write: the journal appears."""

    def __init__(self, folder: Path) -> None:
        self._journal = folder / _JOURNAL
        self._reader = sqlite3.connect(
            folder / "history.db", timeout=0, isolation_level=None, check_same_thread=False
        )
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, bytes(folder), _IN_CREATE) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def forget(self) -> None:
        """What was written before."""
        self._events()

    def now(self) -> bool:
        return self._journal.exists()

    def hold(self) -> None:
        """Whoever writes cannot commit until let_go()."""
        try:
            self._reader.execute("BEGIN")
            self._reader.execute("SELECT count(*) FROM project").fetchone()
        except sqlite3.OperationalError:
            pass  # somebody commits already

    def let_go(self) -> None:
        self._reader.rollback()

    def wait(self, end: int) -> bool:
        """False where `end`, a process's descriptor, is first."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        poll.register(end, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if _JOURNAL in self._events():
                return True
            if end in ready:
                return False

    def _events(self) -> list[str]:
        names: list[str] = []
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return names
        while data:
            *_, length = _EVENT.unpack_from(data)
            names.append(data[_EVENT.size : _EVENT.size + length].rstrip(b"\0").decode())
            data = data[_EVENT.size + length :]
        return names

    def close(self) -> None:
        self._reader.close()
        os.close(self.fd)


@dataclass
class Project:
    """What is known of one: in which run each item was last measured."""

    runs: int = 0
    items: dict[str, int] = field(default_factory=dict)

    def measured(self) -> set[str]:
        """By the latest run."""
        return {name for name, run in self.items.items() if run == self.runs}


@dataclass
class Past:
    integrity: str
    projects: dict[str, Project]

    def of(self, project: Path) -> Project:
        return self.projects.get(str(project), Project())


def read(folder: Path) -> Past:
    """Of a copy: what a run that was killed has left is for the next run to clear up."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("history.db", _JOURNAL):
            if (folder / name).exists():
                shutil.copy(folder / name, copy)
        with sqlite3.connect(os.path.join(copy, "history.db")) as db:
            return _read(db)


def _read(db: sqlite3.Connection) -> Past:
    try:
        (integrity,) = db.execute("PRAGMA integrity_check").fetchone()
        names = {}
        projects = {}
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'project'").fetchone():
            for key, name, runs in db.execute("SELECT key, name, runs FROM project"):
                names[key] = projects[name] = Project(runs)
            for key, name, run in db.execute("SELECT project, id, run FROM item"):
                names[key].items[name.rpartition("::")[2]] = run
    except sqlite3.DatabaseError as error:
        return Past(str(error), {})
    finally:
        db.rollback()
    return Past(integrity, projects)
