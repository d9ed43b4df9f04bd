"""What headroom does to leases, on a made machine whose sensors the tests move.

A sample is a second to the governor, and 25 ms to these tests (--sample-ms).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import EIGHT_PUS, Service, StartService
from .fake_machine import CHASSIS, GIB, FakeMachine
from .observe import wait_until_asleep
from .varlink_client import PATIENCE, SCHEDULER, Connection, Json

EIGHT = set(range(8))


@pytest.fixture
def machine(rundir: Path) -> FakeMachine:
    return FakeMachine(rundir / "root")


@pytest.fixture
def serve(start: StartService, machine: FakeMachine) -> Callable[..., Service]:
    """Starts a service that lends the made machine and samples it fast."""

    def serve_machine(*options: str, **env: str) -> Service:
        root = ("--root", str(machine.folder), "--sample-ms", "25")
        return start(*root, *options, **{"HWLOC_SYNTHETIC": "", **env})

    return serve_machine


def headroom(service: Service) -> Json:
    with service.connect() as connection:
        found: Json = connection.call(SCHEDULER + "GetHeadroom")["headroom"]
        return found


def wait_for(service: Service, what: Callable[[Json], Any]) -> Json:
    """The first headroom of which that holds."""
    deadline = time.monotonic() + PATIENCE
    while not what(found := headroom(service)):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def reading(found: Json, name: str) -> Json:
    (one,) = [r for r in found["readings"] if r["name"] == name]
    return dict(one)


def limit(found: Json, cause: str) -> Json | None:
    return next((dict(one) for one in found["limits"] if one["cause"] == cause), None)


class Run:
    """A lease whose client gives back what is wanted, as soon as it is."""

    def __init__(self, service: Service, **ask: Any) -> None:
        self.stream = Connection(service.path)
        self.calls = Connection(service.path)
        self.grant = self.stream.acquire(**ask)
        self.named = {"lease": self.grant["lease"], "token": self.grant["token"]}

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.calls.close()

    @property
    def pus(self) -> set[int]:
        return set(self.grant["pus"])

    def next(self) -> Json:
        self.grant = self.stream.grant()
        if wanted := self.grant.get("wanted"):
            call = {**self.named, "generation": self.grant["generation"], "pus": wanted["pus"]}
            self.calls.call(SCHEDULER + "Return", call)
        return self.grant

    def until(self, what: Callable[[set[int]], bool]) -> set[str]:
        """Follows the lease until it holds such PUs; why any were wanted back meanwhile."""
        reasons = set()
        while not what(self.pus):
            reasons.add(self.next().get("wanted", {}).get("reason"))
        return reasons - {None}


def test_nothing_limits(serve: Callable[..., Service]) -> None:
    service = serve()
    with Run(service) as run:
        assert run.pus == EIGHT
        found = wait_for(service, lambda h: reading(h, "power profile")["detail"] == "not there")
    assert (found["budget"], found["of"], found["hold"]) == (8, 8, False)
    assert found["policy"] == "balanced" and found["reason"] and found["ageMs"] >= 0
    assert not any(one["binding"] for one in found["limits"])
    assert reading(found, "memory available")["value"] == 12 * GIB
    with service.connect() as connection:
        status = connection.call(SCHEDULER + "GetStatus")
    assert status["budget"] == 8 and status["budgetReason"]


def test_hot_chassis_takes_back_and_a_cool_one_gives(
    serve: Callable[..., Service], machine: FakeMachine
) -> None:
    machine.chassis(35)
    service = serve()
    with Run(service) as run:
        assert run.pus == EIGHT
        machine.chassis(49.5)
        assert run.until(lambda pus: len(pus) < 8) == {"budget"}
        found = wait_for(service, lambda h: h["budget"] < 8)
        assert limit(found, "chassis") and "TSKN" in found["reason"], found
        (binding,) = [one for one in found["limits"] if one["binding"]]
        assert binding["pus"] == found["budget"] and binding["what"]
        with service.connect() as connection:
            status = connection.call(SCHEDULER + "GetStatus")
        assert status["budget"] < 8 and "TSKN" in status["budgetReason"]
        machine.chassis(30)
        run.until(lambda pus: pus == EIGHT)


def test_first_grant_knows_the_battery(serve: Callable[..., Service], machine: FakeMachine) -> None:
    """A run on an almost empty battery does not begin with every PU and then lose them."""
    machine.battery(8, on_mains=False)
    service = serve()
    with Run(service) as run:
        assert 1 <= len(run.pus) < 8
        found = headroom(service)
        assert limit(found, "battery"), found
        assert reading(found, "power supply")["value"] == 8
        assert "on battery" in reading(found, "power supply")["detail"]
        machine.battery(80, on_mains=True)
        run.until(lambda pus: pus == EIGHT)


def test_slow_sensors_are_not_waited_for(start: StartService, machine: FakeMachine) -> None:
    """Once they are known to take more than a tenth of the period, here 0.1 ms."""
    for i in range(1, 200):
        machine.put(f"/sys/class/thermal/thermal_zone{i}/type", "acpitz")
        machine.put(f"/sys/class/thermal/thermal_zone{i}/temp", 30000)
    machine.battery(8, on_mains=False)
    service = start("--root", str(machine.folder), "--sample-ms", "1", HWLOC_SYNTHETIC="")
    with Run(service) as run:
        assert len(run.pus) < 8
    wait_until_asleep(service)
    machine.battery(80, on_mains=True)
    with Run(service) as run:
        assert len(run.pus) < 8
        run.until(lambda pus: pus == EIGHT)


def test_memory_pressure_holds(serve: Callable[..., Service], machine: FakeMachine) -> None:
    """Under pressure nobody grows; when it has passed the lease gets what it asked for."""
    machine.memory_pressure(0)
    service = serve()
    with Run(service, max=2) as run:
        machine.memory_pressure(60)
        found = wait_for(service, lambda h: h["hold"])
        assert limit(found, "memory"), found
        assert "polled" in pressure_detail(found)
        run.calls.call(SCHEDULER + "Update", {**run.named, "max": 4})
        wait_for(service, lambda h: h["hold"])
        assert len(run.pus) == 2
        machine.memory_pressure(0)
        run.until(lambda pus: len(pus) == 4)


def test_the_kernel_tells_of_memory_pressure(start: StartService) -> None:
    """Of this very machine, where it lets the service ask for that."""
    service = start("--sample-ms", "25", HWLOC_SYNTHETIC="")
    with Run(service):
        found = wait_for(service, lambda h: "read once" not in pressure_detail(h))
    assert ("kernel trigger set" in pressure_detail(found)) == can_trigger(), found


def pressure_detail(found: Json) -> str:
    return str(reading(found, "memory pressure")["detail"])


def can_trigger() -> bool:
    try:
        with open("/proc/pressure/memory", "r+b", buffering=0) as file:
            file.write(b"some 200000 2000000\0")
            return True
    except OSError:
        return False


def test_memory_of_workers(serve: Callable[..., Service], machine: FakeMachine) -> None:
    """Where 2 GiB are left there is no room for eight workers of 1 GiB each."""
    machine.memory(2 * GIB)
    service = serve()
    with Run(service, memoryPerWorker=GIB) as run:
        assert len(run.pus) == 1
        assert limit(headroom(service), "memory")


def test_memory_of_a_paused_run(serve: Callable[..., Service], machine: FakeMachine) -> None:
    """What it needs for its workers does not count: it gets none."""
    service = serve()
    with Run(service, memoryPerWorker=1) as modest:
        assert modest.pus == EIGHT
        control = {"lease": modest.named["lease"], "paused": True}
        modest.calls.call(SCHEDULER + "Control", control)
        modest.until(lambda pus: not pus)
        with Run(service, memoryPerWorker=GIB << 10) as run:
            assert len(run.pus) == 1


def test_memory_of_a_greedy_run(serve: Callable[..., Service], machine: FakeMachine) -> None:
    """One that says it needs more than there is keeps nobody else back."""
    service = serve()
    with Run(service, memoryPerWorker=GIB << 10) as greedy:
        assert len(greedy.pus) == 1
        with Run(service, memoryPerWorker=1) as run:
            run.until(lambda pus: len(pus) >= 4)


def test_sensors_vanish(serve: Callable[..., Service], machine: FakeMachine) -> None:
    machine.chassis(35)
    machine.battery(50, on_mains=True)
    machine.memory_pressure(0)
    service = serve()
    with Run(service) as run:
        assert "value" in reading(headroom(service), "thermal zone 0 TSKN")
        machine.remove(f"{CHASSIS}/temp")
        machine.remove("/proc/meminfo")
        machine.remove("/proc/pressure/memory")
        machine.remove("/sys/class/power_supply/BAT0/capacity")
        found = wait_for(service, lambda h: reading(h, "thermal zone 0 TSKN").get("ignored"))
        assert "value" not in reading(found, "thermal zone 0 TSKN")
        found = wait_for(service, lambda h: "value" not in reading(h, "memory available"))
        assert found["budget"] >= 1 and run.pus
        machine.chassis(35)
        wait_for(service, lambda h: not reading(h, "thermal zone 0 TSKN").get("ignored"))


def test_cpus_come_and_go(serve: Callable[..., Service], machine: FakeMachine) -> None:
    service = serve()
    with Run(service) as run:
        assert run.pus == EIGHT
        machine.online(*range(6))
        while run.pus != set(range(6)):
            run.next()
        assert headroom(service)["of"] == 6
        machine.online(*range(8))
        run.until(lambda pus: pus == EIGHT)
    assert "the online CPUs have changed" in service.log


def test_cpus_go_while_nothing_is_lent(serve: Callable[..., Service], machine: FakeMachine) -> None:
    """Nobody looks meanwhile; it is found out before anything is lent again."""
    service = serve()
    with Run(service) as run:
        assert run.pus == EIGHT
    machine.online(*range(4))
    wait_for(service, lambda h: h["of"] == 4)
    machine.online(*range(2))
    with Run(service) as run:
        assert run.pus == {0, 1}


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_slow_sensors_leave_time(serve: Callable[..., Service], machine: FakeMachine) -> None:
    """Reading takes longer than the period here; in between the service rests for as long."""
    group = "/cg"
    for _ in range(40):
        group += "/d"
        machine.put(f"{group}/memory.max", 64 * GIB)
        machine.put(f"{group}/memory.current", 0)
        machine.put(f"{group}/memory.stat", "anon 0\n" * 25000)
    machine.put("/proc/self/cgroup", "0::" + group[len("/cg") :])
    machine.put("/proc/self/mountinfo", "1 0 0:1 / /cg rw - cgroup2 cgroup2 rw")
    service = serve("--sample-ms", "1")
    with Run(service):
        began, before = time.monotonic(), cpu_seconds(service.process.pid)
        while (busy := cpu_seconds(service.process.pid) - before) < 0.3:
            time.sleep(0.02)
        assert busy < 0.7 * (time.monotonic() - began)


def test_asked_while_nothing_is_lent(serve: Callable[..., Service], machine: FakeMachine) -> None:
    """GetHeadroom, GetStatus and SuggestWorkers read the sensors then."""
    machine.battery(8, on_mains=False)
    service = serve()
    with service.connect() as connection:
        assert connection.call(SCHEDULER + "SuggestWorkers")["workers"] < 8
        assert connection.call(SCHEDULER + "GetStatus")["budget"] < 8
        assert connection.call(SCHEDULER + "GetHeadroom")["headroom"]["budget"] < 8


def test_every_run_keeps_a_pu(serve: Callable[..., Service], machine: FakeMachine) -> None:
    machine.battery(3, on_mains=False)
    machine.chassis(60)
    service = serve()
    with Run(service) as a, Run(service) as b, Run(service) as c:
        wait_for(service, lambda h: h["budget"] == 3)
        with service.connect() as connection:
            leases = connection.call(SCHEDULER + "GetStatus")["leases"]
        assert all(lease["pus"] for lease in leases) and a.pus and b.pus and c.pus


def test_configuration_counts_at_once(serve: Callable[..., Service], rundir: Path) -> None:
    """The reserve and the policy; with a period of a second, which nobody waits for."""
    config = rundir / "schedd.conf"
    config.write_text("[Headroom]\nReserve=2\n")
    service = serve("--config", str(config), "--sample-ms", "1000")
    with Run(service) as run:
        assert len(run.pus) == 6 and headroom(service)["policy"] == "balanced"
        config.write_text("[Headroom]\nReserve=5\nPolicy=quiet\n")
        run.calls.call(SCHEDULER + "Reload")
        assert run.until(lambda pus: len(pus) == 3) == {"budget"}
        found = headroom(service)
        assert found["policy"] == "quiet" and limit(found, "reserve")
        config.write_text("")
        run.calls.call(SCHEDULER + "Reload")
        run.until(lambda pus: pus == EIGHT)


SEAT = {
    "seats/seat0": "IS_SEAT0=1\nACTIVE=c1\nACTIVE_UID=0\nSESSIONS=c1\n",
    "sessions/c1": "UID=0\nUSER=root\nACTIVE=1\nSTATE=active\nSEAT=seat0\nCLASS=user\n"
    "TYPE=wayland\n",
}


SEAT_MOUNT = (
    "mount -t tmpfs none /run && mkdir /run/systemd"
    ' && mount --bind "$0" /run/systemd && exec "$@"'
)


def test_desktop_keeps_a_reserve(build: Path, rundir: Path) -> None:
    """Eight PUs, and an active graphical session on the seat, as logind says in /run/systemd."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("needs a mount namespace of its own: not root, or in a chroot")
    logind = rundir / "logind"
    for name, text in SEAT.items():
        (logind / name).parent.mkdir(parents=True, exist_ok=True)
        (logind / name).write_text(text)
    shadowed = rundir / "shadowed"
    (shadowed / "daemon").mkdir(parents=True)
    program = shadowed / "daemon/schedd"
    program.write_text(
        "#!/bin/sh\n"
        f"exec unshare -m sh -c '{SEAT_MOUNT}' {shlex.quote(str(logind))}"
        f' {shlex.quote(str(build / "daemon/schedd"))} "$@"\n'
    )
    program.chmod(0o755)
    options = ("--config", "/dev/null", "--sample-ms", "25")
    service = Service(shadowed, rundir / "s", *options, HWLOC_SYNTHETIC=EIGHT_PUS)
    try:
        with Run(service) as run:
            assert len(run.pus) < 8 and limit(headroom(service), "reserve")
            (logind / "sessions/c1").write_text(SEAT["sessions/c1"].replace("wayland", "tty"))
            run.until(lambda pus: pus == EIGHT)
    finally:
        service.end()
