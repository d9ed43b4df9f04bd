"""The next item, where it is not known yet.

pytest tells hooks which item comes next before that has been dealt. Its own hooks only hand it on,
as far as the teardown of the running item's fixtures; they get a stand-in. A plugin may look at it
in any way, `nextitem is None` for one: it gets the item itself, asked for as its hook is called.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

# They hand it on; a plugin's name is its top-level package.
_HAND_ON = frozenset(("_pytest", "flaky", "pytest_rerunfailures", "schedctl_pytest"))
_HOOKS = ("pytest_runtest_protocol", "pytest_runtest_teardown")


class NextItem:
    """Stands for the next item; whoever looks at it binds it."""

    def __init__(self, bind: Callable[[], Optional[Any]]) -> None:
        self.bind = bind

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bind(), name)

    def __bool__(self) -> bool:
        return self.bind() is not None


def bind_for_plugins(config: Any) -> None:
    """In a worker: what plugins and conftest files implement of these hooks gets no stand-in."""
    for name in _HOOKS:
        for implementation in getattr(config.hook, name).get_hookimpls():
            package = str(getattr(implementation.function, "__module__", "")).partition(".")[0]
            if "nextitem" in implementation.argnames and package not in _HAND_ON:
                place = implementation.argnames.index("nextitem")
                implementation.function = _binding(implementation.function, place)


def _binding(function: Callable[..., Any], place: int) -> Callable[..., Any]:
    def call(*given: Any) -> Any:
        __tracebackhide__ = True
        if isinstance(given[place], NextItem):
            given = (*given[:place], given[place].bind(), *given[place + 1 :])
        return function(*given)

    return call
