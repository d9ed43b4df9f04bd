"""Kills processes of runs; the words are explained in tools/kills."""

from __future__ import annotations

import argparse
import sys

from . import plan, tables
from .suite import now
from .world import Struck, World


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/kills")
    parser.add_argument("kills", nargs="?", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=plan.VICTIMS, default=plan.VICTIMS)
    parser.add_argument("--scope", action="store_true")
    parser.add_argument("--minutes", type=float, default=60)
    return parser.parse_args()


def tell(struck: Struck) -> None:
    for problem in struck.problems:
        what = f"{struck.victim} killed, {struck.phase}" if struck.phase else "no kill"
        print(f"{what}: {problem}", flush=True)


def main() -> int:
    options = arguments()
    until = now() + 60 * options.minutes
    world = World(scope=options.scope)
    all_of_them: list[Struck] = []
    kills = 0
    for struck in world.strike(plan.rounds(options.seed, tuple(options.only))):
        tell(struck)
        all_of_them.append(struck)
        kills += struck.victim in plan.VICTIMS
        print(f"\r{kills} of {options.kills} kills", end="", file=sys.stderr, flush=True)
        if kills >= options.kills or now() > until:
            break
    print(file=sys.stderr)
    print(
        *tables.outcomes(all_of_them),
        "",
        *tables.phases(all_of_them),
        "",
        tables.back(all_of_them),
        sep="\n",
    )
    wrong = any(struck.problems for struck in all_of_them)
    if wrong:
        print(f"what they left is in {world.folder}")
    else:
        world.close()
    return 1 if wrong or kills < options.kills else 0


sys.exit(main())
