"""What is shown as it comes (-s, tee-sys, live logs) stands where a serial run shows it: within its
item's line, before and after the result."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from typing import List

from fidelity.sessions import each_both_ways
from suites import Suite

SPEAKING = """
    import logging, os, pytest, sys

    log = logging.getLogger("speaker")

    @pytest.fixture
    def speaks():
        print("setting up")
        log.warning("up")
        yield
        print("tearing down")
        log.warning("down")

    @pytest.mark.parametrize("n", range(6))
    def test_speaks(n, speaks):
        print("speaking", n)
        log.warning("from %d", n)
        sys.__stdout__.flush()  # else its place depends on the size of a buffer
        os.system("echo from a process")
        sys.stderr.write(f"error {n}\\n")
        assert n != 2

    @pytest.mark.parametrize("n", range(6))
    def test_disabled(n, capsys):
        with capsys.disabled():
            print("disabled", n)
        if n == 3:
            pytest.skip("three")
"""

# What other plugins write keeps its place among what the terminal shows.
WRITING = """
    import sys

    def pytest_runtest_logreport(report):
        print(f" <{report.when} ", end="")

    def pytest_runtest_logfinish(nodeid):
        sys.stdout.flush()
        sys.stdout.buffer.write(b"finished>\\n")
        sys.stdout.buffer.flush()
"""

SESSIONS = """
    -s -v
    --capture=tee-sys -v
    --log-cli-level=INFO --log-file=log.txt
    -o log_cli=true -o log_file=log.txt -s -vv
    -v -rA --capture=sys
"""


def test_output_keeps_its_place(suite: Suite, start: str) -> None:
    suite.write(test_a=SPEAKING, test_b=SPEAKING, conftest=WRITING)
    sessions = [shlex.split(line) for line in SESSIONS.splitlines() if line.strip()]
    for arguments, serial, ours in each_both_ways(suite, start, *sessions):
        assert pieces(ours.out) == pieces(serial.out), arguments
        assert sorted(ours.err.splitlines()) == sorted(serial.err.splitlines()), arguments


def pieces(out: str) -> List[str]:
    """Sorted: what each item shows, the parts around the items, without shares and times."""
    out = re.sub(r"plugins: .*\n", "", out)
    out = re.sub(r"\[ *\d+%\]|\d+\.\d\ds", "#", out)
    return sorted(re.split(r"(?m)^(?=test_[ab].py::|\n?=+ )", out))


def test_log_file_has_every_record(suite: Suite, start: str) -> None:
    suite.write(test_a=SPEAKING, test_b=SPEAKING)
    logged = []
    for prefix in launchers(suite, start):
        suite.run(prefix, ("--log-file=log.txt",), {})
        logged.append(sorted((suite.path / "log.txt").read_text().splitlines()))
    assert logged[0] == logged[1] and len(logged[0]) == 36


def test_a_terminal_looks_the_same(suite: Suite, start: str) -> None:
    """Colours and width, of explanations and logs that workers make, too."""
    suite.write(test_a=SPEAKING, test_b="def test_b(): assert [1, 2, 3] == [1, 2, 4]")
    arguments = ("-vv", "--log-cli-level=INFO", "-p", "no:cacheprovider")
    shown = [on_terminal(suite, prefix, arguments) for prefix in launchers(suite, start)]
    assert "\x1b[33mWARNING " in shown[0] and "live log call" in shown[0]
    mixed = [re.sub(r"\x1b\[3[12]m *(\[ *\d+%\]|#)", "#", out) for out in shown]
    assert pieces(mixed[1]) == pieces(mixed[0])


def launchers(suite: Suite, start: str) -> List[List[str]]:
    return [[], suite.launcher(start, 2)]


def on_terminal(suite: Suite, prefix: List[str], arguments: "tuple[str, ...]") -> str:
    """Standard output, where that is a terminal of unusual width."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, True)
    subprocess.run(["stty", "cols", "97"], stdin=theirs, check=True)
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "pytest", *arguments],
        cwd=suite.path,
        env=suite.environ(TERM="xterm"),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    parts: List[bytes] = []
    try:
        while True:
            parts.append(os.read(ours, 1 << 16))
    except OSError:  # its last writer is gone
        pass
    process.wait()
    os.close(ours)
    return b"".join(parts).decode().replace("\r\n", "\n")
