"""What the service costs while nothing is lent and nobody watches."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from .conftest import Service, StartService
from .varlink_client import SCHEDULER

RSS_MAX_KIB = 8 * 1024


def status_of(service: Service, field: str) -> int:
    text = Path(f"/proc/{service.process.pid}/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith(field + ":")]
    return int(line.split()[1])


def descriptors(service: Service) -> list[str]:
    return sorted(
        path.readlink().as_posix() for path in Path(f"/proc/{service.process.pid}/fd").iterdir()
    )


def is_sanitized(build: Path) -> bool:
    options = json.loads((build / "meson-info/intro-buildoptions.json").read_text())
    return any(option["name"] == "b_sanitize" and option["value"] != "none" for option in options)


def lend_once(service: Service) -> None:
    """Opens a lease, lets it be sampled, and ends it."""
    with service.connect() as connection, service.connect() as calls:
        connection.acquire()
        ages = [0, 0]
        while ages[-1] >= ages[-2]:
            ages.append(calls.call(SCHEDULER + "GetHeadroom")["headroom"]["ageMs"])
            time.sleep(0.005)
    with service.connect() as connection:
        while connection.call(SCHEDULER + "GetStatus")["leases"]:
            time.sleep(0.005)


@pytest.fixture
def service(start: StartService) -> Service:
    """Of this very machine and its sensors."""
    return start("--sample-ms", "20", HWLOC_SYNTHETIC="")


def test_sleeps_while_nothing_is_lent(service: Service) -> None:
    """Not one wake-up in fifty times the period; and what sampling had opened is closed."""
    wait_until_asleep(service)
    before = descriptors(service)
    lend_once(service)
    switches = wait_until_asleep(service)
    time.sleep(1)
    assert status_of(service, "voluntary_ctxt_switches") == switches
    assert descriptors(service) == before


def wait_until_asleep(service: Service) -> int:
    """Until it has dealt with our last connection's end: its switches do not change any more."""
    switches = -1
    while (now := status_of(service, "voluntary_ctxt_switches")) != switches:
        switches = now
        time.sleep(0.2)
    return switches


def test_is_awake_while_something_is_lent(service: Service) -> None:
    """The counter that the test above goes by does count."""
    with service.connect() as connection:
        connection.acquire()
        before = status_of(service, "voluntary_ctxt_switches")
        deadline = time.monotonic() + 30
        while status_of(service, "voluntary_ctxt_switches") < before + 5:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_is_small(build: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    if is_sanitized(build):
        pytest.skip("a sanitizer's own memory would be counted")
    lend_once(service)
    resident = status_of(service, "VmRSS")
    with capsys.disabled():
        print(f" idle service: {resident} KiB resident ", end="")
    assert resident < RSS_MAX_KIB
