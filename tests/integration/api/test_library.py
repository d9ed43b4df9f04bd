"""libschedctl: what schedctl.h promises, waiting and from event loops, and what is exported."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from service.conftest import EIGHT_PUS, Service
from service.varlink_client import PATIENCE, SCHEDULER, SERVICE
from service.varlink_types import Interface

# Of the eight PUs, those that this machine has, as they are lent: cores before siblings.
OURS = [pu for pu in (0, 2, 4, 6, 1, 3, 5, 7) if pu in os.sched_getaffinity(0)]
HELD = " ".join(["held", *map(str, OURS[:4])])
needs_two = pytest.mark.skipif(len(OURS) < 2, reason="one CPU cannot be shared out")

Run = Callable[..., "list[str]"]
SYMBOLS = Path(__file__).resolve().parents[2] / "fixtures/interfaces/libschedctl.so.0.symbols"


@pytest.fixture
def run(build: Path, env: "dict[str, str]") -> Run:
    """tests/integration/api/library.c: the lines that it prints."""

    def run_one(*arguments: str, **more: str) -> "list[str]":
        done = subprocess.run(
            [build / "tests/library", *arguments],
            env={**env, **more},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.splitlines()

    return run_one


class Loop:
    """tests/integration/api/loop.c."""

    def __init__(self, build: Path, env: "dict[str, str]", kind: str) -> None:
        self.process = subprocess.Popen(
            [build / "tests/loop", kind],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def stdout(self) -> "IO[str]":
        assert self.process.stdout is not None
        return self.process.stdout

    def line(self) -> str:
        return self.stdout.readline().rstrip("\n")

    def expect(self, wanted: str) -> str:
        """The next line that begins so, whatever is said before it."""
        said = []
        while not (line := self.line()).startswith(wanted):
            said.append(line)
            assert line and not line.startswith("failed"), said
        return line

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(60)


@pytest.fixture(params=["poll", "uv", "event"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def loop(build: Path, env: "dict[str, str]", kind: str) -> Iterator["Callable[..., Loop]"]:
    loops: "list[Loop]" = []

    def open_one(**more: str) -> Loop:
        loops.append(Loop(build, {**env, **more}, kind))
        return loops[-1]

    yield open_one
    for each in loops:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait(PATIENCE)
        each.stdout.close()


# Every method, waiting.


def test_every_method(service: Service, run: Run, interface: Interface) -> None:
    """Over the one function that takes them all; those that stream say what they expect."""
    with service.connect() as holder:
        grant = holder.acquire(max=2)
        lease = {"lease": grant["lease"], "token": grant["token"]}
        about = {**lease, "generation": grant["generation"], "pus": []}
        parameters = {"Control": lease, "Return": about, "Update": lease, "Claim": about}
        for method in interface.calls:
            (line,) = run("call", method, json.dumps(parameters.get(method, {})))
            if method in ("Acquire", "Claim"):
                assert line == f"error {SERVICE}ExpectedMore {{}}"
                continue
            what, reply = line.split(" ", 1)
            assert what == "reply", line
            assert interface.faults(json.loads(reply), interface.replies[method], method) == []
    assert json.loads(run("call", SERVICE + "GetInfo")[0].split(" ", 1)[1])["product"] == "schedd"


def test_errors(service: Service, run: Run) -> None:
    allowed = json.dumps({"allowed": "64-65"})
    assert run("call", "SuggestWorkers", allowed) == [
        f'error {SCHEDULER}NoUsablePU {{"usable":"0-7","allowed":"64-65"}}'
    ]
    assert run("call", "SuggestWorkers", '{"max": "1"}') == [
        f'error {SERVICE}InvalidParameter {{"parameter":"max"}}'
    ]


def test_no_service(run: Run) -> None:
    assert run("call", "GetStatus") == ["failed ENOENT"]


def test_calls_at_once_are_answered_in_order(service: Service, run: Run) -> None:
    lines = run("pipeline", *(f"org.x{i}.Foo" for i in range(200)))
    expected = 'error %sInterfaceNotFound {"interface":"org.x%d"}'
    assert lines == [expected % (SERVICE, i) for i in range(200)]


def test_a_stream(service: Service, run: Run, interface: Interface) -> None:
    lines = run("stream", "Monitor", '{"intervalMs": 100}', "3")
    assert lines[1::2] == ["continues 1"] * 3
    for line in lines[::2]:
        reply = json.loads(line.removeprefix("reply "))
        assert interface.faults(reply, interface.replies["Monitor"]) == []


def test_requests_of_other_versions(service: Service, run: Run) -> None:
    assert run("sizes") == ["larger 0", "unknown E2BIG", "smaller EINVAL", "priority EINVAL"]


@needs_two
def test_a_child_leaves_the_lease_to_its_parent(service: Service, run: Run) -> None:
    assert run("fork") == [
        "child dispatch ECHILD",
        "child return ECHILD",
        "update 0",
        "readable 1 dispatch 1",
        "update 0",  # by a child that goes on with it
        "readable 1 dispatch 1",
    ]


def test_a_lease_is_claimed_where_it_was_lent(
    build: Path, service: Service, env: "dict[str, str]", rundir: Path
) -> None:
    """Not from whoever else would be asked now; a service is started there, and nowhere else."""
    other = rundir / "other"
    with subprocess.Popen(
        [build / "tests/library", "moved", other],
        env={**env, "HWLOC_SYNTHETIC": EIGHT_PUS},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == "held\n"
        service.end(signal.SIGKILL)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "claimed 1\n"
    assert not other.exists()


def test_misuse(run: Run) -> None:
    assert run("misuse") == [
        "nothing 0",
        "json EINVAL",
        "object EINVAL",
        "flags EINVAL",
        "size EMSGSIZE",
        "queue ENOBUFS",
        "early EAGAIN 0",
    ]


# From event loops.


def test_a_lease_that_shares(service: Service, loop: "Callable[..., Loop]") -> None:
    one = loop()
    assert one.expect("held") == HELD
    one.expect("sees 1")
    with service.connect() as calls, service.connect() as other:
        lease = calls.call(SCHEDULER + "GetStatus")["leases"][0]["lease"]
        calls.call(SCHEDULER + "Control", {"lease": lease, "paused": True})
        while one.expect("held") != "held":
            pass
        calls.call(SCHEDULER + "Control", {"lease": lease, "paused": False})
        while one.expect("held") != HELD:
            pass
        other.acquire()
        one.expect("sees 2")
    assert one.end() == 0


def test_a_claim_after_a_kill(service: Service, loop: "Callable[..., Loop]") -> None:
    """The library starts another service in its place."""
    one = loop(HWLOC_SYNTHETIC=EIGHT_PUS)
    assert one.expect("held") == HELD
    service.end(signal.SIGKILL)
    assert one.expect("held") == HELD
    assert one.end() == 0


def test_a_service_is_started(loop: "Callable[..., Loop]", env: "dict[str, str]") -> None:
    one = loop(HWLOC_SYNTHETIC=EIGHT_PUS)
    assert one.expect("held") == HELD
    assert one.end() == 0


def test_none_can_be_started(loop: "Callable[..., Loop]", tmp_path: Path) -> None:
    one = loop(SCHEDCTL_SCHEDD=str(tmp_path / "none"))
    assert [one.line() for _ in range(2)][-1] == "failed ENOENT" and one.process.wait(PATIENCE) == 1


def test_a_service_that_stands_still_holds_up_nothing(
    service: Service, loop: "Callable[..., Loop]"
) -> None:
    """Neither the search nor the wait for its answer: the loop turns in the meantime."""
    service.process.send_signal(signal.SIGSTOP)
    try:
        one = loop()
        assert one.line() == "waiting"
    finally:
        service.process.send_signal(signal.SIGCONT)
    assert one.expect("held") == HELD
    assert one.end() == 0


def test_another_that_starts_the_service_holds_up_nothing(
    loop: "Callable[..., Loop]", socket_path: Path
) -> None:
    lock = os.open(f"{socket_path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one = loop()
        assert one.line() == "waiting"
    finally:
        os.close(lock)
    assert one.expect("held")
    assert one.end() == 0


def test_a_full_backlog_holds_up_nothing(loop: "Callable[..., Loop]", socket_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(socket_path))
        listener.listen(0)
        waiting = []
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            waiting.append(client)
            if client.connect_ex(str(socket_path)) != 0:
                break
        one = loop(HWLOC_SYNTHETIC=EIGHT_PUS)
        assert one.line() == "waiting"
        socket_path.unlink()
        assert one.expect("held") == HELD
        for client in waiting:
            client.close()
    assert one.end() == 0


# What is exported.


def test_exported_symbols(build: Path) -> None:
    """What is recorded, each with its version: programs that are linked with one go on running."""
    library = build / "lib/libschedctl.so.0"
    nm = subprocess.run(
        ["nm", "-D", "--defined-only", "--with-symbol-versions", library],
        capture_output=True,
        text=True,
        check=True,
    )
    exported = sorted(
        name.replace("@@", "@") for _, kind, name in map(str.split, nm.stdout.splitlines())
        if kind != "A"
    )  # fmt: skip
    assert exported == SYMBOLS.read_text().split()
    assert all(re.fullmatch(r"schedctl_[a-z_]+@SCHEDCTL_0", name) for name in exported)
    elf = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True)
    assert "soname: [libschedctl.so.0]" in elf.stdout


def test_every_function_of_the_header_is_exported(source: Path) -> None:
    header = (source / "include/schedctl.h").read_text()
    declared = re.findall(r"SCHEDCTL_EXPORT[^(]*?(schedctl_\w+)\(", header)
    assert sorted(declared) == [name.split("@")[0] for name in SYMBOLS.read_text().split()]


@pytest.mark.parametrize(
    "command",
    ["cc -std=c99 -xc", "cc -std=c17 -xc", "c++ -std=c++11 -xc++", "c++ -std=c++20 -xc++"],
)
def test_the_header_alone(source: Path, command: str) -> None:
    compiler, *options = command.split()
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    line = [compiler, *options, "-fsyntax-only", "-Wall", "-Wextra", "-pedantic", "-Werror", "-"]
    text = f'#include "{source}/include/schedctl.h"\n'
    done = subprocess.run(line, input=text, capture_output=True, text=True, timeout=60)
    if "cannot execute" in done.stderr:
        pytest.skip(f"{compiler} has no compiler for {options[-1]}")
    assert (done.returncode, done.stderr) == (0, "")


# examples/.


@needs_two
def test_the_examples(build: Path, service: Service, env: "dict[str, str]") -> None:
    borrow = subprocess.run(
        [build / "examples/borrow"], env=env, capture_output=True, text=True, timeout=60
    )
    assert borrow.stdout.splitlines() == [f"CPU {pu}" for pu in OURS]
    with subprocess.Popen(
        [build / "examples/share"],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as share:
        assert share.stdin and share.stdout
        every = f"{len(OURS)} CPUs: "
        assert share.stdout.readline().startswith(every)
        with service.connect() as other:
            other.acquire(allowed=",".join(map(str, OURS)))
            while share.stdout.readline().startswith(every):
                pass
        while not share.stdout.readline().startswith(every):
            pass
        share.stdin.close()
        assert share.wait(60) == 0
