"""schedd.conf: where it is looked for, how it is merged, what is said of mistakes; its reload."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from .conftest import EIGHT_PUS, STRANGER, Service, StartService, as_root
from .varlink_client import PATIENCE, SCHEDULER, Connection, Json, error

Check = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def root(rundir: Path) -> Path:
    """Stands in for /, with the machine that the tests run on."""
    root = rundir / "root"
    root.mkdir()
    for name in ("sys", "proc"):
        (root / name).symlink_to(f"/{name}")
    return root


def write(root: Path, path: str, text: str) -> Path:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def check(build: Path, root: Path) -> Check:
    """schedd --check-config below root, with /home/u/.config as the user's."""

    def run(*options: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [build / "daemon/schedd", "--check-config", "--root", root, *options],
            env={**os.environ, "XDG_CONFIG_HOME": "/home/u/.config", **env},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


BUILT_IN = """\
[Headroom]
Policy=balanced ; built in
Reserve=auto ; built in

[Service]
LogLevel=notice ; built in
"""


def test_nothing_is_configured(check: Check) -> None:
    run = check()
    assert (run.stdout, run.stderr, run.returncode) == (BUILT_IN, "", 0)


def test_every_setting_and_where_it_comes_from(check: Check, root: Path) -> None:
    write(
        root,
        "/etc/schedd.conf",
        "\ufeff# a comment\r\n; another\n\n[Headroom]\nPolicy = quiet ; why\n  Reserve: 2\n"
        "[Users]\nroot=300\n4242=7\n[Service]\nLogLevel=debug\n",
    )
    run = check()
    assert (run.stderr, run.returncode) == ("", 0)
    assert run.stdout == (
        "[Headroom]\nPolicy=quiet ; /etc/schedd.conf:5\nReserve=2 ; /etc/schedd.conf:6\n\n"
        "[Service]\nLogLevel=debug ; /etc/schedd.conf:11\n\n"
        "[Users]\n0=300 ; /etc/schedd.conf:8\n4242=7 ; /etc/schedd.conf:9\n"
    )


def test_what_is_printed_can_be_read(check: Check, root: Path, rundir: Path) -> None:
    write(root, "/etc/schedd.conf", "[Headroom]\nReserve=0\nPolicy=battery\n[Users]\n1=2\n")
    (rundir / "again").write_text(check().stdout)
    again = check("--config", str(rundir / "again"))
    assert again.returncode == 0
    values = [line.split(" ;")[0] for line in again.stdout.splitlines()]
    assert values == [line.split(" ;")[0] for line in check().stdout.splitlines()]


def test_drop_ins(check: Check, root: Path) -> None:
    """By name, whatever the directory; of one name the later directory's; the user's on top."""
    places = (
        ("/etc/schedd.conf", "[Headroom]\nPolicy=battery\nReserve=1\n[Users]\n5=50\n6=60\n"),
        ("/usr/lib/schedd.conf.d/50-a.conf", "[Headroom]\nReserve=2\n"),
        ("/run/schedd.conf.d/40-b.conf", "[Headroom]\nReserve=3\nPolicy=quiet\n"),
        ("/usr/lib/schedd.conf.d/60-c.conf", "[Users]\n5=51\n"),
        ("/etc/schedd.conf.d/60-c.conf", "[Users]\n6=61\n"),
        ("/etc/schedd.conf.d/70-d.txt", "[Headroom]\nPolicy=none\n"),
        ("/etc/schedd.conf.d/.70-e.conf", "[Headroom]\nPolicy=none\n"),
    )
    for path, text in places:
        write(root, path, text)
    run = check()
    assert run.stderr == ""
    assert run.stdout.split("\n\n[Service]")[0] == (
        "[Headroom]\nPolicy=quiet ; /run/schedd.conf.d/40-b.conf:3\n"
        "Reserve=2 ; /usr/lib/schedd.conf.d/50-a.conf:2"
    )
    assert "5=50 ; /etc/schedd.conf:5\n6=61 ; /etc/schedd.conf.d/60-c.conf:2\n" in run.stdout
    write(root, "/home/u/.config/schedctl/schedd.conf", "[Headroom]\nReserve=4\nPolicy=balanced\n")
    write(root, "/home/u/.config/schedctl/schedd.conf.d/10-x.conf", "[Headroom]\nReserve=5\n")
    run = check()
    assert "Policy=balanced ; /home/u/.config/schedctl/schedd.conf:3\n" in run.stdout
    assert "Reserve=5 ; /home/u/.config/schedctl/schedd.conf.d/10-x.conf:2\n" in run.stdout
    run = check(XDG_CONFIG_HOME="", HOME="/home/u")
    assert "Reserve=5 ;" in run.stdout
    assert "Reserve=2 ;" in check(XDG_CONFIG_HOME="/elsewhere").stdout


def test_masked_by_dev_null(check: Check, root: Path) -> None:
    write(root, "/usr/lib/schedd.conf.d/a.conf", "[Headroom]\nPolicy=quiet\n")
    mask = root / "etc/schedd.conf.d/a.conf"
    mask.parent.mkdir(parents=True)
    mask.symlink_to("/dev/null")
    assert check().stdout == BUILT_IN
    # One whose target is gone is no configuration either.
    mask.unlink()
    mask.symlink_to(root / "nothing")
    assert check().stdout == BUILT_IN


def test_the_empty_value_is_what_is_built_in(check: Check, root: Path) -> None:
    write(root, "/etc/schedd.conf", "[Headroom]\nPolicy=quiet\nReserve=3\n[Users]\n7=70\n")
    write(root, "/etc/schedd.conf.d/a.conf", "[Headroom]\nPolicy=\nReserve=\n[Users]\n7=\n")
    run = check()
    assert (run.stdout, run.stderr) == (BUILT_IN, "")


def test_one_file_alone(check: Check, root: Path, rundir: Path) -> None:
    write(root, "/etc/schedd.conf", "[Headroom]\nReserve=9\n")
    (rundir / "own").write_text("[Headroom]\nPolicy=quiet\n")
    run = check("--config", str(rundir / "own"))
    assert f"Policy=quiet ; {rundir}/own:2\nReserve=auto ; built in\n" in run.stdout


MISTAKES = (
    ("[Headroom]\nPolicy=loud", "2: Policy=loud is not performance, balanced, quiet or battery; "),
    ("[Headroom]\nReserve=-1", "2: Reserve=-1 is not auto or a number of CPUs; "),
    ("[Headroom]\nReserve=4097", "2: Reserve=4097 is not auto or a number of CPUs; "),
    ("[Headroom]\nReserve=1x", "2: Reserve=1x is not auto or a number of CPUs; "),
    ("[Headroom]\npolicy=quiet", "2: [Headroom] has no policy; ignored"),
    ("[Service]\nLogLevel=loud", "2: LogLevel=loud is not error, warning, notice, info or debug; "),
    ("[Nonsense]\na=1\nb=2", "2: [Nonsense]: no such section; ignored"),
    ("Policy=quiet", "1: a setting before any [section]; ignored"),
    ("[Headroom]\nquiet", "2: neither [section] nor KEY=VALUE; ignored"),
    ("[Headroom", "1: neither [section] nor KEY=VALUE; ignored"),
    ("[Users]\nno such one=1", "2: [Users] no such one: no such user; ignored"),
    ("[Users]\n5=0", "2: 5=0 is not a weight of 1 to 10000; 100 is in force"),
    ("[Users]\n5=10001", "2: 5=10001 is not a weight of 1 to 10000; 100 is in force"),
    ("[Users]\n4294967295=1", "2: [Users] 4294967295: no such user; ignored"),
    ("[Headroom]\nReserve=" + "1" * 300, "2: longer than 199 bytes; ignored"),
    ("[Headroom]\nPolicy=\x1b[2J", "2: Policy=\\x1b[2J is not performance, "),
)


@pytest.mark.parametrize(("text", "problem"), MISTAKES, ids=[text[:20] for text, _ in MISTAKES])
def test_mistakes(check: Check, root: Path, text: str, problem: str) -> None:
    """Told with file and line, and nothing else comes of them: what follows is read."""
    write(root, "/etc/schedd.conf", text + "\n[Headroom]\nReserve=1\nReserve=x\n")
    run = check()
    first, second = run.stderr.splitlines()
    assert first.startswith(f"schedd: /etc/schedd.conf:{problem}")
    assert second.endswith(": Reserve=x is not auto or a number of CPUs; 1 is in force")
    assert (run.stdout, run.returncode) == ("", 1)


def test_the_value_in_force_is_that_of_the_last_file(check: Check, root: Path) -> None:
    write(root, "/etc/schedd.conf", "[Headroom]\nPolicy=loud\n")
    write(root, "/etc/schedd.conf.d/a.conf", "[Headroom]\nPolicy=quiet\n")
    assert check().stderr.endswith("; quiet is in force\n")


def test_what_cannot_be_read(check: Check, root: Path, rundir: Path) -> None:
    missing = check("--config", str(rundir / "none"))
    assert missing.stderr == f"schedd: {rundir}/none: No such file or directory\n"
    assert (missing.stdout, missing.returncode) == ("", 1)
    (root / "etc/schedd.conf").mkdir(parents=True)
    assert check().stderr == "schedd: /etc/schedd.conf: Is a directory\n"
    (root / "etc/schedd.conf").rmdir()
    write(root, "/etc/schedd.conf", "[Headroom]\0")
    assert check().stderr == "schedd: /etc/schedd.conf: not a text\n"
    write(root, "/etc/schedd.conf", "#" * 300_000)
    assert check().stderr == "schedd: /etc/schedd.conf: File too large\n"
    (root / "etc/schedd.conf").unlink()
    (root / "run").mkdir()
    (root / "run/schedd.conf.d").symlink_to("schedd.conf.d")
    assert check().stderr.startswith("schedd: /run/schedd.conf.d: Too many levels")


# The service.


@pytest.fixture
def config(rundir: Path) -> Path:
    path = rundir / "schedd.conf"
    path.write_text(f"[Users]\n{os.getuid()}=300\n")
    return path


def reload(service: Service) -> Json:
    with service.connect() as connection:
        return connection.exchange(SCHEDULER + "Reload")


def test_a_service_tells_its_mistakes(start: StartService, config: Path) -> None:
    config.write_text("[Headroom]\nPolicy=loud\n")
    service = start("--config", str(config))
    assert f"{config}:2: Policy=loud is not" in service.log


def test_a_service_starts_without_what_it_cannot_read(start: StartService, root: Path) -> None:
    (root / "etc/schedd.conf").mkdir(parents=True)
    service = start("--root", str(root))
    assert "the configuration cannot be read: /etc/schedd.conf: Is a directory" in service.log
    with service.connect() as connection:
        connection.acquire()


def test_no_service_without_the_file_it_was_given(build: Path, socket_path: Path) -> None:
    missing = socket_path.with_name("missing.conf")
    run = subprocess.run(
        [build / "daemon/schedd", "--socket", socket_path, "--config", missing],
        env={**os.environ, "HWLOC_SYNTHETIC": EIGHT_PUS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1 and f"{missing}: No such file" in run.stderr
    assert not socket_path.exists()


def test_reload(start: StartService, config: Path) -> None:
    service = start("--config", str(config))
    config.write_text("[Service]\nLogLevel=loud\n")
    (problem,) = reload(service)["parameters"]["problems"]
    assert problem.startswith(f"{config}:2: LogLevel=loud is not")
    assert problem in service.log
    config.write_text("nothing\n" * 1000)
    assert len(reload(service)["parameters"]["problems"]) == 100
    config.write_text("")
    assert reload(service) == {"parameters": {}}


def test_policy_and_reserve_are_in_force(start: StartService, config: Path) -> None:
    """From the start, and others after a reload, for what is lent already."""
    config.write_text("[Headroom]\nPolicy=performance\nReserve=3\n")
    service = start("--config", str(config))

    def headroom() -> Json:
        with service.connect() as connection:
            found: Json = connection.call(SCHEDULER + "GetHeadroom")["headroom"]
            return found

    with service.connect() as a:
        assert len(a.acquire()["pus"]) == 5
        assert (headroom()["policy"], headroom()["budget"], headroom()["of"]) == (
            "performance",
            5,
            8,
        )
        config.write_text("[Headroom]\nPolicy=quiet\nReserve=1\n")
        assert reload(service) == {"parameters": {}}
        assert (headroom()["policy"], headroom()["budget"]) == ("quiet", 7)
        assert len(a.grant()["pus"]) == 7


def test_reload_of_what_cannot_be_read(start: StartService, config: Path) -> None:
    service = start("--config", str(config))
    config.unlink()
    problem = f"{config}: No such file or directory"
    assert reload(service) == error(SCHEDULER + "BadConfiguration", problem=problem)
    assert problem in service.log


def test_reload_by_signal(start: StartService, config: Path) -> None:
    service = start("--config", str(config))
    config.write_text("[Headroom]\nPolicy=loud\n")
    service.process.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC" in service.notifications.wait_for("RELOADING")
    service.notifications.wait_for("READY")
    assert f"{config}:2: Policy=loud is not" in service.log


@as_root
def test_reload_is_not_for_everybody(service: Service) -> None:
    with service.connect_as(STRANGER) as stranger:
        assert stranger.exchange(SCHEDULER + "Reload") == error(SCHEDULER + "NotPermitted")


def test_log_level(build: Path, config: Path, socket_path: Path) -> None:
    """The configuration's counts where the command line has none, and changes with it."""
    config.write_text("[Service]\nLogLevel=info\n")
    with subprocess.Popen(
        [build / "daemon/schedd", "--socket", socket_path, "--config", config],
        env={**os.environ, "HWLOC_SYNTHETIC": EIGHT_PUS},
        stderr=subprocess.PIPE,
        text=True,
    ) as service:
        assert service.stderr and "8 PUs on 4 cores" in service.stderr.readline()
        config.write_text("[Service]\nLogLevel=error\n")
        with Connection(socket_path) as connection:
            connection.call(SCHEDULER + "Reload")
        service.terminate()
        assert service.communicate(timeout=PATIENCE)[1] == ""
