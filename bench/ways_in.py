"""The other ways in: `pytest -n auto` with the plugin, builds beside tests in one run, shards.

Asked: with the plugin no slower than without, one run no slower than its parts apart with no more
computing at a time than there are CPUs, and shards within 1.05 of the ideal with times.
"""

from __future__ import annotations

import ways_auto
import ways_builds
import ways_shards
from contenders import Extent, Tools

PARTS = (ways_auto.alone, ways_auto.together, ways_builds.run, ways_shards.run)


def run(tools: Tools, extent: Extent) -> str:
    """A table of each; one that cannot be measured leaves the rest to be."""
    tables = []
    for part in PARTS:
        try:
            tables.append(part(tools, extent))
        except (OSError, RuntimeError) as error:
            tables.append(f"not measured: {error}")
    return "\n\n".join(tables)
