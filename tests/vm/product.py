"""What goes on top of the guest's root file system: schedctl as `meson install` puts it; tests."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path
from typing import Iterator, Sequence, Tuple

from .places import HERE, ROOT, run

IN_GUEST = Path("opt/vm")
GUEST = HERE / "guest"
# What talks Varlink in the other tests does so here.
SHARED = ROOT / "tests/integration/service"


def _as_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info


def _tests(extra: Sequence[Path]) -> Iterator[Tuple[Path, Path]]:
    """Each file, and its place below IN_GUEST."""
    for file in (*sorted(GUEST.iterdir()), *extra):
        if file.is_file():
            yield file, Path("vm/guest") / file.name
    yield HERE / "__init__.py", Path("vm/__init__.py")
    for file in (SHARED / "__init__.py", *SHARED.glob("varlink_*.py")):
        yield file, Path("service") / file.name


def _install(build: Path, folder: Path) -> None:
    command = ["meson", "install", "-C", str(build), "--no-rebuild", "--strip"]
    run([*command, "--destdir", str(folder / "installed")], folder / "log")


def pack(build: Path, path: Path, plan: str, extra: Sequence[Path]) -> None:
    """Writes the archive. plan: the tests to run; extra: further files of tests."""
    with tempfile.TemporaryDirectory(prefix="schedctl-vm-") as name:
        _install(build, Path(name))
        installed = Path(name) / "installed"
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
            # Not the folders: lib/ is a link in the guest.
            for file in sorted(installed.rglob("*")):
                if file.is_symlink() or file.is_file():
                    archive.add(file, str(file.relative_to(installed)), filter=_as_root)
            for file, place in _tests(extra):
                archive.add(file, str(IN_GUEST / place), filter=_as_root)
            info = tarfile.TarInfo(str(IN_GUEST / "plan"))
            info.size = len(plan.encode())
            archive.addfile(info, io.BytesIO(plan.encode()))
            for file in GUEST.glob("*.service"):
                archive.add(file, f"etc/systemd/system/{file.name}", filter=_as_root)
    with path.open("ab") as image:  # a disk has whole sectors
        image.truncate(-(-path.stat().st_size // 512) * 512)
