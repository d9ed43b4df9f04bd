"""Calls of the hooks that only report, five for an item: in pluggy's order and with what each
implementation asks for, less what pluggy prepares for wrappers, results and defaults.

Where there is a wrapper, a default, or somebody who follows all calls, pluggy calls.
"""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence

from .. import compat

Call = Callable[..., Any]


class Telling:
    """One hook, called with its arguments in the order of `names`."""

    def __init__(self, hook: Any, names: Sequence[str]) -> None:
        self._hook = hook
        self._names = tuple(names)
        self._known: List[Any] = []
        self._calls: Optional[List[Call]] = []

    def __call__(self, *given: Any) -> None:
        __tracebackhide__ = True
        known = self._hook.get_hookimpls()
        if known != self._known:  # plugins may come and go at any time
            self._known, self._calls = known, _calls(known, self._names)
        if self._calls is None:
            self._hook(**dict(zip(self._names, given)))
            return
        for call in self._calls:
            call(*given)


class Tellers:
    """The three hooks of an item."""

    def __init__(self, hook: Any, manager: Any) -> None:
        make: Callable[[Any, Sequence[str]], Call] = Telling
        if compat.follows_calls(manager):
            make = _by_name
        self.start = make(hook.pytest_runtest_logstart, ("nodeid", "location"))
        self.report = make(hook.pytest_runtest_logreport, ("report",))
        self.finish = make(hook.pytest_runtest_logfinish, ("nodeid", "location"))


def _by_name(hook: Any, names: Sequence[str]) -> Call:
    def call(*given: Any) -> None:
        __tracebackhide__ = True
        hook(**dict(zip(names, given)))

    return call


def _calls(implementations: List[Any], names: Sequence[str]) -> Optional[List[Call]]:
    """The last registered first; None where there is more to do than to call them."""
    if not all(map(_is_simple, implementations)):
        return None
    return [_call(one.function, one.argnames, names) for one in reversed(implementations)]


def _is_simple(implementation: Any) -> bool:
    return not (
        implementation.hookwrapper
        or getattr(implementation, "wrapper", False)
        or getattr(implementation, "kwargnames", ())
    )


def _call(function: Call, wanted: Sequence[str], names: Sequence[str]) -> Call:
    if tuple(wanted) == tuple(names):
        return function
    if not wanted:
        return lambda *given: function()
    places = [names.index(name) for name in wanted]
    return lambda *given: function(*[given[place] for place in places])
