"""What differs between the pytest and pluggy versions, and the few private names that are needed at
all."""

from __future__ import annotations

from typing import Any, Callable, Container, Optional, TypeVar


def load_as_it_is(manager: Any) -> None:
    """pytest parses what belongs to an installed plugin anew, for its assertions' sake; in every
    session where nobody can write beside it. Ours are not for tests to see."""
    names = getattr(getattr(manager, "rewrite_hook", None), "_must_rewrite", None)
    if names is not None:
        names.discard(__package__)


def keep_only(hook: Any, plugins: Container[Any]) -> None:
    """Takes every other plugin's implementation out of one hook."""
    remove = getattr(hook, "_remove_plugin", None)
    if remove is None:
        return
    for implementation in list(hook.get_hookimpls()):
        if implementation.plugin not in plugins:
            remove(implementation.plugin)


def follows_calls(manager: Any) -> bool:
    """Whether somebody follows all calls of this plugin manager's hooks; true where nobody can
    tell."""
    inner = getattr(manager, "_inner_hookexec", None)
    return getattr(inner, "__name__", "") != "_multicall"


def junit(config: Any) -> Any:
    """The junitxml plugin of this session, or None."""
    key = _junit_key()
    return None if key is None else config.stash.get(key, None)


def set_junit(config: Any, value: Any) -> None:
    key = _junit_key()
    if key is not None:
        config.stash[key] = value


def keep_reports(config: Any) -> None:
    """The two hooks that make a report ready to travel, also with -p no:reports."""
    from _pytest import reports

    if not config.pluginmanager.is_registered(reports):
        config.pluginmanager.register(reports, "schedctl-reports")


def check_property_name(name: Any) -> None:
    """TypeError where junitxml takes no such name for a property of the suite."""
    __tracebackhide__ = True
    from _pytest.junitxml import _check_record_param_type

    _check_record_param_type("name", name)


def measure_ascii_at_once() -> Callable[[], None]:
    """pytest measures the terminal's line after each item, character by character. What is returned
    undoes this."""
    from _pytest._io import terminalwriter

    measure: Any = getattr(terminalwriter, "wcswidth", None)
    if measure is None:
        return lambda: None

    def width(text: str) -> Any:
        return len(text) if text.isascii() and text.isprintable() else measure(text)

    def undo() -> None:
        setattr(terminalwriter, "wcswidth", measure)

    setattr(terminalwriter, "wcswidth", width)
    return undo


def has_arguments(config: Any) -> bool:
    """Whether the command line says where the tests are; else the project does, or nobody."""
    source = getattr(config, "args_source", None)
    if source is None:  # before pytest 7.2, the first that takes patterns for testpaths
        return bool(list(config.args) != config.getini("testpaths"))
    return bool(source.name == "ARGS")


def last_failed(plugin: Any) -> Any:
    """What the plugin of --lf, or that of --sw, remembers."""
    remembered = getattr(plugin, "cached_info", plugin)  # of --sw since pytest 8.4
    return getattr(remembered, "lastfailed", None) or getattr(remembered, "last_failed", None)


def has_fixtures_of(session: Any, scope: str) -> bool:
    """Whether some fixture has this scope; true where nobody can tell."""
    manager = getattr(session, "_fixturemanager", None)
    found = getattr(manager, "_arg2fixturedefs", None)
    if found is not None:
        lists = list(found.values())
    else:  # since pytest 9.1: by name, and then by who sees them
        names = ("_arg2node2fixturedefs", "_arg2nodeid2fixturedefs")
        tables = [getattr(manager, name, None) for name in names]
        if None in tables:
            return True
        lists = [
            one for table in tables for seen in (table or {}).values() for one in seen.values()
        ]
    return any(one.scope == scope for definitions in lists for one in definitions)


def _junit_key() -> Any:
    import sys

    return getattr(sys.modules.get("_pytest.junitxml"), "xml_key", None)


def teardown_exact(session: Any) -> Callable[[Optional[Any]], None]:
    function: Callable[[Optional[Any]], None] = session._setupstate.teardown_exact
    return function


def replace_teardown_exact(session: Any, function: Callable[[Any], None]) -> None:
    session._setupstate.teardown_exact = function


def reseed_numpy() -> None:
    """In a forked worker, unless the user has seeded NumPy's global generator: then its first seed
    is gone."""
    import sys

    numpy = sys.modules.get("numpy.random")
    if numpy is None:
        return
    try:
        seeded = numpy.mtrand._rand._bit_generator._seed_seq is None
    except AttributeError:
        return  # a version in which nobody can tell
    if not seeded:
        numpy.seed()


Function = TypeVar("Function", bound=Callable[..., Any])


def hookimpl(**options: bool) -> Callable[[Function], Function]:
    """pytest.hookimpl, typed."""
    import pytest

    decorator: Callable[[Function], Function] = pytest.hookimpl(**options)
    return decorator


def wrapper(**options: bool) -> Callable[[Function], Function]:
    """A hook wrapper of the kind that returns what it yields and lets errors pass. The older kind,
    which the older pluggys know alone, must not raise and leaves its frames in their tracebacks."""
    try:
        return hookimpl(wrapper=True, **options)
    except TypeError:
        return hookimpl(hookwrapper=True, **options)


def hookspec(**options: bool) -> Callable[[Function], Function]:
    """pytest.hookspec, typed."""
    import pytest

    decorator: Callable[[Function], Function] = pytest.hookspec(**options)
    return decorator
