"""What is done to a worker's process before anything of pytest runs in it."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any, Dict, Optional

# Not by a call of its own: where execnet has not quite ended one it runs the next in another thread
# than the main one.
_WITH_ENVIRON = """
import os
os.environ.update({environ!r})
exec(compile({source!r}, {name!r}, "exec", dont_inherit=True))
"""


def pid_of(gateway: Any) -> Optional[int]:
    """None where it is no process that this pytest has started itself."""
    spec = gateway.spec
    if not spec.popen or getattr(spec, "via", None):
        return None
    process = getattr(getattr(gateway, "_io", None), "popen", None)
    return getattr(process, "pid", None)


def with_environ(remote: Any, environ: Dict[str, str]) -> Any:
    """What a gateway is to run, in an environment that has these variables besides."""
    if not environ or not isinstance(remote, ModuleType):
        return remote
    source, name = inspect.getsource(remote), inspect.getsourcefile(remote)
    return _WITH_ENVIRON.format(environ=environ, source=source, name=name or "<remote exec>")
