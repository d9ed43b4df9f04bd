"""What is done to a worker's process before anything of pytest runs in it."""

from __future__ import annotations

from typing import Any, Dict, Optional

_PATIENCE = 60  # seconds

# In the worker, when only execnet runs there.
_PROLOGUE = """
import os
channel.send(os.getpid())
os.environ.update(channel.receive())
"""


class Prologue:
    """Begins when it is made; pid is None where the process is not one of this machine's that this
    pytest has started itself, and where it does not answer."""

    def __init__(self, gateway: Any) -> None:
        self.pid: Optional[int] = None
        spec = gateway.spec
        if not spec.popen or getattr(spec, "via", None):
            return
        self._channel = gateway.remote_exec(_PROLOGUE)
        try:
            self.pid = self._channel.receive(_PATIENCE)
        except (EOFError, OSError, self._channel.TimeoutError, self._channel.RemoteError):
            pass  # pytest-xdist finds out

    def end(self, environ: Dict[str, str]) -> None:
        """environ: what the worker is to have besides what it inherits."""
        try:
            self._channel.send(environ)
            self._channel.waitclose(_PATIENCE)
        except (EOFError, OSError, self._channel.TimeoutError, self._channel.RemoteError):
            pass
