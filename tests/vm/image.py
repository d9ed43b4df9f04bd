"""The guest's root file system: a minimal Debian, as an ext4 image that nothing had to mount."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .places import Missing, as_root, digest, made_once, run

SUITE = "bookworm"
# What runs there. The libraries are those that schedd and schedctl are linked to; the rest is what
# its users have: a user manager with its bus, and pytest.
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "udev", "kmod"),
    *("libhwloc15", "libuv1", "libsystemd0", "libjansson4", "libmd0", "libsqlite3-0", "libexpat1"),
    *("libinih1", "libncursesw6", "i2c-tools", "procps", "python3", "python3-pytest"),
)
WITHOUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/i18n/*")
# Units that only take time here.
MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    *("e2scrub_reap.service", "fstrim.timer", "getty@tty1.service", "kmod-static-nodes.service"),
    *("ldconfig.service", "modprobe@.service", "serial-getty@ttyS0.service"),
    *("systemd-firstboot.service", "systemd-hwdb-update.service", "systemd-timesyncd.service"),
    *("systemd-network-generator.service", "systemd-pcrphase-sysinit.service"),
    *("systemd-pcrphase.service", "systemd-update-utmp.service"),
)
USERS = ("ada", "bob")
SIZE = "900M"


def _configure(root: str) -> str:
    """A shell script that makes the unpacked system ready to boot."""
    masks = " ".join(f'"{root}/etc/systemd/system/{unit}"' for unit in MASKED)
    add = f'chroot "{root}" useradd --create-home --shell /bin/bash'
    users = "\n".join(f"{add} {user}" for user in USERS)
    return f"""
set -e
for unit in {masks}; do ln -sf /dev/null "$unit"; done
{users}
chroot "{root}" passwd -d root >/dev/null
echo vm >"{root}/etc/hostname"
echo 127.0.0.1 localhost vm >"{root}/etc/hosts"
echo '/dev/vda / ext4 noatime 0 0' >"{root}/etc/fstab"
echo 5c4edc71000000000000000000000001 >"{root}/etc/machine-id"
"""


def _make(folder: Path) -> None:
    log = folder / "log"
    (folder / "tree").mkdir()
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in WITHOUT]
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", *options]
    command.append(f"--customize-hook={_configure('$1')}")
    try:
        run([*command, SUITE, str(folder / "tree.tar")], log)
    except RuntimeError as error:
        if os.geteuid() == 0:
            raise
        raise Missing(f"not root, and mmdebstrap cannot do without here: {error}") from error
    script = (
        f'tar xf tree.tar -C tree --exclude="./dev/*" && '
        f"mke2fs -q -t ext4 -O ^has_journal -d tree root.ext4 {SIZE} && rm -rf tree"
    )
    run([*as_root(), "sh", "-c", script], log, cwd=folder)
    (folder / "tree.tar").unlink()


def root_image(cache: Path) -> Path:
    for tool, package in (("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs")):
        if not shutil.which(tool):
            raise Missing(f"no {tool} (Debian package {package})")
    content = digest(SUITE, *PACKAGES, *WITHOUT, SIZE, _configure(""))
    folder = cache / f"root-{content}"
    return made_once(folder, _make) / "root.ext4"
