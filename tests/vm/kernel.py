"""The guest's kernel: Debian's, from its package, and an initrd of the few modules that it needs.

The kernel proper is taken out of its compressed image: decompressing it is what an emulated CPU
would spend most of the boot on, and QEMU starts a plain ELF file by itself (PVH).
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import subprocess
from pathlib import Path
from typing import Iterable, List, Set, Tuple

from .places import HERE, Missing, digest, made_once, run

PACKAGE = "linux-image-amd64"
# To reach the root file system, and what the tests load in the guest.
BOOT = ("virtio_pci", "virtio_blk", "ext4")
MODULES = (
    *BOOT,
    "crc32c_generic",
    "i2c-dev",
    "i2c-stub",
    "lm75",
    "jc42",
    "ac",
    "battery",
    "overlay",
    "fuse",
    "evdev",
    "button",
)
BUSYBOX = Path("/bin/busybox")
INIT = HERE / "guest/init.sh"


def _newest() -> str:
    """The package that the meta package stands for."""
    said = subprocess.run(["apt-cache", "depends", PACKAGE], capture_output=True, text=True).stdout
    for line in said.splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith("linux-image-"):
            return name
    raise Missing(f"apt does not know {PACKAGE} (no Debian, or apt-get update is due)")


def _plain(image: bytes) -> bytes:
    """The ELF file in a bzImage that is compressed by xz, as Debian's are."""
    magic = b"\xfd7zXZ\0"
    at = image.find(magic)
    while at >= 0:
        try:
            plain = lzma.LZMADecompressor().decompress(image[at:])
            if plain.startswith(b"\x7fELF"):
                return plain
        except lzma.LZMAError:
            pass  # not the beginning of anything
        at = image.find(magic, at + 1)
    raise RuntimeError("the kernel's image is compressed in a way that is not known here")


def _needed(modules: Path) -> Set[str]:
    """The files of MODULES and of what they depend on; those that are built in have none."""
    depends = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        depends[Path(path).stem.replace("-", "_")] = [path, *others.split()]
    return {path for name in MODULES for path in depends.get(name.replace("-", "_"), [])}


def _archive(files: Iterable[Tuple[str, int, bytes]]) -> bytes:
    """A cpio archive as the kernel takes it: name, mode, content of each."""
    out: List[bytes] = []
    for i, (name, mode, content) in enumerate([*files, ("TRAILER!!!", 0, b"")]):
        fields = (i, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += [head, b"\0" * (-len(head) % 4), content, b"\0" * (-len(content) % 4)]
    return b"".join(out)


def _initrd(modules: Path) -> bytes:
    files: List[Tuple[str, int, bytes]] = [
        ("init", 0o100755, INIT.read_bytes()),
        ("busybox", 0o100755, BUSYBOX.read_bytes()),
    ]
    kept = [modules / path for path in sorted(_needed(modules))]
    kept += [path for path in modules.glob("modules.*") if path.is_file()]
    inside = Path("lib/modules") / modules.name
    folders = {Path(name) for name in ("dev", "proc", "sys", "new", "lib", "lib/modules")} | {
        inside
    }
    for path in kept:
        folder = inside / path.relative_to(modules).parent
        folders |= {folder, *(above for above in folder.parents if inside in above.parents)}
        files.append((str(inside / path.relative_to(modules)), 0o100644, path.read_bytes()))
    made = [(str(folder), 0o040755, b"") for folder in sorted(folders)]
    return gzip.compress(_archive(made + files), 1)


def _make(folder: Path, package: str) -> None:
    log = folder / "log"
    try:
        run(["apt-get", "-q", "download", package], log, cwd=folder)
    except RuntimeError as error:
        said = str(error).splitlines()[-1]
        raise Missing(f"Debian's mirror cannot be reached: {said}") from error
    (archive,) = folder.glob("*.deb")
    tree = folder / "tree"
    tree.mkdir()
    run(["dpkg-deb", "--extract", str(archive), str(tree)], log)
    (modules,) = (tree / "lib/modules").iterdir()
    (image,) = (tree / "boot").glob("vmlinuz-*")
    run(["depmod", "--basedir", str(tree), modules.name], log)
    (folder / "vmlinux").write_bytes(_plain(image.read_bytes()))
    (folder / "initrd").write_bytes(_initrd(modules))
    shutil.rmtree(tree)
    archive.unlink()


def kernel(cache: Path) -> Path:
    """The folder with vmlinux and initrd."""
    for tool, package in (("apt-cache", "apt"), ("depmod", "kmod")):
        if not shutil.which(tool):
            raise Missing(f"no {tool} (Debian package {package})")
    if not BUSYBOX.exists():
        raise Missing(f"no {BUSYBOX} (Debian package busybox-static)")
    package = _newest()
    content = digest(package, *MODULES, INIT.read_text())
    return made_once(cache / f"kernel-{content}", lambda folder: _make(folder, package))
