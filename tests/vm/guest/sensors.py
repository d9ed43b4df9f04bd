# vm: shapes=8 seconds=300
"""Sensors that the kernel's own drivers read change what is lent: power, battery, temperatures.

Values come from below the drivers: CMOS bytes that the ACPI table reads (sensors.asl), and the
registers of chips on i2c-stub's bus.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from service.varlink_client import Connection

from .lib import SOCKET, UNIT, Run, drop_in, enable, leases, sh, until

TEMPERATURE, MAINS, CHARGE, STATE = range(0x60, 0x64)
DISCHARGING, CHARGING = 1, 2
SUPPLIES = Path("/sys/class/power_supply")
DIMM = 0x18  # a memory module's sensor, by its driver jc42
BOARD = 0x48  # lm75
RAPL = Path("/run/powercap")


def cmos(byte: int, value: int) -> None:
    port = os.open("/dev/port", os.O_WRONLY)
    os.pwrite(port, bytes([byte]), 0x70)
    os.pwrite(port, bytes([value]), 0x71)
    os.close(port)


def bus() -> str:
    for name in Path("/sys/class/i2c-dev").glob("i2c-*/name"):
        if "stub" in name.read_text():
            return name.parent.name.rpartition("-")[2]
    raise AssertionError("no bus of i2c-stub")


def chip(address: int, register: int, value: int) -> None:
    """Sets a register of two bytes, the higher one first as these chips have them."""
    swapped = (value & 0xFF) << 8 | value >> 8
    sh("i2cset", "-f", "-y", bus(), hex(address), hex(register), hex(swapped), "w")


def dimm(celsius: int) -> None:
    chip(DIMM, 0x05, celsius * 16)


def headroom() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sh("schedctl", "explain", "--json"))["headroom"]
    return found


def becomes(budget: int, reason: str) -> None:
    """Until so many CPUs may be lent for this reason."""
    last: dict[str, Any] = {}

    def happened() -> bool:
        last.update(headroom())
        return last["budget"] == budget and reason in last["reason"]

    try:
        until(f"a budget of {budget}: {reason}", happened)
    except AssertionError:
        raise AssertionError(f"{budget}, {reason}: {json.dumps(last)}") from None


def powercap() -> None:
    """What a guest consumes no driver of Debian's kernel says: files in the place of RAPL's."""
    zone = RAPL / "intel-rapl:0"
    zone.mkdir(parents=True, exist_ok=True)
    power = {"constraint_0_power_limit_uw": 45_000_000, "max_energy_range_uj": 1 << 40}
    for name, number in {**power, "energy_uj": 1 << 20, "enabled": 1}.items():
        (zone / name).write_text(f"{number}\n")
    (zone / "name").write_text("package-0\n")
    (zone / "constraint_0_name").write_text("long_term\n")
    shutil.chown(zone / "energy_uj", "root", "schedd")
    (zone / "energy_uj").chmod(0o440)


def test_begin() -> None:
    """The kernel's drivers show an adapter, a battery, a thermal zone and two hwmon chips"""
    until("adapter and battery are there", lambda: len(list(SUPPLIES.iterdir())) == 2)
    for byte, value in ((TEMPERATURE, 40), (MAINS, 1), (CHARGE, 80), (STATE, CHARGING)):
        cmos(byte, value)
    sh("modprobe", "-a", "i2c-dev", "lm75", "jc42")
    sh("modprobe", "i2c-stub", f"chip_addr={DIMM},{BOARD}")
    chip(BOARD, 0x00, 30 << 8)
    chip(BOARD, 0x03, 80 << 8)
    chip(DIMM, 0x04, 95 * 16)  # its critical trip
    dimm(40)
    new = Path(f"/sys/bus/i2c/devices/i2c-{bus()}/new_device")
    new.write_text(f"jc42 {DIMM:#x}\n")
    new.write_text(f"lm75 {BOARD:#x}\n")
    enable()
    powercap()
    # The sensors' clock ten times as fast: what the governor waits for takes tenths of the time.
    schedd = sh("systemctl", "show", "-P", "ExecStart", UNIT).split("path=")[1].split()[0]
    faster = f"ExecStart=\nExecStart={schedd} --sample-ms 100"
    drop_in("fast", f"[Service]\n{faster}\nBindReadOnlyPaths={RAPL}:/sys/class/powercap\n")
    sh("systemctl", "restart", UNIT)


def test_readings() -> None:
    """The service in its sandbox reads them all"""
    readings = {reading["name"]: reading for reading in headroom()["readings"]}
    expected = {"jc42 temp1": 40, "lm75 temp1": 30, "thermal zone 0 acpitz": 40, "power supply": 80}
    assert {name: readings[name].get("value") for name in expected} == expected, readings
    assert readings["power supply"]["detail"] == "on mains", readings


def test_power() -> None:
    """What a package consumes is read from a file that only the service's group may read"""
    energy = RAPL / "intel-rapl:0/energy_uj"

    def consumes() -> bool:
        energy.write_text(f"{int(energy.read_text()) + 20_000_000}\n")
        readings = {reading["name"]: reading for reading in headroom()["readings"]}
        return bool(readings["package 0 power"].get("value"))

    with Connection(SOCKET) as connection:
        connection.acquire(max=1)
        until("a package consumes something", consumes)


def test_battery() -> None:
    """On battery a run gives CPUs up as the charge falls, and has them again on mains"""
    becomes(8, "")
    with Run(10, 8) as run:
        run.hear(8)
        cmos(MAINS, 0)
        cmos(STATE, DISCHARGING)
        becomes(7, "battery")
        cmos(CHARGE, 30)
        becomes(4, "battery")
        until("the run has four CPUs", lambda: len(leases()[0]["pus"]) == 4)
        left = set(leases()[0]["pus"])
        until("its workers are there", lambda: set.union(*run.masks()) <= left)
        cmos(CHARGE, 10)
        becomes(2, "battery")
        cmos(MAINS, 1)
        cmos(STATE, CHARGING)
        becomes(8, "")
        until("the run has all CPUs", lambda: len(leases()[0]["pus"]) == 8)
        run.finish()


def test_hwmon() -> None:
    """A memory module's sensor beyond its critical trip cuts, until it has cooled down"""
    with Run(10, 8) as run:
        run.hear(8)
        dimm(94)
        until("less is lent", lambda: headroom()["budget"] < 8)
        assert "jc42" in headroom()["reason"], headroom()
        dimm(60)
        becomes(8, "")
        run.finish()


def test_thermal_zone() -> None:
    """The ACPI thermal zone before its critical trip does, too"""
    with Run(10, 8) as run:
        run.hear(8)
        cmos(TEMPERATURE, 118)
        until("less is lent", lambda: headroom()["budget"] < 8)
        assert "acpitz" in headroom()["reason"], headroom()
        cmos(TEMPERATURE, 60)
        becomes(8, "")
        run.finish()


def test_end() -> None:
    """Back to the service's own pace"""
    drop_in("fast", "")
    sh("systemctl", "restart", UNIT)
