"""What the process was given, and what tests are to see of it. Read by any Python from 2.7 on."""

import os
import sys

from .counts import Counts
from .jobserver import Jobserver
from .pythonpath import OWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Tuple

INSIDE = "SCHEDCTL_INSIDE"

# What a run adds to lists that may have other words: variable, separator, words.
_LISTS = (
    ("PYTHONPATH", os.pathsep, OWN),
    ("PYTEST_PLUGINS", ",", ("schedctl_pytest.named",)),
    ("PIP_EXCLUDE", " ", ("schedctl-run",)),
)


class Surroundings(object):
    """Takes schedctl's own traces out of the environment and sys.path, and puts them back at the
    end. Until then this process and its workers are to use one CPU each.

    ``environ`` and ``path`` are copies as the user gave them, for workers that start afresh.
    """

    def __init__(self):
        # type: () -> None
        os.environ[INSIDE] = "1"
        self._jobserver = Jobserver(os.environ)
        self.counts = Counts(os.environ)
        self._lists = [_List(*given) for given in _LISTS]
        self._places = [
            (place, part) for place, part in enumerate(sys.path) if part in OWN
        ]  # type: List[Tuple[int, str]]
        sys.path[:] = [part for part in sys.path if part not in OWN]
        self.environ = dict(os.environ)  # type: Dict[str, str]
        self.path = list(sys.path)  # type: List[str]

    def restore(self):
        # type: () -> None
        """A script may call pytest.main() again: the next session is to find the run as this one
        did."""
        os.environ.pop(INSIDE, None)
        self.counts.restore()
        self._jobserver.restore()
        for each in self._lists:
            each.restore()
        for place, part in self._places:
            if part not in sys.path:
                sys.path.insert(place, part)


class _List(object):
    """A variable, from which the words that are schedctl's are taken. An empty part of PYTHONPATH
    is the current directory, and stays."""

    def __init__(self, name, separator, own):
        # type: (str, str, Tuple[str, ...]) -> None
        self._name, self._separator = name, separator
        given = self._words()
        self._taken = [word for word in own if word in given]
        if self._taken:
            self._set([word for word in given if word not in own])

    def restore(self):
        # type: () -> None
        """Whatever became of the variable meanwhile."""
        if self._taken:
            kept = [word for word in self._words() if word not in self._taken]
            self._set(self._taken + kept)

    def _words(self):
        # type: () -> List[str]
        value = os.environ.get(self._name)
        return value.split(self._separator) if value else []

    def _set(self, words):
        # type: (List[str]) -> None
        if words:
            os.environ[self._name] = self._separator.join(words)
        else:
            os.environ.pop(self._name, None)
