"""A pytest below a run is found whatever starts it, nothing else is disturbed, and where it is not
found that is said, and why."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from suites import Ran, Suite, plugin_path

PLAIN = "def test_one(): pass\ndef test_two(): pass\n"

# The user's own numbers of CPUs are not the run's: test_run_counts.py has these.
NO_NUMBERS = {"SCHEDCTL_COUNTS": "0"}

# What its tests see of the world, for comparison with a serial run.
SEES = """
    import os, sys
    def test_sees(record_property):
        hidden = {k: v for k, v in os.environ.items()
                  if not k.startswith("SCHEDCTL") and "XDIST" not in k
                  and k not in ("RECORD", "FAKE_ENGINE_LOG", "PYTEST_CURRENT_TEST")}
        record_property("environ", hidden)
        record_property("path", sys.path)
        record_property("site", "sitecustomize" in sys.modules)
    def test_other(): pass
"""

# Waits until the engine has looked around, which it does each time that it wakes but for a few.
WATCHED = """
    import os, time

    def status(pid):
        with open(f"/proc/{pid}/status") as file:
            return {name: value.strip() for name, value in (line.split(":", 1) for line in file)}

    engine = os.getpid()
    while status(engine)["Name"] != "run-engine":
        engine = int(status(engine)["PPid"])
    def waits():
        return int(status(engine)["voluntary_ctxt_switches"])

    begin = waits()
    for attempt in range(3000):
        if waits() >= begin + 10:
            break
        time.sleep(0.01)
"""


def launch(suite: Suite, *command: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """In the suite's folder, below a run of two workers."""
    return subprocess.run(
        [*suite.launcher("auto", 2, "--json", "../out"), *command],
        cwd=suite.path,
        env=suite.environ(**environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )


def summaries(suite: Suite) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in (suite.path.parent / "out").read_text().splitlines()]


def seen(ran: Ran) -> Dict[str, Any]:
    """What the test of SEES has put down."""
    for nodeid, when, _, _, _, properties in ran.reports:
        if nodeid.endswith("::test_sees") and when == "call":
            return dict(properties)
    raise LookupError(ran.out + ran.err)


TOX = """
[tox]
envlist = plain, sets, passes
skipsdist = true
[testenv]
skip_install = true
sitepackages = true
envdir = {toxworkdir}/one
list_dependencies_command = python -c "import os; print('pip has', os.environ.get('PYTHONPATH'))"
commands =
    python -c "import os; print('command has', os.environ.get('PYTHONPATH'))"
    python -m pytest -q
[testenv:sets]
setenv = PYTHONPATH = {toxinidir}/lib
[testenv:passes]
passenv = PYTHONPATH
"""


@pytest.mark.parametrize("arguments", [[], ["-p", "2"]], ids=["sequential", "parallel"])
def test_tox(suite: Suite, arguments: List[str]) -> None:
    tox = shutil.which("tox")
    if tox is None:
        pytest.skip("no tox")
    suite.write(test_plain=PLAIN)
    (suite.path / "tox.ini").write_text(TOX)
    if arguments:  # beside each other they cannot share a folder
        (suite.path / "tox.ini").write_text(TOX.replace("envdir = {toxworkdir}/one\n", ""))
        arguments = [*arguments, "-o", "-e", "plain,sets"]
    ran = launch(suite, tox, *arguments)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    names = 2 if arguments else 3
    assert [(s["mode"], s["done"]) for s in summaries(suite)] == [("workers", 2)] * names
    own, users, sets = plugin_path(), suite.environ()["PYTHONPATH"], suite.path / "lib"
    assert ran.stdout.count(f"command has {own}\n") == 1
    assert ran.stdout.count(f"command has {own}:{sets}\n") == 1
    assert ran.stdout.count(f"command has {own}:{users}\n") == (0 if arguments else 1)
    assert own not in "".join(line for line in ran.stdout.splitlines() if "pip has" in line)


def test_tox_4(suite: Suite) -> None:
    """Its hooks, called as it does: not installed here."""
    script = """
        import os, types
        from schedctl_pytest import tox_plugin as plugin

        class Variables(dict):
            pass
        def env_conf(name):
            return types.SimpleNamespace(env_name=name)
        state = types.SimpleNamespace(conf=types.SimpleNamespace(core={"provision_tox_env": "p"}))
        own = os.environ["SCHEDCTL_PYTHONPATH"]
        given = os.environ["PYTHONPATH"]
        for sets in ({}, {"PYTHONPATH": "lib:"}, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}):
            plugin.tox_add_env_config(env_conf("py"), state)
            assert os.environ["PYTHONPATH"] == "user", os.environ["PYTHONPATH"]
            variables = {"set_env": Variables()}
            env = types.SimpleNamespace(environment_variables=dict(sets), conf=variables)
            plugin.tox_before_run_commands(env)
            seen = variables["set_env"]
            for name in ("SCHEDCTL_RUN", "OMP_NUM_THREADS"):
                assert seen[name] == os.environ[name]
            print(seen["PYTHONPATH"].replace(own, "OWN"))
        plugin.tox_add_env_config(env_conf("p"), state)
        plugin.tox_add_env_config(env_conf("py"), state)
        assert os.environ["PYTHONPATH"] == given
    """
    pytest.importorskip("pluggy")
    suite.write(script=script)
    ran = launch(suite, sys.executable, "script.py", PYTHONPATH="user")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["OWN", "OWN:lib:", "OWN/schedctl_pytest/startup:OWN"]


@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONPATH": "lib::{scratch}:lib:../suite:"},
        {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PIP_EXCLUDE": "one two"},
        {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": "{scratch}:site"},
    ],
    ids=["odd path", "no entry points", "a sitecustomize"],
)
def test_tests_see_the_users_world(suite: Suite, start: str, environ: Dict[str, str]) -> None:
    scratch = suite.environ()["PYTHONPATH"]
    environ = {name: value.format(scratch=scratch) for name, value in environ.items()}
    environ.update(NO_NUMBERS)
    suite.write(test_sees=SEES)
    (suite.path / "site").mkdir()
    (suite.path / "site" / "sitecustomize.py").write_text("print('site customized')\n")
    serial = suite.run([], (), environ)
    ran = suite.run(suite.launcher(start, 2), (), environ)
    assert "2 tests on 2 workers" in ran.err
    assert seen(ran) == seen(serial)
    assert ran.outcomes() == serial.outcomes()
    assert ("site customized" in ran.out) == ("site customized" in serial.out)


def test_sessions_one_after_the_other_in_a_process(suite: Suite) -> None:
    script = """
        import pytest
        print([int(pytest.main(a)) for a in (["-q"], ["--nonsense"], ["-q", "--co"], ["-q"])])
    """
    suite.write(test_plain=PLAIN, script=script)
    ran = launch(suite, sys.executable, "script.py")
    assert "[0, 4, 0, 0]" in ran.stdout, ran.stdout + ran.stderr
    assert [s["mode"] for s in summaries(suite)] == ["workers", "serial", "workers"]


def test_pip_does_not_show_the_plugin(suite: Suite) -> None:
    pytest.importorskip("pip")
    ran = launch(suite, sys.executable, "-m", "pip", "freeze", PIP_EXCLUDE="pytest")
    assert ran.returncode == 0 and "pytest-" in ran.stdout, ran.stderr
    assert "schedctl" not in ran.stdout and "\npytest==" not in ran.stdout


def test_too_old_a_pytest_steps_aside(suite: Suite) -> None:
    suite.write(test_sees=SEES)
    old = Path(suite.environ()["PYTHONPATH"]) / "sitecustomize.py"
    old.write_text("import _pytest\n_pytest.__version__ = '6.2.5'\n")
    ran, serial = suite.parallel(w=2, **NO_NUMBERS), suite.run([], (), {})
    assert seen(ran) == seen(serial)
    assert "schedctl: a pytest ran its tests serially: pytest 6.2.5 is older than 7.0" in ran.err


@pytest.mark.parametrize(
    "python, version, why",
    [
        ((3, 9, 0), "7.0.0", ""),
        ((3, 14, 0), "10.1.dev3+g123", ""),
        ((3, 9, 0), "unknown", ""),
        ((3, 9, 0), "6.2.5", "pytest 6.2.5 is older than 7.0"),
        ((3, 8, 18), "8.3.5", "Python 3.8 is older than 3.9"),
        ((2, 7, 18), "4.6.11", "Python 2.7 is older than 3.9"),
    ],
)
def test_why_unfit(python: Any, version: str, why: str) -> None:
    script = "import sys, json; from schedctl_pytest.plugin import why_unfit as w;"
    script += f"print(w({python!r}, {version!r}))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": plugin_path()},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert ran.stdout == why + "\n"


def test_what_is_not_reached_is_said(suite: Suite) -> None:
    """Each of them below a shell, where nothing but /proc shows it."""
    suite.write(conftest=WATCHED, test_plain=PLAIN)
    python = f"{sys.executable} -B"
    program = shlex.quote(suite.launcher("auto", 2)[0])
    script = f"""
        env -i {python} -m pytest -q &
        PYTHONPATH=src {python} -m pytest -q &
        PYTHONPATH=src {python} -m pytest -q &
        PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {python} -m pytest -q &
        {program} run -- {python} -sE -m pytest -q &
        {python} -m pytest -q -p no:schedctl &
        wait
    """
    ran = launch(suite, "sh", "-c", script)
    assert ran.stdout.count("2 passed") == 6, ran.stdout + ran.stderr
    lines = ran.stderr.splitlines()
    said = {line.partition("(")[2] for line in lines if "could not be reached" in line}
    one, two = "): its tests ran serially", "): their tests ran serially"
    assert said == {
        "its PYTHONPATH was set anew, without $SCHEDCTL_PYTHONPATH" + two,
        "-p no:schedctl" + one,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD was set for it" + one,
        "its environment was made anew, without SCHEDCTL_RUN" + one,
        "python -I and -E ignore the environment" + one,
    }


def test_what_a_user_mends_is_reached(suite: Suite) -> None:
    """By what the message names."""
    suite.write(test_plain=PLAIN)
    ran = launch(
        suite, "sh", "-c", f"PYTHONPATH=src:$SCHEDCTL_PYTHONPATH {sys.executable} -m pytest -q"
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [s["mode"] for s in summaries(suite)] == ["workers"]
