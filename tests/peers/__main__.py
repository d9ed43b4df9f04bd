"""Runs pytest's own suite and pytest-xdist's with their inner sessions below ``schedctl run``.

    SCHEDCTL_BUILD=DIR python3 tests/peers [--cache DIR] [--peer NAME] [--how HOW] [--again WHICH]
        [FILE…]
    python3 tests/peers [--cache DIR] --table docs/peers.md

--how: baseline, one-fork, one-spawn, fork or spawn (runs.py); all of them unless given. --again:
runs what is known once more, "all" of it or what "failed". --table ends with 1 where a failure has
no reason.

Sources and what they need come from the package index by pip, at fixed versions, into the cache
folder, which also keeps the results: an interrupted run goes on where it ended.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import List, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from peers import runs, sources, table  # noqa: E402
from peers.runs import Place  # noqa: E402
from peers.sources import Peer  # noqa: E402


def wanted(place: Place, peer: Peer, how: str, file: str, again: str) -> Optional[List[str]]:
    """The ids to run; none where all is known."""
    known = place.outcomes(peer, how, file)
    baseline = place.outcomes(peer, "baseline", file) or {}
    ids = runs.concerned(baseline)
    if known is None or again == "all":
        return ids
    if again == "failed":
        return [nodeid for nodeid in ids if known.get(nodeid, {}).get("outcome") != "passed"]
    return [nodeid for nodeid in ids if nodeid not in known]


def run_file(place: Place, peer: Peer, how: str, file: str, again: str) -> None:
    if place.outcomes(peer, "baseline", file) is None or (how, again) == ("baseline", "all"):
        found = runs.run(place, peer, "baseline", file, None)
        print(
            f"{peer.name} {file} baseline: {len(runs.concerned(found))} of {len(found)}", flush=True
        )
    if how == "baseline":
        return
    ids = wanted(place, peer, how, file, again)
    if not ids:
        return
    found = runs.run(place, peer, how, file, ids)
    failed = [nodeid for nodeid in ids if found.get(nodeid, {}).get("outcome") != "passed"]
    print(f"{peer.name} {file} {how}: {len(ids) - len(failed)} of {len(ids)}", flush=True)
    for nodeid in failed:
        print("   ", nodeid, flush=True)


def run_peer(place: Place, peer: Peer, options: argparse.Namespace) -> None:
    sources.fetch(peer, place.cache)
    for file in sources.files(peer, place.cache):
        if options.files and not any(part in file for part in options.files):
            continue
        for how in options.how or runs.HOWS:
            run_file(place, peer, how, file, options.again)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "schedctl-peers"
    parser.add_argument("--cache", type=Path, default=cache)
    parser.add_argument("--peer", action="append", choices=[peer.name for peer in sources.PEERS])
    parser.add_argument("--how", action="append", choices=runs.HOWS)
    parser.add_argument("--again", choices=("failed", "all"), default="")
    parser.add_argument("--table", type=Path, help="write the page of what is known, run nothing")
    parser.add_argument("files", nargs="*", help="only files whose path contains one of these")
    return parser.parse_args()


def main() -> int:
    options = parse()
    place = Place(options.cache.resolve(), Path(os.environ.get("SCHEDCTL_BUILD", ".")).resolve())
    if options.table:
        page = table.render(place)
        options.table.write_text(page)
        return 1 if f"### {table.UNEXPLAINED}" in page else 0
    for peer in sources.PEERS:
        if not options.peer or peer.name in options.peer:
            run_peer(place, peer, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
