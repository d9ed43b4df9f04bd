"""Who is to be killed when: a sequence that a seed reproduces."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

LEASE, COLLECTION, WORKERS, MIDDLE, END_GAME, SUMMARY, HISTORY, END = PHASES = (
    "before the lease",
    "start and collection",
    "first workers",
    "in the middle",
    "end game",
    "summary",
    "history written",
    "end",
)
SCHEDD, GUARDIAN, ENGINE, BOTH, REPORTER, WORKER = VICTIMS = (
    "schedd",
    "guardian",
    "engine",
    "both",
    "reporter",
    "worker",
)
DEALING = (WORKERS, MIDDLE, END_GAME)
# While its process is there; one that has less time comes more often in it.
POSSIBLE = {
    SCHEDD: (LEASE, LEASE, *PHASES),
    GUARDIAN: (LEASE, LEASE, *PHASES),
    ENGINE: PHASES[1:],
    BOTH: PHASES[1:],
    REPORTER: PHASES[1:-1],
    WORKER: 3 * DEALING,
}


OPTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("--item-timeout", "600"),  # somebody watches the items
    ("--max-items-per-worker", "20"),  # workers come and go
)


@dataclass(frozen=True)
class Kill:
    victim: str
    phase: str
    moment: float  # of the phase, from 0 to 1
    pick: float  # which of several, from 0 to 1


@dataclass(frozen=True)
class Part:
    """One run: kill is None where it is to be left alone."""

    kill: Kill | None
    start: str = "fork"
    workers: int = 3
    shell: bool = False  # pytest is not COMMAND itself, but below a shell
    daemons: bool = False  # items leave daemonised processes behind
    options: tuple[str, ...] = ()  # of schedctl run


def _victims(chance: random.Random, only: tuple[str, ...]) -> Iterator[Kill]:
    """Every victim in every phase, in another order each time."""
    possible = [(victim, phase) for victim in only for phase in POSSIBLE[victim]]
    while True:
        chance.shuffle(possible)
        for victim, phase in possible:
            yield Kill(victim, phase, chance.random(), chance.random())


def rounds(seed: int, only: tuple[str, ...] = VICTIMS) -> Iterator[list[Part]]:
    """Without end: the runs of one round are there at the same time."""
    chance = random.Random(seed)
    kills = _victims(chance, only)
    while True:
        yield [
            Part(
                kill=next(kills),
                start=chance.choice(("fork", "fork", "spawn")),
                workers=chance.choice((2, 3, 4)),
                shell=chance.random() < 0.25,
                daemons=chance.random() < 0.3,
                options=chance.choice(OPTIONS),
            )
            for _ in range(chance.choice((1, 2, 2)))
        ]
