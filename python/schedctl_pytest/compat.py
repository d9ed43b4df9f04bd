"""What differs between the pytest and pluggy versions, and the few private names that are needed at
all."""

from __future__ import annotations

from typing import Any, Callable, Container, Optional, TypeVar


def keep_only(hook: Any, plugins: Container[Any]) -> None:
    """Takes every other plugin's implementation out of one hook."""
    remove = getattr(hook, "_remove_plugin", None)
    if remove is None:
        return
    for implementation in list(hook.get_hookimpls()):
        if implementation.plugin not in plugins:
            remove(implementation.plugin)


def stash_value(config: Any, module: str, name: str) -> Any:
    """config.stash[module.name], or None; names of keys that pytest keeps to itself."""
    import sys

    key = getattr(sys.modules.get(module), name, None)
    if key is None:
        return None
    stash = getattr(config, "stash", None) or getattr(config, "_store", None)
    return None if stash is None else stash.get(key, None)


def junit(config: Any) -> Any:
    """The junitxml plugin of this session, or None."""
    return stash_value(config, "_pytest.junitxml", "xml_key")


def teardown_exact(session: Any) -> Callable[[Optional[Any]], None]:
    function: Callable[[Optional[Any]], None] = session._setupstate.teardown_exact
    return function


def replace_teardown_exact(session: Any, function: Callable[[Any], None]) -> None:
    session._setupstate.teardown_exact = function


def set_option(config: Any, name: str, value: Any) -> None:
    """Sets an option that this session may not know."""
    if hasattr(config.option, name):
        setattr(config.option, name, value)


Function = TypeVar("Function", bound=Callable[..., Any])


def hookimpl(**options: bool) -> Callable[[Function], Function]:
    """pytest.hookimpl, typed."""
    import pytest

    decorator: Callable[[Function], Function] = pytest.hookimpl(**options)
    return decorator
