"""What the service costs while nothing is lent and nobody watches."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from .conftest import Service, StartService
from .observe import status_of, switches_of, wait_until_asleep
from .varlink_client import PATIENCE, SCHEDULER, Connection

RSS_MAX_KIB = 8 * 1024


def descriptors(service: Service) -> list[str]:
    return sorted(
        path.readlink().as_posix() for path in Path(f"/proc/{service.process.pid}/fd").iterdir()
    )


def is_sanitized(build: Path) -> bool:
    options = json.loads((build / "meson-info/intro-buildoptions.json").read_text())
    return any(option["name"] == "b_sanitize" and option["value"] != "none" for option in options)


def lend_once(service: Service) -> None:
    """Opens a lease, lets it be sampled, and ends it; what the service's manager is told of both,
    later than they happen, has been told then."""
    with service.connect() as connection, service.connect() as calls:
        connection.acquire()
        while not service.notifications.wait_for("STATUS")["STATUS"].startswith("Lending"):
            pass
        ages = [0, 0]
        while ages[-1] >= ages[-2]:
            ages.append(calls.call(SCHEDULER + "GetHeadroom")["headroom"]["ageMs"])
            time.sleep(0.005)
    service.notifications.wait_for_status("Nothing lent")


@pytest.fixture
def service(start: StartService) -> Service:
    """Of this very machine and its sensors."""
    return start("--sample-ms", "20", HWLOC_SYNTHETIC="")


def test_sleeps_while_nothing_is_lent(service: Service) -> None:
    """Not one wake-up in fifty times the period; and what sampling had opened is closed, but for
    the pressure trigger, which nobody polls."""
    lend_once(service)  # what libuv and the service keep to spare is there from now on
    wait_until_asleep(service)
    before = descriptors(service)
    read = [path for path in before if path.startswith(("/proc/", "/sys/"))]
    assert read in ([], ["/proc/pressure/memory"])
    lend_once(service)
    switches = wait_until_asleep(service)
    time.sleep(1)
    assert switches_of(service) == switches
    assert descriptors(service) == before


def test_sleeps_after_monitors(service: Service) -> None:
    """One of two that leave goes on to have samples taken; then nobody does."""
    with service.connect() as first:
        with service.connect() as second:
            for monitor in (first, second):
                monitor.send(SCHEDULER + "Monitor", {"intervalMs": 100}, more=True)
                monitor.expect()
            wait_for_a_sample(second)
        wait_for_a_sample(first)
    switches = wait_until_asleep(service)
    time.sleep(1)
    assert switches_of(service) == switches


def wait_for_a_sample(monitor: Connection) -> None:
    """Until what it reports is younger than what it reported before."""
    ages = [0, 0]
    while ages[-1] >= ages[-2]:
        ages.append(monitor.expect()["parameters"]["headroom"]["ageMs"])


def test_is_awake_while_something_is_lent(service: Service) -> None:
    """The counter that the test above goes by does count."""
    with service.connect() as connection:
        connection.acquire()
        before = switches_of(service)
        deadline = time.monotonic() + PATIENCE
        while switches_of(service) < before + 5:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_is_small(build: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    if is_sanitized(build):
        pytest.skip("a sanitizer's own memory would be counted")
    lend_once(service)
    resident = int(status_of(service, "VmRSS")[0])
    with capsys.disabled():
        print(f" idle service: {resident} KiB resident ", end="")
    assert resident < RSS_MAX_KIB
