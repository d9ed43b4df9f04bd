"""What a worker needs while a test may have replaced or closed it.

Tests replace functions in modules: by hand, or with tools that look through every loaded module for
the functions of a clock or a file system. So these are the attributes of a class, taken when the
plugin was loaded. And tests close descriptors wholesale, from 3 up to some small number: so a
worker's are above that.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import time

_LOWEST, _ABOVE_ALL = 16, 2048  # the kernel's table of descriptors grows with the highest


class Own:
    clock = time.perf_counter  # CLOCK_MONOTONIC
    fstat = os.fstat
    ftruncate = os.ftruncate
    getpid = os.getpid
    getrusage = resource.getrusage
    leave = os._exit
    lseek = os.lseek
    poll = select.poll
    pread = os.pread
    read = os.read
    write = os.write


def high(fd: int) -> int:
    """Moves a descriptor out of the tests' way; children that execute something do not get it."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = (_ABOVE_ALL if soft < 0 else min(soft, _ABOVE_ALL)) - _LOWEST
    try:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
    except OSError:
        return fd  # the limit leaves no room: better here than nowhere
    os.close(fd)
    return moved
