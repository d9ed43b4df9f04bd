"""The units as installed: systemd understands them, and they shut out what is not needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import SOURCE, as_root

# Ten times the exposure that systemd-analyze security may find.
EXPOSURE_MAX = 15

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="not installed")


@pytest.fixture(scope="session")
def installed(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that `meson install` puts into place."""
    if not shutil.which("meson"):
        pytest.skip("meson is not installed")
    folder = tmp_path_factory.mktemp("installed")
    done = subprocess.run(
        ["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if "could not be run" in done.stdout:
        pytest.skip("this user cannot run what the folder was configured with")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def find(installed: Path, pattern: str) -> Path:
    (found,) = installed.rglob(pattern)
    return found


@pytest.fixture
def units(installed: Path, tmp_path: Path) -> Path:
    """The units with programs that are there: theirs are installed into another folder."""
    for scope in ("system", "user"):
        shutil.copytree(find(installed, f"systemd/{scope}"), tmp_path / scope)
        service = tmp_path / scope / "schedd.service"
        text = service.read_text()
        for line in ("ExecStart", "ExecReload"):
            program = re.search(rf"^{line}=(\S+)", text, re.M)
            assert program and (installed / program[1].lstrip("/")).is_file()
            text = text.replace(f"{line}={program[1]}", f"{line}=/bin/true")
        service.write_text(text)
    return tmp_path


@pytest.mark.parametrize("scope", ["system", "user"])
@pytest.mark.parametrize("unit", ["schedd.service", "schedd.socket", "schedctl.slice"])
def test_systemd_understands(units: Path, scope: str, unit: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--{scope}", units / scope / unit],
        env={**os.environ, "XDG_RUNTIME_DIR": str(units), "SYSTEMD_UNIT_PATH": f"{units / scope}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def security(unit: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=true", *options, unit],
        capture_output=True,
        text=True,
        check=False,
    )


def test_exposure(units: Path) -> None:
    """Little is left open, and for each of it the unit says why."""
    unit = units / "system/schedd.service"
    if security(unit).returncode:
        pytest.skip("this systemd-analyze looks at no unit that is not loaded")
    judged = security(unit, f"--threshold={EXPOSURE_MAX}")
    assert judged.returncode == 0, judged.stdout
    why = set(re.findall(r"^# - ([A-Za-z]+)=(?:.*?, ([A-Za-z]+)=)?", unit.read_text(), re.M))
    explained = {name for names in why for name in names if name}
    checks = json.loads(security(unit, "--json=short").stdout)
    exposed = {
        name
        for check in checks
        if float(check["exposure"] or 0) > 0
        for name in re.findall(r"([A-Za-z]+)=", check["name"])
    }
    assert exposed == explained


def settings(unit: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.M))


@pytest.mark.parametrize("scope", ["system", "user"])
def test_what_the_service_relies_on(units: Path, scope: str) -> None:
    service = settings(units / scope / "schedd.service")
    assert service["Type"] == "notify" and service["NotifyAccess"] == "main"
    assert service["Restart"] == "on-failure" and service["WatchdogSec"]
    assert int(service["LimitNOFILE"]) > 1024 + 64  # connections, and what else it opens
    # What the socket's directory holds outlives the service: the socket, and what is lent.
    assert service.get("RuntimeDirectory") == ("schedd" if scope == "system" else None)
    assert scope == "user" or service["RuntimeDirectoryPreserve"] == "yes"
    # These would hide the uids of clients, or the readings.
    assert not {"PrivateUsers", "ProcSubset"} & set(service)


@as_root
@pytest.mark.skipif(not shutil.which("systemd-tmpfiles"), reason="not installed")
def test_power_readings(installed: Path, tmp_path: Path) -> None:
    """The service's group may read what packages consume; the rest is as it was."""
    zones = tmp_path / "sys/devices/virtual/powercap/intel-rapl"
    packages = [zones / "intel-rapl:0", zones / "intel-rapl:1"]
    part = packages[0] / "intel-rapl:0:0"
    for zone in (*packages, part):
        zone.mkdir(parents=True)
        for name in ("energy_uj", "constraint_0_power_limit_uw"):
            (zone / name).touch(mode=0o400)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nschedd:x:4242:\n")
    rule = find(installed, "tmpfiles.d/schedd.conf")
    subprocess.run(["systemd-tmpfiles", "--create", f"--root={tmp_path}", rule], check=True)
    for package in packages:
        status = (package / "energy_uj").stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (0, 4242, 0o440)
    for other in (part / "energy_uj", packages[0] / "constraint_0_power_limit_uw"):
        assert (other.stat().st_gid, other.stat().st_mode & 0o777) == (0, 0o400)


def test_udev_rule_names_what_is_installed(installed: Path) -> None:
    rule = find(installed, "rules.d/70-schedd.rules").read_text()
    path = re.search(r"--create (\S+)\"", rule)
    assert path and (installed / path[1].lstrip("/")).is_file()


@as_root
@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="not installed")
def test_user(installed: Path, tmp_path: Path) -> None:
    rule = find(installed, "sysusers.d/schedd.conf")
    (tmp_path / "etc").mkdir()
    with open(rule, encoding="utf-8") as text:
        subprocess.run(["systemd-sysusers", f"--root={tmp_path}", "-"], stdin=text, check=True)
    assert re.search(r"^schedd:[^:]*:\d+:\d+:", (tmp_path / "etc/passwd").read_text(), re.M)


def test_no_unit_is_left_out(installed: Path) -> None:
    names = {path.name for path in find(installed, "systemd/system").iterdir()}
    assert names == {"schedd.service", "schedd.socket", "schedctl.slice"}
    assert names == {path.name for path in find(installed, "systemd/user").iterdir()}
    assert {path.name for path in (SOURCE / "units/user").iterdir()} <= names | {
        "schedd.service.in"
    }
