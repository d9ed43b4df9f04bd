"""Files that somebody else has put where the service's go, and places where nothing can be put."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from service.conftest import STRANGER
from service.test_start import nproc, pid_of

from .conftest import IS_ROOT, as_root

PRECIOUS = "precious"
# Where nobody can make anything, not even root; a directory of the user's own for all that.
NOWHERE = "/proc/self"
KEPT = ["XDG_CONFIG_HOME"]


@pytest.fixture
def victim(rundir: Path) -> Path:
    """A file of the user's that a planted link names."""
    path = rundir / "victim"
    path.write_text(PRECIOUS)
    return path


@pytest.fixture
def shared(rundir: Path) -> Path:
    """A directory as /tmp is."""
    path = rundir / "shared"
    path.mkdir()
    path.chmod(0o1777)
    rundir.chmod(0o755)
    return path


def plant(path: Path, kind: str, victim: Path) -> None:
    """What another user puts there; without root, what one has put there oneself."""
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "dangling link":
        path.symlink_to(victim.with_name("created"))
    elif kind == "FIFO":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.write_text(PRECIOUS)
        path.chmod(0o666)
    if IS_ROOT:
        os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


def unharmed(victim: Path) -> bool:
    return victim.read_text() == PRECIOUS and not victim.with_name("created").exists()


KINDS = ["link", "dangling link", "FIFO", "directory", pytest.param("file", marks=as_root)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".log", ".state", ".state.new"])
def test_planted_beside_the_socket(
    build: Path,
    env: dict[str, str],
    socket_path: Path,
    shared: Path,
    victim: Path,
    suffix: str,
    kind: str,
) -> None:
    """The service starts, writes nothing into it, and does without where it cannot have its own."""
    path = shared / "s"
    socket_path.symlink_to(path)  # ends with the test as its own would
    planted = shared / f"s{suffix}"
    plant(planted, kind, victim)
    answer = nproc(build, {**env, "SCHEDCTL_SOCKET": str(path)})
    assert answer.stderr == "" and int(answer.stdout) >= 1
    pid_of(path)
    assert unharmed(victim)
    if kind == "file" and suffix == ".log":
        assert planted.read_text() == PRECIOUS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["", ".lock"])
def test_planted_at_the_socket(
    build: Path, env: dict[str, str], shared: Path, victim: Path, suffix: str, kind: str
) -> None:
    """Whoever could replace it, or hold its lock for ever, is not given the chance: no service, and
    that is said."""
    if kind == "FIFO" and suffix == ".lock" and not IS_ROOT:
        pytest.skip("one's own FIFO can be locked as well as a file")
    path = shared / "s"
    plant(shared / f"s{suffix}", kind, victim)
    answer = nproc(build, {**env, "SCHEDCTL_SOCKET": str(path)})
    assert "no service" in answer.stderr and int(answer.stdout) >= 1
    assert unharmed(victim)
    assert not [path for path in shared.iterdir() if stat.S_ISSOCK(path.lstat().st_mode)]


@as_root
def test_a_link_to_anothers_socket(
    build: Path, env: dict[str, str], socket_path: Path, shared: Path
) -> None:
    """Its owner is found out by the socket, not by the path."""
    theirs = socket.socket(socket.AF_UNIX)
    os.seteuid(STRANGER)
    try:
        theirs.bind(str(shared / "theirs"))
        theirs.listen()
    finally:
        os.seteuid(0)
    socket_path.symlink_to(shared / "theirs")
    answer = nproc(build, env)
    assert "Operation not permitted" in answer.stderr
    theirs.close()
    socket_path.unlink()


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "suite"
    path.mkdir()
    (path / "test_it.py").write_text("def test_one(): pass\ndef test_two(): pass\n")
    return path


def run(
    build: Path, env: dict[str, str], suite: Path, *options: str
) -> "subprocess.CompletedProcess[str]":
    pytest_options = ["-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(
        [build / "cli/schedctl", "run", "--", sys.executable, "-m", "pytest", *pytest_options],
        env={**env, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=suite,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_read_only_home(build: Path, env: dict[str, str], suite: Path) -> None:
    """The run is as it would be; that it has no history is said. (The service keeps its
    configuration: a run as nice as one is without it waits for all that the machine does.)"""
    without = {k: v for k, v in env.items() if k in KEPT or not k.startswith("XDG_")}
    done = run(build, {**without, "HOME": NOWHERE}, suite)
    assert done.returncode == 0 and "2 passed" in done.stdout
    assert "history" in done.stderr


def test_read_only_runtime_directory(build: Path, env: dict[str, str], suite: Path) -> None:
    """No service can be started there: the run says so and goes on with its own mask; its own files
    are in /tmp."""
    if Path("/run/schedd/schedd.sock").exists():
        pytest.skip("this machine has a system service")
    without = {k: v for k, v in env.items() if k != "SCHEDCTL_SOCKET"}
    done = run(build, {**without, "XDG_RUNTIME_DIR": NOWHERE}, suite)
    assert done.returncode == 0 and "2 passed" in done.stdout
    assert "without a lease" in done.stderr


@pytest.fixture
def full(rundir: Path) -> Iterator[Path]:
    """A file system without room."""
    disk = rundir / "full"
    disk.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    with pytest.raises(OSError), open(disk / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@as_root
@pytest.mark.parametrize("name", ["XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TMPDIR"])
def test_runs_on_a_full_disk(
    build: Path, env: dict[str, str], suite: Path, full: Path, name: str
) -> None:
    done = run(build, {**env, name: str(full)}, suite)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stderr
    assert ("history" in done.stderr) == (name == "XDG_STATE_HOME")


def test_reports_on_a_full_disk(build: Path, env: dict[str, str], suite: Path) -> None:
    """What pytest itself does where its report cannot be written, the run does."""
    options = ["-q", "-p", "no:cacheprovider", "--junitxml=/dev/full"]
    serial = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=suite, capture_output=True, check=False
    )
    done = run(build, env, suite, "--junitxml=/dev/full")
    assert done.returncode == serial.returncode
