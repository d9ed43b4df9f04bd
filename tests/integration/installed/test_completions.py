"""Every verb, option and value is completed by bash, zsh and fish, and nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .helps import BUILD, actions, choices, options, verbs
from .shells import Shell, open_shell

SCHEDCTL = str(BUILD / "cli/schedctl")

# A verb, or a verb and its action.
CONTEXTS = [
    (verb, *action) for verb in verbs() for action in [(), *((action,) for action in actions(verb))]
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the shells are: with files, and a path short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="schedctl-"))
    (path / "programs").mkdir()
    for program in ("schedctl", "dummy"):
        (path / "programs" / program).symlink_to(SCHEDCTL)
    (path / "here").mkdir()
    (path / "here/machine.xml").touch()
    (path / "here/times.json").touch()
    (path / "here/project").mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def env(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SCHEDCTL", "XDG"))}
    return {
        **kept,
        "PATH": f"{folder}/programs:{kept['PATH']}",
        "HOME": str(folder),
        "SCHEDCTL_SOCKET": str(folder / "s"),
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, folder: Path, env: dict[str, str]) -> Iterator[Shell]:
    completions = BUILD / "completions"
    if not completions.exists():
        pytest.skip("this build has no completions")
    opened = open_shell(request.param, completions, folder / "here", env)
    yield opened
    opened.close()
    for left in ("zsh", "answers"):
        path = folder / "here" / left
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def test_verbs(shell: Shell) -> None:
    assert shell.complete("schedctl ") >= set(verbs())
    assert shell.complete("schedctl ") - {"-h", "--help", "--version"} == set(verbs())
    assert shell.complete("schedctl --") == {"--help", "--version"}
    assert shell.complete("schedctl hist") == {"history"}


@pytest.mark.parametrize("words", CONTEXTS, ids=" ".join)
def test_options(shell: Shell, words: tuple[str, ...]) -> None:
    """Of a verb with actions, all of them together have the verb's options."""
    verb = words[0]
    listed = options(verb)
    long = {option for option in listed if option.startswith("--")}
    offered = shell.complete(f"schedctl {' '.join(words)} --")
    short = {o for o in shell.complete(f"schedctl {' '.join(words)} -") if o[1:2] not in ("", "-")}
    if words == (verb,) and not actions(verb):
        assert offered == long
        assert short == listed - long
    assert offered <= long and "--help" in offered
    assert short <= listed - long


@pytest.mark.parametrize("verb", [verb for verb in verbs() if actions(verb)])
def test_actions(shell: Shell, verb: str) -> None:
    found = actions(verb)
    assert shell.complete(f"schedctl {verb} ") - {"-h", "--help"} == set(found)
    offered = {o for action in found for o in shell.complete(f"schedctl {verb} {action} --")}
    assert offered == {option for option in options(verb) if option.startswith("--")}


@pytest.mark.parametrize(
    "verb, option", [(verb, option) for verb in verbs() for option in choices(verb)]
)
def test_words(shell: Shell, verb: str, option: str) -> None:
    """An option's words; those of an action's option where the verb has actions."""
    words = set(choices(verb)[option])
    befores = [verb, *(f"{verb} {action}" for action in actions(verb))]
    offered = [shell.complete(f"schedctl {before} {option} ") for before in befores]
    assert words in offered
    assert words in [shell.complete(f"schedctl {before} {option}=") for before in befores]


@pytest.mark.parametrize(
    "verb, option", [(verb, option) for verb in verbs() for option in choices(verb)]
)
def test_words_are_understood(env: dict[str, str], verb: str, option: str) -> None:
    """Those offered, and no other."""

    def is_refused(word: str) -> bool:
        action = ["import"] if verb == "history" else []
        command = [SCHEDCTL, verb, *action, option, word, "--", "true"]
        result = subprocess.run(
            command, env=env, capture_output=True, encoding="utf-8", check=False, timeout=60
        )
        return result.returncode == 2 and f"'{word}'" in result.stderr

    assert [word for word in choices(verb)[option] if is_refused(word)] == []
    assert is_refused("no-such-word")


def test_files(shell: Shell) -> None:
    assert shell.complete("schedctl plan --machine ") >= {"machine.xml"}
    assert "times.json" not in shell.complete("schedctl plan --machine ")
    assert shell.complete("schedctl history import ") >= {"machine.xml", "times.json"}
    assert shell.complete("schedctl run --json ") >= {"machine.xml", "times.json"}
    directories = {word.rstrip("/") for word in shell.complete("schedctl plan --project ")}
    assert "project" in directories and "times.json" not in directories


def test_nothing_where_a_number_is_meant(shell: Shell) -> None:
    assert shell.complete("schedctl run --workers ") == set()
    assert shell.complete("schedctl nproc --max ") == set()
    assert shell.complete("schedctl reload x") == set()


@pytest.mark.parametrize(
    "before",
    [
        "",
        "-- ",
        "-v --workers 2 ",
        "-w 2 -- ",
        "-qw 2 ",
        "--priority=batch ",
        "--no-pin --label x ",
    ],
)
def test_command(shell: Shell, before: str) -> None:
    """run's COMMAND and its arguments are completed as without `schedctl run`."""
    assert "dummy" in shell.complete(f"schedctl run {before}dum")
    assert shell.complete(f"schedctl run {before}dummy ") == {"alpha", "beta"}
    assert shell.complete(f"schedctl run {before}dummy alpha b") == {"beta"}
    assert "--workers" not in shell.complete(f"schedctl run {before}dummy --")


def test_leases(shell: Shell, env: dict[str, str]) -> None:
    assert shell.complete("schedctl set ") == set()  # without a service
    command = [SCHEDCTL, "run", "--label", 'a: "quoted"\tone', "--", "cat"]
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as run:
        assert run.stdin and run.stdout
        run.stdin.write("begun\n")
        run.stdin.flush()
        assert run.stdout.readline() == "begun\n"
        offered = shell.complete("schedctl set ")
        run.stdin.close()
    assert len(offered) == 1 and offered.pop().isdigit()
