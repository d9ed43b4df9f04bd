"""What `meson install` puts where, and that the programs find each other wherever they are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .helps import BUILD, DOCS, SOURCE, version

pytestmark = pytest.mark.skipif(not shutil.which("meson"), reason="there is no meson")

PAGES = sorted(path.stem for path in DOCS.glob("*.scd"))

# For a prefix below which nothing belongs to the system.
BESIDE_PLUGIN = {
    "bin/schedctl",
    "include/schedctl.h",
    "LIB/libschedctl.so",
    "LIB/libschedctl.so.0",
    "LIB/libschedctl.so.0.1.0",
    "LIB/pkgconfig/schedctl.pc",
    "lib/systemd/system/schedctl.slice",
    "lib/systemd/system/schedd.service",
    "lib/systemd/system/schedd.socket",
    "lib/sysusers.d/schedd.conf",
    "lib/tmpfiles.d/schedd.conf",
    "lib/udev/rules.d/70-schedd.rules",
    "libexec/schedd",
    "share/bash-completion/completions/schedctl",
    "share/doc/schedctl/examples/schedd.conf",
    "share/fish/vendor_completions.d/schedctl.fish",
    "share/systemd/user/schedctl.slice",
    "share/systemd/user/schedd.service",
    "share/systemd/user/schedd.socket",
    "share/varlink/org.schedctl.Scheduler.varlink",
    "share/zsh/site-functions/_schedctl",
} | {f"share/man/man{page[-1]}/{page}" for page in PAGES}


def introspect(folder: Path) -> dict[str, str]:
    command = ["meson", "introspect", "--installed", str(folder)]
    result = subprocess.run(command, check=True, capture_output=True, timeout=300)
    found: dict[str, str] = json.loads(result.stdout)
    return found


def libdir(folder: Path) -> str:
    command = ["meson", "introspect", "--buildoptions", str(folder)]
    result = subprocess.run(command, check=True, capture_output=True, timeout=300)
    return str(next(o["value"] for o in json.loads(result.stdout) if o["name"] == "libdir"))


def plugin_files() -> set[str]:
    """What has to be there of python/, by the source."""
    found = {
        str(path.relative_to(SOURCE / "python"))
        for path in (SOURCE / "python/schedctl_pytest").rglob("*.py")
    }
    info = f"schedctl_run-{version()}.dist-info"
    return found | {f"{info}/METADATA", f"{info}/entry_points.txt"}


@pytest.fixture(scope="module")
def stage() -> Iterator[Path]:
    """This build, installed below a folder that is not where it thinks to be."""
    folder = Path(tempfile.mkdtemp(prefix="schedctl-"))
    command = ["meson", "install", "-C", str(BUILD), "--no-rebuild"]
    command += ["--destdir", str(folder / "root")]
    result = subprocess.run(
        command, capture_output=True, encoding="utf-8", check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def prefix(stage: Path) -> Path:
    (found,) = [path.parent.parent for path in (stage / "root").rglob("bin/schedctl")]
    return found


def test_every_file(stage: Path, prefix: Path) -> None:
    files = {str(p.relative_to(prefix)) for p in (stage / "root").rglob("*") if not p.is_dir()}
    plugin = {f for f in files if f.startswith("share/schedctl/python/")}
    sources = {f for f in plugin if "__pycache__" not in f}
    assert sources == {f"share/schedctl/python/{name}" for name in plugin_files()}
    compiled = {
        re.sub(r"__pycache__/(.*)\.cpython-\d+\.pyc$", r"\1.py", f) for f in plugin - sources
    }
    assert compiled == {f for f in sources if f.endswith(".py")}
    library = libdir(BUILD)
    expected = {name.replace("LIB/", f"{library}/") for name in BESIDE_PLUGIN}
    if str(prefix).endswith("/usr/local"):  # systemd searches lib there
        expected = {f.replace("share/systemd", "lib/systemd") for f in expected}
    assert files - plugin == expected


def test_modes(stage: Path) -> None:
    """Nothing that others may write, and only programs and libraries are executable."""
    for path in (stage / "root").rglob("*"):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode & 0o7777
        runs = path.is_dir() or path.name in ("schedctl", "schedd") or ".so." in path.name
        in_completions = "completions" in path.parts
        assert mode & 0o022 == 0, path
        assert bool(mode & 0o111) == (runs and not in_completions or path.is_dir()), path


@pytest.fixture
def env(stage: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SCHEDCTL", "XDG"))}
    return {**kept, "SCHEDCTL_SOCKET": str(stage / "s"), "HOME": str(stage)}


def test_programs_find_each_other(prefix: Path, stage: Path, env: dict[str, str]) -> None:
    """The service, and the plugin, though DESTDIR is not where they were to be."""
    suite = stage / "test_one.py"
    suite.write_text("import time\ndef test_a(): time.sleep(.3)\ndef test_b(): time.sleep(.3)\n")
    report = (
        "pid=$(sed -n 's/^  \"pid\": \\([0-9]*\\),$/\\1/p' status.json); readlink /proc/$pid/exe;"
        ' echo "$SCHEDCTL_PYTHONPATH"; exec "$PYTHON" -m pytest -q -p no:cacheprovider test_one.py'
    )
    schedctl = prefix / "bin/schedctl"
    script = f'"{schedctl}" status --json >status.json; {report}'
    result = subprocess.run(
        [schedctl, "run", "--workers", "2", "--", "sh", "-c", script],
        cwd=stage,
        env={**env, "PYTHON": shutil.which("python3", path="/usr/bin") or "python3"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    lines = result.stdout.splitlines()
    assert lines[0] == str(prefix / "libexec/schedd"), result.stderr
    assert lines[1] == str(prefix / "share/schedctl/python")
    assert "2 passed" in result.stdout
    assert "schedctl: 2 tests on 2 workers" in result.stderr


def test_units(prefix: Path) -> None:
    """They name the service where it will be, and not where it was staged."""
    for unit in prefix.rglob("schedd.service"):
        started = re.findall(r"^ExecStart=(\S+)", unit.read_text(), re.MULTILINE)
        assert len(started) == 1
        assert str(prefix).endswith(started[0].removesuffix("/libexec/schedd"))


def test_library(prefix: Path, stage: Path, env: dict[str, str]) -> None:
    """Another program is built with it through pkg-config, and borrows from the service."""
    if not shutil.which("cc") or not shutil.which("pkg-config"):
        pytest.skip("there is no compiler or no pkg-config")
    library = prefix / libdir(BUILD)
    if b"__asan_init" in (library / "libschedctl.so").read_bytes():
        pytest.skip("the library of a build with sanitizers needs their runtime")
    root = stage / "root"
    more = {"PKG_CONFIG_PATH": str(library / "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": str(root)}
    asked = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "schedctl"],
        env={**env, **more},
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    borrow = SOURCE / "examples/borrow.c"
    program = stage / "borrow"
    subprocess.run(["cc", borrow, "-o", program, *asked.stdout.split()], check=True, timeout=60)
    libraries = {"LD_LIBRARY_PATH": str(library), "SCHEDCTL_SCHEDD": str(prefix / "libexec/schedd")}
    result = subprocess.run([program], env={**env, **libraries}, check=False, timeout=60)
    assert result.returncode == 0


def test_manual(prefix: Path) -> None:
    if not shutil.which("man"):
        pytest.skip("there is no man")
    for page in PAGES:
        name, number = page.rsplit(".", 1)
        command = ["man", "-M", str(prefix / "share/man"), "-w", number, name]
        result = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
        assert result.stdout.strip() == str(prefix / f"share/man/man{number}/{page}")


def test_example_configuration(prefix: Path) -> None:
    """What is commented out in it is what is built in; the user named there is made up."""
    example = prefix / "share/doc/schedctl/examples/schedd.conf"
    schedd = prefix / "libexec/schedd"

    def check(text: str) -> list[str]:
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(text)
            file.flush()
            result = subprocess.run(
                [schedd, "--check-config", "--config", file.name],
                capture_output=True,
                encoding="utf-8",
                check=False,
                timeout=60,
            )
        assert result.returncode == 0, result.stderr
        return [line.partition(" ;")[0] for line in result.stdout.splitlines()]

    text = example.read_text()
    built_in = check("")
    assert check(text) == built_in
    uncommented = re.sub(r"^#(?=[A-Z]\w*=)", "", text, flags=re.MULTILINE)
    assert uncommented.count("\n#") == text.count("\n#") - sum("=" in x for x in built_in)
    assert check(uncommented) == built_in


# Where the folders of other programs are, below other prefixes; of /usr what those programs say.
ELSEWHERE = {
    "/usr": {
        "user/schedd.socket": ["/usr/lib/systemd/user"],
        "system/schedd.socket": ["/lib/systemd/system", "/usr/lib/systemd/system"],
        "sysusers.d/schedd.conf": ["/usr/lib/sysusers.d"],
        "completions/schedctl": ["/usr/share/bash-completion/completions"],
        "/schedctl.fish": ["/usr/share/fish/vendor_completions.d"],
        "/_schedctl": ["/usr/share/zsh/site-functions"],
    },
    "/home/ann/.local": {
        "user/schedd.socket": ["/home/ann/.local/share/systemd/user"],
        "system/schedd.socket": ["/home/ann/.local/lib/systemd/system"],
        "sysusers.d/schedd.conf": ["/home/ann/.local/lib/sysusers.d"],
        "completions/schedctl": ["/home/ann/.local/share/bash-completion/completions"],
        "/schedctl.fish": ["/home/ann/.local/share/fish/vendor_completions.d"],
        "/_schedctl": ["/home/ann/.local/share/zsh/site-functions"],
    },
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_other_prefixes(where: str, tmp_path: Path) -> None:
    options = ["--prefix", where, "-Dzshcompletionsdir="]
    setup = ["meson", "setup", *options, str(tmp_path / "build"), str(SOURCE)]
    result = subprocess.run(setup, capture_output=True, encoding="utf-8", check=False, timeout=300)
    assert result.returncode == 0, result.stdout
    installed = introspect(tmp_path / "build").values()
    for end, folders in ELSEWHERE[where].items():
        (path,) = [path for path in installed if path.endswith(end)]
        assert str(Path(path).parent) in folders


def test_folders_by_option(tmp_path: Path) -> None:
    units = "-Dsystemdsystemunitdir=/etc/systemd/system"
    setup = ["meson", "setup", units, "-Dzshcompletionsdir=/zsh"]
    setup += [str(tmp_path / "build"), str(SOURCE)]
    subprocess.run(setup, capture_output=True, check=True, timeout=300)
    installed = introspect(tmp_path / "build").values()
    assert {"/etc/systemd/system/schedd.socket", "/zsh/_schedctl"} <= set(installed)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
def test_units_of_a_prefix_to_escape(tmp_path: Path) -> None:
    """systemd finds the programs below a folder whose name has what means something in a unit."""
    prefix = tmp_path / "her own, 100%n"
    scopes = ("system", "user")
    folders = [f"-Dsystemd{scope}unitdir={tmp_path / scope}" for scope in scopes]
    setup = ["meson", "setup", "--prefix", str(prefix), *folders]
    setup += [str(tmp_path / "build"), str(SOURCE)]
    subprocess.run(setup, capture_output=True, check=True, timeout=300)
    for path, installed in introspect(tmp_path / "build").items():
        if Path(installed).parent.name in scopes:
            Path(installed).parent.mkdir(exist_ok=True)
            shutil.copy(path, installed)

    def verify(scope: str) -> subprocess.CompletedProcess[str]:
        command = ["systemd-analyze", "verify", "--man=no", f"--{scope}"]
        env = {"XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_UNIT_PATH": f"{tmp_path / scope}:"}
        return subprocess.run(
            [*command, str(tmp_path / scope / "schedd.service")],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    for scope in scopes:
        assert f"{prefix}/libexec/schedd is not executable" in verify(scope).stderr
    for program in ("libexec/schedd", "bin/schedctl"):
        (prefix / program).parent.mkdir(parents=True)
        shutil.copy("/bin/true", prefix / program)
    for scope in scopes:
        done = verify(scope)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
