"""The variables by which programs count CPUs: a run gives COMMAND all that it holds, and a worker
is to have one each. Read by any Python from 2.7 on.

Whoever set one of them in between (a Makefile, tox) is right: only what still is as the run set it
is changed.
"""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, MutableMapping, Optional, Tuple

VARIABLE = "SCHEDCTL_WORKER_ENV"
_JOBSERVER = ("--jobserver-auth=", "--jobserver-fds=")


def told(environ):
    # type: (MutableMapping[str, str]) -> Iterator[Tuple[str, str, Optional[str], List[str]]]
    """(variable, the run's value, a worker's or None for none, variables that it yields to). What
    cannot be read says nothing."""
    try:
        entries = dict(json.loads(environ.get(VARIABLE) or "{}"))
    except (TypeError, ValueError):
        return
    for name, entry in sorted(entries.items()):
        if isinstance(entry, list) and _is_pair(entry[:2]):
            yield str(name), entry[0], entry[1], entry[2:]


class Counts(object):
    """Gives an environment a worker's values, and its own back at the end."""

    def __init__(self, environ):
        # type: (MutableMapping[str, str]) -> None
        self._environ = environ
        self._before = {}  # type: Dict[str, Tuple[Optional[str], Optional[str]]]
        for name, value in _in_worker(environ).items():
            self._set(name, value)
        self._set(VARIABLE, None)

    def restore(self):
        # type: () -> None
        """All but what somebody has changed since."""
        for name, (before, now) in self._before.items():
            if self._environ.get(name) == now:
                _put(self._environ, name, before)
        self._before = {}

    def of_run(self, name):
        # type: (str) -> Optional[str]
        """What the run has set the variable to; None where it is somebody else's, or nobody's."""
        return self._before.get(name, (None, None))[0]

    def _set(self, name, value):
        # type: (str, Optional[str]) -> None
        self._before[name] = self._environ.get(name), value
        _put(self._environ, name, value)


def handed_on(run, own):
    # type: (MutableMapping[str, str], MutableMapping[str, str]) -> Dict[str, str]
    """What an environment that was made anew is to have of them besides, given the run's. A
    jobserver of file descriptors would not get there."""
    added = {}
    for name, value, in_worker, yields in told(run):
        others = [other for other in yields if other in own and own[other] != run.get(other)]
        if in_worker is not None and run.get(name) == value and name not in own and not others:
            added[name] = value
    return added


def _is_pair(values):
    # type: (List[Any]) -> bool
    text = type(b"".decode())  # what JSON's are, Python 2's too
    return (
        len(values) == 2
        and isinstance(values[0], text)
        and isinstance(values[1], (text, type(None)))
    )


def _in_worker(environ):
    # type: (MutableMapping[str, str]) -> Dict[str, Optional[str]]
    entries = list(told(environ))
    values = {name: value for name, value, _, _ in entries}
    changed = {}  # type: Dict[str, Optional[str]]
    for name, value, in_worker, yields in entries:
        now = environ.get(name)
        if now is None:
            continue
        if now == value:
            theirs = [
                other for other in yields if environ.get(other) not in (None, values.get(other))
            ]
            changed[name] = None if theirs else in_worker
        elif _jobserver(value) & _jobserver(now):
            changed[name] = _without_jobserver(now) or None
    return changed


def _jobserver(words):
    # type: (Any) -> Any
    return {word for word in words.split() if word.startswith(_JOBSERVER)}


def _without_jobserver(flags):
    # type: (str) -> str
    """MAKEFLAGS that a make below the run has made of the run's: -j goes with the jobserver."""
    kept = (word for word in flags.split() if not word.startswith(_JOBSERVER + ("-j",)))
    return " ".join(kept)


def _put(environ, name, value):
    # type: (MutableMapping[str, str], str, Optional[str]) -> None
    if value is None:
        environ.pop(name, None)
    else:
        environ[name] = value
