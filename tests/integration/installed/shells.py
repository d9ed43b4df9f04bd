"""Shells that say what they would complete a command line to."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

LIMIT = 60  # seconds for an answer: only a shell that hangs takes them


class Shell:
    """Completes in a folder, with the made completions and these variables."""

    def __init__(self, completions: Path, folder: Path, env: dict[str, str]) -> None:
        self.completions = completions
        self.folder = folder
        self.env = env

    def complete(self, line: str) -> set[str]:
        """What the last word of `line` may become; an empty one stands behind a blank."""
        raise NotImplementedError

    def close(self) -> None:
        pass

    def run(self, *command: str) -> str:
        """What the command prints. What it has to say beside that is of no interest."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            check=False,
            timeout=LIMIT,
        ).stdout


BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")


class Bash(Shell):
    """Readline's part is played: words, of which "=" is one, and a call of the function."""

    SCRIPT = """
        source "$1" && source "$2" || exit
        complete -W 'alpha beta' dummy
        COMP_LINE=$3
        shift 3
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        COMP_POINT=${#COMP_LINE} COMP_TYPE=9
        _schedctl schedctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        ((${#COMPREPLY[@]})) && printf '%s\\n' "${COMPREPLY[@]}"
    """

    def complete(self, line: str) -> set[str]:
        words = re.findall(r"=|[^ =]+", line) + ([""] if line[-1] == " " else [])
        script = str(self.completions / "schedctl")
        out = self.run(
            "bash", "-c", self.SCRIPT, "bash", str(BASH_COMPLETION), script, line, *words
        )
        return {word.strip() for word in out.splitlines()}


class Fish(Shell):
    def complete(self, line: str) -> set[str]:
        script = shlex.quote(str(self.completions / "schedctl.fish"))
        asked = f"source {script}; complete -c dummy -xa 'alpha beta'; complete -C '{line}'"
        out = self.run("fish", "--no-config", "-c", asked)
        # With --option=VALUE fish offers the whole word.
        words = {word.partition("\t")[0] for word in out.splitlines()}
        return {re.sub(r"^--[\w-]+=", "", w) for w in words} if line[-1] == "=" else words


class Zsh(Shell):
    """A line editor in a terminal, whose completions are written to a pipe and not shown."""

    SCRIPT = """
        PS1= PS2= fpath=("$SCHEDCTL_COMPLETIONS" $fpath)
        autoload -Uz compinit && compinit -u -D
        _dummy() { compadd alpha beta }
        compdef _dummy dummy
        compadd() {
            if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then
                builtin compadd "$@"
                return
            fi
            local -a hits
            builtin compadd -A hits "$@"
            (( $#hits )) && print -rl -- $hits >&$answers
            builtin compadd "$@"
        }
        answer() {
            _main_complete
            compstate[insert]= compstate[list]=
            print -r -- '*' >&$answers
        }
        zle -C answer complete-word answer
        bindkey -e
        bindkey '^I' answer
        exec {answers}>"$SCHEDCTL_ANSWERS"
        print -r -- '*' >&$answers
    """

    def __init__(self, completions: Path, folder: Path, env: dict[str, str]) -> None:
        super().__init__(completions, folder, env)
        fifo, home = folder / "answers", folder / "zsh"
        os.mkfifo(fifo)
        home.mkdir()
        (home / ".zshrc").write_text(self.SCRIPT)
        more = {"SCHEDCTL_COMPLETIONS": completions, "SCHEDCTL_ANSWERS": fifo, "ZDOTDIR": home}
        self.answers = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.terminal, terminal = pty.openpty()
        self.process = subprocess.Popen(
            ["zsh", "--no-globalrcs", "-i"],
            cwd=folder,
            env={**env, **{name: str(value) for name, value in more.items()}, "TERM": "dumb"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self._read_answer()

    def _read_answer(self) -> set[str]:
        """Up to the asterisk; what the terminal shows is thrown away."""
        text = ""
        while not re.search(r"^\*$", text, re.MULTILINE):
            ready, _, _ = select.select([self.answers, self.terminal], [], [], LIMIT)
            assert ready, f"zsh does not answer: {text!r}"
            if self.terminal in ready:
                os.read(self.terminal, 65536)
            if self.answers in ready:
                text += os.read(self.answers, 65536).decode()
        return set(text.splitlines()) - {"*"}

    def complete(self, line: str) -> set[str]:
        os.write(self.terminal, b"\x15" + line.encode() + b"\t")  # Ctrl-U clears what was there
        return self._read_answer()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)
        os.close(self.answers)


def open_shell(name: str, completions: Path, folder: Path, env: dict[str, str]) -> Shell:
    if not shutil.which(name):
        pytest.skip(f"there is no {name}")
    if name == "bash" and not BASH_COMPLETION.exists():
        pytest.skip("there is no bash-completion")
    kinds: dict[str, type[Shell]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}
    return kinds[name](completions, folder, env)
