"""Where what is made is kept, and that it is made once: whole, or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Sequence, Tuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Missing(Exception):
    """Something that the VM needs is not here: why it is skipped."""


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """`path`, a folder that `make` fills where it is not there yet. Its name ends with what it is
    made of: siblings of another content, and what an interrupted run left, are thrown away."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(path.name.rpartition("-")[0] + "-*"):
        shutil.rmtree(old)
    unfinished = path.with_name(path.name + ".part")
    unfinished.mkdir()
    make(unfinished)
    unfinished.rename(path)
    return path


def run(command: Sequence[str], log: Path, cwd: Path = ROOT) -> None:
    """Runs it; what it says goes to the end of `log`, and into the error where it fails."""
    with log.open("a") as out:
        out.write(f"$ {' '.join(command)}\n")
        out.flush()
        start = out.tell()
        done = subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    if done.returncode:
        said = log.read_text(errors="replace")[start:].strip().splitlines()[-12:]
        raise RuntimeError("\n".join([f"{command[0]} ended with {done.returncode}:", *said]))


def as_root() -> Tuple[str, ...]:
    """What to put before a command that must see files' owners: else than as root, a namespace."""
    return () if os.geteuid() == 0 else ("unshare", "--map-root-user", "--map-auto")
