"""Tracebacks with every frame, as --tb=native and --full-trace show them: schedctl's own are taken
out, and they read as in a serial run."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Optional

from .. import compat, package

_OWN = package.PATH + os.sep
_CHAIN_MAX = 10  # errors that caused each other, from the one reported


def register(config: Any) -> None:
    """Only where it may be seen; pytest itself hides these frames in every other style."""
    option, manager = config.option, config.pluginmanager
    shown = getattr(option, "tbstyle", "") == "native" or getattr(option, "fulltrace", False)
    if shown and not manager.hasplugin("schedctl-traces"):
        manager.register(Traces(), "schedctl-traces")


class Traces:
    @compat.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: Any) -> None:
        if call.excinfo is not None:
            prune(call.excinfo.value)


def prune(error: Optional[BaseException]) -> None:
    """Unlinks the frames in place; the outermost one stays, whosever it is."""
    for _ in range(_CHAIN_MAX):
        if error is None:
            return
        _unlink(error.__traceback__)
        error = error.__cause__ or error.__context__


def _unlink(entry: Optional[TracebackType]) -> None:
    outer: Optional[TracebackType] = None
    while entry is not None:
        inner = entry.tb_next
        while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_OWN):
            inner = inner.tb_next
        if _threw(entry, inner) and outer is not None:
            outer.tb_next = inner
        else:
            entry.tb_next = inner
            outer = entry
        entry = inner


def _threw(entry: TracebackType, inner: Optional[TracebackType]) -> bool:
    """pluggy's loop over a hook's functions stands twice in a row where it threw the error of one
    into a wrapper that is not there any more."""
    if inner is None or inner is entry.tb_next:
        return False
    return inner.tb_frame is entry.tb_frame
