"""Writes schedctl's completions for bash, zsh and fish, from what `schedctl VERB --help` says.

Usage: generate.py SCHEDCTL DOCS TEMPLATE OUTPUT; the template's name says which shell's it is.

--help has the verbs, and each one's options with what they take and what they are for. Which words
an option takes says its heading in the man page's source, `*--start* *auto*|*fork*|*spawn*`; any
other argument goes by its name in --help: TAKEN below.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# What an argument of this name is; of others nothing is known that could be offered.
TAKEN = {
    "DIR": "@directories",
    "FILE": "@files",
    "LEASE": "@leases",
    "PATTERN": "@files",
    "COMMAND": "@command",
}
# An option's argument that is more than its name says.
TAKEN_BY = {("plan", "machine"): "@xml"}

# Leases that the user may change, their labels after a tab, from `schedctl status --json`.
LEASES = r"""awk -F\" -v me="$(id -u)" '
        /^ *"lease": / { if (id != "" && mine) print id; id = $4; mine = 1 }
        /^ *"uid": / { mine = me == 0 || $0 ~ ": " me ",?$" }
        /^ *"label": / {
            sub(/^ *"label": "/, ""); sub(/",?$/, "")
            if (mine) print id "\t" $0
            id = ""
        }
        END { if (id != "" && mine) print id }'"""


@dataclass
class Option:
    """letter: "" without a short form. takes: the argument's name in --help, "" for a flag."""

    name: str
    letter: str
    takes: str
    help: str
    kind: str = "@nothing"  # of the argument: one of TAKEN's, "@nothing" to offer, or words

    @property
    def spellings(self) -> list[str]:
        return ([f"-{self.letter}"] if self.letter else []) + [f"--{self.name}"]


@dataclass
class Context:
    """Where the command line is: a verb, or a verb and its action. operand: as Option.kind."""

    name: str
    operand: str
    options: list[Option] = field(default_factory=list)


OPTION = re.compile(r" {2,}(?:-(\w), )? *--([\w-]+)(?: ([A-Z]+)(?=\s|$))?\s*(.*)")
CONTINUED = re.compile(r" {8,}(\S.*)")
HEADING = re.compile(r"\*--([\w-]+)\* (\*[\w-]+\*(?:\|\*[\w-]+\*)+)$", re.MULTILINE)


def read_options(text: str) -> list[Option]:
    options: list[Option] = []
    for line in text.splitlines():
        if match := OPTION.match(line):
            letter, name, takes, words = match.groups()
            options.append(Option(name, letter or "", takes or "", words))
        elif options and (match := CONTINUED.match(line)):
            options[-1].help = f"{options[-1].help} {match[1]}".strip()
    return options


def know_arguments(verb: str, options: list[Option], page: str) -> None:
    """Fills in what the options take."""
    choices = {name: words.replace("*", "").split("|") for name, words in HEADING.findall(page)}
    for option in options:
        if option.name in choices:
            option.kind = " ".join(choices[option.name])
        elif option.takes:
            by_name = TAKEN.get(option.takes, "@nothing")
            option.kind = TAKEN_BY.get((verb, option.name), by_name)


def usages(text: str, verb: str) -> list[list[str]]:
    """The words after the verb in each line of the usage."""
    return [
        line.split()
        for line in re.findall(rf"^(?:usage:)? +schedctl {verb}\b(.*)", text, re.MULTILINE)
    ]


def operand_of(words: list[str]) -> str:
    """What stands beside the options; a name right behind an option is that one's argument."""
    for before, word in zip(["", *words], words):
        argument = before.startswith(("-", "[-")) and not before.endswith("]")
        name = word.strip("[].…")
        if name in TAKEN and not argument:
            return TAKEN[name]
    return "@nothing"


def contexts(verb: str, text: str, page: str) -> Iterator[Context]:
    options = read_options(text)
    know_arguments(verb, options, page)
    lines = usages(text, verb)
    actions = [words for words in lines if words and words[0].isalpha() and words[0].islower()]
    if not actions:
        yield Context(verb, operand_of(lines[0]), options)
        return
    # An option that some usage names is for that action, any other for all of them.
    named = {o.name: [w for w in lines if names(w, o)] for o in options}
    helps = [o for o in options if o.name == "help"]
    yield Context(verb, " ".join(words[0] for words in actions), helps)
    for words in actions:
        fitting = [o for o in options if words in named[o.name] or not named[o.name]]
        yield Context(f"{verb} {words[0]}", operand_of(words[1:]), fitting)


def names(words: list[str], option: Option) -> bool:
    return any(word.strip("[]") in option.spellings for word in words)


@dataclass
class Program:
    verbs: dict[str, str]  # and what each is for
    contexts: list[Context]


def read_program(schedctl: str, docs: Path) -> Program:
    def ask(*arguments: str) -> str:
        command = [schedctl, *arguments, "--help"]
        return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout

    verbs = dict(re.findall(r"^  (\w+) +(\S.*)", ask(), re.MULTILINE))
    found: list[Context] = []
    for verb in verbs:
        page = (docs / f"schedctl-{verb}.1.scd").read_text(encoding="utf-8")
        found += contexts(verb, ask(verb), page)
    return Program(verbs, found)


# The shells. Each makes the lines that its template has a place for.


def quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def bash(program: Program) -> dict[str, str]:
    options, values, operands = [], [], []
    for context in program.contexts:
        spellings = [s for o in context.options for s in o.spellings]
        options.append(f"{quote(context.name)}) echo {quote(' '.join(spellings))} ;;")
        operands.append(f"{quote(context.name)}) echo {quote(context.operand)} ;;")
        for option in (o for o in context.options if o.takes):
            cases = " | ".join(quote(f"{context.name} {s}") for s in option.spellings)
            values.append(f"{cases}) echo {quote(option.kind)} ;;")
    return {
        "VERBS": " ".join(program.verbs),
        "OPTIONS": lines(options, 8),
        "VALUES": lines(values, 8),
        "OPERANDS": lines(operands, 8),
    }


ZSH_ACTIONS = {
    "@nothing": " ",
    "@directories": "_files -/",
    "@files": "_files",
    "@xml": "_files -g '*.xml(-.)'",
    "@leases": "_schedctl_leases",
}


def zsh_action(kind: str) -> str:
    return ZSH_ACTIONS[kind] if kind.startswith("@") else f"({kind})"


def zsh_option(option: Option) -> str:
    described = re.sub(r"([\[\]:\\])", r"\\\1", option.help)
    argument = f":{option.takes}:{zsh_action(option.kind)}" if option.takes else ""
    ends = "(- *)" if option.name == "help" else f"({' '.join(option.spellings)})"
    short = f"-{option.letter}{'+' if option.takes else ''}"
    long = f"--{option.name}{'=' if option.takes else ''}"
    spelled = f"{{{short},{long}}}" if option.letter else long
    return f"{quote(ends)}{spelled}{quote(f'[{described}]{argument}')}"


def zsh_operand(context: Context) -> list[str]:
    if context.operand == "@nothing":
        return []
    if context.operand == "@command":
        return [quote("(-)*:::command:_schedctl_command")]
    many = "*" if context.operand == "@files" else "1"
    return [quote(f"{many}:{context.name.split()[-1]}:{zsh_action(context.operand)}")]


def zsh(program: Program) -> dict[str, str]:
    verbs = [quote(f"{verb}:{words}") for verb, words in program.verbs.items()]
    cases = []
    for context in program.contexts:
        specs = [zsh_option(o) for o in context.options] + zsh_operand(context)
        cases.append(f"{quote(context.name)})")
        cases += [f"    specs=({specs[0]}", *(f"        {spec}" for spec in specs[1:])]
        cases[-1] += ") ;;"
    return {"VERBS": lines(verbs, 8), "SPECS": lines(cases, 8)}


FISH_ACTIONS = {
    "@nothing": "-x",
    "@directories": "-x -a '(__fish_complete_directories (commandline -ct))'",
    "@files": "-r -F",
    "@xml": "-x -a '(__schedctl_files .xml)'",
    "@leases": "-x -a '(__schedctl_leases)'",
    "@command": "-x -a '(__schedctl_complete_command)'",
}


def fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_action(kind: str) -> str:
    return FISH_ACTIONS[kind] if kind.startswith("@") else f"-x -a {fish_quote(kind)}"


def fish(program: Program) -> dict[str, str]:
    out = [
        f"complete -c schedctl -n '__schedctl_in none' -a {verb} -d {fish_quote(words)}"
        for verb, words in program.verbs.items()
    ]
    for context in program.contexts:
        where = f"complete -c schedctl -n {fish_quote(f'__schedctl_in {context.name}')}"
        for option in context.options:
            letter = f" -s {option.letter}" if option.letter else ""
            argument = f" {fish_action(option.kind)}" if option.takes else ""
            described = fish_quote(option.help)
            out.append(f"{where}{letter} -l {option.name}{argument} -d {described}")
        if context.operand != "@nothing":
            operand = fish_action(context.operand).replace("-r -F", "-F").replace("-x ", "")
            out.append(f"{where} {operand}")
    taking = [
        s
        for c in program.contexts
        if c.name == "run"
        for o in c.options
        if o.takes
        for s in o.spellings
    ]
    actions = [c.name for c in program.contexts if " " in c.name]
    return {
        "COMPLETIONS": lines(out, 0),
        "VERBS": " ".join(program.verbs),
        "TAKING": " ".join(taking),
        "ACTIONS": " ".join(fish_quote(name) for name in actions),
    }


def lines(items: list[str], indent: int) -> str:
    return f"\n{' ' * indent}".join(items)


SHELLS: dict[str, Callable[[Program], dict[str, str]]] = {
    "schedctl.bash.in": bash,
    "_schedctl.in": zsh,
    "schedctl.fish.in": fish,
}


def main() -> None:
    schedctl, docs, template, output = sys.argv[1:]
    text = Path(template).read_text(encoding="utf-8")
    filled = {"LEASES": LEASES, **SHELLS[Path(template).name](read_program(schedctl, Path(docs)))}
    for name, value in filled.items():
        text = text.replace(f"@{name}@", value)
    Path(output).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
