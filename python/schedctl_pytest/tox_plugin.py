"""Loaded by tox, through an entry point like pytest's own: hands the run on to the commands of its
environments, which get only what tox is told.

Nothing else that tox starts is to see schedctl: not pip, not a build. The hooks of tox 3 and tox 4
have names of their own; each calls those that it knows. tox may run in an older Python than pytest
does: this file is to be read by any that a tox 3 supports, 2.7 included.
"""

import contextlib
import os

import pluggy

from . import counts, pythonpath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Generator, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])

_PREFIX = "SCHEDCTL_"
_PATH = "PYTHONPATH"

_mark = pluggy.HookimplMarker("tox")


def _hook(**options):
    # type: (bool) -> Callable[[Function], Function]
    """Of one of the two: the other would refuse a hook that it does not know."""
    marked = _mark(optionalhook=True, **options)  # type: Callable[[Function], Function]
    return marked


class _Run(object):
    """What `schedctl run` has put into tox's own environment."""

    def __init__(self, environ):
        # type: (Dict[str, str]) -> None
        self.wanted = "SCHEDCTL_RUN" in environ and "SCHEDCTL_INSIDE" not in environ
        self.given = environ.get(_PATH)
        # A tox that only starts other toxes keeps all that they need to find the run.
        self.starts_tox = False

    def variables(self, environ):
        # type: (Dict[str, str]) -> Dict[str, str]
        """What an environment's commands are to have, given what they would have."""
        added = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(_PREFIX) and name not in environ
        }
        added.update(counts.handed_on(os.environ, environ))
        added[_PATH] = pythonpath.with_own(environ)
        return added

    def step_aside(self):
        # type: () -> None
        """Leaves tox's own environment as the user gave it."""
        rest = pythonpath.without(self.given)
        if rest is None:
            os.environ.pop(_PATH, None)
        else:
            os.environ[_PATH] = rest

    def come_back(self):
        # type: () -> None
        if self.given is not None:
            os.environ[_PATH] = self.given


_run = _Run(dict(os.environ))


# tox 4. With `requires` that it does not meet it makes one environment, installs another tox into
# it and starts that; the only hook that it calls on the way is this one.


@_hook()
def tox_add_env_config(env_conf, state):
    # type: (Any, Any) -> None
    if not _run.wanted:
        return
    if env_conf.env_name == state.conf.core["provision_tox_env"]:
        _run.starts_tox = True
    if _run.starts_tox:
        _run.come_back()
    else:
        _run.step_aside()


@_hook()
def tox_before_run_commands(tox_env):
    # type: (Any) -> None
    if _run.wanted:
        tox_env.conf["set_env"].update(_run.variables(tox_env.environment_variables))


# tox 3


@_hook(trylast=True)
def tox_configure(config):
    # type: (Any) -> None
    if not _run.wanted:
        return
    parallel = getattr(config.option, "parallel", 0) != 0 and "_TOX_PARALLEL_ENV" not in os.environ
    _run.starts_tox = parallel or getattr(config, "run_provision", False)
    if not _run.starts_tox:
        _run.step_aside()


@contextlib.contextmanager
def _aside():
    # type: () -> Generator[None, None, None]
    if not (_run.wanted and _run.starts_tox):
        yield
        return
    _run.step_aside()
    try:
        yield
    finally:
        _run.come_back()


@_hook(hookwrapper=True)
def tox_testenv_create(venv, action):
    # type: (Any, Any) -> Generator[None, None, None]
    with _aside():
        yield


@_hook(hookwrapper=True)
def tox_testenv_install_deps(venv, action):
    # type: (Any, Any) -> Generator[None, None, None]
    with _aside():
        yield


@_hook(hookwrapper=True)
def tox_package(session, venv):
    # type: (Any, Any) -> Generator[None, None, None]
    with _aside():
        yield


@_hook()
def tox_runtest_pre(venv):
    # type: (Any) -> None
    if not _run.wanted:
        return
    section = venv.envconfig
    environ = {name: os.environ[name] for name in section.passenv if name in os.environ}
    environ.update((name, section.setenv[name]) for name in section.setenv.keys())
    for name, value in _run.variables(environ).items():
        section.setenv[str(name)] = str(value)
