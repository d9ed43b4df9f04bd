"""Boots the guest under QEMU, without KVM unless asked for, and hands on what it says."""

from __future__ import annotations

import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Sequence

from .places import Missing

QEMU = "qemu-system-x86_64"
# A CPU of Intel's: of others QEMU does not tell the guest which PUs are siblings.
CPU = "max,vendor=GenuineIntel,family=6,model=94,stepping=3"
KERNEL_LINE = (
    "quiet panic=-1 psi=1 tsc=reliable no_timer_check mitigations=off random.trust_cpu=on "
    "systemd.unified_cgroup_hierarchy=1 systemd.show_status=0"
)


@dataclass(frozen=True)
class Shape:
    packages: int
    cores: int  # of each package
    threads: int  # of each core

    @property
    def pus(self) -> int:
        return self.packages * self.cores * self.threads

    def __str__(self) -> str:
        packages = f"{self.packages} packages x " if self.packages > 1 else ""
        return f"{self.pus} CPUs ({packages}{self.cores} cores x {self.threads})"


SHAPES = {shape.pus: shape for shape in (Shape(1, 4, 2), Shape(2, 4, 2))}


@dataclass(frozen=True)
class Parts:
    """What a guest is put together from."""

    vmlinux: Path
    initrd: Path
    root: Path  # never written to
    product: Path  # a tar archive that goes on top of it
    tables: Sequence[Path]  # of ACPI


def _escaped(path: Path) -> str:
    """As QEMU's options take it: commas twice."""
    return str(path).replace(",", ",,")


def command(parts: Parts, shape: Shape, accelerator: str, memory: int, line: str) -> List[str]:
    if not shutil.which(QEMU):
        raise Missing(f"no {QEMU} (Debian package qemu-system-x86)")
    topology = f"{shape.pus},sockets={shape.packages},cores={shape.cores},threads={shape.threads}"
    drives = (f"{_escaped(parts.root)},snapshot=on", f"{_escaped(parts.product)},readonly=on")
    return [
        *(QEMU, "-accel", accelerator, "-cpu", CPU, "-smp", topology, "-m", str(memory)),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-nic", "none"),
        *("-kernel", str(parts.vmlinux), "-initrd", str(parts.initrd)),
        *("-append", f"{KERNEL_LINE} {line}", "-device", "isa-debug-exit"),
        *(word for drive in drives for word in ("-drive", f"if=virtio,format=raw,file={drive}")),
        *(word for table in parts.tables for word in ("-acpitable", f"file={_escaped(table)}")),
    ]


def shell(command: Sequence[str]) -> int:
    """A guest whose first port is this terminal; QEMU's exit status."""
    return subprocess.run([*command, "-serial", "mon:stdio"]).returncode


class Guest:
    """A guest that runs tests. What it says on its second port comes line by line; the first (the
    kernel's) and the third (the journal) go to files in `folder`."""

    def __init__(self, command: Sequence[str], folder: Path, seconds: float) -> None:
        self.timed_out = False
        ports: List[str] = []
        for name in ("console", "said", "journal"):
            where = "stdio,signal=off" if name == "said" else f"file,path={_escaped(folder / name)}"
            ports += ["-chardev", f"{where},id={name}", "-serial", f"chardev:{name}"]
        with (folder / "qemu").open("w") as log:
            self._process = subprocess.Popen(
                [*command, *ports], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
            )
        self._timer = threading.Timer(seconds, self._end)
        self._timer.start()

    def _end(self) -> None:
        self.timed_out = True
        self._process.kill()

    def lines(self) -> Iterator[str]:
        """Until the guest is gone."""
        assert self._process.stdout
        for line in self._process.stdout:
            yield line.decode(errors="replace").rstrip("\r\n")

    def close(self) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.communicate()
