"""What the journal gets, over a socket that the test holds: fields say what a line is about."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import SOURCE, Datagrams, Service, StartService, as_root
from .varlink_client import SCHEDULER

Entry = dict[str, str]
WRAPPER = """#!/bin/sh
# Its own /run, with the test's journal in it.
exec unshare --mount --propagation private sh -c '
        mount -t tmpfs none /run && mkdir -p /run/systemd/journal &&
        mount --bind "$0" /run/systemd/journal && exec "$@"' '{journal}' '{schedd}' "$@"
"""


def ids() -> dict[str, str]:
    header = (SOURCE / "daemon/log_ids.h").read_text()
    return dict(re.findall(r'#define LOG_ID_(\w+)\s+"([0-9a-f]{32})"', header))


def parse(datagram: bytes) -> Entry:
    entry = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
        else:
            (length,) = struct.unpack("<Q", datagram[:8])
            name, value, datagram = line, datagram[8 : 8 + length], datagram[9 + length :]
        entry[name.decode()] = value.decode()
    return entry


class Journal(Datagrams):
    def entry(self, what: str) -> Entry:
        """The next one with that MESSAGE_ID."""
        while (found := parse(self.next())).get("MESSAGE_ID") != ids()[what]:
            pass
        return found


@pytest.fixture
def journal(rundir: Path) -> Iterator[Journal]:
    (rundir / "journal").mkdir()
    journal = Journal(rundir / "journal/socket")
    yield journal
    journal.close()


@pytest.fixture
def logged(build: Path, rundir: Path, journal: Journal, start: StartService) -> Service:
    """A service whose standard error is the journal's, as far as it can tell."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    wrapper = rundir / "wrapper/daemon/schedd"
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text(WRAPPER.format(journal=rundir / "journal", schedd=build / "daemon/schedd"))
    wrapper.chmod(0o755)
    log = rundir / "s.err"
    log.touch()
    stream = f"{log.stat().st_dev}:{log.stat().st_ino}"
    return start(build=rundir / "wrapper", JOURNAL_STREAM=stream)


@as_root
def test_life_of_a_lease(logged: Service, journal: Journal) -> None:
    with logged.connect() as a, logged.connect() as calls:
        grant = a.acquire(max=2, label="make\ncheck")
        opened = journal.entry("LEASE_OPENED")
        assert opened["PRIORITY"] == "6" and opened["SYSLOG_IDENTIFIER"] == "schedd"
        about = {"SCHEDCTL_LEASE": grant["lease"], "SCHEDCTL_UID": str(os.getuid())}
        assert about.items() <= opened.items()
        assert opened["SCHEDCTL_RUN"] == "make\\x0acheck"
        assert opened["SCHEDCTL_REASON"] == grant["reason"]
        assert "SCHEDCTL_UNIT" not in opened and "CODE_FILE" not in opened
        assert grant["token"] not in str(opened)

        named = {"lease": grant["lease"], "token": grant["token"]}
        calls.call(SCHEDULER + "Update", {**named, "max": 1, "unit": "run-1.scope"})
        wanted = journal.entry("PUS_WANTED")
        assert wanted["PRIORITY"] == "7" and about.items() <= wanted.items()
        asked = a.grant()
        bad = {**named, "generation": asked["generation"], "pus": grant["pus"][:1]}
        calls.call(SCHEDULER + "Return", {**bad, "unusable": True})
        lost = journal.entry("PUS_LOST")
        assert lost["PRIORITY"] == "5" and lost["SCHEDCTL_UNIT"] == "run-1.scope"
        with logged.connect() as again:
            now = a.grant()
            claim = {**named, "generation": now["generation"], "pus": now["pus"]}
            again.send(SCHEDULER + "Claim", claim, more=True)
            assert about.items() <= journal.entry("LEASE_CLAIMED").items()
            again.grant()
    ended = journal.entry("LEASE_ENDED")
    assert about.items() <= ended.items() and ended["SCHEDCTL_REASON"] == "its client has left"
    assert logged.log == ""  # not twice


@as_root
def test_of_the_service_itself(logged: Service, journal: Journal) -> None:
    assert "PUs" in journal.entry("MACHINE")["MESSAGE"]
    logged.process.send_signal(signal.SIGHUP)
    journal.entry("MACHINE")


def test_a_file_gets_lines(service: Service) -> None:
    with service.connect() as connection:
        connection.acquire(max=2, label="make check")
    service.end()
    (opened,) = [line for line in service.log.splitlines() if "opened" in line]
    when, _, what = opened.partition(" ")
    assert re.fullmatch(r"[0-9T:-]+Z", when)
    assert what.startswith(f"lease 1 (uid {os.getuid()}, make check) opened with CPUs ")


def test_ids_are_documented() -> None:
    page = (SOURCE / "docs/service.md").read_text()
    found = ids()
    assert len(set(found.values())) == len(found) == 9
    for message_id in found.values():
        assert page.count(f"`{message_id}`") == 1


def test_no_user_fills_the_log(service: Service) -> None:
    """Who opens leases all the time is soon heard of less; a lease that was told of has an end."""
    begin = time.monotonic()
    for _ in range(400):
        with service.connect() as connection:
            connection.acquire(max=1)
    with service.connect() as connection:
        while connection.call(SCHEDULER + "GetStatus")["leases"]:
            pass
    service.end()
    opened = re.findall(r"lease (\d+) .* opened with", service.log)
    ended = re.findall(r"lease (\d+) .* ended", service.log)
    assert 100 <= len(opened) <= 201 + 10 * (time.monotonic() - begin)
    assert opened == ended
