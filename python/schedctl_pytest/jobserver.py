"""The run's jobserver, where COMMAND inherits its descriptors for a make before 4.4. Neither pytest
nor its workers build anything for the run: who holds them might be taken for a client. Read by any
Python from 2.7 on.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Tuple

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
        """As a script that calls pytest.main() had them."""
        for number, flags in self._closed:
            try:
                fd = os.open(self._fifo, flags)
            except OSError:
                continue
            os.dup2(fd, number)
            os.close(fd)
        self._closed = []

    def _close(self, numbers):
        # type: (List[str]) -> None
        for number, flags in zip(numbers, _FLAGS):
            if number.isdigit() and self._is_pool(int(number)):
                os.close(int(number))
                self._closed.append((int(number), flags))

    def _is_pool(self, number):
        # type: (int) -> bool
        try:
            return os.path.samestat(os.fstat(number), os.stat(self._fifo))
        except OSError:
            return False
