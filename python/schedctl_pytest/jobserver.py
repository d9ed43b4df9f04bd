"""The run's jobserver, where COMMAND inherits its descriptors for a make before 4.4. Neither pytest
nor its workers build anything for the run: who holds them might be taken for a client. Read by any
Python from 2.7 on.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Optional, Tuple

_AUTH = "--jobserver-auth="
_FLAGS = (os.O_RDONLY, os.O_WRONLY)


class Jobserver(object):
    """Closes the descriptors, and opens them again at the end."""

    def __init__(self, environ):
        # type: (Mapping[str, str]) -> None
        self._fifo = os.path.join(os.path.dirname(environ.get("SCHEDCTL_RUN", "")), "jobserver")
        self._closed = []  # type: List[Tuple[int, int]]
        for words in environ.get("MAKEFLAGS", "").split():
            if words.startswith(_AUTH):
                self._close(words[len(_AUTH) :].split(","))

    def restore(self):
        # type: () -> None
        """As a script that calls pytest.main() had them, but for numbers that are in use by now."""
        for number, flags in self._closed:
            if not _is_open(number):
                self._open(number, flags)
        self._closed = []

    def _open(self, number, flags):
        # type: (int, int) -> None
        try:
            fd = os.open(self._fifo, flags)
        except OSError:
            return
        if fd == number:
            fd = os.dup(fd)
        os.dup2(fd, number)  # children inherit that one
        os.close(fd)

    def _close(self, words):
        # type: (List[str]) -> None
        for word, flags in zip(words, _FLAGS):
            number = self._find(word)
            if number is not None:
                os.close(number)
                self._closed.append((number, flags))

    def _find(self, word):
        # type: (str) -> Optional[int]
        """The pool's descriptor of that number. MAKEFLAGS may be the user's, and say anything."""
        try:
            number = int(word)
            same = os.path.samestat(os.fstat(number), os.stat(self._fifo))
        except (OSError, OverflowError, ValueError):
            return None
        return number if same else None


def _is_open(number):
    # type: (int) -> bool
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
