"""What TileLang's own API refuses, whatever stands in for the GPU: Python itself would end the script there."""

from __future__ import annotations

import difflib
import enum
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable
from types import ModuleType, TracebackType
from typing import Any

#: Packages whose API it is.
_PACKAGES = frozenset({"tilelang", "tvm", "tvm_ffi"})

#: ``jit() got an unexpected keyword argument 'gone'``, ``Kernel.__init__() takes 2 positional arguments but …``
_CALL = re.compile(r"(?P<name>\w+)(?:\.__\w+__)?\(\) (?:got|takes|missing|too many) ")
_ARGUMENT = re.compile(r"unexpected keyword argument '(\w+)'")
_MEMBER = re.compile(r"cannot import name '(\w+)'")

#: As many similar names are worth reading.
_MOST_NEAR = 2


def missing_from_api(error: BaseException, called: Callable[[], Iterable[Any]]) -> str | None:
    """What TileLang or TVM lacks that ``error`` asked for, in words; ``None`` for an error of another kind.

    ``called`` gives what the statement that raised may have called: an argument that a function does not take leaves no
    trace of the function.
    """
    owner, name = _asked_for(error, called)
    if owner is None or not _is_of_api(owner):
        return None
    near = difflib.get_close_matches(name, _names_in(owner), n=_MOST_NEAR, cutoff=0.6)
    similar = f"; similar: {', '.join(near)}" if near else ""
    return f"not found in {_name_of(owner)}{similar}"


def _asked_for(error: BaseException, called: Callable[[], Iterable[Any]]) -> tuple[Any, str]:
    """What was asked, and for which name."""
    if isinstance(error, AttributeError):
        return error.obj, str(error.name)
    if isinstance(error, ModuleNotFoundError):
        return _nearest_module(str(error.name))
    if isinstance(error, ImportError):
        match = _MEMBER.match(str(error))
        return (sys.modules.get(str(error.name)), match[1]) if match else (None, "")
    if isinstance(error, (KeyError, ValueError)):
        return _enumeration_behind(error.__traceback__), str(error.args[0]).partition("' is not")[0].strip("'")
    match = _CALL.match(str(error)) if isinstance(error, TypeError) else None
    if match is None:
        return None, ""
    argument = _ARGUMENT.search(str(error))
    function = next((item for item in called() if getattr(item, "__name__", "") == match["name"]), None)
    return function, argument[1] if argument else ""


def _is_of_api(owner: Any) -> bool:
    named = owner.__name__ if isinstance(owner, ModuleType) else getattr(owner, "__module__", None)
    return str(named).partition(".")[0] in _PACKAGES


def _name_of(owner: Any) -> str:
    if isinstance(owner, ModuleType):
        return owner.__name__
    kind = owner if isinstance(owner, type) or inspect.isroutine(owner) else type(owner)
    return f"{kind.__name__}()" if inspect.isroutine(owner) else str(kind.__name__)


def _names_in(owner: Any) -> list[str]:
    if inspect.isroutine(owner):
        return list(inspect.signature(owner).parameters)
    inside = [module.name for module in pkgutil.iter_modules(getattr(owner, "__path__", None) or [])]
    members: dict[str, Any] = dict(getattr(owner, "__members__", {})) if isinstance(owner, enum.EnumMeta) else {}
    values = [str(member.value) for member in members.values()]
    return [name for name in {*dir(owner), *inside, *values} if not name.startswith("_")]


def _nearest_module(name: str) -> tuple[ModuleType | None, str]:
    """The package that is there, and which module of it is not."""
    owner, _, last = name.rpartition(".")
    while owner and owner not in sys.modules:
        owner, _, last = owner.rpartition(".")
    return sys.modules.get(owner), last


def _enumeration_behind(traceback: TracebackType | None) -> Any:
    """The enumeration that was asked for a member by name or value: Python's own code raised."""
    found = None
    while traceback is not None:
        frame, traceback = traceback.tb_frame, traceback.tb_next
        found = frame.f_locals.get("cls") if frame.f_globals.get("__name__") == enum.__name__ else None
    return found
