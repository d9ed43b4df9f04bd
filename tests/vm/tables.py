"""ACPI tables that give the guest a power adapter, a battery and a thermal zone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import List

from .places import HERE, Missing, digest, made_once, run

SOURCE = HERE / "guest/sensors.asl"


def tables(cache: Path) -> List[Path]:
    if not shutil.which("iasl"):
        raise Missing("no iasl (Debian package acpica-tools)")

    def make(folder: Path) -> None:
        run(["iasl", "-p", str(folder / "sensors"), str(SOURCE)], folder / "log")

    folder = made_once(cache / f"acpi-{digest(SOURCE.read_text())}", make)
    return [folder / "sensors.aml"]
