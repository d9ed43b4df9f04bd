"""What ends a session by being raised in a worker is raised once more in the reporter: the same
class, text and place, so that pytest says of it what it says in a serial run."""

from __future__ import annotations

import ast
import os
import traceback
from functools import partial
from typing import Any, Callable, Dict, List, NoReturn, Optional, Tuple

from .. import package
from . import relay

_OWN = package.PATH + os.sep
_FRAMES_MAX = 100  # the innermost ones of a deep recursion
_CHAIN_MAX = 10

# In the worker


def data_of(error: BaseException, depth: int = 0) -> Dict[str, Any]:
    """Builtin types only."""
    kinds = [(kind.__module__, kind.__qualname__) for kind in type(error).__mro__]
    data = {
        "classes": kinds,
        "args": relay.builtin(error.args),
        "state": relay.builtin(dict(error.__dict__)),
        "text": relay.text_of(error),
        "frames": _frames(error),
        "suppress": error.__suppress_context__,
    }
    for name in ("__cause__", "__context__"):
        other = getattr(error, name)
        if other is not None and depth < _CHAIN_MAX:
            data[name] = data_of(other, depth + 1)
    return data


def _frames(error: BaseException) -> List[Any]:
    """Outermost first: path, name and first line of the code; the line that runs, and its columns
    where this Python knows them and they are on that line."""
    own = _hidden(error)
    found: List[Any] = []
    walk = traceback.walk_tb(error.__traceback__)
    summaries: Any = traceback.extract_tb(error.__traceback__)
    for (frame, line), summary in zip(walk, summaries):
        code = frame.f_code
        if (
            line is None
            or code.co_filename.startswith(own)
            or frame.f_locals.get("__tracebackhide__") is True
        ):
            continue
        columns = (0, 0)
        if getattr(summary, "end_lineno", None) == line:
            columns = summary.colno or 0, summary.end_colno or 0
        found.append((code.co_filename, code.co_name, code.co_firstlineno, line, *columns))
    return found[-_FRAMES_MAX:]


def _hidden(error: BaseException) -> Tuple[str, ...]:
    """The folders whose code is not shown: this package's, unless the fault is its own."""
    innermost = list(traceback.walk_tb(error.__traceback__))[-1:]
    for frame, _ in innermost:
        if isinstance(error, Exception) and frame.f_code.co_filename.startswith(_OWN):
            return ()
    return (_OWN,)


# In the reporter


class Raised:
    """What was raised in a worker."""

    def __init__(self, data: Dict[str, Any]) -> None:
        self._data = data

    def __str__(self) -> str:
        text: str = self._data["text"]
        return text or self._data["classes"][0][1]

    def again(self) -> NoReturn:
        _raise(self._data)


def _raise(data: Dict[str, Any]) -> NoReturn:
    error = _rebuilt(data)
    for name in ("__cause__", "__context__"):
        if name in data:
            setattr(error, name, _caught(data[name]))
    error.__suppress_context__ = data["suppress"]
    place: Optional[Callable[[], Any]] = None
    for frame in reversed(data["frames"]):
        try:
            place = _frame(frame, error, place)
        except (SyntaxError, TypeError, ValueError):
            pass  # generated code may be where no source can be
    if place is not None:
        place()
    raise error


def _caught(data: Dict[str, Any]) -> BaseException:
    """With its traceback."""
    try:
        _raise(data)
    except BaseException as error:
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        return error.with_traceback(frames or error.__traceback__)


def _rebuilt(data: Dict[str, Any]) -> BaseException:
    kinds = [relay.loaded(module, name) for module, name in data["classes"]]
    known = [kind for kind in kinds if _is_exception(kind)]
    error: Optional[BaseException] = None
    if known and known[0] is kinds[0]:
        error = _made(known[0], data)
    if error is None:
        error = _stand_in(known, data)
    return error


def _is_exception(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _made(kind: Any, data: Dict[str, Any]) -> Optional[BaseException]:
    try:
        # Python's own may keep what they say elsewhere than in args; the user's may do anything.
        make = kind if kind.__module__ == "builtins" else partial(kind.__new__, kind)
        error: BaseException = make(*data["args"])
        error.args = tuple(data["args"])
        error.__dict__.update(data["state"])
    except Exception:  # the user's own
        return None
    return error if relay.text_of(error) == data["text"] else None


def _stand_in(known: List[Any], data: Dict[str, Any]) -> BaseException:
    """Of the same name, text and nearest base that is the standard library's."""
    base = next((kind for kind in known if kind.__module__ == "builtins"), Exception)
    try:
        return _named(base, data)
    except TypeError:  # a group's class, which is not made without arguments
        return _named(Exception, data)


def _named(base: Any, data: Dict[str, Any]) -> BaseException:
    module, name = data["classes"][0]
    body = {"__module__": module, "__qualname__": name, "__str__": lambda self: data["text"]}
    kind: Any = type(name.rpartition(".")[2], (base,), body)
    made: BaseException = kind.__new__(kind)
    return made


def _frame(frame: Any, error: BaseException, inner: Optional[Callable[[], Any]]) -> Any:
    """A function that calls the inner one, or raises error, in this place of the user's code."""
    path, name, first, line, column, end_column = frame
    tree = ast.parse("def place(): inner()" if inner else "def place(): raise error")
    for node in ast.walk(tree.body[0]):
        if isinstance(node, (ast.stmt, ast.expr)):
            node.lineno = node.end_lineno = line
            node.col_offset, node.end_col_offset = column, end_column
    tree.body[0].lineno = first
    names: Dict[str, Any] = {"inner": inner, "error": error}
    exec(compile(tree, path, "exec"), names)
    place = names["place"]
    place.__code__ = place.__code__.replace(co_name=name)
    return place
