"""Finding and starting the service, leaving when idle, systemd's protocols, and whom to trust."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from .conftest import (
    EIGHT_PUS,
    STRANGER,
    Service,
    StartService,
    as_root,
    stop_service,
    wait_gone,
)
from .varlink_client import PATIENCE, SCHEDULER, SERVICE, Connection, error


def processes_with(argument: str) -> list[int]:
    """Processes that have the argument on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


def nproc(
    build: Path, env: dict[str, str], *options: str, user: int | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [build / "cli/schedctl", "nproc", *options],
        env=env if user is None else {**env, "SCHEDCTL_SCHEDD": str(build / "daemon/schedd")},
        user=user,
        group=user,
        extra_groups=[] if user is not None else None,
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
    )


def pid_of(path: Path) -> int:
    with Connection(path) as connection:
        pid: int = connection.call(SCHEDULER + "GetStatus")["pid"]
        return pid


def test_started_on_demand(build: Path, env: dict[str, str], socket_path: Path) -> None:
    first = nproc(build, env)
    assert int(first.stdout) >= 1 and first.stderr == ""
    pid = pid_of(socket_path)
    assert nproc(build, env).stdout == first.stdout
    assert pid_of(socket_path) == pid
    # Detached: its own session, root as its directory, nothing of ours open.
    assert os.getsid(pid) != os.getsid(0)
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    fds = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # that of a connection which has just ended
            fds.add(os.readlink(path))
    assert os.readlink(f"/proc/{pid}/fd/0") == os.readlink(f"/proc/{pid}/fd/1") == "/dev/null"
    assert not [fd for fd in fds if fd.startswith(("/dev/pts", "/dev/tty"))]
    assert (socket_path.stat().st_mode & 0o777) == 0o600


def test_not_started_on_request(build: Path, env: dict[str, str], socket_path: Path) -> None:
    status = subprocess.run(
        [build / "cli/schedctl", "status"], env=env, capture_output=True, text=True, check=True
    )
    assert status.stdout == "No service is running: nothing is lent.\n"
    assert not socket_path.exists()


def test_many_first_clients_get_one_service(
    build: Path, env: dict[str, str], socket_path: Path
) -> None:
    clients = [
        subprocess.Popen(
            [build / "cli/schedctl", "nproc"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(20)
    ]
    answers = {client.communicate(timeout=PATIENCE) for client in clients}
    assert len(answers) == 1 and all(err == "" for _, err in answers), answers
    assert processes_with(str(socket_path)) == [pid_of(socket_path)]


def test_stale_socket(build: Path, env: dict[str, str], socket_path: Path) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(socket_path))
    stale.close()
    assert nproc(build, env).stderr == ""
    pid_of(socket_path)


def test_after_a_crash(build: Path, env: dict[str, str], socket_path: Path) -> None:
    nproc(build, env)
    pid = pid_of(socket_path)
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    assert socket_path.exists()
    assert nproc(build, env).stderr == ""
    assert pid_of(socket_path) != pid


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_no_socket_is_left_alone(
    build: Path, env: dict[str, str], socket_path: Path, kind: str
) -> None:
    if kind == "file":
        socket_path.write_text("precious")
    else:
        socket_path.mkdir()
    assert "no service" in nproc(build, env).stderr
    assert socket_path.is_dir() or socket_path.read_text() == "precious"


def test_schedd_that_cannot_be_started(
    build: Path, env: dict[str, str], socket_path: Path, rundir: Path
) -> None:
    affinity = len(os.sched_getaffinity(0))
    for bad in ("/nonexistent/schedd", "/dev/null"):
        answer = nproc(build, {**env, "SCHEDCTL_SCHEDD": bad})
        assert int(answer.stdout) == affinity and "no service" in answer.stderr
        assert not socket_path.exists()
    answer = nproc(build, {**env, "SCHEDCTL_SCHEDD": "/bin/false"})
    assert int(answer.stdout) == affinity and "no service" in answer.stderr


def start_hasty(start: StartService, path: Path) -> tuple[Service, Connection]:
    """A service that leaves soon, and a connection that keeps it: where the one is gone before
    the other is there, both anew."""
    while True:
        service = start("--idle-exit", "0.05", path=path)
        try:
            connection = service.connect()
            connection.call(SERVICE + "GetInfo")
            return service, connection
        except (OSError, AssertionError):
            assert service.end() == 0


def test_idle_exit(
    build: Path, start: StartService, env: dict[str, str], socket_path: Path
) -> None:
    service, connection = start_hasty(start, socket_path)
    with connection:
        connection.acquire()
    assert service.process.wait(PATIENCE) == 0
    left = {path.name for path in socket_path.parent.iterdir() if path.name.startswith("s")}
    assert left == {"s.lock", "s.err", "s.notify"}
    assert nproc(build, env).stderr == ""  # and a new one is started


def test_idle_exit_where_the_directory_is_gone(start: StartService, rundir: Path) -> None:
    directory = rundir / "d"
    directory.mkdir()
    service, connection = start_hasty(start, directory / "s")
    with connection:
        service.notifications.close()
        shutil.rmtree(directory)
    assert service.process.wait(PATIENCE) == 0


@pytest.fixture
def hasty(build: Path, rundir: Path) -> str:
    """A service that leaves whenever it is alone."""
    program = rundir / "hasty"
    program.write_text(f'#!/bin/sh\nexec "{build}/daemon/schedd" "$1" "$2" "$3" 0.001\n')
    program.chmod(0o755)
    return str(program)


def test_a_service_waits_for_the_client_that_started_it(
    build: Path, env: dict[str, str], rundir: Path, hasty: str
) -> None:
    library = rundir / "late.so"  # LD_PRELOAD takes no path with a space
    library.symlink_to(build / "tests/late.so")
    late = {"LD_PRELOAD": str(library), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    assert nproc(build, {**env, **late, "SCHEDCTL_SCHEDD": hasty}).stderr == ""


def test_clients_meet_a_leaving_service(build: Path, env: dict[str, str], hasty: str) -> None:
    """Every client gets an answer all the same."""
    env = {**env, "SCHEDCTL_SCHEDD": hasty}
    for _ in range(15):
        clients = [
            subprocess.Popen([build / "cli/schedctl", "nproc"], env=env, stderr=subprocess.PIPE)
            for _ in range(3)
        ]
        for client in clients:
            assert client.communicate(timeout=PATIENCE)[1] == b""


def test_a_run_survives_its_service(build: Path, env: dict[str, str], socket_path: Path) -> None:
    """The library claims the lease from the next service, which it starts itself."""
    with subprocess.Popen(
        [build / "tests/hold"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as hold:
        assert hold.stdin and hold.stdout
        before = hold.stdout.readline()
        assert int(before.split()[1]) in os.sched_getaffinity(0)
        pid = pid_of(socket_path)
        os.kill(pid, signal.SIGKILL)
        after = hold.stdout.readline()
        while after == "gone\n":
            after = hold.stdout.readline()
        assert after == before
        assert pid_of(socket_path) != pid
        hold.stdin.write("max 1\n")
        hold.stdin.flush()
        changed = hold.stdout.readline()
        wanted = changed.split("wanted ")[1].split()[0] if len(before.split()) > 6 else None
        if wanted and wanted != "slots":
            hold.stdin.write(f"return {wanted}\n")
            hold.stdin.flush()
            assert wanted not in hold.stdout.readline().split("wanted")[0].split()[1:]
        hold.stdin.close()
        assert hold.wait(PATIENCE) == 0


def test_borrow_example(build: Path, env: dict[str, str]) -> None:
    out = subprocess.run(
        [build / "examples/borrow"], env=env, capture_output=True, text=True, check=True
    ).stdout
    cpus = {int(line.removeprefix("CPU ")) for line in out.splitlines()}
    assert cpus and cpus <= os.sched_getaffinity(0)


# Whom to trust.


@pytest.fixture
def public(build: Path) -> Iterator[Path]:
    """The programs where any user can run them: the build folder may lie in a private one."""
    folder = Path(tempfile.mkdtemp(prefix="schedctl-programs-"))
    folder.chmod(0o755)
    for program in ("cli/schedctl", "daemon/schedd"):
        (folder / program).parent.mkdir()
        shutil.copy(build / program, folder / program)
    yield folder
    shutil.rmtree(folder)


@as_root
def test_another_users_service_is_refused(public: Path, env: dict[str, str], rundir: Path) -> None:
    rundir.chmod(0o1777)
    path = rundir / "theirs"
    env = {**env, "SCHEDCTL_SOCKET": str(path)}
    assert nproc(public, env, user=STRANGER).stderr == ""
    try:
        assert "Operation not permitted" in nproc(public, env).stderr
    finally:
        stop_service(path)


@pytest.fixture
def private() -> Iterator[Path]:
    """The directory, which is not there yet, of a user whom no other tests take meanwhile."""
    with socket.socket(socket.AF_UNIX) as claim:
        for uid in range(STRANGER, 65000):
            private = Path(f"/tmp/schedd-{uid}")
            with suppress(OSError):
                claim.bind(f"\0schedctl-tests-{uid}")
                break
        remove(private)  # what tests that were killed have left
        yield private
        stop_service(private / "schedd.sock")
        remove(private)


def remove(private: Path) -> None:
    if private.is_symlink():
        private.unlink()
    else:
        shutil.rmtree(private, ignore_errors=True)


@pytest.fixture
def stranger(private: Path) -> int:
    return int(private.name.partition("-")[2])


@pytest.fixture
def strangers_env(env: dict[str, str]) -> dict[str, str]:
    """Of a user who has no runtime directory and no $SCHEDCTL_SOCKET."""
    return {k: v for k, v in env.items() if k != "SCHEDCTL_SOCKET"}


@as_root
def test_private_directory(
    public: Path, strangers_env: dict[str, str], private: Path, stranger: int
) -> None:
    if Path("/run/schedd/schedd.sock").exists():
        pytest.skip("this machine has a system service")
    assert nproc(public, strangers_env, user=stranger).stderr == ""
    status = private.lstat()
    assert status.st_uid == stranger and status.st_mode & 0o777 == 0o700
    pid_of(private / "schedd.sock")


@as_root
@pytest.mark.parametrize("how", ["foreign", "open", "symlink"])
def test_planted_private_directory(
    public: Path,
    strangers_env: dict[str, str],
    private: Path,
    stranger: int,
    rundir: Path,
    how: str,
) -> None:
    if Path("/run/schedd/schedd.sock").exists():
        pytest.skip("this machine has a system service")
    if how == "symlink":
        target = rundir / "target"
        target.mkdir()
        os.chown(target, stranger, stranger)
        private.symlink_to(target)
    else:
        private.mkdir(mode=0o700)
        if how == "open":
            os.chown(private, stranger, stranger)
            private.chmod(0o777)
    assert "no service" in nproc(public, strangers_env, user=stranger).stderr
    assert how != "symlink" or not list(target.iterdir())


@as_root
def test_another_users_runtime_directory(
    public: Path, strangers_env: dict[str, str], private: Path, stranger: int, rundir: Path
) -> None:
    """As after `sudo -E`: it counts for none."""
    if Path("/run/schedd/schedd.sock").exists():
        pytest.skip("this machine has a system service")
    rundir.chmod(0o755)
    theirs = {**strangers_env, "XDG_RUNTIME_DIR": str(rundir)}
    assert nproc(public, theirs, user=stranger).stderr == ""
    pid_of(private / "schedd.sock")
    assert list(rundir.iterdir()) == []


def test_runtime_directory(build: Path, env: dict[str, str], rundir: Path) -> None:
    if Path("/run/schedd/schedd.sock").exists():
        pytest.skip("this machine has a system service")
    env = {**env, "XDG_RUNTIME_DIR": str(rundir)}
    del env["SCHEDCTL_SOCKET"]
    assert nproc(build, env).stderr == ""
    directory = rundir / "schedd"
    assert directory.stat().st_mode & 0o777 == 0o700
    stop_service(directory / "schedd.sock")


# Two services.


def test_a_second_service_on_the_same_socket(build: Path, service: Service) -> None:
    second = subprocess.run(
        [build / "daemon/schedd", "--socket", service.path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1 and "in use" in second.stderr
    with service.connect() as connection:
        connection.call(SERVICE + "GetInfo")


def test_moved(start: StartService, rundir: Path) -> None:
    """While the system's service answers, a user's own lends nothing more."""
    system = rundir / "system"
    user = start("--defer-to", str(system))
    moved = error(SCHEDULER + "Moved", address=str(system))
    with user.connect() as held, user.connect() as connection:
        held.acquire()
        authority = start(path=system)
        assert connection.exchange(SCHEDULER + "Acquire", more=True) == moved
        assert connection.exchange(SCHEDULER + "SuggestWorkers") == moved
        connection.call(SCHEDULER + "GetStatus")
        authority.end()
        connection.acquire()


# systemd.


def test_notifications(start: StartService) -> None:
    service = start(WATCHDOG_USEC="20000")
    service.notifications.wait_for("WATCHDOG")
    service.process.send_signal(signal.SIGTERM)
    service.notifications.wait_for("STOPPING")
    assert service.process.wait(PATIENCE) == 0
    assert not service.path.exists()


def test_sigterm_keeps_the_state_of_live_leases(service: Service, socket_path: Path) -> None:
    state = socket_path.with_name("s.state")
    with service.connect() as connection:
        connection.acquire()
        assert service.end() == 0
        assert connection.ends()
        assert len(state.read_text().splitlines()) >= 2


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="not installed")
def test_socket_activation(build: Path, socket_path: Path, env: dict[str, str]) -> None:
    with subprocess.Popen(
        [
            "systemd-socket-activate",
            "-l",
            socket_path,
            build / "daemon/schedd",
            "--idle-exit",
            "0.05",
        ],
        stderr=subprocess.PIPE,
        text=True,
    ) as activated:
        assert activated.stderr
        assert "Listening" in activated.stderr.readline()
        assert nproc(build, env).stderr == ""
        assert activated.wait(PATIENCE) == 0
    assert socket_path.exists()  # it is systemd's, not schedd's


@pytest.mark.parametrize(
    "options",
    [["--idle-exit", "x"], ["--log-level", "loud"], ["--socket", "relative"], ["extra"], ["--no"]],
)
def test_command_line_faults(build: Path, options: list[str]) -> None:
    run = subprocess.run([build / "daemon/schedd", *options], capture_output=True, check=False)
    assert run.returncode == 2 and run.stderr


def test_without_a_socket(build: Path) -> None:
    run = subprocess.run([build / "daemon/schedd"], capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "no socket was passed" in run.stderr


# schedctl status and nproc.


def test_status_lists_leases(build: Path, service: Service, env: dict[str, str]) -> None:
    def status(*options: str) -> str:
        return subprocess.run(
            [build / "cli/schedctl", "status", *options],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert status().splitlines()[1] == "Nothing is lent."
    with service.connect() as a, service.connect() as b:
        a.acquire(label="make check\x1b[31m")
        b.acquire(priority="batch", allowed="0")
        lines = status().splitlines()
        titles = lines[2].split()
        assert titles[:2] == ["LEASE", "USER"]
        assert lines[3].split()[titles.index("CPUS")] == "0-7"
        assert "make check\\x1b[31m" in lines[3]
        assert "waits, 1." in lines[4]
        answer = json.loads(status("--json"))
        assert answer["running"] is True and len(answer["leases"]) == 2
        assert answer["leases"][1]["position"] == 1


def test_nproc(build: Path, service: Service, env: dict[str, str]) -> None:
    usable = len(os.sched_getaffinity(0) & set(range(8)))
    assert int(nproc(build, env).stdout) == usable
    assert int(nproc(build, env, "--max", "1").stdout) == 1
    answer = json.loads(nproc(build, env, "--json").stdout)
    assert answer["workers"] == usable == len(answer["pus"])
    for bad in (["--max", "0"], ["--max", "x"], ["more"]):
        run = subprocess.run(
            [build / "cli/schedctl", "nproc", *bad], capture_output=True, check=False
        )
        assert run.returncode == 2


def show_machine(build: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [build / "daemon/schedd", "--show-machine"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_shows_the_machine_without_serving(build: Path, service: Service) -> None:
    """What GetMachine answers, of what hwloc is told to describe."""
    with service.connect() as connection:
        answer = connection.call(SCHEDULER + "GetMachine")
    shown = show_machine(build, HWLOC_SYNTHETIC=EIGHT_PUS)
    assert (json.loads(shown.stdout), shown.stderr, shown.returncode) == (answer, "", 0)


def test_shows_no_machine_that_it_cannot_read(build: Path) -> None:
    shown = show_machine(build, HWLOC_XMLFILE="/nonexistent")
    assert (shown.stdout, shown.returncode) == ("", 1)
    assert "cannot read the machine" in shown.stderr
