"""What befalls the service through no client's fault: files that cannot be written, clocks that
jump, processes that are stopped."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from service.conftest import Service, StartService
from service.test_headroom_idle import is_sanitized
from service.varlink_client import PATIENCE, SCHEDULER, SERVICE, Connection, Json

from .conftest import (
    ATTACKER,
    Bystander,
    as_root,
    assert_lent_once,
    connect,
    leases_of,
    unharmed,
    wait_until,
)

YEARS = 365 * 86400


def named(grant: Json, **parameters: object) -> Json:
    return {"lease": grant["lease"], "token": grant["token"], **parameters}


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """The process cannot write to a file: what it then sees is EFBIG in place of ENOSPC."""
    usual = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, usual)


def test_state_on_a_full_disk(start: StartService, socket_path: Path) -> None:
    """Leases go on; the file is made good when there is room, without anything else happening; and
    what was lent meanwhile survives the service's death."""
    service = start()
    with ExitStack() as stack:
        bystander = Bystander(service)
        stack.callback(bystander.close)
        with unharmed(service, bystander):
            with full_disk(service.process.pid):
                holder = stack.enter_context(service.connect())
                grant = holder.acquire(max=2)
                for _ in range(5):
                    bystander.is_served()
            state = socket_path.with_name(socket_path.name + ".state")
            wait_until(lambda: f'"lease":{grant["lease"]}' in state.read_text())
            holder.close()
            wait_until(lambda: len(leases_of(bystander.calls)) == 1)
        with full_disk(service.process.pid):
            holder = stack.enter_context(service.connect())
            grant = holder.acquire(max=1)
        wait_until(lambda: f'"lease":{grant["lease"]}' in state.read_text())
        # That the service has a log on this very disk, which lost its lines, is seen from outside.
        service.end(signal.SIGKILL)
        again = start()
        with again.connect() as claim:
            parameters = named(grant, generation=grant["generation"], pus=grant["pus"])
            claim.send(SCHEDULER + "Claim", parameters, more=True)
            assert claim.grant()["pus"] == grant["pus"]


def answers(path: Path) -> bool:
    try:
        Connection(path).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


@as_root
def test_state_on_a_full_tmpfs(build: Path, rundir: Path) -> None:
    """A disk that is really full; said once, and once more when that is over."""
    disk = rundir / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        (disk / "config").write_text("[Headroom]\nReserve=0\n")
        with open(rundir / "log", "ab") as log:
            service = subprocess.Popen(
                [build / "daemon/schedd", "--socket", disk / "s", "--config", disk / "config"],
                stderr=log,
            )
        wait_until(lambda: answers(disk / "s"))
        with Connection(disk / "s") as calls, ExitStack() as stack:
            calls.call(SERVICE + "GetInfo")
            filler = open(disk / "filler", "wb", buffering=0)
            with pytest.raises(OSError):
                while True:
                    filler.write(b"x" * 4096)
            for _ in range(40):
                holder = stack.enter_context(Connection(disk / "s"))
                grant = holder.acquire(max=1, label="x" * 128)
            assert_lent_once(leases_of(calls))
            filler.truncate(0)
            filler.close()
            wait_until(lambda: "whole again" in (rundir / "log").read_text())
            assert f'"lease":{grant["lease"]}' in (disk / "s.state").read_text()
        assert (rundir / "log").read_text().count("cannot write the state file") == 1
        service.terminate()
        assert service.wait(PATIENCE) == 0
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_state_that_cannot_be_had(start: StartService, socket_path: Path) -> None:
    """A directory is in its place: it is set aside, which is said, and lending goes on."""
    socket_path.with_name(socket_path.name + ".state").mkdir()
    service = start()
    bystander = Bystander(service)
    with unharmed(service, bystander):
        bystander.is_served()
    bystander.close()
    assert "set aside" in service.log


@pytest.fixture
def clock(build: Path, rundir: Path) -> dict[str, str]:
    """An environment in which a file says by how many seconds the time of day is off."""
    (rundir / "clock").write_text("0")
    if is_sanitized(build):
        pytest.skip("sanitizers want to be loaded first")
    preload = str(build / "tests/jump-clock.so")
    if " " in preload:
        pytest.skip("what is preloaded cannot have a space in its path")
    return {"LD_PRELOAD": preload, "JUMP_CLOCK": str(rundir / "clock")}


@pytest.mark.parametrize("seconds", [10 * YEARS, -10 * YEARS, -3600])
def test_the_time_of_day_jumps(
    start: StartService, clock: dict[str, str], rundir: Path, seconds: int
) -> None:
    """Nothing of what is lent, wanted back, told or idle goes by the time of day."""
    service = start("--idle-exit", "3600", **clock)
    bystander = Bystander(service)
    with unharmed(service, bystander):
        bystander.calls.call(
            SCHEDULER + "Update", {**bystander.lease, "workRate": 1, "endsInMs": 1_000_000}
        )
        (rundir / "clock").write_text(str(seconds))
        for _ in range(3):
            bystander.is_served()
        (lease,) = leases_of(bystander.calls)
        assert 0 < lease["endsInMs"] <= 1_000_000 and lease["ageMs"] < 600_000
        with connect(service, ATTACKER) as other:
            assert other.acquire(max=1)["pus"]
    bystander.close()


def test_the_service_is_stopped(service: Service, bystander: Bystander) -> None:
    """And goes on: what was asked meanwhile is answered, who left meanwhile is gone."""
    with unharmed(service, bystander):
        leaving = connect(service, ATTACKER)
        leaving.acquire(max=1)
        service.process.send_signal(signal.SIGSTOP)
        os.waitpid(service.process.pid, os.WUNTRACED)
        leaving.close()
        coming = connect(service, ATTACKER)
        coming.send(SERVICE + "GetInfo")
        bystander.calls.send(SERVICE + "GetInfo")
        service.process.send_signal(signal.SIGCONT)
        assert "error" not in bystander.calls.expect()
        assert "error" not in coming.expect()
        coming.close()
        wait_until(lambda: len(leases_of(bystander.calls)) == 1)


def test_a_client_does_not_answer(service: Service) -> None:
    """As one that is stopped. What is wanted of it others share after a while, and nobody is lent
    it alone; when it goes on, and gives it back, everything is as it should be."""
    with ExitStack() as stack:
        holder, other, calls = (stack.enter_context(service.connect()) for _ in range(3))
        grant = holder.acquire()
        assert len(grant["pus"]) == 8
        assert len(other.acquire()["pus"]) == 1
        while len((shared := other.grant())["pus"]) < 4:
            pass
        assert set(shared["shared"]) == set(shared["pus"])
        assert_lent_once(leases_of(calls))
        wanted = holder.grant()
        parameters = {"generation": wanted["generation"], "pus": wanted["wanted"]["pus"]}
        calls.call(SCHEDULER + "Return", named(grant, **parameters))
        while "shared" in (alone := other.grant()):
            pass
        assert set(alone["pus"]) == set(wanted["wanted"]["pus"])
        assert_lent_once(leases_of(calls))


def schedctl_run(build: Path, env: dict[str, str], *command: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [build / "cli/schedctl", "run", "--quiet", "--", *command],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def service(start: StartService, configuration: Path) -> Service:
    return start("--config", str(configuration))


def test_a_run_is_stopped(service: Service, build: Path, env: dict[str, str]) -> None:
    """Its engine: the service goes on, and so does the run when it may."""
    with service.connect() as calls:
        run = schedctl_run(build, env, "/bin/sh", "-c", "echo there; read line; exit 7")
        assert run.stdout and run.stdout.readline() == "there\n"
        run.send_signal(signal.SIGSTOP)
        os.waitpid(run.pid, os.WUNTRACED)
        assert len(leases_of(calls)) == 1
        with service.connect() as other:
            assert other.acquire()["pus"]
            assert_lent_once(leases_of(calls))
        run.send_signal(signal.SIGCONT)
        run.communicate(timeout=60)
        assert run.returncode == 7
        wait_until(lambda: not leases_of(calls))


def test_the_service_is_stopped_in_mid_run(
    service: Service, build: Path, env: dict[str, str]
) -> None:
    """A run that has its CPUs needs nothing more of it."""
    run = schedctl_run(build, env, "/bin/sh", "-c", "echo there; read line; exit 7")
    assert run.stdout and run.stdout.readline() == "there\n"
    service.process.send_signal(signal.SIGSTOP)
    os.waitpid(service.process.pid, os.WUNTRACED)
    try:
        run.communicate(timeout=60)
    finally:
        service.process.send_signal(signal.SIGCONT)
    assert run.returncode == 7
    with service.connect() as calls:
        wait_until(lambda: not leases_of(calls))


@pytest.mark.parametrize("seconds", [10 * YEARS, -10 * YEARS])
def test_runs_on_days_that_jump(
    service: Service,
    build: Path,
    env: dict[str, str],
    clock: dict[str, str],
    rundir: Path,
    tmp_path: Path,
    seconds: int,
) -> None:
    """What the history keeps of days is from then on as the days are, and is no reason to fail."""
    env = {**env, **clock, "XDG_STATE_HOME": str(tmp_path / "state")}
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "test_it.py").write_text("def test_it(): pass\n")
    for offset in (0, seconds, 0):
        (rundir / "clock").write_text(str(offset))
        run = subprocess.run(
            [build / "cli/schedctl", "run", "--", sys.executable, "-m", "pytest", "-q", suite],
            env=env,
            cwd=suite,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert run.returncode == 0, run.stderr
        assert "history" not in run.stderr
