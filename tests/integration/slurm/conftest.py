"""A Slurm cluster on this machine: slurmctld and two slurmd, "n1" and "n2", each with all its CPUs.

It needs root and Debian's slurmctld, slurmd, slurm-client and munge; without them the tests are
skipped. Nothing of a cluster that may run here is touched: ports, sockets and states are its own.
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

BUILD = Path(os.environ.get("SCHEDCTL_BUILD", "build")).resolve()
SCHEDCTL = BUILD / "cli" / "schedctl"
PYTHON = "/usr/bin/python3"
PATIENCE = 60  # seconds after which a wait is a failure
TRIES = 5
NODES = ("n1", "n2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "scancel", "sinfo")
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"

CONFIGURATION = """\
ClusterName=schedctl
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={control}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={place}/munge/socket
CredType=cred/munge
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool-%n
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd-%n.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n1} CPUs={cpus}
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n2} CPUs={cpus}
PartitionName=p Nodes=n1,n2 Default=YES State=UP MaxTime=10 OverSubscribe=NO
"""


def wait_until(what: str, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def processes_marked(mark: str) -> list[int]:
    """The processes that have this text in their environment."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark.encode() in Path(f"/proc/{entry}/environ").read_bytes():
                found.append(int(entry))
        except OSError:
            pass
    return found


class Cluster:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SLURM", "SBATCH", "SCHEDCTL_", "PYTEST_"))
        }
        self.env.update(SLURM_CONF=str(place / "slurm.conf"), PATH=PATH)

    def begin(self, *command: str) -> None:
        with open(self.place / f"{Path(command[0]).name}.out", "ab") as log:
            self.daemons.append(
                subprocess.Popen(
                    command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )

    def begin_munge(self) -> None:
        folder = self.place / "munge"
        folder.mkdir()
        (folder / "key").write_bytes(os.urandom(1024))
        (folder / "key").chmod(0o600)
        user = pwd.getpwnam("munge")
        for path in (folder, folder / "key"):
            os.chown(path, user.pw_uid, user.pw_gid)
        drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        files = {
            "key-file": "key",
            "socket": "socket",
            "pid-file": "pid",
            "log-file": "log",
            "seed-file": "seed",
        }
        self.begin(
            *drop, "munged", "--foreground", *(f"--{k}={folder / v}" for k, v in files.items())
        )
        wait_until("munged is not ready", (folder / "socket").exists)

    def begin_slurm(self) -> None:
        """Once more where somebody else has taken one of the ports meanwhile."""
        (self.place / "state").mkdir()
        others = list(self.daemons)
        for _ in range(TRIES):
            self.begin_slurms_daemons()
            wait_until("no node is ready", lambda: self.has_lost_one() or self.is_ready())
            if not self.has_lost_one():
                return
            self.end(keep=others)
        raise AssertionError("Slurm's daemons end")

    def has_lost_one(self) -> bool:
        return any(daemon.poll() is not None for daemon in self.daemons)

    def is_ready(self) -> bool:
        return self.say("sinfo", "-Nh", "-o", "%T").split() == ["idle"] * 2

    def begin_slurms_daemons(self) -> None:
        control, n1, n2 = free_ports(3)
        facts = dict(place=self.place, control=control, n1=n1, n2=n2, cpus=os.cpu_count())
        (self.place / "slurm.conf").write_text(CONFIGURATION.format(**facts))
        self.begin("slurmctld", "-D")
        for node in NODES:
            self.begin("slurmd", "-D", "-N", node)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def say(self, *command: str) -> str:
        return self.run(*command).stdout

    def is_over(self, job: str) -> bool:
        """Whether it is neither waiting nor running; a busy controller may not answer."""
        done = self.run("squeue", "-h", f"--jobs={job}")
        return "Invalid job id" in done.stderr or (done.returncode == 0 and not done.stdout)

    def end(self, keep: Sequence[subprocess.Popen[bytes]] = ()) -> None:
        ending = [daemon for daemon in self.daemons if daemon not in keep]
        for daemon in reversed(ending):
            daemon.terminate()
        for daemon in reversed(ending):
            try:
                daemon.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self.daemons = list(keep)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    missing = [name for name in PROGRAMS if not shutil.which(name, path=PATH)]
    if missing:
        pytest.skip(f"no {', '.join(missing)}")
    if os.getuid() != 0:
        pytest.skip("slurmd needs root")
    place = Path(tempfile.mkdtemp(prefix="schedctl-slurm-"))
    place.chmod(0o755)
    cluster = Cluster(place)
    try:
        cluster.begin_munge()
        cluster.begin_slurm()
        yield cluster
    finally:
        cluster.end()
        shutil.rmtree(place, ignore_errors=True)


class Job:
    """A project's folder, and commands of Slurm in it; every process of a job carries the mark."""

    def __init__(self, cluster: Cluster, directory: Path, runtime: Path) -> None:
        self.cluster = cluster
        self.directory = directory
        self.mark = f"SCHEDCTL_TEST_MARK={directory}"
        self.env = {
            **cluster.env,
            "SCHEDCTL_TEST_MARK": str(directory),
            "SCHEDCTL_SOCKET": str(runtime / "s"),
            "SCHEDCTL_SCHEDD": str(BUILD / "daemon" / "schedd"),
            "SCHEDCTL_SCOPE": "no",
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_CONFIG_HOME": str(runtime),
            "XDG_STATE_HOME": str(directory / ".state"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_ADDOPTS": "-p no:cacheprovider",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        (runtime / "schedctl").mkdir()
        (runtime / "schedctl" / "schedd.conf").write_text("[Headroom]\nPolicy=performance\n")

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        return path

    def begin(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.directory,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, *command: str, status: int = 0) -> str:
        process = self.begin(*command)
        try:
            said, _ = process.communicate(timeout=2 * PATIENCE)
        finally:
            process.kill()
        assert process.returncode == status, said
        return said

    def script(self, junit: str) -> str:
        """A shell's command: the suite in a run; its JUnit file is named by Slurm's variables."""
        run = f"{shlex.quote(str(SCHEDCTL))} run"
        return f"exec {run} -- {PYTHON} -m pytest -q --junitxml=nodes/{junit}.xml"

    def batch(self, *options: str, script: str) -> str:
        """Submits a batch job and waits for its end, which --wait asks for every ten seconds only;
        what its processes printed."""
        path = self.write("job.sh", f"#!/bin/bash\n{script}\n")
        log = self.directory / "log-%a"
        number = self.call("sbatch", "--parsable", f"--output={log}", *options, str(path)).strip()
        wait_until("a batch job does not end", lambda: self.cluster.is_over(number))
        return "".join(p.read_text() for p in sorted(self.directory.glob("log-*")))

    def merge(self, status: int = 0) -> list[tuple[str, str]]:
        """The classname and name of all testcases, joined by schedctl merge."""
        self.call(str(SCHEDCTL), "merge", "--junit", "all.xml", "nodes", status=status)
        root = ElementTree.parse(self.directory / "all.xml").getroot()
        return sorted((c.get("classname", ""), c.get("name", "")) for c in root.iter("testcase"))

    def properties(self, junit: str, name: str) -> list[str]:
        root = ElementTree.parse(self.directory / "nodes" / f"{junit}.xml").getroot()
        return [str(p.get("value")) for p in root.iter("property") if p.get("name") == name]

    def status(self) -> Any:
        return json.loads(self.call(str(SCHEDCTL), "status", "--json"))


@pytest.fixture
def job(cluster: Cluster, tmp_path: Path) -> Iterator[Job]:
    runtime = Path(tempfile.mkdtemp(prefix="schedctl-"))
    job = Job(cluster, tmp_path, runtime)
    yield job
    cluster.say("scancel", "--user=root", "--signal=KILL", "--full")
    wait_until("a job is left", lambda: not cluster.say("squeue", "-h"))
    for pid in processes_marked(job.mark):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    shutil.rmtree(runtime, ignore_errors=True)
