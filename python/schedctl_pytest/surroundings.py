"""What the process was given, and what tests are to see of it."""

from __future__ import annotations

import os
import sys
from typing import Dict, List

INSIDE = "SCHEDCTL_INSIDE"


class Surroundings:
    """Takes schedctl's own traces out of the environment and sys.path, and puts them back at the
    end.

    ``environ`` and ``path`` are copies as the user gave them, for workers that start afresh.
    """

    def __init__(self) -> None:
        self._own = os.environ.get("SCHEDCTL_PYTHONPATH", "")
        self._pythonpath = os.environ.get("PYTHONPATH")
        os.environ[INSIDE] = "1"
        self._in_path = self._own in sys.path
        if self._own:
            self._clean()
        self.environ: Dict[str, str] = dict(os.environ)
        self.path: List[str] = list(sys.path)

    def _clean(self) -> None:
        if self._in_path:
            sys.path.remove(self._own)
        if self._pythonpath is None:
            return
        kept = [part for part in self._pythonpath.split(os.pathsep) if part != self._own]
        if kept and any(kept):
            os.environ["PYTHONPATH"] = os.pathsep.join(kept)
        else:
            del os.environ["PYTHONPATH"]

    def restore(self) -> None:
        """A script may call pytest.main() again: the next session is to find the run as this one
        did."""
        os.environ.pop(INSIDE, None)
        if self._pythonpath is not None:
            os.environ["PYTHONPATH"] = self._pythonpath
        if self._in_path and self._own not in sys.path:
            sys.path.insert(0, self._own)
