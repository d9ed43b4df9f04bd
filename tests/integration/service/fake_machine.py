"""A made machine with sensors that a test moves while a service reads them."""

from __future__ import annotations

import os
from pathlib import Path

from fixtures import machines

CHASSIS = "/sys/class/thermal/thermal_zone0"
PRESSURE = (
    "some avg10={0:.2f} avg60=0.00 avg300=0.00 total={1}\n"
    "full avg10={0:.2f} avg60=0.00 avg300=0.00 total={1}"
)
GIB = 1024**3


class FakeMachine:
    """Eight cores of one package with 16 GiB, until told otherwise without any sensor."""

    def __init__(self, folder: Path, cores: int = 8) -> None:
        self.folder = folder
        self.cores = cores
        machines.write(machines.Machine((machines.Group(cores=cores),)), folder)
        self.memory(12 * GIB)
        self.stalled_us = 0

    def path(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def put(self, path: str, content: object) -> None:
        """At once: who reads meanwhile gets all of what was there before or all of this."""
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(file.name + ".new")
        new.write_text(f"{content}\n")
        os.replace(new, file)

    def remove(self, path: str) -> None:
        self.path(path).unlink()

    def memory(self, available: int, total: int = 16 * GIB) -> None:
        self.put(
            "/proc/meminfo",
            f"MemTotal: {total // 1024} kB\nMemAvailable: {available // 1024} kB",
        )

    def chassis(self, celsius: float, passive: float = 48) -> None:
        """A skin sensor with a trip point."""
        self.put(f"{CHASSIS}/type", "TSKN")
        self.put(f"{CHASSIS}/trip_point_0_type", "passive")
        self.put(f"{CHASSIS}/trip_point_0_temp", int(passive * 1000))
        self.put(f"{CHASSIS}/temp", int(celsius * 1000))

    def battery(self, percent: int, on_mains: bool) -> None:
        base = "/sys/class/power_supply"
        self.put(f"{base}/AC/type", "Mains")
        self.put(f"{base}/AC/online", int(on_mains))
        self.put(f"{base}/BAT0/type", "Battery")
        self.put(f"{base}/BAT0/present", 1)
        self.put(f"{base}/BAT0/scope", "System")
        self.put(f"{base}/BAT0/status", "Charging" if on_mains else "Discharging")
        self.put(f"{base}/BAT0/capacity", percent)
        self.put(f"{base}/BAT0/energy_full", 50000000)
        self.put(f"{base}/BAT0/energy_now", 500000 * percent)

    def memory_pressure(self, percent: float) -> None:
        self.put("/proc/pressure/cpu", PRESSURE.format(0, 0))
        self.stalled_us += int(percent * 10000)
        self.put("/proc/pressure/memory", PRESSURE.format(percent, self.stalled_us))

    def online(self, *pus: int) -> None:
        """Only these are, from now on. The list is what the service watches: it comes last, for a
        machine that is read again then has to be whole."""
        for pu in range(1, self.cores):
            self.put(f"/sys/devices/system/cpu/cpu{pu}/online", int(pu in pus))
        self.put("/sys/devices/system/cpu/online", machines.cpulist(pus))
