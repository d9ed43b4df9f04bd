"""What the service tells its manager: a status line, and that all is well as long as it is."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from .conftest import Notifications, Service, StartService, as_root
from .fake_machine import FakeMachine
from .observe import switches_of
from .varlink_client import PATIENCE, SCHEDULER

# Twice as often as this the service looks whether all is well.
WATCHED = {"WATCHDOG_USEC": "40000"}


def next_status(service: Service) -> str:
    return service.notifications.wait_for("STATUS")["STATUS"]


def feeds(service: Service) -> None:
    """Returns when the watchdog has been fed twice from now on."""
    service.notifications.drain()
    for _ in range(2):
        service.notifications.wait_for("WATCHDOG")


def starves(service: Service) -> None:
    """Returns when the service has withheld three feedings, and has fed nothing meanwhile."""
    said = "the watchdog is not fed"
    count = service.log.count(said)
    service.notifications.drain()
    with open(service.log_path, encoding="utf-8") as log:
        seen = 0
        while seen < count + 3:
            seen += said in log.readline()
    assert not [m for m in service.notifications.drain() if b"WATCHDOG" in m]


# The status line.


def test_status_line(service: Service) -> None:
    with service.connect() as a, service.connect() as b:
        a.acquire(max=5)
        assert next_status(service) == "Lending 5 of 8 CPUs to 1 run"
        b.acquire(max=2)
        assert next_status(service) == "Lending 7 of 8 CPUs to 2 runs"
    service.notifications.wait_for_status("Nothing lent")


def test_status_line_leaves_out_what_passes(service: Service) -> None:
    """A second lies between one and the next."""
    begin = time.monotonic()
    with service.connect() as a:
        a.acquire(max=1)
        assert next_status(service) == "Lending 1 of 8 CPUs to 1 run"
        for _ in range(100):
            with service.connect() as passing:
                passing.acquire(max=3)
        with service.connect() as stays:
            stays.acquire(max=2)
            told = 2
            while next_status(service) != "Lending 3 of 8 CPUs to 2 runs":
                told += 1
    assert told <= time.monotonic() - begin + 1


@pytest.fixture
def manager(service: Service, rundir: Path) -> Iterator[socket.socket]:
    """That of a service in the other's place: what it does not read fills its queue."""
    service.end()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, ExitStack() as stack:
        manager.settimeout(PATIENCE)
        manager.bind(str(rundir / "manager"))
        again = subprocess.Popen(
            service.process.args,
            env={"NOTIFY_SOCKET": str(rundir / "manager"), "HWLOC_SYNTHETIC": "core:4 pu:2"},
            stderr=subprocess.DEVNULL,
        )
        stack.enter_context(again)
        stack.callback(again.kill)
        assert b"READY=1" in manager.recv(4096)
        service.process = again
        yield manager


def test_a_manager_that_does_not_read(service: Service, manager: socket.socket) -> None:
    """Is not waited for; and is told how things are when it reads again."""
    fill_queue(manager)
    with service.connect() as stream, service.connect() as calls:
        stream.acquire(max=5)
        assert len(calls.call(SCHEDULER + "GetStatus")["leases"]) == 1
        while manager.recv(4096) != b"STATUS=Lending 5 of 8 CPUs to 1 run":
            pass


def test_a_reload_while_the_manager_does_not_read(service: Service, manager: socket.socket) -> None:
    """Is told with its begin and its end, unless that takes it as long as it is waited for."""
    fill_queue(manager)
    begin, before, told = time.monotonic(), switches_of(service), b""
    service.process.send_signal(signal.SIGHUP)
    while switches_of(service) == before:
        time.sleep(0.01)
    while b"READY=1" not in told:
        told += manager.recv(4096)
    assert b"RELOADING=1" in told or time.monotonic() - begin > 5


def fill_queue(manager: socket.socket) -> None:
    """As many datagrams as may wait there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, suppress(BlockingIOError):
        other.setblocking(False)
        while True:
            other.sendto(b"FULL=1", manager.getsockname())


def test_status_line_of_who_waits(service: Service) -> None:
    with service.connect() as a, service.connect() as b, service.connect() as c:
        grant = a.acquire(allowed="0")
        assert next_status(service) == "Lending 1 of 8 CPUs to 1 run"
        b.acquire(allowed="0", priority="batch")
        assert next_status(service) == "Lending 1 of 8 CPUs to 1 run, 1 waits"
        c.call(SCHEDULER + "Control", {"lease": grant["lease"], "paused": True})
        give_back = {"lease": grant["lease"], "token": grant["token"], "pus": [0]}
        c.call(SCHEDULER + "Return", {**give_back, "generation": a.grant()["generation"]})
        service.notifications.wait_for_status("Lending 1 of 8 CPUs to 1 run, 1 paused")


def test_status_line_says_what_limits(start: StartService, rundir: Path) -> None:
    machine = FakeMachine(rundir / "root")
    machine.battery(8, on_mains=False)
    service = start("--root", str(machine.folder), "--sample-ms", "25", HWLOC_SYNTHETIC="")
    with service.connect() as a:
        a.acquire()
        status = next_status(service)
        limit = a_status(service)["budgetReason"]
    assert status.startswith("Lending ") and " of 8: " in limit
    assert status.split("; ", 1)[1] == limit
    assert next_status(service) == "Nothing lent"


def a_status(service: Service) -> dict[str, str]:
    with service.connect() as connection:
        return dict(connection.call(SCHEDULER + "GetStatus"))


def test_status_line_after_a_restart(start: StartService) -> None:
    """READY comes with it, and says what waits to be claimed."""
    service = start()
    with service.connect() as a:
        a.acquire(max=2)
        service.end(signal.SIGKILL)
    start_again = Notifications(service.path.with_name("again"))
    with subprocess.Popen(
        service.process.args,
        env={"NOTIFY_SOCKET": str(start_again.path), "HWLOC_SYNTHETIC": "core:4 pu:2"},
        stderr=subprocess.DEVNULL,
    ) as again:
        ready = start_again.wait_for("READY")
        again.terminate()
    start_again.close()
    assert ready["STATUS"] == "Lending 2 of 8 CPUs to 1 run, 1 to be claimed"


# The watchdog.


def test_a_removed_state_file_is_written_again(start: StartService, socket_path: Path) -> None:
    service = start(**WATCHED)
    state = socket_path.with_name("s.state")
    with service.connect() as connection:
        grant = connection.acquire(max=2)
        recorded = state.read_text().splitlines()[-1]
        state.unlink()
        feeds(service)
        assert json.loads(recorded) == json.loads(state.read_text().splitlines()[-1])
        assert json.loads(recorded)["lease"] == int(grant["lease"])


def obstruct(state: Path) -> None:
    """Nothing can be put in the place of a directory that is not empty, not even by root."""
    state.unlink()
    (state / "in the way").mkdir(parents=True)


def clear(state: Path) -> None:
    (state / "in the way").rmdir()
    state.rmdir()


def test_without_a_state_file_an_idle_service_is_not_healthy(
    start: StartService, socket_path: Path
) -> None:
    """The next one has nothing to lose. As soon as it can be written all is well."""
    service = start(**WATCHED)
    feeds(service)
    obstruct(socket_path.with_name("s.state"))
    assert next_status(service).startswith(
        "Nothing lent; trouble: the state file cannot be written"
    )
    starves(service)
    clear(socket_path.with_name("s.state"))
    service.notifications.wait_for_status("Nothing lent")
    feeds(service)
    assert socket_path.with_name("s.state").is_file()


def test_without_a_state_file_leases_are_not_given_up(
    start: StartService, socket_path: Path
) -> None:
    """A restart would lose just what could not be recorded."""
    service = start(**WATCHED)
    with service.connect() as connection:
        connection.acquire()
        service.notifications.wait_for_status("Lending 8 of 8 CPUs to 1 run")
        obstruct(socket_path.with_name("s.state"))
        assert "trouble: the state file" in next_status(service)
        feeds(service)
    assert next_status(service).startswith("Nothing lent; trouble: ")
    starves(service)
    clear(socket_path.with_name("s.state"))


def test_a_restart_that_did_not_help_is_not_repeated(
    start: StartService, socket_path: Path
) -> None:
    (socket_path.with_name("s.state") / "in the way").mkdir(parents=True)
    service = start(**WATCHED)
    # It is set aside, and with that all is well; so is the aside in the way of the next one.
    feeds(service)
    obstruct(socket_path.with_name("s.state"))
    service.end()
    service = start(**WATCHED)
    feeds(service)


def test_a_service_that_accepts_nobody_is_not_healthy(
    build: Path, start: StartService, rundir: Path
) -> None:
    deaf = rundir / "deaf"
    library = rundir / "deaf.so"  # LD_PRELOAD takes no path with a space
    library.symlink_to(build / "tests/deaf.so")
    asan = {"ASAN_OPTIONS": "verify_asan_link_order=0"}
    service = start(**WATCHED, **asan, LD_PRELOAD=str(library), DEAF=str(deaf))
    feeds(service)
    deaf.touch()
    with service.connect() as connection:
        assert next_status(service) == "Nothing lent; trouble: nobody is accepted any more"
        starves(service)
        deaf.unlink()
        service.notifications.wait_for_status("Nothing lent")
        feeds(service)
        connection.call(SCHEDULER + "GetStatus")


def test_a_socket_that_is_gone_is_said(start: StartService, socket_path: Path) -> None:
    """A restart would not bring it back: the watchdog is fed."""
    service = start(**WATCHED)
    socket_path.unlink()
    assert f"trouble: {socket_path} leads elsewhere" in next_status(service)
    feeds(service)


def test_nothing_is_checked_where_nobody_watches(start: StartService, socket_path: Path) -> None:
    service = start()
    socket_path.with_name("s.state").unlink()
    with service.connect() as connection:
        connection.call(SCHEDULER + "GetStatus")
    assert not socket_path.with_name("s.state").exists()


def fill(disk: Path) -> None:
    with open(disk / "filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass


@as_root
def test_a_full_disk_is_no_reason_for_a_restart(start: StartService, rundir: Path) -> None:
    disk = rundir / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        service = start(path=disk / "s", **WATCHED)
        feeds(service)
        with open(disk / "s.state", "rb"):  # its room is not free before this is closed
            fill(disk)
            (disk / "s.state").unlink()
            assert "(No space left on device)" in next_status(service)
            feeds(service)
        (disk / "filler").unlink()
        service.notifications.wait_for_status("Nothing lent")
        service.end()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
