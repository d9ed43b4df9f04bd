"""Runs the tests that the plan names, one after another.

Its output goes to the host, line by line: `vm boot`, `vm begin`, `vm end` and `vm done` with their
fields, and between begin and end what the test prints: TAP. A Python file's test_* functions are
run here, each in the order in which it is written and under the first line of its docstring; any
other file is run as a program.
"""

from __future__ import annotations

import importlib
import os
import selectors
import signal
import sys
import termios
import time
import traceback
import tty
from pathlib import Path

HERE = Path(__file__).resolve().parent


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run_module(path: Path) -> None:
    """In a process of its own: all tests of a file."""
    from vm.guest.lib import Skip

    module = importlib.import_module(f"vm.guest.{path.stem}")
    tests = [f for name, f in vars(module).items() if name.startswith("test_") and callable(f)]
    say(f"1..{len(tests)}")
    for test in tests:
        name = (test.__doc__ or test.__name__).strip().splitlines()[0].rstrip(".")
        try:
            test()
            say(f"ok - {name}")
        except Skip as reason:
            say(f"ok - {name} # SKIP {reason}")
        except BaseException:
            say(f"not ok - {name}")
            for line in traceback.format_exc().splitlines():
                say(f"# {line}")
    sys.stdout.flush()


def start(path: Path) -> tuple[int, int]:
    """The test's process, leader of a process group; and the end of the pipe that it writes to."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setsid()
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            if path.suffix == ".py":
                run_module(path)
                status = 0
            else:
                os.execv(path, [str(path)])
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    os.close(writing)
    return pid, reading


def hand_on(reading: int, pid: int, seconds: float) -> int:
    """Prints what comes from the pipe until the process has ended or is ended; its exit status."""
    ends = os.pidfd_open(pid)
    rest = b""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        selector.register(ends, selectors.EVENT_READ)
        over = False
        while not over:
            ready = selector.select(max(0, deadline - time.monotonic()))
            if not ready:
                say(f"not ok - ends within {seconds:g} s")
                os.killpg(pid, signal.SIGKILL)
                deadline += 10
            over = any(key.fd == ends for key, _ in ready)
            if any(key.fd == reading for key, _ in ready):
                data = os.read(reading, 65536)
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    say(line.decode(errors="replace"))
                if not data:
                    selector.unregister(reading)
                over = over and not data
    os.close(reading)
    os.close(ends)
    if rest:
        say(rest.decode(errors="replace"))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(name: str, seconds: float) -> None:
    say(f"vm begin {name}")
    started = time.monotonic()
    pid, reading = start(HERE / name)
    status = hand_on(reading, pid, seconds)
    say(f"vm end {name} {status} {time.monotonic() - started:.1f}")


def main() -> None:
    tty.setraw(1)
    sys.path[0] = str(HERE.parents[1])
    say(f"vm boot {time.monotonic():.1f}")
    for line in (HERE.parents[1] / "plan").read_text().splitlines():
        name, seconds = line.split()
        run(name, float(seconds))
    say("vm done")
    termios.tcdrain(1)


if __name__ == "__main__":
    main()
